"""Control: both memories without a grade."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from memalign_bench.alignment.base import AlignContext, Aligned
from memalign_bench.alignment.controls.base import MemoryControl, with_changed_memory
from memalign_bench.judging.judge import Judge, LabelledItem

__all__ = ["NoLabels"]


@dataclass(frozen=True)
class NoLabels(MemoryControl):
    """The same guidelines, neighbours and rationales; every grade is withheld.

    Isolates what the grades themselves are worth beside the experts' words.
    """

    def align(self, judge: Judge, train: Sequence[LabelledItem], context: AlignContext) -> Aligned:
        """Fill the memories, then take the grades out.

        Raises:
            AlignmentError: As the memories do.
        """
        filled, n_examples, distillation = self.memories.filled(judge, train, context)
        without = with_changed_memory(
            filled,
            lambda guideline: replace(guideline, grade=None),
            lambda example: replace(example, score=None),
        )
        return Aligned(without, n_examples, distillation)
