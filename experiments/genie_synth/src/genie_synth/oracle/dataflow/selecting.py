"""What subscripts do to values: columns taken, rows filtered, rows cut in two."""

from __future__ import annotations

import ast
from dataclasses import replace

from genie_synth.oracle.dataflow.events import Walk
from genie_synth.oracle.dataflow.values import NOTHING, Value, join

__all__ = ["last_of", "loc_result", "subscript_result"]


def subscript_result(walk: Walk, base: Value, index: Value) -> Value:
    """`base[index]`."""
    if isinstance(index.constant, str) and index.constant in base.keys:
        return base.keys[index.constant]
    place = index.number
    if base.entries is not None and place is not None and abs(place) < len(base.entries):
        return base.entries[int(place)]
    # Indexed by a score: the best of what was tried.
    if index.has("score") and not index.rows <= {"new"}:
        return base.derived.without("candidate", "tried")
    if base.rows and index.strings:
        return with_columns(walk, base, index.strings)
    if base.rows and index.marks & {"missing", "present", "comparison"}:
        return _filtered_rows(walk, base, index)
    return join([base, index])


def with_columns(walk: Walk, base: Value, names: tuple[str, ...]) -> Value:
    """Columns of a frame by name; groups keep the column they are grouped by."""
    group_columns = base.columns if base.has("grouped") else frozenset()
    marks = base.marks if base.has("statistic") else base.marks - {"target"}
    if walk.setting.target in names:
        marks |= {"target"}
    return replace(base.derived, columns=group_columns | set(names), marks=marks)


def _filtered_rows(walk: Walk, base: Value, index: Value) -> Value:
    walk.record("rows", receiver=base, args=(index,))
    return replace(base.derived, marks=base.marks | (index.marks & {"prediction"}))


def loc_result(walk: Walk, base: Value, index: ast.expr) -> Value:
    """`base.iloc[...]` and `base.loc[...]`."""
    rows, columns = _rows_and_columns(index)
    selected_rows = _selected_rows(walk, base, rows)
    if columns is None:
        return selected_rows
    names = walk.value(columns).strings
    if not names:
        return selected_rows
    return with_columns(walk, selected_rows, names)


def _rows_and_columns(index: ast.expr) -> tuple[ast.expr, ast.expr | None]:
    if isinstance(index, ast.Tuple) and len(index.elts) == 2:
        return index.elts[0], index.elts[1]
    return index, None


def _selected_rows(walk: Walk, base: Value, index: ast.expr) -> Value:
    if isinstance(index, ast.Slice):
        return _rows_of_slice(walk, base, index)
    value = walk.value(index)
    if value.has("inside"):
        return replace(base.derived, rows=base.rows)
    if value.has("outside"):
        return replace(
            base.derived, rows=frozenset({"fold"}) if "train" in base.rows else base.rows
        )
    if value.has("index") and value.rows:
        return replace(base.derived, rows=value.rows)
    if value.marks & {"missing", "present", "comparison"}:
        return _filtered_rows(walk, base, value)
    return join([base, value])


def _rows_of_slice(walk: Walk, base: Value, index: ast.Slice) -> Value:
    """Rows up to, or from, a computed place cut the data in two; fixed places only trim it."""
    lower, upper = walk.value(index.lower), walk.value(index.upper)
    computed = any(
        node is not None and value.number is None
        for node, value in ((index.lower, lower), (index.upper, upper))
    )
    if index.lower is not None and index.upper is None and base.entries is not None:
        return last_of(base)
    if not computed or base.rows != {"all"} or (index.lower and index.upper):
        return base.derived if "all" in base.rows else base.derived.marked("part")
    walk.record("split", receiver=base)
    side = "train" if index.lower is None else "test"
    return replace(base.derived.without("part"), rows=frozenset({side}))


def last_of(base: Value) -> Value:
    """The end of several frames put below one another."""
    if base.entries:
        end = base.entries[-1]
        return replace(base.derived, rows=end.rows or base.rows)
    return base.derived if base.entries is None else NOTHING
