import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from memalign_bench.stats.calibration import batch_calibrate, largest_grade


def polite() -> np.ndarray:
    """Twenty items; the judge says 3 to all, a little less to the first ten."""
    return np.array([[0.1, 0.2, 0.7]] * 10 + [[0.1, 0.0, 0.9]] * 10)


def test_hand_computed() -> None:
    calibrated = batch_calibrate(polite())
    # mean: 0.1, 0.1, 0.8; first row over mean: 1, 2, 0.875
    np.testing.assert_allclose(calibrated[0], np.array([1, 2, 0.875]) / 3.875)
    np.testing.assert_allclose(calibrated[-1], np.array([1, 0, 1.125]) / 2.125)
    assert largest_grade(polite(), (1, 2, 3)).tolist() == [3] * 20
    assert largest_grade(calibrated, (1, 2, 3)).tolist() == [2] * 10 + [3] * 10


def test_a_grade_never_given_stays_without_probability() -> None:
    calibrated = batch_calibrate([[0.0, 0.3, 0.7]] * 10 + [[0.0, 0.6, 0.4]] * 10)
    assert (calibrated[:, 0] == 0).all()


def test_rows_all_alike_keep_their_uncalibrated_grade() -> None:
    alike = np.array([[0.1, 0.2, 0.7]] * 30)
    calibrated = batch_calibrate(alike)
    np.testing.assert_allclose(calibrated, 1 / 3)
    assert largest_grade(calibrated, (1, 2, 3), tie_break=alike).tolist() == [3] * 30


def test_ties_go_to_the_lower_grade() -> None:
    rows = [[0.4, 0.2, 0.4], [0.3, 0.35, 0.35 + 1e-15]]
    assert largest_grade(rows, (2, 4, 6)).tolist() == [2, 4]


@pytest.mark.parametrize("bad", [[0.0, 0.0], [-0.1, 1.1], [np.nan, 1.0]])
def test_what_is_no_distribution_is_named(bad: list[float]) -> None:
    with pytest.raises(ValueError, match="row 1 is no distribution"):
        batch_calibrate([[0.5, 0.5], bad])
    with pytest.raises(ValueError, match="shape"):
        batch_calibrate([0.5, 0.5])


@given(arrays(float, (25, 3), elements=st.floats(0.01, 1)))
def test_calibrated_rows_are_distributions_whatever_the_judges_taste(weights: np.ndarray) -> None:
    rows = weights / weights.sum(axis=1, keepdims=True)
    calibrated = batch_calibrate(rows)
    np.testing.assert_allclose(calibrated.sum(axis=1), 1)
    # Odds of two grades move by the same factor in every row: the order of items is kept.
    odds = (calibrated[:, 0] / calibrated[:, 2]) / (rows[:, 0] / rows[:, 2])
    np.testing.assert_allclose(odds, odds[0])
