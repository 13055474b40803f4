"""The labelled data of a sweep: read once for all of its jobs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from memalign_bench.datasets.dataset import LabelledDataset
    from memalign_bench.study.spec import RunSpec

__all__ = ["data_read_once", "load_data"]

_held: ContextVar[dict[str, LabelledDataset] | None] = ContextVar("held", default=None)
"""What has been read, by what was asked for; None outside."""


@contextmanager
def data_read_once() -> Iterator[None]:
    """In here, whoever asks for the same data after another gets what the first one read.

    A sweep is one experiment: all of its jobs are about the data as they were when it began.
    Outside every job reads anew, and sees what has been changed since.
    """
    before = _held.set({} if _held.get() is None else _held.get())
    try:
        yield
    finally:
        _held.reset(before)


def load_data(spec: RunSpec) -> LabelledDataset:
    """Items and labels of a run, cut to its limit.

    Raises:
        DataError: If the data set has problems, all of them at once.
    """
    held = _held.get()
    key = repr((spec.dataset, spec.rubric, spec.limit))
    if held is not None and key in held:
        return held[key]
    data = spec.dataset.load(spec.rubric).first_items(spec.limit)
    if held is not None:
        held[key] = data
    return data
