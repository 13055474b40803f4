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

_data_read: ContextVar[dict[str, LabelledDataset] | None] = ContextVar("held", default=None)
"""What has been read, by what was asked for; None outside."""


@contextmanager
def data_read_once() -> Iterator[None]:
    """Read each data set once within this context, for all jobs of a sweep.

    A sweep is one experiment: all of its jobs are about the data as they were when it began.
    Outside every job reads anew, and sees what has been changed since.
    """
    # Nested use shares what the outer one has read.
    before = _data_read.set({} if _data_read.get() is None else _data_read.get())
    try:
        yield
    finally:
        _data_read.reset(before)


def load_data(spec: RunSpec) -> LabelledDataset:
    """Items and labels of a run, cut to its `n_cases` and `limit`.

    Raises:
        DataError: If the data set has problems, all of them at once.
    """
    read_before = _data_read.get()
    # Keyed by configuration, not by the object: a user's own source may not define equality.
    choices = [spec.config.get(name) for name in ("dataset", "rubric", "n_cases", "limit")]
    if read_before is None or choices[0] is None or choices[1] is None:
        return spec.dataset.load(spec.rubric).part(spec.n_cases, spec.limit)
    # Dictionaries cannot be keys; their text can.
    key = repr(choices)
    if key not in read_before:
        read_before[key] = spec.dataset.load(spec.rubric).part(spec.n_cases, spec.limit)
    return read_before[key]
