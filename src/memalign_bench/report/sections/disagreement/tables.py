"""Is alignment defeated where raters disagree? Each dimension's disagreement beside its gain."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from memalign_bench.report.numbers.analysis import Analysis
from memalign_bench.report.numbers.frames import rows_of
from memalign_bench.report.numbers.missing_answers import silence_note
from memalign_bench.report.numbers.paired_answers import PairedAnswers, both_answered, paired_rows
from memalign_bench.report.numbers.pairs import Pair, claimed_pairs, pairs_of
from memalign_bench.report.numbers.pooled import compare, mean_error
from memalign_bench.report.numbers.summary import rating_matrix, ratings_of
from memalign_bench.report.prose import HOW_COMPARED, with_interval
from memalign_bench.report.sections.section import SectionNumbers
from memalign_bench.report.tables.columns import (
    count,
    dimension_column,
    interval,
    p_value,
    real,
    word,
)
from memalign_bench.report.tables.table import Table
from memalign_bench.stats.rank import spearman_within_folds
from memalign_bench.stats.raters import krippendorff_alpha, rater_differences
from memalign_bench.stats.resampling.bootstrap import CaseResampler, Estimate, cluster_mean
from memalign_bench.stats.resampling.units import resampling_units

if TYPE_CHECKING:
    import pandas as pd

    from memalign_bench.report.numbers.frames import StudyFrames

__all__ = ["COLUMNS", "METRICS", "numbers", "table"]


METRICS = ("mae", "spearman")

_MIN_DIMENSIONS = 3
# gain_mae, gain_mae_low, gain_mae_high, gain_mae_p, gain_spearman, ...; the same of rho.
_GAINS = tuple(
    f"{start}_{metric}{end}"
    for start in ("gain", "rho")
    for metric in METRICS
    for end in ("", "_low", "_high", "_p")
)
COLUMNS = (
    "dimension",
    "backend",
    "variant",
    "reference",
    "n_items",
    "n_rated",
    "disagreement",
    "disagreement_low",
    "disagreement_high",
    "alpha",
    *_GAINS,
    "n_dimensions",
    "note",
)

_PerResample = NDArray[np.float64]


class _Disagreement(NamedTuple):
    """Items of a dimension with two grades or more: their cases and raters' mean difference."""

    cases: NDArray[np.str_]
    differences: NDArray[np.float64]
    alpha: float | None


class _DimensionPair(NamedTuple):
    """A dimension as the correlation over dimensions needs it."""

    raters: _Disagreement
    paired: PairedAnswers
    line: dict[str, Any]


def numbers(analysis: Analysis, made: SectionNumbers) -> pd.DataFrame:
    """One row per backend and dimension that two raters graded, `full` against `none`.

    `disagreement` is the mean absolute difference between two raters of an item, in grades, over
    the items that two or more graded; `alpha` Krippendorff's (ordinal); what does not apply is no
    grade. `gain_*` is the improvement of the full memory over the unaligned judge. Intervals are
    95 % intervals over cases (logit-t; of gains as in the table of contrasts).

    `rho_*` is Spearman's correlation over dimensions of disagreement and gain, below 0 where
    disagreement defeats alignment, from three dimensions on; it stands in each row of its backend.
    Its interval (percentiles) draws cases, given these dimensions, and lies nearer 0 than it should
    since a draw adds noise to every gain; its p-value exchanges dimensions
    (all ways to pair them where these are few), so with few dimensions it cannot be small.

    Returns:
        `COLUMNS`; no row with one rater, or without `full` and `none` in plain or a single setting.
    """
    import pandas as pd

    frames = analysis.frames
    raters = {
        name: disagreement
        for name in frames.dimensions
        if (disagreement := _rater_disagreement(frames, name))
    }
    lines: list[dict[str, Any]] = []
    if raters:
        pairs = list(pairs_of(analysis.variants))
        family = claimed_pairs(pairs)
        # In the order of the tables, which the set does not have, each once.
        for pair in dict.fromkeys(pair for pair in pairs if pair in family):
            sides = _dimension_pairs(analysis, raters, pair)
            correlations = _correlations_over_dimensions(sides, analysis.resampler)
            lines += [side.line | correlations for side in sides]
    frame = pd.DataFrame(lines, columns=list(COLUMNS))
    # None makes objects of a column without a number.
    reals = [*COLUMNS[COLUMNS.index("disagreement") : COLUMNS.index("n_dimensions")]]
    return frame.astype(dict.fromkeys(reals, "float64"))


