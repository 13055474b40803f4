"""Rows taken out of rows: columns, masks, positions, labels."""

from __future__ import annotations

import ast
from dataclasses import replace

from memalign_bench.notebooks.facts.values import Value, joined, of_rows, united
from memalign_bench.notebooks.facts.wording import code_of

__all__ = ["taken_rows"]


def taken_rows(node: ast.Subscript, base: Value, index: Value) -> Value:
    """What `base[index]` holds.

    Rows taken by position are named by where they stand ("first part" up to a border), those taken
    by other rows' labels by those rows, those taken by a mask by the mask. A column or an element
    has the rows of what it is taken from.
    """
    base_and_index = joined([base, replace(index, rows=(), predicted=False, error=False)])
    if not base.data:
        return replace(base_and_index, rows=base.rows, scalar=base.scalar)
    rows = _rows_taken(node, base, index)
    if rows is None:
        return replace(base_and_index, rows=base.rows, scalar=base.scalar)
    return replace(base_and_index, rows=rows, whole=base.rows, scalar=False)


def _rows_taken(node: ast.Subscript, base: Value, index: Value) -> tuple[str, ...] | None:
    """Names of the rows that a subscript takes; None where it takes all of them."""
    selector = node.slice
    # df.loc[rows, columns]: only the first says which rows.
    if isinstance(selector, ast.Tuple) and selector.elts:
        selector = selector.elts[0]
    by_position = isinstance(node.value, ast.Attribute) and node.value.attr == "iloc"
    if isinstance(selector, ast.Slice):
        is_all = selector.lower is None and selector.upper is None and not _leaves_rows(selector)
        return None if is_all else united([(_slice_name(selector, base.rows),)])
    if index.mask:
        return (f"rows of {_without_rows_of(base.rows)} where {code_of(selector, 60)}",)
    # `df.loc[train.index]`: the rows are those of the labels.
    if index.data and index.rows != base.rows:
        return index.rows
    if by_position and isinstance(selector, ast.Name):
        return (f"rows {selector.id} of {_without_rows_of(base.rows)}",)
    return None


def _slice_name(taken: ast.Slice, rows: tuple[str, ...]) -> str:
    """A slice in words: the first or last part, or its borders."""
    where = "" if len(rows) == 1 and rows[0].startswith("rows of") else f" of {of_rows(rows)}"
    # With a step neither holds: `df[:n:-1]` begins at the end.
    if taken.step is None and taken.lower is None:
        return f"first part{where}"
    if taken.step is None and taken.upper is None:
        return f"last part{where}"
    return f"part {code_of(taken, 40)}{where}"


def _leaves_rows(taken: ast.Slice) -> bool:
    """Whether its step passes rows over; one that is not written out may.

    `df[::-1]` only turns the rows round.
    """
    return taken.step is not None and ast.unparse(taken.step) not in ("1", "-1", "None")


def _without_rows_of(rows: tuple[str, ...]) -> str:
    """Rows in words, without a leading "rows of"."""
    return of_rows(rows).removeprefix("rows of ")
