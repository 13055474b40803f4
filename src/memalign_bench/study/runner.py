"""The one runner: aligns a judge per cell, scores the held-out items, writes the records.

A run can be killed anywhere and started again. Every answer of a model is in the call store, so
nothing is paid for twice; rows that the run's records already hold are kept, rows that are missing
or failed are asked again, and the file is the same byte for byte.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from memalign_bench.alignment.base import AlignContext, Aligned
from memalign_bench.backends.base import Backend, BackendSpec
from memalign_bench.backends.prices import Budget
from memalign_bench.backends.store import CallStore
from memalign_bench.backends.stored import StoredBackend
from memalign_bench.errors import (
    AlignmentError,
    BackendError,
    FailedCallError,
    MissingCallError,
    RecordError,
)
from memalign_bench.judging.judge import Judge
from memalign_bench.judging.relative import relative_to
from memalign_bench.judging.structured import paid_before
from memalign_bench.seeding import child_seed
from memalign_bench.study.plan import Cell, Plan, RowKey, make_plan
from memalign_bench.study.rows import judged_row, silent_row, timing_row
from memalign_bench.study.runfiles import CellKey, RunFiles, alignment_seconds, memory_entry
from memalign_bench.study.spec import RunSpec
from memalign_bench.types import NOT_APPLICABLE, CallCost, Status, Verdict

__all__ = ["Models", "Progress", "RunOutcome", "rehearse", "run"]

_GRACE_S = 2.0
"""Seconds that a stopped run waits for the calls that are under way."""


class Progress:
    """What a run tells while it works; this one says nothing."""

    def start(self, total: int, label: str) -> None:
        """`total` questions are to be asked."""

    def advance(self, *, failed: bool) -> None:
        """One more question is answered, or has failed."""

    def finish(self) -> None:
        """The last question is answered."""


class Models(NamedTuple):
    """The models of a run, each behind the call store; often one and the same."""

    judge: Backend
    reflection: Backend
    embedding: Backend


class RunOutcome(NamedTuple):
    """What became of a run.

    Attributes:
        run_id: Its name.
        counts: Rows by status, and calls sent and answered by the store.
        asked: Questions asked in this sitting (0 where the records were complete).
        failures: One line for each failed row.
    """

    run_id: str
    counts: Mapping[str, int]
    asked: int
    failures: tuple[str, ...]


@dataclass
class _Sitting:
    """What one sitting of a run gathers."""

    rows: dict[RowKey, dict[str, Any]]
    timings: dict[RowKey, dict[str, Any]]
    memory: dict[CellKey, dict[str, Any]]
    seconds: dict[CellKey, float | None] = field(default_factory=dict)
    served: dict[str, int] = field(default_factory=dict)
    asked: int = 0
    progress: Progress = field(default_factory=Progress)


def run(spec: RunSpec, progress: Progress | None = None) -> RunOutcome:
    """Run one job and write its records.

    Raises:
        DataError: If the data set has problems.
        RequestError: If the request does not fit the data.
        RecordError: If records on disk contradict the run.
        BackendError: If the model cannot serve at all, or money or time that were set are used up;
            what was answered is in the call store.
    """
    plan = make_plan(spec)
    files = RunFiles(plan)
    files.write_items()
    kept = files.kept_rows()
    told = progress or Progress()
    sitting = _Sitting(kept.rows, kept.timings, kept.memory, kept.seconds, progress=told)
    missing = [key for key in plan.keys() if key not in sitting.rows]  # noqa: SIM118
    if missing:
        _work(plan, missing, sitting)
    counts = files.write(
        sitting.rows,
        sitting.timings,
        sitting.memory,
        served=sitting.served,
        seconds=sitting.seconds,
        kept_all=not missing,
    )
    failed = [row for row in sitting.rows.values() if row["status"] == Status.FAILED.value]
    failed.sort(key=lambda row: (row["dimension"], row["fold"], row["item_id"], row["repeat"]))
    return RunOutcome(plan.run_id, counts, sitting.asked, tuple(map(_failure, failed)))


def _failure(row: Mapping[str, Any]) -> str:
    return f"{row['dimension']}, fold {row['fold']}, {row['item_id']}: {row['error']}"


def _work(plan: Plan, missing: list[RowKey], sitting: _Sitting) -> None:
    """Answer what is missing: silent rows at once, the others cell by cell."""
    for key in missing:
        if not plan.is_asked(key):
            sitting.rows[key] = silent_row(plan, key, Status.NOT_ASKED)
    wanted = set(missing)
    cells = plan.cells(missing)
    questions = {cell: _questions(plan, cell, wanted) for cell in cells}
    sitting.progress.start(sum(map(len, questions.values())), plan.spec.variant)
    spec = plan.spec
    try:
        _ask(spec, plan, questions, sitting)
    finally:
        sitting.progress.finish()


def _ask(
    spec: RunSpec, plan: Plan, questions: Mapping[Cell, list[RowKey]], sitting: _Sitting
) -> None:
    path = spec.store_path if spec.alignment.needs_model else None
    with CallStore(path, plan.run_id) as store:
        budget = None if spec.budget_usd is None else Budget(spec.budget_usd, store.spent())
        _ask_through(spec, plan, questions, sitting, (store, budget))
        sitting.served = store.models_of(plan.run_id)


def _ask_through(
    spec: RunSpec,
    plan: Plan,
    questions: Mapping[Cell, list[RowKey]],
    sitting: _Sitting,
    paid: tuple[CallStore, Budget | None],
) -> None:
    store, budget = paid
    mode = spec.backend.mode
    with ExitStack() as opened:

        def model(chosen: BackendSpec) -> Backend:
            return opened.enter_context(StoredBackend(chosen, store, mode, budget))

        backend = model(spec.backend)
        reflection = model(spec.reflection) if spec.reflection else backend
        embedding = model(spec.embedding) if spec.embedding else backend
        models = Models(backend, reflection, embedding)
        _Engine(plan, sitting, models).score(questions)


def rehearse(plan: Plan, missing: list[RowKey], models: Models) -> None:
    """Walk a run with backends that make their answers up; nothing is written."""
    wanted = set(missing)
    questions = {cell: _questions(plan, cell, wanted) for cell in plan.cells(missing)}
    _Engine(plan, _Sitting({}, {}, {}), models).score(questions)


def _questions(plan: Plan, cell: Cell, wanted: set[RowKey]) -> list[RowKey]:
    keys = [
        (cell.dimension, item_id, repeat)
        for item_id in cell.test
        for repeat in range(plan.spec.repeats)
    ]
    return [key for key in keys if key in wanted]


@dataclass
class _Engine:
    """Runs cells and their questions on a pool of threads, under the backend's limit.

    Threads only ask; rows are gathered by the caller's thread. Cells are aligned in order, and a
    cell's questions are queued together, so that a prefix cache meets equal prefixes in a row.
    """

    plan: Plan
    sitting: _Sitting
    models: Models
    under_way: list[Future[Any]] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)

    def score(self, questions: Mapping[Cell, list[RowKey]]) -> None:
        """Align every cell and answer its questions; failures become rows, not exceptions."""
        pool = ThreadPoolExecutor(self.models.judge.max_concurrency, thread_name_prefix="judge")
        try:
            self._drain(pool, questions)
        except KeyboardInterrupt:
            # What is nearly answered is kept; whoever stops a run does not wait for the rest.
            pool.shutdown(wait=False, cancel_futures=True)
            wait(self.under_way, timeout=_GRACE_S)
            raise
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise
        pool.shutdown()

    def _drain(self, pool: ThreadPoolExecutor, questions: Mapping[Cell, list[RowKey]]) -> None:
        aligning = {pool.submit(self._align, cell): cell for cell in questions}
        asking: dict[Future[Verdict], RowKey] = {}
        while aligning or asking:
            self.under_way = [*aligning, *asking]
            done, _ = wait(self.under_way, self._time_left(), FIRST_COMPLETED)
            if not done:
                raise BackendError(
                    f"max_minutes={self.plan.spec.max_minutes:g} is over: {self.sitting.asked}"
                    " questions were answered in this sitting and are kept; the same command goes"
                    " on from there."
                )
            for future in done:
                if future in aligning:
                    cell = aligning.pop(future)
                    asking |= self._queue(pool, cell, questions[cell], future)
                else:
                    self._gather(asking.pop(future), future)

    def _time_left(self) -> float | None:
        """Seconds that this sitting may still ask; None for as long as it takes."""
        limit = self.plan.spec.max_minutes
        return None if limit is None else max(0.0, self.began + 60 * limit - time.monotonic())

    def _align(self, cell: Cell) -> Aligned:
        spec = self.plan.spec
        judge = Judge(
            rubric=spec.rubric,
            dimension=spec.rubric.dimensions[cell.dimension],
            backend=self.models.judge,
            scoring=spec.scoring,
            layout=spec.prompt,
            ask_applicability=spec.applicability == "judge",
        )
        seed = child_seed(spec.fold_seed, "alignment", cell.dimension, cell.fold)
        models = self.models
        context = AlignContext(
            seed,
            models.reflection,
            spec.n_train,
            models.embedding,
            lambda name: self.plan.train_on(name, cell.fold),
        )
        aligned = spec.alignment.align(judge, cell.train, context)
        if spec.prior == "none":
            return aligned
        met = [item.shown for item in cell.train if item.score != NOT_APPLICABLE]
        with paid_before(aligned.distillation.cost if aligned.distillation else CallCost()):
            return aligned._replace(judge=relative_to(aligned.judge, spec.prior, met))

    def _queue(
        self, pool: ThreadPoolExecutor, cell: Cell, keys: list[RowKey], future: Future[Aligned]
    ) -> dict[Future[Verdict], RowKey]:
        place = (cell.dimension, cell.fold)
        try:
            aligned = future.result()
        except MissingCallError as error:
            raise MissingCallError(
                f"{self.plan.spec.variant}, {cell.dimension}, fold {cell.fold}, alignment: {error}"
            ) from error
        except (AlignmentError, FailedCallError) as error:
            self.sitting.memory[place] = memory_entry(self.plan, cell, None, error)
            self.sitting.seconds[place] = alignment_seconds(error.cost or CallCost())
            for key in keys:
                self._fail(key, f"alignment failed: {error}")
            return {}
        self.sitting.memory[place] = memory_entry(self.plan, cell, aligned, None)
        took = aligned.distillation.cost if aligned.distillation else CallCost()
        self.sitting.seconds[place] = alignment_seconds(took)
        _check_guidelines(self.plan, cell, aligned)
        shown = self.plan.shown
        return {
            pool.submit(aligned.judge.score, shown[item_id, dimension], repeat): key
            for key in keys
            for dimension, item_id, repeat in [key]
        }

    def _gather(self, key: RowKey, future: Future[Verdict]) -> None:
        try:
            verdict = future.result()
        except MissingCallError as error:
            dimension, item_id, _ = key
            where = f"{dimension}, fold {self.plan.fold[item_id]}, {item_id}"
            raise MissingCallError(f"{self.plan.spec.variant}, {where}: {error}") from error
        except (AlignmentError, FailedCallError) as error:
            self._fail(key, str(error), error.cost)
            return
        _check_neighbours(self.plan, key, verdict)
        self.sitting.rows[key] = judged_row(self.plan, key, verdict)
        self.sitting.timings[key] = timing_row(self.plan, key, verdict.cost)
        self._advance(failed=False)

    def _fail(self, key: RowKey, error: str, cost: CallCost | None = None) -> None:
        self.sitting.rows[key] = silent_row(self.plan, key, Status.FAILED, error, cost)
        if cost is not None:
            self.sitting.timings[key] = timing_row(self.plan, key, cost)
        self._advance(failed=True)

    def _advance(self, *, failed: bool) -> None:
        self.sitting.asked += 1
        self.sitting.progress.advance(failed=failed)


def _check_neighbours(plan: Plan, key: RowKey, verdict: Verdict) -> None:
    _check_leak(plan, key[0], plan.fold[key[1]], (example.item_id for example in verdict.examples))


def _check_guidelines(plan: Plan, cell: Cell, aligned: Aligned) -> None:
    if aligned.distillation:
        sources = (name for entry in aligned.distillation.guidelines for name in entry.sources)
        _check_leak(plan, cell.dimension, cell.fold, sources)


def _check_leak(plan: Plan, dimension: str, fold: int, item_ids: Iterable[str]) -> None:
    """A held-out item in a judge's memory would make every number of the run worthless."""
    leaked = sorted({name for name in item_ids if plan.fold.get(name, fold) == fold})
    if leaked:
        raise RecordError(
            f"{dimension}, fold {fold}: the judge's memory holds held-out (or unknown) items"
            f" {leaked}; the run stops, since its scores would be worthless. A fault of the"
            f" alignment {plan.spec.alignment.name!r}."
        )
