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
from memalign_bench.study.running.asking import (
    Clock,
    Models,
    Pool,
    Progress,
    Question,
    align_cell,
    check_leak,
    opened_models,
)
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
    held = {key: row for key, row in rows.items() if _is_asked(plan, key, row)}
    total = sum(len(row["neighbour_ids"]) + row["n_guidelines"] for row in held.values())
    if not total or not plan.spec.alignment.needs_model:
        return AttributionOutcome(0)
    if _stands(files):
        return AttributionOutcome(
            records.read_json(files.folder / "manifest.json")["attribution"]["rows"]
        )
    progress.start(total, f"{plan.spec.variant}, without one entry each")
    try:
        with CallStore(plan.spec.store_path, plan.run_id) as store:
            with opened_models(plan.spec, store) as models:
                engine = _LeaveOneOut(plan, models, held, progress)
                engine.work(clock)
            served = store.models_of(plan.run_id)
    finally:
        progress.finish()
    _write(files, engine, served)
    return AttributionOutcome(len(engine.rows), engine.asked, tuple(sorted(engine.failures)))


def rehearse_attribution(plan: Plan, rows: Mapping[RowKey, dict[str, Any]], models: Models) -> None:
    """Walk an attribution with backends that make their answers up; nothing is written.

    Args:
        plan: The run.
        rows: What is known of its predictions; what is not is taken to be graded.
        models: The backends.
    """
    keys = {key: rows.get(key) for key in plan.keys()}  # noqa: SIM118
    held = {key: row for key, row in keys.items() if _is_asked(plan, key, row)}
    _LeaveOneOut(plan, models, held, Progress()).work(Clock())


def _is_asked(plan: Plan, key: RowKey, row: Mapping[str, Any] | None) -> bool:
    """Whether the error with memory is known, to hold one without an entry against."""
    graded = plan.gold[key[1], key[0]].score is not NOT_APPLICABLE
    return graded and (row is None or row["status"] == Status.SCORED.value)


def _stands(files: RunFiles) -> bool:
    """Whether the file is complete, and the one that the manifest of these predictions names."""
    named = records.read_json(files.folder / "manifest.json").get("attribution", {})
    path = files.folder / FILE
    complete = named.get("status") == "complete" and path.is_file()
    return bool(complete and named["sha256"] == records.sha256_of(path))


def _write(files: RunFiles, engine: _LeaveOneOut, served: Mapping[str, int]) -> None:
    """Write the file, then name it in the manifest; a manifest that is written anew names none."""
    rows = sorted(engine.rows, key=lambda row: tuple(row[name] for name in _KEY))
    whole = records.has_whole_scores(files.plan.spec.rubric)
    schema = records.attribution_schema(whole=whole)
    sha256 = records.write_rows(files.folder / FILE, rows, schema)
    manifest = records.read_json(files.folder / "manifest.json")
    status = "failures" if engine.failures else "complete"
    manifest["attribution"] = {"rows": len(rows), "sha256": sha256, "status": status}
    manifest["served_models"] = dict(sorted(served.items()))
    records.write_json(files.folder / "manifest.json", manifest)


