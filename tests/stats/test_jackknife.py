import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr, ttest_1samp

from memalign_bench.stats.resampling.bootstrap import cluster_mean
from memalign_bench.stats.resampling.jackknife import (
    jackknife_t,
    rank_correlation,
    rank_difference,
)
from memalign_bench.stats.resampling.permutation import swap_spearman_test


def test_of_a_mean_of_equal_cases_it_is_the_one_sample_t() -> None:
    draw = np.random.default_rng(0)
    values, codes = draw.normal(0.5, 1, 20), np.repeat(np.arange(10), 2)
    found = jackknife_t(lambda w: cluster_mean(values, codes, w), 10)
    means = values.reshape(10, 2).mean(axis=1)
    theirs = ttest_1samp(means, 0)
    assert found.p_value == pytest.approx(theirs.pvalue)
    np.testing.assert_allclose(found.interval[:2], theirs.confidence_interval())


def test_rank_correlation_by_a_plain_loop_over_left_out_cases() -> None:
    draw = np.random.default_rng(1)
    cases = np.repeat(np.arange(8), 2)
    expert = draw.integers(1, 4, 16)
    judge = expert + draw.normal(size=16)
    found = rank_correlation(judge, expert, np.zeros(16), cases)
    without = [spearmanr(judge[cases != c], expert[cases != c]).statistic for c in range(8)]
    error = np.sqrt(7 / 8 * np.sum((without - np.mean(without)) ** 2))
    assert found.point == pytest.approx(spearmanr(judge, expert).statistic)
    assert found.error == pytest.approx(error)
    assert found.interval.method == "jackknife-t"
    assert -1 <= found.interval.low < found.point < found.interval.high <= 1


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.floats(0, 3), st.sampled_from([0.8, 0.95]))
def test_interval_and_p_agree_on_0(seed: int, effect: float, level: float) -> None:
    draw = np.random.default_rng(seed)
    cases, expert = np.arange(12), draw.integers(1, 4, 12)
    judges = expert * effect + draw.normal(size=12), draw.normal(size=12)
    for found in (
        rank_difference(judges, expert, cases % 2, cases, level),
        rank_correlation(judges[0], expert, cases % 2, cases, level),
    ):
        if found.interval.method != "none":  # judges that rank alike differ by 0, for certain
            low, high, *_ = found.interval
            assert (low <= 0 <= high) == (found.p_value > 1 - level)


def test_another_level_and_spread_change_nothing_where_the_swap_test_is_lost() -> None:
    draw = np.random.default_rng(3)
    cases, expert = np.arange(40), draw.integers(1, 4, 40).astype(float)
    good, poor = expert + draw.normal(size=40) * 0.5, draw.normal(size=40)
    same = rank_difference((good, poor), expert, cases % 4, cases)
    shifted = rank_difference((good * 0.01 + 50, poor), expert, cases % 4, cases)
    assert same.p_value < 0.005
    assert shifted == same
    swapped = swap_spearman_test((good * 0.01 + 50, poor), expert, cases % 4, cases)
    assert swapped > 5 * same.p_value


def test_what_has_no_spread_has_no_interval() -> None:
    expert, cases = [1, 2, 3, 1, 2, 3], np.arange(6)
    perfect = rank_correlation(expert, expert, np.zeros(6), cases)
    assert perfect.point == 1
    assert perfect.interval.note == "zero variance"
    assert np.isnan(perfect.p_value)
    same = rank_difference((expert, expert), expert, np.zeros(6), cases)
    assert (same.point, same.p_value) == (0.0, 1.0)
    flat = rank_correlation(expert, [2] * 6, np.zeros(6), cases)
    assert flat.interval.note == "statistic undefined"
    one = rank_correlation([1, 2], [1, 2], [0, 0], ["a", "a"])
    assert np.isnan(one.interval.low)


def test_cases_without_which_it_is_undefined_are_said() -> None:
    # Only the last case makes the expert's grades differ.
    found = rank_correlation([1, 2, 3, 2.5], [1, 1, 1, 2], np.zeros(4), np.arange(4))
    assert found.interval.note == "undefined without 1 of 4 cases"
