"""Simulated improvements of a judge that learns from labels: given what it learnt, and otherwise.

The errors of a fold hang together through the memory that they share, and the memories of two
folds through the labels that they share. An interval over cases holds for the memories at hand;
under other labels the same method would have learnt others (Bates, Hastie and Tibshirani 2024).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from memalign_bench.certify.design import (
    ITEMS_A_CASE,
    N_FOLDS,
    TERCILES,
    Cell,
    Draw,
    bootstraps,
    found,
    improvement,
    rng,
)
from memalign_bench.seeding import generator
from memalign_bench.stats.improvement import for_other_labels
from memalign_bench.stats.resampling.bootstrap import CaseResampler, cluster_mean

__all__ = ["MEMORIES", "memories"]

MEMORIES = ("regression",)
"""A ridge regression on what is seen of an item stands for the memory."""

_N_RESAMPLES = 999
_WEIGHTS = np.array([0.7, 0.5, 0.3, 0.0, 0.0])
_UNALIGNED = np.array([0.5, -0.2, 0.0, 0.5, 0.0])
_RIDGE = 2.0
_POPULATION = 4_000


class _Items(NamedTuple):
    seen: NDArray[np.float64]
    grade: NDArray[np.float64]
    error: NDArray[np.float64]


def memories(cell: Cell) -> Iterator[Draw]:
    """Studies of the improvement of a regression on the other folds' labels over a fixed judge.

    The truth is the improvement of the fold's own regressions over cases without end; its mean over
    studies is that of the method.
    """
    draw, resampler = rng(cell), CaseResampler(_N_RESAMPLES, cell.seed)
    everyone = _items(_POPULATION, generator(cell.seed, "certify", "population"))
    for number in range(cell.draws):
        cases = np.repeat(np.arange(cell.n_cases), ITEMS_A_CASE)
        folds, here = cases % N_FOLDS, _items(cell.n_cases, draw)
        gains, truths = np.zeros(len(cases)), np.zeros(len(cases))
        for fold in range(N_FOLDS):
            own = folds == fold
            learnt = _learnt(here.seen[~own], here.grade[~own])
            gains[own] = (here.error - np.abs(_said(here.seen, learnt) - here.grade))[own]
            missed = np.abs(_said(everyone.seen, learnt) - everyone.grade)
            truths[own] = np.mean(everyone.error - missed)
        one = improvement(gains, np.arange(len(cases)), cases, (cell.name, number))
        wider = for_other_labels(one.interval, one.mean, N_FOLDS)
        findings = {
            "sign_flips": found(one.interval, one.p_value),
            "sign_flips_other_labels": found(wider),
            **bootstraps(partial(cluster_mean, gains, cases), resampler, cell.n_cases),
        }
        yield Draw(one.mean, float(truths.mean()), findings, one.changes.cases)


def _items(n_cases: int, draw: np.random.Generator) -> _Items:
    """Items of cases, with what is seen of them, the expert's grade and the fixed judge's error."""
    shape = (n_cases * ITEMS_A_CASE, len(_WEIGHTS))
    shared = np.repeat(draw.normal(size=(n_cases, len(_WEIGHTS))), ITEMS_A_CASE, axis=0)
    seen = np.sqrt(0.3) * shared + np.sqrt(0.7) * draw.normal(size=shape)
    quality = seen @ _WEIGHTS + 0.4 * draw.normal(size=shape[0])
    grade = 2.0 + np.digitize(quality, TERCILES) - 1
    return _Items(seen, grade, np.abs(_said(seen, np.append(_UNALIGNED, 2.4)) - grade))


def _learnt(seen: NDArray[np.float64], grade: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ridge regression with an intercept that is not shrunk, the last of the coefficients."""
    middle, mean = seen.mean(axis=0), grade.mean()
    inside = seen - middle
    slopes = np.linalg.solve(
        inside.T @ inside + _RIDGE * np.eye(len(middle)), inside.T @ (grade - mean)
    )
    return np.append(slopes, mean - middle @ slopes)


def _said(seen: NDArray[np.float64], learnt: NDArray[np.float64]) -> NDArray[np.float64]:
    """The nearest grade to what the coefficients predict."""
    said: NDArray[np.float64] = np.clip(np.round(seen @ learnt[:-1] + learnt[-1]), 1, 3)
    return said
