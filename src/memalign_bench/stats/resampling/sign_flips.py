"""Mean paired difference by sign flips over cases: test, interval and equivalence from one draw.

Under a mean of theta the residual sum of a case, r_c = s_c - theta n_c, could as well have the
other sign. Flipping the cases of a set A gives a statistic at least as large as the one observed
just where the sums of r over A and over its complement do not share a sign, hence where theta lies
between the mean over A and the mean over the complement. The overall mean lies between the two for
every A, so

    p(theta) = share of sets A with  min(mean_A, mean_A') <= theta <= max(mean_A, mean_A'),

which falls on both sides of the mean: the theta with p > alpha are an interval whose limits are
quantiles of these minima and maxima (Hartigan 1969, "Using subsample values as typical values";
Ernst 2004, "Permutation methods", on intervals by inversion). It leaves out 0 just where p(0) <=
alpha, because both are read from the same sets. Exact where the residuals are symmetric; with skew
or unequal cases it is so for many cases only, which `memalign-bench certify` measures.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from memalign_bench.seeding import generator
from memalign_bench.stats.resampling.bootstrap import Interval
from memalign_bench.stats.resampling.permutation import MAX_EXACT

__all__ = ["SignFlips", "sign_flips", "sign_sets"]

_DECIMALS = 12
"""Means that differ by less are ties: 0.1 + 0.2 - 0.3 must equal 0."""


@dataclass(frozen=True)
class SignFlips:
    """The sets of cases that were flipped, each as a range of means it does not speak against.

    Attributes:
        mean: Mean difference over rows.
        lows: Lower ends of the ranges, rising; -inf for the set of no case.
        highs: Upper ends, rising.
        n_cases: Number of cases.
        n_changed: Cases whose differences do not sum to 0.
    """

    mean: float
    lows: NDArray[np.float64]
    highs: NDArray[np.float64]
    n_cases: int
    n_changed: int

    def p_value(self, mean: float = 0.0) -> float:
        """Two-sided p of the hypothesis that the mean difference is `mean`, in (0, 1]."""
        at = round(mean, _DECIMALS)
        if at < self.mean:
            n_containing = np.searchsorted(self.lows, at, side="right")
        # Every range holds the overall mean, so on each side only one end can exclude `mean`.
        elif at > self.mean:
            n_containing = len(self.highs) - np.searchsorted(self.highs, at, side="left")
        else:
            return 1.0
        return float(n_containing / len(self.lows))

    @property
    def spread(self) -> bool:
        """Whether the cases differ from one another; if not, no set of them has another mean."""
        means = self.lows[np.isfinite(self.lows)]
        return bool(means.size and means[0] < self.mean - 1e-9)

    @property
    def smallest_p(self) -> float:
        """The smallest p(0) that any data with as many changed cases could give."""
        sets = len(self.lows)
        return max(1 / sets, 2.0 ** (1 - self.n_changed)) if self.n_changed else 1.0

    def interval(self, level: float = 0.95) -> Interval:
        """All means with p > 1 - level; infinite where there are too few cases to exclude any."""
        # p > alpha once more than alpha of the lower ends lie at or below a mean; likewise from
        # above.
        first = math.floor((1 - level) * len(self.lows) + 1e-9)
        low, high = float(self.lows[first]), float(self.highs[-1 - first])
        if math.isinf(low):
            note = f"{self.n_changed} of {self.n_cases} cases changed: too few to exclude any mean"
            return Interval(low, high, "sign flips", note)
        return Interval(low, high, "sign flips", "" if low < high else "zero variance")

    def equivalence_p(self, margin: float) -> float:
        """P-value of two one-sided tests that the mean lies within +- `margin` (Schuirmann 1987).

        At most alpha just where the interval of level 1 - 2 alpha lies inside the margin: for
        sets closed under complement the one-sided p is half the two-sided one.

        Raises:
            ValueError: If the margin is not above 0.
        """
        if not margin > 0:
            raise ValueError(f"margin must be above 0, got {margin!r}.")
        # The direction that the data speak for has half of p, the other the rest.
        one_sided = [
            self.p_value(end) / 2 if inside else 1 - self.p_value(end) / 2
            for end, inside in ((-margin, self.mean > -margin), (margin, self.mean < margin))
        ]
        return max(one_sided)


def sign_flips(
    differences: ArrayLike,
    cases: ArrayLike,
    *,
    weights: ArrayLike | None = None,
    seed: int = 0,
    n_flips: int = 10_000,
    max_exact: int = MAX_EXACT,
    names: tuple[object, ...] = (),
) -> SignFlips:
    """Flip the sign of whole cases, all sets of them where they are few.

    Up to `max_exact` cases every set is tried. With more cases of which no more than that changed,
    every set of changed cases is, so that p(0) is exact; the unchanged ones, which matter for other
    means, join at random.

    Args:
        differences: One a row, shape (n,), n >= 1.
        cases: What names each row's case, shape (n,).
        weights: Weight of each row in the mean, shape (n,); by default all alike.
        seed: Root seed, for when not all sets are tried.
        n_flips: How many are then drawn, besides the set of no case.
        max_exact: Up to so many cases all sets are tried.
        names: What else the draw depends on.

    Raises:
        ValueError: If there is no row.

    >>> flips = sign_flips([1.0, 1.0, 1.0, 2.0, 2.0, 2.0], list("abcdef"))
    >>> flips.p_value(), flips.interval(0.9)[:2]
    (0.03125, (1.0, 2.0))
    """
    values = np.asarray(differences, dtype=np.float64)
    if not values.size:
        raise ValueError("no difference; nothing can be compared.")
    weight = np.ones_like(values) if weights is None else np.asarray(weights, dtype=np.float64)
    _, codes = np.unique(np.asarray(cases), return_inverse=True)
    sums, sizes = np.bincount(codes, values * weight), np.bincount(codes, weight)
    # A case whose differences cancel out counts as unchanged, whatever rounding leaves.
    sums[np.abs(sums) <= 1e-12 * max(1.0, float(np.abs(values).max()))] = 0.0
    changed = sums != 0
    sets = sign_sets(changed, seed, n_flips, max_exact=max_exact, names=names)
    # Shape (sets, 2): the sum and the weight of the cases in each set.
    inside = sets @ np.stack([sums, sizes], axis=1)
    means = _means(inside, sums.sum(), sizes.sum())
    return SignFlips(
        mean=round(float(sums.sum() / sizes.sum()), _DECIMALS),
        lows=np.sort(means.min(axis=0)),
        highs=np.sort(means.max(axis=0)),
        n_cases=len(sums),
        n_changed=int(changed.sum()),
    )


def _means(inside: NDArray[np.float64], total: float, size: float) -> NDArray[np.float64]:
    """Means over each set and over its complement, shape (2, b); all means where one is empty."""
    inside_totals, outside_totals = inside.T, np.array([[total], [size]]) - inside.T
    with np.errstate(divide="ignore", invalid="ignore"):
        # + 0.0 turns -0.0 into 0.0.
        means = (
            np.round(
                np.stack(
                    [inside_totals[0] / inside_totals[1], outside_totals[0] / outside_totals[1]]
                ),
                _DECIMALS,
            )
            + 0.0
        )
    # An empty side has no mean: such a set speaks against no mean at all.
    empty = np.minimum(inside_totals[1], outside_totals[1]) <= 1e-12 * size
    means[0, empty], means[1, empty] = -np.inf, np.inf
    result: NDArray[np.float64] = means
    return result


def sign_sets(
    changed: NDArray[np.bool_],
    seed: int,
    n_flips: int,
    *,
    max_exact: int = MAX_EXACT,
    names: tuple[object, ...] = (),
) -> NDArray[np.float64]:
    """Which cases each flip turns round, shape (b, cases), as 0 and 1; the first flip turns none.

    A set and its complement do the same, so one case that changed (or the first) is never in.

    Args:
        changed: Whether a case can change the statistic at 0, shape (cases,).
        seed: Root seed.
        n_flips: How many are drawn where not all are tried.
        max_exact: Up to so many (changed) cases all are.
        names: What else the draw depends on.
    """
    n_cases, enumerated = len(changed), np.flatnonzero(changed)
    if n_cases <= max_exact:
        enumerated = np.arange(n_cases)
    rng = generator(seed, "sign sets", n_cases, n_flips, *names)
    if len(enumerated) > max_exact:
        sets = rng.integers(0, 2, size=(n_flips + 1, n_cases), dtype=np.int8)
    else:
        # One case fewer: the complement of each set is left out.
        patterns = (
            np.arange(2 ** max(0, len(enumerated) - 1))[:, None] >> np.arange(len(enumerated))
        ) % 2
        # -(-a // b) rounds up: at least `n_flips` sets where unchanged cases are drawn.
        repeats = 1 if len(enumerated) == n_cases else -(-n_flips // len(patterns))
        sets = rng.integers(0, 2, size=(repeats * len(patterns), n_cases), dtype=np.int8)
        # Each pattern of the changed cases, repeated with other draws of the unchanged ones.
        sets[:, enumerated] = np.tile(patterns, (repeats, 1))
    # The observed data are one of the sets.
    sets[0] = 0
    return sets.astype(np.float64)
