"""Control: the frame of an aligned prompt, and nothing in it."""

from __future__ import annotations

from dataclasses import dataclass

from memalign_bench.alignment.controls.base import MemoryControl
from memalign_bench.types import Example, Guideline

__all__ = ["EmptyWrapper"]


@dataclass(frozen=True)
class EmptyWrapper(MemoryControl):
    """Headings, bullets and numbered examples as the memories would show them, all of them blank.

    Isolates what the mere look of an aligned prompt does to a judge.
    """

    placebo = True

    def guideline(self, guideline: Guideline) -> Guideline:
        """A blank one."""
        return Guideline("", placebo=True)

    def example(self, example: Example) -> Example:
        """A blank one."""
        return Example("", "", None, "", 0.0, placebo=True)
