"""Simulate a cell and tally what each method said: coverage, width, size or power."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from memalign_bench.certify.design import LEVEL, N_CASES, Cell, Draw, Finding, Simulator
from memalign_bench.certify.errors import IMPROVEMENTS, LEVELS, improvements, levels
from memalign_bench.certify.memories import MEMORIES, memories
from memalign_bench.certify.ranks import RANKS, rank_differences, ranks
from memalign_bench.certify.readings import READINGS, readings

__all__ = ["HEADLINE", "MIN_CHANGED", "QUANTITIES", "Tally", "cells", "simulate"]

BOTH = ("none", "some")


class Quantity(NamedTuple):
    """Something that is estimated.

    Attributes:
        simulator: Draws studies of it.
        regimes: What the data are like.
        effects: True sizes.
        share: Share of the draws asked for that it gets; the slow ones get fewer.
    """

    simulator: Simulator
    regimes: Sequence[str]
    effects: Sequence[str]
    share: float


QUANTITIES = {
    "improvement": Quantity(improvements, IMPROVEMENTS, BOTH, 1.0),
    "level": Quantity(levels, [*LEVELS], ["some"], 1.0),
    "rank": Quantity(ranks, RANKS, BOTH, 0.5),
    "rank_difference": Quantity(rank_differences, RANKS, BOTH, 0.25),
    "reading": Quantity(readings, [*READINGS], BOTH, 0.25),
    "memories": Quantity(memories, MEMORIES, ["some"], 1.0),
}

HEADLINE = {
    "improvement": "sign_flips",
    "level": "logit_t",
    "rank": "jackknife_t",
    "rank_difference": "jackknife_t",
    "reading": "percentile_reread",
    "memories": "sign_flips",
}
"""Quantity -> the method whose interval a table shows."""

MIN_CHANGED = (0, 3, 4, 5, 6, 7, 8, 10, 12)
"""Numbers of changed cases from which on the headline interval of an improvement is certified."""

_NO_FINDING = Finding(np.nan, np.nan)


class Tally(NamedTuple):
    """What one method said over the studies of a cell.

    Attributes:
        quantity: As in `Cell`, also the next three.
        regime: See there.
        effect: See there.
        n_cases: See there.
        method: Of the interval or test.
        target: `memories`: given the memories learnt; `method`: the method on other labels.
        least_changed: Only studies count in which at least so many cases changed.
        draws: How many these were.
        coverage: Share of them whose interval holds the truth; NaN for a test alone, or for none.
        width: Mean width of the interval.
        rejects: Share with p <= 0.05, or whose interval leaves out 0: the size without effect, the
            power with one; NaN for levels.
    """

    quantity: str
    regime: str
    effect: str
    n_cases: int
    method: str
    target: str
    least_changed: int
    draws: int
    coverage: float
    width: float
    rejects: float


def cells(draws: int, seed: int) -> list[Cell]:
    """All cells, mixed so that the time left can be told from the time gone."""
    all_cells = [
        Cell(name, regime, effect, n, max(4, round(quantity.share * draws)), seed)
        for n in N_CASES
        for name, quantity in QUANTITIES.items()
        for effect in quantity.effects
        for regime in quantity.regimes
    ]
    # A fixed seed: the order says nothing about the results.
    order = np.random.default_rng(0).permutation(len(all_cells))
    return [all_cells[index] for index in order]


def simulate(cell: Cell) -> list[Tally]:
    """Draw the studies of one cell and tally them."""
    studies = list(QUANTITIES[cell.quantity].simulator(cell))
    return list(_tallies(cell, studies))


def _tallies(cell: Cell, studies: Sequence[Draw]) -> Iterator[Tally]:
    truths = np.array([draw.truth for draw in studies])
    targets = {"memories": truths}
    # The mean over studies is what the method reaches with labels drawn anew.
    if cell.quantity == "memories":
        targets["method"] = np.full(len(studies), truths.mean())
    changed = np.array([draw.n_changed for draw in studies])
    # A slow method may stand in some of the studies only.
    for method in dict.fromkeys(name for draw in studies for name in draw.findings):
        # Shape (studies, 3): low, high and p of each.
        findings = np.array([draw.findings.get(method, _NO_FINDING) for draw in studies])
        has_method = np.array([method in draw.findings for draw in studies])
        by_changed = cell.quantity == "improvement" and method == HEADLINE["improvement"]
        for target, truth in targets.items():
            for minimum in MIN_CHANGED if by_changed else (0,):
                counted = has_method & (changed >= minimum)
                coverage, width, rejects = _coverage_width_rejects(
                    findings[counted], truth[counted]
                )
                rejects = np.nan if cell.quantity == "level" else rejects  # none is 0
                yield Tally(
                    *cell[:4], method, target, minimum, int(counted.sum()), coverage, width, rejects
                )


def _coverage_width_rejects(
    findings: NDArray[np.float64], truth: NDArray[np.float64]
) -> tuple[float, float, float]:
    """Coverage, mean width and share of rejections."""
    low, high, p_value = findings.T
    has_interval = ~np.isnan(low)
    # An interval whose end is the truth covers it, whatever the last bit says.
    covers = (low <= truth + 1e-9) & (truth - 1e-9 <= high)
    # A method without a test rejects where its interval leaves out 0. Rounded: 1 - 0.95 is a little
    # more than 0.05.
    rejected = np.where(np.isnan(p_value), (low > 0) | (high < 0), p_value <= round(1 - LEVEL, 9))
    return (
        float(covers[has_interval].mean()) if has_interval.any() else np.nan,
        float((high - low)[has_interval].mean()) if has_interval.any() else np.nan,
        float(rejected.mean()) if len(rejected) else np.nan,
    )
