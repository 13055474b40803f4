"""Variance components of a mean by restricted maximum likelihood, crossed or nested, unbalanced.

y = mu + sum over factors k of Z_k u_k, with u_k independent of variance s_k; the finest factor is
the residual. The estimating equations sum_j tr(P V_k P V_j) s_j = y' P V_k P y, with V_k = Z_k Z_k'
and P the projection of V = sum s_k V_k that removes the mean, are MIVQUE(0) with P of V = 1 (Rao
1971) and, solved again with what they gave until nothing changes, REML (Searle, Casella and
McCulloch 1992, chapter 6). With balanced data the first solution is the analysis of variance.
statsmodels fits the same likelihood by general optimisation, in seconds instead of milliseconds;
it is the oracle of the tests.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from memalign_bench.seeding import generator

__all__ = ["MOST_ROWS", "Component", "VarianceComponents", "variance_components"]

MOST_ROWS = 1_000
"""Rows that the estimation sees at most."""

_FEWEST_LEVELS = 20
"""Levels of the first factor that it sees at least, where there are so many."""

_ROUNDS = 50
_CHANGE = 1e-6

_NOTHING = 1e-4
"""Share of the rows' variance under which a component is 0: whether one that is tiny comes out
above or below 0 hangs on the last bit of a sum, which differs from machine to machine."""


@dataclass(frozen=True)
class Component:
    """What one factor contributes.

    Attributes:
        name: The factor.
        n_levels: Its levels in the data.
        variance: Its variance; 0 where it is under a ten-thousandth of the rows'; NaN where it is
            not identifiable.
        error: Standard error of that, for many levels; NaN where the variance is 0 or unknown.
        mean_variance: What it adds to the variance of the mean over rows.
        with_: The factor whose variance includes it, where it is not identifiable; "" otherwise.
    """

    name: str
    n_levels: int
    variance: float
    error: float
    mean_variance: float
    with_: str

    @property
    def identifiable(self) -> bool:
        """Whether it can be told from all others."""
        return not np.isnan(self.variance)


@dataclass(frozen=True)
class VarianceComponents:
    """The components in the order given, and the standard error of the mean that they make."""

    components: tuple[Component, ...]

    def mean_error(self, halved: Sequence[str] = ()) -> float:
        """Standard error of the mean, if what these components add to its variance were halved."""
        terms = [
            one.mean_variance / (2 if one.name in halved else 1)
            for one in self.components
            if one.identifiable
        ]
        return float(np.sqrt(sum(terms)))


def variance_components(values: ArrayLike, factors: Mapping[str, ArrayLike]) -> VarianceComponents:
    """Variance components of rows.

    A factor of one level, or one that cuts the rows as an earlier factor does, is not identifiable;
    of the latter the earlier one's variance includes it.

    The estimation takes time with the cube of the number of rows. Of more than `MOST_ROWS` it sees
    some levels of the first factor, drawn at random, with all of their rows; what variances add to
    the mean's is reckoned over all rows.

    Args:
        values: One a row, shape (n,), n >= 2.
        factors: Factor -> what names each row's level, shape (n,); the last is the finest, that of
            the rows themselves where no factor is.

    Raises:
        ValueError: If there are under two rows.
    """
    y = np.asarray(values, dtype=np.float64)
    if len(y) < 2:
        raise ValueError(f"{len(y)} rows; variance needs at least two.")
    whole = {name: np.unique(given, return_inverse=True)[1] for name, given in factors.items()}
    seen = _drawn(next(iter(whole.values())))
    y = y[seen]
    codes = {name: np.unique(code[seen], return_inverse=True)[1] for name, code in whole.items()}
    kept: dict[str, NDArray[np.intp]] = {}
    with_: dict[str, str] = {}
    for name, code in codes.items():
        same = next((other for other, theirs in kept.items() if _equal(code, theirs)), "")
        if not code.max() or same or _redundant([*kept.values(), code]):
            with_[name] = same
        else:
            kept[name] = code
    variances, errors = _reml(y - y.mean(), list(kept.values()))
    found = dict(zip(kept, zip(variances, errors, strict=True), strict=True))
    components = []
    for name, code in whole.items():
        variance, error = found.get(name, (np.nan, np.nan))
        shares = np.bincount(code) / len(code)
        components.append(
            Component(
                name,
                len(shares),
                float(variance),
                float(error),
                float(variance * (shares**2).sum()),
                with_.get(name, ""),
            )
        )
    return VarianceComponents(tuple(components))


def _drawn(code: NDArray[np.intp]) -> NDArray[np.intp]:
    """Places of the rows that are seen: all, or those of as many levels as `MOST_ROWS` holds."""
    if len(code) <= MOST_ROWS:
        return np.arange(len(code))
    sizes = np.bincount(code)
    rng = generator(0, "variance components", len(code))
    levels = rng.permutation(len(sizes))
    count = int(np.searchsorted(np.cumsum(sizes[levels]), MOST_ROWS, side="right"))
    # Of levels so large that a few fill it, each gives some of its rows, of whatever other factor.
    count = max(count, min(_FEWEST_LEVELS, len(sizes)))
    most = max(2, MOST_ROWS // count)
    rows = [np.flatnonzero(code == level) for level in sorted(levels[:count])]
    if sum(map(len, rows)) > MOST_ROWS:
        rows = [rng.permutation(part)[:most] for part in rows]
    return np.sort(np.concatenate(rows))


def _equal(one: NDArray[np.intp], two: NDArray[np.intp]) -> bool:
    """Whether two factors cut the rows alike."""
    pairs = len(np.unique(np.stack([one, two]), axis=1).T)
    return bool(pairs == one.max() + 1 == two.max() + 1)


def _redundant(codes: Sequence[NDArray[np.intp]]) -> bool:
    """Whether the last factor's variance is a mixture of the others'."""
    matrix = _products(np.eye(len(codes[0])) - 1 / len(codes[0]), codes)
    scale = np.sqrt(np.diag(matrix))
    if not scale.all():
        return True
    return bool(np.linalg.matrix_rank(matrix / np.outer(scale, scale), tol=1e-8) < len(codes))


def _products(p: NDArray[np.float64], codes: Sequence[NDArray[np.intp]]) -> NDArray[np.float64]:
    """tr(P V_k P V_j) = sum of the squares of Z_k' P Z_j."""
    sums = [_summed(p, code) for code in codes]
    return np.array([[(_summed(part.T, code) ** 2).sum() for code in codes] for part in sums])


