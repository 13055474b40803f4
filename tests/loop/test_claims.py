"""What a judge's grades let one claim: against `ppi-python`, by hand, and by simulation."""

import numpy as np
import pytest
from tests.loop.scored_runs import BLIND, HALF, RIGHT, labels

from memalign_bench.loop.claims.labelled import LabelledSample
from memalign_bench.loop.claims.ppi import powered_mean
from memalign_bench.loop.claims.response import (
    FAITHFUL,
    CarriedDifference,
    fit_response,
    response_mean,
)
from memalign_bench.stats.improvement import paired_improvement
from memalign_bench.stats.planning.changes import changes, rule_of_three
from memalign_bench.stats.resampling.sign_flips import sign_flips

EXPERT = "3111133211122211331122322222133331122331"
JUDGE = "3112222112121212321222212223223321131331"


def _digits(text):
    return np.array([int(one) for one in text], dtype=float)


UNLABELLED = np.tile([1.0, 2.0, 3.0, 3.0, 2.0], 12)

ORACLE = {  # ppi-python 0.2.3, ppi_mean_ci(EXPERT, JUDGE, UNLABELLED, alpha=0.05, lam=...)
    0.0: (1.67145629, 2.17854371),
    0.4: (1.83193657, 2.27806343),
    1.0: (1.96923331, 2.53076669),
}
TUNED = 2.04990516  # its point with lam=None


def _sample():
    f, y = _digits(JUDGE), _digits(EXPERT)
    return LabelledSample(f, y, np.arange(len(f)).astype(str), len(f))


@pytest.mark.parametrize("weight", [*ORACLE])
def test_the_powered_mean_is_that_of_ppi_python(weight):
    found = powered_mean(UNLABELLED, np.arange(60), _sample(), weight)
    low, high = ORACLE[weight]
    assert found.mean == pytest.approx((low + high) / 2, abs=1e-6)
    # It divides by n where a cluster-robust variance of single items divides by n - 1.
    assert found.error == pytest.approx((high - low) / 2 / 1.959964, rel=0.02)


def test_power_tuning_finds_nearly_the_weight_of_ppi_python():
    """It pools both samples for the variance of the judge's grades; here each has its own."""
    found = powered_mean(UNLABELLED, np.arange(60), _sample())
    assert found.mean == pytest.approx(TUNED, abs=0.02)
    others = [powered_mean(UNLABELLED, np.arange(60), _sample(), w).error for w in (0.0, 1.0)]
    assert found.error < min(others)


def test_items_of_a_case_are_no_independent_items():
    doubled = LabelledSample(
        np.repeat(_digits(JUDGE), 2), np.repeat(_digits(EXPERT), 2),
        np.repeat(np.arange(40), 2).astype(str), 80,
    )  # fmt: skip
    once = powered_mean(UNLABELLED, np.arange(60), _sample(), 0.5)
    twice = powered_mean(np.repeat(UNLABELLED, 2), np.repeat(np.arange(60), 2), doubled, 0.5)
    assert twice[:3] == pytest.approx(once[:3])


@pytest.mark.parametrize(("n_right", "tells"), [(0, False), (3, False), (9, True), (48, True)])
def test_labels_buy_nothing_below_one_over_the_root_of_n_less_2(n_right, tells):
    expert = np.tile([1, 2, 3], 16)
    judge = np.where(np.arange(48) < n_right, expert, 2 + np.arange(48) % 2)
    sample = LabelledSample.of(labels(list(zip(expert.tolist(), judge.tolist(), strict=True))))
    r = np.corrcoef(expert, judge)[0, 1]
    assert bool(abs(r) > 1 / np.sqrt(46)) is tells
    assert sample.is_informative is tells


@pytest.mark.parametrize(("sample", "slope"), [(RIGHT, 1.0), (HALF, 1 / 3), (BLIND, 0.0)])
def test_the_response_is_the_slope_of_the_judge_on_the_experts(sample, slope):
    assert fit_response(LabelledSample.of(sample)).slope == pytest.approx(slope, abs=1e-9)


