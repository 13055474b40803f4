"""Asks judges about notebooks: every notebook of a run, or a single one."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from memalign_bench.errors import AlignmentError, DataError, FailedCallError, RequestError
from memalign_bench.judging.judge import Judge, ShownItem
from memalign_bench.judging.relative import RelativeJudge
from memalign_bench.judging.scoring import most_likely
from memalign_bench.loop.records import load_generated
from memalign_bench.loop.scoring.judges import JudgeFolder
from memalign_bench.loop.scoring.records import Outcome, scores_schema
from memalign_bench.memory.episodic import RandomMemory
from memalign_bench.shipping.loading import LoadedJudge, new_item
from memalign_bench.study import provenance, records
from memalign_bench.study.running.pool import Clock, Pool, Progress, Question
from memalign_bench.types import NOT_APPLICABLE, CallCost, Item, Verdict

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ScoringOutcome", "score_item", "score_run"]


class RowKey(NamedTuple):
    """Which row of the scores; they are sorted by it."""

    dimension: str
    case_id: str
    repeat: int


class ScoringOutcome(NamedTuple):
    """What became of the scoring of a run.

    Attributes:
        path: Folder of the scores.
        counts: Rows by outcome.
        remembered: Notebooks that a judge was aligned on; asked without their own example.
        failures: A line for each row that the judge owes.
    """

    path: Path
    counts: Mapping[str, int]
    remembered: int
    failures: tuple[str, ...]


def score_run(
    run: Path,
    folder: JudgeFolder,
    judges: Mapping[str, LoadedJudge],
    *,
    max_minutes: float | None = None,
    progress: Progress | None = None,
) -> ScoringOutcome:
    """Score all notebooks of a generated run on all dimensions that apply, and write the scores.

    Killed and started again, it asks for nothing that the call store holds.

    Args:
        run: The generated run's folder.
        folder: The judges as their files say.
        judges: The same, opened.
        max_minutes: Stop asking after so long.
        progress: What is told.

    Raises:
        RequestError: If no judge has a dimension that a case names.
        BackendError: If the model cannot serve at all, or money or time that were set are used up.
    """
    generated, notebooks = load_generated(run)
    sitting = _Sitting(run, generated, judges, progress or Progress())
    # Ask, or take the answers from the call store.
    # All of them before the first is asked: the last may be followed by a refusal.
    rows = list(_questions(notebooks, folder))
    sitting.work(rows, Clock(max_minutes))
    out = run / "scores" / folder.digest
    # Sorted, so that the file does not depend on who answered first.
    order = sorted(sitting.rows)
    table_rows = [sitting.rows[key] for key in order]
    sha256 = records.write_rows(out / "scores.parquet", table_rows, scores_schema())
    counts = dict(sorted(Counter(row["outcome"] for row in table_rows).items()))
    # A notebook counts once, whatever the number of its dimensions.
    remembered = len(
        {(key.case_id, key.repeat) for key in order if sitting.rows[key]["remembered"]}
    )
    manifest = {
        "run_id": run.name,
        "judge": folder.manifest(),
        "notebooks_sha256": generated["notebooks_sha256"],
        "scores_sha256": sha256,
        "counts": counts,
        "remembered": remembered,
        "totals": _totals(table_rows),
        "versions": dict(provenance.versions()),
        "git": provenance.code_state(),
        "finished": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
    }
    # Last: scores without a manifest are not taken for complete.
    records.write_json(out / "manifest.json", manifest)
    failed = [row for row in table_rows if row["outcome"] == Outcome.FAILED]
    failures = tuple(
        f"{row['dimension']}, {row['case_id']}-{row['repeat']}: {row['error']}" for row in failed
    )
    return ScoringOutcome(out, counts, remembered, failures)


def score_item(
    judges: Mapping[str, LoadedJudge], notebook: Path, request: str, context: str
) -> list[dict[str, Any]]:
    """Scores of one notebook by every judge, as rows of `scores.parquet` without a case.

    Raises:
        RequestError: If there is no such file.
        DataError: If it is no notebook, or an empty one.
        BackendError: If the model cannot serve at all.
    """
    item = new_item(notebook, request, context)
    rows = []
    for name, judge in judges.items():
        prepared = _prepare(judge, item)
        # It is of no run: the file's name stands for a case.
        key = RowKey(name, notebook.name, 0)
        try:
            verdict = prepared.reader.score(prepared.shown)
        except (AlignmentError, FailedCallError) as error:
            rows.append(_row_without_grade(key, "", Outcome.FAILED, str(error), error.cost))
        else:
            rows.append(
                _verdict_row(key, "", judge, verdict, named=False, seen=prepared.remembered)
            )
    return rows


class _PreparedQuestion(NamedTuple):
    """A judge ready to be asked, the item as shown to it, and whether it was aligned on it."""

    reader: Judge | RelativeJudge
    shown: ShownItem
    remembered: bool


def _prepare(judge: LoadedJudge, item: Item) -> _PreparedQuestion:
    """Show an item; a judge that was aligned on it is asked without its own example."""
    shown = judge.shown(item)
    retriever: Any = judge.judge.judge.retriever
    # A control draws at random from the memory that it wraps.
    memory = retriever.memory if isinstance(retriever, RandomMemory) else retriever
    # Found by text: the notebook has another id here than in the judge's data.
    same = [
        entry.shown.item_id
        for entry in (memory.items if memory is not None else ())
        if entry.shown.example_text == shown.example_text
    ]
    for item_id in same:
        judge = judge.without_example(item_id)
    return _PreparedQuestion(judge.reader(), shown, bool(same))


class _NotebookQuestion(NamedTuple):
    """A notebook on one dimension."""

    key: RowKey
    case_hash: str
    named: bool
    notebook: str
    why: str


def _questions(notebooks: pd.DataFrame, folder: JudgeFolder) -> Iterator[_NotebookQuestion]:
    """Every notebook on every dimension of its case that has a judge; all where it names none."""
    named_dimensions: set[str] = set()
    for row in notebooks.to_dict("records"):
        # A case that names no dimension is asked about on all.
        named = [str(name) for name in row["dimensions"]]
        named_dimensions |= set(named)
        for name in folder.records:
            if not named or name in named:
                key = RowKey(name, str(row["case_id"]), int(row["repeat"]))
                reason = str(row["error"]) or str(row["status"])
                yield _NotebookQuestion(
                    key, str(row["case_hash"]), bool(named), str(row["path"]), reason
                )
    if named_dimensions and not named_dimensions & set(folder.records):
        raise RequestError(
            f"{folder.path} has judges of {', '.join(folder.records)}, and the cases are about"
            f" {', '.join(sorted(named_dimensions))}: no dimension in common."
        )


@dataclass
class _Sitting:
    """One sitting of a scoring."""

    run: Path
    generated: Mapping[str, Any]
    judges: Mapping[str, LoadedJudge]
    progress: Progress
    rows: dict[RowKey, dict[str, Any]] = field(default_factory=dict)
    prepared: dict[RowKey, _PreparedQuestion] = field(default_factory=dict)
    asked: dict[RowKey, _NotebookQuestion] = field(default_factory=dict)

    def work(self, rows: Sequence[_NotebookQuestion], clock: Clock) -> None:
        """Read the notebooks, then ask, dimension by dimension, under the model's limit."""
        cases = {case["case_id"]: case for case in self.generated["cases"]}
        self.asked = {question.key: question for question in rows}
        readable = [
            question.key
            for question in rows
            if self._prepare_notebook(question, cases[question.key.case_id])
        ]
        self.progress.start(len(readable), f"{self.run.name}, {len(self.judges)} dimensions")
        # By dimension, so that prompts with one beginning follow one another.
        by_dimension: dict[str, list[RowKey]] = {}
        for key in readable:
            by_dimension.setdefault(key.dimension, []).append(key)

        def queue(name: str, _: Future[None]) -> list[Question[RowKey]]:
            return [
                # Repeat 0: what is repeated is the notebook, which is asked about once.
                Question(key, self.prepared[key].reader, self.prepared[key].shown, 0)
                for key in by_dimension[name]
            ]

        limits = [judge.backends[0].max_concurrency for judge in self.judges.values()]
        # A dimension stands where studies have a cell: there is nothing to align first.
        pool: Pool[str, None, RowKey] = Pool(clock, lambda _: None, queue, self._record_verdict)
        try:
            pool.work(list(by_dimension), max(limits))
        finally:
            self.progress.finish()

    def _prepare_notebook(self, question: _NotebookQuestion, case: Mapping[str, Any]) -> bool:
        """Whether there is a notebook to ask about; a row says why not."""
        if not question.notebook:
            self.rows[question.key] = _row_without_grade(
                question.key, question.case_hash, Outcome.NO_NOTEBOOK, question.why
            )
            return False
        try:
            item = new_item(self.run / question.notebook, case["prompt"], case["context"])
            self.prepared[question.key] = _prepare(self.judges[question.key.dimension], item)
        # No notebook, or one that says nothing: that is the agent's doing.
        except DataError as error:
            problems = "; ".join(error.problems)
            self.rows[question.key] = _row_without_grade(
                question.key, question.case_hash, Outcome.UNREADABLE, problems
            )
            return False
        return True

    def _record_verdict(self, key: RowKey, future: Future[Verdict]) -> None:
        question, judge = self.asked[key], self.judges[key.dimension]
        try:
            verdict = future.result()
        except (AlignmentError, FailedCallError) as error:
            row = _row_without_grade(
                key, question.case_hash, Outcome.FAILED, str(error), error.cost
            )
            self.rows[key] = row
            self.progress.advance(failed=True)
            return
        remembered = self.prepared[key].remembered
        self.rows[key] = _verdict_row(
            key, question.case_hash, judge, verdict, named=question.named, seen=remembered
        )
        self.progress.advance(failed=False)


