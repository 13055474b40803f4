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
from memalign_bench.judging.scoring import most_likely
from memalign_bench.loop.records import load_generated
from memalign_bench.loop.scoring.judges import JudgeFolder
from memalign_bench.loop.scoring.records import Outcome, scores_schema
from memalign_bench.memory.episodic import RandomMemory
from memalign_bench.shipping.loading import LoadedJudge, new_item
from memalign_bench.study import provenance, records
from memalign_bench.study.running.asking import Clock, Pool, Progress, Question
from memalign_bench.types import NOT_APPLICABLE, Item, Verdict

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ScoringOutcome", "score_item", "score_run"]

RowKey = tuple[str, str, int]
"""Dimension, case, repeat."""


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
    rows = list(_asked(notebooks, folder))
    sitting.work(rows, Clock(max_minutes))
    out = run / "scores" / folder.digest
    order = sorted(sitting.rows)
    kept = [sitting.rows[key] for key in order]
    sha256 = records.write_rows(out / "scores.parquet", kept, scores_schema())
    counts = dict(sorted(Counter(row["outcome"] for row in kept).items()))
    remembered = len({key[1:] for key in order if sitting.rows[key]["remembered"]})
    manifest = {
        "run_id": run.name,
        "judge": folder.manifest(),
        "notebooks_sha256": generated["notebooks_sha256"],
        "scores_sha256": sha256,
        "counts": counts,
        "remembered": remembered,
        "totals": _totals(kept),
        "versions": dict(provenance.versions()),
        "git": provenance.code_state(),
        "finished": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
    }
    records.write_json(out / "manifest.json", manifest)
    failed = [row for row in kept if row["outcome"] == Outcome.FAILED]
    told = tuple(
        f"{row['dimension']}, {row['case_id']}-{row['repeat']}: {row['error']}" for row in failed
    )
    return ScoringOutcome(out, counts, remembered, told)


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
        prepared = _prepared(judge, item)
        key = (name, notebook.name, 0)
        try:
            verdict = prepared.reader.score(prepared.shown)
        except (AlignmentError, FailedCallError) as error:
            rows.append(_silent(key, "", Outcome.FAILED, str(error), error.cost))
        else:
            rows.append(_judged(key, "", judge, verdict, named=False, seen=prepared.remembered))
    return rows


class _JudgeAndItem(NamedTuple):
    """A judge as it is asked about one item, and the item as it meets it."""

    reader: Any
    shown: Any
    remembered: bool


def _prepared(judge: LoadedJudge, item: Item) -> _JudgeAndItem:
    """Show an item; a judge that was aligned on it is asked without its own example."""
    shown = judge.shown(item)
    retriever: Any = judge.judge.judge.retriever
    memory = retriever.memory if isinstance(retriever, RandomMemory) else retriever
    same = [
        entry.shown.item_id
        for entry in (memory.items if memory is not None else ())
        if entry.shown.example_text == shown.example_text
    ]
    for item_id in same:
        judge = judge.without_example(item_id)
    return _JudgeAndItem(judge.reader(), shown, bool(same))


class _NotebookQuestion(NamedTuple):
    """A notebook on one dimension."""

    key: RowKey
    case_hash: str
    named: bool
    notebook: str
    why: str


def _asked(notebooks: pd.DataFrame, folder: JudgeFolder) -> Iterator[_NotebookQuestion]:
    """Every notebook on every dimension of its case that has a judge; all where it names none."""
    met: set[str] = set()
    for row in notebooks.to_dict("records"):
        named = [str(name) for name in row["dimensions"]]
        met |= set(named)
        for name in folder.records:
            if not named or name in named:
                key = (name, str(row["case_id"]), int(row["repeat"]))
                why = str(row["error"]) or str(row["status"])
                yield _NotebookQuestion(
                    key, str(row["case_hash"]), bool(named), str(row["path"]), why
                )
    if met and not met & set(folder.records):
        raise RequestError(
            f"{folder.path} has judges of {', '.join(folder.records)}, and the cases are about"
            f" {', '.join(sorted(met))}: no dimension in common."
        )


