"""How a judge's grade answers to the experts': what its error does to a mean, and to a difference.

If the judge grades items of one true grade alike, whoever wrote them, its mean over an agent's
notebooks is intercept + slope * (mean true grade). So a true difference d shows as slope * d, and
whoever reads the judge's difference as it stands takes a polite judge's half grade for half of what
it is. The slope is measured on the labelled sample. This is the classical estimator of statistical
calibration (Osborne 1991, "Statistical calibration: a review"); for two grades it is the correction
of Rogan and Gladen (1978). Tests hold slope * d against the difference (Fieller 1954), averaged
over how far the slope may be off, so a judge that does not tell good from bad can show nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from memalign_bench.loop.claims.labelled import LabelledSample
from memalign_bench.stats.clusters import CaseMean, case_mean
from memalign_bench.stats.planning.changes import rule_of_three
from memalign_bench.stats.resampling.bootstrap import Interval, jackknife_weights
from memalign_bench.stats.resampling.sign_flips import SignFlips

__all__ = ["FAITHFUL", "CarriedDifference", "JudgeResponse", "fit_response", "response_mean"]

_N_QUANTILES = 400
"""Quantiles of the slope's distribution over which a test is averaged."""

_HALVINGS = 30


@dataclass(frozen=True)
class JudgeResponse:
    """The line by which a judge's mean answers to the experts'.

    Attributes:
        slope: Judge's grades for one grade of the experts'.
        level: Judge's mean where the experts' is `middle`.
        middle: The experts' mean over the labelled sample.
        covariance: Of level and slope, shape (2, 2), by the jackknife over cases.
        freedom: Labelled cases less one; infinite where the line is taken as known.
    """

    slope: float
    level: float
    middle: float
    covariance: NDArray[np.float64]
    freedom: float

    def shown(self, grade: float) -> float:
        """What the judge makes of notebooks to which the experts give this grade, on average."""
        return self.level + self.slope * (grade - self.middle)

    @property
    def error(self) -> float:
        """Standard error of the slope."""
        return float(np.sqrt(self.covariance[1, 1]))

    @cached_property
    def slopes(self) -> NDArray[np.float64]:
        """Slopes that the labels leave open, as quantiles of Student's t around the estimate."""
        if not self.error > 0:
            return np.array([self.slope])
        return self.slope + self.error * _t_quantiles(self.freedom)


@lru_cache(maxsize=64)
def _t_quantiles(freedom: float) -> NDArray[np.float64]:
    """Quantiles of Student's t at evenly spaced places."""
    from scipy.stats import t

    result: NDArray[np.float64] = t.ppf((np.arange(_N_QUANTILES) + 0.5) / _N_QUANTILES, freedom)
    return result


FAITHFUL = JudgeResponse(1.0, 0.0, 0.0, np.zeros((2, 2)), np.inf)
"""The judge's opinion taken for the experts'."""


def fit_response(labelled: LabelledSample) -> JudgeResponse:
    """Measure a judge's response on its labelled sample.

    Least squares of the judge's grade on the experts', with the jackknife over cases.

    Raises:
        ValueError: If the experts gave one grade only, or did so without one of the cases.
    """
    _, codes = np.unique(labelled.cases, return_inverse=True)
    n_cases = int(codes.max()) + 1
    # First row: all cases; each other row leaves one case out.
    weights = np.vstack([np.ones(n_cases), jackknife_weights(n_cases)])[:, codes]
    y, f = labelled.expert, labelled.judge
    middle = float(y.mean())
    totals = weights.sum(axis=1)
    means = (weights @ y / totals, weights @ f / totals)
    spread = weights @ (y * y) / totals - means[0] ** 2
    if (spread <= 1e-12).any():
        raise ValueError("the experts' grades of the labelled items do not differ enough.")
    # Least squares from weighted moments, for all rows at once.
    slopes = (weights @ (y * f) / totals - means[0] * means[1]) / spread
    # All at the same middle, or leaving a case out would move the level by moving the middle.
    levels = means[1] + slopes * (middle - means[0])
    deviations = np.stack([levels[1:], slopes[1:]])
    deviations -= deviations.mean(axis=1, keepdims=True)
    covariance = (n_cases - 1) / n_cases * deviations @ deviations.T
    return JudgeResponse(float(slopes[0]), float(levels[0]), middle, covariance, float(n_cases - 1))


