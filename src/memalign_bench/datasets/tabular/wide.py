"""Tables with one column a rater, as spreadsheets are kept: made long, one row a label."""

from __future__ import annotations

from collections.abc import Sequence

from memalign_bench.datasets.tabular.reading import COLUMNS, Contents, Reader
from memalign_bench.datasets.tabular.tables import Row
from memalign_bench.datasets.tabular.values import is_missing
from memalign_bench.types import NOT_APPLICABLE

__all__ = ["long_rows"]


def long_rows(rows: Sequence[Row], reader: Reader, contents: Contents) -> Sequence[Row]:
    """Rows of one label each, where columns are raters; else the rows as they are.

    Such columns are those that `dataset.raters` names. Where it names none and the table has
    neither score nor labels, they are the two or more other columns in which every cell that says
    something is a grade.
    """
    named = list(reader.raters)
    raters = named or _find_rater_columns(rows, reader)
    if not named and len(raters) < 2:
        return rows
    missing = [name for name in raters if not any(name in row.values for row in rows)]
    contents.problems += [f"dataset.raters: there is no column {name!r}." for name in missing]
    if not named:
        column_names = ", ".join(map(repr, raters))
        contents.told.append(
            f"columns {column_names} are read as raters (dataset.raters names others)."
        )
    if len(raters) > 1 and any(not is_missing(reader.value(row, "rationale")) for row in rows):
        contents.told.append("a rationale in a row of several raters is nobody's; left out.")
    return [
        _label_row(row, rater, reader, alone=len(raters) == 1) for row in rows for rater in raters
    ]


def _find_rater_columns(rows: Sequence[Row], reader: Reader) -> list[str]:
    """Columns that look like raters: none of ours, and nothing but grades in them."""
    names = list(dict.fromkeys(name for row in rows for name in row.values))
    our_columns = {reader.columns.get(name, name) for name in COLUMNS}
    label_columns = {
        name for name in ("score", "labels", "rater") if reader.columns.get(name, name) in names
    }
    if label_columns:
        return []
    # pandas names columns without a header "Unnamed: 0".
    others = [name for name in names if name.strip() and not name.startswith("Unnamed")]
    return [
        name for name in others if name not in our_columns and _holds_grades(rows, name, reader)
    ]


def _holds_grades(rows: Sequence[Row], name: str, reader: Reader) -> bool:
    """Whether a column holds grades (or N/A) and nothing else."""
    allowed = {NOT_APPLICABLE, *reader.rubric.scale.grades}
    values = [value for row in rows if not is_missing(value := row.values.get(name))]
    # Problems are thrown away: here they only say that this is no rater's column.
    return bool(values) and all(reader.grading.score(value, []) in allowed for value in values)


def _label_row(row: Row, rater: str, reader: Reader, *, alone: bool) -> Row:
    """The row of one rater's label."""
    column_names = {
        name: reader.columns.get(name, name) for name in ("score", "rater", "rationale")
    }
    values = {
        **row.values,
        column_names["score"]: row.values.get(rater),
        column_names["rater"]: rater,
    }
    if not alone:
        # Of several raters in a row nobody knows whose rationale it is.
        values[column_names["rationale"]] = ""
    return Row(f"{row.place}, column {rater!r}", values)
