"""Paired permutation tests over cases: is the difference of two judges more than their labels?

Under the null hypothesis the two judges' scores of a case could as well be exchanged. All exchanges
are tried where there are at most 2**16, otherwise a seeded sample of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from memalign_bench.seeding import generator

__all__ = ["MAX_EXACT", "PermutationTest", "sign_flip_test", "swap_spearman_test"]

MAX_EXACT = 16
"""Up to so many cases that differ, all 2**n exchanges are tried."""

Flips = NDArray[np.bool_]


class PermutationTest(NamedTuple):
    """Outcome of a two-sided test.

    Attributes:
        p_value: In (0, 1].
        smallest_p: The smallest p-value that any data with as many differing cases could give.
        n_exchanges: How many exchanges were tried.
        exact: Whether these were all.
    """

    p_value: float
    smallest_p: float
    n_exchanges: int
    exact: bool


def sign_flip_test(
    differences: ArrayLike,
    cases: ArrayLike,
    *,
    seed: int = 0,
    n_exchanges: int = 10_000,
    names: tuple[object, ...] = (),
) -> PermutationTest:
    """Test whether the mean of paired differences is 0, exchanging the pair of a whole case.

    Args:
        differences: One a row, shape (n,).
        cases: What names each row's case, shape (n,).
        seed: Root seed, for when not all exchanges are tried.
        n_exchanges: How many are then drawn.
        names: What else the draw depends on.
    """
    _, codes = np.unique(np.asarray(cases), return_inverse=True)
    values = np.asarray(differences, dtype=np.float64)
    sums = np.bincount(codes, weights=values) if values.size else np.empty(0)
    # Cases that sum to 0 stay 0 whatever their sign.
    sums = sums[np.abs(sums) > 1e-12 * max(1.0, float(np.abs(values).max(initial=0)))]

    def statistic(flips: Flips) -> NDArray[np.float64]:
        # True becomes -1, False 1.
        total: NDArray[np.float64] = (1.0 - 2.0 * flips) @ sums
        return total

    return _permutation_test(statistic, len(sums), seed, n_exchanges, names)


def swap_spearman_test(
    judges: tuple[ArrayLike, ArrayLike],
    expert: ArrayLike,
    folds: ArrayLike,
    cases: ArrayLike,
    *,
    groups: ArrayLike | None = None,
    seed: int = 0,
    n_exchanges: int = 10_000,
    names: tuple[object, ...] = (),
) -> PermutationTest:
    """Test whether two judges rank alike within folds, exchanging their scores of a whole case.

    The statistic is the difference of `spearman_within_folds`, with `groups` its mean over them.

    Args:
        judges: The two judges' values, each of shape (n,).
        expert: Shape (n,).
        folds: What names each row's fold, shape (n,).
        cases: What names each row's case, shape (n,).
        groups: What names each row's group (its dimension), shape (n,); a fold lies in one group.
        seed: Root seed, for when not all exchanges are tried.
        n_exchanges: How many are then drawn.
        names: What else the draw depends on.

    Returns:
        p = 1 where the expert is constant in every fold.
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
    _, group = np.unique(
        np.zeros(len(expert)) if groups is None else np.asarray(groups), return_inverse=True
    )
    sizes = np.bincount(group[counted_rows], minlength=group.max(initial=0) + 1)

    def statistic(flips: Flips) -> NDArray[np.float64]:
        total = np.zeros(len(flips))
        for part in fold_parts:
            pair = np.stack([first[part], second[part]])
            share = len(part) / sizes[group[part[0]]]
            total += share * _fold_differences(pair, expert[part], column[codes[part]], flips)
        return total

    return _permutation_test(statistic, len(differing), seed, n_exchanges, names)


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


def _permutation_test(
    statistic: Callable[[Flips], NDArray[np.float64]],
    n_cases: int,
    seed: int,
    n_exchanges: int,
    names: tuple[object, ...],
) -> PermutationTest:
    """Two-sided: the share of exchanges whose statistic is as large as the observed one."""
    if n_cases == 0:
        return PermutationTest(1.0, 1.0, 1, True)
    exact = n_cases <= MAX_EXACT
    if exact:
        flips = _all_flips(n_cases)
    else:
        rng = generator(seed, "permutation", n_cases, n_exchanges, *names)
        flips = rng.integers(0, 2, size=(n_exchanges, n_cases)).astype(bool)
    observed = abs(float(statistic(np.zeros((1, n_cases), dtype=bool))[0]))
    # A little below, so that ties are not lost to rounding.
    at_least_as_large = np.abs(statistic(flips)) >= observed - 1e-9 * max(1.0, observed)
    if exact:
        # 2 of 2**n: an exchange of all cases is as extreme as none.
        smallest = 2.0 ** (1 - n_cases)
        return PermutationTest(float(at_least_as_large.mean()), smallest, len(flips), True)
    # The observed assignment counts as one of the drawn, so that p is never 0.
    p_value = float((at_least_as_large.sum() + 1) / (n_exchanges + 1))
    return PermutationTest(p_value, 1 / (n_exchanges + 1), n_exchanges, False)
