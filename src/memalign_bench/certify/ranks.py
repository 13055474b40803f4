"""Simulated rank correlations within folds, of one judge and of two."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache, partial
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
)
from memalign_bench.seeding import generator
from memalign_bench.stats.rank import spearman_within_folds
from memalign_bench.stats.resampling.bootstrap import CaseResampler
from memalign_bench.stats.resampling.jackknife import Statistic, rank_correlation, rank_difference
from memalign_bench.stats.resampling.permutation import swap_spearman_test

__all__ = ["RANKS", "rank_differences", "ranks"]

RANKS = ("even", "grades_only", "level_shift", "unequal_cases")
"""Three grades as often; the judge's values are grades too; a level and spread a judge and fold."""

_STRENGTH = {"none": (0.6, 0.6), "some": (1.2, 0.3)}
"""Effect -> how strongly either judge follows what the expert saw."""

_N_RESAMPLES = 399
_N_SWAPS = 199
_TRUTH_CASES = 60_000


class _SimulatedStudy(NamedTuple):
    """Values of two judges, and the expert's grades, as arrays of one length."""

    judges: tuple[NDArray[np.float64], NDArray[np.float64]]
    expert: NDArray[np.float64]
    folds: NDArray[np.intp]
    cases: NDArray[np.intp]


def ranks(cell: Cell) -> Iterator[Draw]:
    """Studies of the first judge's rank correlation; without effect it is 0."""
    draw, resampler = cell_rng(cell), CaseResampler(_N_RESAMPLES, cell.seed)
    strengths = (0.0, 0.0) if cell.effect == "none" else _STRENGTH["some"]
    truth = _true_correlations(cell.regime, strengths)[0]
    for number in range(cell.draws):
        data = _draw_study(cell.regime, strengths, cell.n_cases, draw)
        result = rank_correlation(data.judges[0], data.expert, data.folds, data.cases)
        findings = {
            "jackknife_t": finding_of(result.interval, result.p_value),
            **_bootstraps_of_every_fourth(number, partial(_rho, data, 0), resampler, cell.n_cases),
        }
        yield Draw(result.point, truth, findings, cell.n_cases)


def rank_differences(cell: Cell) -> Iterator[Draw]:
    """Studies of the difference of two judges' rank correlations, and of its two tests."""
    draw, resampler = cell_rng(cell), CaseResampler(_N_RESAMPLES, cell.seed)
    strengths = _STRENGTH[cell.effect]
    first, second = _true_correlations(cell.regime, strengths)
    truth = first - second if cell.effect == "some" else 0.0
    for number in range(cell.draws):
        data = _draw_study(cell.regime, strengths, cell.n_cases, draw)
        gap = rank_difference(data.judges, data.expert, data.folds, data.cases)
        findings = {
            "jackknife_t": finding_of(gap.interval, gap.p_value),
            **_bootstraps_of_every_fourth(
                number, partial(_rho_difference, data), resampler, cell.n_cases
            ),
            **({} if number % 4 else {"swap": _swap_test(cell, data, number)}),
        }
        yield Draw(gap.point, truth, findings, cell.n_cases)


def _rho(data: _SimulatedStudy, judge: int, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    row_weights = weights[:, data.cases]
    return spearman_within_folds(data.judges[judge], data.expert, data.folds, row_weights)


def _rho_difference(data: _SimulatedStudy, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    gap: NDArray[np.float64] = _rho(data, 0, weights) - _rho(data, 1, weights)
    return gap


def _bootstraps_of_every_fourth(
    number: int, statistic: Statistic, resampler: CaseResampler, n_cases: int
) -> dict[str, Finding]:
    """The bootstraps, which cost most of the time, in one study of four."""
    return {} if number % 4 else bootstrap_findings(statistic, resampler, n_cases)


def _swap_test(cell: Cell, data: _SimulatedStudy, number: int) -> Finding:
    p_value = swap_spearman_test(
        data.judges, data.expert, data.folds, data.cases, n_exchanges=_N_SWAPS,
        names=(cell.name, number),
    )  # fmt: skip
    return Finding(np.nan, np.nan, p_value)


def _draw_study(
    regime: str, strengths: tuple[float, float], n_cases: int, draw: np.random.Generator
) -> _SimulatedStudy:
    """A latent quality with a share of its case; experts cut it in three, judges see it blurred."""
    sizes = draw_case_sizes(n_cases, draw, unequal=regime == "unequal_cases")
    cases = np.repeat(np.arange(n_cases), sizes)
    folds = cases % N_FOLDS
    quality, shared, *noises = (_correlated_normal(cases, draw) for _ in range(4))
    # Both judges see the same quality and share of the case, each with noise of its own.
    judges = []
    for strength, noise, change in zip(strengths, noises, (0.0, 1.0), strict=True):
        value = strength * quality + 0.6 * shared + 0.8 * noise
        if regime == "level_shift":
            # Level and spread differ by fold, which within-fold ranks must not notice.
            value = np.exp(-2 * change) * value + 3 * change * (1 + folds)
        if regime == "grades_only":
            value = np.digitize(value, TERCILES).astype(float)
        judges.append(value)
    # 0, 1 or 2: only the order of the grades matters here.
    expert = np.digitize(quality + 0.3 * draw.normal(size=len(cases)), TERCILES)
    return _SimulatedStudy((judges[0], judges[1]), expert.astype(float), folds, cases)


def _correlated_normal(cases: NDArray[np.intp], draw: np.random.Generator) -> NDArray[np.float64]:
    """Standard normal values with a correlation of 0.3 within cases."""
    shared = draw.normal(size=cases.max() + 1)[cases]
    values: NDArray[np.float64] = np.sqrt(0.3) * shared + np.sqrt(0.7) * draw.normal(
        size=len(cases)
    )
    return values


@lru_cache(maxsize=32)
def _true_correlations(regime: str, strengths: tuple[float, float]) -> tuple[float, float]:
    """Rank correlations of both judges in one very large fold."""
    from scipy.stats import spearmanr

    draw = generator(0, "certify", "truth", regime, strengths)
    data = _draw_study(regime, strengths, _TRUTH_CASES, draw)
    # One fold: pooled, the level shift between folds would count.
    first_fold = data.folds == 0
    rho = [
        float(spearmanr(judge[first_fold], data.expert[first_fold]).statistic)
        for judge in data.judges
    ]
    # Unrelated judges: known exactly, so not simulated.
    return (0.0, 0.0) if strengths == (0.0, 0.0) else (rho[0], rho[1])
