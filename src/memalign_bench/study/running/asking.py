"""How a run asks its questions: cells are aligned and judged on two pools of threads."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Any, Generic, NamedTuple, TypeVar

from memalign_bench.alignment.base import AlignContext, Aligned, RunScope
from memalign_bench.backends.base import Backend, BackendSpec
from memalign_bench.backends.prices import Budget
from memalign_bench.backends.store.call_store import CallStore
from memalign_bench.backends.store.stored_backend import StoredBackend
from memalign_bench.errors import BackendError, RecordError
from memalign_bench.judging.cumulative import learnt_checklist
from memalign_bench.judging.judge import ItemJudge, Judge, ShownItem
from memalign_bench.judging.relative import relative_to
from memalign_bench.judging.scoring import shows_examples
from memalign_bench.judging.structured import adding_earlier_cost
from memalign_bench.seeding import child_seed
from memalign_bench.study.plan import Plan, RunCell
from memalign_bench.study.spec import RunSpec
from memalign_bench.types import NOT_APPLICABLE, CallCost, Verdict

__all__ = [
    "Clock",
    "Models",
    "Pool",
    "Progress",
    "Question",
    "align_cell",
    "check_leak",
    "opened_models",
]

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


class Models(NamedTuple):
    """The models of a run, each behind the call store; often one and the same.

    `scope` holds what the run's cells share besides.
    """

    judge: Backend
    reflection: Backend
    embedding: Backend
    scope: RunScope | None = None


@contextmanager
def opened_models(spec: RunSpec, store: CallStore) -> Iterator[Models]:
    """The models of a run behind its call store, under its budget; closed at the end."""
    # What the store's earlier calls cost counts against the budget.
    budget = None if spec.budget_usd is None else Budget(spec.budget_usd, store.spent())
    with ExitStack() as stack:

        def open_model(backend_spec: BackendSpec) -> Backend:
            return stack.enter_context(
                StoredBackend(backend_spec, store, spec.backend.mode, budget)
            )

        # Roles without a model of their own share the judge's, and its limit.
        backend = open_model(spec.backend)
        reflection = open_model(spec.reflection) if spec.reflection else backend
        embedding = open_model(spec.embedding) if spec.embedding else backend
        yield Models(backend, reflection, embedding, stack.enter_context(RunScope()))


def align_cell(plan: Plan, cell: RunCell, models: Models) -> Aligned:
    """Align the run's judge on a cell's training items.

    Raises:
        AlignmentError: If the training items do not allow it.
        FailedCallError: If a call that the alignment needs gave no usable answer.
    """
    spec = plan.spec
    judge = Judge(
        rubric=spec.rubric,
        dimension=spec.rubric.dimensions[cell.dimension],
        backend=models.judge,
        scoring=spec.scoring,
        layout=spec.prompt,
        ask_applicability=spec.applicability == "judge",
    )
    # The seed depends on the cell alone, so the order in which cells are aligned does not matter.
    seed = child_seed(spec.fold_seed, "alignment", cell.dimension, cell.fold)
    context = AlignContext(
        seed,
        models.reflection,
        spec.n_train,
        models.embedding,
        lambda name: plan.train_on(name, cell.fold),
        models.scope,
    )
    aligned = spec.alignment.align(judge, cell.train, context)
    # A scoring without examples in its prompt makes episodic memory idle: say so in the records.
    if aligned.n_examples and not shows_examples(spec.scoring):
        note = f"scoring={spec.scoring.name} shows none of the {aligned.n_examples} examples."
        aligned = aligned._replace(notes=(*aligned.notes, note))
    applicable = [item.shown for item in cell.train if item.score is not NOT_APPLICABLE]
    # A later step that fails must still report what distilling cost.
    with adding_earlier_cost(aligned.distillation.cost if aligned.distillation else CallCost()):
        if spec.learns_criteria:
            learnt = learnt_checklist(aligned.judge, cell.train, spec.rubric.scale)
            aligned = aligned._replace(judge=learnt)
        if spec.prior == "none":
            return aligned
        return aligned._replace(judge=relative_to(aligned.judge, spec.prior, applicable))


def check_leak(plan: Plan, dimension: str, fold: int, item_ids: Iterable[str]) -> None:
    """Refuse a judge whose memory holds a held-out item: every number would be worthless.

    Raises:
        RecordError: If one of the items is held out, or unknown.
    """
    # An item without a fold counts as held out.
    leaked = sorted({name for name in item_ids if plan.fold.get(name, fold) == fold})
    if leaked:
        raise RecordError(
            f"{dimension}, fold {fold}: the judge's memory holds held-out (or unknown) items"
            f" {leaked}; the run stops, since its scores would be worthless. A fault of the"
            f" alignment {plan.spec.alignment.name!r}."
        )


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
