"""Fits of learning curves, against exact curves and scipy's own fit."""

import numpy as np
import pytest
from scipy.optimize import curve_fit
from scipy.stats import linregress

from memalign_bench.stats.curves import fit_line, fit_power_law

SIZES = np.array([0, 4, 8, 16, 24, 37])


@pytest.mark.parametrize(("a", "b", "c"), [(0.4, 0.8, 0.5), (0.9, -0.3, 1.2), (0.0, 1.0, 0.2)])
def test_an_exact_power_law_is_found_again(a, b, c):
    errors = a + b * (SIZES + 1.0) ** -c
    fit = fit_power_law(SIZES, errors)
    assert fit[:3] == pytest.approx((a, b, c), abs=1e-3)
    assert fit.rmse == pytest.approx(0, abs=1e-6)
    assert fit.note == ""
    assert fit.at(SIZES) == pytest.approx(errors, abs=1e-5)


def test_a_noisy_one_is_the_least_squares_fit_of_scipy():
    errors = 0.5 + 0.7 * (SIZES + 1.0) ** -0.6 + np.array([0.01, -0.02, 0.015, -0.01, 0.02, -0.01])
    theirs, _ = curve_fit(
        lambda n, a, b, c: a + b * (n + 1.0) ** -c, SIZES, errors, (0.5, 0.5, 0.5), maxfev=10_000
    )
    fit = fit_power_law(SIZES, errors)
    assert fit[:3] == pytest.approx(theirs, abs=1e-3)
    assert fit.rmse == pytest.approx(np.sqrt(np.mean((errors - fit.at(SIZES)) ** 2)))


@pytest.mark.parametrize(
    ("sizes", "errors", "told"),
    [
        ([0, 4, 8], [1.0, 0.8, 0.7], "3 sizes, at least 4"),
        ([0, 0, 4, 8], [1.0, 1.0, 0.8, 0.7], "3 sizes, at least 4"),
        (SIZES, [0.7] * 6, "the error is the same at every size"),
        (SIZES, [1.0, 0.5, 0.5, 0.5, 0.5, 0.5], "a step after the first sizes"),
    ],
)
def test_what_cannot_be_fitted_is_said(sizes, errors, told):
    fit = fit_power_law(sizes, errors)
    assert told in fit.note
    assert np.isnan(fit[:4]).all()


def test_without_an_end_in_sight_it_is_a_line_in_the_logarithm():
    errors = 0.9 - 0.07 * np.log(SIZES + 1.0)
    fit = fit_power_law(SIZES, errors)
    assert fit[:4] == pytest.approx((0.9, 0.07, 0.0, 0.0), abs=1e-9)
    assert fit.at(SIZES) == pytest.approx(errors)
    bent = [1.0, 0.99, 0.97, 0.9, 0.8, 0.6]  # falls ever faster
    theirs = linregress(np.log(SIZES + 1.0), bent)
    assert fit_power_law(SIZES, bent)[:3] == pytest.approx((theirs.intercept, -theirs.slope, 0))


def test_the_line_is_scipy_s():
    rates, errors = [0, 0.1, 0.2, 0.4], [0.5, 0.58, 0.62, 0.85]
    theirs, fit = linregress(rates, errors), fit_line(rates, errors)
    assert fit[:2] == pytest.approx((theirs.intercept, theirs.slope))
    assert fit.at([1.0]) == pytest.approx([theirs.intercept + theirs.slope])
    assert "2 rates, at least 3" in fit_line([0, 0.1], [0.5, 0.6]).note
