"""Columns of a table: what each is called, and how a row's cell reads and sorts."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from memalign_bench.report.prose import number, with_interval
from memalign_bench.report.prose import p_value as p_text

__all__ = [
    "Column",
    "NumberRow",
    "count",
    "dimension_column",
    "interval",
    "judge_columns",
    "p_value",
    "real",
    "share",
    "word",
]

NumberRow = Mapping[str, Any]
"""One row of the numbers behind a table, by column name."""

Value = str | Callable[[NumberRow], Any]
"""Where a cell's value comes from: a column of the numbers, or a function of the row."""


@dataclass(frozen=True)
class Column:
    """One column of a table for people.

    Attributes:
        title: Its head.
        text: A row of the numbers -> the cell's text, "" where there is nothing to say.
        value: A row -> what the cell is sorted by (NaN last); None where it holds words.
        help: What it means, in a line.
        unit: Unit of its numbers.
        status: Where its numbers count answers of one status, that status: a page links each to
            the items.
    """

    title: str
    text: Callable[[NumberRow], str]
    value: Callable[[NumberRow], float] | None = None
    help: str = ""
    unit: str = ""
    status: str = ""

    @property
    def explained(self) -> str:
        """Help and unit in a line."""
        # Without help the title stands before the unit: "MAE, in grades".
        return ", in ".join(filter(None, [self.help or (self.unit and self.title), self.unit]))


def _getter(value: Value) -> Callable[[NumberRow], Any]:
    return value if callable(value) else lambda row: row[value]


def word(title: str, value: Value, *, help: str = "") -> Column:
    """A column of words, sorted as text."""
    get = _getter(value)
    return Column(title, lambda row: str(get(row)), help=help)


def dimension_column(titles: Mapping[str, str]) -> Column:
    """The column of the dimension by its title; what has none, as the mean of all, by its name."""
    return word("dimension", lambda row: titles.get(row["dimension"], row["dimension"]))


def judge_columns(titles: Mapping[str, str]) -> list[Column]:
    """Which judge on which dimension."""
    return [dimension_column(titles), word("variant", "variant"), word("backend", "backend")]


def count(title: str, value: Value, *, help: str = "", status: str = "") -> Column:
    """A column of whole numbers; nothing where one is missing."""
    get = _getter(value)

    def text(row: NumberRow) -> str:
        # Where a value is missing, a column may hold floats: 3.0 reads 3.
        return "" if _missing(get(row)) else str(int(get(row)))

    return Column(title, text, lambda row: _sorted_by(get(row)), help, status=status)


def _sorted_by(value: Any) -> float:
    return math.nan if _missing(value) else float(value)


def _missing(value: Any) -> bool:
    # By its text: `pd.NA` has no truth value.
    return value is None or str(value) in ("<NA>", "nan")


def real(
    title: str,
    value: Value,
    decimals: int = 2,
    *,
    signed: bool = False,
    help: str = "",
    unit: str = "",
) -> Column:
    """A column of real numbers; NaN stays empty."""
    get = _getter(value)
    return Column(
        title, lambda row: number(get(row), decimals, signed=signed), lambda row: float(get(row)),
        help, unit,
    )  # fmt: skip


def interval(
    title: str,
    name: str,
    ends: tuple[str, str] | None = None,
    *,
    signed: bool = False,
    help: str = "",
    unit: str = "",
) -> Column:
    """A column of estimates with their 95 % intervals, sorted by the estimate.

    Args:
        title: Its head, without the level.
        name: Column of the estimate.
        ends: Columns of the limits; by default `name` with `_low` and `_high`.
        signed: Whether a plus is shown.
        help: What it means.
        unit: Its unit.
    """
    low, high = ends or (f"{name}_low", f"{name}_high")
    return Column(
        f"{title} [95 %]",
        lambda row: with_interval(row[name], row[low], row[high], signed=signed),
        lambda row: float(row[name]),
        help,
        unit,
    )


def p_value(title: str, name: str, *, help: str = "") -> Column:
    """A column of p-values."""
    return Column(title, lambda row: p_text(row[name]), lambda row: float(row[name]), help)


def share(title: str, name: str, *, help: str = "") -> Column:
    """A column of shares, shown in per cent; nothing where one is missing."""

    def text(row: NumberRow) -> str:
        return "" if _missing(row[name]) else f"{row[name]:.0%}"

    return Column(title, text, lambda row: _sorted_by(row[name]), help)
