"""Rank correlation within folds, for one sample or for thousands of bootstrap resamples at once.

A resample is a row of weights: how often each item was drawn. An item drawn twice stands twice in
the sample, tied with itself, so weighted ranks below are the ranks in the expanded sample.
"""

from __future__ import annotations

from functools import reduce
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["spearman_within_folds"]

_CHUNK = 20_000
"""Items times resamples that are ranked at once: what a processor's cache holds."""


def _ranks(
    values: NDArray[np.float64], codes: NDArray[np.intp], drawn: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Average rank of each item in its fold of the sample where item j stands w_j times.

    rank_i = sum_j w_j [x_j < x_i] + (sum_j w_j [x_j = x_i] + 1) / 2, over the j of the item's fold;
    a missing value ranks 0.5. Sorted by fold and value, what lies below a value is a running sum:
    n b steps, where comparing every item with every other takes n n b.

    Args:
        values: Shape (n,).
        codes: Each item's fold, shape (n,).
        drawn: The weights, whole numbers from 0, items by resamples: shape (n, b).

    Returns:
        Shape (n, b); the rank of an item of weight 0 means nothing.

    >>> drawn = np.array([[1.0, 2.0], [1.0, 1.0], [1.0, 0.0]])
    >>> _ranks(np.array([10.0, 20.0, 20.0]), np.zeros(3, dtype=np.intp), drawn).T.tolist()
    [[1.0, 2.5, 2.5], [1.5, 3.0, 3.0]]
    """
    order = np.lexsort((values, codes))
    value, code = values[order], codes[order]
    # Where a new value, or a new fold, begins.
    starts = np.flatnonzero(
        np.r_[True, (value[1:] != value[:-1]) | (code[1:] != code[:-1])][: len(value)]
    )
    # upto[k] is the weight of everything sorted before the k-th of these.
    upto = np.zeros((len(starts) + 1, drawn.shape[1]))
    np.cumsum(np.add.reduceat(drawn[order], starts, axis=0), axis=0, out=upto[1:])
    # Place of the fold's first value: what was summed before it belongs to other folds.
    first_of_fold = np.searchsorted(code[starts], code[starts])
    # Average rank within the fold: all that lies below, and half of the ties.
    ranks = (upto[:-1] + upto[1:]) / 2 + (0.5 - upto[first_of_fold])
    # lexsort puts NaN last, and NaN differs from NaN, so each stands in a group of its own.
    ranks[np.isnan(value[starts])] = 0.5
    group = np.empty(len(values), dtype=np.intp)
    group[order] = np.searchsorted(starts, np.arange(len(values)), side="right") - 1
    placed: NDArray[np.float64] = ranks[group]
    return placed


class _Correlations(NamedTuple):
    """Spearman's correlation and the size of each fold, both of shape (folds, b)."""

    rho: NDArray[np.float64]
    sizes: NDArray[np.float64]


def _correlations(
    judge: NDArray[np.float64],
    expert: NDArray[np.float64],
    codes: NDArray[np.intp],
    drawn: NDArray[np.float64],
) -> _Correlations:
    """Spearman's correlation with average ranks; rows rise by fold, `drawn` is as of `_ranks`.

    Where the expert's scores are constant there is no order to find: NaN. Where the judge's are
    constant (and the expert's are not) it found none of it: 0.
    """
    x, y = _ranks(judge, codes, drawn), _ranks(expert, codes, drawn)
    starts = np.flatnonzero(np.r_[True, codes[1:] != codes[:-1]])

    def summed(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.add.reduceat(values, starts, axis=0)

    wx, wy = drawn * x, drawn * y
    total, sum_x, sum_y = summed(drawn), summed(wx), summed(wy)
    # Ranks are halves of whole numbers, so these differences are exact and 0 means constant.
    spread_x = total * summed(wx * x) - sum_x**2
    spread_y = total * summed(wy * y) - sum_y**2
    co_spread = total * summed(wx * y) - sum_x * sum_y
    rho = np.where(spread_y > 0, 0.0, np.nan)
    both = (spread_x > 0) & (spread_y > 0)
    rho[both] = np.clip(co_spread[both] / np.sqrt(spread_x[both] * spread_y[both]), -1.0, 1.0)
    return _Correlations(rho, total)


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
    # NumPy would broadcast arrays of length 1 without a word.
    if not judge.shape == expert.shape == np.shape(folds) == weights.shape[1:]:
        raise ValueError(
            "judge, expert, folds and the rows of weights must be of one length, got"
            f" {judge.shape}, {expert.shape}, {np.shape(folds)}, {weights.shape}."
        )
    _, codes = np.unique(np.asarray(folds), return_inverse=True)
    # By fold, as reduceat sums over runs of rows.
    order = np.argsort(codes, kind="stable")
    judge, expert, codes = judge[order], expert[order], codes[order]
    means = np.full(len(weights), np.nan)
    step = max(1, _CHUNK // max(1, len(codes)))
    for start in range(0, len(weights) if len(codes) else 0, step):
        rows = slice(start, start + step)
        rho, sizes = _correlations(judge, expert, codes, weights[rows].T[order])
        # A fold without a correlation weighs nothing.
        sizes = np.where(np.isnan(rho), 0.0, sizes)
        total_size = reduce(np.add, sizes)
        weighted_sum = reduce(np.add, np.where(sizes > 0, rho, 0.0) * sizes)
        np.divide(weighted_sum, total_size, out=means[rows], where=total_size > 0)
    return means
