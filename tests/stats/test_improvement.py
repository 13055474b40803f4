import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memalign_bench.stats.improvement import Improvement, paired_improvement
from memalign_bench.stats.planning.changes import changes, rule_of_three
from memalign_bench.stats.resampling.sign_flips import sign_flips

ROWS = st.lists(
    st.tuples(st.sampled_from([-2, -1, 0, 0, 0, 1, 2]), st.integers(0, 24)), min_size=1, max_size=60
)


def improvement(values, cases, level=0.95, n_flips=10_000) -> Improvement:
    flips = sign_flips(values, cases, n_flips=n_flips)
    found = changes(values, np.arange(len(values)), cases)
    return paired_improvement(flips, found, widest=2, level=level)


@settings(max_examples=150, deadline=None)
@given(ROWS, st.sampled_from([0.8, 0.95]))
def test_an_interval_that_is_there_agrees_with_p(rows, level) -> None:
    found = improvement(*zip(*rows, strict=True), level=level, n_flips=500)
    low, high, method, note = found.interval
    if method == "none":
        assert "differ alike" in note or note == "one case"
    else:
        assert -2 <= low <= found.mean <= high <= 2
        assert low < high or abs(found.mean) == 2
        assert (low <= 0 <= high) == (found.p_value > round(1 - level, 12))


def test_no_change_has_the_rule_of_three_and_says_how_much_changed() -> None:
    found = improvement(np.zeros(50), np.repeat(np.arange(25), 2))
    assert found.interval == rule_of_three(0.0, 25, (-2.0, 2.0))
    assert found.p_value == 1
    assert str(found.changes) == "0 of 50 items changed, in 0 of 25 cases"


def test_all_alike_is_bounded_or_said() -> None:
    found = improvement(np.ones(25), np.arange(25))
    assert 0.6 < found.interval.low < 1 < found.interval.high < 1.2
    # Six cases reach p = .031, and the rule of three would still hold 0: no interval.
    few = improvement(np.ones(6), np.arange(6))
    assert few.p_value == 2**-5
    assert few.interval.note == "all 6 cases differ alike: no spread to take an interval from"
    assert improvement(np.ones(3), np.arange(3)).interval.method == "rule of three"


def test_no_change_in_few_cases_is_no_equivalence() -> None:
    few, many = (improvement(np.zeros(n), np.arange(n)) for n in (12, 200))
    assert few.equivalence_p(0.1) == pytest.approx(0.95**12)
    assert many.equivalence_p(0.1) < 0.001
    # It agrees with the one-sided rule of three: 59 cases rule out a share of 5 %, 58 do not.
    assert improvement(np.zeros(59), np.arange(59)).equivalence_p(0.1) < 0.05
    assert improvement(np.zeros(58), np.arange(58)).equivalence_p(0.1) > 0.05
    assert improvement(np.ones(30), np.arange(30)).equivalence_p(0.1) > 0.5
    assert improvement(np.zeros(3), np.arange(3)).equivalence_p(5) < 0.5


def test_equivalence_with_spread_is_that_of_the_flips() -> None:
    values = np.tile([0.5, -0.5, 0, 0], 10)
    found = improvement(values, np.arange(40))
    assert found.equivalence_p(0.3) == found.flips.equivalence_p(0.3) < 0.05
    assert found.equivalence_p(0.05) > 0.05


def test_what_cannot_leave_the_scale_is_cut_there() -> None:
    found = improvement([2, 1, 2], [0, 1, 2])
    assert found.interval[:2] == (-2, 2)
    assert "too few to exclude any mean" in found.interval.note
