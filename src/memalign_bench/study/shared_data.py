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
    # By what was said, not by the object: a source of one's own need not tell itself from others.
    said = [spec.config.get(name) for name in ("dataset", "rubric", "limit")]
    if held is None or said[0] is None or said[1] is None:
        return spec.dataset.load(spec.rubric).first_items(spec.limit)
    key = repr(said)
    if key not in held:
        held[key] = spec.dataset.load(spec.rubric).first_items(spec.limit)
    return held[key]
