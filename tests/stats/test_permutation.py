import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import permutation_test, spearmanr

from memalign_bench.stats.rank import spearman_within_folds
from memalign_bench.stats.resampling.permutation import swap_spearman_test


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_swaps_equal_a_plain_loop_over_all_exchanges(seed: int) -> None:
    draw = np.random.default_rng(seed)
    cases = np.repeat(np.arange(6), 2)
    folds = cases // 2
    expert = draw.integers(1, 4, 12)
    one, two = draw.integers(1, 4, 12).astype(float), draw.integers(1, 4, 12).astype(float)
    p_value = swap_spearman_test((one, two), expert, folds, cases)

    def gap(swap: np.ndarray) -> float:
        first, second = np.where(swap, two, one), np.where(swap, one, two)
        rho = [spearman_within_folds(side, expert, folds)[0] for side in (first, second)]
        return 0.0 if np.isnan(rho[0]) else rho[0] - rho[1]

    gaps = [gap((number >> cases) % 2 == 1) for number in range(2**6)]
    assert p_value == pytest.approx(np.mean(np.abs(gaps) >= abs(gaps[0]) - 1e-9))


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
    assert ours == pytest.approx(theirs.pvalue)


def test_sampled_swaps_are_near_the_exact_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    draw = np.random.default_rng(1)
    cases = np.arange(12)
    expert, folds = draw.integers(1, 4, 12), cases % 2
    pair = (draw.random(12) + expert, draw.random(12))
    exact = swap_spearman_test(pair, expert, folds, cases)
    monkeypatch.setattr("memalign_bench.stats.resampling.permutation.MAX_EXACT", 3)
    sampled = swap_spearman_test(pair, expert, folds, cases, n_exchanges=20_000)
    assert sampled != exact
    assert sampled == pytest.approx(exact, abs=0.01)


def test_an_expert_without_order_decides_nothing() -> None:
    assert swap_spearman_test(([1, 2, 3], [3, 2, 1]), [2, 2, 2], [0, 0, 0], [0, 1, 2]) == 1.0


def test_a_sampled_p_is_never_zero() -> None:
    """Of 40 cases that one judge alone ranks rightly no drawn exchange differs as much."""
    expert = np.arange(40)
    pair = (expert, expert[::-1])
    assert swap_spearman_test(pair, expert, np.zeros(40), np.arange(40)) == 1 / 10_001