def _verdict_row(
    key: RowKey, case_hash: str, judge: LoadedJudge, verdict: Verdict, *, named: bool, seen: bool
) -> dict[str, Any]:
    is_abstention = verdict.score == NOT_APPLICABLE
    # Only where the case names the dimension is "not applicable" held against the agent.
    outcome = (
        (Outcome.ABSTAINED if named else Outcome.NOT_APPLICABLE)
        if is_abstention
        else Outcome.SCORED
    )
    grade = None if is_abstention else verdict.score
    chances, as_asked = verdict.distribution, grade
    if chances is not None and judge.record["reading"] == "relative" and judge.judge.relative:
        prior = judge.judge.relative.prior
        # A relative reading divides by the prior; multiplied again, it is what the judge said.
        as_asked = (
            None
            if is_abstention
            else most_likely({level: chances[level] * prior[level] for level in chances})
        )
    return _row(key, case_hash, outcome, verdict.cost) | {
        "score": grade,
        "score_judge": as_asked,
        "rationale": verdict.rationale,
        "distribution": None if chances is None else [chances[level] for level in sorted(chances)],
        "remembered": seen,
    }


def _row_without_grade(
    key: RowKey, case_hash: str, outcome: Outcome, why: str, cost: CallCost | None = None
) -> dict[str, Any]:
    return _row(key, case_hash, outcome, cost) | {"error": why}


def _row(key: RowKey, case_hash: str, outcome: Outcome, cost: CallCost | None) -> dict[str, Any]:
    usage = cost.usage if cost is not None else None
    return {
        "case_id": key.case_id,
        "case_hash": case_hash,
        "repeat": key.repeat,
        "dimension": key.dimension,
        "score": None,
        "score_judge": None,
        "outcome": outcome.value,
        "rationale": "",
        "distribution": None,
        "error": "",
        "remembered": False,
        "prompt_tokens": usage.prompt_tokens if usage else 0,
        "completion_tokens": usage.completion_tokens if usage else 0,
        "cost": usage.cost_usd if usage else None,
    }


def _totals(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    costs = [row["cost"] for row in rows if row["cost"] is not None]
    return {
        "prompt_tokens": sum(row["prompt_tokens"] for row in rows),
        "completion_tokens": sum(row["completion_tokens"] for row in rows),
        "cost": sum(costs) if costs else None,
    }
