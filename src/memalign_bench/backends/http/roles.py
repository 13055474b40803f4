"""Chat templates that know no system role, or want user and assistant strictly in turn."""

from __future__ import annotations

import re
from collections.abc import Iterable

from memalign_bench.backends.base import Message

__all__ = ["FOLDED", "fold_roles", "refuses_roles"]

FOLDED = (
    "the model's chat template takes no system message (or no two turns of one role): it was folded"
    " into the turn after it"
)
"""What the records say where `fold_roles` was used."""

# Words of vLLM, llama.cpp and the templates of Gemma and Mistral for the same two refusals.
_REFUSED = re.compile(
    r"system (role|message|prompt)s? (is |are )?not (supported|allowed)"
    r"|(does not|doesn't) support (a )?system"
    r"|(unsupported|unknown|invalid|unexpected) role\W+system"
    r"|roles? must (strictly )?alternate"
    r"|only user(,| and) (assistant|model)[\w\s,]* roles? (is|are) supported",
    re.IGNORECASE,
)


def refuses_roles(message: str) -> bool:
    """Whether a server's error says that its template cannot take the roles it was sent.

    >>> refuses_roles("System role not supported")
    True
    >>> refuses_roles("maximum context length is 4096 tokens")
    False
    """
    return _REFUSED.search(message) is not None


def fold_roles(messages: Iterable[Message]) -> tuple[Message, ...]:
    r"""The same words in user and assistant turns that alternate.

    A system message begins the user's turn after it; turns of one role that follow one another
    become one.

    >>> [m.content for m in fold_roles([Message("system", "Grade."), Message("user", "A text.")])]
    ['Grade.\n\nA text.']
    """
    turns: list[Message] = []
    for message in messages:
        role = "user" if message.role == "system" else message.role
        if turns and turns[-1].role == role:
            turns[-1] = Message(role, f"{turns[-1].content}\n\n{message.content}")
        else:
            turns.append(Message(role, message.content))
    return tuple(turns)
