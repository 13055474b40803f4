"""Questions put to judges on pools of threads, under the limit of a backend and a clock."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Any, Generic, NamedTuple, TypeVar

from memalign_bench.errors import BackendError
from memalign_bench.judging.judge import ItemJudge, ShownItem
from memalign_bench.types import Verdict

__all__ = ["Clock", "Pool", "Progress", "Question"]

_GRACE_S = 2.0
"""Seconds that a stopped run waits for the calls that are under way."""

Key = TypeVar("Key")
Cell = TypeVar("Cell")
CellJudge = TypeVar("CellJudge")
_T = TypeVar("_T")


class Progress:
    """Receives what a run reports while it works; this one ignores it."""

    def warn(self, text: str) -> None:
        """Something is to be known before questions are asked."""

    def start(self, total: int, label: str) -> None:
        """`total` questions are to be asked."""

    def advance(self, *, failed: bool) -> None:
        """One more question is answered, or has failed."""

    def finish(self) -> None:
        """The last question is answered."""


@dataclass
class Clock:
    """How long a sitting may ask, and how many questions it has asked.

    Attributes:
        max_minutes: Its limit; None for as long as it takes.
        began: When it began, of `time.monotonic`.
        answered: Questions that were answered.
    """

    max_minutes: float | None = None
    began: float = field(default_factory=time.monotonic)
    answered: int = 0

    def left(self) -> float | None:
        """Seconds that may still be asked; None for any."""
        if self.max_minutes is None:
            return None
        return max(0.0, self.began + 60 * self.max_minutes - time.monotonic())


class Question(NamedTuple, Generic[Key]):
    """One question to a judge; `key` is the row that the answer is for."""

    key: Key
    judge: ItemJudge
    item: ShownItem
    repeat: int


@dataclass
class Pool(Generic[Cell, CellJudge, Key]):
    """Works through cells and their questions on two pools of threads, under the backend's limit.

    Threads only make and ask; what comes of it is gathered by the caller's thread. Questions are
    not queued behind the making of other cells: the first cell that is made is asked about while
    the others are made.

    Attributes:
        clock: Ends the sitting.
        make: What a cell's questions need, its aligned judge; on a thread.
        queue: The questions of a cell, from what was made of it; asked in this order.
        gather: Takes an answer, or why there is none.
    """

    clock: Clock
    make: Callable[[Cell], CellJudge]
    queue: Callable[[Cell, Future[CellJudge]], Sequence[Question[Key]]]
    gather: Callable[[Key, Future[Verdict]], None]
    under_way: set[Future[Any]] = field(default_factory=set)
    done: SimpleQueue[Future[Any]] = field(default_factory=SimpleQueue)

    def work(self, cells: Sequence[Cell], max_concurrency: int) -> None:
        """Make every cell and answer its questions, so many at a time.

        Raises:
            BackendError: If time is over; what was answered is in the call store.
        """
        makers = ThreadPoolExecutor(max_concurrency, thread_name_prefix="align")
        # Some more than may ask at once: while they put a question, or keep its answer, the
        # backend's places are filled by others.
        askers = ThreadPoolExecutor(
            max_concurrency + max_concurrency // 4, thread_name_prefix="judge"
        )
        try:
            self._drain(makers, askers, cells)
        except BaseException as error:
            # Nothing new is started; what is under way may end.
            for threads in (makers, askers):
                threads.shutdown(wait=False, cancel_futures=True)
            if isinstance(error, KeyboardInterrupt):
                # What is nearly answered is kept; whoever stops a run does not wait for the rest.
                wait(self.under_way, timeout=_GRACE_S)
                raise
            # A second call, which waits for what is under way.
            makers.shutdown()
            askers.shutdown()
            raise
        makers.shutdown()
        askers.shutdown()

    def _drain(
        self, makers: ThreadPoolExecutor, askers: ThreadPoolExecutor, cells: Sequence[Cell]
    ) -> None:
        """Wait for whatever is done next: ask a finished cell's questions, or record an answer."""
        making = {self._submit(makers, self.make, cell): cell for cell in cells}
        asking: dict[Future[Verdict], Key] = {}
        while making or asking:
            future = self._next_done()
            if future in making:
                for key, judge, item, repeat in self.queue(making.pop(future), future):
                    asking[self._submit(askers, judge.score, item, repeat)] = key
            else:
                self.gather(asking.pop(future), future)
                self.clock.answered += 1

    def _submit(
        self, threads: ThreadPoolExecutor, work: Callable[..., _T], *arguments: Any
    ) -> Future[_T]:
        future = threads.submit(work, *arguments)
        self.under_way.add(future)
        # A queue, not `wait`: that looks at all that is under way each time one is done.
        future.add_done_callback(self.done.put)
        return future

    def _next_done(self) -> Future[Any]:
        """The next finished future; raises when the sitting's time is over."""
        try:
            future = self.done.get(timeout=self.clock.left())
        except Empty:
            raise BackendError(
                f"max_minutes={self.clock.max_minutes:g} is over: {self.clock.answered}"
                " questions were answered in this sitting; they and those that were under way are"
                " kept, and the same command goes on from there."
            ) from None
        self.under_way.discard(future)
        return future
