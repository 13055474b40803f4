"""The one runner: aligns a judge per cell, scores the held-out items, writes the records.

A run can be killed anywhere and started again. Every answer of a model is in the call store, so
nothing is paid for twice; rows that the run's records already hold are kept, rows that are missing
or failed are asked again, and the file is the same byte for byte.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from memalign_bench.alignment.base import Aligned, RunScope
from memalign_bench.backends.store.call_store import CallStore
from memalign_bench.errors import AlignmentError, FailedCallError, MissingCallError
from memalign_bench.study.builds import mixed_warning
from memalign_bench.study.plan import Plan, RowKey, RunCell, make_plan
from memalign_bench.study.registered.registering import register
from memalign_bench.study.rows import answer_row, judged_row, silent_row, timing_row
from memalign_bench.study.runfiles import (
    RunFiles,
    RunTables,
    Served,
    alignment_seconds,
    memory_entry,
)
from memalign_bench.study.running.aligning import Models, align_cell, check_leak, opened_models
from memalign_bench.study.running.attribution import AttributionOutcome, attribute
from memalign_bench.study.running.foreseeing import check_feedback, few_labels_warning
from memalign_bench.study.running.pool import Clock, Pool, Progress, Question
from memalign_bench.study.spec import RunSpec
from memalign_bench.types import CallCost, RawAnswer, Status, Verdict

__all__ = ["RunOutcome", "rehearse", "run"]

_SHOWN_NOTES = 10


class RunOutcome(NamedTuple):
    """What became of a run.

    Attributes:
        run_id: Its name.
        counts: Rows in all and by status, and how many rationales name another grade.
        asked: Questions asked in this sitting (0 where the records were complete).
        failures: One line for each failed row.
        attributed: What became of the attribution; None where none was asked for.
    """

    run_id: str
    counts: Mapping[str, int]
    asked: int
    failures: tuple[str, ...]
    attributed: AttributionOutcome | None = None


@dataclass
class _Sitting:
    """What one sitting of a run gathers."""

    tables: RunTables
    progress: Progress
    served: Served = field(default_factory=Served)
    asked: int = 0


def run(spec: RunSpec, progress: Progress | None = None) -> RunOutcome:
    """Run one job and write its records.

    Raises:
        DataError: If the data set has problems.
        RequestError: If the request does not fit the data, or the plan that the study was begun
            with.
        RecordError: If records on disk contradict the run.
        BackendError: If the model cannot serve at all, or money or time that were set are used up;
            what was answered is in the call store.
    """
    # Data, folds and labels are checked before anything is written.
    plan = make_plan(spec)
    feedback_warning = check_feedback(plan.spec, plan.gold)
    files = RunFiles(plan)
    # Before items are written: with them a study counts as begun.
    registered = register([spec])
    files.write_items()
    clock = Clock(spec.max_minutes)
    reporter = progress or Progress()
    # What an earlier sitting left is kept; the rest is asked.
    sitting = _Sitting(files.kept_rows(), reporter)
    for line in (*registered, *_data_notes(spec, plan)):
        reporter.warn(line)
    rows = sitting.tables.rows
    missing = [key for key in plan.row_keys() if key not in rows]
    if missing:
        for warning in filter(None, (feedback_warning, mixed_warning(spec))):
            reporter.warn(warning)
        _answer_missing(plan, missing, sitting, clock)
    # Written also where nothing was missing: the reading that is asked for may be another.
    counts = files.write(sitting.tables, sitting.served, kept_all=not missing)
    # Sorted, since answers come in any order.
    failed = [row for row in rows.values() if row["status"] == Status.FAILED.value]
    failed.sort(key=lambda row: (row["dimension"], row["fold"], row["item_id"], row["repeat"]))
    outcome = RunOutcome(plan.run_id, counts, sitting.asked, tuple(map(_failure_line, failed)))
    if not spec.attribute:
        return outcome
    return outcome._replace(attributed=attribute(files, rows, clock, reporter))


def _data_notes(spec: RunSpec, plan: Plan) -> Iterator[str]:
    """What was assumed when the data were read (the first few), and dimensions without labels."""
    yield from plan.data.told[:_SHOWN_NOTES]
    if (more := len(plan.data.told) - _SHOWN_NOTES) > 0:
        yield f"... and {more} more notes on the data; memalign-bench validate lists them."
    if unlabelled := [name for name in spec.dimensions if name not in plan.spec.dimensions]:
        yield f"no label on {', '.join(unlabelled)}: left out."


def _failure_line(row: Mapping[str, Any]) -> str:
    return f"{row['dimension']}, fold {row['fold']}, {row['item_id']}: {row['error']}"


def _answer_missing(plan: Plan, missing: list[RowKey], sitting: _Sitting, clock: Clock) -> None:
    """Answer what is missing: silent rows at once, the others cell by cell."""
    for key in missing:
        if not plan.is_asked(key):
            sitting.tables.rows[key] = silent_row(plan, key, Status.NOT_ASKED)
    wanted = set(missing)
    cells = plan.cells(missing)
    if warning := few_labels_warning(plan.spec.n_train, cells):
        sitting.progress.warn(warning)
    questions = {cell: _cell_questions(plan, cell, wanted) for cell in cells}
    sitting.progress.start(sum(map(len, questions.values())), plan.spec.variant)
    # Baselines ask no model and leave no store behind.
    path = plan.spec.store_path if plan.spec.alignment.needs_model else None
    try:
        with CallStore(path, plan.run_id) as store:
            with opened_models(plan.spec, store) as models:
                _Engine(plan, sitting, models).score(questions, clock)
                notes = models.judge.notes()
            # Read once the backends are closed, when every call is in the store.
            sitting.served = Served(
                store.models_of(plan.run_id), store.builds_of(plan.run_id), notes
            )
    finally:
        sitting.progress.finish()


def rehearse(plan: Plan, missing: list[RowKey], models: Models) -> None:
    """Walk a run with backends that make their answers up; nothing is written."""
    wanted = set(missing)
    questions = {cell: _cell_questions(plan, cell, wanted) for cell in plan.cells(missing)}
    with RunScope() as scope:
        engine = _Engine(plan, _Sitting(RunTables(), Progress()), models._replace(scope=scope))
        engine.score(questions, Clock())


def _cell_questions(plan: Plan, cell: RunCell, wanted: set[RowKey]) -> list[RowKey]:
    """The rows of a cell that are still wanted, all repeats of an item in a row."""
    return [key for key in plan.keys_of(cell) if key in wanted]


@dataclass
class _Engine:
    """Aligns cells, answers their questions and gathers the rows.

    Cells are aligned in order, and a cell's questions are queued together, so that a prefix cache
    sees equal prefixes in a row.
    """

    plan: Plan
    sitting: _Sitting
    models: Models

    def score(self, questions: Mapping[RunCell, list[RowKey]], clock: Clock) -> None:
        """Align every cell and answer its questions; failures become rows, not exceptions."""

        def queue(cell: RunCell, future: Future[Aligned]) -> list[Question[RowKey]]:
            return self._questions_of(cell, questions[cell], future)

        pool = Pool(clock, self._align_cell, queue, self._record_answer)
        pool.work(list(questions), self.models.judge.max_concurrency)

    def _align_cell(self, cell: RunCell) -> Aligned:
        return align_cell(self.plan, cell, self.models)

    def _questions_of(
        self, cell: RunCell, keys: list[RowKey], future: Future[Aligned]
    ) -> list[Question[RowKey]]:
        """The questions of an aligned cell; where alignment failed, its rows fail."""
        place = (cell.dimension, cell.fold)
        try:
            aligned = future.result()
        except MissingCallError as error:
            raise MissingCallError(
                f"{self.plan.spec.variant}, {cell.dimension}, fold {cell.fold}, alignment: {error}"
            ) from error
        except (AlignmentError, FailedCallError) as error:
            self.sitting.tables.memory[place] = memory_entry(self.plan, cell, None, error)
            self.sitting.tables.seconds[place] = alignment_seconds(error.cost or CallCost())
            for key in keys:
                self._record_failure(key, f"alignment failed: {error}")
            return []
        entry = memory_entry(self.plan, cell, aligned, None)
        # Rows of an earlier sitting are kept, and with them what their prompts had no room for, and
        # how their criteria were answered.
        before = self.sitting.tables.memory.get(place, {})
        entry |= {key: before[key] for key in ("examples_left_out", "criteria") if key in before}
        self.sitting.tables.memory[place] = entry
        cost = aligned.distillation.cost if aligned.distillation else CallCost()
        self.sitting.tables.seconds[place] = alignment_seconds(cost)
        _check_guidelines(self.plan, cell, aligned)
        return [
            Question(key, aligned.judge, self.plan.asked(*key.labelled), key.repeat) for key in keys
        ]

    def _record_answer(self, key: RowKey, future: Future[Verdict]) -> None:
        try:
            verdict = future.result()
        except MissingCallError as error:
            where = f"{key.dimension}, fold {self.plan.fold[key.item_id]}, {key.item_id}"
            raise MissingCallError(f"{self.plan.spec.variant}, {where}: {error}") from error
        except (AlignmentError, FailedCallError) as error:
            self._keep_raw(key, error.raw)
            self._record_failure(key, str(error), error.cost)
            return
        _check_neighbours(self.plan, key, verdict)
        if verdict.n_left_out:
            self._note_in_memory(key, "examples_left_out", verdict.n_left_out)
        # Criteria are counted by item, so only the first repeat is kept.
        if verdict.criteria and key.repeat == 0:
            self._note_in_memory(key, "criteria", list(verdict.criteria))
        self._keep_raw(key, verdict.raw)
        self.sitting.tables.rows[key] = judged_row(self.plan, key, verdict)
        self.sitting.tables.timings[key] = timing_row(self.plan, key, verdict.cost)
        self._advance(failed=False)

    def _keep_raw(self, key: RowKey, raw: RawAnswer | None) -> None:
        if raw is not None:
            self.sitting.tables.answers[key] = answer_row(self.plan, key, raw)

    def _note_in_memory(self, key: RowKey, name: str, value: Any) -> None:
        """Store a detail of how an item was asked about with its cell's memory."""
        cell = self.sitting.tables.memory[key.dimension, self.plan.fold[key.item_id]]
        cell.setdefault(name, {})[key.item_id] = value

    def _record_failure(self, key: RowKey, error: str, cost: CallCost | None = None) -> None:
        self.sitting.tables.rows[key] = silent_row(self.plan, key, Status.FAILED, error, cost)
        if cost is not None:
            self.sitting.tables.timings[key] = timing_row(self.plan, key, cost)
        self._advance(failed=True)

    def _advance(self, *, failed: bool) -> None:
        self.sitting.asked += 1
        self.sitting.progress.advance(failed=failed)


def _check_neighbours(plan: Plan, key: RowKey, verdict: Verdict) -> None:
    """Refuse an answer whose neighbours include a held-out item."""
    shown = (example.item_id for example in verdict.examples)
    check_leak(plan, key.dimension, plan.fold[key.item_id], shown)


def _check_guidelines(plan: Plan, cell: RunCell, aligned: Aligned) -> None:
    """Refuse guidelines that were distilled from a held-out item."""
    if aligned.distillation:
        sources = (name for entry in aligned.distillation.guidelines for name in entry.sources)
        check_leak(plan, cell.dimension, cell.fold, sources)
