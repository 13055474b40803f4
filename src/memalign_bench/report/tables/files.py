"""A table as files: csv to compute with, md and tex to read."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from memalign_bench.report.prose import CONSTANT_MARK

if TYPE_CHECKING:
    import pandas as pd

    from memalign_bench.report.tables.table import Table

__all__ = ["texts_of"]

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
    # In LaTeX's default encoding these two print as other signs.
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    CONSTANT_MARK: r"\textdagger{}",
}


def texts_of(table: Table) -> dict[str, str]:
    """Ending -> the text of a table's file."""
    return {"csv": _csv(table.numbers), "md": _md(table), "tex": _tex(table)}


def _csv(frame: pd.DataFrame) -> str:
    """Six decimals for reals (six digits for p-values), true or false, nothing where missing."""
    out = io.StringIO()
    # By default lines would end in \r\n.
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(frame.columns)
    for row in frame.itertuples(index=False):
        writer.writerow(_csv_value(name, v) for name, v in zip(frame.columns, row, strict=True))
    return out.getvalue()


def _csv_value(name: str, value: Any) -> str:
    # NumPy's doubles are Python's floats too.
    if isinstance(value, float):
        if math.isnan(value):
            return ""
        # Six decimals would make 0 of a small p.
        if name.startswith(("p_", "q_")):
            return f"{value:.6g}"
        # `+ 0.0` makes a negative zero a zero.
        return f"{round(value, 6) + 0.0:.6f}"
    if str(value) == "<NA>":  # of a column of whole numbers
        return ""
    return str(value).lower() if str(value) in ("True", "False") else str(value)


def _md(table: Table) -> str:
    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(_md_escape(cell) for cell in cells) + " |"

    heads = [column.title for column in table.shown]
    rows = [line(heads), "|" + " --- |" * len(heads), *map(line, _cell_texts(table))]
    words = [f"- {_md_escape(text)}" for text in _prose_lines(table)]
    return "\n".join([*rows, "", *words, ""])


def _cell_texts(table: Table) -> list[list[str]]:
    return [[cell.text for cell in line.cells] for line in table.lines]


def _prose_lines(table: Table) -> list[str]:
    in_words = [line for head, lines in table.in_words.items() for line in (head, *lines)]
    return [*table.findings, *in_words, *table.notes, *table.remarks]


def _md_escape(text: str) -> str:
    # A line break would end the row of a table.
    text = " ".join(text.split())
    # The backslash first, or those that escape the others would be escaped.
    for char in "\\|*_`":
        text = text.replace(char, f"\\{char}")
    # Markdown lets HTML through.
    return text.replace("<", "&lt;").replace(">", "&gt;")


def _tex(table: Table) -> str:
    def line(cells: Sequence[str]) -> str:
        return " & ".join(_tex_escape(cell) for cell in cells) + r" \\"

    return "\n".join(
        [
            "% needs \\usepackage{booktabs}",
            rf"\begin{{tabular}}{{{'l' * len(table.shown)}}}",
            r"\toprule",
            line([column.title for column in table.shown]),
            r"\midrule",
            *map(line, _cell_texts(table)),
            r"\bottomrule",
            r"\end{tabular}",
            *(rf"\par\footnotesize {_tex_escape(text)}" for text in _prose_lines(table)),
            "",
        ]
    )


def _tex_escape(text: str) -> str:
    # Sign by sign, so that the braces of a replacement are not escaped again.
    escaped = "".join(_LATEX.get(char, char) for char in " ".join(text.split()))
    # A cell that begins with a bracket would be taken for an argument of the line before it.
    return "{}" + escaped if escaped.startswith("[") else escaped
