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

__all__ = ["MAX_ROWS", "Component", "VarianceComponents", "variance_components"]

MAX_ROWS = 1_000
"""Rows that the estimation sees at most."""

_MIN_LEVELS = 20
"""Levels of the first factor that it sees at least, where there are so many."""

_MAX_ITERATIONS = 50
_CONVERGED = 1e-6

_MIN_SHARE = 1e-4
"""Share of the rows' variance under which a component is 0: whether one that is tiny comes out
above or below 0 depends on the last bit of a sum, which differs from machine to machine."""


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
        """Whether the data can separate it from all others."""
        return not np.isnan(self.variance)


@dataclass(frozen=True)
class VarianceComponents:
    """The components in the order given, and the standard error of the mean that they make."""

    components: tuple[Component, ...]

    def mean_error(self, halved_names: Sequence[str] = ()) -> float:
        """Standard error of the mean, if what these components add to its variance were halved."""
        terms = [
            component.mean_variance / (2 if component.name in halved_names else 1)
            for component in self.components
            if component.identifiable
        ]
        return float(np.sqrt(sum(terms)))


def variance_components(values: ArrayLike, factors: Mapping[str, ArrayLike]) -> VarianceComponents:
    """Variance components of rows.

    A factor of one level, or one that cuts the rows as an earlier factor does, is not identifiable;
    of the latter the earlier one's variance includes it.

    The estimation takes time with the cube of the number of rows. Of more than `MAX_ROWS` it sees
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
    # Level names become numbers from 0.
    all_codes = {
        name: np.unique(levels, return_inverse=True)[1] for name, levels in factors.items()
    }
    sample = _sampled_rows(next(iter(all_codes.values())))
    y = y[sample]
    codes = {
        name: np.unique(code[sample], return_inverse=True)[1] for name, code in all_codes.items()
    }
    identifiable: dict[str, NDArray[np.intp]] = {}
    with_: dict[str, str] = {}
    for name, code in codes.items():
        equal_factor = next(
            (
                other
                for other, earlier_code in identifiable.items()
                if _same_partition(code, earlier_code)
            ),
            "",
        )
        # Not identifiable: one level only, the same groups as another factor, or a mixture of
        # others.
        if not code.max() or equal_factor or _is_confounded([*identifiable.values(), code]):
            with_[name] = equal_factor
        else:
            identifiable[name] = code
    variances, errors = _reml(y - y.mean(), list(identifiable.values()))
    estimates = dict(zip(identifiable, zip(variances, errors, strict=True), strict=True))
    components = []
    for name, code in all_codes.items():
        variance, error = estimates.get(name, (np.nan, np.nan))
        # Over all rows, not only those that were used.
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


def _sampled_rows(code: NDArray[np.intp]) -> NDArray[np.intp]:
    """Places of the rows that are used: all, or those of as many levels as `MAX_ROWS` allows."""
    if len(code) <= MAX_ROWS:
        return np.arange(len(code))
    sizes = np.bincount(code)
    rng = generator(0, "variance components", len(code))
    levels = rng.permutation(len(sizes))
    # How many whole levels, in this random order, stay within `MAX_ROWS` together.
    count = int(np.searchsorted(np.cumsum(sizes[levels]), MAX_ROWS, side="right"))
    # Of levels so large that a few fill it, each gives some of its rows, of whatever other factor.
    count = max(count, min(_MIN_LEVELS, len(sizes)))
    max_per_level = max(2, MAX_ROWS // count)
    rows = [np.flatnonzero(code == level) for level in sorted(levels[:count])]
    if sum(map(len, rows)) > MAX_ROWS:
        rows = [rng.permutation(part)[:max_per_level] for part in rows]
    return np.sort(np.concatenate(rows))


def _same_partition(first: NDArray[np.intp], second: NDArray[np.intp]) -> bool:
    """Whether two factors cut the rows into the same groups."""
    # As many pairs as levels on either side: each level goes with one of the other factor.
    pairs = len(np.unique(np.stack([first, second]), axis=1).T)
    return bool(pairs == first.max() + 1 == second.max() + 1)


def _is_confounded(codes: Sequence[NDArray[np.intp]]) -> bool:
    """Whether the last factor's variance cannot be told from a mixture of the others'."""
    # P of V = 1: whether factors can be told apart does not depend on the variances.
    matrix = _trace_products(np.eye(len(codes[0])) - 1 / len(codes[0]), codes)
    # Scaled to a unit diagonal, so that the tolerance means the same for large and small factors.
    scale = np.sqrt(np.diag(matrix))
    if not scale.all():
        return True
    return bool(np.linalg.matrix_rank(matrix / np.outer(scale, scale), tol=1e-8) < len(codes))


def _trace_products(
    p: NDArray[np.float64], codes: Sequence[NDArray[np.intp]]
) -> NDArray[np.float64]:
    """tr(P V_k P V_j) = sum of the squares of Z_k' P Z_j."""
    sums = [_sum_by_level(p, code) for code in codes]
    return np.array([[(_sum_by_level(part.T, code) ** 2).sum() for code in codes] for part in sums])


def _sum_by_level(rows: NDArray[np.float64], code: NDArray[np.intp]) -> NDArray[np.float64]:
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
    # With V = 1, P only removes the mean: this first round is MIVQUE(0).
    p = np.eye(n) - 1 / n
    for _ in range(_MAX_ITERATIONS):
        matrix = _trace_products(p, codes)
        right_side = np.array([(np.bincount(code, p @ y) ** 2).sum() for code in codes])
        previous, (variances, active) = (
            variances,
            _solve_nonnegative(_MIN_SHARE * total / n, matrix, right_side),
        )
        if np.abs(variances - previous).max() <= _CONVERGED * total / n:
            break
        covariance = np.full((n, n), 0.0)
        covariance[np.diag_indices(n)] = 1e-6 * total / n  # where the finest variance is 0
        for variance, code in zip(variances, codes, strict=True):
            covariance += variance * (code[:, None] == code)
        # Inverted as a whole, once a round: n is `MAX_ROWS` at most.
        inverse = np.linalg.inv(covariance)
        # P = V^-1 - V^-1 1 1' V^-1 / (1' V^-1 1).
        ones = inverse.sum(axis=1)
        p = inverse - np.outer(ones, ones) / ones.sum()
    if np.any(active):
        # The information of REML is half of tr(P V_k P V_j), P at the variances found.
        inverse_information = np.linalg.inv(
            _trace_products(p, [c for c, is_active in zip(codes, active, strict=True) if is_active])
        )
        errors[active] = np.sqrt(np.maximum(2 * np.diag(inverse_information), 0))
    return variances, errors


def _solve_nonnegative(
    min_variance: float, matrix: NDArray[np.float64], right_side: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """The solution with 0 for every variance below `min_variance`, and which are not 0."""
    active = np.ones(len(right_side), dtype=bool)
    while active.any():
        part = np.linalg.solve(matrix[np.ix_(active, active)], right_side[active])
        if part.min() >= min_variance:
            break
        # The lowest is set to 0 first and the rest solved again, as the others change with it.
        active[np.flatnonzero(active)[part.argmin()]] = False
    solution = np.zeros(len(right_side))
    if active.any():
        solution[active] = part
    return solution, active
