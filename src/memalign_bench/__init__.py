"""Does an LLM judge agree with human experts, and which memory makes it agree?

>>> import memalign_bench
>>> frames = memalign_bench.load_study("results/first")  # doctest: +SKIP
>>> frames.predictions.groupby(["dimension", "variant"]).size()  # doctest: +SKIP
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from memalign_bench.alignment.mlflow.optimizer import DualMemoryOptimizer
    from memalign_bench.backends.base import BackendSpec
    from memalign_bench.report.numbers.frames import StudyFrames
    from memalign_bench.shipping.loading import LoadedJudge

__all__ = ["DualMemoryOptimizer", "load_judge", "load_study"]


def __getattr__(name: str) -> Any:
    """`DualMemoryOptimizer`, loaded with MLflow when it is first asked for."""
    if name == "DualMemoryOptimizer":
        from memalign_bench.alignment.mlflow import optimizer

        return optimizer.DualMemoryOptimizer
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def load_study(path: str | Path) -> StudyFrames:
    """Read a study's records as data frames, checked against one another.

    Args:
        path: The study's folder, such as `results/first`.

    Raises:
        RecordError: If there is no run, or records contradict one another.
    """
    from memalign_bench.report.numbers import frames

    return frames.load_study(path)


def load_judge(
    path: str | Path, backend: BackendSpec | None = None, call_store: str | Path | None = None
) -> LoadedJudge:
    """Load a judge that `memalign-bench export_judge` wrote; MLflow is not needed.

    >>> judge = load_judge("results/first/judges/full/model_use.json")  # doctest: +SKIP
    >>> judge.score(Path("new.ipynb"), request="Forecast sales.").score  # doctest: +SKIP

    Args:
        path: The JSON file.
        backend: The judge's model, where it is served at another address than usual; by default
            the backend of the name that the file gives, with its settings.
        call_store: SQLite file in which its calls are kept, so that equal ones are sent once.

    Raises:
        DataError: If the file is no judge.
        RequestError: If the model is another than the one that the judge was aligned for.
    """
    from pathlib import Path

    from memalign_bench.config import backend_from
    from memalign_bench.shipping import loading

    store = None if call_store is None else Path(call_store)
    return loading.load_judge(Path(path), backend_from, backend, store)
