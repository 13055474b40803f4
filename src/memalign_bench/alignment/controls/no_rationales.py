"""Control: episodic memory without the experts' words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from memalign_bench.alignment.base import AlignContext, Aligned
from memalign_bench.alignment.controls.base import MemoryControl
from memalign_bench.errors import AlignmentError
from memalign_bench.judging.judge import Judge, LabelledItem
from memalign_bench.judging.prompt import PromptLayout
from memalign_bench.types import Example, Rubric

__all__ = ["NoRationales"]


@dataclass(frozen=True)
class NoRationales(MemoryControl):
    """The nearest examples with their grades alone; no guidelines, which are made of rationales.

    Isolates what the experts' words are worth beside their grades.
    """

    def __post_init__(self) -> None:
        # Guidelines are made of rationales, so they would bring the experts' words back.
        if self.memories.semantic:
            raise ValueError(f"{self.name}: memories.semantic must be false, got true.")

    def align(self, judge: Judge, train: Sequence[LabelledItem], context: AlignContext) -> Aligned:
        """Fill the memory, then take the rationales out; see `MemoryControl`.

        Raises:
            AlignmentError: As the memory does; if no example shows an expert's words anyway.
        """
        if reason := self.idle_reason(judge.rubric, judge.layout, 0):
            raise AlignmentError(f"alignment={self.name} {reason}.")
        return super().align(judge, train, context)

    def idle_reason(self, rubric: Rubric, layout: PromptLayout, most_raters: int) -> str:
        """Examples without rationales have none to take away."""
        if layout.rationales:
            return ""
        return (
            "takes the experts' words away, and prompt.rationales=false shows none; set"
            " prompt.rationales=true for it and for episodic"
        )

    def example(self, example: Example) -> Example:
        """The same without its rationale."""
        return replace(example, rationale="")
