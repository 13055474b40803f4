"""Is alignment defeated where raters disagree? Each dimension's disagreement beside its gain."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from memalign_bench.report.numbers.analysis import Analysis
from memalign_bench.report.numbers.frames import rows_of
from memalign_bench.report.numbers.paired_answers import PairedAnswers, paired_rows
from memalign_bench.report.numbers.pairs import Pair, claimed_pairs, pairs_of
from memalign_bench.report.numbers.pooled import compare, mean_error
from memalign_bench.report.numbers.summary import ratings_of
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

_LEAST_DIMENSIONS = 3
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

_Weighted = NDArray[np.float64]


class _Raters(NamedTuple):
    """Items of a dimension with two grades or more: their cases and raters' mean difference."""

    cases: NDArray[np.str_]
    apart: NDArray[np.float64]
    alpha: float | None


class _Side(NamedTuple):
    """A dimension as the correlation over dimensions needs it."""

    raters: _Raters
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
    raters = {name: found for name in frames.dimensions if (found := _raters(frames, name))}
    lines: list[dict[str, Any]] = []
    if raters:
        pairs = list(pairs_of(analysis.variants))
        family = claimed_pairs(pairs)
        for pair in dict.fromkeys(one for one in pairs if one in family):
            sides = _sides(analysis, raters, pair)
            over = _over_dimensions(sides, analysis.resampler)
            lines += [side.line | over for side in sides]
    frame = pd.DataFrame(lines, columns=list(COLUMNS))
    reals = [*COLUMNS[COLUMNS.index("disagreement") : COLUMNS.index("n_dimensions")]]
    return frame.astype(dict.fromkeys(reals, "float64"))


def _raters(frames: StudyFrames, dimension: str) -> _Raters | None:
    """None where no item has two grades."""
    ratings = ratings_of(frames, dimension)
    items = frames.items.drop_duplicates("item_id").set_index("item_id")["case_id"]
    matrix = np.full((len(ratings), max(map(len, ratings.values()), default=0)), np.nan)
    for row, scores in zip(matrix, ratings.values(), strict=True):
        row[: len(scores)] = scores
    if matrix.shape[1] < 2:
        return None
    apart = rater_differences(matrix)
    rated = ~np.isnan(apart)
    if not rated.any():
        return None
    n_cases = frames.predictions["case_id"].nunique()
    cases = resampling_units([str(items[item]) for item in ratings], n_cases)
    return _Raters(cases[rated], apart[rated], krippendorff_alpha(matrix, frames.grades))


def _sides(analysis: Analysis, raters: Mapping[str, _Raters], pair: Pair) -> list[_Side]:
    sides, answers = [], analysis.answers
    for dimension, graded in raters.items():
        before = answers.get(pair.reference_judge(dimension))
        after = answers.get(pair.judge(dimension))
        if before is None or after is None:
            continue
        paired = paired_rows(before, after, (pair.reference, pair.variant))
        if len(paired.before.items):
            line = _line(analysis, (dimension, pair), graded, paired)
            sides.append(_Side(graded, paired, line))
    return sides


def _line(
    analysis: Analysis, judge: tuple[str, Pair], raters: _Raters, paired: PairedAnswers
) -> dict[str, Any]:
    dimension, pair = judge
    line = {
        "dimension": dimension,
        "backend": pair.backend,
        "variant": pair.variant,
        "reference": pair.reference,
        "n_items": len(set(paired.before.items)),
        "n_rated": len(raters.apart),
        **mean_error(raters.apart, raters.cases, analysis.widest).columns("disagreement"),
        "alpha": raters.alpha,
        "note": "; ".join(paired.notes),
    }
    for metric in METRICS:
        name, found = f"gain_{metric}", compare(analysis, [paired], metric, (dimension, *pair))
        line |= Estimate(found.gain, found.interval).columns(name) if found else {name: None}
        line[f"{name}_p"] = found.p_value if found else None
    return line


