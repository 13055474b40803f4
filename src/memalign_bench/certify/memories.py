"""Simulated improvements of a judge that learns: given its memories, and over other labels.

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
    bootstrap_findings,
    cell_rng,
    finding_of,
    simulated_improvement,
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
_N_POPULATION_CASES = 4_000


class _Items(NamedTuple):
    """Items with what is seen of them, the expert's grade and the fixed judge's error."""

    seen: NDArray[np.float64]
    grade: NDArray[np.float64]
    error: NDArray[np.float64]


def memories(cell: Cell) -> Iterator[Draw]:
    """Studies of the improvement of a regression on the other folds' labels over a fixed judge.

    The truth is the improvement of the fold's own regressions over cases without end; its mean over
    studies is that of the method.
    """
    draw, resampler = cell_rng(cell), CaseResampler(_N_RESAMPLES, cell.seed)
    # Of the root seed alone, so that every cell has the same population.
    population = _draw_items(_N_POPULATION_CASES, generator(cell.seed, "certify", "population"))
    for number in range(cell.draws):
        cases = np.repeat(np.arange(cell.n_cases), ITEMS_A_CASE)
        folds, study = cases % N_FOLDS, _draw_items(cell.n_cases, draw)
        gains, truths = np.zeros(len(cases)), np.zeros(len(cases))
        for fold in range(N_FOLDS):
            in_fold = folds == fold
            # Learnt on the labels of the other folds, as in a study.
            coefficients = _fit_ridge(study.seen[~in_fold], study.grade[~in_fold])
            gains[in_fold] = (
                study.error - np.abs(_predicted_grades(study.seen, coefficients) - study.grade)
            )[in_fold]
            # The truth of this fold: its own coefficients, on a population that is as good as
            # endless.
            errors = np.abs(_predicted_grades(population.seen, coefficients) - population.grade)
            # By item, so that each fold weighs in the truth as it does in the estimate.
            truths[in_fold] = np.mean(population.error - errors)
        result = simulated_improvement(gains, np.arange(len(cases)), cases, (cell.name, number))
        widened = for_other_labels(result.interval, result.mean, N_FOLDS)
        findings = {
            "sign_flips": finding_of(result.interval, result.p_value),
            "sign_flips_other_labels": finding_of(widened),
            **bootstrap_findings(partial(cluster_mean, gains, cases), resampler, cell.n_cases),
        }
        yield Draw(result.mean, float(truths.mean()), findings, result.changes.cases)


def _draw_items(n_cases: int, draw: np.random.Generator) -> _Items:
    """Items of cases, with what is seen of them, the expert's grade and the fixed judge's error."""
    shape = (n_cases * ITEMS_A_CASE, len(_WEIGHTS))
    # A correlation of 0.3 within cases.
    shared = np.repeat(draw.normal(size=(n_cases, len(_WEIGHTS))), ITEMS_A_CASE, axis=0)
    # The shares of variance add up to 1, so each column is a standard normal.
    seen = np.sqrt(0.3) * shared + np.sqrt(0.7) * draw.normal(size=shape)
    quality = seen @ _WEIGHTS + 0.4 * draw.normal(size=shape[0])
    grade = 2.0 + np.digitize(quality, TERCILES) - 1
    return _Items(seen, grade, np.abs(_predicted_grades(seen, np.append(_UNALIGNED, 2.4)) - grade))


def _fit_ridge(seen: NDArray[np.float64], grade: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ridge regression with an intercept that is not shrunk, the last of the coefficients."""
    middle, mean = seen.mean(axis=0), grade.mean()
    centred = seen - middle
    # Centred first, so that the penalty leaves the intercept alone.
    slopes = np.linalg.solve(
        centred.T @ centred + _RIDGE * np.eye(len(middle)), centred.T @ (grade - mean)
    )
    return np.append(slopes, mean - middle @ slopes)


def _predicted_grades(
    seen: NDArray[np.float64], coefficients: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The nearest grade to what the coefficients predict."""
    grades: NDArray[np.float64] = np.clip(
        np.round(seen @ coefficients[:-1] + coefficients[-1]), 1, 3
    )
    return grades
