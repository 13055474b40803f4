import itertools
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import bootstrap

from memalign_bench.stats.resampling.bootstrap import (
    CaseResampler,
    bootstrap_interval,
    bootstrap_test,
    cluster_mean,
    jackknife_weights,
    resample_weights,
)

# Three cases of two, one and three rows.
VALUES = np.array([0.0, 2.0, 1.0, 0.0, 1.0, 2.0])
CASES = np.array([0, 0, 1, 2, 2, 2])


def all_draws() -> np.ndarray:
    """The 27 equally likely resamples of three cases, as drawn indices."""
    return np.array(list(itertools.product(range(3), repeat=3)))


def as_weights(draws: np.ndarray) -> np.ndarray:
    return np.stack([np.bincount(draw, minlength=draws.shape[1]) for draw in draws]).astype(float)


def test_all_27_resamples_of_three_cases_by_hand() -> None:
    means = cluster_mean(VALUES, CASES, as_weights(all_draws()))
    for draw, mean in zip(all_draws(), means, strict=True):
        rows = np.concatenate([VALUES[case == CASES] for case in draw])
        assert mean == pytest.approx(rows.mean())
    assert means[0] == 1.0  # the first case three times: (0+2)/2


def test_drawn_resamples_have_the_frequencies_of_the_27() -> None:
    weights = resample_weights(3, 100_000, 0)
    assert (weights.sum(axis=1) == 3).all()
    kinds, counts = np.unique(weights, axis=0, return_counts=True)
    expected, ways = np.unique(as_weights(all_draws()), axis=0, return_counts=True)
    np.testing.assert_array_equal(kinds, expected)
    np.testing.assert_allclose(counts / 100_000, ways / 27, atol=0.005)


def test_percentile_ends_are_those_of_the_full_enumeration() -> None:
    values, cases = np.array([0.0, 1.0, 10.0]), np.arange(3)
    enumerated = cluster_mean(values, cases, as_weights(all_draws()))
    # 1 of 27 resamples is 0,0,0 and 1 is 10,10,10: each holds 3.7 % and so the outer 2.5 %.
    assert np.quantile(enumerated, [0.025, 0.975], method="inverted_cdf").tolist() == [0, 10]
    estimate = CaseResampler(10_000, seed=1).estimate(
        lambda w: cluster_mean(values, cases, w), ["a", "b", "c"], method="percentile"
    )
    assert estimate.point == pytest.approx(11 / 3)
    assert estimate.interval == (0, 10, "percentile", "")
    inner = bootstrap_interval(estimate.point, enumerated, level=0.8)
    drawn = bootstrap_interval(
        estimate.point,
        cluster_mean(values, cases, resample_weights(3, 200_000, 0)),
        level=0.8,
    )
    # 4 of 27 are at most 1/3 (0,0,0 and three of 0,0,1), 7 at most 2/3: 10 % ends at 1/3.
    assert (inner.low, drawn.low) == (pytest.approx(1 / 3), pytest.approx(1 / 3))
    assert (inner.high, drawn.high) == (pytest.approx(7), pytest.approx(7))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("method", ["percentile", "bca"])
def test_interval_equals_scipy_on_the_same_resamples(seed: int, method: str) -> None:
    draw = np.random.default_rng(seed)
    n_cases = 12
    cases = np.repeat(np.arange(n_cases), draw.integers(1, 4, n_cases))
    errors = draw.integers(0, 3, len(cases)).astype(float)

    def scipy_statistic(drawn: np.ndarray, axis: int = -1) -> np.ndarray:
        weights = (drawn[..., None] == np.arange(n_cases)).sum(axis=-2)
        flat = cluster_mean(errors, cases, weights.reshape(-1, n_cases))
        return flat.reshape(weights.shape[:-1])

    resampled = cluster_mean(errors, cases, resample_weights(n_cases, 2_000, seed))
    theirs = bootstrap(
        (np.arange(n_cases),),
        scipy_statistic,
        n_resamples=0,
        method=method,
        bootstrap_result=SimpleNamespace(bootstrap_distribution=resampled),
    ).confidence_interval
    point = cluster_mean(errors, cases, np.ones((1, n_cases)))[0]
    left_out = cluster_mean(errors, cases, jackknife_weights(n_cases))
    ours = bootstrap_interval(point, resampled, left_out if method == "bca" else None)
    assert ours.method == method
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=1e-9)


