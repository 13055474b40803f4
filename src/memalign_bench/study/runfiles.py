"""The files of one run: what is kept of an earlier sitting, and what is written at the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from memalign_bench.alignment.base import Aligned
from memalign_bench.errors import (
    AlignmentError,
    FailedCallError,
    RecordError,
    without_server_words,
)
from memalign_bench.judging.contradiction import contradicting_grade
from memalign_bench.judging.relative import RelativeJudge
from memalign_bench.study import provenance, records
from memalign_bench.study.attacked import attack_entry
from memalign_bench.study.builds import build_entries
from memalign_bench.study.criteria import criteria_entries, criteria_entry
from memalign_bench.study.plan import Plan, RowKey, RunCell
from memalign_bench.study.registered.registering import read_plan
from memalign_bench.study.rows import apply_readings, item_rows, row_identity
from memalign_bench.study.spec import rubric_digest
from memalign_bench.types import CallCost, Scale, Status

__all__ = ["RunFiles", "RunTables", "Served", "alignment_seconds", "memory_entry"]

_SIDE_FILES = ("memory.json", "timings.parquet")

CellKey = tuple[str, int]
"""Dimension and fold of a cell."""


@dataclass(frozen=True)
class RunTables:
    """What a run's files hold: of an earlier sitting what still holds, and what this one adds.

    Attributes:
        rows: Of `predictions.parquet`.
        timings: Of `timings.parquet`.
        memory: Cells of `memory.json`.
        seconds: How long each cell's distillation took; None where nobody knows.
        answers: Of `answers.parquet`: those that were not as asked for.
    """

    rows: dict[RowKey, dict[str, Any]] = field(default_factory=dict)
    timings: dict[RowKey, dict[str, Any]] = field(default_factory=dict)
    memory: dict[CellKey, dict[str, Any]] = field(default_factory=dict)
    seconds: dict[CellKey, float | None] = field(default_factory=dict)
    answers: dict[RowKey, dict[str, Any]] = field(default_factory=dict)


class Served(NamedTuple):
    """Who answered a sitting; empty where no model was asked.

    Attributes:
        models: Model, as served -> its calls.
        builds: Build of llama.cpp -> its calls.
        notes: How the judge's model had to be asked.
    """

    models: Mapping[str, int] = MappingProxyType({})
    builds: Mapping[str, int] = MappingProxyType({})
    notes: tuple[str, ...] = ()


class RunFiles:
    """Reads and writes the folder of one run.

    Args:
        plan: The run.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.study_dir = plan.spec.study_dir
        self.folder = self.study_dir / "runs" / plan.run_id
        self.predictions = self.folder / "predictions.parquet"
        self.answers = self.folder / "answers.parquet"

    def kept_rows(self) -> RunTables:
        """Rows of an earlier sitting that can be kept: vouched for, planned, and not failed.

        Rows are kept only from a file that is, to the byte, the one its manifest vouches for. From
        any other (a row was taken away, a value changed, the sitting was killed between two files)
        nothing is taken: the call store answers again, at no cost.
        """
        if not self._has_intact_files():
            return RunTables()
        memory = self._read_memory_entries()
        rows = {}
        for row in records.read_rows(self.predictions, records.predictions_schema()):
            # A judged row is of use only with its cell's entry in memory.json; without it, ask
            # again.
            was_asked = row["status"] != Status.NOT_ASKED.value
            has_memory = not was_asked or (row["dimension"], row["fold"]) in memory
            if row["status"] != Status.FAILED.value and has_memory and self._matches_plan(row):
                rows[_row_key(row)] = row
        # The run's name stands for its folds. They are dealt again only to go on with a run, since
        # another version of the library that deals them could deal them otherwise.
        if any(key not in rows for key in self.plan.row_keys()):
            fold = self.plan.fold
            rows = {key: row for key, row in rows.items() if row["fold"] == fold[key.item_id]}
        return RunTables(
            rows,
            self._read_timings(rows),
            memory,
            self._read_alignment_seconds(),
            self._read_answers(rows),
        )

    def _has_intact_files(self) -> bool:
        """Whether all files are there and the manifest's hash is that of the predictions."""
        manifest = self.folder / "manifest.json"
        files = (manifest, self.predictions, *(self.folder / name for name in _SIDE_FILES))
        # A sitting killed between two writes leaves a file out, or other predictions than named.
        if not all(path.is_file() for path in files):
            return False
        recorded_sha256 = records.read_json(manifest).get("predictions_sha256")
        return bool(recorded_sha256 == records.sha256_of(self.predictions))

    def _matches_plan(self, row: Mapping[str, Any]) -> bool:
        """Whether the plan asks for this row and would give it the same identity columns."""
        key = _row_key(row)
        if key.labelled not in self.plan.gold or key.repeat >= self.plan.spec.repeats:
            return False
        return all(row[name] == value for name, value in row_identity(self.plan, key).items())

    def _read_timings(self, rows: Mapping[RowKey, Any]) -> dict[RowKey, dict[str, Any]]:
        path = self.folder / "timings.parquet"
        rows_on_disk = records.read_rows(path, records.timings_schema())
        return {_row_key(row): row for row in rows_on_disk if _row_key(row) in rows}

    def _read_answers(self, rows: Mapping[RowKey, Any]) -> dict[RowKey, dict[str, Any]]:
        if not self.answers.is_file():
            return {}
        rows_on_disk = records.read_rows(self.answers, records.answers_schema())
        return {_row_key(row): row for row in rows_on_disk if _row_key(row) in rows}

    def _read_memory_entries(self) -> dict[CellKey, dict[str, Any]]:
        cells = records.read_cells(self.folder / "memory.json")
        return {(cell["dimension"], cell["fold"]): cell for cell in cells}

    def _read_alignment_seconds(self) -> dict[CellKey, float | None]:
        entries = records.read_json(self.folder / "manifest.json").get("alignment_seconds", [])
        return {(cell["dimension"], cell["fold"]): cell["latency_s"] for cell in entries}

    @property
    def _stores_whole_scores(self) -> bool:
        return records.has_whole_scores(self.plan.spec.rubric)

    def write_items(self) -> None:
        """Add this run's items and views to the study's table.

        Raises:
            RecordError: If the study holds other data or another gold under the same ids.
        """
        from filelock import FileLock

        self.study_dir.mkdir(parents=True, exist_ok=True)
        path = self.study_dir / "items.parquet"
        # Jobs of a sweep share this table and may run at the same time.
        with FileLock(path.with_name(".items.lock")):
            earlier = records.read_rows(path, records.items_schema()) if path.is_file() else []
            table = {_item_key(row): row for row in earlier}
            for row in item_rows(self.plan):
                _check_same_item_row(path, table.get(_item_key(row)), row)
                table[_item_key(row)] = row
            rows = [table[key] for key in sorted(table)]
            if rows != earlier:
                records.write_rows(
                    path, rows, records.items_schema(whole=self._stores_whole_scores)
                )

    def write(self, tables: RunTables, served: Served, *, kept_all: bool) -> dict[str, int]:
        """Write all files of the run, the manifest last; return the counts.

        Args:
            tables: What they hold.
            served: Who answered; where it is empty, the manifest on disk says who did.
            kept_all: Every row was kept: the files stand, unless the reading has changed.
        """
        ordered = [tables.rows[key] for key in self.plan.row_keys()]
        # Kept rows are read anew too: the batch reading depends on all rows of a fold.
        apply_readings(self.plan, ordered)
        counts = _count_rows(ordered, self.plan.spec.rubric.scale)
        if kept_all and self._has_same_calibration():
            return counts
        # Data files first.
        times = [tables.timings[key] for key in sorted(tables.timings)]
        records.write_rows(self.folder / "timings.parquet", times, records.timings_schema())
        self._write_answers([tables.answers[key] for key in sorted(tables.answers)])
        cells = [tables.memory[key] for key in sorted(tables.memory)]
        records.write_json(self.folder / "memory.json", {"cells": cells})
        # The manifest comes last: until it names these predictions, `kept_rows` trusts none of
        # them.
        schema = records.predictions_schema(whole=self._stores_whole_scores)
        sha256 = records.write_rows(self.predictions, ordered, schema)
        manifest = self._new_manifest(counts, sha256)
        served_models = dict(sorted(served.models.items()))
        manifest["served_models"] = served_models or self._earlier_manifest_value(
            "served_models", {}
        )
        if build_list := build_entries(
            served.builds, self._earlier_manifest_value("llama_cpp", [])
        ):
            manifest["llama_cpp"] = build_list
        # What only some runs have to say is left out of the others' manifests.
        if registered := read_plan(self.study_dir):
            manifest["plan"] = registered.digest
        if backend_notes := list(served.notes) or self._earlier_manifest_value("backend_notes", []):
            manifest["backend_notes"] = backend_notes
        if view_notes := self.plan.view_notes():
            manifest["view_notes"] = view_notes
        if criteria := criteria_entries(self.plan.spec, cells):
            manifest["criteria"] = criteria
        manifest["alignment_seconds"] = [
            {"dimension": name, "fold": fold, "latency_s": tables.seconds[name, fold]}
            for name, fold in sorted(tables.seconds)
        ]
        records.write_json(self.folder / "manifest.json", manifest)
        return counts

    def _write_answers(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """A file only where there are any."""
        if rows:
            records.write_rows(self.answers, rows, records.answers_schema())
        else:
            self.answers.unlink(missing_ok=True)

    def _has_same_calibration(self) -> bool:
        """Whether `judge_score` on disk is already the reading that this run asks for."""
        manifest = records.read_json(self.folder / "manifest.json")
        return bool(manifest.get("calibration") == self.plan.spec.calibration)

    def _earlier_manifest_value(self, key: str, default: Any) -> Any:
        """A value of the manifest on disk, for a sitting that asked no model."""
        path = self.folder / "manifest.json"
        return records.read_json(path).get(key, default) if path.is_file() else default

    def _new_manifest(self, counts: dict[str, int], sha256: str) -> dict[str, Any]:
        spec, data = self.plan.spec, self.plan.data
        scale = spec.rubric.scale
        return {
            # What was run.
            "run_id": self.plan.run_id,
            "study": spec.study,
            "status": "failures" if counts["failed"] else "complete",
            "variant": spec.variant,
            "alignment": spec.alignment.name,
            "backend": spec.backend_name,
            "model": spec.model_name,
            "dataset": {
                "name": data.name,
                "digest": data.digest,
                "gold": spec.gold,
                "notice": data.notice,
                "texts": data.texts,
                "items": len(data.item),
                "cases": len({item.case_id for item in data.item.values()}),
            },
            # Kept here, so that a report needs no configuration.
            "rubric": {
                "name": spec.rubric.name,
                "artefact": spec.rubric.artefact,
                "digest": rubric_digest(spec.rubric, spec.dimensions),
                "grades": list(scale.grades),
                "words": list(scale.words),
                "not_applicable": scale.not_applicable,
                "dimensions": [
                    {"name": name, "title": spec.rubric.dimensions[name].title}
                    for name in spec.rubric.dimensions
                ],
            },
            # How it was run.
            "dimensions": list(spec.dimensions),
            "calibration": spec.calibration,
            "applicability": spec.applicability,
            "scoring": spec.scoring.name,
            "folds": spec.folds,
            "fold_seed": spec.fold_seed,
            "repeats": spec.repeats,
            "view_name": spec.view_label,
            **attack_entry(self.plan),
            "texts": data.texts,
            # What came of it, and by which code.
            "counts": counts,
            "identity": spec.identity(data),
            "config": provenance.without_places(spec.config),
            "versions": provenance.versions(),
            "git": provenance.code_state(),
            "predictions_sha256": sha256,
        }


def alignment_seconds(cost: CallCost) -> float | None:
    """Seconds that a cell's distillation took when its calls were made.

    None where the call store does not know them: they came with a cassette.
    """
    unknown = not cost.latency_s and cost.usage.prompt_tokens
    return None if unknown else cost.latency_s


def memory_entry(
    plan: Plan,
    cell: RunCell,
    aligned: Aligned | None,
    error: AlignmentError | FailedCallError | None,
) -> dict[str, Any]:
    """One cell's entry in `memory.json`; a failed alignment has one too, with what it cost."""
    distillation = aligned.distillation if aligned else None
    private = plan.data.texts == "private"
    guidelines = distillation.guidelines if distillation else ()
    # A failed alignment has no distillation, but its error knows what was paid.
    cost = distillation.cost if distillation else error.cost if error else None
    usage = (cost or CallCost()).usage
    if error is not None:
        status = "failed"
    elif distillation is None:
        status = "none"
    else:
        # Empty: feedback was distilled, and no guideline came of it.
        status = "ok" if guidelines else "empty"
    said = None if error is None else str(error)
    if said is not None and private:
        said = without_server_words(said)
    return {
        "dimension": cell.dimension,
        "fold": cell.fold,
        "fold_seed": plan.spec.fold_seed,
        "n_train": len(cell.train),
        **_training_labels_entry(plan, cell),
        **_prior_entry(aligned),
        "n_examples": aligned.n_examples if aligned else 0,
        # Of private data a guideline's sources are kept, not its words.
        "guidelines": [
            {
                "text": "" if private else entry.text,
                "sources": list(entry.sources),
                "grade": entry.grade,
            }
            for entry in guidelines
        ],
        **criteria_entry(plan, cell.dimension, aligned),
        "distillation": {
            "status": status,
            "error": said,
            "invented_sources": distillation.invented_sources if distillation else 0,
            "prompt_tokens": usage.prompt_tokens,
            "completion_tokens": usage.completion_tokens,
            "cost_usd": usage.cost_usd,
        },
        "notes": list(aligned.notes) if aligned else [],
    }


def _training_labels_entry(plan: Plan, cell: RunCell) -> dict[str, Any]:
    """How training labels were drawn and flipped; empty where all were taken as they are."""
    if plan.spec.n_train is None and not plan.spec.label_noise:
        return {}
    return {
        "n_available": cell.n_available,
        "n_flipped": len(cell.flipped),
        "flipped": list(cell.flipped),
    }


def _prior_entry(aligned: Aligned | None) -> dict[str, Any]:
    """What a cell's distributions were divided by; empty where they are the judge's own."""
    judge = aligned.judge if aligned else None
    if not isinstance(judge, RelativeJudge):
        return {}
    return {
        "prior": {str(grade): chance for grade, chance in sorted(judge.prior.items())},
        "prior_items": judge.n_items,
    }


def _row_key(row: Mapping[str, Any]) -> RowKey:
    return RowKey(row["dimension"], row["item_id"], row["repeat"])


def _item_key(row: Mapping[str, Any]) -> tuple[str, str, str]:
    return (row["dimension"], row["item_id"], row["view_name"])


def _check_same_item_row(
    path: Path, earlier: Mapping[str, Any] | None, new: Mapping[str, Any]
) -> None:
    """Refuse an item whose row in the study's table differs from this run's."""
    differing = [name for name in new if earlier is not None and earlier[name] != new[name]]
    if differing:
        raise RecordError(
            f"{path}: {new['dimension']}, {new['item_id']} differs from this run in"
            f" {', '.join(differing)}. A study has one data set and one gold: choose another"
            " study=NAME, or remove the old study."
        )


def _count_rows(rows: list[dict[str, Any]], scale: Scale) -> dict[str, int]:
    """Rows by status, and, where judges wrote rationales, how many of these name another grade."""
    by_status = Counter(row["status"] for row in rows)
    counts = {"rows": len(rows)} | {status.value: by_status[status.value] for status in Status}
    with_rationale = [row for row in rows if row["rationale"]]
    if not with_rationale:
        return counts
    contradicted = [
        contradicting_grade(r["rationale"], r["judge_score_raw"], scale) for r in with_rationale
    ]
    return counts | {"contradictory": len(contradicted) - contradicted.count(None)}