def _summed(rows: NDArray[np.float64], code: NDArray[np.intp]) -> NDArray[np.float64]:
    """Rows added up by level, shape (levels, columns)."""
    order = np.argsort(code, kind="stable")
    starts = np.searchsorted(code[order], np.arange(code.max() + 1))
    total: NDArray[np.float64] = np.add.reduceat(rows[order], starts, axis=0)
    return total


def _reml(
    y: NDArray[np.float64], codes: Sequence[NDArray[np.intp]]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Variances of the factors, tiny and negative ones 0, and their standard errors."""
    n, total = len(y), float(y @ y)
    variances, errors = np.zeros(len(codes)), np.full(len(codes), np.nan)
    if total <= 1e-12 * n or not codes:
        return variances, errors
    p = np.eye(n) - 1 / n
    for _ in range(_ROUNDS):
        matrix = _products(p, codes)
        right = np.array([(np.bincount(code, p @ y) ** 2).sum() for code in codes])
        before, (variances, active) = variances, _at_least(_NOTHING * total / n, matrix, right)
        if np.abs(variances - before).max() <= _CHANGE * total / n:
            break
        covariance = np.full((n, n), 0.0)
        covariance[np.diag_indices(n)] = 1e-6 * total / n  # where the finest variance is 0
        for variance, code in zip(variances, codes, strict=True):
            covariance += variance * (code[:, None] == code)
        inverse = np.linalg.inv(covariance)
        ones = inverse.sum(axis=1)
        p = inverse - np.outer(ones, ones) / ones.sum()
    if np.any(active):
        # The information of REML is half of tr(P V_k P V_j), P at the variances found.
        found = np.linalg.inv(_products(p, [c for c, on in zip(codes, active, strict=True) if on]))
        errors[active] = np.sqrt(np.maximum(2 * np.diag(found), 0))
    return variances, errors


def _at_least(
    least: float, matrix: NDArray[np.float64], right: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Solution with 0 for what comes out under `least`, the lowest first; and which are not 0."""
    active = np.ones(len(right), dtype=bool)
    while active.any():
        part = np.linalg.solve(matrix[np.ix_(active, active)], right[active])
        if part.min() >= least:
            break
        active[np.flatnonzero(active)[part.argmin()]] = False
    solution = np.zeros(len(right))
    if active.any():
        solution[active] = part
    return solution, active
