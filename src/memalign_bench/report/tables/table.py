"""One table, written once: csv to compute with, md, tex and HTML to read."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from memalign_bench.report.numbers.frames import rows_of
from memalign_bench.report.tables.columns import Column, NumberRow

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["BY_JUDGE", "Table", "TableCell", "TableLine"]

BY_JUDGE: Mapping[str, str] = MappingProxyType({"dimension": "", "variant": "", "backend": ""})
"""Filters of a table of judges: all are shown at first."""


class TableCell(NamedTuple):
    """Text of a cell, and what it is sorted by where it holds a number."""

    text: str
    value: float | None


class TableLine(NamedTuple):
    """Cells of a row, the values that it is filtered by, and whether it is emphasised."""

    cells: tuple[TableCell, ...]
    keys: Mapping[str, str]
    bold: bool


@dataclass(frozen=True)
class Table:
    """Answers, and how people read them.

    Attributes:
        numbers: What the csv file holds, one row a line.
        columns: What people see; a column that is empty throughout is left out.
        notes: How to read it, a sentence or two each.
        findings: What it says, a line each.
        in_words: Its numbers in sentences, under a head each: a page folds them away.
        remarks: What must be said of single rows.
        filters: Columns of `numbers` by which a page lets rows be chosen -> the first choice, ""
            for all.
        bold: A row -> whether it is emphasised.
    """

    numbers: pd.DataFrame
    columns: Sequence[Column]
    notes: Sequence[str] = ()
    findings: Sequence[str] = ()
    # By a factory: `dataclass` refuses a default that cannot be hashed.
    in_words: Mapping[str, Sequence[str]] = field(default_factory=lambda: MappingProxyType({}))
    remarks: Sequence[str] = ()
    filters: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    bold: Callable[[NumberRow], bool] = lambda row: False

    # Cached properties write into `__dict__`, which `frozen` leaves alone.
    @cached_property
    def shown(self) -> list[Column]:
        """Columns that say something in any row."""
        return [
            column for column in self.columns if any(column.text(row) for row in self._number_rows)
        ]

    @cached_property
    def lines(self) -> list[TableLine]:
        """The rows for people."""
        return [
            TableLine(
                tuple(_cell(column, row) for column in self.shown),
                # As text: a page compares them with the values of its selects.
                {name: str(row[name]) for name in self.filters},
                self.bold(row),
            )
            for row in self._number_rows
        ]

    @cached_property
    def _number_rows(self) -> list[dict[str, Any]]:
        return rows_of(self.numbers)


def _cell(column: Column, row: NumberRow) -> TableCell:
    if column.value is None:
        return TableCell(column.text(row), None)
    value = column.value(row)
    return TableCell(column.text(row), math.nan if value is None else float(value))