def _rater_disagreement(frames: StudyFrames, dimension: str) -> _Disagreement | None:
    """None where no item has two grades."""
    ratings = ratings_of(frames, dimension)
    # An item has a row a dimension and view.
    items = frames.items.drop_duplicates("item_id").set_index("item_id")["case_id"]
    matrix = rating_matrix(list(ratings.values()))
    if matrix.shape[1] < 2:
        return None
    differences = rater_differences(matrix)
    rated = ~np.isnan(differences)
    if not rated.any():
        return None
    # Grouped as the answers are, so that a draw takes the same cases on both sides.
    n_cases = frames.predictions["case_id"].nunique()
    cases = resampling_units([str(items[item]) for item in ratings], n_cases)
    return _Disagreement(
        cases[rated], differences[rated], krippendorff_alpha(matrix, frames.grades)
    )


def _dimension_pairs(
    analysis: Analysis, raters: Mapping[str, _Disagreement], pair: Pair
) -> list[_DimensionPair]:
    sides, answers = [], analysis.answers
    for dimension, graded in raters.items():
        before = answers.get(pair.reference_judge(dimension))
        after = answers.get(pair.judge(dimension))
        if before is None or after is None:
            continue
        paired = paired_rows(before, after, (pair.reference, pair.variant))
        if len(paired.before.items):
            line = _dimension_row(analysis, (dimension, pair), graded, paired)
            sides.append(_DimensionPair(graded, paired, line))
    return sides


def _dimension_row(
    analysis: Analysis, judge: tuple[str, Pair], raters: _Disagreement, paired: PairedAnswers
) -> dict[str, Any]:
    dimension, pair = judge
    # A gain that silence made says nothing of what disagreement does to one.
    silence = silence_note([paired], (pair.reference, pair.variant))
    line = {
        "dimension": dimension,
        "backend": pair.backend,
        "variant": pair.variant,
        "reference": pair.reference,
        "n_items": len(set(paired.before.items)),
        "n_rated": len(raters.differences),
        **mean_error(raters.differences, raters.cases, analysis.widest).columns("disagreement"),
        "alpha": raters.alpha,
        "note": "; ".join([*paired.notes, *filter(None, [silence])]),
    }
    for metric in METRICS:
        # Named as in the table of contrasts: the same draws, and so the same p-value.
        names = (dimension, *pair)
        name = f"gain_{metric}"
        comparison = None if silence else compare(analysis, [paired], metric, names)
        line |= (
            Estimate(comparison.gain, comparison.interval).columns(name)
            if comparison
            else {name: None}
        )
        line[f"{name}_p"] = comparison.p_value if comparison else None
    return line


def _correlations_over_dimensions(
    sides: Sequence[_DimensionPair], resampler: CaseResampler
) -> dict[str, Any]:
    """Rank correlation over dimensions, with what is known of it."""
    columns: dict[str, Any] = {"n_dimensions": len(sides)}
    case_lists = [*(s.raters.cases for s in sides), *(s.paired.before.cases for s in sides)]
    # Sorted, so that `searchsorted` finds the column of a case in the weights.
    cases = np.unique(np.concatenate(case_lists)) if case_lists else np.empty(0, dtype=np.str_)
    for metric in METRICS:
        gains = np.array([side.line[f"gain_{metric}"] for side in sides], dtype=float)
        with_gain = [side for side, gain in zip(sides, gains, strict=True) if not np.isnan(gain)]
        if len(with_gain) < _MIN_DIMENSIONS:
            continue

        def rho(
            weights: _PerResample,
            # Defaults hold this round's values; a function made in a loop looks names up late.
            with_gain: Sequence[_DimensionPair] = with_gain,
            metric: str = metric,
        ) -> _PerResample:
            differences = np.stack([_mean_difference(side, cases, weights) for side in with_gain])
            gain = np.stack([_mean_gain(side, metric, cases, weights) for side in with_gain])
            return _rank_correlations(differences, gain)

        estimate = resampler.estimate(rho, [str(case) for case in cases], method="percentile")
        differences = np.array([side.line["disagreement"] for side in with_gain])
        # Both of the dimensions of `with_gain`, in its order.
        p_value = _pairing_p(differences, gains[~np.isnan(gains)], resampler.seed)
        columns |= {**estimate.columns(f"rho_{metric}"), f"rho_{metric}_p": p_value}
    return columns


def _mean_difference(
    side: _DimensionPair, cases: NDArray[np.str_], weights: _PerResample
) -> _PerResample:
    return cluster_mean(side.raters.differences, np.searchsorted(cases, side.raters.cases), weights)


def _mean_gain(
    side: _DimensionPair, metric: str, cases: NDArray[np.str_], weights: _PerResample
) -> _PerResample:
    # Ranks are compared over what both answered, as in the column beside.
    paired = side.paired if metric == "mae" else both_answered(side.paired)
    before, after = paired.before, paired.after
    # Rows are paired: cases, labels and folds of `before` are those of both.
    codes = np.searchsorted(cases, before.cases)
    if metric == "mae":
        return cluster_mean(before.error - after.error, codes, weights)
    # weights[:, codes] has shape (b, rows): a row weighs what its case does.
    first, second = (
        spearman_within_folds(one.value, before.expert, before.folds, weights[:, codes])
        for one in (before, after)
    )
    return second - first


