"""Mean over rows with cluster-robust spread: how far it would move with other cases."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from memalign_bench.stats.resampling.bootstrap import Interval

__all__ = ["CaseMean", "case_mean", "logit_t"]


class CaseMean(NamedTuple):
    """Mean over rows, and its spread over cases.

    Attributes:
        mean: Mean over rows.
        error: Its standard error (CR2); NaN with one case.
        freedom: Satterthwaite's degrees of freedom; cases - 1 where all cases are of one size.
        n_cases: Number of cases.
    """

    mean: float
    error: float
    freedom: float
    n_cases: int

    @property
    def spread(self) -> float:
        """Standard deviation over cases that gives this error with cases of one size."""
        return float(self.error * np.sqrt(self.n_cases))

    def interval(self, level: float = 0.95) -> Interval:
        """Student's t interval."""
        from scipy.stats import t

        if not self.error > 0:
            return _no_spread(self.error)
        reach = float(t.ppf((1 + level) / 2, self.freedom)) * self.error
        return Interval(self.mean - reach, self.mean + reach, "t")


def case_mean(values: ArrayLike, cases: ArrayLike, weights: ArrayLike | None = None) -> CaseMean:
    """Mean of rows with the bias-reduced cluster-robust standard error of a constant.

    CR2 with Satterthwaite degrees of freedom (Bell and McCaffrey 2002; Pustejovsky and Tipton
    2018), under a working model of independent rows. For a constant the adjustment of case c is
    1 / sqrt(1 - h_c), h_c its share of the weight; with cases of one size it is all the one-sample
    t of the case means.

    Args:
        values: One a row, shape (n,), n >= 1.
        cases: What names each row's case, shape (n,).
        weights: Weight of each row, shape (n,); by default all alike.

    Raises:
        ValueError: If there is no row.
    """
    rows = np.asarray(values, dtype=np.float64)
    if not rows.size:
        raise ValueError("no value; there is no mean.")
    weight = np.ones_like(rows) if weights is None else np.asarray(weights, dtype=np.float64)
    _, codes = np.unique(np.asarray(cases), return_inverse=True)
    sums, sizes = np.bincount(codes, rows * weight), np.bincount(codes, weight)
    share, mean = sizes / sizes.sum(), float(sums.sum() / sizes.sum())
    if len(sums) == 1:
        return CaseMean(mean, np.nan, np.nan, 1)
    # What a case's mean strays by, times its share: what it adds to the mean's error.
    residuals = (sums / sizes - mean) * share
    # What is left by rounding must not pass for spread.
    residuals[np.abs(residuals) <= 1e-12 * max(1.0, float(np.abs(rows).max()))] = 0.0
    # CR2: each squared residual is lifted by 1 / (1 - share).
    error = float(np.sqrt(np.sum(residuals**2 / (1 - share))))
    return CaseMean(mean, error, _satterthwaite(share), len(sums))


def _satterthwaite(share: NDArray[np.float64]) -> float:
    """(tr G)^2 / tr G^2 for the matrix G of the variance estimate's quadratic form.

    For a constant, up to a factor, G_cc = h_c and G_cd = -h_c h_d / sqrt((1 - h_c) (1 - h_d)).
    """
    squared = share**2 / (1 - share)  # of the lifts
    off_diagonal = squared.sum() ** 2 - np.sum(squared**2)
    return float(share.sum() ** 2 / (np.sum(share**2) + off_diagonal))


def logit_t(estimate: CaseMean, widest: float, level: float = 0.95) -> Interval:
    """Interval of a mean error that cannot leave [0, widest], by Student's t on the logit scale.

    The standard error of logit(mean / widest) is that of the mean over mean (1 - mean / widest), by
    the delta method (Agresti 2013, chapter 3).

    Args:
        estimate: Mean error, in grades.
        widest: The scale's largest error, in grades.
        level: Coverage aimed at.
    """
    from scipy.special import expit, logit
    from scipy.stats import t

    share = estimate.mean / widest
    # At 0 and at the widest error the logit is infinite.
    if not estimate.error > 0 or not 0 < share < 1:
        return _no_spread(estimate.error)
    reach = float(t.ppf((1 + level) / 2, estimate.freedom))
    reach *= estimate.error / (widest * share * (1 - share))
    ends = widest * expit(logit(share) + np.array([-reach, reach]))
    return Interval(float(ends[0]), float(ends[1]), "logit-t")


def _no_spread(error: float) -> Interval:
    """No interval, with the reason: a single case, or cases that do not differ."""
    note = "one case" if np.isnan(error) else "zero variance"
    return Interval(np.nan, np.nan, "none", note)
