"""Tables with one column a rater or a dimension, as spreadsheets are kept: made long."""

from __future__ import annotations

from collections.abc import Sequence

from memalign_bench.datasets.tabular.contents import Contents
from memalign_bench.datasets.tabular.reading import COLUMNS, Reader, our_spelling
from memalign_bench.datasets.tabular.tables import Row
from memalign_bench.datasets.tabular.values import is_missing
from memalign_bench.types import NOT_APPLICABLE

__all__ = ["long_rows"]

_SUMMARIES = frozenset(
    {"average", "avg", "count", "majority", "mean", "median", "mode", "std", "sum", "total"}
)
"""Columns of these names hold what was made of the raters' grades."""

_MAX_NAMED = 20


def long_rows(rows: Sequence[Row], reader: Reader, contents: Contents) -> Sequence[Row]:
    """Rows of one label each, where columns are raters or dimensions; else the rows as they are.

    Columns of raters are those that `dataset.raters` names. Where it names none and the table has
    neither score nor labels, columns that bear a dimension's name hold its scores; else raters are
    the two or more other columns in which every cell that says something is a grade.
    """
    names = list(dict.fromkeys(name for row in rows for name in row.values))
    # pandas names columns without a header "Unnamed: 0".
    others = [
        name
        for name in names
        if name.strip() and not name.startswith("Unnamed") and name not in _our_columns(reader)
    ]
    named = list(reader.raters)
    dimensions = [] if named else _find_dimension_columns(names, others, reader)
    raters = named or dimensions or _find_rater_columns(rows, others, reader, contents)
    read = raters if named or dimensions or len(raters) > 1 else []
    # Of those that spell one of ours another note tells.
    if unread := [
        name for name in others if name not in read and our_spelling(name) not in COLUMNS
    ]:
        contents.told.append(f"columns not read: {_named(unread)}.")
    if not read:
        return rows
    missing = [name for name in raters if name not in names]
    contents.problems += [f"dataset.raters: there is no column {name!r}." for name in missing]
    if dimensions:
        contents.told.append(f"scores of dimensions are read from columns {_named(raters)}.")
    elif not named:
        contents.told.append(
            f"columns {_named(raters)} are read as raters (dataset.raters names others)."
        )
    if len(raters) > 1 and any(not is_missing(reader.value(row, "rationale")) for row in rows):
        whose = "dimensions is of none" if dimensions else "raters is nobody's"
        contents.told.append(f"a rationale in a row of several {whose}; left out.")
    head = "dimension" if dimensions else "rater"
    return [
        _label_row(row, name, head, reader, alone=len(raters) == 1)
        for row in rows
        for name in raters
    ]


def _named(columns: Sequence[str]) -> str:
    """The names of columns, of many the first."""
    shown = ", ".join(map(repr, columns[:_MAX_NAMED]))
    return shown if len(columns) <= _MAX_NAMED else f"{shown}, ... ({len(columns):,})"


def _our_columns(reader: Reader) -> set[str]:
    return {reader.columns.get(name, name) for name in COLUMNS}


def _find_dimension_columns(
    names: Sequence[str], others: Sequence[str], reader: Reader
) -> list[str]:
    """Columns that bear the names of the rubric's dimensions, where no others hold scores."""
    if any(reader.columns.get(name, name) in names for name in ("score", "labels", "dimension")):
        return []
    return [name for name in others if name.strip().casefold() in reader.dimension_names]


def _find_rater_columns(
    rows: Sequence[Row], others: Sequence[str], reader: Reader, contents: Contents
) -> list[str]:
    """Columns that look like raters: none of ours, and nothing but grades in them.

    A column of grades with a few other cells is a problem: it may be a rater who would be lost.
    """
    names = {name for row in rows for name in row.values}
    if any(reader.columns.get(name, name) in names for name in ("score", "labels", "rater")):
        return []
    # Without a column of dimensions nobody knows which of several was graded.
    implied = len(reader.rubric.dimensions) == 1
    if not implied and reader.columns.get("dimension", "dimension") not in names:
        return []
    allowed = {NOT_APPLICABLE, *reader.rubric.scale.grades}
    raters = []
    for name in others:
        cells = [(row, value) for row in rows if not is_missing(value := row.values.get(name))]
        # Problems are thrown away: here they only say that this is no rater's column.
        strays = [cell for cell in cells if reader.grading.score(cell[1], []) not in allowed]
        if name.strip().casefold() in _SUMMARIES or 2 * len(strays) >= len(cells):
            continue
        if strays and reader.unlabelled:
            continue
        raters.append(name)
        contents.problems += [
            f"{row.place}: column {name!r} holds grades but for {value!r:.60}; mend that, or name"
            " the raters' columns: dataset.raters=[NAME, NAME]."
            for row, value in strays
        ]
    return raters


def _label_row(row: Row, name: str, head: str, reader: Reader, *, alone: bool) -> Row:
    """The row of one rater's label, or of the label on one dimension."""
    column_names = {ours: reader.columns.get(ours, ours) for ours in ("score", "rationale", head)}
    values = {
        **row.values,
        column_names["score"]: row.values.get(name),
        column_names[head]: name,
    }
    if not alone:
        # Of several in a row nobody knows whose rationale it is.
        values[column_names["rationale"]] = ""
    return Row(f"{row.place}, column {name!r}", values)
