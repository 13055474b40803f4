from functools import partial
from itertools import combinations, product

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from statsmodels.stats.multitest import multipletests

from memalign_bench.stats.multiplicity import benjamini_hochberg, holm, step_down_max_t
from memalign_bench.stats.resampling.sign_flips import sign_flips, sign_sets


def test_by_hand() -> None:
    np.testing.assert_allclose(holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02])


def test_an_empty_family_is_no_error() -> None:
    assert holm([]).size == 0


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=9))
def test_equals_the_step_down_definition(p_values: list[float]) -> None:
    order = np.argsort(p_values, kind="stable")
    running, expected = 0.0, np.empty(len(p_values))
    for step, index in enumerate(order):
        running = max(running, min(1.0, (len(p_values) - step) * p_values[index]))
        expected[index] = running
    np.testing.assert_allclose(holm(p_values), expected, atol=1e-12)
    oracle = multipletests(p_values, method="holm")[1]
    np.testing.assert_allclose(holm(p_values), oracle, atol=1e-12)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_q_values_equal_statsmodels(p_values):
    np.testing.assert_allclose(
        benjamini_hochberg(p_values), multipletests(p_values, method="fdr_bh")[1], atol=1e-12
    )
    assert benjamini_hochberg([]).size == 0


def closed_max_t(sums):
    """Every hypothesis by all subsets that hold it and all signings, with nothing cut short."""
    rows, cases = sums.shape
    scale = np.sqrt((sums**2).sum(axis=1))
    signs = np.array(list(product([1, -1], repeat=cases)))
    scores = np.abs(signs @ (sums / np.where(scale > 0, scale, 1.0)[:, None]).T)
    p_values = np.zeros(rows)
    for size in range(1, rows + 1):
        for subset in combinations(range(rows), size):
            largest = scores[:, subset].max(axis=1)
            p = np.mean(largest >= largest[0] - 1e-9)
            p_values[list(subset)] = np.maximum(p_values[list(subset)], p)
    return p_values


@settings(max_examples=60, deadline=None)
@given(arrays(int, st.tuples(st.integers(1, 4), st.integers(3, 6)), elements=st.integers(-3, 3)))
def test_step_down_max_t_equals_the_closed_test_over_all_flips(sums):
    np.testing.assert_allclose(step_down_max_t(sums), closed_max_t(sums.astype(float)))


def test_comparisons_that_hang_together_cost_less_than_holm_takes():
    draw = np.random.default_rng(0)
    shared = draw.normal(0.6, 1, 14)
    sums = np.stack([shared + 0.1 * draw.normal(size=14) for _ in range(5)])
    alone = [sign_flips(row, np.arange(14)).p_value() for row in sums]
    sharper = step_down_max_t(sums)
    assert (sharper <= holm(alone) + 1e-12).all()
    assert sharper.max() < 0.5 * holm(alone).max()
    np.testing.assert_allclose(step_down_max_t(sums[:1]), alone[:1])


def test_sampled_max_t_is_near_the_exact_one(monkeypatch):
    draw = np.random.default_rng(1)
    sums = draw.normal(0.4, 1, (3, 13))
    exact = step_down_max_t(sums)
    few = partial(sign_sets, max_exact=3)
    monkeypatch.setattr("memalign_bench.stats.multiplicity.sign_sets", few)
    np.testing.assert_allclose(step_down_max_t(sums, n_flips=40_000), exact, atol=0.01)


def test_what_rounding_leaves_is_no_difference():
    """On a scale of tenths two judges may be equally far off, but for the last bit."""
    last_bit = abs(0.3 - 0.1) - abs(0.5 - 0.3)
    assert last_bit != 0
    real = [1.0, 1.0, 1.0, 0.0, 1.0, -1.0, 1.0, 1.0]
    np.testing.assert_allclose(step_down_max_t([real, [last_bit] * 8]), [0.125, 1.0])
    assert step_down_max_t([[last_bit] * 8]).tolist() == [1.0]
