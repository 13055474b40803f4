"""Length of a text in tokens, estimated the same for every backend.

Views must not depend on the model that reads them, or backends could not be compared on the same
text; so their budget is counted by one estimate, which cuts a text as byte-pair tokenizers do
before they merge. Fitted on the cells of the development corpus (seed 1) against the vocabulary of
Qwen2.5-Coder: 2 % over in sum, 6 % off a cell on average; SmolLM2's takes a fifth more tokens than
estimated. What a prompt really takes is the server's count, recorded with each prediction.
"""

from __future__ import annotations

import re
from functools import lru_cache

__all__ = ["cut", "estimate_tokens"]

_PIECE = re.compile(
    r"[^\nA-Za-z0-9]?[A-Za-z]+"  # a word, with the sign or space before it
    r"|[0-9]"
    r"|[^\x00-\x7f]"  # letters and signs of other scripts
    r"| ?[!-/:-@\[-`{-~]+\n*"  # signs, with the line break after them
    r"|\s*\n"
    r"|[ \t]+"
)
_LETTERS_A_TOKEN = 7
_SIGNS_A_TOKEN = 2


def estimate_tokens(text: str) -> int:
    """Estimate how many tokens a text takes.

    A digit, a line break, an indent and a character beyond ASCII are one token each, a word one for
    each seven letters, a run of signs one for each two.

    >>> estimate_tokens("X_train, X_test = split(df)")
    9
    """
    return sum(map(_piece_tokens, _PIECE.findall(text)))


def cut(text: str, characters: int) -> str:
    """The text, or as much of its beginning as so many characters hold, with dots behind it.

    >>> cut("df.head(3)", 10), cut("df.head(3)", 7)
    ('df.head(3)', 'df.head...')
    """
    return text if len(text) <= characters else text[:characters].rstrip() + "..."


# Texts are long and their words few: looked up, a piece costs a tenth.
@lru_cache(maxsize=65_536)
def _piece_tokens(piece: str) -> int:
    """Tokens of one piece; see `estimate_tokens`."""
    piece = piece.strip()
    if not piece or piece.isdigit():
        return 1
    per_token = _LETTERS_A_TOKEN if piece[-1].isalpha() else _SIGNS_A_TOKEN
    # Rounded up: a piece is one token at least.
    return -(-len(piece) // per_token)
