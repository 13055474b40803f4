"""What this package raises. Every error says what was wrong, where, and what to do."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterable, Sequence
from typing import Any, Self

from memalign_bench.wording import counted

__all__ = [
    "AlignmentError",
    "BackendError",
    "DataError",
    "FailedCallError",
    "MemalignError",
    "MissingCallError",
    "OverBudgetError",
    "RecordError",
    "RequestError",
    "UnreadableError",
    "first_line",
    "of_files",
    "refuse",
    "without_server_words",
]

_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})
_NO_RIGHT = frozenset(
    {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EISDIR, errno.EEXIST}
    | {errno.ENAMETOOLONG, errno.ELOOP}
)


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
        lines = [f"{where}: {counted(count, 'problem')}"]
        lines += [f"  {problem}" for problem in self.problems[: self.shown]]
        if count > self.shown:
            lines.append(f"  ... and {count - self.shown} more")
        super().__init__("\n".join(lines))


class UnreadableError(DataError):
    """One item that cannot be read; what it is part of can go on without it."""


class BackendError(MemalignError):
    """A backend that cannot serve at all: no weights, no endpoint, no logprobs (ends the run)."""


class OverBudgetError(BackendError):
    """A call that was not sent, since it could cross the bound on money that was set."""


class MissingCallError(BackendError):
    """A call that is to be replayed, and that the call store does not hold."""


class _PaidError(MemalignError):
    """A failure that knows what was paid on the way to it.

    Attributes:
        cost: A `types.CallCost` of the calls that were answered, and to no use; None where no
            answer told.
        raw: A `types.RawAnswer`, where there were answers and none of them could be read.
    """

    def __init__(self, said: str, cost: Any = None, raw: Any = None) -> None:
        self.cost = cost
        self.raw = raw
        super().__init__(said)

    def after(self, cost: Any) -> Self:
        """The same failure, with what the calls before it took."""
        # Not changed in place: threads that waited for one call share its error.
        return type(self)(str(self), cost if self.cost is None else cost + self.cost, self.raw)


class FailedCallError(_PaidError):
    """One call that gave no usable answer after its retries (ends one item, not the run)."""


class AlignmentError(_PaidError):
    """An alignment that could not be made for one cell (that cell fails, others go on)."""


class RecordError(MemalignError):
    """Stored records that contradict one another or the run that reads them."""


def refuse(wrong: Iterable[str]) -> None:
    """Raise RequestError with all that is wrong, a line each; nothing where nothing is."""
    # Callers may hand over a generator, which is never false.
    if lines := list(wrong):
        raise RequestError("\n".join(lines))


def first_line(said: object) -> str:
    """The first line of what an error or a server says."""
    return (str(said).splitlines() or [""])[0]


_SERVER_WORDS = re.compile(r"(answered(?: with an error)?(?: \(HTTP \d+\)| \d+)?): .*", re.DOTALL)


def without_server_words(said: str) -> str:
    """What an error says without a server's own words, which may quote what it was sent.

    >>> without_server_words("http://here/v1 answered with an error (HTTP 400): bad text 'Once'")
    'http://here/v1 answered with an error (HTTP 400); its words may quote a private text.'
    """
    return _SERVER_WORDS.sub(r"\1; its words may quote a private text.", said)


def of_files(error: OSError) -> MemalignError | None:
    """What a disk or its rights refused, told; None where it was something else.

    >>> str(of_files(OSError(errno.EROFS, "Read-only file system", "results/try")))[:70]
    "'results/try': Read-only file system; files are read and written there"
    """
    where = "" if error.filename is None else f"{error.filename!r}: "
    why = error.strerror or first_line(error)
    if error.errno in _NO_ROOM:
        return MemalignError(f"{where}{why}; make room, and start the same command again.")
    if error.errno not in _NO_RIGHT:
        return None
    return RequestError(
        f"{where}{why}; files are read and written there. Change who may, or what lies in the way,"
        " or name another place (results_dir=, call_store=, out=)."
    )