@dataclass
class _Sitting:
    """One sitting of a scoring."""

    run: Path
    generated: Mapping[str, Any]
    judges: Mapping[str, LoadedJudge]
    progress: Progress
    rows: dict[RowKey, dict[str, Any]] = field(default_factory=dict)
    prepared: dict[RowKey, _JudgeAndItem] = field(default_factory=dict)
    asked: dict[RowKey, _NotebookQuestion] = field(default_factory=dict)

    def work(self, rows: Sequence[_NotebookQuestion], clock: Clock) -> None:
        """Read the notebooks, then ask, dimension by dimension, under the model's limit."""
        cases = {case["case_id"]: case for case in self.generated["cases"]}
        self.asked = {one.key: one for one in rows}
        readable = [one.key for one in rows if self._read(one, cases[one.key[1]])]
        self.progress.start(len(readable), f"{self.run.name}, {len(self.judges)} dimensions")
        by_dimension: dict[str, list[RowKey]] = {}
        for key in readable:
            by_dimension.setdefault(key[0], []).append(key)

        def queue(name: str, _: Future[None]) -> list[Question[RowKey]]:
            return [
                Question(key, self.prepared[key].reader, self.prepared[key].shown, 0)
                for key in by_dimension[name]
            ]

        limits = [judge.backends[0].max_concurrency for judge in self.judges.values()]
        pool: Pool[str, None, RowKey] = Pool(clock, lambda _: None, queue, self._gather)
        try:
            pool.work(list(by_dimension), max(limits))
        finally:
            self.progress.finish()

    def _read(self, one: _NotebookQuestion, case: Mapping[str, Any]) -> bool:
        """Whether there is a notebook to ask about; a row says why not."""
        if not one.notebook:
            self.rows[one.key] = _silent(one.key, one.case_hash, Outcome.NO_NOTEBOOK, one.why)
            return False
        try:
            item = new_item(self.run / one.notebook, case["prompt"], case["context"])
            self.prepared[one.key] = _prepared(self.judges[one.key[0]], item)
        except DataError as error:
            told = "; ".join(error.problems)
            self.rows[one.key] = _silent(one.key, one.case_hash, Outcome.UNREADABLE, told)
            return False
        return True

    def _gather(self, key: RowKey, future: Future[Verdict]) -> None:
        one, judge = self.asked[key], self.judges[key[0]]
        try:
            verdict = future.result()
        except (AlignmentError, FailedCallError) as error:
            row = _silent(key, one.case_hash, Outcome.FAILED, str(error), error.cost)
            self.rows[key] = row
            self.progress.advance(failed=True)
            return
        seen = self.prepared[key].remembered
        self.rows[key] = _judged(key, one.case_hash, judge, verdict, named=one.named, seen=seen)
        self.progress.advance(failed=False)


def _judged(
    key: RowKey, case_hash: str, judge: LoadedJudge, verdict: Verdict, *, named: bool, seen: bool
) -> dict[str, Any]:
    silent = verdict.score == NOT_APPLICABLE
    outcome = (Outcome.ABSTAINED if named else Outcome.NOT_APPLICABLE) if silent else Outcome.SCORED
    grade = None if silent else verdict.score
    chances, raw = verdict.distribution, grade
    if chances is not None and judge.record["reading"] == "relative" and judge.judge.relative:
        prior = judge.judge.relative.prior
        raw = None if silent else most_likely({one: chances[one] * prior[one] for one in chances})
    return _row(key, case_hash, outcome, verdict.cost) | {
        "score": grade,
        "score_judge": raw,
        "rationale": verdict.rationale,
        "distribution": None if chances is None else [chances[one] for one in sorted(chances)],
        "remembered": seen,
    }


def _silent(
    key: RowKey, case_hash: str, outcome: Outcome, why: str, cost: Any = None
) -> dict[str, Any]:
    return _row(key, case_hash, outcome, cost) | {"error": why}


def _row(key: RowKey, case_hash: str, outcome: Outcome, cost: Any) -> dict[str, Any]:
    usage = cost.usage if cost is not None else None
    return {
        "case_id": key[1],
        "case_hash": case_hash,
        "repeat": key[2],
        "dimension": key[0],
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
