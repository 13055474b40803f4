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
        made = criteria_from(
            distillation.guidelines, scoring.criteria.get(name, ()), scale, wording
        )
        if made.lacking:
            raise AlignmentError(
                f"no criterion of {name!r}, distilled or written, tells grade {made.lacking} from"
                " the one below it; give more labels with rationales (n_train), or write one in"
                " scoring.criteria.",
                distillation.cost,
            )
        asked = replace(scoring, criteria={**scoring.as_mappings, name: made.plain})
        return Aligned(replace(judge, scoring=asked), 0, distillation, made.notes)


class _Criteria(NamedTuple):
    """Criteria, what the record must say of how they were made, and a grade that needs none."""

    criteria: tuple[Criterion, ...]
    notes: tuple[str, ...]
    lacking: Grade | None

    @property
    def plain(self) -> list[dict[str, object]]:
        """The criteria as a checklist takes them."""
        return [vars(one) for one in self.criteria]


def criteria_from(
    guidelines: Sequence[Guideline], written: Sequence[Criterion], scale: Scale, wording: str
) -> _Criteria:
    """Criteria that guidelines make.

    Left out, and said: a guideline without a grade of the scale, and one whose text is given for
    several grades, which contradict one another. Where no guideline is needed for a grade the
    written criteria of that grade stand in.

    >>> scale = Scale((1, 2, 3), ("bad", "average", "good"))
    >>> rules = [Guideline("Tuned on test rows.", ("a",), 1), Guideline("All is there.", ("b",), 3)]
    >>> [(one.good, one.grade) for one in criteria_from(rules, [], scale, "{text}").criteria]
    [('no', 2), ('yes', 3)]
    """
    argued: dict[str, set[Grade | None]] = defaultdict(set)
    shown: dict[str, str] = {}
    for one in guidelines:
        text = " ".join(one.text.split())
        argued[text.casefold()].add(one.grade if one.grade in scale.grades else None)
        shown.setdefault(text.casefold(), text)
    adrift = [key for key, grades in argued.items() if grades == {None}]
    torn = [key for key, grades in argued.items() if len(grades) > 1]
    made = [
        _criterion(wording.replace(_TEXT, shown[key]), grade, scale)
        for key, grades in argued.items()
        if key not in (*adrift, *torn)
        for grade in grades
        if grade is not None
    ]
    bare = [grade for grade in scale.grades[1:] if grade not in {one.grade for one in made}]
    stand_in = [one for one in written if one.grade in bare]
    lacking = [grade for grade in bare if grade not in {one.grade for one in stand_in}]
    told = {
        f"{len(torn)} distilled criteria were given for several grades at once, which contradict"
        " one another: left out.": torn,
        f"{len(adrift)} guidelines argue for no grade: no criteria were made of them.": adrift,
        f"no distilled criterion is needed for grade {', '.join(map(str, bare))}: the written"
        f" criteria of the rubric stand in ({len(stand_in)}).": stand_in,
    }
    notes = tuple(text for text, there in told.items() if there)
    return _Criteria((*made, *stand_in), notes, next(iter(lacking), None))


def _criterion(question: str, grade: Grade, scale: Scale) -> Criterion:
    if grade == scale.grades[-1]:
        return Criterion(question, "yes", grade)
    return Criterion(question, "no", scale.grades[scale.grades.index(grade) + 1])
