import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import permutation_test

from memalign_bench.stats.clusters import case_mean
from memalign_bench.stats.resampling.permutation import MAX_EXACT
from memalign_bench.stats.resampling.sign_flips import SignFlips, sign_flips

GAINS = st.lists(
    st.tuples(st.sampled_from([-2, -1, -0.1, 0, 0, 0, 0.1, 0.2, 1]), st.integers(0, 30)),
    min_size=1,
    max_size=60,
)


def flipped(gains: list[tuple[float, int]], **settings_: int) -> SignFlips:
    values, cases = zip(*gains, strict=True)
    return sign_flips(values, cases, **settings_)


def brute_force_p(values: np.ndarray, cases: np.ndarray, mean: float) -> float:
    """Share of all signings whose sum of residuals is at least as large as the one observed."""
    residuals = [np.sum((values - mean)[cases == case]) for case in np.unique(cases)]
    sums = [abs(np.dot(signs, residuals)) for signs in product([1, -1], repeat=len(residuals))]
    return float(np.mean(np.array(sums) >= sums[0] - 1e-9))


def test_three_cases_by_hand() -> None:
    # Sums 2, 1, 1 over sizes 2, 1, 1. Sets {}, {a}, {b}, {c} against the rest:
    # all, [1, 1], [1, 1], [1, 1]; only the set of no case reaches 0.
    flips = sign_flips([1, 1, 1, 1], ["a", "a", "b", "c"])
    assert flips.p_value() == 0.25
    assert flips.lows.tolist() == [-math.inf, 1, 1, 1]
    assert flips.interval(0.7)[:2] == (1, 1)
    assert flips.interval().note == "3 of 3 cases changed: too few to exclude any mean"
    assert flips.interval()[:2] == (-math.inf, math.inf)


@settings(max_examples=150, deadline=None)
@given(GAINS, st.sampled_from([0.8, 0.9, 0.95, 0.99]), st.sampled_from([99, 1000, 1999]))
def test_the_interval_leaves_out_0_just_where_p_is_at_most_alpha(gains, level, n_flips) -> None:
    flips = flipped(gains, n_flips=n_flips)
    low, high, *_ = flips.interval(level)
    assert (low <= 0 <= high) == (flips.p_value() > round(1 - level, 12))


@settings(max_examples=60, deadline=None)
@given(GAINS, st.sampled_from([0.8, 0.95]))
def test_every_mean_is_in_the_interval_just_where_its_own_p_says_so(gains, level) -> None:
    flips = flipped(gains, n_flips=500)
    low, high, *_ = flips.interval(level)
    for mean in (low, high, flips.mean, low - 1e-6, high + 1e-6, 0.1, -0.1):
        if math.isfinite(mean):
            assert (low <= mean <= high) == (flips.p_value(mean) > round(1 - level, 12))


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.integers(-2, 2), st.integers(0, 5)), min_size=1, max_size=12),
    st.sampled_from([-0.5, 0.0, 0.1, 1.0]),
)
def test_p_equals_all_signings_of_three_to_six_unequal_cases(gains, mean) -> None:
    values, cases = (np.array(column) for column in zip(*gains, strict=True))
    ours = sign_flips(values, cases).p_value(mean)
    assert ours == pytest.approx(brute_force_p(values, cases, mean))


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(-4, 4), min_size=2, max_size=9))
def test_p_equals_scipy(differences) -> None:
    theirs = permutation_test(
        (np.array(differences, dtype=float), np.zeros(len(differences))),
        lambda x, y, axis: (x - y).mean(axis=axis),
        permutation_type="samples",
        n_resamples=np.inf,
        vectorized=True,
    )
    ours = sign_flips(differences, np.arange(len(differences)))
    assert ours.p_value() == pytest.approx(theirs.pvalue)


