"""Which entry of memory helped: the judge is asked again with one guideline or example left out.

After a run is complete, every held-out item that the judge graded and an expert too is judged once
more for each guideline of its cell and each example that it was shown, as if that entry were not in
memory. All else stays: guidelines are not distilled anew, vectors of other items stay, and where an
example is left out the next one takes its place. Calls go through the run's call store, which is
all that a sitting leaves behind until the file is complete.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple

from memalign_bench.backends.store.call_store import CallStore
from memalign_bench.errors import AlignmentError, FailedCallError, MissingCallError, RecordError
from memalign_bench.judging.judge import Judge
from memalign_bench.judging.scoring import LogprobScoring, shows_examples
from memalign_bench.study import records
from memalign_bench.study.plan import Plan, RowKey, RunCell
from memalign_bench.study.rows import judged_row, silent_row
from memalign_bench.study.runfiles import RunFiles
from memalign_bench.study.running.aligning import Models, align_cell, check_leak, opened_models
from memalign_bench.study.running.pool import Clock, Pool, Progress, Question
from memalign_bench.types import NOT_APPLICABLE, Scale, Score, Status, Verdict

__all__ = ["FILE", "AttributionOutcome", "LeftOutEntry", "attribute", "rehearse_attribution"]

FILE = "attribution.parquet"

_KEY = ("dimension", "item_id", "repeat", "kind", "place")


class AttributionOutcome(NamedTuple):
    """What became of an attribution.

    Attributes:
        n_rows: Rows of the file: answers with one entry left out; 0 where no answer had any.
        asked: Questions asked in this sitting (0 where the file was complete).
        failures: One line for each question, or cell, that failed.
    """

    n_rows: int
    asked: int = 0
    failures: tuple[str, ...] = ()


class LeftOutEntry(NamedTuple):
    """One entry of memory that one question is asked without; columns as in the records."""

    key: RowKey
    kind: Literal["guideline", "example"]
    place: int
    entry: str
    sources: tuple[str, ...]
    label: Score | None
    judge: Judge


def attribute(
    files: RunFiles, rows: Mapping[RowKey, dict[str, Any]], clock: Clock, progress: Progress
) -> AttributionOutcome:
    """Ask without each entry of memory, and write `attribution.parquet`; skipped if it is complete.

    Args:
        files: The run's.
        rows: Its predictions, complete.
        clock: Of the sitting.
        progress: Told of each question.

    Raises:
        BackendError: If the model cannot serve at all, or money or time that were set are used up.
        RecordError: If memory is not what the predictions say.
    """
    plan = files.plan
    # Counted by the predictions, before any cell is aligned.
    predicted = {key: row for key, row in rows.items() if _can_compare(plan, key, row)}
    total = sum(len(row["neighbour_ids"]) + row["n_guidelines"] for row in predicted.values())
    if not total or not plan.spec.alignment.needs_model:
        return AttributionOutcome(0)
    # Nothing changed since: the answers need not even be looked up.
    if _is_complete(files):
        return AttributionOutcome(
            records.read_json(files.folder / "manifest.json")["attribution"]["rows"]
        )
    progress.start(total, f"{plan.spec.variant}, without one entry each")
    try:
        with CallStore(plan.spec.store_path, plan.run_id) as store:
            with opened_models(plan.spec, store) as models:
                engine = _LeaveOneOut(plan, models, predicted, progress)
                engine.work(clock)
            # Read once the backends are closed, when every call is in the store.
            served = store.models_of(plan.run_id)
    finally:
        progress.finish()
    _write_file(files, engine, served)
    return AttributionOutcome(len(engine.rows), engine.asked, tuple(sorted(engine.failures)))


def rehearse_attribution(plan: Plan, rows: Mapping[RowKey, dict[str, Any]], models: Models) -> None:
    """Walk an attribution with backends that make their answers up; nothing is written.

    Args:
        plan: The run.
        rows: What is known of its predictions; what is not is taken to be graded.
        models: The backends.
    """
    keys = {key: rows.get(key) for key in plan.row_keys()}
    predicted = {key: row for key, row in keys.items() if _can_compare(plan, key, row)}
    _LeaveOneOut(plan, models, predicted, Progress()).work(Clock())


def _can_compare(plan: Plan, key: RowKey, row: Mapping[str, Any] | None) -> bool:
    """Whether expert and judge both graded the item, so that there is an error to compare with."""
    graded = plan.gold[key.labelled].score is not NOT_APPLICABLE
    return graded and (row is None or row["status"] == Status.SCORED.value)


def _is_complete(files: RunFiles) -> bool:
    """Whether the file is complete, and the one that the manifest of these predictions names."""
    recorded = records.read_json(files.folder / "manifest.json").get("attribution", {})
    path = files.folder / FILE
    complete = recorded.get("status") == "complete" and path.is_file()
    return bool(complete and recorded["sha256"] == records.sha256_of(path))


def _write_file(files: RunFiles, engine: _LeaveOneOut, served: Mapping[str, int]) -> None:
    """Write the file, then name it in the manifest; a manifest that is written anew names none."""
    # Answers come in any order, and the file must not depend on it.
    rows = sorted(engine.rows, key=lambda row: tuple(row[name] for name in _KEY))
    whole = records.has_whole_scores(files.plan.spec.rubric)
    schema = records.attribution_schema(whole=whole)
    sha256 = records.write_rows(files.folder / FILE, rows, schema)
    manifest = records.read_json(files.folder / "manifest.json")
    status = "failures" if engine.failures else "complete"
    manifest["attribution"] = {"rows": len(rows), "sha256": sha256, "status": status}
    # The store counts all calls of the run, so this replaces what was counted before.
    manifest["served_models"] = dict(sorted(served.items()))
    records.write_json(files.folder / "manifest.json", manifest)


@dataclass
class _LeaveOneOut:
    """Asks without each entry and gathers the rows.

    Attributes:
        plan: The run.
        models: Its models.
        predicted: The questions, each with its row of the predictions where that is known.
        progress: Told of each question.
        rows: Rows of the file.
        failures: One line each.
        asked: Questions asked.
    """

    plan: Plan
    models: Models
    predicted: Mapping[RowKey, Mapping[str, Any] | None]
    progress: Progress
    rows: list[dict[str, Any]] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    asked: int = 0

    def work(self, clock: Clock) -> None:
        """Ask everything; failures become rows, not exceptions."""
        cells = self.plan.cells(sorted(self.predicted))
        pool = Pool(clock, self._entries_to_leave_out, self._questions, self._record_answer)
        pool.work(cells, self.models.judge.max_concurrency)

    def _entries_to_leave_out(self, cell: RunCell) -> list[LeftOutEntry]:
        """What the cell's questions are asked without; equal guidelines in a row, for caches."""
        judge = align_cell(self.plan, cell, self.models).judge
        if not isinstance(judge, Judge):
            return []
        if isinstance(judge.scoring, LogprobScoring):  # a rationale decides no grade
            judge = replace(judge, scoring=replace(judge.scoring, explain=False))
        # Such a scoring puts no example in its prompt, so leaving one out changes nothing.
        if not shows_examples(judge.scoring):
            judge = replace(judge, retriever=None)
        # A cell also holds items without a grade of expert or judge; these are not asked again.
        keys = [key for key in self.plan.keys_of(cell) if key in self.predicted]
        entries = [
            *_without_each_guideline(judge, keys),
            *_without_each_example(self.plan, judge, keys),
        ]
        self._check_same_memory(keys, entries)
        return entries

    def _check_same_memory(self, keys: Sequence[RowKey], entries: Sequence[LeftOutEntry]) -> None:
        """Refuse to go on if memory now differs from what the predictions were made with."""
        examples: dict[RowKey, list[str]] = {key: [] for key in keys}
        n_guidelines = dict.fromkeys(keys, 0)
        for entry in entries:
            if entry.kind == "example":
                examples[entry.key].append(entry.entry)
            else:
                n_guidelines[entry.key] += 1
        for key in keys:
            row, memory = self.predicted[key], (examples[key], n_guidelines[key])
            if row is not None and (row["neighbour_ids"], row["n_guidelines"]) != memory:
                raise RecordError(
                    f"{key.dimension}, {key.item_id}: the predictions were made with the examples"
                    f" {row['neighbour_ids']} and {row['n_guidelines']} guidelines, and memory now"
                    f" holds {memory[0]} and {memory[1]}; delete the run {self.plan.run_id} and run"
                    " again."
                )

    def _questions(
        self, cell: RunCell, future: Future[list[LeftOutEntry]]
    ) -> list[Question[LeftOutEntry]]:
        where = f"{cell.dimension}, fold {cell.fold}"
        try:
            entries = future.result()
        except MissingCallError as error:
            raise MissingCallError(
                f"{self.plan.spec.variant}, {where}, attribution: {error}"
            ) from error
        except (AlignmentError, FailedCallError) as error:
            self.failures.append(f"{where}: alignment failed: {error}")
            return []
        return [
            Question(entry, entry.judge, self.plan.asked(*entry.key.labelled), entry.key.repeat)
            for entry in entries
        ]

    def _record_answer(self, entry: LeftOutEntry, future: Future[Verdict]) -> None:
        dimension, item_id, _ = entry.key
        fold = self.plan.fold[item_id]
        where = f"{dimension}, fold {fold}, {item_id}, without {entry.kind} {entry.entry}"
        try:
            verdict = future.result()
        except MissingCallError as error:
            raise MissingCallError(f"{self.plan.spec.variant}, {where}: {error}") from error
        except (AlignmentError, FailedCallError) as error:
            self.failures.append(f"{where}: {error}")
            # A failure is a row as well, with no effect.
            row = silent_row(self.plan, entry.key, Status.FAILED, str(error))
            self._add_row(entry, row, failed=True)
            return
        check_leak(self.plan, dimension, fold, (example.item_id for example in verdict.examples))
        self._add_row(entry, judged_row(self.plan, entry.key, verdict), failed=False)

    def _add_row(self, entry: LeftOutEntry, without: Mapping[str, Any], *, failed: bool) -> None:
        predicted_row = self.predicted[entry.key]
        if predicted_row is not None:
            self.rows.append(
                _attribution_row(entry, self.plan.spec.rubric.scale, predicted_row, without)
            )
        self.asked += 1
        self.progress.advance(failed=failed)