def _over_dimensions(sides: Sequence[_Side], resampler: CaseResampler) -> dict[str, Any]:
    """Rank correlation over dimensions, with what is known of it."""
    found: dict[str, Any] = {"n_dimensions": len(sides)}
    every = [*(s.raters.cases for s in sides), *(s.paired.before.cases for s in sides)]
    cases = np.unique(np.concatenate(every)) if every else np.empty(0, dtype=np.str_)
    for metric in METRICS:
        gains = np.array([side.line[f"gain_{metric}"] for side in sides], dtype=float)
        kept = [side for side, gain in zip(sides, gains, strict=True) if not np.isnan(gain)]
        if len(kept) < _LEAST_DIMENSIONS:
            continue

        def rho(
            weights: _Weighted, kept: Sequence[_Side] = kept, metric: str = metric
        ) -> _Weighted:
            apart = np.stack([_apart(side, cases, weights) for side in kept])
            gain = np.stack([_gain(side, metric, cases, weights) for side in kept])
            return _rank_correlations(apart, gain)

        one = resampler.estimate(rho, [str(case) for case in cases], method="percentile")
        apart = np.array([side.line["disagreement"] for side in kept])
        p_value = _pairing_p(apart, gains[~np.isnan(gains)], resampler.seed)
        found |= {**one.columns(f"rho_{metric}"), f"rho_{metric}_p": p_value}
    return found


def _apart(side: _Side, cases: NDArray[np.str_], weights: _Weighted) -> _Weighted:
    return cluster_mean(side.raters.apart, np.searchsorted(cases, side.raters.cases), weights)


def _gain(side: _Side, metric: str, cases: NDArray[np.str_], weights: _Weighted) -> _Weighted:
    before, after = side.paired.before, side.paired.after
    codes = np.searchsorted(cases, before.cases)
    if metric == "mae":
        return cluster_mean(before.error - after.error, codes, weights)
    first, second = (
        spearman_within_folds(one.value, before.expert, before.folds, weights[:, codes])
        for one in (before, after)
    )
    return second - first


def _rank_correlations(one: _Weighted, two: _Weighted) -> _Weighted:
    """Spearman's correlation of each column of two arrays of shape (dimensions, b).

    NaN where a value is missing or all are equal.
    """
    from scipy.stats import rankdata

    x, y = (rankdata(side.round(12), axis=0) - (len(side) + 1) / 2 for side in (one, two))
    scale = np.sqrt((x**2).sum(axis=0) * (y**2).sum(axis=0))
    whole = (scale > 0) & ~np.isnan(one).any(axis=0) & ~np.isnan(two).any(axis=0)
    found = np.full(one.shape[1], np.nan)
    found[whole] = (x * y).sum(axis=0)[whole] / scale[whole]
    return found


def _pairing_p(one: NDArray[np.float64], two: NDArray[np.float64], seed: int) -> float | None:
    """Two-sided p of Spearman's correlation over all, or 9999 drawn, ways to pair the values."""
    from scipy.stats import permutation_test

    if np.ptp(one) == 0 or np.ptp(two) == 0:
        return None

    def rho(values: NDArray[np.float64], axis: int = -1) -> NDArray[np.float64]:
        flat = np.moveaxis(values, axis, -1).reshape(-1, len(one)).T
        other = np.repeat(two[:, None], flat.shape[1], axis=1)
        shape = np.moveaxis(values, axis, -1).shape[:-1]
        return _rank_correlations(flat, other).reshape(shape)

    test = permutation_test(
        (one,), rho, permutation_type="pairings", vectorized=True, n_resamples=9999, rng=seed
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
    return Table(numbers, columns, notes, [_finding(row) for row in judges])


def _finding(row: Mapping[Any, Any]) -> str:
    """What disagreement and gain have to do with one another, as far as so few can tell."""
    n = int(row["n_dimensions"])
    head = f"{row['backend']}: if disagreement defeats alignment, gain falls as raters disagree."
    told = []
    for metric, what in (("mae", "fall of the MAE"), ("spearman", "rise of the rank correlation")):
        p = row[f"rho_{metric}_p"]
        if not np.isnan(p):
            ends = (row[f"rho_{metric}{end}"] for end in ("", "_low", "_high"))
            span = with_interval(*ends)
            told.append(f"{span} with the {what} (p = {p:.2g})")
    if not told:
        return f"{head} With {n} dimensions nothing can be said of it."
    smallest = 2 / math.factorial(n)
    few = f" No p below {smallest:.2g} was possible, so no claim was." if smallest > 0.05 else ""
    return (
        f"{head} Over {n} dimensions, few for a correlation, the rank correlation of disagreement"
        f" was {' and '.join(told)}. Brackets: 95 % over cases, given these dimensions; p: over"
        f" pairings of dimensions.{few}"
    )
