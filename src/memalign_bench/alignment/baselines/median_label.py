"""No model, no memory: the median training grade for every item."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from memalign_bench.alignment.base import AlignContext, Aligned, Rung, graded_items
from memalign_bench.judging.judge import Judge, LabelledItem, ShownItem
from memalign_bench.types import Grade, Verdict

__all__ = ["MedianLabel"]


@dataclass(frozen=True)
class _ConstantJudge:
    grade: Grade

    def score(self, item: ShownItem, repeat: int = 0) -> Verdict:
        return Verdict(score=self.grade)


@dataclass(frozen=True)
class MedianLabel:
    """Answers the lower median of the training grades: what knowing the labels alone is worth.

    The median minimises the mean absolute error among constants, so a judge whose MAE is no better
    has shown nothing beyond the label frequencies.
    """

    name: str = "median_label"
    needs_model: bool = False
    keys: frozenset[str] = frozenset()
    ladder: Rung | None = None

    def align(self, judge: Judge, train: Sequence[LabelledItem], context: AlignContext) -> Aligned:
        """Take the median of the grades of the items to which the dimension applies.

        Raises:
            AlignmentError: If there is none.
        """
        graded = graded_items(self.name, judge, train)
        # The lower one: the mean of two middle grades may be no grade of the scale.
        return Aligned(_ConstantJudge(statistics.median_low(item.grade for item in graded)))