def _without_each_guideline(judge: Judge, keys: Sequence[RowKey]) -> Iterator[LeftOutEntry]:
    """Each guideline of a cell, with the judge that does without it, for each question."""
    for place, guideline in enumerate(judge.guidelines):
        # Filler of a control is no memory: it came from no label.
        if guideline.placebo:
            continue
        # Guidelines outside, questions inside: prompts with the same guidelines follow one another.
        judge_without = judge.without_guideline(place)
        columns = (str(place + 1), guideline.sources, guideline.grade)
        for key in keys:
            yield LeftOutEntry(key, "guideline", place, *columns, judge_without)


def _without_each_example(
    plan: Plan, judge: Judge, keys: Sequence[RowKey]
) -> Iterator[LeftOutEntry]:
    """Each example that a question was shown, with the judge that does without it."""
    for key in keys if judge.retriever else ():
        # Retrieved again, since the predictions hold the examples' ids only.
        shown = judge.retriever.nearest(plan.asked(*key.labelled)) if judge.retriever else ()
        for place, example in enumerate(shown):
            if not example.placebo:
                judge_without = judge.without_example(example.item_id)
                yield LeftOutEntry(
                    key, "example", place, example.item_id, (), example.score, judge_without
                )


def _attribution_row(
    entry: LeftOutEntry, scale: Scale, predicted: Mapping[str, Any], without: Mapping[str, Any]
) -> dict[str, Any]:
    """A row of the file, from the predictions' row and the one `without` the entry."""
    expert = predicted["expert_score"]
    same = ("dimension", "fold", "fold_seed", "item_id", "case_id", "repeat", "expert_score")
    shown = set(predicted["neighbour_ids"])
    return {
        **{name: predicted[name] for name in same},
        "kind": entry.kind,
        "place": entry.place,
        "entry": entry.entry,
        "sources": list(entry.sources),
        "label": records.stored_score(entry.label, scale),
        # What came into the prompt in the example's place.
        "instead": [name for name in without["neighbour_ids"] if name not in shown],
        "judge_score": predicted["judge_score_raw"],
        "judge_expected": predicted["judge_expected"],
        "distribution": predicted["distribution"],
        "judge_score_without": without["judge_score_raw"],
        "judge_expected_without": without["judge_expected"],
        "distribution_without": without["distribution"],
        "effect": _error_reduction(predicted["judge_expected"], without["judge_expected"], expert),
        "effect_grade": _error_reduction(
            predicted["judge_score_raw"], without["judge_score_raw"], expert
        ),
        "status": without["status"],
        "error": without["error"],
    }


def _error_reduction(
    with_entry: float | None, without: float | None, expert: float
) -> float | None:
    """How much smaller the error is with the entry than without, in grades."""
    if with_entry is None or without is None:
        return None
    return float(abs(without - expert) - abs(with_entry - expert))
