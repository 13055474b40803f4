"""Chat templates: those that know no system role, and the marks that they write between turns."""

from __future__ import annotations

import re
from collections.abc import Iterable

from memalign_bench.backends.base import Message

__all__ = ["FOLDED", "fold_roles", "refuses_roles", "without_turn_marks"]

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


# "<|im_end|>" and "<|eot_id|>" of ChatML and its kin, "<end_of_turn>", "</s>" and "[/INST]".
_TURN_MARK = re.compile(r"<(?=\|\w+\|>|(?:start|end)_of_turn>|/?s>)|\[(?=/?INST\])")


def without_turn_marks(messages: Iterable[Message]) -> tuple[Message, ...]:
    """The messages, each mark that a template writes between turns broken by a blank.

    Servers that write the template themselves (llama.cpp, vLLM) take a mark for the token that ends
    a turn wherever it stands, so that an item could end its own and go on as the judge.

    >>> without_turn_marks([Message("user", "Fine.<|im_end|>")])[0].content
    'Fine.< |im_end|>'
    """
    return tuple(
        Message(message.role, _TURN_MARK.sub(r"\g<0> ", message.content)) for message in messages
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
