"""Kinds of simulated studies, and what they have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from memalign_bench.seeding import generator
from memalign_bench.stats.improvement import Improvement, paired_improvement
from memalign_bench.stats.planning.changes import changes
from memalign_bench.stats.resampling.bootstrap import (
    CaseResampler,
    Interval,
    bootstrap_interval,
    bootstrap_test,
    jackknife_weights,
)
from memalign_bench.stats.resampling.sign_flips import sign_flips

__all__ = [
    "ITEMS_A_CASE",
    "LEVEL",
    "N_CASES",
    "N_FOLDS",
    "TERCILES",
    "WIDEST",
    "Cell",
    "Draw",
    "Finding",
    "Simulator",
    "bootstrap_findings",
    "cell_rng",
    "draw_case_sizes",
    "draw_values",
    "finding_of",
    "simulated_improvement",
]

N_CASES = (12, 16, 20, 25, 30, 50, 100)
N_FOLDS = 4
LEVEL = 0.95
WIDEST = 2.0
"""Largest error of a scale of three grades."""

ITEMS_A_CASE = 2

TERCILES = (-0.4307, 0.4307)
"""Cuts of the standard normal into three grades, each as often."""

_UNEQUAL = (1, 1, 2, 2, 3, 3, 4, 5, 7, 11)
"""Items of a case where cases differ, each as likely: mean 3.9, as in FeedbackQA."""

_REPEAT_CHANCE = 0.6
"""Chance that an item repeats the draw of its case: the correlation within cases."""


class Cell(NamedTuple):
    """Simulated studies of one kind and size.

    Attributes:
        quantity: What is estimated: `improvement`, `level`, `rank`, `rank_difference`, `reading` or
            `memories`.
        regime: What the data are like.
        effect: `none` (the truth is 0) or `some`.
        n_cases: Cases a study.
        draws: Studies.
        seed: Root seed.
    """

    quantity: str
    regime: str
    effect: str
    n_cases: int
    draws: int
    seed: int

    @property
    def name(self) -> str:
        """Name that no other cell has, fit for a file."""
        return "-".join(map(str, self))


class Finding(NamedTuple):
    """What one method says of one simulated study; NaN where it says nothing."""

    low: float
    high: float
    p_value: float = np.nan


class Draw(NamedTuple):
    """One simulated study.

    Attributes:
        point: The estimate.
        truth: What it estimates, given the memories learnt.
        findings: By method.
        n_changed: Cases that changed.
    """

    point: float
    truth: float
    findings: Mapping[str, Finding]
    n_changed: int = 0


Simulator = Callable[[Cell], Iterator[Draw]]


def cell_rng(cell: Cell) -> np.random.Generator:
    """The cell's own generator."""
    return generator(cell.seed, "certify", *cell)


def finding_of(interval: Interval, p_value: float = np.nan) -> Finding:
    """An interval with its p-value, as a finding."""
    return Finding(interval.low, interval.high, p_value)


def simulated_improvement(
    gains: NDArray[np.float64],
    items: NDArray[np.intp],
    cases: NDArray[np.intp],
    names: tuple[object, ...],
) -> Improvement:
    """The improvement that a table shows, but of fewer flips: the same p but for their noise."""
    # `names` makes the draw of each study its own.
    flips = sign_flips(gains, cases, n_flips=1_000, max_exact=10, names=names)
    return paired_improvement(flips, changes(gains, items, cases), widest=WIDEST)


def bootstrap_findings(
    statistic: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    resampler: CaseResampler,
    n_cases: int,
) -> dict[str, Finding]:
    """Percentile and BCa intervals; tables show the former of improvements in a batch reading."""
    # Draws are kept by these names, so all studies of a cell share one set of resamples.
    resampled = statistic(resampler.weights([str(case) for case in range(n_cases)]))
    # The statistic with each case counted once.
    point = float(statistic(np.ones((1, n_cases)))[0])
    jackknife = statistic(jackknife_weights(n_cases))
    percentile = bootstrap_test(resampled)
    return {
        "percentile": finding_of(percentile.interval, percentile.p_value),
        "bca": finding_of(bootstrap_interval(point, resampled, jackknife, LEVEL)),
    }


def draw_case_sizes(n_cases: int, draw: np.random.Generator, *, unequal: bool) -> NDArray[np.intp]:
    """Items of each case."""
    if unequal:
        return draw.choice(_UNEQUAL, n_cases).astype(np.intp)
    return np.full(n_cases, ITEMS_A_CASE)


def draw_values(
    values: Mapping[float, float], cases: NDArray[np.intp], draw: np.random.Generator
) -> NDArray[np.float64]:
    """One value an item, with these chances, correlated within cases.

    An item shows the value of its case with chance 0.6, otherwise one of its own, so that each has
    the chances given and two of a case a correlation of 0.36.
    """
    options, chances = np.array([*values]), np.array([*values.values()])
    own_values = draw.choice(options, len(cases), p=chances)
    # Drawn once a case, then repeated for each of its items.
    case_values = draw.choice(options, cases.max() + 1, p=chances)[cases]
    result: NDArray[np.float64] = np.where(
        draw.random(len(cases)) < _REPEAT_CHANCE, case_values, own_values
    )
    return result
