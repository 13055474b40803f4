import math

import numpy as np
import pytest
from scipy.optimize import fsolve

from memalign_bench.stats.planning.support import support_of
from memalign_bench.stats.resampling.sign_flips import sign_flips, sign_sets

SPREADS = (0.46, 0.8)


def test_hand_computed():
    found = support_of([1, 3, 2, 2, 3, 3], ["a", "a", "b", "b", "c", "c"], SPREADS)
    # The lower median is 2: errors 1, 1, 0, 0, 1, 1.
    assert (found.n_items, found.n_cases) == (6, 3)
    assert found.median_mae == pytest.approx(4 / 6)
    assert found.smallest_p == 0.25


def test_the_smallest_p_is_that_of_the_sign_flip_test():
    cases = [f"c{n}" for n in range(7)]
    flips = sign_flips(np.ones(7), cases)
    found = support_of(np.arange(1, 8), cases, SPREADS)
    assert found.smallest_p == flips.smallest_p == flips.p_value()


GAINS = np.arange(-2, 2.01, 0.5)
"""Mean gains of cases of two items, in whole grades each."""


def lumpy(mean, spread, unchanged):
    """Chances of `GAINS`: a share of zeros, and a discretised normal of this mean and spread."""
    some = GAINS[GAINS != 0]
    wanted = np.array([mean, spread**2 + mean**2]) / (1 - unchanged)

    def weights(tilt):
        raw = np.exp(tilt[0] * some + tilt[1] * some**2)
        return raw / raw.sum()

    tilt, _, worked, _ = fsolve(
        lambda t: [weights(t) @ some - wanted[0], weights(t) @ some**2 - wanted[1]],
        [0, 0],
        full_output=True,
    )
    assert worked == 1
    chances = np.full(len(GAINS), unchanged)
    chances[GAINS != 0] = (1 - unchanged) * weights(tilt)
    return chances


@pytest.mark.parametrize(
    ("n_cases", "family", "unchanged", "spread"),
    [(12, 1, 0.1, 0.46), (16, 1, 0.3, 0.8), (25, 1, 0.1, 0.8), (25, 1, 0.3, 0.46),
     (25, 9, 0.1, 0.8), (25, 9, 0.3, 0.46), (50, 9, 0.1, 0.46), (50, 9, 0.3, 0.8)],
)  # fmt: skip
def test_what_is_detectable_is_found_in_four_studies_of_five(n_cases, family, unchanged, spread):
    cases = np.repeat(np.arange(n_cases), 2)
    grades = np.resize([1, 2, 3], 2 * n_cases)
    found = support_of(grades, cases, (spread, spread), family)
    gain = (found.detectable_first if family > 1 else found.detectable)[0]
    draw, studies = np.random.default_rng(n_cases), 1000
    gains = draw.choice(GAINS, p=lumpy(gain, spread, unchanged), size=(studies, n_cases))
    signs = 1 - 2 * sign_sets(np.ones(n_cases, dtype=bool), 0, 2000)  # a case's sign, all cases
    reached = np.abs(gains @ signs.T).round(9)
    p_values = (reached >= reached[:, :1]).mean(axis=1)
    theirs = sign_flips(gains[0], np.arange(n_cases), n_flips=2000).p_value()
    assert p_values[0] == pytest.approx(theirs, abs=0.02)
    power = np.mean(p_values <= 0.05 / family)
    assert power > 0.8 - 2 * math.sqrt(0.8 * 0.2 / studies)
    assert power < 0.95  # cautious, not idle


def test_a_stricter_level_and_a_larger_spread_need_more():
    cases = np.arange(25)
    found = support_of(np.resize([1, 2, 3], 25), cases, SPREADS, family=9)
    assert found.detectable[0] < found.detectable[1] < found.detectable_first[1]
    assert found.detectable[0] < found.detectable_first[0]


@pytest.mark.parametrize(
    ("n_cases", "family", "told"), [(11, 1, False), (12, 1, True), (16, 9, False), (18, 9, True)]
)
def test_levels_that_half_of_the_cases_cannot_reach_promise_nothing(n_cases, family, told):
    found = support_of(np.resize([1, 2, 3], n_cases), np.arange(n_cases), SPREADS, family)
    assert all(math.isnan(end) != told for end in found.detectable_first)


def test_one_case_can_show_nothing():
    found = support_of([1, 2], ["a", "a"], SPREADS)
    assert found.smallest_p == 1.0
    assert math.isnan(found.detectable[0])
    with pytest.raises(ValueError, match="no applicable item"):
        support_of([], [], SPREADS)
