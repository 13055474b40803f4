"""Cluster bootstrap over cases: which intervals the data give when cases are drawn again.

Resamples are held as a weight matrix (resample x case) that is made once for a set of cases and
used for every variant, so that the difference of two variants is taken resample by resample.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from memalign_bench.seeding import generator

__all__ = [
    "BootstrapTest",
    "CaseResampler",
    "Estimate",
    "Interval",
    "bootstrap_interval",
    "bootstrap_test",
    "cluster_mean",
    "jackknife_weights",
    "resample_weights",
]

_CHUNK = 1_000_000
"""Weights handed to a statistic at once, which bounds what it allocates."""


class Interval(NamedTuple):
    """A confidence interval.

    Attributes:
        low: Lower end; NaN where there is no interval.
        high: Upper end; NaN where there is no interval.
        method: How it was made (`bca`, `percentile`, `t`, ...); `none` where there is none.
        note: Why it is not the one asked for, or what it cannot show; "" otherwise.
    """

    low: float
    high: float
    method: str
    note: str = ""


class Estimate(NamedTuple):
    """A statistic of the data (NaN where undefined) with its interval."""

    point: float
    interval: Interval

    def columns(self, name: str) -> dict[str, float]:
        """Columns of a table: the estimate under this name, the limits with `_low` and `_high`."""
        low, high, *_ = self.interval
        return {name: self.point, f"{name}_low": low, f"{name}_high": high}


class CaseResampler:
    """Draws the resamples of each set of cases once, and bootstraps statistics over them.

    Args:
        n_resamples: Number of resamples.
        seed: Root seed.
        level: Coverage aimed at.
    """

    def __init__(self, n_resamples: int = 10_000, seed: int = 0, level: float = 0.95) -> None:
        self.n_resamples = n_resamples
        self.seed = seed
        self.level = level
        self._weights: dict[tuple[str, ...], NDArray[np.float64]] = {}

    def weights(self, cases: Sequence[str]) -> NDArray[np.float64]:
        """Resamples of these cases, shape (n_resamples, len(cases)); the same array each time."""
        # The same draws for every variant, so that differences are paired resample by resample.
        # In the order given: the columns of the weights follow it.
        key = tuple(cases)
        if key not in self._weights:
            drawn = resample_weights(len(key), self.n_resamples, self.seed, *key)
            self._weights[key] = drawn
        return self._weights[key]

    def estimate(
        self,
        statistic: Callable[[NDArray[np.float64]], NDArray[np.float64]],
        cases: Sequence[str],
        method: str = "bca",
    ) -> Estimate:
        """Point and interval of a statistic.

        Args:
            statistic: From weights of the cases, shape (b, c), to values, shape (b,).
            cases: Names of the cases, in the order of the columns of the weights.
            method: `bca` or `percentile`.
        """
        point = float(statistic(np.ones((1, len(cases))))[0])
        jackknife = statistic(jackknife_weights(len(cases))) if method == "bca" else None
        weights = self.weights(cases)
        step = max(1, _CHUNK // len(cases))
        # In parts: a statistic may allocate many numbers a weight.
        parts = [statistic(weights[at : at + step]) for at in range(0, len(weights), step)]
        resampled = np.concatenate(parts)
        return Estimate(point, bootstrap_interval(point, resampled, jackknife, self.level))


def resample_weights(
    n_cases: int, n_resamples: int, seed: int, *names: object
) -> NDArray[np.float64]:
    """How often each case stands in each resample of `n_cases` cases, drawn with replacement.

    Args:
        n_cases: Number of cases, at least 1.
        n_resamples: Number of resamples.
        seed: Root seed.
        names: What else the draw depends on (the cases' names).

    Returns:
        Whole numbers as float64, shape (n_resamples, n_cases), rows summing to `n_cases`.
    """
    rng = generator(seed, "bootstrap", n_cases, n_resamples, *names)
    return rng.multinomial(n_cases, np.full(n_cases, 1 / n_cases), size=n_resamples).astype(float)


def jackknife_weights(n_cases: int) -> NDArray[np.float64]:
    """Weights that leave out one case each, shape (n_cases, n_cases)."""
    return 1.0 - np.eye(n_cases)


def cluster_mean(values: ArrayLike, cases: ArrayLike, weights: ArrayLike) -> NDArray[np.float64]:
    """Mean over rows in each resample, where every row goes with its case.

    Args:
        values: One value a row, shape (n,).
        cases: The row's case as an index into the columns of `weights`, shape (n,).
        weights: Shape (b, c).

    Returns:
        Shape (b,); NaN where a resample holds no row.
    """
    weights = np.asarray(weights, dtype=np.float64)
    cases = np.asarray(cases, dtype=np.intp)
    n_cases = weights.shape[1]
    sums = np.bincount(cases, weights=np.asarray(values, dtype=np.float64), minlength=n_cases)
    counts = np.bincount(cases, minlength=n_cases).astype(np.float64)
    rows = weights @ counts
    means = np.full(len(weights), np.nan)
    means[rows > 0] = (weights @ sums)[rows > 0] / rows[rows > 0]
    return means


def bootstrap_interval(
    point: float,
    resampled: ArrayLike,
    jackknife: ArrayLike | None = None,
    level: float = 0.95,
) -> Interval:
    """Interval from the values of a statistic in the resamples.

    With `jackknife` values it is the bias-corrected and accelerated interval (Efron 1987; Efron
    and Tibshirani 1993, eq. 14.9 to 14.15, ties counted by half as in scipy), which falls back to
    the percentile interval where that is degenerate; without, the percentile interval.

    Args:
        point: The statistic of the data.
        resampled: Its value in each resample, shape (b,); NaN where undefined.
        jackknife: Its value without each case in turn, shape (c,).
        level: Coverage aimed at.
    """
    values = np.asarray(resampled, dtype=np.float64)
    defined = values[~np.isnan(values)]
    if np.isnan(point) or not defined.size:
        return Interval(np.nan, np.nan, "none", "statistic undefined")
    notes = []
    if defined.size < values.size:
        share = 1 - defined.size / values.size
        shown = f"{share:.1%}" if share >= 0.001 else "under 0.1%"
        notes.append(f"undefined in {shown} of resamples, left out")
    tails = np.array([(1 - level) / 2, (1 + level) / 2])
    method = "percentile"
    # All resamples alike: BCa would divide by zero, and the percentiles are the one value.
    if np.ptp(defined) <= _rounding_error(defined):
        notes.append("zero variance")
    elif jackknife is not None:
        shifted = _bca_tails(point, defined, np.asarray(jackknife, dtype=np.float64), tails)
        if shifted is None:
            notes.append("BCa degenerate, percentile interval")
        else:
            tails, method = shifted, "bca"
    low, high = np.quantile(defined, tails)
    return Interval(float(low), float(high), method, "; ".join(notes))


class BootstrapTest(NamedTuple):
    """A percentile interval and the p-value that agrees with it."""

    interval: Interval
    p_value: float


def bootstrap_test(resampled: ArrayLike, level: float = 0.95) -> BootstrapTest:
    """Percentile interval whose ends are resamples, and the two-sided p of 0 by inverting it.

    p = 2 min(1 + #{t* <= 0}, 1 + #{t* >= 0}) / (b + 1) (Davison and Hinkley 1997, section 4.2), at
    most 1 - level just where the interval leaves out 0.

    Args:
        resampled: A statistic's value in each resample, shape (b,); NaN where undefined.
        level: Coverage aimed at.
    """
    values = np.asarray(resampled, dtype=np.float64)
    # Rounded, so that a 0 that is off by the last bit counts as 0.
    drawn = np.sort(values[~np.isnan(values)].round(12))
    # 1e-9 against products that rounding leaves just under a whole number.
    rank = int(np.floor((1 - level) / 2 * (len(drawn) + 1) + 1e-9)) - 1
    if rank < 0:
        note = f"{len(drawn)} resamples are too few for a level of {level}"
        return BootstrapTest(Interval(np.nan, np.nan, "none", note), np.nan)
    n_beyond_zero = min(int((drawn <= 0).sum()), int((drawn >= 0).sum()))
    p_value = min(1.0, 2 * (1 + n_beyond_zero) / (len(drawn) + 1))
    # Order statistics, not interpolated quantiles: only they agree with the p above.
    low, high = float(drawn[rank]), float(drawn[-1 - rank])
    note = "" if low < high else "zero variance"
    return BootstrapTest(Interval(low, high, "percentile", note), p_value)


def _bca_tails(
    point: float,
    defined: NDArray[np.float64],
    jackknife: NDArray[np.float64],
    tails: NDArray[np.float64],
) -> NDArray[np.float64] | None:
    """Shares of the bootstrap distribution at which the BCa interval ends; None if degenerate."""
    from scipy.special import ndtr, ndtri

    tolerance = _rounding_error(defined)
    below = (defined < point - tolerance).mean()
    upto = (defined <= point + tolerance).mean()
    share = (below + upto) / 2
    # Efron and Tibshirani 1993, eq. 14.15: the acceleration from the jackknife's skewness.
    # Mean less value, not the other way round: the sign of the acceleration depends on it.
    influence = jackknife.mean() - jackknife if jackknife.size else jackknife
    spread = np.sum(influence**2)
    # A share of 0 or 1 has an infinite normal quantile; no spread leaves the acceleration open.
    if not 0 < share < 1 or np.isnan(spread) or spread <= len(influence) * tolerance**2:
        return None
    # Eq. 14.14: the bias correction from the share of resamples below the point.
    bias = ndtri(share)
    acceleration = np.sum(influence**3) / (6 * spread**1.5)
    z = bias + ndtri(tails)
    shifted: NDArray[np.float64] = ndtr(bias + z / (1 - acceleration * z))
    usable = np.isfinite(shifted).all() and shifted[0] < shifted[1]
    # Beyond the pole at z = 1/a the formula turns round.
    return shifted if usable and np.all(1 - acceleration * z > 0) else None


def _rounding_error(values: NDArray[np.float64]) -> float:
    """Differences up to this are rounding, not data."""
    return 1e-12 * max(1.0, float(np.abs(values).max()))
