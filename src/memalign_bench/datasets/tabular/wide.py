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
    raters = named or _graded_columns(rows, reader)
    if not named and len(raters) < 2:
        return rows
    absent = [name for name in raters if not any(name in row.values for row in rows)]
    contents.problems += [f"dataset.raters: there is no column {name!r}." for name in absent]
    if not named:
        told = ", ".join(map(repr, raters))
        contents.told.append(f"columns {told} are read as raters (dataset.raters names others).")
    if len(raters) > 1 and any(not is_missing(reader.value(row, "rationale")) for row in rows):
        contents.told.append("a rationale in a row of several raters is nobody's; left out.")
    return [
        _label_row(row, rater, reader, alone=len(raters) == 1) for row in rows for rater in raters
    ]


def _graded_columns(rows: Sequence[Row], reader: Reader) -> list[str]:
    names = list(dict.fromkeys(name for row in rows for name in row.values))
    ours = {reader.columns.get(name, name) for name in COLUMNS}
    held = {
        name for name in ("score", "labels", "rater") if reader.columns.get(name, name) in names
    }
    if held:
        return []
    others = [name for name in names if name.strip() and not name.startswith("Unnamed")]
    return [name for name in others if name not in ours and _grades(rows, name, reader)]


def _grades(rows: Sequence[Row], name: str, reader: Reader) -> bool:
    allowed = {NOT_APPLICABLE, *reader.rubric.scale.grades}
    values = [value for row in rows if not is_missing(value := row.values.get(name))]
    return bool(values) and all(reader.grading.score(value, []) in allowed for value in values)


def _label_row(row: Row, rater: str, reader: Reader, *, alone: bool) -> Row:
    ours = {name: reader.columns.get(name, name) for name in ("score", "rater", "rationale")}
    values = {**row.values, ours["score"]: row.values.get(rater), ours["rater"]: rater}
    if not alone:
        values[ours["rationale"]] = ""
    return Row(f"{row.place}, column {rater!r}", values)
