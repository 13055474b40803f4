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
        names: What else the draw hangs on.
    """
    _, codes = np.unique(np.asarray(cases), return_inverse=True)
    values = np.asarray(differences, dtype=np.float64)
    sums = np.bincount(codes, weights=values) if values.size else np.empty(0)
    sums = sums[np.abs(sums) > 1e-12 * max(1.0, float(np.abs(values).max(initial=0)))]

    def statistic(flips: Flips) -> NDArray[np.float64]:
        total: NDArray[np.float64] = (1.0 - 2.0 * flips) @ sums
        return total

    return _test(statistic, len(sums), seed, n_exchanges, names)


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
        names: What else the draw hangs on.

    Returns:
        p = 1 where the expert is constant in every fold.
    """
    one, two = (np.asarray(judge, dtype=np.float64) for judge in judges)
    expert = np.asarray(expert, dtype=np.float64)
    _, fold = np.unique(np.asarray(folds), return_inverse=True)
    names_of_cases, codes = np.unique(np.asarray(cases), return_inverse=True)
    fold_parts = [np.flatnonzero(fold == f) for f in range(fold.max(initial=-1) + 1)]
    fold_parts = [part for part in fold_parts if np.ptp(expert[part]) > 0]
    ranked = np.concatenate([np.empty(0, dtype=np.intp), *fold_parts])
    differing = np.unique(codes[ranked][one[ranked] != two[ranked]])
    column = np.full(len(names_of_cases), -1)
    column[differing] = np.arange(len(differing))
    _, group = np.unique(
        np.zeros(len(expert)) if groups is None else np.asarray(groups), return_inverse=True
    )
    sizes = np.bincount(group[ranked], minlength=group.max(initial=0) + 1)

    def statistic(flips: Flips) -> NDArray[np.float64]:
        total = np.zeros(len(flips))
        for part in fold_parts:
            pair = np.stack([one[part], two[part]])
            share = len(part) / sizes[group[part[0]]]
            total += share * _fold_differences(pair, expert[part], column[codes[part]], flips)
        return total

    return _test(statistic, len(differing), seed, n_exchanges, names)


def _fold_differences(
    pair: NDArray[np.float64], expert: NDArray[np.float64], column: NDArray[np.intp], flips: Flips
) -> NDArray[np.float64]:
    """rho(first) - rho(second) in one fold after each exchange; each distinct one computed once."""
    mine = np.unique(column[column >= 0])
    if not len(mine):
        return np.zeros(len(flips))
    if len(mine) <= MAX_EXACT and 2 ** len(mine) <= len(flips):
        patterns = _all_flips(len(mine))
        which = flips[:, mine] @ (1 << np.arange(len(mine)))
    else:
        patterns, which = flips[:, mine], np.arange(len(flips))
    swapped = np.zeros((len(patterns), len(column)), dtype=bool)
    moves = column >= 0
    swapped[:, moves] = patterns[:, np.searchsorted(mine, column[moves])]
    first = _spearman_rows(np.where(swapped, pair[1], pair[0]), expert)
    second = _spearman_rows(np.where(swapped, pair[0], pair[1]), expert)
    result: NDArray[np.float64] = (first - second)[which]
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


def _test(
    statistic: Callable[[Flips], NDArray[np.float64]],
    n_cases: int,
    seed: int,
    n_exchanges: int,
    names: tuple[object, ...],
) -> PermutationTest:
    if n_cases == 0:
        return PermutationTest(1.0, 1.0, 1, True)
    exact = n_cases <= MAX_EXACT
    if exact:
        flips = _all_flips(n_cases)
    else:
        draw = generator(seed, "permutation", n_cases, n_exchanges, *names)
        flips = draw.integers(0, 2, size=(n_exchanges, n_cases)).astype(bool)
    observed = abs(float(statistic(np.zeros((1, n_cases), dtype=bool))[0]))
    reached = np.abs(statistic(flips)) >= observed - 1e-9 * max(1.0, observed)
    if exact:
        smallest = 2.0 ** (1 - n_cases)
        return PermutationTest(float(reached.mean()), smallest, len(flips), True)
    p_value = float((reached.sum() + 1) / (n_exchanges + 1))
    return PermutationTest(p_value, 1 / (n_exchanges + 1), n_exchanges, False)
