"""Tables as files: csv to compute with, md and tex to read."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "CONSTANT",
    "Page",
    "make_page",
    "number",
    "p_value",
    "rows_of",
    "texts_of",
    "with_interval",
]

CONSTANT = "†"
"""Marks a judge that gives every item of a dimension the same grade."""

_LATEX = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    CONSTANT: r"\textdagger{}",
}


class Page(NamedTuple):
    """A table for people: heads, cells, what stands below it, and what it says in words."""

    heads: list[str]
    cells: list[list[str]]
    notes: list[str]
    findings: Sequence[str] = ()


def texts_of(frame: pd.DataFrame, page: Page) -> dict[str, str]:
    """Ending -> the text of a table's file."""
    return {"csv": _csv(frame), "md": _md(page), "tex": _tex(page)}


def _csv(frame: pd.DataFrame) -> str:
    """Six decimals for reals (six digits for p-values), true or false, nothing where missing."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(frame.columns)
    for row in frame.itertuples(index=False):
        writer.writerow(_plain(name, v) for name, v in zip(frame.columns, row, strict=True))
    return out.getvalue()


def _plain(name: str, value: Any) -> str:
    if isinstance(value, float):
        if math.isnan(value):
            return ""
        return f"{value:.6g}" if name.startswith("p_") else f"{round(value, 6) + 0.0:.6f}"
    return str(value).lower() if str(value) in ("True", "False") else str(value)


def make_page(
    columns: Mapping[str, Callable[[Mapping[str, Any]], str]],
    table: pd.DataFrame,
    notes: Sequence[str],
    findings: Sequence[str] = (),
) -> Page:
    """Cells of a table without the columns that are empty throughout.

    Args:
        columns: Head -> the text of a row's cell; spaces around it only tell heads apart.
        table: The numbers.
        notes: What stands below it.
        findings: What it says, a sentence or two each.
    """
    rows = rows_of(table)
    filled = {head: [show(row) for row in rows] for head, show in columns.items()}
    filled = {head: cells for head, cells in filled.items() if any(cells)}
    cells = [list(row) for row in zip(*filled.values(), strict=True)]
    return Page([head.strip() for head in filled], cells, [*notes], tuple(findings))


def rows_of(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows of a frame by column name."""
    return [{str(name): v for name, v in row.items()} for row in table.to_dict("records")]


def number(value: float, decimals: int = 2, *, signed: bool = False) -> str:
    """A number for people; nothing where it is missing."""
    if math.isnan(value):
        return ""
    rounded = round(value, decimals) + 0.0
    return f"{rounded:+.{decimals}f}" if signed and rounded else f"{rounded:.{decimals}f}"


def with_interval(
    row: Mapping[str, Any], name: str, low: str, high: str, *, signed: bool = False
) -> str:
    """A number with its interval, where it has one."""
    point = number(row[name], signed=signed)
    if not point or math.isnan(row[low]):
        return point
    return f"{point} [{number(row[low])}, {number(row[high])}]"


def p_value(value: float) -> str:
    """A p-value for people; nothing where there is none."""
    if math.isnan(value):
        return ""
    return "<0.001" if value < 0.001 else f"{value:.3f}"


def _md(page: Page) -> str:
    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(_md_escape(cell) for cell in cells) + " |"

    lines = [f"- {_md_escape(text)}" for text in (*page.findings, *page.notes)]
    table = [line(page.heads), "|" + " --- |" * len(page.heads), *map(line, page.cells)]
    return "\n".join([*table, "", *lines, ""])


def _md_escape(text: str) -> str:
    text = " ".join(text.split())
    for char in "\\|*_`":
        text = text.replace(char, f"\\{char}")
    return text.replace("<", "&lt;").replace(">", "&gt;")


def _tex(page: Page) -> str:
    def line(cells: Sequence[str]) -> str:
        return " & ".join(_tex_escape(cell) for cell in cells) + r" \\"

    return "\n".join(
        [
            "% needs \\usepackage{booktabs}",
            rf"\begin{{tabular}}{{{'l' * len(page.heads)}}}",
            r"\toprule",
            line(page.heads),
            r"\midrule",
            *map(line, page.cells),
            r"\bottomrule",
            r"\end{tabular}",
            *(rf"\par\footnotesize {_tex_escape(note)}" for note in (*page.findings, *page.notes)),
            "",
        ]
    )


def _tex_escape(text: str) -> str:
    # A cell that begins with a bracket would be taken for an argument of the line before it.
    escaped = "".join(_LATEX.get(char, char) for char in " ".join(text.split()))
    return "{}" + escaped if escaped.startswith("[") else escaped
