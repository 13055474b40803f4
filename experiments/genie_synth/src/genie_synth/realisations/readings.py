"""True facts of a case's data, for authors who look at it: weak columns, tails, groups, gaps."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from genie_synth.sketch.case import Case

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "correlations",
    "few_valued",
    "free_columns",
    "group_means",
    "rounded",
    "start_of_series",
    "strongest_pair",
    "tail",
]


class Tail(NamedTuple):
    """Values of a column beyond a round limit: how many rows, and the largest."""

    column: str
    limit: float
    n_above: int
    largest: float


class Correlation(NamedTuple):
    """Two numeric inputs and their correlation."""

    first: str
    second: str
    value: float


class Start(NamedTuple):
    """The first stretch of a series against the rest."""

    date: str
    n_rows: int
    early: float
    later: float


class Group(NamedTuple):
    """A level of a nominal column and the mean of the target there."""

    level: str
    mean: float


def rounded(value: float, digits: int = 2) -> float:
    """A value to so many significant digits, as a person would write it.

    >>> rounded(187.3), rounded(0.0316), rounded(0.0)
    (190.0, 0.032, 0.0)
    """
    if value == 0 or not math.isfinite(value):
        return value
    return round(value, digits - 1 - math.floor(math.log10(abs(value))))


def free_columns(case: Case) -> list[str]:
    """Numeric inputs that no fact of the case mentions: an author may leave them out."""
    said = repr(dict(case.facts)) + repr(dict(case.missing))
    return [column for column in case.numeric if column not in said]


def correlations(frame: pd.DataFrame, case: Case) -> Mapping[str, float]:
    """Numeric input -> correlation with the target, the strongest first."""
    values = frame[list(case.numeric)].corrwith(frame[case.target])
    pairs = [(str(k), float(v)) for k, v in values.items() if math.isfinite(float(v))]
    return dict(sorted(pairs, key=lambda pair: -abs(pair[1])))


def strongest_pair(frame: pd.DataFrame, case: Case) -> Correlation | None:
    """The two numeric inputs that say most of one another; None with fewer than two."""
    columns = list(case.numeric)
    table = frame[columns].corr().to_numpy()
    pairs = [
        Correlation(a, b, float(table[i, j]))
        for i, a in enumerate(columns)
        for j, b in enumerate(columns)
        if i < j and math.isfinite(float(table[i, j]))
    ]
    return max(pairs, key=lambda pair: abs(pair.value), default=None)


def tail(frame: pd.DataFrame, column: str, *, share: float = 0.995) -> Tail:
    """A round limit near the given quantile of a column, and what lies above."""
    values = frame[column].dropna()
    limit = rounded(float(values.quantile(share)))
    largest = float(values.max())
    if not (values > limit).any():
        limit = rounded(float(values.quantile(share - 0.01)))
    return Tail(column, limit, int((values > limit).sum()), largest)


def few_valued(frame: pd.DataFrame, case: Case) -> str | None:
    """A complete numeric input of three to seven whole values, None where there is none."""
    for column in free_columns(case):
        values = frame[column]
        whole = not values.isna().any() and bool((values % 1 == 0).all())
        if whole and 3 <= values.nunique() <= 7:
            return column
    return None


def start_of_series(frame: pd.DataFrame, case: Case, *, share: float = 0.06) -> Start:
    """The first `share` of a series against the rest, cut at a date.

    Raises:
        ValueError: If the case has no time index.
    """
    import pandas as pd

    if case.time_index is None:
        raise ValueError(f"case {case.case_id!r} has no time index.")
    stamps = pd.to_datetime(frame[case.time_index])
    date = stamps.sort_values().iloc[int(len(frame) * share)].normalize()
    early, later = frame[case.target][stamps < date], frame[case.target][stamps >= date]
    return Start(str(date.date()), int((stamps < date).sum()), early.mean(), later.mean())


def group_means(frame: pd.DataFrame, case: Case, column: str) -> list[Group]:
    """Mean of the target by level of a nominal column, the largest first."""
    means = frame.groupby(column)[case.target].mean().sort_values(ascending=False)
    return [Group(str(level), float(mean)) for level, mean in means.items()]
