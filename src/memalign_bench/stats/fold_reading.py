"""The batch reading without a leak: within each fold.

A fold's memory has seen the labels of all other folds. A mean distribution pooled over folds
therefore carries an item's own label back to it, through the memories of the others. The mean over
the item's own fold does not: no label of the fold is in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import numpy as np
from numpy.typing import ArrayLike, NDArray

from memalign_bench.stats.calibration import TIE, batch_calibrate, largest_grade
from memalign_bench.stats.resampling.jackknife import Statistic

__all__ = [
    "MIN_FOLD_ROWS",
    "calibrate_in_folds",
    "grades_in_folds",
    "reread_error",
]

_MAX_BLOCK = 200_000
"""Resamples times rows that are read at once, a few times what a processor's cache holds."""

MIN_FOLD_ROWS = 10
"""With fewer, an item's own distribution is more than a tenth of the mean that it is divided by."""


def calibrate_in_folds(
    distributions: ArrayLike, folds: ArrayLike, min_rows: int = MIN_FOLD_ROWS
) -> NDArray[np.float64]:
    """Divide each distribution by the mean distribution of its own fold.

    Args:
        distributions: Probabilities of the grades in rising order, shape (n, g).
        folds: What names each row's fold (with repeated splits: fold and seed), shape (n,).
        min_rows: Folds with fewer rows have no second reading.

    Returns:
        Shape (n, g); NaN in folds with too few rows.

    Raises:
        ValueError: If a row is no distribution.
    """
    chances = np.asarray(distributions, dtype=np.float64)
    calibrated = np.full_like(chances, np.nan)
    _, codes = np.unique(np.asarray(folds), return_inverse=True)
    for code in range(codes.max(initial=-1) + 1):
        inside = np.flatnonzero(codes == code)
        # Of a small fold too, since it refuses what is no distribution.
        calibrated_fold = batch_calibrate(chances[inside])
        if len(inside) >= min_rows:
            calibrated[inside] = calibrated_fold
    return calibrated


def grades_in_folds(
    distributions: ArrayLike,
    folds: ArrayLike,
    grades: Sequence[float],
    min_rows: int = MIN_FOLD_ROWS,
) -> NDArray[np.float64]:
    """Grade with the largest probability after `calibrate_in_folds`.

    Where calibration leaves a tie it has nothing to say (all rows alike, for example), and the
    uncalibrated distribution decides; without this rule rounding would.

    Args:
        distributions: Shape (n, g), grades rising.
        folds: What names each row's fold, shape (n,).
        grades: The g grades.
        min_rows: Folds with fewer rows have no second reading.

    Returns:
        Shape (n,); NaN in folds with too few rows.
    """
    calibrated = calibrate_in_folds(distributions, folds, min_rows)
    has_reading = ~np.isnan(calibrated).any(axis=1)
    chosen = np.full(len(calibrated), np.nan)
    chances = np.asarray(distributions, dtype=np.float64)
    chosen[has_reading] = largest_grade(
        calibrated[has_reading], grades, tie_break=chances[has_reading]
    )
    return chosen


