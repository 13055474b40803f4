"""Two ways to a score: written verdicts, and exact probabilities of the grades."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Literal, Protocol

from memalign_bench import prompt_parts as sections
from memalign_bench.backends.base import Backend, GradeAnswer, GradeRequest, Message
from memalign_bench.errors import FailedCallError
from memalign_bench.judging.prompt import PromptLayout, PromptParts, render_prompt
from memalign_bench.judging.structured import ask_structured, cost_of, paid_before
from memalign_bench.types import NOT_APPLICABLE, CallCost, Verdict

__all__ = ["LogprobScoring", "Scoring", "VerdictScoring", "most_likely"]

_APPLIES = ("no", "yes")


class Scoring(Protocol):
    """Turns a rendered question into a verdict."""

    @property
    def name(self) -> str:
        """Name of the YAML choice."""

    def score(
        self, backend: Backend, layout: PromptLayout, parts: PromptParts, repeat: int
    ) -> Verdict:
        """Ask; raises `FailedCallError` where no usable answer comes."""


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
        grades = [*reversed(scale.grades)]
        if parts.ask_applicability and parts.dimension.not_applicable:
            grades.append(NOT_APPLICABLE)
        texts = {layout.grade_text(scale, grade): grade for grade in grades}
        instruction = (
            f"Say why in one or two sentences, then give the grade: {_either(list(texts))}."
            ' Answer as JSON: {"rationale": "...", "score": "..."}.'
        )
        messages = render_prompt(layout, parts, instruction)
        signature = verdict_signature(tuple(texts), self.rationale_characters)
        answer = ask_structured(
            backend, signature, messages, max_tokens=self.max_tokens, repeat=repeat
        )
        return Verdict(
            score=texts[str(answer.values["score"])],
            rationale=answer.values["rationale"],
            cost=answer.cost,
        )


@lru_cache(maxsize=64)
def verdict_signature(grades: tuple[str, ...], rationale_characters: int) -> Any:
    """DSPy signature of a verdict: rationale first, then one of the grades."""
    import dspy

    fields = {
        "rationale": (str, dspy.OutputField(max_length=rationale_characters)),
        "score": (Literal[tuple(grades)], dspy.OutputField()),
    }
    return dspy.Signature(fields, "Grade the item on the question.")


@dataclass(frozen=True)
class LogprobScoring:
    """The judge's next token: exact probabilities over the grades, renormalised.

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
        """Ask for one token; with applicability asked, a yes/no token goes before it."""
        cost = CallCost()
        if parts.ask_applicability and parts.dimension.not_applicable:
            applies = self._applies(backend, layout, parts, repeat)
            cost = cost_of(applies)
            if applies.probabilities[0] > applies.probabilities[1]:
                return Verdict(score=NOT_APPLICABLE, cost=cost)
        scale = parts.rubric.scale
        texts = [layout.grade_text(scale, grade) for grade in scale.grades]
        instruction = f"Give the grade: {_either(list(reversed(texts)))}."
        messages = render_prompt(layout, replace(parts, ask_applicability=False), instruction)
        with paid_before(cost):
            answer = backend.grade(_grade_request(layout, messages, texts, repeat))
        distribution = dict(zip(scale.grades, answer.probabilities, strict=True))
        verdict = Verdict(
            score=most_likely(distribution),
            distribution=distribution,
            cost=cost + cost_of(answer),
        )
        if not self.explain:
            return verdict
        grade = layout.grade_text(scale, verdict.score)
        return self._explained(backend, messages, verdict, grade, repeat)

    def _applies(
        self, backend: Backend, layout: PromptLayout, parts: PromptParts, repeat: int
    ) -> GradeAnswer:
        instruction = (
            f"Does the question apply to this {parts.rubric.artefact}?"
            f" It does not when: {parts.dimension.not_applicable} Answer yes or no."
        )
        messages = render_prompt(layout, parts, instruction)
        prefilled = (*messages, Message("assistant", "Answer:"))
        options = tuple(f" {word}" for word in _APPLIES)
        return backend.grade(GradeRequest(prefilled, options, layout.format, repeat))

    def _explained(
        self,
        backend: Backend,
        messages: Sequence[Message],
        verdict: Verdict,
        grade: str,
        repeat: int,
    ) -> Verdict:
        import dspy

        field = dspy.OutputField(max_length=self.rationale_characters)
        signature = dspy.Signature({"rationale": (str, field)}, "Explain the grade.")
        asked = Message("user", 'Say why in one or two sentences, as JSON: {"rationale": ...}.')
        full = (*messages, Message("assistant", f"{sections.GRADE} {grade}"), asked)
        limit = self.rationale_characters
        try:
            answer = ask_structured(backend, signature, full, max_tokens=limit, repeat=repeat)
        except FailedCallError as error:
            # The grade was measured; it stands without a word on it.
            return replace(verdict, cost=verdict.cost + (error.cost or CallCost()))
        rationale = answer.values["rationale"]
        return replace(verdict, rationale=rationale, cost=verdict.cost + answer.cost)


def most_likely(distribution: Mapping[int, float]) -> int:
    """The grade of the largest probability; of equals, the lowest grade."""
    return max(sorted(distribution), key=lambda grade: distribution[grade])


def _grade_request(
    layout: PromptLayout, messages: Sequence[Message], texts: Sequence[str], repeat: int
) -> GradeRequest:
    """The prefill ends where the grade's token begins: words take the space before them along."""
    digits = layout.grades == "digits"
    prefill = Message("assistant", f"{sections.GRADE} " if digits else sections.GRADE)
    options = tuple(text if digits else f" {text}" for text in texts)
    return GradeRequest((*messages, prefill), options, layout.format, repeat)


def _either(words: Sequence[str]) -> str:
    return f"{', '.join(words[:-1])} or {words[-1]}"
