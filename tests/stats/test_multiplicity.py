import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from memalign_bench.stats.multiplicity import holm


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


def test_equals_statsmodels_ties_included() -> None:
    rng = np.random.default_rng(1)
    for size in range(1, 10):
        p_values = rng.integers(0, 6, size) / 5
        expected = multipletests(p_values, method="holm")[1]
        np.testing.assert_allclose(holm(p_values), expected, atol=1e-12)
