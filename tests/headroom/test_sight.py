"""When a fact counts as seen."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from memalign_bench.errors import RequestError
from memalign_bench.headroom.facets import Convention
from memalign_bench.headroom.parts import SHARED, UNSEEN, UNSHARED, item_sight
from memalign_bench.headroom.sight import (
    answers_in_folds,
    area_and_error,
    sight_of,
    thresholds_from,
    youden_threshold,
)

HALF = np.array([True] * 8 + [False] * 8)


@given(st.lists(st.tuples(st.integers(0, 9), st.booleans()), min_size=2, max_size=30))
def test_the_area_is_that_of_scikit_learn(pairs):
    chances = np.array([value / 10 for value, _ in pairs])
    truth = np.array([so for _, so in pairs])
    if truth.any() and not truth.all():
        assert area_and_error(chances, truth)[0] == pytest.approx(roc_auc_score(truth, chances))


def test_the_standard_error_is_hanley_and_mcneils():
    # An area of .75 over 4 and 4: Q1 = .75/1.25 = .6, Q2 = 1.125/1.75 = .642857.
    chances = np.array([0.9, 0.8, 0.7, 0.1, 0.6, 0.5, 0.4, 0.05])
    area, error = area_and_error(chances, np.array([True] * 4 + [False] * 4))
    assert area == 13 / 16
    q1, q2 = area / (2 - area), 2 * area**2 / (1 + area)
    spread = area * (1 - area) + 3 * (q1 - area**2) + 3 * (q2 - area**2)
    assert error == pytest.approx((spread / 16) ** 0.5)


def test_a_judge_that_orders_all_items_right_sees():
    one = sight_of(np.where(HALF, 0.95, 0.9), HALF)
    assert one.seen
    assert (one.auc, one.auc_se, one.note) == (1, 0, "")
    assert one.threshold == pytest.approx(0.925)  # yes to all at one half, and told apart here


def test_yes_to_everything_is_not_seen_and_said():
    one = sight_of(np.full(16, 0.9), HALF)
    assert not one.seen
    assert one.note == "answers yes to all; orders items no better than chance"


def test_the_wrong_way_round_is_not_seen():
    one = sight_of(np.where(HALF, 0.2, 0.8), HALF)
    assert not one.seen
    assert one.note == "orders items the wrong way"
    assert not one.usual


def test_noise_is_seldom_seen():
    rng = np.random.default_rng(0)
    seen = [sight_of(rng.random(16), HALF).seen for _ in range(400)]
    assert 0.01 < np.mean(seen) < 0.12  # one sided, about one in twenty


def test_what_holds_of_all_is_nothing_to_see():
    one = sight_of(np.linspace(0, 1, 4), np.ones(4, dtype=bool))
    assert (one.seen, one.usual, one.auc) == (False, True, None)
    assert "every item" in one.note


def test_the_threshold_lies_in_the_widest_of_the_best_gaps():
    chances, truth = np.array([0.1, 0.2, 0.6, 0.7]), np.array([False, True, True, True])
    assert youden_threshold(chances, truth) == pytest.approx(0.15)
    assert youden_threshold(chances, np.array([False, False, True, True])) == pytest.approx(0.4)


def test_an_item_is_answered_by_the_thresholds_of_other_folds():
    chances = np.array([0.1, 0.2, 0.8, 0.9, 0.6, 0.7])
    truth = np.array([False, False, True, True, False, True])
    found = answers_in_folds(chances, truth, [0, 0, 0, 0, 1, 1])
    assert found[4:].tolist() == [True, True]  # at 0.5, not at 0.65
    assert found[:4].tolist() == [False, False, True, True]


def test_one_kind_of_item_in_the_other_folds_still_says_what_is_beyond():
    chances = np.array([0.7, 0.7, 0.7, 0.9])
    assert answers_in_folds(chances, chances > 0.8, [0, 0, 1, 1]).tolist() == [0, 0, 0, 1]
    assert answers_in_folds(chances, chances < 0.8, [0, 0, 1, 1])[2:].tolist() == [1, 1]


EXPERT = Convention.of({1: ["leaks"], 2: ["not tuned"]})
LITERAL = Convention.of({2: ["not tuned"]})


@pytest.mark.parametrize(
    ("truth", "told", "unseen", "grade", "part"),
    [
        ({"leaks": False, "tuned": True}, {}, [], 3, SHARED),
        ({"leaks": True, "tuned": True}, {}, [], 1, UNSHARED),
        # A leak decides whether it is tuned or not, and without one all hangs on that.
        ({"leaks": True, "tuned": True}, {"tuned": False}, ["tuned"], 1, UNSHARED),
        ({"leaks": False, "tuned": True}, {"tuned": True}, ["tuned"], 3, UNSEEN),
        ({"leaks": True, "tuned": True}, {"leaks": False}, ["leaks"], 3, UNSEEN),
        ({"leaks": False, "tuned": True}, {"leaks": True}, [], 1, UNSEEN),
    ],
)
def test_an_item_is_seen_where_its_grade_follows_from_what_is_seen(
    truth, told, unseen, grade, part
):
    one = item_sight(EXPERT, LITERAL, truth, told, unseen=unseen, top=3)
    assert (one.seen_grade, one.part) == (grade, part)


def test_thresholds_of_another_form_are_refused():
    with pytest.raises(RequestError, match="here: no thresholds"):
        thresholds_from(["x"], "here")
    with pytest.raises(RequestError, match="here, d, tuned, cut: Unexpected keyword"):
        thresholds_from({"dimensions": {"d": {"tuned": {"cut": 0.5}}}}, "here")


@pytest.mark.parametrize(
    ("dimensions", "told"),
    [
        (["x"], r"here: Input should be a valid dictionary, got \['x'\]"),
        (5, "here: Input should be a valid dictionary, got 5"),
        ({"d": ["tuned"]}, "here, d: Input should be a valid dictionary"),
        ({"d": None}, "here, d: Input should be a valid dictionary, got None"),
        ({"d": {"tuned": "x"}}, "here, d, tuned: Input should be a dictionary"),
        ({"d": {"tuned": {"threshold": "high"}}}, "here, d, tuned, threshold: .* valid number"),
    ],
)
def test_thresholds_of_a_wrong_shape_are_refused_with_whatever_else_is_wrong(dimensions, told):
    with pytest.raises(RequestError, match=told) as refused:
        thresholds_from({"dimensions": dimensions, "of": "x"}, "here")
    assert "here: of: Input should be a valid dictionary, got 'x'" in str(refused.value)
    assert "as headroom wrote it" in str(refused.value)


def test_thresholds_tell_what_was_another_where_they_were_chosen():
    old = thresholds_from({"dimensions": {}}, "here")
    assert old.origin_text({"dataset": "a", "backend": "b"}) == "another corpus"
    of = {"dataset": "a", "backend": "b"}
    told = thresholds_from({"dimensions": {}, "of": of}, "here").origin_text
    assert told({"dataset": "a", "backend": "b"}) == "another corpus"
    assert told({"dataset": "c", "backend": "d"}) == (
        "another corpus, of another dataset (a, here c) and backend (b, here d)"
    )
