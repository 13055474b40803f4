"""Memories that are changed in one respect, to tell what in a memory helps."""

from memalign_bench.alignment.controls.base import MemoryControl, Retold, with_changed_memory

__all__ = ["MemoryControl", "Retold", "with_changed_memory"]
