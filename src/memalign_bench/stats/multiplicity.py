"""Correction for asking several questions of one study."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from memalign_bench.stats.resampling.sign_flips import sign_sets

__all__ = ["benjamini_hochberg", "holm", "step_down_max_t"]


def holm(p_values: ArrayLike) -> NDArray[np.float64]:
    """Holm's step-down adjusted p-values (Holm 1979), in the order given.

    >>> holm([0.01, 0.04, 0.03]).round(3).tolist()
    [0.03, 0.06, 0.06]
    """
    p = np.asarray(p_values, dtype=np.float64)
    # Not statsmodels' `multipletests`, which collects all garbage of the process at each call.
    order = np.argsort(p)
    # The smallest p-value is multiplied by all m, the next by m - 1, and so on.
    cumulative = np.maximum.accumulate(p[order] * np.arange(p.size, 0, -1))
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(cumulative, 1.0)
    return adjusted


def benjamini_hochberg(p_values: ArrayLike) -> NDArray[np.float64]:
    """Adjusted p-values q of Benjamini and Hochberg (1995), in the order given.

    Calling all with q <= a discoveries, a share of at most a of them is expected to be false.

    >>> benjamini_hochberg([0.01, 0.04, 0.03]).round(3).tolist()
    [0.03, 0.04, 0.04]
    """
    from scipy.stats import false_discovery_control

    p = np.asarray(p_values, dtype=np.float64)
    if p.size == 0:
        return p
    adjusted: NDArray[np.float64] = false_discovery_control(p)
    return adjusted


def step_down_max_t(
    sums: ArrayLike, *, seed: int = 0, n_flips: int = 10_000, names: tuple[object, ...] = ()
) -> NDArray[np.float64]:
    """Adjusted p-values of several mean differences, flipping a case in all of them at once.

    Westfall and Young's (1993) step-down maxT with sign flips. It uses how the comparisons depend
    on one another, and so is sharper than Holm. Each statistic is the sum over cases over the root
    of the sum of squares, which no flip changes.

    Args:
        sums: Sum of the differences of each case (columns) in each comparison (rows), shape (m, c);
            0 where a comparison lacks a case.
        seed: Root seed, for when not all flips are tried.
        n_flips: How many are then drawn.
        names: What else the draw depends on.

    Returns:
        Shape (m,); 1 for a comparison without any difference.
    """
    totals = np.array(sums, dtype=np.float64)
    # What rounding leaves of differences that cancel out is none: scaled, it would be a large one.
    totals[np.abs(totals) <= 1e-12 * max(1.0, float(np.abs(totals).max(initial=0)))] = 0.0
    # Cases without any difference change no statistic.
    totals = totals[:, totals.any(axis=0)]
    scale = np.sqrt((totals**2).sum(axis=1, keepdims=True))
    # Shape (comparisons, cases): what a case adds to each statistic.
    scores = np.divide(totals, scale, out=np.zeros_like(totals), where=scale > 0)
    # Flipped in all comparisons at once, which keeps their dependence.
    sets = sign_sets(np.ones(scores.shape[1], dtype=bool), seed, n_flips, names=names)
    # Rounded: sums that are equal but for the last bit must tie.
    reached = np.abs((1 - 2 * sets) @ scores.T).round(9)
    # The first set flips nothing, so its row is what was observed.
    order = np.argsort(-reached[0], kind="stable")
    # Largest statistic among those still to be decided, from the last comparison to the first.
    largest = np.maximum.accumulate(reached[:, order[::-1]], axis=1)[:, ::-1]
    # The observed set is among them, so that no p is 0.
    p_values = (largest >= reached[0, order]).mean(axis=0)
    adjusted = np.empty(len(totals))
    # Step-down: no p-value may be below one of a larger statistic.
    adjusted[order] = np.maximum.accumulate(p_values)
    return adjusted
