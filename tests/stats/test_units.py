"""Random groups of cases, where cases are too many to be resampled one by one."""

import numpy as np
import pytest

from memalign_bench.stats.clusters import case_mean
from memalign_bench.stats.resampling.bootstrap import cluster_mean
from memalign_bench.stats.resampling.jackknife import jackknife_t
from memalign_bench.stats.resampling.sign_flips import sign_flips
from memalign_bench.stats.resampling.units import MOST_UNITS, resampling_units


def drawn(n_cases, seed=0):
    """Two rows a case that have something in common."""
    rng = np.random.default_rng(seed)
    cases = np.repeat([f"case {at}" for at in range(n_cases)], 2)
    return cases, np.repeat(rng.normal(0.1, 1, n_cases), 2) + rng.normal(0, 0.5, 2 * n_cases)


def test_groups_tell_the_spread_that_cases_tell():
    cases, values = drawn(6_000)
    units = resampling_units(cases)
    assert len(set(units)) > 0.98 * MOST_UNITS
    names, codes = np.unique(units, return_inverse=True)
    single, grouped = case_mean(values, cases), case_mean(values, units)
    assert grouped.mean == pytest.approx(single.mean)
    assert grouped.error == pytest.approx(single.error, rel=0.07)
    jackknife = jackknife_t(lambda weights: cluster_mean(values, codes, weights), len(names))
    assert jackknife.error == pytest.approx(single.error, rel=0.07)
    flips = sign_flips(values, units).interval()
    assert flips.high - flips.low == pytest.approx(2 * 1.96 * single.error, rel=0.1)


def test_rows_of_a_case_stay_together_and_parts_of_a_study_agree():
    cases, _ = drawn(3_000)
    units = resampling_units(cases)
    assert np.array_equal(units[::2], units[1::2])
    part = resampling_units(cases[:200], n_cases=3_000)
    assert np.array_equal(part, units[:200])
    assert np.array_equal(resampling_units(cases[:200]), cases[:200])


def test_the_trace_of_the_variance_form_is_that_of_the_matrix():
    rng = np.random.default_rng(0)
    cases = np.repeat(np.arange(9), rng.integers(1, 6, size=9))
    share = np.bincount(cases) / len(cases)
    lift = share / np.sqrt(1 - share)
    form = -np.outer(lift, lift)
    np.fill_diagonal(form, share)
    found = case_mean(rng.normal(size=len(cases)), cases)
    assert found.freedom == pytest.approx(np.trace(form) ** 2 / np.sum(form**2))
