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
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from memalign_bench.backends.base import Backend
from memalign_bench.errors import RequestError, refuse
from memalign_bench.judging.prompt import PromptLayout, PromptParts, render_prompt
from memalign_bench.judging.scoring import most_likely
from memalign_bench.judging.structured import adding_earlier_cost, cost_of
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

    def chance_met(self, no: float, yes: float) -> float:
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
        # Frozen: the parsed criteria take the place of the mappings this once.
        parsed = {
            name: tuple(map(_parse_criterion, entries)) for name, entries in self.criteria.items()
        }
        object.__setattr__(self, "criteria", parsed)

    @property
    def as_mappings(self) -> dict[str, list[dict[str, Any]]]:
        """The criteria as mappings, the form in which the configuration gives them."""
        return {
            name: [vars(criterion) for criterion in criteria]
            for name, criteria in self.criteria.items()
        }

    def check(self, rubric: Rubric, dimensions: Sequence[str]) -> None:
        """Check the criteria against the rubric's levels.

        Raises:
            RequestError: With every contradiction: a dimension without criteria, a grade that is
                none or needs nothing, a question asked twice, an answer that is neither yes nor no.
        """
        problems = [
            f"scoring.criteria.{name}: {problem}"
            for name in dimensions
            for problem in _criteria_problems(self.criteria.get(name, ()), rubric.scale)
        ]
        refuse(problems)

    def score(
        self, backend: Backend, layout: PromptLayout, parts: PromptParts, repeat: int
    ) -> Verdict:
        """Ask every criterion; with applicability asked, that question goes before them."""
        cost = CallCost()
        # First whether the question applies at all.
        if parts.ask_applicability and parts.dimension.not_applicable:
            messages = render_prompt(layout, parts, applies_instruction(parts))
            applies = ask_yes_no(backend, layout, messages, repeat)
            cost = cost_of(applies)
            # NO_YES order: no first.
            if applies.probabilities[0] > applies.probabilities[1]:
                return Verdict(NOT_APPLICABLE, cost=cost)
        # That it applies is settled: the rubric of these prompts offers grades only.
        parts = replace(parts, ask_applicability=False)
        criteria = self.criteria[parts.dimension.name]
        # Then each criterion in a prompt of its own.
        chances = []
        for criterion in criteria:
            messages = render_prompt(layout, parts, f"{criterion.question} Answer yes or no.")
            with adding_earlier_cost(cost):
                answer = ask_yes_no(backend, layout, messages, repeat)
            cost += cost_of(answer)
            chances.append(criterion.chance_met(*answer.probabilities))
        distribution = grades_by_rule(criteria, chances, parts.rubric.scale)
        met_texts = (
            f"{criterion_asked.question} {chance:.2f}"
            for criterion_asked, chance in zip(criteria, chances, strict=True)
        )
        return Verdict(
            score=most_likely(distribution),
            rationale="Met: " + "; ".join(met_texts),
            distribution=distribution,
            cost=cost,
            criteria=tuple(chances),
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
    # Independence is assumed: to reach a grade, every criterion up to it must be met.
    reached = [
        math.prod(chance for criterion, chance in pairs if criterion.grade <= grade)
        for grade in scale.grades
    ]
    better = [*reached[1:], 0.0]
    # A grade's chance is that of reaching it less that of going beyond; the lowest needs nothing.
    return {
        grade: reached_chance - beyond
        for grade, reached_chance, beyond in zip(scale.grades, reached, better, strict=True)
    }


def _parse_criterion(entry: Any) -> Criterion:
    """A criterion from its mapping in the configuration."""
    fields = ("question", "good", "grade")
    if not isinstance(entry, Mapping) or set(entry) != set(fields):
        raise RequestError(
            f"scoring.criteria: a criterion has {', '.join(fields)} and nothing else, got"
            f" {entry!r}."
        )
    return Criterion(*(entry[name] for name in fields))


def _criteria_problems(criteria: Sequence[Criterion], scale: Scale) -> Iterator[str]:
    """Problems of a dimension's criteria, given the scale's grades."""
    if not criteria:
        yield "no criterion; write some, or ask with scoring=logprob."
        return
    # Reported alone: of a hundred grades each would lack a criterion.
    if scale.is_wide:
        yield (
            f"a checklist has criteria for every grade but the lowest, and a grade is {scale}; ask"
            " with scoring=verdict."
        )
        return
    upper_grades = scale.grades[1:]
    # Each criterion by itself, then all together.
    for criterion in criteria:
        if criterion.good not in NO_YES:
            yield (
                f"{criterion.question!r}: good must be 'yes' or 'no' (in quotes), got"
                f" {criterion.good!r}."
            )
        if criterion.grade not in upper_grades:
            yield (
                f"{criterion.question!r}: grade must be one of"
                f" {', '.join(map(str, upper_grades))}, got {criterion.grade!r}"
                f" ({scale.grades[0]} is what is left when nothing is met)."
            )
    # Asked twice, a criterion would count twice in the product.
    for question, count in Counter(
        " ".join(criterion.question.lower().split()) for criterion in criteria
    ).items():
        if count > 1:
            yield f"{question!r} stands {count} times; one question bears on one grade."
    # Without one, the grade below would have chance 0.
    for grade in sorted(set(upper_grades).difference(criterion.grade for criterion in criteria)):
        yield f"no criterion tells grade {grade} from the one below it."
