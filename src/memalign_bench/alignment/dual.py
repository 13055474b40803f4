"""MemAlign's two memories, each with its switch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from memalign_bench.alignment.base import AlignContext, Aligned, MemorySettings
from memalign_bench.judging.judge import Judge, LabelledItem
from memalign_bench.memory.distillers import Distiller
from memalign_bench.memory.embedders import Embedder
from memalign_bench.memory.episodic import EpisodicMemory, RandomMemory
from memalign_bench.types import NOT_APPLICABLE

__all__ = ["DualMemory"]


@dataclass(frozen=True)
class DualMemory:
    """Semantic memory (guidelines, always in context) and episodic memory (the nearest examples).

    Attributes:
        name: Name of the YAML choice.
        semantic: Distil guidelines.
        episodic: Index examples.
        memory: k, floor, and whether not-applicable items are remembered.
        distiller: Makes the guidelines.
        embedder: Embeds views for retrieval.
        neighbours: Which examples are shown: the `nearest`, or as many drawn at `random`, a control
            that keeps length, guidelines and label frequencies and takes nearness away.
    """

    name: str
    semantic: bool
    episodic: bool
    memory: MemorySettings
    distiller: Distiller
    embedder: Embedder
    neighbours: Literal["nearest", "random"] = "nearest"
    needs_model: bool = True

    def __post_init__(self) -> None:
        if self.neighbours not in ("nearest", "random"):
            raise ValueError(f"neighbours must be nearest or random, got {self.neighbours!r}.")

    @property
    def keys(self) -> frozenset[str]:
        """The keys of the memories that are switched on."""
        keys = {"memory.include_na"}
        if self.semantic:
            keys |= {"distiller", "reflection"}
        if self.episodic:
            keys |= {"embedder", "memory.k"}
            keys |= {"memory.floor"} if self.neighbours == "nearest" else set()
        return frozenset(keys)

    def align(self, judge: Judge, train: Sequence[LabelledItem], context: AlignContext) -> Aligned:
        """Fill the memories from training items.

        Raises:
            AlignmentError: If nothing can be remembered or distilled.
        """
        kept = self.memory.remembered(judge, train)
        changes: dict[str, Any] = {}
        distillation = None
        if self.semantic:
            graded = [item for item in kept if item.score != NOT_APPLICABLE]
            distillation = self.distiller.distil(
                graded, judge.dimension, judge.rubric.scale, context.reflection
            )
            changes["guidelines"] = distillation.guidelines
        if self.episodic:
            encode = self.embedder.fit([item.shown.text for item in kept], judge.backend)
            memory = EpisodicMemory.of(kept, encode, self.memory.k, self.memory.floor)
            drawn = self.neighbours == "random"
            changes["retriever"] = RandomMemory(memory, context.seed) if drawn else memory
        return Aligned(replace(judge, **changes), len(kept) if self.episodic else 0, distillation)
