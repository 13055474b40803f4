"""Does an LLM judge agree with human experts, and which memory makes it agree?

>>> import memalign_bench
>>> frames = memalign_bench.load_study("results/first")  # doctest: +SKIP
>>> frames.predictions.groupby(["dimension", "variant"]).size()  # doctest: +SKIP
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from memalign_bench.alignment.mlflow_optimizer import DualMemoryOptimizer
    from memalign_bench.report.frames import StudyFrames

__all__ = ["DualMemoryOptimizer", "load_study"]


def __getattr__(name: str) -> Any:
    """`DualMemoryOptimizer`, loaded with MLflow when it is first asked for."""
    if name == "DualMemoryOptimizer":
        from memalign_bench.alignment import mlflow_optimizer

        return mlflow_optimizer.DualMemoryOptimizer
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def load_study(path: str | Path) -> StudyFrames:
    """Read a study's records as data frames, checked against one another.

    Args:
        path: The study's folder, such as `results/first`.

    Raises:
        RecordError: If there is no run, or records contradict one another.
    """
    from memalign_bench.report import frames

    return frames.load_study(path)
