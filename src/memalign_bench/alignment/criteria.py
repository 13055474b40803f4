"""A checklist's criteria distilled from training rationales: a semantic memory for small judges.

A guideline argues for a grade, and a small judge does not weigh it. As a criterion it is asked by
itself: could this be said of the item? A yes to what was said of a top grade is needed for the top;
a no to what was said of any other is needed for the grade above that one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from memalign_bench.alignment.base import AlignContext, Aligned, Rung
from memalign_bench.errors import AlignmentError
from memalign_bench.judging.checklist import ChecklistScoring, Criterion
from memalign_bench.judging.judge import Judge, LabelledItem
from memalign_bench.memory.distillers import Distillation, Distiller
from memalign_bench.types import NOT_APPLICABLE, Grade, Guideline, Scale

__all__ = ["DistilledCriteria", "criteria_from"]

_TEXT = "{text}"


@dataclass(frozen=True)
class DistilledCriteria:
    """Asks criteria made of guidelines in the place of the checklist's own.

    Attributes:
        name: Name of the YAML choice.
        distiller: Makes the guidelines.
        wording: The question; `{text}` is the guideline, `{artefact}` what the rubric calls an
            item.
        ladder: Its place on the ablation ladder.

    Raises:
        ValueError: If the wording has no place for the guideline.
    """

    name: str
    distiller: Distiller
    wording: str
    ladder: Rung | None = None
    needs_model: bool = True
    needs_checklist: bool = True
    keys: frozenset[str] = frozenset({"distiller", "reflection", "alignment.wording"})

    def __post_init__(self) -> None:
        if _TEXT not in self.wording:
            raise ValueError(f"alignment.wording must hold {_TEXT}, got {self.wording!r}.")

    def align(self, judge: Judge, train: Sequence[LabelledItem], context: AlignContext) -> Aligned:
        """Distil, and ask what was distilled; with `n_train=0` the written criteria stand.

        Raises:
            AlignmentError: If nothing can be distilled, or nothing is needed for a grade.
        """
        scoring = judge.scoring
        if not isinstance(scoring, ChecklistScoring):
            raise AlignmentError(f"alignment={self.name} needs scoring=checklist.")
        if context.n_train == 0:
            return Aligned(judge, distillation=Distillation(()))
        graded = [item for item in train if item.score != NOT_APPLICABLE]
        name, scale = judge.dimension.name, judge.rubric.scale
        distillation = self.distiller.distil(graded, judge.dimension, scale, context.reflection)
        wording = self.wording.replace("{artefact}", judge.rubric.artefact)
        distilled = criteria_from(
            distillation.guidelines, scoring.criteria.get(name, ()), scale, wording
        )
        if distilled.lacking:
            raise AlignmentError(
                f"no criterion of {name!r}, distilled or written, tells grade {distilled.lacking}"
                " from the one below it; give more labels with rationales (n_train), or write one"
                " in scoring.criteria.",
                distillation.cost,
            )
        # As mappings, since `replace` runs `__post_init__` again, which parses them.
        checklist = replace(scoring, criteria={**scoring.as_mappings, name: distilled.plain})
        return Aligned(replace(judge, scoring=checklist), 0, distillation, distilled.notes)


class _Criteria(NamedTuple):
    """Criteria, what the record must say of how they were made, and a grade that needs none."""

    criteria: tuple[Criterion, ...]
    notes: tuple[str, ...]
    lacking: Grade | None

    @property
    def plain(self) -> list[dict[str, object]]:
        """The criteria as a checklist takes them."""
        return [vars(criterion) for criterion in self.criteria]


def criteria_from(
    guidelines: Sequence[Guideline], written: Sequence[Criterion], scale: Scale, wording: str
) -> _Criteria:
    """Criteria made of guidelines, and of written ones where no guideline serves a grade.

    Left out, and said: a guideline without a grade of the scale, and one whose text is given for
    several grades, which contradict one another. Where no guideline is needed for a grade the
    written criteria of that grade stand in.

    >>> scale = Scale((1, 2, 3), ("bad", "average", "good"))
    >>> rules = [Guideline("Tuned on test rows.", ("a",), 1), Guideline("All is there.", ("b",), 3)]
    >>> [(one.good, one.grade) for one in criteria_from(rules, [], scale, "{text}").criteria]
    [('no', 2), ('yes', 3)]
    """
    grades_by_text: dict[str, set[Grade | None]] = defaultdict(set)
    text_by_key: dict[str, str] = {}
    # Guidelines that differ in blanks or letter case only are the same.
    for guideline in guidelines:
        text = " ".join(guideline.text.split())
        grades_by_text[text.casefold()].add(
            guideline.grade if guideline.grade in scale.grades else None
        )
        # Asked in the spelling that came first.
        text_by_key.setdefault(text.casefold(), text)
    ungraded = [key for key, grades in grades_by_text.items() if grades == {None}]
    contradictory = [key for key, grades in grades_by_text.items() if len(grades - {None}) > 1]
    # One grade is left for each text here, so the inner loop only unpacks it.
    distilled = [
        _criterion_for(wording.replace(_TEXT, text_by_key[key]), grade, scale)
        for key, grades in grades_by_text.items()
        if key not in (*ungraded, *contradictory)
        for grade in grades
        if grade is not None
    ]
    # The lowest grade needs no criterion.
    uncovered = [
        grade
        for grade in scale.grades[1:]
        if grade not in {criterion.grade for criterion in distilled}
    ]
    stand_in = [criterion for criterion in written if criterion.grade in uncovered]
    lacking = [
        grade for grade in uncovered if grade not in {criterion.grade for criterion in stand_in}
    ]
    note_if = {
        f"{len(contradictory)} distilled criteria were given for several grades at once, which"
        " contradict one another: left out.": contradictory,
        f"{len(ungraded)} guidelines argue for no grade: no criteria were made of them.": ungraded,
        f"no distilled criterion is needed for grade {', '.join(map(str, uncovered))}: the written"
        f" criteria of the rubric stand in ({len(stand_in)}).": stand_in,
    }
    notes = tuple(text for text, affected in note_if.items() if affected)
    # Of the grades that lack one the lowest, as they rise.
    return _Criteria((*distilled, *stand_in), notes, next(iter(lacking), None))


def _criterion_for(question: str, grade: Grade, scale: Scale) -> Criterion:
    """The criterion of a guideline for `grade`: "yes" at the top, else "no" one grade above."""
    # What was said of a lower grade must not hold for an item that deserves the next one.
    if grade == scale.grades[-1]:
        return Criterion(question, "yes", grade)
    return Criterion(question, "no", scale.grades[scale.grades.index(grade) + 1])
