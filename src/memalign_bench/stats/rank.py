"""Rank correlation within folds, for one sample or for thousands of bootstrap resamples at once.

A resample is a row of weights: how often each item was drawn. An item drawn twice stands twice in
the sample, tied with itself, so weighted ranks below are the ranks in the expanded sample.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["spearman_within_folds", "weighted_ranks", "weighted_spearman"]

_CHUNK = 4_000_000


def weighted_ranks(values: ArrayLike, weights: ArrayLike) -> NDArray[np.float64]:
    """Average rank of each item in the sample where item j stands weights[j] times.

    rank_i = sum_j w_j [x_j < x_i] + (sum_j w_j [x_j = x_i] + 1) / 2

    Args:
        values: Shape (n,).
        weights: Whole numbers from 0, shape (b, n).

    Returns:
        Shape (b, n); the rank of an item of weight 0 means nothing.

    >>> weighted_ranks([10, 20, 20], [[1, 1, 1], [2, 1, 0]]).tolist()
    [[1.0, 2.5, 2.5], [1.5, 3.0, 3.0]]
    """
    values = np.asarray(values, dtype=np.float64)
    weights = np.asarray(weights, dtype=np.float64)
    below = (values[:, None] < values[None, :]).astype(np.float64)
    equal = (values[:, None] == values[None, :]).astype(np.float64)
    ranks: NDArray[np.float64] = weights @ (below + equal / 2) + 0.5
    return ranks


def weighted_spearman(
    judge: ArrayLike, expert: ArrayLike, weights: ArrayLike
) -> NDArray[np.float64]:
    """Spearman's rank correlation with average ranks, per resample.

    Where the expert's scores are constant there is no order to find: NaN. Where the judge's are
    constant (and the expert's are not) it found none of it: 0.

    Args:
        judge: Shape (n,).
        expert: Shape (n,).
        weights: Whole numbers from 0, shape (b, n).

    Returns:
        Shape (b,), in [-1, 1] or NaN.
    """
    weights = np.asarray(weights, dtype=np.float64)
    x, y = weighted_ranks(judge, weights), weighted_ranks(expert, weights)
    total = weights.sum(axis=1)
    wx, wy = weights * x, weights * y
    sum_x, sum_y = wx.sum(axis=1), wy.sum(axis=1)
    # Ranks are halves of whole numbers, so these differences are exact and 0 means constant.
    spread_x = total * np.einsum("bn,bn->b", wx, x) - sum_x**2
    spread_y = total * np.einsum("bn,bn->b", wy, y) - sum_y**2
    shared = total * np.einsum("bn,bn->b", wx, y) - sum_x * sum_y
    result = np.full(len(weights), np.nan)
    result[spread_y > 0] = 0.0
    both = (spread_x > 0) & (spread_y > 0)
    result[both] = shared[both] / np.sqrt(spread_x[both] * spread_y[both])
    clipped: NDArray[np.float64] = np.clip(result, -1.0, 1.0)
    return clipped


def spearman_within_folds(
    judge: ArrayLike, expert: ArrayLike, folds: ArrayLike, weights: ArrayLike | None = None
) -> NDArray[np.float64]:
    """Spearman's correlation inside each fold, averaged with the folds' sizes as weights.

    Pooling folds would punish a judge whose memory, and so whose level, differs from fold to fold.
    A fold in which the expert's scores are constant is left out, one in which only the judge's are
    counts as 0; there is no smallest size, since a small fold weighs little.

    Args:
        judge: Shape (n,); any ordinal values (expected grades).
        expert: Shape (n,).
        folds: What names an item's fold (with repeated splits: fold and seed), shape (n,).
        weights: How often each item stands in each resample, shape (b, n); by default all once.

    Returns:
        Shape (b,), or (1,) without weights; NaN where every fold is left out.
    """
    judge, expert = np.asarray(judge, dtype=np.float64), np.asarray(expert, dtype=np.float64)
    if weights is None:
        weights = np.ones((1, len(judge)))
    weights = np.asarray(weights, dtype=np.float64)
    if not judge.shape == expert.shape == np.shape(folds) == weights.shape[1:]:
        raise ValueError(
            "judge, expert, folds and the rows of weights must be of one length, got"
            f" {judge.shape}, {expert.shape}, {np.shape(folds)}, {weights.shape}."
        )
    _, codes = np.unique(np.asarray(folds), return_inverse=True)
    summed, sizes = np.zeros(len(weights)), np.zeros(len(weights))
    for code in range(codes.max(initial=-1) + 1):
        inside = np.flatnonzero(codes == code)
        step = max(1, _CHUNK // len(inside))
        for start in range(0, len(weights), step):
            rows = slice(start, start + step)
            part = weights[rows, inside]
            rho = weighted_spearman(judge[inside], expert[inside], part)
            size = np.where(np.isnan(rho), 0.0, part.sum(axis=1))
            sizes[rows] += size
            summed[rows] += np.where(size > 0, rho, 0.0) * size
    summed[sizes > 0] /= sizes[sizes > 0]
    summed[sizes == 0] = np.nan
    return summed
