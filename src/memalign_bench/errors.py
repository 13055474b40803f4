"""What this package raises. Every error says what was wrong, where, and what to do."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = [
    "AlignmentError",
    "BackendError",
    "DataError",
    "FailedCallError",
    "MemalignError",
    "MissingCallError",
    "RecordError",
    "RequestError",
]


class MemalignError(Exception):
    """Base of all errors that this package raises on purpose."""


class RequestError(MemalignError):
    """What was asked for cannot be done as asked: a key, a choice, a combination (exit code 2)."""


class DataError(MemalignError):
    r"""A data set that breaks its contract; holds every problem found, not only the first.

    >>> str(DataError("labels.csv", ["row 3: score 7 is not in 1, 2, 3"]))
    'labels.csv: 1 problem\n  row 3: score 7 is not in 1, 2, 3'
    """

    shown = 50

    def __init__(self, where: str, problems: Sequence[str]) -> None:
        self.where = where
        self.problems = tuple(problems)
        count = len(self.problems)
        lines = [f"{where}: {count} problem{'' if count == 1 else 's'}"]
        lines += [f"  {problem}" for problem in self.problems[: self.shown]]
        if count > self.shown:
            lines.append(f"  ... and {count - self.shown} more")
        super().__init__("\n".join(lines))


class BackendError(MemalignError):
    """A backend that cannot serve at all: no weights, no endpoint, no logprobs (ends the run)."""


class MissingCallError(BackendError):
    """A call that is to be replayed, and that the call store does not hold."""


class FailedCallError(MemalignError):
    """One call that gave no usable answer after its retries (ends one item, not the run)."""


class AlignmentError(MemalignError):
    """An alignment that could not be made for one cell (that cell fails, others go on)."""


class RecordError(MemalignError):
    """Stored records that contradict one another or the run that reads them."""
