"""Control: both memories without a grade."""

from __future__ import annotations

from dataclasses import dataclass, replace

from memalign_bench.alignment.controls.base import MemoryControl
from memalign_bench.types import Example, Guideline

__all__ = ["NoLabels"]


@dataclass(frozen=True)
class NoLabels(MemoryControl):
    """The same guidelines, neighbours and rationales; every grade is withheld.

    Isolates what the grades themselves are worth beside the experts' words.
    """

    def guideline(self, guideline: Guideline) -> Guideline:
        """The same without its grade."""
        return replace(guideline, grade=None)

    def example(self, example: Example) -> Example:
        """The same without its grade."""
        return replace(example, score=None)
