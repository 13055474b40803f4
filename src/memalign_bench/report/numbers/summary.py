"""One row a judge and dimension: how well it agrees with the experts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from memalign_bench.report.numbers.analysis import Analysis
from memalign_bench.report.numbers.pooled import estimate_level
from memalign_bench.report.numbers.readings import (
    NO_ANSWERS,
    NO_BACKEND,
    Answers,
    JudgeKey,
    applicable_rows,
    positions_by_judge,
)
from memalign_bench.stats.agreement import (
    exact_agreement,
    quadratic_kappa,
    signed_bias,
)
from memalign_bench.stats.raters import ceiling_loo, mae_loo
from memalign_bench.types import Grade, Status

if TYPE_CHECKING:
    import pandas as pd

    from memalign_bench.report.numbers.frames import StudyFrames

__all__ = ["SUMMARY_COLUMNS", "rating_matrix", "ratings_of", "summary"]

SUMMARY_COLUMNS = (
    "dimension",
    "variant",
    "alignment",
    "backend",
    "n_items",
    "n_scored",
    "n_abstained",
    "n_failed",
    "n_distinct_grades",
    "mae",
    "mae_low",
    "mae_high",
    "mae_raw",
    "mae_batch",
    "mae_loo",
    "ceiling_loo",
    "bias",
    "exact_agreement",
    "kappa_quadratic",
    "spearman",
    "spearman_low",
    "spearman_high",
    "na_recall",
    "na_false_rate",
    "n_contradictory",
)

_COUNTS = ("n_items", "n_scored", "n_abstained", "n_failed", "n_distinct_grades")


def summary(analysis: Analysis) -> pd.DataFrame:
    """Agreement of every judge with the experts, one row per dimension, variant and backend.

    A missing answer costs in MAE what the analysis says; bias, exact agreement, kappa and rank
    correlation are over the `n_scored` answers given. `n_contradictory` of these have a rationale
    that names another grade (missing where no answer has a rationale). 95 % intervals over cases:
    logit-t for MAE (in the batch reading the jackknife-t, the reading taken anew without each
    case), jackknife-t for rank correlation, the rule of three where all cases are alike.

    Returns:
        `SUMMARY_COLUMNS`, missing values as NaN; `attrs["notes"]` says where an interval is not
        what it should be.
    """
    import pandas as pd

    frames, rows = analysis.frames, analysis.frames.predictions
    table: list[dict[str, Any]] = []
    notes: dict[str, list[str]] = {}
    # Few of them and no texts, since each judge's rows are copied out below.
    columns_needed = rows[["run_id", "item_id", "expert_score", "contradicting"]].assign(
        status=rows["status"].astype("category"),
        has_rationale=(rows["rationale"].fillna("") != "").to_numpy(),
    )
    places = positions_by_judge(rows)
    # A row per dimension and judge; equal remarks on intervals are gathered over judges.
    for dimension in frames.dimensions:
        ratings = ratings_of(frames, dimension)
        for variant, alignment, backend in analysis.variants:
            judge = JudgeKey(dimension, variant, backend)
            if judge not in places:
                continue
            line, row_notes = _judge_row(
                analysis, judge, columns_needed.iloc[places[judge]], ratings
            )
            table.append({**judge._asdict(), "alignment": alignment, **line})
            name = variant if backend == NO_BACKEND else f"{variant} of {backend}"
            for note in row_notes:
                notes.setdefault(note, []).append(f"{name} ({dimension})")
    frame = pd.DataFrame(table, columns=list(SUMMARY_COLUMNS))
    # From `mae` on all columns are reals but the count at the end.
    reals = SUMMARY_COLUMNS[SUMMARY_COLUMNS.index("mae") :]
    kinds = dict.fromkeys(_COUNTS, "int64") | dict.fromkeys(reals, "float64")
    frame = frame.astype(kinds | {"n_contradictory": "Int64"})
    frame.attrs = {"notes": [f"{note}: {', '.join(judges)}" for note, judges in notes.items()]}
    return frame


def _judge_row(
    analysis: Analysis, judge: JudgeKey, rows: pd.DataFrame, ratings: Mapping[str, list[Grade]]
) -> tuple[dict[str, Any], list[str]]:
    with_label = applicable_rows(rows)
    answers = analysis.answers.get(judge, NO_ANSWERS)
    # Both readings are shown beside the study's own.
    raw, batch = (
        analysis.by_reading[reading].get(judge, NO_ANSWERS) for reading in ("raw", "batch")
    )
    # Agreement, bias and kappa are of the answers given.
    given = answers.take(answers.answered)
    parts = [answers] if len(answers.items) else []
    mae, rho = (estimate_level(analysis, parts, metric) for metric in ("mae", "spearman"))
    # Counts are of the records, whatever `stats.missing` leaves out of the answers.
    status = with_label["status"].to_numpy()
    line = {
        "n_items": with_label["item_id"].nunique(),
        "n_scored": (status == Status.SCORED).sum(),
        "n_abstained": (status == Status.ABSTAINED).sum(),
        "n_failed": (status == Status.FAILED).sum(),
        "n_distinct_grades": answers.n_grades,
        **mae.columns("mae"),
        "mae_raw": _mean_or_none(raw.error),
        # Without a batch grade the batch reading would repeat the raw one.
        "mae_batch": _mean_or_none(batch.error) if judge in analysis.calibrated else None,
        "bias": signed_bias(given.grade, given.expert),
        "exact_agreement": exact_agreement(given.grade, given.expert),
        "kappa_quadratic": quadratic_kappa(given.grade, given.expert, analysis.frames.scale.grades),
        **rho.columns("spearman"),
        **_leave_one_out_errors(analysis, answers, ratings),
        **_abstention_rates(analysis, rows),
        "n_contradictory": _n_contradictory(with_label),
    }
    notes = [(name, e.interval.note) for name, e in (("MAE", mae), ("rank correlation", rho))]
    return line, [f"{name} interval, {note}" for name, note in notes if note]


def _n_contradictory(rows: pd.DataFrame) -> int | None:
    if not rows["has_rationale"].any():
        return None
    return int(rows["contradicting"].notna().sum())


def _mean_or_none(errors: NDArray[np.float64]) -> float | None:
    return float(errors.mean()) if len(errors) else None


def ratings_of(frames: StudyFrames, dimension: str) -> dict[str, list[Grade]]:
    """Item -> the grades of its raters; N/A is no grade."""
    # An item has a row per view, with the same raters in each.
    items = frames.items[frames.items["dimension"] == dimension].drop_duplicates("item_id")
    return {
        str(item): [score for score in scores if score is not None]
        for item, scores in items[["item_id", "rater_scores"]].itertuples(index=False)
    }


def _leave_one_out_errors(
    analysis: Analysis, numbers: Answers, ratings: Mapping[str, list[Grade]]
) -> dict[str, float | None]:
    """Errors of the judge and of the raters against the median of the other raters."""
    names, rows = np.unique(numbers.items, return_inverse=True)
    given = [ratings.get(str(name), []) for name in names]
    matrix = rating_matrix(given)
    scale = analysis.frames.scale
    worst = (scale.grades[0], scale.grades[-1]) if analysis.missing == "worst" else None
    # Under `worst` a missing answer costs the far end of the scale, under `as_zero` it is a 0.
    judge = numbers.grade
    if analysis.missing == "as_zero":
        judge = np.where(np.isnan(judge), 0.0, judge)
    return {
        "mae_loo": mae_loo(judge, rows, matrix, worst),
        # Of all that was rated: items chosen for agreeing (gold=consensus) say nothing of that.
        "ceiling_loo": ceiling_loo(rating_matrix(list(ratings.values()))),
    }


def rating_matrix(given: Sequence[Sequence[float]]) -> NDArray[np.float64]:
    """Grades of each item, items by raters, NaN where one has fewer.

    Grades move to the left, so that a column is no particular rater.
    """
    matrix = np.full((len(given), max(map(len, given), default=0)), np.nan)
    for row, scores in zip(matrix, given, strict=True):
        row[: len(scores)] = scores
    return matrix


def _abstention_rates(analysis: Analysis, rows: pd.DataFrame) -> dict[str, float | None]:
    """Whether the judge abstains where the expert says N/A; empty where applicability was given."""
    manifests = analysis.frames.manifests
    free = {
        run for run in rows["run_id"].unique() if manifests[run].get("applicability") == "judge"
    }
    asked = rows[rows["run_id"].isin(free) & (rows["status"] != Status.NOT_ASKED)]
    # A failure is no abstention, but it counts among what was asked.
    silent = asked["status"] == Status.ABSTAINED
    absent = asked["expert_score"].isna()
    return {
        "na_recall": float(silent[absent].mean()) if absent.any() else None,
        "na_false_rate": float(silent[~absent].mean()) if (~absent).any() else None,
    }
