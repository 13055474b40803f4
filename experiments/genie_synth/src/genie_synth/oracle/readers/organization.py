"""Reads how a notebook is cut into cells, headed, explained, closed and tidied."""

from __future__ import annotations

import ast
import re
from collections import Counter
from typing import Any

from genie_synth.oracle.trace import Trace, works
from memalign_bench.notebooks.parse import Cell

__all__ = ["is_commented_code", "read"]

FEW_CELLS = 5
"""A notebook with no more cells of work is cut too coarsely."""

OFTEN = 3
"""A look that is repeated in so many cells was left over."""

_HEADER = re.compile(r"^#{1,6}\s+\S", re.M)
_SECTION = re.compile(r"^#{2,6}\s+\S")


def read(seen: Trace) -> dict[str, Any]:
    """Facets of cell_organization."""
    work = sum(works(tree) for _, tree in seen.trees)
    counts = [c.execution_count for c in seen.cells if c.kind == "code" and c.execution_count]
    layout = "one_cell" if work <= 1 else "big_cells" if work <= FEW_CELLS else "steps"
    return {
        "layout": layout,
        "headers": _headers(seen),
        "summary": _closes_with_words(seen),
        "leftovers": _leftovers(seen),
        "counts": "in_order" if counts == sorted(counts) else "out_of_order",
    }


def _sections(seen: Trace) -> list[tuple[int, bool]]:
    """Places of sections and whether words stand between the header and the code below."""
    found: list[tuple[int, bool]] = []
    for place, cell in enumerate(seen.cells):
        if cell.kind == "markdown" and _SECTION.match(cell.source.strip()):
            found.append((place, _words_below(cell)))
    return found


def _words_below(cell: Cell) -> bool:
    lines = [line.strip() for line in cell.source.strip().splitlines()[1:]]
    return any(line and not line.startswith("#") for line in lines)


def _headers(seen: Trace) -> str:
    sections = _sections(seen)
    if not sections:
        return "none"
    explained = sum(words for _, words in sections)
    return "explained" if 2 * explained > len(sections) else "bare"


def _closes_with_words(seen: Trace) -> bool:
    """Whether the notebook ends with text under a header of its own."""
    if not seen.cells or seen.cells[-1].kind != "markdown":
        return False
    last = seen.cells[-1]
    return _SECTION.match(last.source.strip()) is not None and _words_below(last)


def _leftovers(seen: Trace) -> list[str]:
    looks = Counter(
        ast.dump(tree.body[-1])
        for _, tree in seen.trees
        if isinstance(tree.body[-1], ast.Expr) and _is_look(tree.body[-1].value)
    )
    comments = [
        line.strip()
        for cell in seen.cells
        if cell.kind == "code"
        for line in cell.source.splitlines()
        if line.strip().startswith("#")
    ]
    found = ["repeated_head"] if any(n >= OFTEN for n in looks.values()) else []
    found += ["commented_code"] if any(map(is_commented_code, comments)) else []
    empty = sum(cell.kind == "code" and not cell.source.strip() for cell in seen.cells)
    return found + (["empty_cells"] if empty > 1 else [])


def _is_look(node: ast.expr) -> bool:
    names = {n.attr for n in ast.walk(node) if isinstance(n, ast.Attribute)}
    return bool(names & {"head", "tail", "sample", "describe", "info", "shape"})


def is_commented_code(line: str) -> bool:
    """Whether a comment is code that was switched off: it parses, and it calls or assigns.

    >>> is_commented_code("# df = df.dropna()"), is_commented_code("# drop the gaps")
    (True, False)
    """
    try:
        body = ast.parse(line.lstrip("# ")).body
    except (SyntaxError, ValueError):
        return False
    return any(
        isinstance(node, ast.Assign | ast.AugAssign | ast.Delete | ast.Import | ast.ImportFrom)
        or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Call))
        for node in body
    )
