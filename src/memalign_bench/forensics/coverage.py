"""Coverage of a percentile bootstrap that draws more notebooks than there are, by simulation.

A resample of 100 from 50 has a mean that varies too little, by a factor of the square root of two,
so the interval is too narrow, whatever the data. How much it covers is simulated: studies of known
truth are drawn, each is bootstrapped, and the intervals that hold the truth are counted.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from memalign_bench.forensics.figures import Bootstrap
from memalign_bench.seeding import generator

__all__ = ["GAINS", "RESAMPLES", "Coverage", "coverages"]

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

RESAMPLES = ("notebooks", "rows", "as_many")
"""What a resample is: notebooks drawn as worded, and the rows of the dimension that they bring;
rows of the dimension, enlarged in the same proportion; as many rows as there are, as is usual."""

GAINS = ("normal", "whole")
"""Gains of the simulated items: normal, the kindest case; or -1, 0 and 1 grade, their true shares
drawn anew for every study (Dirichlet 1, 5, 5), so that no single lattice decides."""

_SHARES = (1.0, 5.0, 5.0)
_BLOCK_STUDIES = 500


class Coverage(NamedTuple):
    """Share of intervals that hold the truth.

    Attributes:
        n: Rows of the dimension.
        gains: One of `GAINS`.
        resample: One of `RESAMPLES`.
        coverage: The share.
        mc_error: Its standard error from the number of simulated studies.
        studies: That number.
    """

    n: int
    gains: str
    resample: str
    coverage: float
    mc_error: float
    studies: int


def coverages(
    sizes: Iterable[int],
    bootstrap: Bootstrap,
    *,
    level: float = 0.95,
    studies: int = 10_000,
    resamples: int = 2_000,
    seed: int = 0,
) -> Iterator[Coverage]:
    """Simulate every kind of resample and of gains at each size, one after the other.

    Args:
        sizes: Rows of a dimension.
        bootstrap: The sample's size as worded, and the number of notebooks.
        level: Coverage that the intervals claim.
        studies: Simulated studies each.
        resamples: Bootstrap resamples of each study.
        seed: Root seed.
    """
    tails = [(1 - level) / 2, (1 + level) / 2]
    for n in sizes:
        for resample in RESAMPLES:
            for gains, hits_of in zip(
                GAINS, (_hits_of_normal_gains, _hits_of_whole_gains), strict=True
            ):
                # A generator per setting: none depends on which others are simulated.
                rng = generator(seed, "coverage", n, gains, resample, studies, resamples)
                draw = _resample_drawer(n, resample, bootstrap, resamples, rng)
                share = hits_of(n, draw, tails, studies, rng) / studies
                error = math.sqrt(share * (1 - share) / studies)
                yield Coverage(n, gains, resample, share, error, studies)


Draw = Callable[[Counts], Counts]
"""How many rows each group of items has in the dimension -> the same in each resample."""


def _resample_drawer(
    n: int, resample: str, bootstrap: Bootstrap, resamples: int, rng: np.random.Generator
) -> Draw:
    if resample == "notebooks":
        # Drawn among all notebooks, so the number of the dimension's rows varies.
        # `others` is how many notebooks have no row in this dimension.
        size, others = bootstrap.drawn, bootstrap.of - n
    else:
        others = 0
        size = n if resample == "as_many" else round(n * bootstrap.drawn / bootstrap.of)

    def draw(groups: Counts) -> Counts:
        """Rows by resample and group; resamples in which the dimension has no row are left out."""
        # The last place stands for all notebooks without a row; it is drawn and then cut off.
        shares = np.append(groups, others) / (n + others)
        drawn: Counts = rng.multinomial(size, shares, size=resamples)[:, :-1]
        return drawn[drawn.any(axis=1)]

    return draw


def _hits_of_normal_gains(
    n: int, draw: Draw, tails: list[float], studies: int, rng: np.random.Generator
) -> int:
    """Studies of normal gains with mean 0; all share one set of resamples."""
    # One item per group: each has its own count in a resample.
    rows = draw(np.ones(n, dtype=np.int64))
    weights = rows / rows.sum(axis=1, keepdims=True)
    hits = 0
    # In blocks, since resamples x studies may not fit in memory.
    for start in range(0, studies, _BLOCK_STUDIES):
        gains = rng.normal(size=(n, min(_BLOCK_STUDIES, studies - start)))
        # `weights @ gains` has shape (resamples, studies): the mean of each resample in each study.
        low, high = np.quantile(weights @ gains, tails, axis=0)
        hits += int(((low <= 0) & (high >= 0)).sum())
    return hits


def _hits_of_whole_gains(
    n: int, draw: Draw, tails: list[float], studies: int, rng: np.random.Generator
) -> int:
    """Studies of whole-grade gains; those with the same counts share their interval."""
    grades = np.array([-1.0, 0.0, 1.0])
    shares = rng.dirichlet(_SHARES, size=studies)
    truth = shares @ grades
    # Whole-grade studies repeat: each distinct one is bootstrapped once.
    counts, which = np.unique(rng.multinomial(n, shares), axis=0, return_inverse=True)
    bounds: Floats = np.array([_interval_bounds(draw(row), grades, tails) for row in counts])
    # `ravel`, since the shape of `return_inverse` with an axis differs between versions of NumPy.
    low, high = bounds[which.ravel()].T
    return int(((low <= truth) & (truth <= high)).sum())


def _interval_bounds(rows: Counts, grades: Floats, tails: list[float]) -> Floats:
    bounds: Floats = np.quantile(rows @ grades / rows.sum(axis=1), tails)
    return bounds
