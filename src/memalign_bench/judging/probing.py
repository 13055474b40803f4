"""The very requests that a run sends, to test whether a model can answer them."""

from __future__ import annotations

from memalign_bench.backends.base import ChatAnswer, ChatRequest, GradeAnswer, GradeRequest
from memalign_bench.backends.http.capabilities import Questions
from memalign_bench.errors import FailedCallError
from memalign_bench.judging.answers import read_answer
from memalign_bench.judging.judge import Judge, ShownItem
from memalign_bench.judging.prompt import PromptLayout
from memalign_bench.judging.scoring import (
    LogprobScoring,
    Scoring,
    VerdictScoring,
    grade_spellings,
    verdict_schema,
)
from memalign_bench.judging.structured import validator_of
from memalign_bench.types import DimensionRubric, Rubric, Scale

__all__ = ["probing_questions"]

_SCALE = Scale((1, 2, 3), ("bad", "average", "good"))
_DIMENSION = DimensionRubric(
    "testing",
    "Testing",
    "Was the model tested on data that it had not seen?",
    {1: "On the data it learnt from.", 2: "It cannot be told.", 3: "On data of its own."},
)
_RUBRIC = Rubric("probe", "note", _SCALE, {_DIMENSION.name: _DIMENSION})
_ITEM = ShownItem("probe", "The model was tested on a fifth of the rows, kept apart.", "")


class _RecordingBackend:
    """A backend that records what it is asked, and answers so badly that a repair is asked for."""

    # No bound, so nothing is left out of a question.
    context_tokens = None

    def __init__(self) -> None:
        self.chats: list[ChatRequest] = []
        self.grades: list[GradeRequest] = []

    def chat(self, request: ChatRequest) -> ChatAnswer:
        self.chats.append(request)
        return ChatAnswer("It is well tested.", "stop")

    def grade(self, request: GradeRequest) -> GradeAnswer:
        self.grades.append(request)
        return GradeAnswer((1.0,) * len(request.options), 1.0)


def probing_questions() -> Questions:
    """A verdict (with system message and schema), its repair, and a grade's probabilities."""
    listener, layout = _RecordingBackend(), PromptLayout()
    scorings: tuple[Scoring, ...] = (VerdictScoring(), LogprobScoring())
    for scoring in scorings:
        judge = Judge(_RUBRIC, _DIMENSION, listener, scoring, layout)  # type: ignore[arg-type]
        try:
            judge.score(_ITEM)
        except FailedCallError:
            continue  # its answers were made to fail
    # The verdict's answer was no JSON, so it was asked for twice.
    verdict, repair = listener.chats
    return Questions(verdict, repair, listener.grades[0], _answer_problem)


def _answer_problem(text: str) -> str:
    """What a run would say of an answer that is not as asked for; "" where it is."""
    # Highest first, as `VerdictScoring` has them: the schema must be the one that was sent.
    texts = tuple(str(grade) for grade in reversed(_SCALE.grades))
    validator = validator_of(verdict_schema(texts, VerdictScoring().rationale_characters))
    words = grade_spellings(PromptLayout(), _SCALE, _SCALE.grades)
    reading = read_answer(text, validator, vital=("score",), words=words)
    if reading.values is None:
        return f"an answer could not be read: {reading.problem} A run asks once more, then fails."
    if reading.told:
        return f"no answer by its schema, but one that can be read ({', '.join(reading.told)})."
    return ""
