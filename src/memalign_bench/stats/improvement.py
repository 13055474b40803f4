"""One paired improvement with all that is said of it: interval, test, equivalence, what changed."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from memalign_bench.stats.bootstrap import Interval
from memalign_bench.stats.changes import Changes, changes, rule_of_three
from memalign_bench.stats.sign_flips import SignFlips, sign_flips

__all__ = ["Improvement", "paired_improvement"]


class Improvement(NamedTuple):
    """A mean paired difference.

    Attributes:
        interval: By sign flips over cases, cut at the scale; the rule of three where all cases
            differ alike; none where that would speak against p.
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
        share = min(1.0, (margin - abs(mean)) / (self.widest - abs(mean)))
        return max(p_value, float((1 - share) ** self.flips.n_cases))


def paired_improvement(
    differences: ArrayLike,
    items: ArrayLike,
    cases: ArrayLike,
    *,
    widest: float,
    weights: ArrayLike | None = None,
    level: float = 0.95,
    seed: int = 0,
    n_flips: int = 10_000,
    names: tuple[object, ...] = (),
) -> Improvement:
    """Interval and test of a mean paired difference over cases.

    Args:
        differences: One a row, shape (n,), n >= 1; above 0 where the second judge is nearer.
        items: What names each row's item, shape (n,).
        cases: What names each row's case, shape (n,).
        widest: Largest difference possible, the span of the scale.
        weights: Weight of each row in the mean, shape (n,); by default all alike.
        level: Coverage aimed at.
        seed: Root seed, for when not all flips are tried.
        n_flips: How many are then drawn.
        names: What else the draw hangs on.
    """
    flips = sign_flips(differences, cases, weights=weights, seed=seed, n_flips=n_flips, names=names)
    return Improvement(
        _interval(flips, widest, level), flips.p_value(), changes(differences, items, cases), flips,
        float(widest),
    )  # fmt: skip


def _interval(flips: SignFlips, widest: float, level: float) -> Interval:
    found = flips.interval(level)
    if flips.spread:
        low, high = np.clip(found[:2], -widest, widest)
        return found._replace(low=float(low), high=float(high))
    bound = rule_of_three(flips.mean, flips.n_cases, (-widest, widest), level)
    if (bound.low <= 0 <= bound.high) == (found.low <= 0 <= found.high):
        return bound
    note = f"all {flips.n_cases} cases differ alike: no spread to take an interval from"
    return Interval(np.nan, np.nan, "none", note)
