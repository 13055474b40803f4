import numpy as np
import pytest
from scipy.stats import ttest_1samp

from memalign_bench.stats.clusters import CaseMean, case_mean, logit_t


def cr2_by_matrices(values: np.ndarray, cases: np.ndarray) -> tuple[float, float]:
    """Error and Satterthwaite degrees of freedom of a constant, as Pustejovsky and Tipton write."""
    n = len(values)
    hat = np.full((n, n), 1 / n)
    residuals, rest = values - values.mean(), np.eye(n) - hat
    variance, columns = 0.0, []
    for case in np.unique(cases):
        own = cases == case
        root, turn = np.linalg.eigh(rest[np.ix_(own, own)])
        adjust = turn @ np.diag(1 / np.sqrt(root)) @ turn.T
        row = np.ones(own.sum()) @ adjust / n
        variance += float(row @ residuals[own]) ** 2
        columns.append(rest[own].T @ row)
    form = np.array(columns) @ np.array(columns).T
    return float(np.sqrt(variance)), float(np.trace(form) ** 2 / np.sum(form**2))


def test_unequal_cases_equal_the_matrix_formula() -> None:
    draw = np.random.default_rng(0)
    cases = np.repeat(np.arange(6), [1, 5, 2, 9, 3, 1])
    values = draw.normal(size=len(cases))
    found = case_mean(values, cases)
    error, freedom = cr2_by_matrices(values, cases)
    assert found.mean == pytest.approx(values.mean())
    assert (found.error, found.freedom) == (pytest.approx(error), pytest.approx(freedom))
    assert found.freedom < 5


def test_equal_cases_are_the_one_sample_t_of_case_means() -> None:
    draw = np.random.default_rng(1)
    values, cases = draw.normal(size=24), np.repeat(np.arange(8), 3)
    found = case_mean(values, cases)
    theirs = ttest_1samp(values.reshape(8, 3).mean(axis=1), 0).confidence_interval(0.9)
    assert found.freedom == pytest.approx(7)
    np.testing.assert_allclose(found.interval(0.9)[:2], theirs)


def test_duplicating_all_cases_shrinks_the_error() -> None:
    values, cases = np.array([0.0, 1, 1, 2, 0]), np.array([0, 0, 1, 2, 3])
    once = case_mean(values, cases)
    twice = case_mean(np.tile(values, 2), np.append(cases, cases + 4))
    assert twice.mean == once.mean
    assert twice.error < once.error / 1.3
    # The same rows twice in the same cases are no news.
    assert case_mean(np.tile(values, 2), np.tile(cases, 2)).error == pytest.approx(once.error)


def test_logit_t_by_hand_and_within_the_scale() -> None:
    # Mean 0.5 of 2: logit(0.25), error 0.1 / (2 * 0.25 * 0.75); t(0.975, 9) = 2.262.
    low, high, method, note = logit_t(CaseMean(0.5, 0.1, 9.0, 10), 2)
    shift = 2.2621572 * 0.1 / 0.375
    assert low == pytest.approx(2 / (1 + 3 * np.exp(shift)))
    assert high == pytest.approx(2 / (1 + 3 * np.exp(-shift)))
    assert (method, note) == ("logit-t", "")
    low, high, *_ = logit_t(CaseMean(0.05, 0.05, 11.0, 12), 2)
    assert 0 < low < 0.05 < high < 2


def test_without_spread_there_is_no_interval() -> None:
    assert logit_t(case_mean([1, 1], [0, 1]), 2).note == "zero variance"
    assert case_mean([1, 1], [0, 1]).interval().note == "zero variance"
    assert case_mean([1, 2], [0, 0]).interval().note == "one case"
    with pytest.raises(ValueError, match="no value"):
        case_mean([], [])
