"""The judge as it comes out of the box."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from memalign_bench.alignment.base import AlignContext, Aligned, Rung
from memalign_bench.judging.judge import Judge, LabelledItem

__all__ = ["NoAlignment"]


@dataclass(frozen=True)
class NoAlignment:
    """Leaves the judge as it is: what every alignment is compared with."""

    name: str = "none"
    needs_model: bool = True
    uses_labels: bool = False
    keys: frozenset[str] = frozenset()
    ladder: Rung | None = None

    def align(self, judge: Judge, train: Sequence[LabelledItem], context: AlignContext) -> Aligned:
        """Return the judge itself."""
        return Aligned(judge)
