import math

import numpy as np
import pytest
from statsmodels.stats.power import NormalIndPower

from memalign_bench.stats.permutation import sign_flip_test
from memalign_bench.stats.support import support_of


def test_hand_computed():
    found = support_of([1, 3, 2, 2, 3, 3], ["a", "a", "b", "b", "c", "c"])
    # The lower median is 2: errors 1, 1, 0, 0, 1, 1.
    assert (found.n_items, found.n_cases) == (6, 3)
    assert found.median_mae == pytest.approx(4 / 6)
    assert found.smallest_p == 0.25


def test_the_smallest_p_is_that_of_the_permutation_test():
    cases = [f"c{n}" for n in range(7)]
    test = sign_flip_test(np.ones(7), cases)
    assert support_of(np.arange(1, 8), cases).smallest_p == test.smallest_p == test.p_value


def test_detectable_agrees_with_statsmodels():
    rng = np.random.default_rng(3)
    grades, cases = rng.integers(1, 4, 40), np.repeat(np.arange(20), 2)
    middle = np.sort(grades)[19]
    means = np.abs(grades - middle).reshape(20, 2).mean(axis=1)
    spread = means.std(ddof=1) * math.sqrt(2)
    effect = NormalIndPower().solve_power(nobs1=20, ratio=0, alpha=0.05, power=0.8)
    assert support_of(grades, cases).detectable == pytest.approx(effect * spread, rel=1e-3)


def test_one_case_can_show_nothing():
    found = support_of([1, 2], ["a", "a"])
    assert found.smallest_p == 1.0
    assert math.isnan(found.detectable)
    with pytest.raises(ValueError, match="no applicable item"):
        support_of([], [])
