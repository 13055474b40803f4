"""A believable study folder, written through the record schemas, for tests of the report."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from memalign_bench.seeding import generator
from memalign_bench.study.records import (
    items_schema,
    predictions_schema,
    timings_schema,
    write_json,
    write_rows,
)

TITLES = {
    "library_installation": "Library installation",
    "exploratory_data_analysis": "Exploratory data analysis",
    "data_imputation": "Data imputation",
    "feature_engineering": "Feature engineering",
    "model_training": "Model training",
    "model_use": "Model use",
    "metrics_evaluation": "Metrics evaluation",
    "mlflow_logging": "MLflow logging",
    "cell_organization": "Cell organization",
}
WORDS = {2: ("no", "yes"), 3: ("bad", "average", "good"), 4: ("bad", "could be", "ok", "excellent")}
ACCURACY = {"none": 0.15, "semantic": 0.45, "episodic": 0.6, "full": 0.8}
NOTICE = "A small judge's numbers hang on how it is asked."


@dataclass(frozen=True)
class FakeStudy:
    """What is written: shape, texts, and how good each variant is."""

    seed: int = 0
    dimensions: int = 9
    variants: tuple[str, ...] = ("none", "semantic", "full", "median_label")
    backends: tuple[str, ...] = ("embedded",)
    n_cases: int = 12
    grades: tuple[int, ...] = (1, 2, 3)
    n_raters: int = 3
    applicability: str = "given"
    scoring: str = "logprob"
    calibration: str = "none"
    dataset: str = "genie_synth"
    texts: str = "public"
    fold_seeds: tuple[int, ...] = (0,)
    failures: int = 1
    constant: frozenset[tuple[str, str]] = field(default_factory=frozenset)  # dimension, variant
    perfect: bool = False
    left_out: bool = False  # the context holds fewer examples of some items
    view: str = "Prompt: predict churn.\nData: 4,000 rows, 12 columns.\n\n[cell 3]\nX = df.drop()\n"
    rationale: str = "The split comes after the scaler was fitted."
    guideline: str = "Grade 1 when the test rows are seen before the split."

    @property
    def names(self) -> list[str]:
        return list(TITLES)[: self.dimensions]

    @property
    def words(self) -> tuple[str, ...]:
        n = len(self.grades)
        return WORDS.get(n, tuple(f"grade {grade}" for grade in self.grades))


def fake_study(path: Path, **options: Any) -> Path:
    """Write a study folder and return its path."""
    plan = FakeStudy(**options)
    items = [row for name in plan.names for row in _items(plan, name)]
    write_rows(path / "items.parquet", items, items_schema())
    for fold_seed in plan.fold_seeds:
        for backend in plan.backends:
            for variant in plan.variants:
                named = "none" if variant == "median_label" else backend
                if named == "none" and backend != plan.backends[0]:
                    continue
                _write_run(path, plan, items, (variant, named, fold_seed))
    return path


def _items(plan: FakeStudy, dimension: str) -> list[dict[str, Any]]:
    draw = generator(plan.seed, "items", dimension)
    rows = []
    for index in range(2 * plan.n_cases):
        gold = int(draw.choice(plan.grades))
        if dimension == "data_imputation" and index % 3 == 0:
            gold = 0
        shifts = draw.choice([-1, 0, 0, 0, 0, 0, 1], size=plan.n_raters)
        low, high = plan.grades[0], plan.grades[-1]
        scores = [gold if gold == 0 else int(np.clip(gold + s, low, high)) for s in shifts]
        public = plan.texts != "private"
        rows.append(
            {
                "item_id": f"case-{index // 2:02d}-{'ab'[index % 2]}",
                "case_id": f"case-{index // 2:02d}",
                "dimension": dimension,
                "stratum": "classification",
                "raters": [f"rater_{n}" for n in range(plan.n_raters)],
                "rater_scores": scores,
                "rater_rationales": [plan.rationale if public else "" for _ in scores],
                "gold": gold,
                "gold_rationale": f"{plan.rationale} ({index})" if public else "",
                "literal_score": plan.grades[-1] if gold else 0,
                "view_name": "default",
                "view": f"{plan.view}# {dimension} {index}\n" * 12 if public else "",
                "view_tokens": 320,
                "n_cells": 14,
                "n_dropped": 9,
                "n_shortened": 1,
            }
        )
    return rows


def _write_run(
    path: Path, plan: FakeStudy, items: list[dict[str, Any]], run: tuple[str, str, int]
) -> None:
    variant, backend, fold_seed = run
    run_id = f"{variant}-{backend}-{fold_seed}".replace(",", "_").replace("=", "")
    folder = path / "runs" / run_id
    rows = [
        row for name in sorted(plan.names) for row in _predictions(plan, items, name, run, run_id)
    ]
    rows.sort(key=lambda row: (row["dimension"], row["item_id"], row["repeat"]))
    digest = write_rows(folder / "predictions.parquet", rows, predictions_schema())
    timings = [
        {
            **{key: row[key] for key in ("dimension", "item_id", "repeat")},
            "latency_s": 1.2,
            "from_store": False,
            "cached_tokens": 400,
            "retries": 0,
            "endpoint": "loopback",
        }
        for row in rows
    ]
    write_rows(folder / "timings.parquet", timings, timings_schema())
    write_json(folder / "memory.json", {"cells": _memory(plan, items, run)})
    write_json(folder / "manifest.json", _manifest(plan, run, run_id, digest))


def _predictions(
    plan: FakeStudy, items: list[dict[str, Any]], name: str, run: tuple[str, str, int], run_id: str
) -> list[dict[str, Any]]:
    variant, backend, fold_seed = run
    draw = generator(plan.seed, "judge", name, *run)
    grades = np.array(plan.grades)
    mine = [row for row in items if row["dimension"] == name]
    exact = plan.scoring == "logprob" and backend != "none"
    rows, asked = [], []
    for index, item in enumerate(mine):
        row = _row(plan, item, run, run_id, fold=_fold(item, fold_seed))
        if item["gold"] == 0 and plan.applicability == "given":
            row["status"] = "not_asked"
        elif item["gold"] == 0:
            row["status"] = "abstained" if draw.random() < 0.7 else "scored"
        if index < plan.failures and backend != "none" and row["status"] == "scored":
            row |= {"status": "failed", "error": "no usable answer after 5 tries"}
        if row["status"] == "scored":
            score = _score(plan, item, name, variant, draw)
            spread = draw.dirichlet(np.ones(len(grades))) * 0.3
            chances = spread + 0.7 * (grades == score) if exact else (grades == score).astype(float)
            row["judge_expected"] = float(chances @ grades)
            row["judge_score_raw"] = int(grades[np.argmax(chances)])
            row["distribution"] = [float(p) for p in chances] if exact else None
            asked.append(row)
        if row["status"] != "not_asked" and ACCURACY.get(variant.split(",")[0], 0) > 0.5:
            others = [o["item_id"] for o in mine if _fold(o, fold_seed) != row["fold"]]
            row["neighbour_ids"] = others[:4]
            row["neighbour_similarities"] = [0.81, 0.64, 0.5, 0.31][: len(others[:4])]
        rows.append(row)
    _calibrate(plan, asked)
    return rows


def _calibrate(plan: FakeStudy, asked: list[dict[str, Any]]) -> None:
    grades = np.array(plan.grades)
    if asked and asked[0]["distribution"] is not None and len(asked) >= 20:
        chances = np.array([row["distribution"] for row in asked])
        best = grades[np.argmax(chances / chances.mean(axis=0), axis=1)]
        for row, grade in zip(asked, best, strict=True):
            row["judge_score_batch"] = int(grade)
    for row in asked:
        row["judge_score"] = row["judge_score_raw"]
        if plan.calibration == "batch" and row["judge_score_batch"] is not None:
            row["judge_score"] = row["judge_score_batch"]


def _score(
    plan: FakeStudy, item: dict[str, Any], name: str, variant: str, draw: np.random.Generator
) -> int:
    if plan.perfect and item["gold"]:
        return int(item["gold"])
    if (name, variant) in plan.constant:
        return plan.grades[-1]
    if variant == "median_label":
        return plan.grades[len(plan.grades) // 2]
    accuracy = ACCURACY.get(variant.split(",", maxsplit=1)[0], 0.5)
    polite = plan.grades[-1] if draw.random() < 0.7 else int(draw.choice(plan.grades))
    return int(item["gold"]) if item["gold"] and draw.random() < accuracy else polite


def _fold(item: dict[str, Any], fold_seed: int) -> int:
    return (int(item["case_id"][-2:]) * (1 + 2 * fold_seed)) % 4


def _row(
    plan: FakeStudy, item: dict[str, Any], run: tuple[str, str, int], run_id: str, *, fold: int
) -> dict[str, Any]:
    variant, backend, fold_seed = run
    alignment = variant.split(",")[0]
    return {
        "run_id": run_id,
        "study": "fake",
        "dataset": plan.dataset,
        "item_id": item["item_id"],
        "case_id": item["case_id"],
        "dimension": item["dimension"],
        "fold": fold,
        "fold_seed": fold_seed,
        "repeat": 0,
        "variant": variant,
        "alignment": alignment,
        "backend": backend,
        "model": "none" if backend == "none" else "qwen-fake",
        "expert_score": item["gold"],
        "judge_score": None,
        "judge_score_raw": None,
        "judge_score_batch": None,
        "judge_expected": None,
        "distribution": None,
        "status": "scored",
        "error": None,
        "rationale": "Looks tidy." if plan.texts != "private" and plan.scoring == "verdict" else "",
        "neighbour_ids": [],
        "neighbour_similarities": [],
        "n_guidelines": 2 if alignment in ("semantic", "full") else 0,
        "prompt_tokens": 800,
        "completion_tokens": 1,
        "cost_usd": None,
    }


def _memory(
    plan: FakeStudy, items: list[dict[str, Any]], run: tuple[str, str, int]
) -> list[dict[str, Any]]:
    variant, _, fold_seed = run
    alignment = variant.split(",")[0]
    cells = []
    for name in plan.names:
        for fold in range(4):
            train = [
                row["item_id"]
                for row in items
                if row["dimension"] == name and _fold(row, fold_seed) != fold
            ]
            held_out = sorted({row["item_id"] for row in items} - set(train))
            lacking = {item_id: 2 for item_id in held_out[::2]}
            examples = alignment in ("episodic", "full")
            guided = alignment in ("semantic", "full")
            text = plan.guideline if plan.texts != "private" else ""
            lines = [{"text": text, "sources": train[n : n + 2], "grade": 1} for n in (0, 2)]
            cells.append(
                {
                    "dimension": name,
                    "fold": fold,
                    "fold_seed": fold_seed,
                    "guidelines": lines if guided else [],
                    **({"examples_left_out": lacking} if plan.left_out and examples else {}),
                    "n_examples": len(train) if examples else 0,
                    "distillation": {
                        "status": "ok" if guided else "none",
                        "error": None,
                        "invented_sources": 0,
                    },
                }
            )
    return cells


def _manifest(
    plan: FakeStudy, run: tuple[str, str, int], run_id: str, digest: str
) -> dict[str, Any]:
    variant, backend, fold_seed = run
    return {
        "run_id": run_id,
        "study": "fake",
        "alignment": variant.split(",")[0],
        "variant": variant,
        "backend": backend,
        "model": "none" if backend == "none" else "qwen-fake",
        "dataset": {
            "name": plan.dataset,
            "digest": "d" * 64,
            "gold": "adjudicated",
            "notice": NOTICE,
        },
        "texts": plan.texts,
        "rubric": {
            "name": "genie",
            "digest": "e" * 64,
            "artefact": "notebook",
            "grades": list(plan.grades),
            "words": list(plan.words),
            "dimensions": [{"name": name, "title": TITLES[name]} for name in plan.names],
        },
        "dimensions": plan.names,
        "calibration": plan.calibration,
        "applicability": plan.applicability,
        "scoring": plan.scoring,
        "folds": 4,
        "fold_seed": fold_seed,
        "view_name": "default",
        "counts": {},
        "config": {},
        "identity": {},
        "versions": {"memalign-bench": "0.1.0", "python": "3.11.7"},
        "git": {"commit": "0123456789abcdef", "dirty": False},
        "predictions_sha256": digest,
        "status": "complete",
    }
