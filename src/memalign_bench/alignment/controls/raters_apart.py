"""Disagreement-aware memory: each rater's own label is shown, not the one gold score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from memalign_bench.alignment.base import AlignContext, Aligned, need_labels
from memalign_bench.alignment.controls.base import MemoryControl, with_changed_memory
from memalign_bench.errors import AlignmentError
from memalign_bench.judging.judge import Judge, LabelledItem
from memalign_bench.judging.prompt import PromptLayout
from memalign_bench.types import Rubric

__all__ = ["RatersApart"]


@dataclass(frozen=True)
class RatersApart(MemoryControl):
    """Both memories; each example carries every rater's grade and rationale.

    Isolates what a judge makes of seeing where experts differ. A longer prompt: compare its tokens.
    """

    def align(self, judge: Judge, train: Sequence[LabelledItem], context: AlignContext) -> Aligned:
        """Fill the memories, then show the raters apart.

        Raises:
            AlignmentError: As the memories do; if no training item has a second rater.
        """
        need_labels(self.name, judge, train)
        ratings = {item.shown.item_id: item.ratings for item in train}
        most_raters = max(map(len, ratings.values()), default=0)
        if reason := self.idle_reason(judge.rubric, judge.layout, most_raters):
            raise AlignmentError(f"alignment={self.name} {reason} ({judge.dimension.name}).")
        filled, n_examples, distillation = self.memories.fill_memories(judge, train, context)
        # Guidelines stay as they are: none has raters to tell apart.
        with_ratings = with_changed_memory(
            filled,
            lambda guideline: guideline,
            lambda example: replace(example, ratings=ratings[example.item_id]),
        )
        return Aligned(with_ratings, n_examples, distillation)

    def idle_reason(self, rubric: Rubric, layout: PromptLayout, most_raters: int) -> str:
        """Where nobody grades what another graded, raters cannot be shown apart."""
        if most_raters > 1:
            return ""
        return "shows every rater's grade, and no training item has two raters; leave it out"
