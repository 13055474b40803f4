"""Curves through a few points: what an error does as labels are added, or spoilt."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["Line", "PowerLaw", "fit_line", "fit_power_law"]

_EXPONENTS = (0.05, 3.0)
"""Below these the curve is a straight line in log n, above a step after the first points."""

_MIN_POINTS = 4
_MIN_LINE_POINTS = 3
_FLAT_RANGE = 1e-9


class PowerLaw(NamedTuple):
    """y = a + b (n + 1)^-c; with c = 0 what that tends to for small c, y = a - b ln(n + 1).

    Attributes:
        a: What is left with labels without end; with c = 0 the value at no label.
        b: What the labels take away, all in all (c = 0: with every e-fold); below 0 where they do
            harm.
        c: How fast; 0 where no end is in sight.
        rmse: Root mean square of the residuals.
        note: Why there is no fit (then all numbers are NaN); "" otherwise.
    """

    a: float
    b: float
    c: float
    rmse: float
    note: str = ""

    def at(self, n: ArrayLike) -> NDArray[np.float64]:
        """The curve at these numbers of labels."""
        curve: NDArray[np.float64] = self.a + self.b * _basis(_as_floats(n), self.c)
        return curve


class Line(NamedTuple):
    """y = intercept + slope x, with the root mean square of its residuals.

    `note` says why there is no fit (then all numbers are NaN); "" otherwise.
    """

    intercept: float
    slope: float
    rmse: float
    note: str = ""

    def at(self, x: ArrayLike) -> NDArray[np.float64]:
        """The line at these places."""
        line: NDArray[np.float64] = self.intercept + self.slope * _as_floats(x)
        return line


def fit_power_law(n: ArrayLike, y: ArrayLike) -> PowerLaw:
    """Least-squares power law with an offset (as Hestness et al. 2017 fit learning curves).

    It is taken in n + 1, so that no label at all is a point of it.

    For each exponent a and b are a linear regression, so only the exponent is searched: on a grid,
    then by Brent's bounded method around its best point. Where the smallest fits best, the line in
    ln(n + 1) is taken; where the largest does, nothing is.

    Args:
        n: Numbers of labels from 0, shape (m,).
        y: Errors, shape (m,).
    """
    from scipy.optimize import minimize_scalar

    labels, errors = _as_floats(n), _as_floats(y)
    sizes = len(np.unique(labels))
    if sizes < _MIN_POINTS:
        return _unfitted(f"not fitted: {sizes} sizes, at least {_MIN_POINTS} are needed")
    # Any exponent would fit a flat curve.
    if np.ptp(errors) < _FLAT_RANGE:
        return _unfitted("not fitted: the error is the same at every size")

    def loss(c: float) -> float:
        return _regression(_basis(labels, c), errors).rmse

    low, high = _EXPONENTS
    # The loss can have several minima in the exponent, so Brent's method starts from a grid's best.
    grid = np.geomspace(low, high, 80)
    best = int(np.argmin([loss(c) for c in grid]))
    # At the upper end the curve is a step, which the points between do not show.
    if best == len(grid) - 1:
        return _unfitted(f"not fitted: a step after the first sizes (exponent above {high:g})")
    # At the lower end it is a straight line in ln(n + 1).
    if best == 0:
        line = _regression(_basis(labels, 0.0), errors)
        return PowerLaw(line.intercept, line.slope, 0.0, line.rmse)
    # Neighbours of the best point of the grid, so that the search cannot leave its valley.
    optimum = minimize_scalar(loss, bounds=(grid[best - 1], grid[best + 1]), method="bounded")
    c = float(optimum.x)
    line = _regression(_basis(labels, c), errors)
    return PowerLaw(line.intercept, line.slope, c, line.rmse)


def fit_line(x: ArrayLike, y: ArrayLike) -> Line:
    """Least-squares straight line.

    Args:
        x: Shape (m,).
        y: Shape (m,).
    """
    places, values = _as_floats(x), _as_floats(y)
    distinct = len(np.unique(places))
    if distinct < _MIN_LINE_POINTS:
        note = f"not fitted: {distinct} rates, at least {_MIN_LINE_POINTS} are needed"
        return Line(np.nan, np.nan, np.nan, note)
    return _regression(places, values)


def _regression(x: NDArray[np.float64], y: NDArray[np.float64]) -> Line:
    """Least-squares line of y on x."""
    design = np.column_stack([np.ones_like(x), x])
    (intercept, slope), *_ = np.linalg.lstsq(design, y)
    residuals = y - intercept - slope * x
    return Line(float(intercept), float(slope), float(np.sqrt(np.mean(residuals**2))))


def _basis(n: NDArray[np.float64], c: float) -> NDArray[np.float64]:
    """The regressor of the curve: (n + 1)^-c, and its limit -ln(n + 1) for c = 0."""
    basis: NDArray[np.float64] = (n + 1.0) ** -c if c else -np.log(n + 1.0)
    return basis


def _unfitted(note: str) -> PowerLaw:
    """No curve, and why."""
    return PowerLaw(np.nan, np.nan, np.nan, np.nan, note)


def _as_floats(values: ArrayLike) -> NDArray[np.float64]:
    return np.asarray(values, dtype=np.float64)
