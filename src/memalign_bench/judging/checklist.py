"""Grading by checklist: a dimension's levels as yes/no criteria, each asked by itself.

A small judge that cannot weigh a whole rubric may still see single facts. Each criterion is needed
for one grade and for every grade above it. The fixed rule takes the answers as independent: the
chance of a grade or better is the product of the chances that each criterion needed for it is met.
So the grade is the highest all of whose criteria hold, in expectation, and what is more likely met
never lowers it. With `combine=learnt` an ordinal regression on training labels takes its place
(`judging.cumulative`).

Labelled examples are not shown: nobody has labelled them by criterion, and an answer that was made
up from a grade would teach what no expert said. Guidelines stand in the prompt as ever.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from memalign_bench.backends.base import Backend
from memalign_bench.errors import RequestError, refuse
from memalign_bench.judging.prompt import PromptLayout, PromptParts, render_prompt
from memalign_bench.judging.scoring import most_likely
from memalign_bench.judging.structured import cost_of, paid_before
from memalign_bench.judging.yes_no import NO_YES, applies_instruction, ask_yes_no
from memalign_bench.types import NOT_APPLICABLE, CallCost, Grade, Rubric, Scale, Verdict

__all__ = ["ChecklistScoring", "Criterion", "grades_by_rule"]


@dataclass(frozen=True)
class Criterion:
    """One yes/no question about an item.

    Attributes:
        question: What is asked.
        good: The answer that meets the criterion, `yes` or `no`.
        grade: The lowest grade that needs it; every higher one needs it too.
    """

    question: str
    good: str
    grade: Grade

    def met(self, no: float, yes: float) -> float:
        """Probability that it is met, from those of the two answers."""
        return yes if self.good == "yes" else no


@dataclass(frozen=True)
class ChecklistScoring:
    """Each criterion's answer with exact probabilities, put together to a distribution.

    Attributes:
        criteria: Dimension -> its criteria, as mappings with the fields of `Criterion`.
        combine: `rule`, or `learnt` from the training labels.
        name: Name of the YAML choice.

    Raises:
        RequestError: If a criterion lacks a field, has one too many, or `combine` is no choice.
    """

    criteria: Mapping[str, Sequence[Any]]
    combine: Literal["rule", "learnt"] = "rule"
    name: str = "checklist"
    shows_examples: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        if self.combine not in ("rule", "learnt"):
            raise RequestError(f"scoring.combine must be rule or learnt, got {self.combine!r}.")
        read = {name: tuple(map(_criterion, said)) for name, said in self.criteria.items()}
        object.__setattr__(self, "criteria", read)

    @property
    def plain(self) -> dict[str, list[dict[str, Any]]]:
        """The criteria as they are given."""
        return {name: [vars(one) for one in said] for name, said in self.criteria.items()}

    def check(self, rubric: Rubric, dimensions: Sequence[str]) -> None:
        """Hold the criteria against the rubric's levels.

        Raises:
            RequestError: With every contradiction: a dimension without criteria, a grade that is
                none or needs nothing, a question asked twice, an answer that is neither yes nor no.
        """
        wrong = [
            f"scoring.criteria.{name}: {problem}"
            for name in dimensions
            for problem in _contradictions(self.criteria.get(name, ()), rubric.scale)
        ]
        refuse(wrong)

    def score(
        self, backend: Backend, layout: PromptLayout, parts: PromptParts, repeat: int
    ) -> Verdict:
        """Ask every criterion; with applicability asked, that question goes before them."""
        cost = CallCost()
        if parts.ask_applicability and parts.dimension.not_applicable:
            messages = render_prompt(layout, parts, applies_instruction(parts))
            applies = ask_yes_no(backend, layout, messages, repeat)
            cost = cost_of(applies)
            if applies.probabilities[0] > applies.probabilities[1]:
                return Verdict(NOT_APPLICABLE, cost=cost)
        criteria = self.criteria[parts.dimension.name]
        met = []
        for criterion in criteria:
            messages = render_prompt(layout, parts, f"{criterion.question} Answer yes or no.")
            with paid_before(cost):
                answer = ask_yes_no(backend, layout, messages, repeat)
            cost += cost_of(answer)
            met.append(criterion.met(*answer.probabilities))
        distribution = grades_by_rule(criteria, met, parts.rubric.scale)
        told = (f"{one.question} {chance:.2f}" for one, chance in zip(criteria, met, strict=True))
        return Verdict(
            score=most_likely(distribution),
            rationale="Met: " + "; ".join(told),
            distribution=distribution,
            cost=cost,
            criteria=tuple(met),
        )


def grades_by_rule(
    criteria: Sequence[Criterion], met: Sequence[float], scale: Scale
) -> dict[Grade, float]:
    """Distribution over grades from the chances that the criteria are met.

    >>> scale = Scale((1, 2, 3), ("bad", "average", "good"))
    >>> asked = [Criterion("Fitted?", "yes", 2), Criterion("Tuned?", "yes", 3)]
    >>> found = grades_by_rule(asked, [0.8, 0.5], scale)
    >>> {grade: round(chance, 2) for grade, chance in found.items()}
    {1: 0.2, 2: 0.4, 3: 0.4}
    """
    pairs = list(zip(criteria, met, strict=True))
    reached = [
        math.prod(chance for one, chance in pairs if one.grade <= grade) for grade in scale.grades
    ]
    better = [*reached[1:], 0.0]
    # A grade's chance is that of reaching it less that of going beyond; the lowest needs nothing.
    return {
        grade: at - beyond for grade, at, beyond in zip(scale.grades, reached, better, strict=True)
    }


def _criterion(said: Any) -> Criterion:
    fields = ("question", "good", "grade")
    if not isinstance(said, Mapping) or set(said) != set(fields):
        raise RequestError(
            f"scoring.criteria: a criterion has {', '.join(fields)} and nothing else, got {said!r}."
        )
    return Criterion(*(said[name] for name in fields))


def _contradictions(criteria: Sequence[Criterion], scale: Scale) -> Iterator[str]:
    """What in a dimension's criteria cannot be, given the scale's levels."""
    if not criteria:
        yield "no criterion; write some, or ask with scoring=logprob."
        return
    if scale.is_wide:
        yield (
            f"a checklist has criteria for every grade but the lowest, and a grade is {scale}; ask"
            " with scoring=verdict."
        )
        return
    needing = scale.grades[1:]
    for one in criteria:
        if one.good not in NO_YES:
            yield f"{one.question!r}: good must be 'yes' or 'no' (in quotes), got {one.good!r}."
        if one.grade not in needing:
            yield (
                f"{one.question!r}: grade must be one of {', '.join(map(str, needing))}, got"
                f" {one.grade!r}"
                f" ({scale.grades[0]} is what is left when nothing is met)."
            )
    for question, count in Counter(
        " ".join(one.question.lower().split()) for one in criteria
    ).items():
        if count > 1:
            yield f"{question!r} stands {count} times; one question bears on one grade."
    for grade in sorted(set(needing).difference(one.grade for one in criteria)):
        yield f"no criterion tells grade {grade} from the one below it."