def reread_error(
    distributions: ArrayLike,
    expert: ArrayLike,
    folds: ArrayLike,
    codes: ArrayLike,
    *,
    grades: Sequence[float],
    otherwise: ArrayLike,
    beside: ArrayLike | None = None,
    min_rows: int = MIN_FOLD_ROWS,
) -> Statistic:
    """Mean error of the reading within folds, with the reading taken anew in every resample.

    The mean distribution of a fold is itself measured on these cases; an interval that takes
    it as known is too narrow.

    Args:
        distributions: Shape (n, g), grades rising; NaN in rows without one.
        expert: The expert's grades, shape (n,).
        folds: What names each row's fold, shape (n,).
        codes: Each row's case as an index into the columns of the weights, shape (n,).
        grades: The g grades.
        otherwise: Error of rows that have no second reading, shape (n,).
        beside: What else is in the mean of each row's fold: the sum of the distributions of items
            that count no error, over the number of the fold's that do, shape (n, g). It is taken as
            known, and has the same share of every resample. None where there is nothing.
        min_rows: Folds with fewer distributions have no second reading.

    Returns:
        From weights of cases, shape (b, c), to mean errors, shape (b,); give it to
        `CaseResampler.estimate` or `jackknife_t`, alone or as a difference of two.
    """
    chances = np.asarray(distributions, dtype=np.float64)
    truth, rest = (np.asarray(array, dtype=np.float64) for array in (expert, otherwise))
    more = np.zeros_like(chances) if beside is None else np.asarray(beside, dtype=np.float64)
    case = np.asarray(codes, dtype=np.intp)
    answered = ~np.isnan(chances).any(axis=1)
    _, fold = np.unique(np.asarray(folds), return_inverse=True)
    # Folds whose rows are read anew in each resample; all other rows keep the error `otherwise`.
    parts = [np.flatnonzero(answered & (fold == at)) for at in range(fold.max(initial=-1) + 1)]
    parts = [part for part in parts if len(part) >= min_rows]
    without_reading = np.setdiff1d(
        np.arange(len(chances)), np.concatenate([[], *parts]).astype(np.intp)
    )

    # Misses by grade: the reading of a resample only chooses among them.
    misses = [np.abs(np.asarray(grades, float)[:, None] - truth[part]) for part in parts]

    def error(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        # In blocks, since the arrays below hold a number for each resample and row.
        block_size = max(1, _MAX_BLOCK // max(1, len(chances)))
        blocks = [weights[at : at + block_size] for at in range(0, len(weights), block_size)]
        return np.concatenate([block_error(block) for block in blocks] or [np.empty(0)])

    def block_error(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        # A row is drawn as often as its case.
        drawn = np.asarray(weights, dtype=np.float64)[:, case]
        total = drawn[:, without_reading] @ rest[without_reading]
        for part, miss in zip(parts, misses, strict=True):
            inside = drawn[:, part]
            # The same in all rows of a fold.
            missed = _fold_misses(chances[part], inside, miss, more[part[0]])
            total += (inside * missed).sum(axis=1)
        rows = drawn.sum(axis=1)
        means = np.full(len(rows), np.nan)
        np.divide(total, rows, out=means, where=rows > 0)
        return means

    return error


def _fold_misses(
    chances: NDArray[np.float64],
    drawn: NDArray[np.float64],
    misses: NDArray[np.float64],
    beside: NDArray[np.float64],
) -> NDArray[np.float64]:
    """What one fold's rows miss by in each resample, shape (b, n), read by its own mean.

    `grades_in_folds`, one grade after the other and not divided by the sum: the last axis of
    (b, n, grades) is too short to go along. What is not drawn may be anything.

    Args:
        chances: Shape (n, g).
        drawn: How often each row stands in each resample, shape (b, n).
        misses: By grade and row, shape (g, n).
        beside: What is added to the mean over `chances`, shape (g,).
    """
    # The fold's mean distribution in each resample, but for a factor.
    prior = drawn @ chances / np.maximum(drawn.sum(axis=1, keepdims=True), 1.0) + beside
    scale = np.divide(1.0, prior, out=np.zeros_like(prior), where=prior > 0)
    ratios = [scale[:, [at]] * chances[:, at] for at in range(len(misses))]
    # Ratios within TIE of the largest tie; TIE is of a probability, so it is scaled by their sum.
    least = reduce(np.maximum, ratios) - TIE * reduce(np.add, ratios)
    # Among those that tie, the uncalibrated probability decides.
    seconds = [np.where(r >= least, chances[:, at], -np.inf) for at, r in enumerate(ratios)]
    second = reduce(np.maximum, seconds) - TIE
    # Starts with the highest grade; lower ones that tie as well overwrite it.
    missed = np.broadcast_to(misses[-1], drawn.shape)
    for at in range(len(misses) - 2, -1, -1):  # of what is tied the lowest grade is left
        missed = np.where(seconds[at] >= second, misses[at], missed)
    return missed
