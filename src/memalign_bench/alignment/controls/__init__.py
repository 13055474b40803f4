"""Memories that are changed in one respect, to tell what in a memory helps."""

from memalign_bench.alignment.controls.base import (
    ChangedRetriever,
    MemoryControl,
    with_changed_memory,
)

__all__ = ["ChangedRetriever", "MemoryControl", "with_changed_memory"]
