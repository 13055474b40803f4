"""Which coverage is certified for a study: from the table that ships with the package."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, NamedTuple

from memalign_bench.certify.design import N_CASES
from memalign_bench.certify.errors import UNCHANGED
from memalign_bench.certify.simulation import HEADLINE
from memalign_bench.wording import counted

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["PRINTED_FROM", "Certificate", "certificate", "shipped_table"]

PRINTED_FROM = 0.94
"""Intervals of 95 % whose certified coverage is less by more than its error are not printed."""

_MIN_DRAWS = 100
"""Fewer simulated studies with so few changed cases certify nothing."""


class Certificate(NamedTuple):
    """What the simulations say of an interval in a study like this one.

    Attributes:
        regimes: The simulated regimes that it was held against; none where none is like it.
        n_cases: Simulated number of cases, the largest that is not above the study's.
        least_changed: From so many changed cases on an interval is printed.
        coverage: Of the intervals that are printed then, the least among the regimes (where none
            is, of all); NaN without a regime.
        error: Its Monte Carlo standard error.
        reason: Why no interval is printed; "" where one is.
    """

    regimes: tuple[str, ...]
    n_cases: int
    least_changed: int
    coverage: float
    error: float
    reason: str

    @property
    def printed(self) -> bool:
        """Whether the interval is to be shown."""
        return not self.reason


def certificate(
    quantity: str,
    n_cases: int,
    *,
    share_unchanged: float | None = None,
    n_changed: int | None = None,
    unequal: bool = False,
    n_seeds: int = 1,
    method: str | None = None,
    target: str = "memories",
) -> Certificate:
    """The coverage certified for an interval.

    An improvement is held against the simulated regime with the nearest share of unchanged items
    that is not below its own (the last where none is), and against those of unequal cases and of
    several fold seeds where it has them; everything else against all regimes of its quantity. With
    and without an effect each of them must reach `PRINTED_FROM`; where it does so only in studies
    in which some number of cases changed, fewer print no interval.

    Args:
        quantity: `improvement`, `level`, `rank`, `rank_difference`, `reading` or `memories`.
        n_cases: Cases of the study.
        share_unchanged: Share of items without a difference, of an improvement.
        n_changed: Cases whose differences do not sum to 0, of an improvement; None asks for no
            number of them.
        unequal: Whether cases differ in their number of items.
        n_seeds: Fold seeds.
        method: Whose interval; by default the one that tables show.
        target: `memories` (given the memories learnt) or `method` (it on other labels).

    Raises:
        ValueError: If the quantity, method or target is unknown.

    >>> certificate("improvement", 8, share_unchanged=0.7, n_changed=4).reason
    '8 cases; intervals are certified from 12 cases on'
    """
    method = method or HEADLINE.get(quantity, "")
    table = _tallies_of(shipped_table, quantity, method, target)
    if n_cases < N_CASES[0]:
        reason = f"{counted(n_cases, 'case')}; intervals are certified from {N_CASES[0]} cases on"
        return Certificate((), n_cases, 0, math.nan, math.nan, reason)
    # Rounded down to a simulated size, the cautious side.
    size = max(n for n in N_CASES if n <= n_cases)
    # All regimes of the quantity, unless it is an improvement, whose regime is known.
    regimes = tuple(dict.fromkeys(table["regime"]))
    if quantity == "improvement":
        regimes = _regimes_like(share_unchanged, unequal=unequal, n_seeds=n_seeds)
    worst_coverage = _worst_coverage(shipped_table, (quantity, method, target), size, regimes)
    return _certificate_of(worst_coverage, regimes, size, n_changed)


# A report asks hundreds of times for a few answers; the first argument says of which table.
@lru_cache(maxsize=64)
def _tallies_of(
    read: Callable[[], pd.DataFrame], quantity: str, method: str, target: str
) -> pd.DataFrame:
    """The tallies of one kind of interval."""
    table, wanted = read(), {"quantity": quantity, "method": method, "target": target}
    for column, value in wanted.items():
        table = table[table[column] == value]
        if table.empty:
            raise ValueError(f"{column}={value!r} is not certified; see {wanted!r}.")
    return table


@lru_cache(maxsize=256)
def _worst_coverage(
    read: Callable[[], pd.DataFrame],
    kind: tuple[str, str, str],
    size: int,
    regimes: tuple[str, ...],
) -> pd.DataFrame:
    """The least coverage among the regimes, by the least number of changed cases."""
    table = _tallies_of(read, *kind)
    rows = table[(table["n_cases"] == size) & table["regime"].isin(regimes)]
    rows = rows[rows["draws"] >= _MIN_DRAWS]
    return rows.sort_values("coverage").groupby("least_changed").first()


def _regimes_like(share_unchanged: float | None, *, unequal: bool, n_seeds: int) -> tuple[str, ...]:
    """Regimes of an improvement like this one; all of them where no share is given."""
    by_share = sorted(UNCHANGED, key=lambda name: UNCHANGED[name])
    if share_unchanged is None:
        regimes = by_share
    else:
        # The nearest simulated share that is not below the study's; beyond the last, the last.
        # 1e-9: a share such as 0.68 may come out of a division a last bit above it.
        above = [name for name in by_share if UNCHANGED[name] >= share_unchanged - 1e-9]
        regimes = [above[0] if above else by_share[-1]]
    # Besides the regime of its share, not instead of it: the worst of them counts.
    regimes += ["unequal_cases"] * unequal + ["three_seeds"] * (n_seeds > 1)
    return tuple(regimes)


def _certificate_of(
    worst: pd.DataFrame, regimes: tuple[str, ...], size: int, n_changed: int | None
) -> Certificate:
    """The certificate by the smallest number of changed cases that gives coverage enough."""
    # Within one Monte Carlo error of the bound counts as reaching it.
    enough = worst[worst["coverage"] + worst["coverage_error"] >= PRINTED_FROM]
    chosen = enough if len(enough) else worst
    if chosen.empty:
        reason = f"no simulated study of {size} cases is like it"
        return Certificate(regimes, size, 0, math.nan, math.nan, reason)
    # Rows rise by `least_changed` (groupby sorts): the first needs the fewest changed cases.
    min_changed, coverage, error = next(
        chosen[["coverage", "coverage_error"]].itertuples(index=True, name=None)
    )
    context = f"in simulated studies like this one ({size} cases, {' or '.join(regimes)})"
    reason = ""
    if enough.empty:
        reason = f"{context} the 95 % interval covers {coverage:.1%}, under {PRINTED_FROM:.0%}"
    elif n_changed is not None and n_changed < min_changed:
        reason = (
            f"{counted(n_changed, 'case')} changed; {context} the 95 % interval covers"
            f" {PRINTED_FROM:.0%} only where {min_changed} or more do"
        )
    return Certificate(regimes, size, int(min_changed), float(coverage), float(error), reason)


@lru_cache(maxsize=1)
def shipped_table() -> pd.DataFrame:
    """The table of `memalign-bench certify` that was shipped, one row a tally."""
    import pandas as pd

    with files("memalign_bench.certify").joinpath("coverage.csv").open() as file:
        return pd.read_csv(file)
