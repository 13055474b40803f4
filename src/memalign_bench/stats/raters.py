"""How near a judge could come: each rater compared with the others.

A judge compared with a gold that rests on all raters looks worse than a rater would on the same
footing, and a rater compared with a gold that holds their own vote looks better. So both are held
against the same targets: for every rater, the median of the *other* raters of the item. How far
raters agree beyond chance is Krippendorff's alpha.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "LeaveOneOut",
    "ceiling_loo",
    "krippendorff_alpha",
    "leave_one_out",
    "mae_loo",
    "rater_differences",
]


class LeaveOneOut(NamedTuple):
    """One entry per (item, rater left out).

    Attributes:
        item: Index of the item, shape (m,).
        target: Median grade of the item's other raters (can lie between grades), shape (m,).
        rater_score: Grade of the rater left out, shape (m,).
    """

    item: NDArray[np.intp]
    target: NDArray[np.float64]
    rater_score: NDArray[np.float64]


def leave_one_out(ratings: ArrayLike) -> LeaveOneOut:
    """Targets from the other raters.

    Args:
        ratings: Grades, items by raters, shape (n, r); NaN where a rater gave none. Items with
            fewer than two grades have no targets.

    >>> leave_one_out([[3, 3, 1], [2, np.nan, np.nan]]).target.tolist()
    [2.0, 2.0, 3.0]
    """
    ratings = np.asarray(ratings, dtype=np.float64)
    given = ~np.isnan(ratings)
    item, rater = np.nonzero(given & (given.sum(axis=1, keepdims=True) >= 2))
    others = ratings[item]
    # Each line of `others` is an item's ratings without one rater's.
    others[np.arange(len(item)), rater] = np.nan
    target = np.nanmedian(others, axis=1) if len(item) else np.empty(0)
    return LeaveOneOut(item, target, ratings[item, rater])


def ceiling_loo(ratings: ArrayLike) -> float | None:
    """Mean absolute error of each rater against the median of the others.

    Args:
        ratings: As for `leave_one_out`.

    Returns:
        In grades; None where no item has two grades.
    """
    pairs = leave_one_out(ratings)
    # An empty mean would be NaN with a warning.
    if not len(pairs.item):
        return None
    return float(np.abs(pairs.rater_score - pairs.target).mean())


def rater_differences(ratings: ArrayLike) -> NDArray[np.float64]:
    """Mean absolute difference between two raters of each item, over its pairs of raters.

    Args:
        ratings: As for `leave_one_out`.

    Returns:
        In grades, shape (n,); NaN where an item has fewer than two grades.

    >>> rater_differences([[3, 3, 1], [2, float("nan"), float("nan")]]).round(3).tolist()
    [1.333, nan]
    """
    ratings = np.asarray(ratings, dtype=np.float64)
    first, second = np.triu_indices(ratings.shape[1], 1)
    differences = np.abs(ratings[:, first] - ratings[:, second])
    both_graded = ~np.isnan(differences)
    counts = both_graded.sum(axis=1)
    sums = np.where(both_graded, differences, 0.0).sum(axis=1)
    means: NDArray[np.float64] = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
    return means


def krippendorff_alpha(ratings: ArrayLike, grades: Sequence[float]) -> float | None:
    """Krippendorff's alpha with ordinal distances (Krippendorff 2011, "Computing Alpha").

    Args:
        ratings: As for `leave_one_out`.
        grades: The scale's grades, rising.

    Returns:
        1 for full agreement, 0 for none beyond chance, below 0 for less; None where no item has two
        grades or all grades given are equal, since alpha is then not defined.
    """
    import krippendorff

    ratings = np.asarray(ratings, dtype=np.float64)
    given = ~np.isnan(ratings)
    paired = given & (given.sum(axis=1, keepdims=True) >= 2)
    # Only items with two grades enter alpha.
    if len(np.unique(ratings[paired])) < 2:
        return None
    return float(
        # The package wants raters by items.
        krippendorff.alpha(
            reliability_data=ratings.T, value_domain=list(grades), level_of_measurement="ordinal"
        )
    )


def mae_loo(
    judge: ArrayLike, rows: ArrayLike, ratings: ArrayLike, worst: tuple[float, float] | None = None
) -> float | None:
    """Mean absolute error of the judge against the targets of `ceiling_loo`.

    Args:
        judge: Grades, one per row (a row is one question to the judge), shape (k,); NaN where it
            gave none.
        rows: Index into `ratings` of each row's item, shape (k,).
        ratings: As for `leave_one_out`.
        worst: Lowest and highest grade; a missing grade then costs the largest error possible
            against each target. None leaves missing grades out.

    Returns:
        In grades, every (row, target) pair counted alike; None where there is none.
    """
    judge, rows = np.asarray(judge, dtype=np.float64), np.asarray(rows, dtype=np.intp)
    pairs = leave_one_out(ratings)
    # Every row meets every target of its item.
    # Shape (rows, pairs) before `nonzero`: a row a question, a column a rater left out.
    row_index, pair_index = np.nonzero(rows[:, None] == pairs.item[None, :])
    error = np.abs(judge[row_index] - pairs.target[pair_index])
    if worst is not None:
        target = pairs.target[pair_index]
        # The grade farthest from the target is an end of the scale.
        error = np.where(np.isnan(error), np.maximum(target - worst[0], worst[1] - target), error)
    error = error[~np.isnan(error)]
    return float(error.mean()) if error.size else None