def response_mean(
    judge: ArrayLike, cases: ArrayLike, response: JudgeResponse, scale: tuple[float, float]
) -> tuple[float, Interval]:
    """Mean expert grade of items that a judge has graded, by its response; with its interval.

    The interval holds every mean m of the scale that the judge's mean does not speak against:
    |mean(f) - level - slope (m - middle)| <= t * error of that difference (Fieller 1954).

    Args:
        judge: Judge's grades, shape (N,), N >= 1.
        cases: Their cases, shape (N,).
        response: The judge's.
        scale: Lowest and highest grade.

    Returns:
        The mean, cut at the scale (NaN where the slope is not above 0), and its interval: the
        whole scale where nothing is spoken against, none where everything is, nor of one case.
        Where all cases show one grade, the judge's mean may lie where the rule of three says.
    """
    from scipy.stats import t

    # Fieller: keep every mean whose predicted opinion is near enough to the observed one.
    opinion = case_mean(judge, cases)
    if opinion.error > 0:
        agent_variance, agent_freedom, alike = opinion.error**2, opinion.freedom, (0.0, 0.0)
    # Cases that are all alike have no error, which is not to say that others would be like them.
    else:
        agent_variance, agent_freedom = 0.0, np.inf
        alike = _reach_of_alike(opinion, scale)
    # On a grid: error and degrees of freedom change with the mean, so no formula gives the ends.
    grid = np.linspace(*scale, 401)
    # Shape (2, 401): a mean m is predicted to show as level + slope * (m - middle).
    design = np.stack([np.ones_like(grid), grid - response.middle])
    line_variance = np.einsum("ij,ik,kj->j", design, response.covariance, design)
    variance = agent_variance + line_variance
    # 0 / 0 where neither has an error; the quantile below is then the normal one.
    with np.errstate(divide="ignore", invalid="ignore"):
        # Welch and Satterthwaite: the error of the agent's mean and of the line.
        freedom = variance**2 / (
            agent_variance**2 / agent_freedom + line_variance**2 / response.freedom
        )
    reach = t.ppf(0.975, np.where(np.isnan(freedom), np.inf, freedom)) * np.sqrt(variance)
    gap = opinion.mean - response.level - response.slope * (grid - response.middle)
    reach_below, reach_above = (reach + part + 1e-12 for part in alike)
    not_rejected = grid[(gap <= reach_below) & (-gap <= reach_above)]
    if response.slope > 0:
        point = response.middle + (opinion.mean - response.level) / response.slope
        point = float(np.clip(point, *scale))
    else:
        point = np.nan
    if opinion.n_cases == 1:
        return point, Interval(np.nan, np.nan, "none", "one case")
    if not not_rejected.size:
        note = "the judge's mean lies beyond what either end of the scale would show"
        return point, Interval(np.nan, np.nan, "none", note)
    return point, Interval(float(not_rejected[0]), float(not_rejected[-1]), "response")


def _reach_of_alike(opinion: CaseMean, scale: tuple[float, float]) -> tuple[float, float]:
    """How far below and above the mean of cases that are all alike the judge's mean may lie."""
    mean = opinion.mean
    # What is owed stands as what the judge gives the lowest grade, which may be beyond the scale.
    bounds = (min(scale[0], mean), max(scale[1], mean))
    possible = rule_of_three(mean, opinion.n_cases, bounds)
    return mean - possible.low, possible.high - mean


