"""Batch calibration: a second reading of stored distributions, which costs no call and no label."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["TIE", "batch_calibrate", "largest_grade"]

TIE = 1e-9
"""Probabilities that differ by no more are tied."""


def batch_calibrate(distributions: ArrayLike) -> NDArray[np.float64]:
    """Divide each distribution by the mean distribution of the batch and renormalise.

    The mean over a batch of inputs estimates how much a judge likes each grade whatever the input
    (Zhou et al. 2024, "Batch Calibration", eq. 5 in its multiplicative form). A grade that has no
    probability in any row keeps none.

    Args:
        distributions: Probabilities of the grades in rising order, shape (n, g), n >= 1.

    Returns:
        Shape (n, g), rows summing to one.

    Raises:
        ValueError: If the array is not two-dimensional, holds a negative or missing value, or a
            row of zeros.
    """
    chances = np.asarray(distributions, dtype=np.float64)
    if chances.ndim != 2:
        raise ValueError(f"distributions must have shape (n, g), got {chances.shape}.")
    # Written so that NaN, which compares as False, is refused too.
    if not np.all(chances >= 0) or not np.all(chances.sum(axis=1) > 0):
        invalid_rows = np.flatnonzero(~((chances >= 0).all(axis=1) & (chances.sum(axis=1) > 0)))
        raise ValueError(
            f"row {invalid_rows[0]} is no distribution: {chances[invalid_rows[0]].tolist()!r}."
        )
    mean = chances.mean(axis=0)
    # A grade without probability in any row has none to divide.
    ratio = np.divide(chances, mean, out=np.zeros_like(chances), where=mean > 0)
    calibrated: NDArray[np.float64] = ratio / ratio.sum(axis=1, keepdims=True)
    return calibrated


def largest_grade(
    distributions: ArrayLike, grades: Sequence[float], tie_break: ArrayLike | None = None
) -> NDArray[Any]:
    """Grade with the largest probability in each row.

    Probabilities within 1e-9 of the largest are tied; among them the one with the largest
    `tie_break` wins, then the lowest grade.

    Args:
        distributions: Shape (n, g), grades rising.
        grades: The g grades.
        tie_break: Shape (n, g); none by default.

    Returns:
        Shape (n,), of the type of the grades.

    >>> largest_grade([[0.2, 0.4, 0.4]], (1, 2, 3)).tolist()
    [2]
    """
    chances = np.asarray(distributions, dtype=np.float64)
    tied = chances >= chances.max(axis=1, keepdims=True) - TIE
    if tie_break is not None:
        second = np.where(tied, np.asarray(tie_break, dtype=np.float64), -np.inf)
        tied = second >= second.max(axis=1, keepdims=True) - TIE
    # argmax takes the first: the lowest of the grades that still tie.
    chosen: NDArray[Any] = np.asarray(grades)[tied.argmax(axis=1)]
    return chosen
