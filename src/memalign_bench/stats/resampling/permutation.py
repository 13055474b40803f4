"""Paired permutation test over cases: do two judges rank alike, or differ in more than labels?

Under the null hypothesis the two judges' scores of a case could as well be exchanged. All exchanges
are tried where there are at most 2**16, otherwise a seeded sample of them.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from memalign_bench.seeding import generator

__all__ = ["MAX_EXACT", "swap_spearman_test"]

MAX_EXACT = 16
"""Up to so many cases that differ, all 2**n exchanges are tried."""

Flips = NDArray[np.bool_]


def swap_spearman_test(
    judges: tuple[ArrayLike, ArrayLike],
    expert: ArrayLike,
    folds: ArrayLike,
    cases: ArrayLike,
    *,
    n_exchanges: int = 10_000,
    names: tuple[object, ...] = (),
) -> float:
    """Test whether two judges rank alike within folds, exchanging their scores of a whole case.

    The statistic is the difference of `spearman_within_folds`. `certify` holds it against the
    jackknife: it supposes that the two share level and spread.

    Args:
        judges: The two judges' values, each of shape (n,).
        expert: Shape (n,).
        folds: What names each row's fold, shape (n,).
        cases: What names each row's case, shape (n,).
        n_exchanges: How many are drawn where not all are tried.
        names: What else the draw depends on.

    Returns:
        Two-sided p in (0, 1]; 1 where the expert is constant in every fold.
    """
    first, second = (np.asarray(judge, dtype=np.float64) for judge in judges)
    expert = np.asarray(expert, dtype=np.float64)
    _, fold = np.unique(np.asarray(folds), return_inverse=True)
    # A case may lie in several folds; it is exchanged in all of them at once.
    names_of_cases, codes = np.unique(np.asarray(cases), return_inverse=True)
    fold_parts = [np.flatnonzero(fold == f) for f in range(fold.max(initial=-1) + 1)]
    # Where the expert is constant there is no order to find.
    fold_parts = [part for part in fold_parts if np.ptp(expert[part]) > 0]
    counted_rows = np.concatenate([np.empty(0, dtype=np.intp), *fold_parts])
    # Only cases in which the judges differ can change the statistic; the others are not exchanged.
    differing = np.unique(codes[counted_rows][first[counted_rows] != second[counted_rows]])
    # -1 marks a case that is not exchanged.
    column = np.full(len(names_of_cases), -1)
    column[differing] = np.arange(len(differing))

    def statistic(flips: Flips) -> NDArray[np.float64]:
        total = np.zeros(len(flips))
        for part in fold_parts:
            pair = np.stack([first[part], second[part]])
            share = len(part) / len(counted_rows)
            total += share * _fold_differences(pair, expert[part], column[codes[part]], flips)
        return total

    return _two_sided_p(statistic, len(differing), n_exchanges, names)


def _fold_differences(
    pair: NDArray[np.float64], expert: NDArray[np.float64], column: NDArray[np.intp], flips: Flips
) -> NDArray[np.float64]:
    """rho(first) - rho(second) in one fold after each exchange; each distinct one computed once."""
    fold_columns = np.unique(column[column >= 0])
    if not len(fold_columns):
        return np.zeros(len(flips))
    # A fold has few cases, so few patterns: compute each once and look it up.
    if len(fold_columns) <= MAX_EXACT and 2 ** len(fold_columns) <= len(flips):
        patterns = _all_flips(len(fold_columns))
        # A pattern's place in `_all_flips` is the number whose bits it is.
        pattern_of_flip = flips[:, fold_columns] @ (1 << np.arange(len(fold_columns)))
    else:
        patterns, pattern_of_flip = flips[:, fold_columns], np.arange(len(flips))
    swapped = np.zeros((len(patterns), len(column)), dtype=bool)
    can_swap = column >= 0
    swapped[:, can_swap] = patterns[:, np.searchsorted(fold_columns, column[can_swap])]
    first = _spearman_rows(np.where(swapped, pair[1], pair[0]), expert)
    second = _spearman_rows(np.where(swapped, pair[0], pair[1]), expert)
    result: NDArray[np.float64] = (first - second)[pattern_of_flip]
    return result


def _spearman_rows(judge: NDArray[np.float64], expert: NDArray[np.float64]) -> NDArray[np.float64]:
    """Spearman's correlation of each row of `judge` with `expert`; 0 where the row is constant."""
    from scipy.stats import rankdata

    x = rankdata(judge, axis=1) - (len(expert) + 1) / 2
    y = rankdata(expert) - (len(expert) + 1) / 2
    scale = np.sqrt((x**2).sum(axis=1) * (y**2).sum())
    rho: NDArray[np.float64] = np.divide(x @ y, scale, out=np.zeros(len(x)), where=scale > 0)
    return rho


def _all_flips(n_cases: int) -> Flips:
    """Every pattern of exchanges, shape (2**n, n); the first exchanges nothing."""
    flips: Flips = (np.arange(2**n_cases)[:, None] >> np.arange(n_cases)) % 2 == 1
    return flips


def _two_sided_p(
    statistic: Callable[[Flips], NDArray[np.float64]],
    n_cases: int,
    n_exchanges: int,
    names: tuple[object, ...],
) -> float:
    """The share of exchanges whose statistic is as large as the observed one."""
    if n_cases == 0:
        return 1.0
    exact = n_cases <= MAX_EXACT
    if exact:
        flips = _all_flips(n_cases)
    else:
        rng = generator(0, "permutation", n_cases, n_exchanges, *names)
        flips = rng.integers(0, 2, size=(n_exchanges, n_cases)).astype(bool)
    observed = abs(float(statistic(np.zeros((1, n_cases), dtype=bool))[0]))
    # A little below, so that ties are not lost to rounding.
    at_least_as_large = np.abs(statistic(flips)) >= observed - 1e-9 * max(1.0, observed)
    if exact:
        return float(at_least_as_large.mean())
    # The observed assignment counts as one of the drawn, so that p is never 0.
    return float((at_least_as_large.sum() + 1) / (n_exchanges + 1))
