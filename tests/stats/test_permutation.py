import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import permutation_test, spearmanr

from memalign_bench.stats.rank import spearman_within_folds
from memalign_bench.stats.resampling.permutation import (
    MAX_EXACT,
    sign_flip_test,
    swap_spearman_test,
)


def test_three_cases_by_hand() -> None:
    # Sums by case 2, 1, 1: of the 8 signings only +++ and --- reach 4.
    test = sign_flip_test([1, 1, 1, 1], ["a", "a", "b", "c"])
    assert test == (0.25, 0.25, 8, True)
    # Sums 2, 1, -1: |total| of 2 is reached by all signings with total 2 or 4 in size: 6 of 8.
    assert sign_flip_test([2, 1, -1], ["a", "b", "c"]).p_value == 0.75


def test_a_case_that_does_not_differ_can_decide_nothing() -> None:
    test = sign_flip_test([1, 0, 1, -1], ["a", "b", "c", "c"])
    assert (test.p_value, test.smallest_p, test.n_exchanges) == (1.0, 1.0, 2)
    assert sign_flip_test([0, 0], ["a", "b"]) == (1.0, 1.0, 1, True)
    assert sign_flip_test([], []) == (1.0, 1.0, 1, True)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(-4, 4), min_size=2, max_size=9).filter(any))
def test_exact_p_equals_scipy(differences: list[int]) -> None:
    ours = sign_flip_test(differences, np.arange(len(differences)))
    theirs = permutation_test(
        (np.array(differences, dtype=float), np.zeros(len(differences))),
        lambda x, y, axis: (x - y).mean(axis=axis),
        permutation_type="samples",
        n_resamples=np.inf,
        vectorized=True,
    )
    assert ours.exact
    assert ours.p_value == pytest.approx(theirs.pvalue)


def test_sampled_p_is_near_the_exact_one_and_never_zero() -> None:
    draw = np.random.default_rng(0)
    differences = draw.normal(0.4, 1, MAX_EXACT + 4)
    sampled = sign_flip_test(differences, np.arange(len(differences)), n_exchanges=20_000)
    theirs = permutation_test(
        (differences, np.zeros_like(differences)),
        lambda x, y, axis: (x - y).mean(axis=axis),
        permutation_type="samples",
        n_resamples=50_000,
        vectorized=True,
        rng=draw,
    )
    assert not sampled.exact
    assert sampled.smallest_p == 1 / 20_001
    assert sampled.p_value == pytest.approx(theirs.pvalue, abs=0.01)
    assert sign_flip_test(np.ones(40), np.arange(40)).p_value == 1 / 10_001
    again = sign_flip_test(differences, np.arange(len(differences)), n_exchanges=20_000)
    assert again == sampled
    other = sign_flip_test(differences, np.arange(len(differences)), seed=1, n_exchanges=20_000)
    assert other.p_value != sampled.p_value


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_swaps_equal_a_plain_loop_over_all_exchanges(seed: int) -> None:
    draw = np.random.default_rng(seed)
    cases = np.repeat(np.arange(6), 2)
    folds = cases // 2
    expert = draw.integers(1, 4, 12)
    one, two = draw.integers(1, 4, 12).astype(float), draw.integers(1, 4, 12).astype(float)
    test = swap_spearman_test((one, two), expert, folds, cases)

    def gap(swap: np.ndarray) -> float:
        first, second = np.where(swap, two, one), np.where(swap, one, two)
        rho = [spearman_within_folds(side, expert, folds)[0] for side in (first, second)]
        return 0.0 if np.isnan(rho[0]) else rho[0] - rho[1]

    gaps = [gap((number >> cases) % 2 == 1) for number in range(2**6)]
    assert test.exact
    assert test.p_value == pytest.approx(np.mean(np.abs(gaps) >= abs(gaps[0]) - 1e-9))


def test_swaps_equal_scipy_where_each_item_is_a_case() -> None:
    expert = np.array([1, 1, 2, 2, 3, 3, 1, 3])
    one = np.array([1.0, 1.5, 2, 1.9, 3, 2.5, 1.2, 2.9])
    two = np.array([3.0, 1.4, 2.6, 1.3, 1.1, 2.2, 2.8, 1.7])
    ours = swap_spearman_test((one, two), expert, np.zeros(8), np.arange(8))
    theirs = permutation_test(
        (one, two),
        lambda x, y: spearmanr(x, expert).statistic - spearmanr(y, expert).statistic,
        permutation_type="samples",
        n_resamples=np.inf,
        vectorized=False,
    )
    assert ours.p_value == pytest.approx(theirs.pvalue)
    assert ours.smallest_p == 2 / 2**8


def test_sampled_swaps_are_near_the_exact_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    draw = np.random.default_rng(1)
    cases = np.arange(12)
    expert, folds = draw.integers(1, 4, 12), cases % 2
    pair = (draw.random(12) + expert, draw.random(12))
    exact = swap_spearman_test(pair, expert, folds, cases)
    monkeypatch.setattr("memalign_bench.stats.resampling.permutation.MAX_EXACT", 3)
    sampled = swap_spearman_test(pair, expert, folds, cases, n_exchanges=20_000)
    assert (exact.exact, sampled.exact) == (True, False)
    assert sampled.p_value == pytest.approx(exact.p_value, abs=0.01)


def test_an_expert_without_order_decides_nothing() -> None:
    test = swap_spearman_test(([1, 2, 3], [3, 2, 1]), [2, 2, 2], [0, 0, 0], [0, 1, 2])
    assert (test.p_value, test.smallest_p) == (1.0, 1.0)


def test_null_p_values_are_uniform_enough() -> None:
    draw = np.random.default_rng(5)
    p = [sign_flip_test(draw.normal(size=10), np.arange(10)).p_value for _ in range(400)]
    assert np.mean(np.array(p) <= 0.05) == pytest.approx(0.05, abs=0.03)
    assert np.mean(p) == pytest.approx(0.5, abs=0.05)
