"""How large an improvement so many cases would find, and how many cases a target needs.

A paired t-test over cases stands in for the sign-flip test. Of a few cases that test reaches few
p-values, and gains in whole grades tie with one another, which counts against an improvement: both
are allowed for in what is detectable. `memalign-bench certify` shows the power of the test itself.
"""

from __future__ import annotations

import math

import numpy as np

from memalign_bench.stats.clusters import CaseMean

__all__ = ["LEVEL", "POWER", "cases_needed", "detectable_improvement"]

LEVEL = 0.05
POWER = 0.8

_TIE_ITEMS = 3
"""Items by a grade that ties of whole-grade gains cost at most, by simulation (12 to 50 cases)."""


def detectable_improvement(
    differences: CaseMean,
    *,
    level: float = LEVEL,
    power: float = POWER,
    family: int = 1,
    n_items: int | None = None,
) -> float:
    """Smallest mean difference that a two-sided test would find with this power.

    The effect size of a paired t-test by the non-central t distribution (Cohen 1988, chapter 2),
    times the spread of the differences over cases, at the largest level up to the one asked for
    that flipping the signs of so many cases can reach.

    Args:
        differences: Mean paired difference and its spread (`case_mean`).
        level: Level of the test.
        power: Chance of finding it.
        family: Comparisons that share the level; the first step of Holm tests at level / family.
        n_items: Items, where their gains are whole grades: `_TIE_ITEMS / n_items` is added.

    Returns:
        In the differences' unit; NaN with one case, without spread, or where no such level can be
        reached.

    >>> round(detectable_improvement(CaseMean(0.1, 0.2, 24.0, 25)), 3)
    0.584
    """
    from scipy.optimize import brentq

    # The functions behind scipy.stats' distributions, which check their arguments for longer than
    # these compute.
    from scipy.special import nctdtr, ndtri, stdtrit

    # A set of flips and its complement give the same two-sided statistic, hence one case less.
    sets = 2.0 ** (differences.n_cases - 1)
    # 1e-9 against products that rounding leaves just under a whole number.
    reachable_level = math.floor(level / family * sets + 1e-9) / sets
    if not differences.error > 0 or not reachable_level:
        return math.nan
    cases = differences.n_cases
    critical_t = -stdtrit(cases - 1, reachable_level / 2)

    def excess_power(size: float) -> float:
        shift = size * math.sqrt(cases)
        # Both tails of the non-central t: a two-sided test rejects on either side.
        found = 1 - nctdtr(cases - 1, shift, critical_t)
        other_side = nctdtr(cases - 1, shift, -critical_t)  # where it is nothing, scipy gives NaN
        return float(found + np.nan_to_num(other_side)) - power

    # statsmodels' solve_power gives up for some numbers of cases. The normal's answer is too small.
    low = high = 0.9 * (ndtri(power) - ndtri(reachable_level / 2)) / math.sqrt(cases)
    while excess_power(high) < 0:
        high *= 1.1
    size = float(brentq(excess_power, low, high))
    return size * differences.spread + (_TIE_ITEMS / n_items if n_items else 0.0)


def cases_needed(
    target: float,
    differences: CaseMean,
    *,
    level: float = LEVEL,
    power: float = POWER,
    family: int = 1,
) -> float:
    """Cases of the same kind with which a mean difference of `target` would be found.

    Multiply by the mean number of items a case for labels.

    Args:
        target: Mean difference to find, not 0.
        differences: Mean paired difference and its spread (`case_mean`).
        level: Level of the test.
        power: Chance of finding it.
        family: Comparisons that share the level.

    Returns:
        A whole number, as a float since it is NaN with one case or without spread.

    Raises:
        ValueError: If the target is 0 or missing.
    """
    from statsmodels.stats.power import TTestPower

    if not abs(target) > 0:
        raise ValueError(f"target must be other than 0, got {target!r}.")
    if not differences.error > 0:
        return math.nan
    size, test = abs(target) / differences.spread, TTestPower()

    def suffices(cases: int) -> bool:
        power_reached = test.power(size, cases, level / family, alternative="two-sided")
        return bool(power_reached >= power)

    # Power rises with the cases: double until it is enough, then halve the gap.
    high = 2
    # 2 is the smallest number of cases with a spread.
    while not suffices(high):
        high *= 2
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if suffices(middle) else (middle, high)
    return float(high)
