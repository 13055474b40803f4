"""Rows taken out of rows: columns, masks, positions, labels."""

from __future__ import annotations

import ast
from dataclasses import replace

from memalign_bench.notebooks.facts.values import Value, joined, of_rows, united
from memalign_bench.notebooks.facts.wording import code_of

__all__ = ["narrowed"]


def narrowed(node: ast.Subscript, base: Value, index: Value) -> Value:
    """What `base[index]` holds.

    Rows taken by position are named by where they stand ("first part" up to a border), those taken
    by other rows' labels by those rows, those taken by a mask by the mask. A column or an element
    has the rows of what it is taken from.
    """
    both = joined([base, replace(index, rows=(), predicted=False, error=False)])
    if not base.data:
        return replace(both, rows=base.rows, scalar=base.scalar)
    rows = _rows_taken(node, base, index)
    if rows is None:
        return replace(both, rows=base.rows, scalar=base.scalar)
    return replace(both, rows=rows, whole=base.rows, scalar=False)


def _rows_taken(node: ast.Subscript, base: Value, index: Value) -> tuple[str, ...] | None:
    taken = node.slice
    if isinstance(taken, ast.Tuple) and taken.elts:
        taken = taken.elts[0]
    positions = isinstance(node.value, ast.Attribute) and node.value.attr == "iloc"
    if isinstance(taken, ast.Slice):
        is_all = taken.lower is None and taken.upper is None
        return None if is_all else united([(_part(taken, base.rows),)])
    if index.mask:
        return (f"rows of {_short(base.rows)} where {code_of(taken, 60)}",)
    if index.data and index.rows != base.rows:
        return index.rows
    if positions and isinstance(taken, ast.Name):
        return (f"rows {taken.id} of {_short(base.rows)}",)
    return None


def _part(taken: ast.Slice, rows: tuple[str, ...]) -> str:
    where = "" if len(rows) == 1 and rows[0].startswith("rows of") else f" of {of_rows(rows)}"
    if taken.lower is None:
        return f"first part{where}"
    if taken.upper is None:
        return f"last part{where}"
    return f"part {code_of(taken, 40)}{where}"


def _short(rows: tuple[str, ...]) -> str:
    return of_rows(rows).removeprefix("rows of ")
