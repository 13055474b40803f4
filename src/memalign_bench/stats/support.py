"""What a study of so many cases can show, before any judge is asked."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

__all__ = ["LEVEL", "Support", "support_of"]

LEVEL = 0.05
POWER = 0.8


class Support(NamedTuple):
    """What the labels of one dimension allow.

    Attributes:
        n_items: Applicable items.
        n_cases: Their cases, the units that are resampled.
        median_mae: MAE of answering the median grade, in grades: what a judge has to beat.
        smallest_p: The smallest p-value that a two-sided sign-flip test over the cases can give.
        detectable: The smallest improvement of MAE, in grades, that would be found with a power of
            0.8 at the level 0.05, if two judges erred independently and each as much as the
            median answer does; NaN with fewer than two cases.
    """

    n_items: int
    n_cases: int
    median_mae: float
    smallest_p: float
    detectable: float


def support_of(grades: ArrayLike, cases: ArrayLike) -> Support:
    """Support of one dimension's labels.

    The detectable improvement is that of a paired z-test over case means,
    (z_(1 - level/2) + z_power) * sqrt(2) * s / sqrt(n), with s the standard deviation over cases of
    the median answer's mean error: the textbook sample size of a normal mean, solved for the
    effect. Judges that err on the same items need less, so it is a cautious figure.

    Args:
        grades: Gold grades of the applicable items, shape (n,), n >= 1.
        cases: Their cases, shape (n,).

    Raises:
        ValueError: If there is no item.

    >>> support_of([1, 3, 2, 2], ["a", "a", "b", "b"]).smallest_p
    0.5
    """
    from scipy.stats import norm

    values = np.asarray(grades, dtype=np.float64)
    if not values.size:
        raise ValueError("no applicable item; nothing can be studied.")
    _, codes = np.unique(np.asarray(cases), return_inverse=True)
    middle = np.sort(values)[(len(values) - 1) // 2]  # the lower median, as median_label answers
    errors = np.abs(values - middle)
    means = np.bincount(codes, weights=errors) / np.bincount(codes)
    n_cases = len(means)
    spread = float(means.std(ddof=1)) if n_cases > 1 else math.nan
    reach = float(norm.ppf(1 - LEVEL / 2) + norm.ppf(POWER))
    return Support(
        n_items=len(values),
        n_cases=n_cases,
        median_mae=float(errors.mean()),
        smallest_p=min(1.0, 2.0 ** (1 - n_cases)),
        detectable=reach * math.sqrt(2) * spread / math.sqrt(n_cases),
    )
