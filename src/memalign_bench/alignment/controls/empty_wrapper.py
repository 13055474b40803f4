"""Control: the frame of an aligned prompt, and nothing in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from memalign_bench.alignment.base import AlignContext, Aligned
from memalign_bench.alignment.controls.base import MemoryControl, with_changed_memory
from memalign_bench.judging.judge import Judge, LabelledItem
from memalign_bench.types import Example, Guideline

__all__ = ["EmptyWrapper"]


@dataclass(frozen=True)
class EmptyWrapper(MemoryControl):
    """Headings, bullets and numbered examples as the memories would show them, all of them blank.

    Isolates what the mere look of an aligned prompt does to a judge.
    """

    def align(self, judge: Judge, train: Sequence[LabelledItem], context: AlignContext) -> Aligned:
        """Fill the memories, then blank every entry.

        Raises:
            AlignmentError: As the memories do.
        """
        filled = self.memories.filled(judge, train, context).judge
        return Aligned(with_changed_memory(filled, _blank_guideline, _blank_example))


def _blank_guideline(guideline: Guideline) -> Guideline:
    return Guideline("", placebo=True)


def _blank_example(example: Example) -> Example:
    return Example("", "", None, "", 0.0, placebo=True)
