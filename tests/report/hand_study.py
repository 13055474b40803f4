"""Study folders small enough to check by hand, written through the record schemas."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from memalign_bench.study.records import (
    items_schema,
    predictions_schema,
    timings_schema,
    write_json,
    write_rows,
)

WriteStudy = Callable[..., Path]


def _prediction(run: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """A row; `judge` is a grade, "abstained", "failed" or "not_asked"."""
    row: dict[str, Any] = dict.fromkeys(predictions_schema().names)
    row |= {"study": "hand", "dataset": "planted", "fold": 0, "fold_seed": 0, "repeat": 0}
    row |= {"dimension": "d1", "model": f"model of {run['backend']}", "n_guidelines": 0}
    row |= {"prompt_tokens": 0, "completion_tokens": 0, "case_id": given["item_id"][0]}
    row |= {name: run[name] for name in ("run_id", "variant", "alignment", "backend")}
    judge = given["judge"]
    scored = isinstance(judge, int)
    row["status"] = "scored" if scored else judge
    row["judge_score_raw"] = row["judge_score"] = judge if scored else None
    return row | {key: value for key, value in given.items() if key in row}


def _manifest(run: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    dimensions = sorted({row["dimension"] for row in rows})
    manifest = {
        "study": "hand",
        "model": f"model of {run['backend']}",
        "dataset": {"name": "planted", "digest": "abc", "gold": "adjudicated"},
        "rubric": {
            "name": "hand",
            "digest": "def",
            "grades": [1, 2, 3],
            "words": ["bad", "average", "good"],
            "dimensions": [{"name": n, "title": f"Title of {n}"} for n in reversed(dimensions)],
        },
        "dimensions": dimensions,
        "fold_seed": 0,
        "calibration": "none",
        "applicability": "given",
        "scoring": "logprob",
    }
    return manifest | dict(run)


def _items(
    rows: Sequence[Mapping[str, Any]], raters: Mapping[str, list[int]]
) -> list[dict[str, Any]]:
    items = {}
    for row in rows:
        scores = raters.get(row["item_id"], [row["expert_score"]])
        items[row["dimension"], row["item_id"]] = {
            "item_id": row["item_id"],
            "case_id": row["case_id"],
            "dimension": row["dimension"],
            "stratum": "",
            "raters": [f"rater {n}" for n in range(len(scores))],
            "rater_scores": scores,
            "rater_rationales": ["" for _ in scores],
            "gold": row["expert_score"],
            "gold_rationale": "",
            "literal_score": None,
            "view_name": "default",
            "view": "",
            "view_tokens": 0,
            "n_cells": 1,
            "n_dropped": 0,
            "n_shortened": 0,
        }
    return list(items.values())


def hand_study(path: Path) -> WriteStudy:
    """A writer of studies into one folder, each replacing the one before.

    It takes runs (`variant@backend#anything` -> rows), more manifest keys by run id, and raters'
    scores by item id.
    """

    def write(
        runs: Mapping[str, Sequence[Mapping[str, Any]]],
        *,
        manifests: Mapping[str, Mapping[str, Any]] | None = None,
        raters: Mapping[str, list[int]] | None = None,
    ) -> Path:
        shutil.rmtree(path, ignore_errors=True)
        written = []
        for run_id, given in runs.items():
            variant, _, backend = run_id.split("#")[0].partition("@")
            run = {"run_id": run_id, "variant": variant, "backend": backend or "scripted"}
            run |= {"alignment": variant.split(",")[0], **(manifests or {}).get(run_id, {})}
            rows = [_prediction(run, row) for row in given]
            folder = path / "runs" / run_id
            digest = write_rows(folder / "predictions.parquet", rows, predictions_schema())
            timings: list[dict[str, Any]] = []
            write_rows(folder / "timings.parquet", timings, timings_schema())
            cell = {"dimension": "d1", "fold": 0, "fold_seed": 0}
            write_json(folder / "memory.json", {"cells": [cell]})
            manifest = {"predictions_sha256": digest} | _manifest(run, rows)
            write_json(folder / "manifest.json", manifest)
            written += rows
        write_rows(path / "items.parquet", _items(written, raters or {}), items_schema())
        return path

    return write
