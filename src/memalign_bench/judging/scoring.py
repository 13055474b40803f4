"""Two ways to a score: written verdicts, and exact probabilities of the grades."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, NamedTuple, Protocol

from memalign_bench import prompt_parts
from memalign_bench.backends.base import Backend, GradeRequest, Message
from memalign_bench.errors import FailedCallError
from memalign_bench.judging.fitting import with_fitting_examples
from memalign_bench.judging.prompt import (
    ExampleAnswer,
    PromptLayout,
    PromptParts,
    graded_answer,
    render_prompt,
)
from memalign_bench.judging.spellings import spelling
from memalign_bench.judging.structured import (
    adding_earlier_cost,
    ask_structured,
    choice_of,
    cost_of,
    object_of,
)
from memalign_bench.judging.yes_no import applies_answer, applies_instruction, ask_yes_no
from memalign_bench.types import NOT_APPLICABLE, CallCost, Example, Grade, Scale, Score, Verdict

__all__ = [
    "LogprobScoring",
    "Scoring",
    "VerdictScoring",
    "grade_spellings",
    "most_likely",
    "shows_examples",
    "verdict_schema",
]

_NOT_APPLICABLE_WORDS = ("not applicable", "n/a", "na", "n.a", "does not apply", "inapplicable")


class Scoring(Protocol):
    """Turns a rendered question into a verdict.

    One that asks without labelled examples says so with an attribute `shows_examples = False`.
    """

    @property
    def name(self) -> str:
        """Name of the YAML choice."""

    def score(
        self, backend: Backend, layout: PromptLayout, parts: PromptParts, repeat: int
    ) -> Verdict:
        """Ask; raises `FailedCallError` where no usable answer comes."""


def shows_examples(scoring: object) -> bool:
    """Whether a scoring shows labelled examples; it does unless it says otherwise."""
    return bool(getattr(scoring, "shows_examples", True))


@dataclass(frozen=True)
class VerdictScoring:
    """The judge writes a rationale, then the score, as structured output.

    Attributes:
        name: Name of the YAML choice.
        rationale_characters: Longest rationale that the schema allows.
        max_tokens: Tokens that one answer may take.
    """

    name: str = "verdict"
    rationale_characters: int = 600
    max_tokens: int = 512

    def score(
        self, backend: Backend, layout: PromptLayout, parts: PromptParts, repeat: int
    ) -> Verdict:
        """Ask for rationale and score; one repair prompt, never a default score."""
        scale = parts.rubric.scale
        grades: list[Score] = [*reversed(scale.grades)]
        if parts.ask_applicability and parts.dimension.not_applicable:
            grades.append(NOT_APPLICABLE)
        # Highest first in the sentence; the schema holds the same texts.
        texts = {layout.grade_text(scale, grade): grade for grade in grades}
        # The question, with as many examples as fit.
        instruction = (
            f"Say why in one or two sentences, then give the grade: {layout.choice(scale, grades)}."
            ' Answer as JSON: {"rationale": "...", "score": "..."}.'
        )
        prompt = _Prompt(layout, instruction, _verdict_answer)
        shown = with_fitting_examples(
            parts, prompt.messages, backend.context_tokens, self.max_tokens
        )
        # The answer, read by its schema.
        answer = ask_structured(
            backend,
            verdict_schema(tuple(texts), self.rationale_characters),
            prompt.messages(shown),
            max_tokens=self.max_tokens,
            repeat=repeat,
            vital=("score",),
            words=grade_spellings(layout, scale, tuple(grades)),
            limit_key="scoring.max_tokens",
        )
        return Verdict(
            score=texts[str(answer.values["score"])],
            rationale=answer.values["rationale"],
            cost=answer.cost,
            examples=tuple(shown.examples),
            raw=answer.raw,
        )


# Asked for at every answer, of one scale and in one layout.
@lru_cache(maxsize=64)
def grade_spellings(
    layout: PromptLayout, scale: Scale, grades: tuple[Score, ...]
) -> Mapping[str, str]:
    """Every spelling that can mean one grade only -> that grade as the prompt writes it.

    >>> scale = Scale((1, 2, 3), ("bad", "fair", "good"))
    >>> grade_spellings(PromptLayout(), scale, (2,))
    {'2': '2', 'fair': '2', '2 fair': '2', 'fair 2': '2'}
    """
    meanings: dict[str, set[str]] = {}
    for grade in grades:
        # In digits whatever the layout: a model that was asked for words may still answer 3.
        number = PromptLayout().grade_text(scale, grade)
        for name in _NOT_APPLICABLE_WORDS if grade is NOT_APPLICABLE else (scale.word(grade),):
            for spelled in (number, name, f"{number} {name}", f"{name} {number}"):
                meanings.setdefault(spelling(spelled), set()).add(layout.grade_text(scale, grade))
    # What two grades share ("1 of 2", a word used twice) is no spelling of either.
    return {
        spelled: grade_texts.pop()
        for spelled, grade_texts in meanings.items()
        if len(grade_texts) == 1
    }


def verdict_schema(grades: Sequence[str], rationale_characters: int) -> dict[str, Any]:
    """JSON schema of a verdict: rationale first, then one of the grades."""
    # A server that enforces a schema writes fields in its order: the grade comes after the reasons.
    rationale = {"maxLength": rationale_characters, "type": "string"}
    return object_of("Answer", rationale=rationale, score=choice_of(grades))


@dataclass(frozen=True)
class LogprobScoring:
    """The judge's next tokens: exact probabilities over the grades, renormalised.

    Where each grade is one token, one is asked for; how longer numbers are asked, or that they are
    not, is the backend's to say.

    Attributes:
        name: Name of the YAML choice.
        explain: Ask for a rationale of the grade in a second, bounded call; where that fails, the
            grade stands and the rationale stays empty.
        rationale_characters: Longest such rationale.
    """

    name: str = "logprob"
    explain: bool = False
    rationale_characters: int = 400

    def score(
        self, backend: Backend, layout: PromptLayout, parts: PromptParts, repeat: int
    ) -> Verdict:
        """Ask for the grade; with applicability asked, a yes/no token goes before it."""
        cost = CallCost()
        if parts.ask_applicability and parts.dimension.not_applicable:
            prompt = _Prompt(layout, applies_instruction(parts), applies_answer)
            shown = self._fit_examples(parts, prompt, backend)
            applies = ask_yes_no(backend, layout, prompt.messages(shown), repeat)
            cost = cost_of(applies)
            if applies.probabilities[0] > applies.probabilities[1]:
                return Verdict(NOT_APPLICABLE, cost=cost, examples=tuple(shown.examples))
        scale = parts.rubric.scale
        texts = [layout.grade_text(scale, grade) for grade in scale.grades]
        choice = layout.choice(scale, scale.grades[::-1])
        prompt = _Prompt(layout, f"Give the grade: {choice}.", graded_answer)
        with adding_earlier_cost(cost):
            # That it applies is settled: the rubric of this prompt offers grades only.
            shown = self._fit_examples(replace(parts, ask_applicability=False), prompt, backend)
            messages = prompt.messages(shown)
            answer = backend.grade(_grade_request(layout, messages, texts, repeat))
        distribution = dict(zip(scale.grades, answer.probabilities, strict=True))
        verdict = Verdict(
            score=most_likely(distribution),
            distribution=distribution,
            cost=cost + cost_of(answer),
            examples=tuple(shown.examples),
        )
        if not self.explain:
            return verdict
        grade = layout.grade_text(scale, verdict.score)
        return self._with_rationale(backend, messages, verdict, grade, repeat)

    def _fit_examples(self, parts: PromptParts, prompt: _Prompt, backend: Backend) -> PromptParts:
        """Leave room for the rationale, if one is asked for after the grade."""
        # An answer that was cut off is asked for again at twice its limit; one that cannot be read
        # is shown back, and takes as much together with the one in its stead. A third time the
        # limit is for what stands around them: the grade, the questions, the JSON.
        answer_tokens = 3 * self.rationale_characters if self.explain else 1
        return with_fitting_examples(parts, prompt.messages, backend.context_tokens, answer_tokens)

    def _with_rationale(
        self,
        backend: Backend,
        messages: Sequence[Message],
        verdict: Verdict,
        grade: str,
        repeat: int,
    ) -> Verdict:
        """The verdict with a rationale, asked for in a second call."""
        question = Message("user", 'Say why in one or two sentences, as JSON: {"rationale": ...}.')
        # The grade as if the judge had written it: of its answer only probabilities were read.
        conversation = (*messages, Message("assistant", f"{prompt_parts.GRADE} {grade}"), question)
        limit = self.rationale_characters
        schema = object_of("Answer", rationale={"maxLength": limit, "type": "string"})
        try:
            answer = ask_structured(backend, schema, conversation, max_tokens=limit, repeat=repeat)
        except FailedCallError as error:
            # The grade was measured; it stands without a word on it.
            cost = verdict.cost + (error.cost or CallCost())
            # Said there, as no column holds it: an error is of an item without a grade.
            raw = error.raw and replace(error.raw, told=(*error.raw.told, f"no rationale: {error}"))
            return replace(verdict, cost=cost, raw=raw)
        rationale, cost = answer.values["rationale"], verdict.cost + answer.cost
        return replace(verdict, rationale=rationale, cost=cost, raw=answer.raw)


class _Prompt(NamedTuple):
    """A layout, an instruction and a form of answers: what turns prompt parts into messages."""

    layout: PromptLayout
    instruction: str
    answer: ExampleAnswer

    def messages(self, parts: PromptParts) -> tuple[Message, ...]:
        return render_prompt(self.layout, parts, self.instruction, self.answer)


def _verdict_answer(layout: PromptLayout, parts: PromptParts, example: Example) -> str:
    """An example's answer as a verdict; a grade that is withheld is left out."""
    labels = layout.shown_labels(parts.rubric.scale, example)
    grades = [grade for grade, _ in labels if grade is not None]
    if len(labels) > 1:
        # A verdict has one grade: the gold one; what each rater said stands in its reasons.
        rationale = " ".join(
            f"{prompt_parts.RATER} {number} ({grade}): {words}".strip()
            for number, (grade, words) in enumerate(labels, 1)
        )
        assert example.score is not None
        grades = [layout.grade_text(parts.rubric.scale, example.score)]
    else:
        rationale = " ".join(labels[0][1].split())
    grade = {"score": grades[0]} if grades else {}
    return json.dumps({"rationale": rationale, **grade}, ensure_ascii=False)


def most_likely(distribution: Mapping[Grade, float]) -> Grade:
    """The grade of the largest probability; of equals, the lowest grade."""
    return max(sorted(distribution), key=lambda grade: distribution[grade])


def _grade_request(
    layout: PromptLayout, messages: Sequence[Message], texts: Sequence[str], repeat: int
) -> GradeRequest:
    """The request for a grade's probabilities, prefilled up to where its token begins."""
    # Tokenisers join a word with the space before it, but keep digits apart from it.
    digits = layout.grades == "digits"
    prefill = Message("assistant", f"{prompt_parts.GRADE} " if digits else prompt_parts.GRADE)
    options = tuple(text if digits else f" {text}" for text in texts)
    return GradeRequest((*messages, prefill), options, layout.format, repeat)