@dataclass
class _LeaveOneOut:
    """Asks without each entry and gathers the rows.

    Attributes:
        plan: The run.
        models: Its models.
        held: The questions, each with its row of the predictions where that is known.
        progress: Told of each question.
        rows: Rows of the file.
        failures: One line each.
        asked: Questions asked.
    """

    plan: Plan
    models: Models
    held: Mapping[RowKey, Mapping[str, Any] | None]
    progress: Progress
    rows: list[dict[str, Any]] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    asked: int = 0

    def work(self, clock: Clock) -> None:
        """Ask everything; failures become rows, not exceptions."""
        cells = self.plan.cells(sorted(self.held))
        pool = Pool(clock, self._entries, self._queue, self._gather)
        pool.work(cells, self.models.judge.max_concurrency)

    def _entries(self, cell: RunCell) -> list[LeftOutEntry]:
        """What the cell's questions are asked without; equal guidelines in a row, for caches."""
        judge = align_cell(self.plan, cell, self.models).judge
        if not isinstance(judge, Judge):
            return []
        if isinstance(judge.scoring, LogprobScoring):  # a rationale decides no grade
            judge = replace(judge, scoring=replace(judge.scoring, explain=False))
        if not shows_examples(judge.scoring):
            judge = replace(judge, retriever=None)
        repeats = range(self.plan.spec.repeats)
        keys = [(cell.dimension, name, repeat) for name in cell.test for repeat in repeats]
        keys = [key for key in keys if key in self.held]
        entries = [*_guidelines(judge, keys), *_examples(self.plan, judge, keys)]
        self._check(keys, entries)
        return entries

    def _check(self, keys: Sequence[RowKey], entries: Sequence[LeftOutEntry]) -> None:
        """The predictions must have been made with this memory."""
        examples: dict[RowKey, list[str]] = {key: [] for key in keys}
        n_guidelines = dict.fromkeys(keys, 0)
        for entry in entries:
            if entry.kind == "example":
                examples[entry.key].append(entry.entry)
            else:
                n_guidelines[entry.key] += 1
        for key in keys:
            row, found = self.held[key], (examples[key], n_guidelines[key])
            if row is not None and (row["neighbour_ids"], row["n_guidelines"]) != found:
                raise RecordError(
                    f"{key[0]}, {key[1]}: the predictions were made with the examples"
                    f" {row['neighbour_ids']} and {row['n_guidelines']} guidelines, and memory now"
                    f" holds {found[0]} and {found[1]}; delete the run {self.plan.run_id} and run"
                    " again."
                )

    def _queue(
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
            Question(entry, entry.judge, self.plan.asked(entry.key[1], entry.key[0]), entry.key[2])
            for entry in entries
        ]

    def _gather(self, entry: LeftOutEntry, future: Future[Verdict]) -> None:
        dimension, item_id, _ = entry.key
        fold = self.plan.fold[item_id]
        where = f"{dimension}, fold {fold}, {item_id}, without {entry.kind} {entry.entry}"
        try:
            verdict = future.result()
        except MissingCallError as error:
            raise MissingCallError(f"{self.plan.spec.variant}, {where}: {error}") from error
        except (AlignmentError, FailedCallError) as error:
            self.failures.append(f"{where}: {error}")
            found = silent_row(self.plan, entry.key, Status.FAILED, str(error))
            self._keep(entry, found, failed=True)
            return
        check_leak(self.plan, dimension, fold, (one.item_id for one in verdict.examples))
        self._keep(entry, judged_row(self.plan, entry.key, verdict), failed=False)

    def _keep(self, entry: LeftOutEntry, found: Mapping[str, Any], *, failed: bool) -> None:
        held = self.held[entry.key]
        if held is not None:
            self.rows.append(_row(entry, self.plan.spec.rubric.scale, held, found))
        self.asked += 1
        self.progress.advance(failed=failed)


def _guidelines(judge: Judge, keys: Sequence[RowKey]) -> Iterator[LeftOutEntry]:
    for place, guideline in enumerate(judge.guidelines):
        if guideline.placebo:
            continue
        less = judge.without_guideline(place)
        told = (str(place + 1), guideline.sources, guideline.grade)
        for key in keys:
            yield LeftOutEntry(key, "guideline", place, *told, less)


def _examples(plan: Plan, judge: Judge, keys: Sequence[RowKey]) -> Iterator[LeftOutEntry]:
    for key in keys if judge.retriever else ():
        shown = judge.retriever.nearest(plan.asked(key[1], key[0])) if judge.retriever else ()
        for place, example in enumerate(shown):
            if not example.placebo:
                less = judge.without_example(example.item_id)
                yield LeftOutEntry(key, "example", place, example.item_id, (), example.score, less)


def _row(
    entry: LeftOutEntry, scale: Scale, held: Mapping[str, Any], found: Mapping[str, Any]
) -> dict[str, Any]:
    """A row of the file; `held` and `found` are rows of predictions, with and without the entry."""
    expert = held["expert_score"]
    same = ("dimension", "fold", "fold_seed", "item_id", "case_id", "repeat", "expert_score")
    shown = set(held["neighbour_ids"])
    return {
        **{name: held[name] for name in same},
        "kind": entry.kind,
        "place": entry.place,
        "entry": entry.entry,
        "sources": list(entry.sources),
        "label": records.stored_score(entry.label, scale),
        "instead": [name for name in found["neighbour_ids"] if name not in shown],
        "judge_score": held["judge_score_raw"],
        "judge_expected": held["judge_expected"],
        "distribution": held["distribution"],
        "judge_score_without": found["judge_score_raw"],
        "judge_expected_without": found["judge_expected"],
        "distribution_without": found["distribution"],
        "effect": _effect(held["judge_expected"], found["judge_expected"], expert),
        "effect_grade": _effect(held["judge_score_raw"], found["judge_score_raw"], expert),
        "status": found["status"],
        "error": found["error"],
    }


def _effect(shown: float | None, without: float | None, expert: float) -> float | None:
    """By how much the error is smaller with the entry, in grades."""
    if shown is None or without is None:
        return None
    return float(abs(without - expert) - abs(shown - expert))
