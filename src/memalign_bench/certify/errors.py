"""Simulated errors and gains in grades: what MAE and its improvement are made of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial

import numpy as np
from numpy.typing import NDArray

from memalign_bench.certify.design import (
    WIDEST,
    Cell,
    Draw,
    bootstrap_findings,
    cell_rng,
    draw_case_sizes,
    draw_values,
    finding_of,
    simulated_improvement,
)
from memalign_bench.stats.clusters import CaseMean, case_mean, logit_t
from memalign_bench.stats.planning.changes import rule_of_three
from memalign_bench.stats.resampling.bootstrap import CaseResampler, Interval, cluster_mean

__all__ = ["GAINS", "IMPROVEMENTS", "LEVELS", "UNCHANGED", "improvements", "levels"]

_N_RESAMPLES = 999

GAINS: Mapping[str, Mapping[str, Mapping[float, float]]] = {
    "even": {
        "none": {-2: 0.05, -1: 0.25, 0: 0.40, 1: 0.25, 2: 0.05},
        "some": {-2: 0.02, -1: 0.13, 0: 0.40, 1: 0.35, 2: 0.10},
    },
    "unchanged_68": {
        "none": {-2: 0.02, -1: 0.14, 0: 0.68, 1: 0.14, 2: 0.02},
        "some": {-1: 0.05, 0: 0.68, 1: 0.21, 2: 0.06},
    },
    "unchanged_88": {
        "none": {-2: 0.01, -1: 0.05, 0: 0.88, 1: 0.05, 2: 0.01},
        "some": {-1: 0.02, 0: 0.88, 1: 0.07, 2: 0.03},
    },
    # A few large gains against more small losses, and the other way round.
    "rare_skewed": {
        "none": {-1: 0.06, 0: 0.91, 2: 0.03},
        "some": {0: 0.91, 1: 0.03, 2: 0.06},
    },
}
"""Regime -> effect -> chances of an item's gain, in grades."""

_SAME_GAINS_AS = {"unequal_cases": "unchanged_68", "three_seeds": "unchanged_68"}
"""Regimes with the gains of another, on cases of 1 to 11 items or as three rows an item."""

IMPROVEMENTS = (*GAINS, *_SAME_GAINS_AS)
UNCHANGED = {name: effects["none"][0] for name, effects in GAINS.items()}
"""Regime -> share of items that do not change."""

LEVELS: Mapping[str, Mapping[float, float]] = {
    "even": {0: 0.35, 1: 0.45, 2: 0.20},
    "few_errors": {0: 0.88, 1: 0.09, 2: 0.03},
    "unequal_cases": {0: 0.60, 1: 0.30, 2: 0.10},
}
"""Regime -> chances of an item's error, in grades."""


def improvements(cell: Cell) -> Iterator[Draw]:
    """Studies of a paired improvement of the mean absolute error."""
    draw, resampler = cell_rng(cell), CaseResampler(_N_RESAMPLES, cell.seed)
    chances = GAINS[_SAME_GAINS_AS.get(cell.regime, cell.regime)][cell.effect]
    # The expected gain of an item is what a study estimates.
    truth = sum(gain * chance for gain, chance in chances.items())
    for number in range(cell.draws):
        cases = _case_of_items(cell, draw)
        gains, items = draw_values(chances, cases, draw), np.arange(len(cases))
        if cell.regime == "three_seeds":
            gains, items, cases = _three_rows_per_item(chances, gains, cases, draw)
        result = simulated_improvement(gains, items, cases, (cell.name, number))
        estimate = case_mean(gains, cases)
        findings = {
            "sign_flips": finding_of(result.interval, result.p_value),
            "t": finding_of(estimate.interval()),
            **bootstrap_findings(partial(cluster_mean, gains, cases), resampler, cell.n_cases),
        }
        yield Draw(result.mean, truth, findings, result.changes.cases)


def levels(cell: Cell) -> Iterator[Draw]:
    """Studies of one judge's mean absolute error."""
    draw, resampler = cell_rng(cell), CaseResampler(_N_RESAMPLES, cell.seed)
    chances = LEVELS[cell.regime]
    truth = sum(error * chance for error, chance in chances.items())
    for _ in range(cell.draws):
        cases = _case_of_items(cell, draw)
        errors = draw_values(chances, cases, draw)

        estimate = case_mean(errors, cases)
        findings = {
            "logit_t": finding_of(_level_interval(estimate)),
            "t": finding_of(estimate.interval()),
            **bootstrap_findings(partial(cluster_mean, errors, cases), resampler, cell.n_cases),
        }
        yield Draw(estimate.mean, truth, findings, cell.n_cases)


def _level_interval(estimate: CaseMean) -> Interval:
    """What a table shows of a level: logit-t, or the rule of three without spread."""
    if estimate.error > 0:
        return logit_t(estimate, WIDEST)
    return rule_of_three(estimate.mean, estimate.n_cases, (0.0, WIDEST))


def _case_of_items(cell: Cell, draw: np.random.Generator) -> NDArray[np.intp]:
    """The case of each item."""
    # Sizes are drawn anew in every study, so that no one set of them decides.
    sizes = draw_case_sizes(cell.n_cases, draw, unequal=cell.regime == "unequal_cases")
    return np.repeat(np.arange(cell.n_cases), sizes)


def _three_rows_per_item(
    chances: Mapping[float, float],
    gains: NDArray[np.float64],
    cases: NDArray[np.intp],
    draw: np.random.Generator,
) -> tuple[NDArray[np.float64], NDArray[np.intp], NDArray[np.intp]]:
    """Three rows an item, each its gain with chance 0.7 and otherwise another."""
    n = len(gains)
    others = draw.choice([*chances], (3, n), p=[*chances.values()])
    rows = np.where(draw.random((3, n)) < 0.7, gains, others)
    # `ravel` puts the three replicates one after the other, as `tile` does with items and cases.
    return rows.ravel(), np.tile(np.arange(n), 3), np.tile(cases, 3)
