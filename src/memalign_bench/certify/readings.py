"""Simulated improvements in the batch reading within folds, taken anew in resamples or as known."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from memalign_bench.certify.design import (
    ITEMS_A_CASE,
    N_FOLDS,
    TERCILES,
    Cell,
    Draw,
    Finding,
    bootstrap_findings,
    cell_rng,
    finding_of,
    simulated_improvement,
)
from memalign_bench.stats.fold_reading import grades_in_folds, reread_error
from memalign_bench.stats.resampling.bootstrap import CaseResampler
from memalign_bench.stats.resampling.jackknife import Statistic, jackknife_t

__all__ = ["READINGS", "readings"]

READINGS = ("habits",)
"""The judges like some grades better than others, by a habit that differs from fold to fold."""

_GRADES = (1, 2, 3)
_PLACES = np.array([-1.0, 0.0, 1.0])
_N_RESAMPLES = 199
_STRENGTH = {"none": (0.8, 0.8), "some": (0.4, 1.6)}
"""Effect -> how strongly the distributions of either judge follow what the expert saw."""


def readings(cell: Cell) -> Iterator[Draw]:
    """Studies of an improvement in the batch reading within folds.

    The truth is the mean over studies of as many cases: what a fold's mean distribution is measured
    on belongs to the reading.
    """
    draw, resampler = cell_rng(cell), CaseResampler(_N_RESAMPLES, cell.seed)
    cases = np.repeat(np.arange(cell.n_cases), ITEMS_A_CASE)
    folds = cases % N_FOLDS
    for number in range(cell.draws):
        quality = 0.55 * draw.normal(size=cell.n_cases)[cases] + 0.83 * draw.normal(size=len(cases))
        expert = 1 + np.digitize(quality, TERCILES)
        sides = [
            _distributions(strength, quality, folds, draw) for strength in _STRENGTH[cell.effect]
        ]
        gain = _gain(sides, expert, folds, cases)
        reread = jackknife_t(gain, cell.n_cases)
        bootstrapped = bootstrap_findings(gain, resampler, cell.n_cases)
        findings = {
            "jackknife_t_reread": finding_of(reread.interval, reread.p_value),
            **{f"{method}_reread": finding for method, finding in bootstrapped.items()},
            "sign_flips_known": _flips_as_if_known(
                sides, expert, folds, cases, (cell.name, number)
            ),
        }
        # NaN: the mean over studies stands for the truth.
        yield Draw(reread.point, np.nan, findings, cell.n_cases)


def _gain(
    sides: list[NDArray[np.float64]],
    expert: NDArray[np.intp],
    folds: NDArray[np.intp],
    cases: NDArray[np.intp],
) -> Statistic:
    """Improvement of the second judge over the first, each read anew."""
    # With `min_rows=1` every fold has a reading, so this error never counts.
    zeros = np.zeros(len(cases))
    before, after = (
        # Small simulated folds are read too, or few cases would have no reading.
        reread_error(side, expert, folds, cases, grades=_GRADES, otherwise=zeros, min_rows=1)
        for side in sides
    )
    return lambda weights: before(weights) - after(weights)


def _flips_as_if_known(
    sides: list[NDArray[np.float64]],
    expert: NDArray[np.intp],
    folds: NDArray[np.intp],
    cases: NDArray[np.intp],
    names: tuple[object, ...],
) -> Finding:
    """Sign flips of the gains of one reading, as if it were no estimate."""
    before, after = (
        np.abs(grades_in_folds(side, folds, _GRADES, min_rows=1) - expert) for side in sides
    )
    items = np.arange(len(cases))
    result = simulated_improvement(before - after, items, cases, names)
    return finding_of(result.interval, result.p_value)


def _distributions(
    strength: float,
    quality: NDArray[np.float64],
    folds: NDArray[np.intp],
    draw: np.random.Generator,
) -> NDArray[np.float64]:
    """Softmax of a habit of the fold, what the judge makes of the quality, and noise."""
    habit = np.array([0.0, 0.5, 1.5]) + 0.5 * draw.normal(size=(N_FOLDS, 3))
    seen = strength * quality + 0.7 * draw.normal(size=len(quality))
    # Shape (items, grades): quality moves weight from the lowest to the highest grade.
    odds = np.exp(habit[folds] + seen[:, None] * _PLACES)
    chances: NDArray[np.float64] = odds / odds.sum(axis=1, keepdims=True)
    return chances
