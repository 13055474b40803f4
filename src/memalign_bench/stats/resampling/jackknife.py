"""Delete-one-case jackknife with Student's t: rank correlations and their differences."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from memalign_bench.stats.rank import spearman_within_folds
from memalign_bench.stats.resampling.bootstrap import Interval, jackknife_weights

__all__ = [
    "JackknifeT",
    "Statistic",
    "jackknife_t",
    "rank_correlation",
    "rank_difference",
]

Statistic = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""From weights of cases, shape (b, c), to values, shape (b,)."""


class JackknifeT(NamedTuple):
    """A statistic with what the jackknife makes of it.

    Attributes:
        point: The statistic of the data; NaN where undefined.
        error: Jackknife standard error; NaN where undefined.
        interval: Student's t interval with cases - 1 degrees of freedom.
        p_value: Two-sided p of the hypothesis that it is 0, at most alpha just where the interval
            of level 1 - alpha leaves out 0; NaN where there is no interval.
    """

    point: float
    error: float
    interval: Interval
    p_value: float


def jackknife_t(
    statistic: Statistic,
    n_cases: int,
    *,
    bounds: tuple[float, float] = (-np.inf, np.inf),
    level: float = 0.95,
) -> JackknifeT:
    """Interval and p-value of a smooth statistic of cases.

    error^2 = (n - 1) / n sum_c (theta_(c) - mean theta_(.))^2 (Tukey 1958; Efron and Tibshirani
    1993, eq. 11.5), theta_(c) the statistic without case c. Cases without which it is undefined are
    left out of the sum, and said.

    Args:
        statistic: Values for given weights of the cases.
        n_cases: Number of cases.
        bounds: What the statistic cannot leave; the interval is cut there.
        level: Coverage aimed at.
    """
    from scipy.stats import t

    point = float(statistic(np.ones((1, n_cases)))[0])
    without = statistic(jackknife_weights(n_cases)) if n_cases > 1 else np.empty(0)
    defined = without[~np.isnan(without)]
    n = len(defined)
    if np.isnan(point) or n < 2:
        note = "one case" if n_cases == 1 and not np.isnan(point) else "statistic undefined"
        return JackknifeT(point, np.nan, _no_interval(note), np.nan)
    error = float(np.sqrt((n - 1) / n * np.sum((defined - defined.mean()) ** 2)))
    # Without spread there is no t: p is 1 for a statistic of 0, and unknown for any other.
    if error <= 1e-12 * max(1.0, abs(point)):
        p_value = 1.0 if abs(point) <= 1e-12 else np.nan
        return JackknifeT(point, 0.0, _no_interval("zero variance"), p_value)
    reach = float(t.ppf((1 + level) / 2, n - 1)) * error
    # Cutting takes away only what cannot be, so coverage stays.
    low, high = np.clip([point - reach, point + reach], *bounds)
    note = f"undefined without {len(without) - n} of {len(without)} cases" * (n < len(without))
    p_value = float(2 * t.sf(abs(point) / error, n - 1))
    return JackknifeT(point, error, Interval(float(low), float(high), "jackknife-t", note), p_value)


def rank_correlation(
    judge: ArrayLike, expert: ArrayLike, folds: ArrayLike, cases: ArrayLike, level: float = 0.95
) -> JackknifeT:
    """`spearman_within_folds` of one judge.

    Args:
        judge: Any ordinal values, shape (n,).
        expert: Shape (n,).
        folds: What names each row's fold, shape (n,).
        cases: What names each row's case, shape (n,).
        level: Coverage aimed at.
    """
    names, codes = np.unique(np.asarray(cases), return_inverse=True)

    def rho(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        return spearman_within_folds(judge, expert, folds, weights[:, codes])

    return jackknife_t(rho, len(names), bounds=(-1.0, 1.0), level=level)


def rank_difference(
    judges: tuple[ArrayLike, ArrayLike],
    expert: ArrayLike,
    folds: ArrayLike,
    cases: ArrayLike,
    level: float = 0.95,
) -> JackknifeT:
    """Rank correlation of the first judge less that of the second, paired by case.

    Unlike an exchange of the judges' scores it does not suppose that they share level and spread.

    Args:
        judges: The two judges' values, each of shape (n,).
        expert: Shape (n,).
        folds: What names each row's fold, shape (n,).
        cases: What names each row's case, shape (n,).
        level: Coverage aimed at.
    """
    names, codes = np.unique(np.asarray(cases), return_inverse=True)

    def difference_of_rho(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        drawn = weights[:, codes]
        first, second = (spearman_within_folds(judge, expert, folds, drawn) for judge in judges)
        return first - second

    return jackknife_t(difference_of_rho, len(names), bounds=(-2.0, 2.0), level=level)


def _no_interval(note: str) -> Interval:
    """No interval, and why."""
    return Interval(np.nan, np.nan, "none", note)