def test_interval_agrees_with_a_bootstrap_that_is_scipys_alone() -> None:
    draw = np.random.default_rng(0)
    errors = draw.gamma(1.0, size=20)
    theirs = bootstrap(
        (errors,), np.mean, n_resamples=20_000, method="bca", rng=draw
    ).confidence_interval
    ours = CaseResampler(20_000).estimate(
        lambda w: cluster_mean(errors, np.arange(20), w), [str(n) for n in range(20)]
    )
    assert (ours.interval.low, ours.interval.high) == pytest.approx(tuple(theirs), abs=0.05)


def test_equal_values_give_a_point_and_say_so() -> None:
    estimate = CaseResampler(100).estimate(
        lambda w: cluster_mean([0.1] * 6, CASES, w), ["a", "b", "c"]
    )
    assert estimate.interval[:2] == pytest.approx((0.1, 0.1))
    assert estimate.interval.method == "percentile"
    assert estimate.interval.note == "zero variance"


@pytest.mark.parametrize(
    ("point", "jackknife"),
    [
        (9.0, [1.0, 2.0, 3.0]),  # beyond every resample: infinite bias correction
        (1.0, [2.0, 2.0, 2.0]),  # no case matters: no acceleration
        (1.0, [2.0, np.nan, 1.0]),  # undefined without one case
    ],
)
def test_degenerate_bca_falls_back_and_says_so(point: float, jackknife: list[float]) -> None:
    resampled = np.linspace(0, 2, 101)
    interval = bootstrap_interval(point, resampled, jackknife)
    assert interval.method == "percentile"
    assert interval.note == "BCa degenerate, percentile interval"
    assert (interval.low, interval.high) == pytest.approx((0.05, 1.95))


def test_undefined_resamples_are_left_out_and_counted() -> None:
    resampled = np.append(np.linspace(0, 1, 90), [np.nan] * 10)
    interval = bootstrap_interval(0.5, resampled)
    assert interval.note == "undefined in 10.0% of resamples, left out"
    assert interval.low == pytest.approx(0.025)
    nothing = bootstrap_interval(np.nan, resampled)
    assert nothing.method == "none"
    assert np.isnan(nothing.low)


def test_resamples_are_shared_and_hang_on_seed_and_cases_only() -> None:
    one, other = CaseResampler(50, seed=3), CaseResampler(50, seed=3)
    cases = ["a", "b", "c", "d"]
    assert one.weights(cases) is one.weights(list(cases))
    np.testing.assert_array_equal(one.weights(cases), other.weights(cases))
    assert (one.weights(cases) != one.weights(["a", "b", "c", "e"])).any()
    assert (one.weights(cases) != CaseResampler(50, seed=4).weights(cases)).any()


def test_a_shared_resample_makes_equal_judges_differ_by_nothing() -> None:
    resampler, cases = CaseResampler(200), ["a", "b", "c"]
    first = cluster_mean(VALUES, CASES, resampler.weights(cases))
    second = cluster_mean(VALUES + 1, CASES, resampler.weights(cases))
    np.testing.assert_allclose(second - first, 1)


def test_chunks_do_not_change_an_estimate(monkeypatch: pytest.MonkeyPatch) -> None:
    def estimate() -> object:
        return CaseResampler(100).estimate(
            lambda w: cluster_mean(VALUES, CASES, w), ["a", "b", "c"]
        )

    whole = estimate()
    monkeypatch.setattr("memalign_bench.stats.resampling.bootstrap._CHUNK", 20)
    assert estimate() == whole


def test_a_resample_without_rows_is_undefined() -> None:
    assert np.isnan(cluster_mean([1.0], [0], [[0.0, 2.0]])[0])


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.sampled_from([-1.0, -0.1, 0.0, 0.1, 0.5, np.nan]), min_size=1, max_size=300),
    st.sampled_from([0.8, 0.9, 0.95]),
)
def test_a_percentile_interval_leaves_out_0_just_where_its_p_says_so(drawn, level) -> None:
    interval, p_value = bootstrap_test(drawn, level)
    if interval.method == "none":
        assert "too few" in interval.note
        assert np.isnan(p_value)
    else:
        assert (interval.low <= 0 <= interval.high) == (p_value > round(1 - level, 12))


def test_its_ends_are_those_of_the_percentile_interval() -> None:
    drawn = np.random.default_rng(0).normal(0.3, 1, 9_999)
    ours, theirs = bootstrap_test(drawn).interval, bootstrap_interval(0.3, drawn)
    np.testing.assert_allclose(ours[:2], theirs[:2], atol=0.01)
    assert bootstrap_test(drawn).p_value == pytest.approx(2 * np.mean(drawn <= 0), abs=0.001)
