"""A notebook as a model writes it: Markdown, with each code cell between fences."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

__all__ = ["as_text", "cells_in"]

_OPENING_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})[ \t]*([\w+.-]*)[^\n`]*$", re.MULTILINE)
_CODE_NAMES = ("", "python", "py", "python3", "ipython", "jupyter")
_MARKDOWN_NAMES = ("markdown", "md")


def cells_in(text: str) -> list[dict[str, str]]:
    r"""The cells that a model wrote; what was cut off inside of a fence is a code cell too.

    Small models put the whole notebook between fences of Markdown, or code between fences of
    another name: the first are taken off, and where no code is found, what parses as Python is it.

    >>> cells_in("# Load\n```python\nx = 1\n```")
    [{'cell_type': 'markdown', 'source': '# Load'}, {'cell_type': 'code', 'source': 'x = 1'}]
    """
    cells = list(_split_cells(_strip_markdown_fence(text), lambda name, _: name in _CODE_NAMES))
    if any(cell["cell_type"] == "code" for cell in cells):
        return cells
    return list(_split_cells(text, lambda name, inside: name in _CODE_NAMES or _is_python(inside)))


def _strip_markdown_fence(text: str) -> str:
    """The text without fences of Markdown around named fences of code."""
    opening = _OPENING_FENCE.search(text)
    if opening is None or opening[2].lower() not in _MARKDOWN_NAMES:
        return text
    before, inside = text[: opening.start()], text[opening.end() :]
    fences = list(_OPENING_FENCE.finditer(inside))
    if not any(fence[2].lower() in _CODE_NAMES[1:] for fence in fences):
        return text
    if len(fences) % 2:  # the one that closes the Markdown
        last = fences[-1]
        inside = inside[: last.start()] + inside[last.end() :]
    return before + inside


def _is_python(source: str) -> bool:
    """Whether it parses, and does something: one word or a JSON object parses too."""
    try:
        with warnings.catch_warnings(action="ignore"):  # of escapes in the model's strings
            body = ast.parse(source).body
    except (SyntaxError, ValueError):
        return False
    return any(not isinstance(line, ast.Expr) or isinstance(line.value, ast.Call) for line in body)


def _split_cells(text: str, holds_code: Callable[[str, str], bool]) -> Iterator[dict[str, str]]:
    start = 0
    while opening := _OPENING_FENCE.search(text, start):
        # A fence is closed by at least as many of its own marks (CommonMark, 4.5).
        closing = re.compile(
            rf"^ {{0,3}}{opening[1][0]}{{{len(opening[1])},}}[ \t]*$", re.MULTILINE
        )
        end = closing.search(text, opening.end())
        inside = text[opening.end() : end.start() if end else len(text)].strip("\n")
        is_code = holds_code(opening[2].lower(), inside)
        before = text[start : opening.start()]
        if not is_code:  # a listing of something else belongs to the text around it
            before = text[start : end.end() if end else len(text)]
        if before.strip():
            yield {"cell_type": "markdown", "source": before.strip()}
        if is_code and inside.strip():
            yield {"cell_type": "code", "source": inside}
        # An answer that was cut off has no closing fence.
        start = end.end() if end else len(text)
    if text[start:].strip():
        yield {"cell_type": "markdown", "source": text[start:].strip()}


def as_text(cells: Sequence[Mapping[str, Any]]) -> str:
    """Cells written as a model would."""
    return "\n\n".join(map(_cell_text, cells))


def _cell_text(cell: Mapping[str, Any]) -> str:
    source = str(cell["source"])
    # Longer than any fence inside of the cell.
    longest = max(map(len, re.findall("`+", source)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}python\n{source}\n{fence}" if cell["cell_type"] == "code" else source
