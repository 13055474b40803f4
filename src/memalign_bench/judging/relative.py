"""A judge read relative to its own habit: the grades it tends to give whatever the item.

Batch calibration of held-out items (`stats.calibration`) needs them all at once. Here the habit is
asked for beforehand, so that a judge which meets one item at a time can be read this way too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from memalign_bench.errors import AlignmentError
from memalign_bench.judging.judge import ItemJudge, ShownItem
from memalign_bench.judging.scoring import most_likely
from memalign_bench.types import Grade, Verdict

__all__ = ["CONTENT_FREE", "Prior", "RelativeJudge", "relative_to"]

Prior = Literal["none", "train", "content_free"]
"""Where a judge's habit is measured: nowhere, on training items (no label is used), or on items
without content."""

CONTENT_FREE = ("N/A", "[MASK]", "")
"""Items without content, as Zhao et al. (2021, "Calibrate Before Use", section 5) chose them."""


@dataclass(frozen=True)
class RelativeJudge:
    """Divides each distribution by a habitual one and renormalises.

    Attributes:
        judge: What is asked.
        prior: Grade -> mean probability over the items on which the habit was measured.
        n_items: How many those were.
    """

    judge: ItemJudge
    prior: Mapping[Grade, float]
    n_items: int

    def score(self, item: ShownItem, repeat: int = 0) -> Verdict:
        """The judge's verdict, its distribution relative to the prior; N/A is left as it is."""
        verdict = self.judge.score(item, repeat)
        if verdict.distribution is None:
            return verdict
        # A grade that the habit never gives has no ratio.
        ratio = {
            grade: chance / self.prior[grade] if self.prior[grade] > 0 else 0.0
            for grade, chance in verdict.distribution.items()
        }
        total = sum(ratio.values())
        # All of it lies on such grades: the habit says nothing of them, so it stays as it is.
        if total == 0:
            return verdict
        relative = {grade: value / total for grade, value in ratio.items()}
        return replace(verdict, score=most_likely(relative), distribution=relative)


def relative_to(judge: ItemJudge, kind: Prior, train: Sequence[ShownItem]) -> RelativeJudge:
    """Measure a judge's habit by asking it, and wrap it to be read relative to that.

    Training items are met under the judge's own memory, each without its own example.

    Args:
        judge: The aligned judge.
        kind: `train` or `content_free`.
        train: The training items; their labels are not needed.

    Raises:
        AlignmentError: If no item gives a distribution.
        FailedCallError: If an item gets no usable answer.
    """
    content_free = [
        ShownItem(f"content-free {n}", text, text) for n, text in enumerate(CONTENT_FREE)
    ]
    # Memory never shows an item to itself, so training items need no leaving out here.
    verdicts = [judge.score(item) for item in (train if kind == "train" else content_free)]
    distributions = [
        verdict.distribution for verdict in verdicts if verdict.distribution is not None
    ]
    if not distributions:
        raise AlignmentError(f"prior={kind}: no item gave a distribution to divide by.")
    prior = {
        grade: sum(distribution[grade] for distribution in distributions) / len(distributions)
        for grade in distributions[0]
    }
    return RelativeJudge(judge, prior, len(distributions))
