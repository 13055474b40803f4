import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score
from sklearn.metrics import mean_absolute_error as sklearn_mae

from memalign_bench.stats.agreement import (
    exact_agreement,
    mean_absolute_error,
    quadratic_kappa,
    signed_bias,
)

GRADES = st.lists(st.tuples(st.sampled_from([1, 2, 3]), st.sampled_from([1, 2, 3])), min_size=1)


def test_hand_computed() -> None:
    judge, expert = [3, 3, 2, 1], [3, 1, 3, 1]
    assert mean_absolute_error(judge, expert) == 0.75
    assert signed_bias(judge, expert) == 0.25
    assert exact_agreement(judge, expert) == 0.5


def test_nothing_to_compare_is_none_and_not_zero() -> None:
    assert mean_absolute_error([], []) is None
    assert signed_bias([], []) is None
    assert exact_agreement([], []) is None
    assert quadratic_kappa([], []) is None


@given(GRADES)
def test_mae_equals_sklearn(pairs: list[tuple[int, int]]) -> None:
    judge, expert = zip(*pairs, strict=True)
    assert mean_absolute_error(judge, expert) == pytest.approx(sklearn_mae(expert, judge))


@given(GRADES)
def test_kappa_is_one_minus_observed_over_chance_disagreement(pairs: list[tuple[int, int]]) -> None:
    judge, expert = (np.array(side) for side in zip(*pairs, strict=True))
    chance = ((judge[:, None] - expert[None, :]) ** 2).mean()
    kappa = quadratic_kappa(judge, expert, (1, 2, 3))
    if chance == 0:
        assert kappa is None
    else:
        assert kappa == pytest.approx(1 - ((judge - expert) ** 2).mean() / chance)


def test_kappa_weighs_positions_on_the_whole_scale() -> None:
    judge, expert = [1, 1, 9, 9], [1, 9, 9, 9]
    assert quadratic_kappa(judge, expert, (1, 5, 9)) == pytest.approx(
        cohen_kappa_score(judge, expert, weights="quadratic")
    )
    spread = quadratic_kappa([1, 2, 4], [1, 4, 4], (1, 2, 3, 4))
    assert spread != pytest.approx(quadratic_kappa([1, 2, 4], [1, 4, 4], (1, 2, 4)))


def test_kappa_of_a_constant_judge_is_zero_and_of_two_constants_undefined() -> None:
    assert quadratic_kappa([3, 3, 3], [3, 1, 2], (1, 2, 3)) == pytest.approx(0)
    assert quadratic_kappa([3, 3], [3, 3], (1, 2, 3)) is None
    assert quadratic_kappa([3, 3], [1, 1], (1, 2, 3)) == pytest.approx(0)


def test_lengths_must_match() -> None:
    with pytest.raises(ValueError, match=r"one length, got \(2,\), \(1,\)"):
        mean_absolute_error([1, 2], [1])