@dataclass(frozen=True)
class CarriedDifference:
    """A mean paired difference of a judge's grades, read as one of the experts'.

    Attributes:
        flips: Sign flips of the judge's differences over cases.
        response: How the judge answers to the experts; `FAITHFUL` takes it at its word.
        widest: Largest difference possible, the span of the scale.
    """

    flips: SignFlips
    response: JudgeResponse
    widest: float

    @property
    def mean(self) -> float:
        """Mean difference in the experts' grades, within the scale; NaN without a slope above 0."""
        if not self.response.slope > 0:
            return float("nan")
        return float(np.clip(self.flips.mean / self.response.slope, -self.widest, self.widest))

    def p_below(self, difference: float) -> float:
        """P-value of the hypothesis that the true difference is at least `difference`."""
        return self._average_p(difference, below=True)

    def p_above(self, difference: float) -> float:
        """P-value of the hypothesis that the true difference is at most `difference`."""
        return self._average_p(difference, below=False)

    def p_within(self, margin: float) -> float:
        """P-value of two one-sided tests that the true difference is within +- `margin`.

        Where all cases differ alike it is the chance of that under the smallest share of straying
        cases that would carry the mean out of the margin, as in the rule of three.
        """
        p_value = max(self.p_below(margin), self.p_above(-margin))
        if self.flips.spread:
            return p_value
        reach = np.maximum(0.0, self.response.slopes) * margin - abs(self.flips.mean)
        share = np.clip(reach / max(1e-9, self.widest - abs(self.flips.mean)), 0.0, 1.0)
        return max(p_value, float(np.mean((1 - share) ** self.flips.n_cases)))

    def interval(self, level: float = 0.95) -> Interval:
        """All differences within the scale that neither one-sided test excludes.

        Where all cases differ alike, by the rule of three and the least slope left open.
        """
        tail = (1 - level) / 2
        if not self.flips.spread:
            return self._without_spread(level)
        low = _lowest_not_rejected(lambda d: self.p_above(d) > tail, -self.widest, self.widest)
        # The highest is the lowest of the mirror image.
        high = -_lowest_not_rejected(lambda d: self.p_below(-d) > tail, -self.widest, self.widest)
        known = self.response is FAITHFUL
        return Interval(low, high, "sign flips" if known else "sign flips, response")

    def _without_spread(self, level: float) -> Interval:
        least = float(np.quantile(self.response.slopes, (1 - level) / 2))
        mean, n_cases = self.flips.mean, self.flips.n_cases
        bound = rule_of_three(mean, n_cases, (-self.widest, self.widest), level)
        # A slope that may be 0 rules nothing out.
        if least <= 0:
            return bound._replace(low=-self.widest, high=self.widest)
        low, high = np.clip(np.array(bound[:2]) / least, -self.widest, self.widest)
        return bound._replace(low=float(low), high=float(high))

    def with_response(self, response: JudgeResponse) -> CarriedDifference:
        """The same difference of another judge."""
        return replace(self, response=response)

    def _average_p(self, difference: float, *, below: bool) -> float:
        slopes = self.response.slopes
        p_values = _one_sided_p(self.flips, slopes * difference, below=below)
        # A judge that grades the wrong way round shows a loss as a gain.
        is_reversed = slopes < 0
        if is_reversed.any():
            other = _one_sided_p(self.flips, slopes[is_reversed] * difference, below=not below)
            p_values[is_reversed] = other
        return float(p_values.mean())


def _lowest_not_rejected(not_rejected: Callable[[float], bool], low: float, high: float) -> float:
    """The lowest difference not rejected, by bisection; all above it must not be either."""
    if not_rejected(low):
        return low
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if not_rejected(middle) else (middle, high)
    return high


def _one_sided_p(
    flips: SignFlips, means: NDArray[np.float64], *, below: bool
) -> NDArray[np.float64]:
    """P-values of the hypotheses that the mean is at least (with `below`) or at most each value."""
    # Rounded as the flips are, so that a tie is a tie.
    tested = np.round(means, 12)
    # `SignFlips.p_value` of all means at once.
    n = len(flips.lows)
    p_under = np.searchsorted(flips.lows, tested, side="right") / n
    p_over = (n - np.searchsorted(flips.highs, tested, side="left")) / n
    two_sided = np.where(tested < flips.mean, p_under, np.where(tested > flips.mean, p_over, 1.0))
    points_against = tested > flips.mean if below else tested < flips.mean
    # Half the two-sided p on the side that the data speak against.
    result: NDArray[np.float64] = np.where(points_against, two_sided / 2, 1 - two_sided / 2)
    return result
