"""Simulated improvements in the batch reading within folds, taken anew in resamples or as known."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from memalign_bench.certify.design import (
    N_FOLDS,
    TERCILES,
    Cell,
    Draw,
    Finding,
    bootstrap_findings,
    cell_rng,
    draw_case_sizes,
    finding_of,
    simulated_improvement,
)
from memalign_bench.stats.fold_reading import grades_in_folds, reread_error
from memalign_bench.stats.resampling.bootstrap import CaseResampler
from memalign_bench.stats.resampling.jackknife import Statistic, jackknife_t

__all__ = ["READINGS", "readings"]


class _Regime(NamedTuple):
    """What the answers are like.

    Attributes:
        sureness: Factor of the log odds of the grades.
        unequal: Whether cases differ in their number of items.
    """

    sureness: float
    unequal: bool


READINGS: Mapping[str, _Regime] = MappingProxyType(
    {
        # The likeliest grade has a probability of 0.7 on average.
        "unsure": _Regime(1.0, unequal=False),
        # Of 0.97, as large models have it: the reading hangs on few answers.
        "sure": _Regime(12.0, unequal=False),
        "sure_unequal_cases": _Regime(12.0, unequal=True),
    }
)
"""The judges like some grades better than others, by a habit that differs from fold to fold."""

_GRADES = (1, 2, 3)
_PLACES = np.array([-1.0, 0.0, 1.0])
_N_RESAMPLES = 199
_N_OTHER_STUDIES = 100
"""Studies whose mean stands for the truth; it adds a hundredth to the variance of a difference."""

_STRENGTH = {"none": (0.8, 0.8), "some": (0.4, 1.6)}
"""Effect -> how strongly the distributions of either judge follow what the expert saw."""


class _Study(NamedTuple):
    """Answers of two judges: a distribution a row each, and whose row it is."""

    sides: Sequence[NDArray[np.float64]]
    expert: NDArray[np.intp]
    folds: NDArray[np.intp]
    cases: NDArray[np.intp]


def readings(cell: Cell) -> Iterator[Draw]:
    """Studies of an improvement in the batch reading within folds.

    The truth is given the memories learnt, which are the folds' habits here: the mean over other
    studies of as many cases by judges of the same habits. Without effect both have the same.
    """
    draw, resampler = cell_rng(cell), CaseResampler(_N_RESAMPLES, cell.seed)
    every_case = np.ones((1, cell.n_cases))
    for number in range(cell.draws):
        habits = [
            np.array([0.0, 0.5, 1.5]) + 0.5 * draw.normal(size=(N_FOLDS, 3))
            for _ in _STRENGTH[cell.effect]
        ]
        if cell.effect == "none":
            habits = [habits[0]] * 2
        study = _drawn_study(cell, habits, draw)
        gain = _gain(study)
        reread = jackknife_t(gain, cell.n_cases)
        bootstrapped = bootstrap_findings(gain, resampler, cell.n_cases)
        findings = {
            "jackknife_t_reread": finding_of(reread.interval, reread.p_value),
            **{f"{method}_reread": finding for method, finding in bootstrapped.items()},
            "sign_flips_known": _flips_as_if_known(study, (cell.name, number)),
        }
        truth = 0.0
        if cell.effect == "some":
            others = (_drawn_study(cell, habits, draw) for _ in range(_N_OTHER_STUDIES))
            truth = float(np.mean([_gain(other)(every_case)[0] for other in others]))
        yield Draw(reread.point, truth, findings, cell.n_cases)


def _drawn_study(
    cell: Cell, habits: Sequence[NDArray[np.float64]], draw: np.random.Generator
) -> _Study:
    regime = READINGS[cell.regime]
    sizes = draw_case_sizes(cell.n_cases, draw, unequal=regime.unequal)
    cases = np.repeat(np.arange(cell.n_cases), sizes)
    folds = cases % N_FOLDS
    quality = 0.55 * draw.normal(size=cell.n_cases)[cases] + 0.83 * draw.normal(size=len(cases))
    sides = [
        _distributions(strength, quality, regime.sureness, habit[folds], draw)
        for strength, habit in zip(_STRENGTH[cell.effect], habits, strict=True)
    ]
    return _Study(sides, 1 + np.digitize(quality, TERCILES), folds, cases)


def _gain(study: _Study) -> Statistic:
    """Improvement of the second judge over the first, each read anew."""
    # With `min_rows=1` every fold has a reading, so this error never counts.
    zeros = np.zeros(len(study.cases))
    before, after = (
        # Small simulated folds are read too, or few cases would have no reading.
        reread_error(
            side, study.expert, study.folds, study.cases,
            grades=_GRADES, otherwise=zeros, min_rows=1,
        )
        for side in study.sides
    )  # fmt: skip
    return lambda weights: before(weights) - after(weights)


def _flips_as_if_known(study: _Study, names: tuple[object, ...]) -> Finding:
    """Sign flips of the gains of one reading, as if it were no estimate."""
    before, after = (
        np.abs(grades_in_folds(side, study.folds, _GRADES, min_rows=1) - study.expert)
        for side in study.sides
    )
    items = np.arange(len(study.cases))
    result = simulated_improvement(before - after, items, study.cases, names)
    return finding_of(result.interval, result.p_value)


def _distributions(
    strength: float,
    quality: NDArray[np.float64],
    sureness: float,
    habit: NDArray[np.float64],
    draw: np.random.Generator,
) -> NDArray[np.float64]:
    """Softmax of a habit of the fold, what the judge makes of the quality, and noise."""
    from scipy.special import softmax

    seen = strength * quality + 0.7 * draw.normal(size=len(quality))
    # Shape (items, grades): quality moves weight from the lowest to the highest grade.
    chances: NDArray[np.float64] = softmax(sureness * (habit + seen[:, None] * _PLACES), axis=1)
    return chances
