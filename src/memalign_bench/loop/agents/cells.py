"""A notebook as a model writes it: Markdown, with each code cell between fences."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

__all__ = ["as_text", "cells_in"]

_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})[ \t]*([\w+.-]*)[^\n`]*$", re.MULTILINE)
_CODE = ("", "python", "py", "python3", "ipython", "jupyter")


def cells_in(text: str) -> list[dict[str, str]]:
    r"""The cells that a model wrote; what was cut off inside of a fence is a code cell too.

    >>> cells_in("# Load\n```python\nx = 1\n```")
    [{'cell_type': 'markdown', 'source': '# Load'}, {'cell_type': 'code', 'source': 'x = 1'}]
    """
    return list(_cells(text))


def _cells(text: str) -> Iterator[dict[str, str]]:
    start = 0
    while opening := _FENCE.search(text, start):
        closing = re.compile(
            rf"^ {{0,3}}{opening[1][0]}{{{len(opening[1])},}}[ \t]*$", re.MULTILINE
        )
        end = closing.search(text, opening.end())
        inside = text[opening.end() : end.start() if end else len(text)].strip("\n")
        is_code = opening[2].lower() in _CODE
        before = text[start : opening.start()]
        if not is_code:  # a listing of something else belongs to the text around it
            before = text[start : end.end() if end else len(text)]
        if before.strip():
            yield {"cell_type": "markdown", "source": before.strip()}
        if is_code and inside.strip():
            yield {"cell_type": "code", "source": inside}
        start = end.end() if end else len(text)
    if text[start:].strip():
        yield {"cell_type": "markdown", "source": text[start:].strip()}


def as_text(cells: Sequence[Mapping[str, Any]]) -> str:
    """Cells written as a model would."""
    return "\n\n".join(map(_written, cells))


def _written(cell: Mapping[str, Any]) -> str:
    source = str(cell["source"])
    fence = "````" if "```" in source else "```"
    return f"{fence}python\n{source}\n{fence}" if cell["cell_type"] == "code" else source
