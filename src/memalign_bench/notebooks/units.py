"""Cells cut into the pieces that a view takes or leaves whole: statements, lines of text."""

from __future__ import annotations

import ast
import re
import threading
import warnings
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from memalign_bench.notebooks.budget import cut
from memalign_bench.notebooks.parse import Cell

__all__ = ["Unit", "cell_units", "parse_or_none"]

_MAX_BLOCK_LINES = 6
"""A loop, function or `with` of at most so many lines is one unit; a longer one is cut up."""

_MAGIC = re.compile(r"^(\s*)[%!]")

_parsing = threading.Lock()
"""Before Python 3.11.9 and 3.12.3 two threads in `ast.parse` upset each other's count of depth
(SystemError; python/cpython issue 106905)."""


class Unit(NamedTuple):
    """A piece of a cell.

    Attributes:
        cell: Index of the cell.
        number: Place in the cell, from 0.
        text: Its lines; lines of output begin with "> ".
        output: Whether it is output.
    """

    cell: int
    number: int
    text: str
    output: bool


# Every dimension looks at every cell, for the item's own view and for the example from memory.
@lru_cache(maxsize=4096)
def cell_units(cell: Cell, output_lines: int, line_characters: int) -> tuple[Unit, ...]:
    """The units of a cell in order: those of its source, then lines of its output.

    Code is cut into statements (with the comments above them), or into lines where it does not
    parse; markdown into lines. Blank lines are left out, long lines cut.
    """
    source_pieces = list(_code_pieces(cell.source) if cell.kind == "code" else _lines(cell.source))
    output_lines_shown = list(_lines(cell.output))[:output_lines]
    # A piece is a list of lines; one of output has just one.
    texts = [*source_pieces, *([f"> {line[0]}"] for line in output_lines_shown)]
    return tuple(
        Unit(
            cell.index,
            number,
            "\n".join(cut(line.rstrip(), line_characters) for line in lines),
            number >= len(source_pieces),
        )
        for number, lines in enumerate(texts)
    )


def _lines(text: str) -> Iterator[list[str]]:
    """Lines that are not blank, each a piece."""
    yield from ([line] for line in text.splitlines() if line.strip())


def _code_pieces(source: str) -> Iterator[list[str]]:
    """Statements with the comments above them; lines where the code does not parse."""
    lines = source.splitlines()
    # As it stands first: "%" may begin a line within an expression. Magics are no Python. `pass`
    # and a comment of the same indent take their place for the parser, so that a block that holds
    # nothing else stays a block.
    tree = parse_or_none("\n".join(lines))
    if tree is None:
        tree = parse_or_none("\n".join(_MAGIC.sub(r"\1pass #", line) for line in lines))
    if tree is None:
        yield from _lines(source)
        return
    start = 0
    for end in _piece_ends(tree.body, len(lines)):
        piece = [line for line in lines[start:end] if line.strip()]
        start = end
        if piece:
            yield piece


def parse_or_none(source: str) -> ast.Module | None:
    """The source's statements; None where it is no Python."""
    try:
        with _parsing, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # odd escapes in strings are the author's business
            return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError):
        return None


def _piece_ends(body: Sequence[ast.stmt], last: int) -> Iterator[int]:
    """Line numbers (exclusive ends) at which pieces end."""
    for statement in body:
        end = statement.end_lineno or last
        inner = _inner_body(statement)
        # `end` is the last line's number, so the difference is one less than the lines.
        if inner and end - statement.lineno >= _MAX_BLOCK_LINES:
            # The block's own head is a piece, then each of its statements.
            yield inner[0].lineno - 1
            yield from _piece_ends(inner, end)
        yield end
    # What follows the last statement: comments.
    yield last


def _inner_body(statement: ast.stmt) -> Sequence[ast.stmt]:
    """The statements inside a block; none where they stand on its first line."""
    # Of `if` and `try` the first block; what follows it is one piece.
    body = getattr(statement, "body", [])
    return body if body and body[0].lineno > statement.lineno else []
