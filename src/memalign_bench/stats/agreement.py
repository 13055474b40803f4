"""How far a judge is from the experts, item by item."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["exact_agreement", "mean_absolute_error", "quadratic_kappa", "signed_bias"]


def mean_absolute_error(judge: ArrayLike, expert: ArrayLike) -> float | None:
    """Mean of |judge - expert|, in grades; None without items.

    >>> mean_absolute_error([3, 3, 1], [3, 1, 2])
    1.0
    """
    difference = _difference(judge, expert)
    return float(np.abs(difference).mean()) if difference.size else None


def signed_bias(judge: ArrayLike, expert: ArrayLike) -> float | None:
    """Mean of judge - expert, in grades: above 0 the judge is polite. None without items.

    >>> signed_bias([3, 3], [3, 1])
    1.0
    """
    difference = _difference(judge, expert)
    return float(difference.mean()) if difference.size else None


def exact_agreement(judge: ArrayLike, expert: ArrayLike) -> float | None:
    """Share of items with the very grade of the expert, 0 to 1; None without items.

    >>> exact_agreement([3, 3], [3, 1])
    0.5
    """
    difference = _difference(judge, expert)
    return float((difference == 0).mean()) if difference.size else None


def quadratic_kappa(
    judge: ArrayLike, expert: ArrayLike, labels: Sequence[float] | None = None
) -> float | None:
    """Cohen's kappa with quadratic weights (Cohen 1968), at most 1, 0 at chance.

    Weights grow with the square of the distance between the *positions* of two labels, so `labels`
    must be the whole scale, in rising order.

    Args:
        judge: Grades, shape (n,).
        expert: Grades, shape (n,).
        labels: The scale; by default all grades that occur.

    Returns:
        None where it is undefined: no items, or both sides constant at the same grade.
    """
    from sklearn.metrics import cohen_kappa_score

    judge, expert = np.asarray(judge), np.asarray(expert)
    if _difference(judge, expert).size == 0 or np.unique(np.append(judge, expert)).size == 1:
        return None
    # With grades left out the positions would be nearer to each other than on the scale.
    scale = np.unique(np.append(judge, expert)) if labels is None else np.asarray(labels)
    # By their places: fractions are no labels to scikit-learn.
    places = [np.searchsorted(scale, grades) for grades in (judge, expert)]
    # A division by zero would be a kappa that is not defined: an error, not a silent NaN.
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        kappa = cohen_kappa_score(*places, labels=np.arange(len(scale)), weights="quadratic")
    return float(kappa)


def _difference(judge: ArrayLike, expert: ArrayLike) -> NDArray[np.float64]:
    """Judge - expert, item by item; refuses arrays that are not of one length."""
    left, right = np.asarray(judge, dtype=np.float64), np.asarray(expert, dtype=np.float64)
    if left.shape != right.shape or left.ndim != 1:
        raise ValueError(f"judge and expert must be of one length, got {left.shape}, {right.shape}")
    difference: NDArray[np.float64] = left - right
    return difference
