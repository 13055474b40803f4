"""One paired improvement: its interval, its test, equivalence, and how much changed."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from memalign_bench.stats.planning.changes import Changes, rule_of_three
from memalign_bench.stats.resampling.bootstrap import Interval
from memalign_bench.stats.resampling.sign_flips import SignFlips

__all__ = ["Improvement", "for_other_labels", "paired_improvement"]


class Improvement(NamedTuple):
    """A mean paired difference.

    Attributes:
        interval: By sign flips over cases, cut at the scale; the rule of three where all cases
            differ alike; none of one case, or where that would speak against p.
        p_value: Two-sided p of no improvement, at most alpha just where an interval is there and
            leaves out 0 (without one: see its note).
        changes: How many items and cases changed.
        flips: For other levels and means.
        widest: Largest difference possible.
    """

    interval: Interval
    p_value: float
    changes: Changes
    flips: SignFlips
    widest: float

    @property
    def mean(self) -> float:
        """Mean difference over rows."""
        return self.flips.mean

    def equivalence_p(self, margin: float) -> float:
        """P-value of two one-sided tests that the mean lies within +- `margin` (Schuirmann 1987).

        Where all cases differ alike it is the chance of that under the smallest share of straying
        cases that would carry the mean out of the margin, as in the rule of three.

        Raises:
            ValueError: If the margin is not above 0.
        """
        p_value, mean = self.flips.equivalence_p(margin), self.mean
        if self.flips.spread or abs(mean) >= margin:
            return p_value
        # Straying cases differ by the scale's width at most.
        share = min(1.0, (margin - abs(mean)) / (self.widest - abs(mean)))
        # The chance that none of the cases at hand is one of those that stray.
        return max(p_value, float((1 - share) ** self.flips.n_cases))


def paired_improvement(
    flips: SignFlips, changed: Changes, *, widest: float, level: float = 0.95
) -> Improvement:
    """Interval and test of a mean paired difference over cases.

    Args:
        flips: `sign_flips` of the differences, above 0 where the second judge is nearer.
        changed: `changes` of the same.
        widest: Largest difference possible, the span of the scale.
        level: Coverage aimed at.
    """
    interval = _sign_flip_interval(flips, widest, level)
    return Improvement(interval, flips.p_value(), changed, flips, float(widest))


def _sign_flip_interval(flips: SignFlips, widest: float, level: float) -> Interval:
    """The sign-flip interval, cut at the scale; the rule of three where all cases differ alike."""
    flip_interval = flips.interval(level)
    if flips.spread:
        # `clip` also makes the scale's ends of infinite limits.
        low, high = np.clip(flip_interval[:2], -widest, widest)
        return flip_interval._replace(low=float(low), high=float(high))
    bound = rule_of_three(flips.mean, flips.n_cases, (-widest, widest), level)
    if flips.n_cases < 2:
        return bound
    # Shown only where it agrees with the test on whether 0 can be excluded.
    if (bound.low <= 0 <= bound.high) == (flip_interval.low <= 0 <= flip_interval.high):
        return bound
    note = f"all {flips.n_cases} cases differ alike: no spread to take an interval from"
    return Interval(np.nan, np.nan, "none", note)


def for_other_labels(interval: Interval, mean: float, n_folds: int) -> Interval:
    """An interval given the memories learnt, widened to hold for the method on other labels.

    Nadeau and Bengio's (2003) correction of the variance of a cross-validated mean for training
    sets that overlap, 1/n to 1/n (1 + k / (k - 1)) with k folds: they add the ratio of test to
    training items, 1 / (k - 1), to the 1/k of the folds. A rule that `memalign-bench certify`
    checks and no theorem: that variance has no unbiased estimate (Bengio and Grandvalet 2004).

    Args:
        interval: Given the memories learnt.
        mean: The improvement that it is around.
        n_folds: At least 2.
    """
    # The root of the variances' ratio, 1 + k / (k - 1).
    factor = float(np.sqrt(1 + n_folds / (n_folds - 1)))
    low, high = (mean + factor * (end - mean) for end in interval[:2])
    return interval._replace(low=low, high=high, method=f"{interval.method}, other labels")
