"""Control: both memories, from labels that were dealt out anew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from memalign_bench.alignment.base import AlignContext, Aligned
from memalign_bench.alignment.controls.base import MemoryControl
from memalign_bench.judging.judge import Judge, LabelledItem
from memalign_bench.scales import plain_number
from memalign_bench.seeding import generator
from memalign_bench.types import NOT_APPLICABLE

__all__ = ["ShuffledLabels", "shuffled"]


@dataclass(frozen=True)
class ShuffledLabels(MemoryControl):
    """Grades permuted among the training items; texts and rationales stay where they are.

    Isolates what the right grade on the right item is worth: length, texts, words and how often
    each grade occurs are those of `full`.
    """

    def align(self, judge: Judge, train: Sequence[LabelledItem], context: AlignContext) -> Aligned:
        """Permute, then fill the memories.

        Raises:
            AlignmentError: As the memories do.
        """
        return self.memories.align(judge, shuffled(train, context.seed), context)


def shuffled(train: Sequence[LabelledItem], seed: int) -> list[LabelledItem]:
    """The items, their grades permuted; "not applicable" stays, as it is no grade."""
    # In the order of ids, so that the permutation does not depend on the order of the training
    # items.
    items = sorted(train, key=lambda item: item.shown.item_id)
    graded = [item for item in items if item.score is not NOT_APPLICABLE]
    permuted = generator(seed, "shuffled labels").permutation([item.grade for item in graded])
    # Back from NumPy's numbers to Python's.
    scores = map(plain_number, permuted.tolist())
    return [
        item if item.score is NOT_APPLICABLE else replace(item, score=next(scores))
        for item in items
    ]
