"""What a study of so many cases can show, before any judge is asked."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from memalign_bench.stats.clusters import CaseMean
from memalign_bench.stats.planning.power import LEVEL, detectable_improvement

__all__ = ["LEVEL", "Support", "support_of"]


class Support(NamedTuple):
    """What the labels of one dimension allow.

    Attributes:
        n_items: Applicable items.
        n_cases: Their cases, the units that are resampled.
        median_mae: MAE of answering the median grade, in grades: what a judge has to beat.
        smallest_p: The smallest p-value that a two-sided sign-flip test over the cases can give.
        detectable: The improvement of MAE, in grades, that would be found with a power of 0.8 at
            the level 0.05, for the smallest and for the largest spread assumed; NaN where so few
            cases cannot reach it.
        detectable_first: The same at 0.05 / family, the first step of Holm's correction.
    """

    n_items: int
    n_cases: int
    median_mae: float
    smallest_p: float
    detectable: tuple[float, float]
    detectable_first: tuple[float, float]


def support_of(
    grades: ArrayLike, cases: ArrayLike, spreads: tuple[float, float], family: int = 1
) -> Support:
    """Support of one dimension's labels.

    How far two judges' errors differ from case to case is known only after both were asked, and
    labels do not tell it; the detectable improvement is therefore given for a range of it.

    Args:
        grades: Gold grades of the applicable items, shape (n,), n >= 1.
        cases: Their cases, shape (n,).
        spreads: Smallest and largest standard deviation over cases of the mean paired difference of
            two judges' errors that is assumed, in grades.
        family: Comparisons that share the level.

    Raises:
        ValueError: If there is no item.

    >>> support_of([1, 3, 2, 2], ["a", "a", "b", "b"], (0.4, 0.8)).smallest_p
    0.5
    """
    values = np.asarray(grades, dtype=np.float64)
    if not values.size:
        raise ValueError("no applicable item; nothing can be studied.")
    middle = np.sort(values)[(len(values) - 1) // 2]  # the lower median, as median_label answers
    n_items, n_cases = len(values), len(np.unique(np.asarray(cases)))

    def detectable(spread: float, family: int) -> float:
        # A level that only data without an unchanged case can reach promises nothing.
        if 2.0 ** (1 - n_cases // 2) > LEVEL / family:
            return math.nan
        # A made-up result with the spread assumed: only its error matters here.
        mean = CaseMean(0.0, spread / math.sqrt(n_cases), n_cases - 1, n_cases)
        return detectable_improvement(mean, family=family, n_items=n_items)

    return Support(
        n_items=n_items,
        n_cases=n_cases,
        median_mae=float(np.abs(values - middle).mean()),
        # All cases on one side, or all on the other: 2 of 2**n.
        smallest_p=min(1.0, 2.0 ** (1 - n_cases)),
        detectable=(detectable(spreads[0], 1), detectable(spreads[1], 1)),
        detectable_first=(detectable(spreads[0], family), detectable(spreads[1], family)),
    )