def test_a_response_needs_grades_that_differ():
    with pytest.raises(ValueError, match="do not differ"):
        fit_response(LabelledSample.of(labels([(3, 3)] * 10)))
    assert LabelledSample.of(labels([(1, 1), (3, 3)])) is None
    assert LabelledSample.of(None) is None


def test_taken_at_its_word_a_difference_has_the_tests_of_any_improvement():
    rng = np.random.default_rng(2)
    for n in (8, 14, 30):
        differences = rng.integers(-2, 3, n) / 2
        flips = sign_flips(differences, np.arange(n), n_flips=500)
        usual = paired_improvement(flips, changes(differences, range(n), range(n)), widest=2.0)
        carried = CarriedDifference(flips, FAITHFUL, 2.0)
        assert carried.p_within(0.4) == pytest.approx(usual.equivalence_p(0.4))
        both = 2 * min(carried.p_above(0.0), carried.p_below(0.0))
        assert min(1.0, both) == pytest.approx(usual.p_value)
        assert carried.interval()[:2] == pytest.approx(usual.interval[:2], abs=0.02)


def test_a_known_slope_scales_a_difference_and_a_blind_judge_shows_nothing():
    differences = np.array([-1.0, 0.0, -0.5, -1.0, 0.0, -0.5, -1.0, -0.5, 0.0, -1.0] * 3)
    flips = sign_flips(differences, np.arange(30), n_flips=2000)
    plain = CarriedDifference(flips, FAITHFUL, 2.0)
    half = plain.with_response(fit_response(LabelledSample.of(HALF)))
    assert half.mean == pytest.approx(3 * plain.mean)
    assert half.p_below(-0.75) > plain.p_below(-0.25) > plain.p_below(-0.1)
    blind = plain.with_response(fit_response(LabelledSample.of(BLIND)))
    assert blind.interval()[:2] == (-2.0, 2.0)
    assert min(blind.p_below(-0.1), blind.p_within(0.5), blind.p_above(0.1)) > 0.1


@pytest.mark.parametrize("n_cases", [1, 2, 10])
def test_an_agent_whose_cases_are_all_alike_may_have_others(n_cases):
    """A judge that is always right adds no error: what is left is the rule of three."""
    sample = LabelledSample.of(RIGHT)
    said, cases = np.full(n_cases, 3.0), np.arange(n_cases)
    mean, interval = response_mean(said, cases, fit_response(sample), (1.0, 3.0))
    assert mean == 3
    alike = rule_of_three(3.0, n_cases, (1.0, 3.0))
    assert interval[:2] == pytest.approx(alike[:2], abs=0.005, nan_ok=True)
    assert (interval.note == "one case") == (n_cases == 1)
    # PPI++ has no rule of three, and shows none.
    half = LabelledSample.of(HALF)
    assert np.isnan(powered_mean(said, cases, half).interval().low)
    assert np.isfinite(powered_mean(said, cases, half, weight=0.0).interval().low)


def test_the_response_holds_the_mean_of_an_agent_unlike_the_labelled_one_and_ppi_does_not():
    """Polite half of the time: a bad agent looks passable."""
    rng = np.random.default_rng(5)

    def judged(true):
        return np.where(rng.random(len(true)) < 0.5, 3, true).astype(float)

    held = {"response": 0, "ppi": 0}
    for _ in range(60):
        expert = rng.choice([1.0, 2.0, 3.0], 60, p=[0.2, 0.3, 0.5])
        sample = LabelledSample(judged(expert), expert, np.arange(60).astype(str), 60)
        true = rng.choice([1.0, 2.0, 3.0], 40, p=[0.6, 0.3, 0.1])
        said, cases = judged(true), np.arange(40)
        response = response_mean(said, cases, fit_response(sample), (1.0, 3.0))[1]
        powered = powered_mean(said, cases, sample).interval()
        for name, one in (("response", response), ("ppi", powered)):
            held[name] += one.low - 0.005 <= 1.5 <= one.high + 0.005
    assert held["response"] >= 53
    assert held["ppi"] <= 15
