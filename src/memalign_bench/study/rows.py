"""Rows of the records: from a verdict to the columns of `predictions.parquet`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from memalign_bench.errors import without_server_words
from memalign_bench.scales import plain_number
from memalign_bench.stats.fold_reading import grades_in_folds
from memalign_bench.study.plan import Plan, RowKey
from memalign_bench.study.records import stored_score
from memalign_bench.types import (
    NOT_APPLICABLE,
    CallCost,
    Grade,
    Label,
    RawAnswer,
    Status,
    Usage,
    Verdict,
    View,
)

__all__ = [
    "answer_row",
    "apply_readings",
    "item_rows",
    "judged_row",
    "row_identity",
    "silent_row",
    "timing_row",
]


def row_identity(plan: Plan, key: RowKey) -> dict[str, Any]:
    """The columns, but for the fold, that are known of a row before its question is asked."""
    dimension, item_id, repeat = key
    spec = plan.spec
    return {
        "run_id": plan.run_id,
        "study": spec.study,
        "dataset": plan.data.name,
        "item_id": item_id,
        "case_id": plan.data.item[item_id].case_id,
        "dimension": dimension,
        "fold_seed": spec.fold_seed,
        "repeat": repeat,
        "variant": spec.variant,
        "alignment": spec.alignment.name,
        "backend": spec.backend_name,
        "model": spec.model_name,
        "expert_score": stored_score(plan.gold[item_id, dimension].score, spec.rubric.scale),
    }


def _empty_row(plan: Plan, key: RowKey) -> dict[str, Any]:
    """A row with its identity and fold, all results still empty."""
    return row_identity(plan, key) | {
        "fold": plan.fold[key.item_id],
        "judge_score": None,
        "judge_score_raw": None,
        "judge_score_batch": None,
        "judge_expected": None,
        "distribution": None,
        "status": "",
        "error": None,
        "rationale": None,
        "neighbour_ids": [],
        "neighbour_similarities": [],
        "n_guidelines": 0,
        "prompt_tokens": 0,
        "completion_tokens": 0,
        "cost_usd": None,
    }


def silent_row(
    plan: Plan,
    key: RowKey,
    status: Status,
    error: str | None = None,
    cost: CallCost | None = None,
) -> dict[str, Any]:
    """Row of a question that was not asked, or failed; `cost` is what the failed calls took."""
    if error is not None and plan.data.texts == "private":
        error = without_server_words(error)
    outcome = {"status": status.value, "error": error}
    return _empty_row(plan, key) | outcome | _usage_columns((cost or CallCost()).usage)


def judged_row(plan: Plan, key: RowKey, verdict: Verdict) -> dict[str, Any]:
    """Row of a verdict; the readings over the whole run are filled in by `apply_readings`."""
    scored = verdict.score is not NOT_APPLICABLE
    distribution = verdict.distribution
    private = plan.data.texts == "private"
    return _empty_row(plan, key) | {
        "status": (Status.SCORED if scored else Status.ABSTAINED).value,
        "judge_score_raw": verdict.score if scored else None,
        "judge_expected": _expected_grade(distribution) if distribution else None,
        "distribution": [distribution[grade] for grade in sorted(distribution)]
        if distribution
        else None,
        # Of private data no text leaves the call store.
        "rationale": (verdict.rationale or None) if not private else None,
        "neighbour_ids": [example.item_id for example in verdict.examples],
        "neighbour_similarities": [example.similarity for example in verdict.examples],
        "n_guidelines": verdict.n_guidelines,
        **_usage_columns(verdict.cost.usage),
    }


def _usage_columns(usage: Usage) -> dict[str, Any]:
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "cost_usd": usage.cost_usd,
    }


def _expected_grade(distribution: Mapping[Grade, float]) -> float:
    """Mean grade under the distribution."""
    # Summed in one order, since the order decides the last bit and files are equal to the byte.
    return float(sum(grade * chance for grade, chance in sorted(distribution.items())))


def timing_row(plan: Plan, key: RowKey, cost: CallCost) -> dict[str, Any]:
    """What differs from sitting to sitting, of a question whose calls took `cost`."""
    return {
        **key._asdict(),
        "latency_s": cost.latency_s,
        "from_store": cost.from_store,
        "cached_tokens": cost.usage.cached_tokens,
        "reasoning_tokens": cost.usage.reasoning_tokens,
        "retries": cost.retries,
        # Models in this process have no address.
        "endpoint": str(getattr(plan.spec.backend, "base_url", "in process")),
    }


def answer_row(plan: Plan, key: RowKey, raw: RawAnswer) -> dict[str, Any]:
    """Row of an answer that was not in the form asked for; without its text where it is private."""
    return {
        **key._asdict(),
        "answers": [] if plan.data.texts == "private" else list(raw.texts),
        "told": list(raw.told),
    }


def apply_readings(plan: Plan, rows: Iterable[dict[str, Any]]) -> None:
    """Fill `judge_score_batch` and `judge_score`, in place.

    The batch reading is taken within a fold, over its held-out distributions of one repeat, and is
    null where these are too few: a mean over all folds would carry an item's label back to it,
    through the memories that have seen it. `judge_score` is the reading that `calibration` names;
    the raw one where the other does not exist.
    """
    by_dimension: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        # Rows of an earlier sitting may hold another reading.
        row["judge_score_batch"] = None
        row["judge_score"] = row["judge_score_raw"]
        if row["distribution"] is not None and row["status"] == Status.SCORED.value:
            by_dimension.setdefault(row["dimension"], []).append(row)
    for group in by_dimension.values():
        distributions = np.array([row["distribution"] for row in group])
        # Each repeat is a batch of its own.
        folds = [f"{row['fold']}/{row['repeat']}" for row in group]
        grades = grades_in_folds(distributions, folds, plan.spec.rubric.scale.grades)
        for row, grade in zip(group, grades, strict=True):
            # Too few distributions in the fold for a batch reading: the raw one stands.
            if np.isnan(grade):
                continue
            row["judge_score_batch"] = plain_number(float(grade))
            if plan.spec.calibration == "batch":
                row["judge_score"] = plain_number(float(grade))


def item_rows(plan: Plan) -> list[dict[str, Any]]:
    """Rows of the study's `items.parquet` that this run's items give.

    Items that `gold=consensus` passes over are among them, without gold: how far raters agree must
    not be read off those on which they do.
    """
    scale = plan.spec.rubric.scale
    # What a literal reading of the rubric gives, where the data set has it.
    literal = {(e.item_id, e.dimension): e.literal_score for e in plan.data.evidence}
    private = plan.data.texts == "private"
    without_gold = _labels_without_gold(plan) if plan.spec.gold == "consensus" else {}
    rows = []
    for key, labels in {**{k: g.raters for k, g in plan.gold.items()}, **without_gold}.items():
        # Private data leave ids and scores in the records, no text.
        item, gold = plan.data.item[key[0]], plan.gold.get(key)
        rows.append(
            {
                "item_id": key[0],
                "case_id": item.case_id,
                "dimension": key[1],
                "stratum": item.stratum,
                "raters": [label.rater for label in labels],
                "rater_scores": [stored_score(label.score, scale) for label in labels],
                "rater_rationales": ["" if private else label.rationale for label in labels],
                "gold": stored_score(gold.score, scale) if gold else None,
                "gold_rationale": "" if private or not gold else gold.rationale,
                "literal_score": stored_score(literal.get(key), scale),
                **_view_columns(plan, key, private=private),
            }
        )
    return rows


def _view_columns(plan: Plan, key: tuple[str, str], *, private: bool) -> dict[str, Any]:
    """The view columns; empty for an item that no judge is asked about."""
    view = plan.views.get(key, View("", 0, 0, 0, 0))
    return {
        "view_name": plan.spec.view_label,
        "view": "" if private else view.text,
        "view_tokens": view.tokens,
        "n_cells": view.n_cells,
        "n_dropped": view.n_dropped,
        "n_shortened": view.n_shortened,
    }


def _labels_without_gold(plan: Plan) -> dict[tuple[str, str], tuple[Label, ...]]:
    """(item id, dimension) -> labels, of rated items that have no gold."""
    labels: dict[tuple[str, str], tuple[Label, ...]] = {}
    for label in plan.data.label_list:
        key = label.item_id, label.dimension
        if label.dimension in plan.spec.dimensions and key not in plan.gold:
            labels[key] = (*labels.get(key, ()), label)
    return labels