@settings(max_examples=60, deadline=None)
@given(GAINS)
def test_p_is_the_exact_one_of_the_test_where_few_of_many_cases_changed(gains) -> None:
    values, cases = (np.array(column) for column in zip(*gains, strict=True))
    flips = sign_flips(values, cases, n_flips=64)
    sums = np.array([values[cases == case].sum() for case in np.unique(cases)])
    sums = sums[np.abs(sums) > 1e-9]
    assert flips.n_changed == len(sums)
    if len(sums) <= MAX_EXACT:
        # Cases that did not change keep their sum of 0 under either sign.
        signings = 1 - 2 * (np.arange(2 ** len(sums))[:, None] >> np.arange(len(sums)) & 1)
        p_value = np.mean(np.abs(signings @ sums) >= abs(sums.sum()) - 1e-9)
        assert flips.p_value() == pytest.approx(p_value)
        assert flips.smallest_p == min(1.0, 2.0 ** (1 - len(sums)))


def test_sampled_sets_are_near_all_sets() -> None:
    draw = np.random.default_rng(1)
    values, cases = draw.normal(0.5, 1, 28), np.repeat(np.arange(14), 2)
    exact = sign_flips(values, cases)
    sampled = sign_flips(values, cases, n_flips=40_000, max_exact=3)
    assert (len(exact.lows), len(sampled.lows)) == (2**13, 40_001)
    assert sampled.p_value() == pytest.approx(exact.p_value(), abs=0.005)
    np.testing.assert_allclose(sampled.interval()[:2], exact.interval()[:2], atol=0.03)
    again = sign_flips(values, cases, n_flips=40_000, max_exact=3)
    other = sign_flips(values, cases, n_flips=40_000, max_exact=3, seed=1)
    assert again.interval() == sampled.interval() != other.interval()


def test_many_unequal_cases_give_the_interval_of_cr2_with_satterthwaite() -> None:
    draw = np.random.default_rng(2)
    sizes = draw.integers(1, 12, 80)
    cases = np.repeat(np.arange(80), sizes)
    values = 0.3 + draw.normal(size=80)[cases] * 0.5 + draw.normal(size=len(cases))
    ours = sign_flips(values, cases).interval()
    theirs = case_mean(values, cases).interval()
    np.testing.assert_allclose(ours[:2], theirs[:2], atol=0.1 * (theirs.high - theirs.low))


def test_weights_stand_for_repeated_rows() -> None:
    values, cases = np.array([1.0, -1, 2, 0, 1]), np.array([0, 0, 1, 2, 3])
    times = np.array([1, 2, 3, 1, 2])
    weighted = sign_flips(values, cases, weights=times)
    repeated = sign_flips(np.repeat(values, times), np.repeat(cases, times))
    assert weighted.mean == repeated.mean
    np.testing.assert_array_equal(weighted.lows, repeated.lows)


@settings(max_examples=40, deadline=None)
@given(GAINS, st.integers(0, 99))
def test_the_order_of_rows_decides_nothing_and_gains_mirror_losses(gains, seed) -> None:
    order = np.random.default_rng(seed).permutation(len(gains))
    named = [(gains[at][0], gains[at][1] + 100) for at in order]
    assert flipped(named, n_flips=200).interval() == flipped(gains, n_flips=200).interval()
    mirrored = [(-value, case) for value, case in gains]
    low, high, *_ = flipped(gains, n_flips=200).interval()
    assert flipped(mirrored, n_flips=200).interval()[:2] == (-high, -low)


@settings(max_examples=60, deadline=None)
@given(GAINS, st.sampled_from([0.1, 0.5, 1.5]))
def test_equivalent_at_5_percent_is_a_90_percent_interval_inside_the_margin(gains, margin) -> None:
    flips = flipped(gains, n_flips=400)
    low, high, *_ = flips.interval(0.9)
    assert (flips.equivalence_p(margin) <= 0.05) == (-margin < low and high < margin)


def test_a_margin_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="margin must be above 0, got 0"):
        sign_flips([1, 2], [0, 1]).equivalence_p(0)


def test_one_case_and_no_row() -> None:
    alone = sign_flips([1.0, 2.0], ["a", "a"])
    assert (alone.p_value(), alone.smallest_p) == (1.0, 1.0)
    assert alone.interval().low == -math.inf
    with pytest.raises(ValueError, match="nothing can be compared"):
        sign_flips([], [])


def test_no_change_at_all_has_no_spread() -> None:
    flips = sign_flips(np.zeros(30), np.arange(30), n_flips=50)
    assert (flips.p_value(), flips.smallest_p, flips.n_changed) == (1.0, 1.0, 0)
    assert flips.interval() == (0, 0, "sign flips", "zero variance")