def _rank_correlations(left: _PerResample, right: _PerResample) -> _PerResample:
    """Spearman's correlation of each column of two arrays of shape (dimensions, b).

    NaN where a value is missing or all are equal.
    """
    from scipy.stats import rankdata

    # Centred ranks: their products sum to the covariance.
    x, y = (rankdata(side.round(12), axis=0) - (len(side) + 1) / 2 for side in (left, right))
    scale = np.sqrt((x**2).sum(axis=0) * (y**2).sum(axis=0))
    defined = (scale > 0) & ~np.isnan(left).any(axis=0) & ~np.isnan(right).any(axis=0)
    correlations = np.full(left.shape[1], np.nan)
    correlations[defined] = (x * y).sum(axis=0)[defined] / scale[defined]
    return correlations


def _pairing_p(left: NDArray[np.float64], right: NDArray[np.float64], seed: int) -> float | None:
    """Two-sided p of Spearman's correlation over all, or 9999 drawn, ways to pair the values."""
    from scipy.stats import permutation_test

    if np.ptp(left) == 0 or np.ptp(right) == 0:
        return None

    def rho(values: NDArray[np.float64], axis: int = -1) -> NDArray[np.float64]:
        # A column a pairing; scipy hands over the data, or a batch of pairings at once.
        flat = np.moveaxis(values, axis, -1).reshape(-1, len(left)).T
        other = np.repeat(right[:, None], flat.shape[1], axis=1)
        shape = np.moveaxis(values, axis, -1).shape[:-1]
        return _rank_correlations(flat, other).reshape(shape)

    # One side only, as permuting both makes each pairing n! times. Up to 7 dimensions these are
    # fewer than 9999, and all are tried.
    test = permutation_test(
        (left,), rho, permutation_type="pairings", vectorized=True, n_resamples=9999, rng=seed
    )
    return float(test.pvalue)


def table(analysis: Analysis, numbers: pd.DataFrame) -> Table:
    """The table for people, and what the dimensions say together."""
    columns = [
        dimension_column(analysis.frames.dimensions),
        word("backend", "backend"),
        word("aligned", "variant"),
        count("items", "n_items"),
        count("rated twice", "n_rated", help="items with two grades or more"),
        interval("raters apart", "disagreement", help="mean difference between two raters",
                 unit="grades"),
        real("alpha", "alpha", help="Krippendorff's, ordinal"),
        interval("fall of MAE", "gain_mae", signed=True, unit="grades"),
        p_value("p", "gain_mae_p"),
        interval("rise of rank corr.", "gain_spearman", signed=True),
        p_value("p", "gain_spearman_p"),
        word("note", "note"),
    ]  # fmt: skip
    notes = [
        "Raters apart: mean absolute difference between two raters of an item, in grades; alpha:"
        " Krippendorff's with ordinal distances. Gains are those of the full memory over the"
        " unaligned judge, positive is better, uncorrected; of raters apart logit-t intervals, of"
        f" gains {HOW_COMPARED}",
        f"Reading: {analysis.reading}.",
    ]
    judges = rows_of(numbers.drop_duplicates(["backend", "variant"]))
    return Table(numbers, columns, notes, [_finding_sentence(row) for row in judges])


def _finding_sentence(row: Mapping[Any, Any]) -> str:
    """What disagreement and gain have to do with one another, as far as so few can tell."""
    n = int(row["n_dimensions"])
    head = f"{row['backend']}: if disagreement defeats alignment, gain falls as raters disagree."
    parts = []
    for metric, what in (("mae", "fall of the MAE"), ("spearman", "rise of the rank correlation")):
        p = row[f"rho_{metric}_p"]
        if not np.isnan(p):
            ends = (row[f"rho_{metric}{end}"] for end in ("", "_low", "_high"))
            span = with_interval(*ends)
            parts.append(f"{span} with the {what} (p = {p:.2g})")
    if not parts:
        return f"{head} With {n} dimension{'s' * (n != 1)} nothing can be said of it."
    # Of n! pairings two are the most extreme, one of either sign.
    smallest = 2 / math.factorial(n)
    few = f" No p below {smallest:.2g} was possible, so no claim was." if smallest > 0.05 else ""
    return (
        f"{head} Over {n} dimensions, few for a correlation, the rank correlation of disagreement"
        f" was {' and '.join(parts)}. Brackets: 95 % over cases, given these dimensions; p: over"
        f" pairings of dimensions.{few}"
    )
