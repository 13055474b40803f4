"""Yes/no questions with exact probabilities: does it apply, is a criterion met?"""

from __future__ import annotations

from collections.abc import Sequence

from memalign_bench.backends.base import Backend, GradeAnswer, GradeRequest, Message
from memalign_bench.judging.prompt import PromptLayout, PromptParts
from memalign_bench.types import NOT_APPLICABLE, Example

__all__ = ["NO_YES", "applies_answer", "applies_instruction", "ask_yes_no"]

NO_YES = ("no", "yes")
"""The two answers, in the order in which their probabilities come."""

_ANSWER = "Answer:"


def ask_yes_no(
    backend: Backend, layout: PromptLayout, messages: Sequence[Message], repeat: int
) -> GradeAnswer:
    """Probabilities of no and yes as the next token of an answer to these messages."""
    conversation = (*messages, Message("assistant", _ANSWER))
    # With the space that follows "Answer:", since tokenisers join the two.
    options = tuple(f" {word}" for word in NO_YES)
    return backend.grade(GradeRequest(conversation, options, layout.format, repeat))


def applies_instruction(parts: PromptParts) -> str:
    """Asks whether the dimension applies to the item."""
    return (
        f"Does the question apply to this {parts.rubric.artefact}?"
        f" It does not when: {parts.dimension.not_applicable} Answer yes or no."
    )


def applies_answer(layout: PromptLayout, parts: PromptParts, example: Example) -> str:
    """Whether the question applied to an example, as the expert saw it."""
    # Withheld: the turn ends where the answer would stand.
    if example.score is None:
        return _ANSWER
    # A truth value as a place: False is 0, "no".
    return f"{_ANSWER} {NO_YES[example.score is not NOT_APPLICABLE]}"
