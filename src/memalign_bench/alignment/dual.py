"""MemAlign's two memories, each with its switch."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from memalign_bench.alignment.base import AlignContext, Aligned, MemorySettings, Rung
from memalign_bench.judging.judge import Judge, LabelledItem
from memalign_bench.judging.structured import adding_earlier_cost
from memalign_bench.memory.distillers import Distillation, Distiller
from memalign_bench.memory.embedders import Embedder
from memalign_bench.memory.episodic import EpisodicMemory, RandomMemory
from memalign_bench.types import NOT_APPLICABLE, CallCost

__all__ = ["DualMemory", "JudgeWithMemories"]


class JudgeWithMemories(NamedTuple):
    """A judge with its memories filled, labelled items in episodic memory, and the guidelines."""

    judge: Judge
    n_examples: int
    distillation: Distillation | None


_ENCODING_LOCK = threading.Lock()
"""Held while an embedder computes in this process. Threads that compute only slow each other down:
in turn, the first cell is ready when it is done, and not when all are."""


@dataclass(frozen=True)
class DualMemory:
    """Semantic memory (guidelines, always in context) and episodic memory (the nearest examples).

    Attributes:
        name: Name of the YAML choice.
        semantic: Distil guidelines.
        episodic: Index examples.
        memory: k, floor, diversity, what is embedded, and whether not-applicable items are
            remembered.
        distiller: Makes the guidelines.
        embedder: Makes vectors for retrieval.
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
    ladder: Rung | None = None

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
            # The model's context bounds how many examples are shown.
            keys |= {"embedder", "memory.k", "backend.context"} | self.memory.query_keys
            keys |= {"embedding"} if self.embedder.asks_backend else set()
            # Random neighbours are neither cut by a floor nor spread.
            by_nearness = self.neighbours == "nearest"
            keys |= {"memory.floor", "memory.diversity"} if by_nearness else set()
        return frozenset(keys)

    def align(self, judge: Judge, train: Sequence[LabelledItem], context: AlignContext) -> Aligned:
        """Fill the memories from training items.

        With `n_train=0` both are empty on purpose: the judge asks as the unaligned one does, and
        the record says that no guideline was distilled.

        Raises:
            AlignmentError: If nothing can be remembered or distilled.
        """
        # The two tuples begin with the same three fields.
        return Aligned(*self.fill_memories(judge, train, context))

    def fill_memories(
        self, judge: Judge, train: Sequence[LabelledItem], context: AlignContext
    ) -> JudgeWithMemories:
        """As `align`, for controls that change the filled memories.

        Raises:
            AlignmentError: If nothing can be remembered or distilled.
        """
        if context.n_train == 0:
            return JudgeWithMemories(judge, 0, Distillation(()) if self.semantic else None)
        # One choice of items for both memories, so that switching one off changes nothing else.
        kept = self.memory.items_to_remember(judge, train)
        distillation = self.distil(judge, kept, context) if self.semantic else None
        if distillation is not None:
            judge = replace(judge, guidelines=distillation.guidelines)
        if self.episodic:
            # If indexing fails, the failure must carry what the distillation before it cost.
            with adding_earlier_cost(distillation.cost if distillation else CallCost()):
                memory = self._build_memory(judge, kept, context)
            at_random = self.neighbours == "random"
            judge = replace(
                judge, retriever=RandomMemory(memory, context.seed) if at_random else memory
            )
        return JudgeWithMemories(judge, len(kept) if self.episodic else 0, distillation)

    def distil(
        self, judge: Judge, items: Sequence[LabelledItem], context: AlignContext
    ) -> Distillation:
        """Guidelines from the items to which the judge's dimension applies.

        Raises:
            AlignmentError: If nothing can be distilled.
        """
        graded = [item for item in items if item.score is not NOT_APPLICABLE]
        scale = judge.rubric.scale
        return self.distiller.distil(graded, judge.dimension, scale, context.reflection)

    def _build_memory(
        self, judge: Judge, kept: Sequence[LabelledItem], context: AlignContext
    ) -> EpisodicMemory:
        """Episodic memory of the kept items, with an embedder fitted to them."""
        # An embedder behind a backend waits for its answers, and computes nothing here.
        with nullcontext() if self.embedder.asks_backend else _ENCODING_LOCK:
            model = context.embedding or judge.backend
            encode = self.embedder.fit(self.memory.query_texts(kept), model)
            return self.memory.build_index(kept, encode)
