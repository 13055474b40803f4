import math

import numpy as np
import pytest
from scipy.stats import nct, t

from memalign_bench.stats.clusters import CaseMean, case_mean
from memalign_bench.stats.planning.power import cases_needed, detectable_improvement

SPREAD = CaseMean(0.1, 0.2, 24.0, 25)  # standard deviation over cases 1


def power_of(effect: float, n: int, level: float) -> float:
    reach, shift = t.ppf(1 - level / 2, n - 1), effect * math.sqrt(n)
    return float(nct.sf(reach, n - 1, shift) + nct.cdf(-reach, n - 1, shift))


@pytest.mark.parametrize("family", [1, 9])
def test_the_detectable_improvement_has_the_power_asked_for(family: int) -> None:
    found = detectable_improvement(SPREAD, family=family)
    assert power_of(found, 25, 0.05 / family) == pytest.approx(0.8, abs=1e-5)
    assert detectable_improvement(SPREAD, family=family, n_items=50) == found + 3 / 50


def test_the_first_step_of_holm_finds_less() -> None:
    assert detectable_improvement(SPREAD, family=9) > 1.25 * detectable_improvement(SPREAD)


def test_cases_needed_is_the_smallest_number_with_that_power() -> None:
    n = cases_needed(0.5, SPREAD)
    assert n == 34  # the textbook's for a paired t-test of half a standard deviation
    assert power_of(0.5, 34, 0.05) >= 0.8 > power_of(0.5, 33, 0.05)
    assert cases_needed(-0.5, SPREAD) == n
    assert cases_needed(detectable_improvement(SPREAD), SPREAD) == pytest.approx(25, abs=1)
    assert cases_needed(5.0, SPREAD) <= 4


def test_simulated_power_is_the_power_told() -> None:
    draw = np.random.default_rng(0)
    gains = draw.normal(0, 0.7, (4000, 20))
    found = detectable_improvement(case_mean(gains[0], np.arange(20)))
    found *= 0.7 / case_mean(gains[0], np.arange(20)).spread
    scores = (gains + found).mean(axis=1) / gains.std(axis=1, ddof=1) * math.sqrt(20)
    assert np.mean(np.abs(scores) > t.ppf(0.975, 19)) == pytest.approx(0.8, abs=0.03)


def test_without_spread_nothing_is_promised() -> None:
    flat = case_mean([0, 0, 0], [0, 1, 2])
    assert math.isnan(detectable_improvement(flat))
    assert math.isnan(cases_needed(0.1, flat))
    with pytest.raises(ValueError, match="target must be other than 0"):
        cases_needed(0, SPREAD)


@pytest.mark.parametrize("family", [1, 9, 72])
def test_more_cases_always_find_less(family: int) -> None:
    found = [
        detectable_improvement(CaseMean(0.1, 1 / math.sqrt(n), n - 1.0, n), family=family)
        for n in range(12, 261)
    ]
    assert np.isfinite(found).all()
    reached = found[8:]  # from 20 cases on the level itself is reached
    assert (np.diff(reached) < 0).all()
