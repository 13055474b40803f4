"""Prediction-powered mean with cases as the units: PPI++ where items hang together.

`ppi-python` gives the same point, and the same error where every case has one item; it knows no
cases, which is why the few lines stand here.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from memalign_bench.loop.claims.labelled import LabelledSample
from memalign_bench.stats.clusters import case_mean
from memalign_bench.stats.resampling.bootstrap import Interval

__all__ = ["PoweredMean", "powered_mean"]


class PoweredMean(NamedTuple):
    """A mean of expert grades, estimated from a judge's grades and a labelled sample.

    Attributes:
        mean: In grades.
        error: Standard error over cases of both samples; NaN where one has a single case, or the
            judge gave all items one grade and is not done without.
        freedom: Degrees of freedom (Welch and Satterthwaite).
        weight: The power-tuning weight lambda, 0 to 1: 0 does without the judge.
    """

    mean: float
    error: float
    freedom: float
    weight: float

    def interval(self, level: float = 0.95) -> Interval:
        """Student's t interval."""
        from scipy.stats import t

        if not self.error > 0:
            return Interval(np.nan, np.nan, "none", "no spread over cases")
        reach = float(t.ppf((1 + level) / 2, self.freedom)) * self.error
        return Interval(self.mean - reach, self.mean + reach, "ppi++")


def powered_mean(
    judge: ArrayLike, cases: ArrayLike, labelled: LabelledSample, weight: float | None = None
) -> PoweredMean:
    """Mean expert grade of items that only a judge has graded.

    theta = lambda mean(f) + mean_L(y - lambda f), f the judge's grade and y the experts', the
    second mean over the labelled sample (Angelopoulos, Duchi and Zrnic 2023, "PPI++", section 6).
    Both variances are cluster-robust over cases, and lambda minimises their sum. It holds where the
    labelled items are like those that are claimed about.

    Args:
        judge: Judge's grades of the items, shape (N,), N >= 1.
        cases: Their cases, shape (N,).
        labelled: The labelled sample.
        weight: lambda; None for the one of least variance.

    Raises:
        ValueError: If there is no item.
    """
    f, y = labelled.judge, labelled.expert
    unlabelled = case_mean(judge, cases)
    # Cases that are all alike have no error, which is not to say that others would be like them.
    if not unlabelled.error > 0:
        unlabelled = unlabelled._replace(error=np.nan)
    if weight is None:
        judge_variance = case_mean(f, labelled.cases).error ** 2
        # Cov(y, f) from the variances of sum and difference, so that it is over cases too.
        covariance = (
            case_mean(y + f, labelled.cases).error ** 2
            - case_mean(y - f, labelled.cases).error ** 2
        ) / 4
        # An error that is not known: the weight is chosen without it.
        denominator = judge_variance + (0.0 if np.isnan(unlabelled.error) else unlabelled.error**2)
        weight = float(np.clip(covariance / denominator, 0, 1)) if denominator > 0 else 0.0
    rectifier = case_mean(y - weight * f, labelled.cases)
    # Without the judge (weight 0) an unknown error of its mean must not make a NaN of all.
    parts = [
        (weight**2 * unlabelled.error**2 if weight else 0.0, unlabelled.freedom),
        (rectifier.error**2, rectifier.freedom),
    ]
    variance = sum(part for part, _ in parts)
    # Welch and Satterthwaite's degrees of freedom.
    spread = sum(part**2 / freedom for part, freedom in parts if part > 0)
    freedom = variance**2 / spread if variance > 0 and spread > 0 else np.nan
    return PoweredMean(
        weight * unlabelled.mean + rectifier.mean, float(np.sqrt(variance)), float(freedom), weight
    )
