from statistics import median

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from memalign_bench.stats.raters import (
    ceiling_loo,
    krippendorff_alpha,
    leave_one_out,
    mae_loo,
)

NAN = np.nan
RATINGS = np.array([[3, 3, 1], [2, 1, NAN], [1, NAN, NAN]])


def test_targets_are_the_median_of_the_others() -> None:
    pairs = leave_one_out(RATINGS)
    assert pairs.item.tolist() == [0, 0, 0, 1, 1]
    assert pairs.target.tolist() == [2, 2, 3, 1, 2]
    assert pairs.rater_score.tolist() == [3, 3, 1, 2, 1]


def test_ceiling_and_judge_by_hand() -> None:
    assert ceiling_loo(RATINGS) == (1 + 1 + 2 + 1 + 1) / 5
    # The judge says 2 to the first item, 3 to the second; the third has no targets.
    assert mae_loo([2, 3, 3], [0, 1, 2], RATINGS) == (0 + 0 + 1 + 2 + 1) / 5


def test_repeats_count_with_all_their_rows() -> None:
    assert mae_loo([2, 3, 2], [0, 0, 1], RATINGS) == (0 + 0 + 1 + 1 + 1 + 0 + 1 + 0) / 8


def test_a_missing_grade_costs_the_worst_or_is_left_out() -> None:
    assert mae_loo([NAN], [0], RATINGS, worst=(1, 3)) == (1 + 1 + 2) / 3
    assert mae_loo([NAN, 1], [0, 1], RATINGS) == (0 + 1) / 2
    assert mae_loo([NAN], [0], RATINGS) is None


@pytest.mark.parametrize("ratings", [np.array([[3.0], [1.0]]), np.empty((2, 0))])
def test_one_rater_has_no_others(ratings: np.ndarray) -> None:
    assert ceiling_loo(ratings) is None
    assert mae_loo([3, 3], [0, 1], ratings, worst=(1, 3)) is None


@given(arrays(float, (6, 4), elements=st.sampled_from([1.0, 2.0, 3.0, NAN])))
def test_ceiling_equals_a_plain_loop(ratings: np.ndarray) -> None:
    errors = []
    for row in ratings:
        given_scores = [x for x in row if not np.isnan(x)]
        for index, score in enumerate(given_scores):
            others = given_scores[:index] + given_scores[index + 1 :]
            if others:
                errors.append(abs(score - median(others)))
    expected = sum(errors) / len(errors) if errors else None
    assert ceiling_loo(ratings) == (None if expected is None else pytest.approx(expected))


def test_alpha_of_krippendorffs_own_example():
    # Krippendorff (2011), "Computing Krippendorff's Alpha-Reliability", section C: four observers,
    # twelve units; the ordinal alpha there is 0.815.
    nan = np.nan
    observers = [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, nan, nan, nan],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, nan, 3],
        [nan, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, nan],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, nan],
    ]
    ratings = np.array(observers).T
    assert krippendorff_alpha(ratings, [1, 2, 3, 4, 5]) == pytest.approx(0.815, abs=5e-4)


def test_alpha_is_not_defined_without_pairs_or_without_variation():
    assert krippendorff_alpha([[1, np.nan], [np.nan, 3]], [1, 2, 3]) is None
    assert krippendorff_alpha([[2, 2], [2, 2]], [1, 2, 3]) is None
    assert krippendorff_alpha([[1, 1], [3, 3]], [1, 2, 3]) == pytest.approx(1.0)
