"""Read notebooks that nobody vouches for: never executed, limited in size, images left behind.

Whatever `nbformat` opens is taken, valid or not; what is wrong with it stands in `mended`.
"""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from memalign_bench.errors import UnreadableError
from memalign_bench.notebooks.outputs import joined, output_text
from memalign_bench.notebooks.terminal import plain_text

__all__ = [
    "MAX_BYTES",
    "Cell",
    "Notebook",
    "clean_text",
    "read_notebook",
    "without_images",
    "without_surrogates",
]

MAX_BYTES = 20_000_000
"""A notebook above this, its images not counted, is refused."""

MAX_OUTPUT_CHARACTERS = 20_000
"""Characters kept of one cell's output; a view shows far fewer."""

_IMAGE = re.compile(
    r'("image/(?!svg)[\w.+-]+"\s*:\s*)(?:"[^"\\]*(?:\\.[^"\\]*)*"|\[[^\[\]{}]*\])'
    r"|(data:image/[\w.+-]+;base64,)[\w+/=]*"
)
_CONFLICT = re.compile(r"^(?:<{7}|>{7}) ", re.MULTILINE)
_MENDED_SHOWN = 3


@dataclass(frozen=True)
class Cell:
    """One cell of a notebook.

    Attributes:
        index: Position in the notebook, from 0.
        kind: `code`, `markdown` or `raw`.
        source: The cell's text.
        output: Text of its outputs; an image stands as `[image]`.
        execution_count: The number in the cell's bracket, where it has one.
    """

    index: int
    kind: Literal["code", "markdown", "raw"]
    source: str
    output: str = ""
    execution_count: int | None = None


@dataclass(frozen=True)
class Notebook:
    """The cells of one notebook, in order.

    Attributes:
        cells: The cells.
        mended: What is not as the format has it and was read all the same, a line each.
    """

    cells: tuple[Cell, ...]
    mended: tuple[str, ...] = ()

    @property
    def blank(self) -> bool:
        """Whether no cell says anything."""
        return not any(cell.source.strip() or cell.output.strip() for cell in self.cells)


# Whoever checks a notebook parses it, and whoever shows it does so again.
@lru_cache(maxsize=256)
def read_notebook(content: str, where: str) -> Notebook:
    """Parse nbformat JSON.

    Args:
        content: The file's text.
        where: How error messages name the notebook.

    Raises:
        UnreadableError: If the text is too large, not JSON (a merge conflict is named), nested too
            deeply, or nothing that `nbformat` opens.
    """
    import nbformat

    logging.getLogger("traitlets").addFilter(_is_news)
    content = without_images(content)
    if len(content) > MAX_BYTES:
        raise UnreadableError(where, [f"{len(content):,} characters; the limit is {MAX_BYTES:,}."])
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # nbformat tells what `mended` tells
            notebook = nbformat.reads(content.removeprefix("\ufeff"), as_version=4)
            cells = tuple(_cell(index, cell) for index, cell in enumerate(notebook.cells))
            mended = tuple(_mended(notebook))
    except RecursionError:
        raise UnreadableError(where, ["nested too deeply to be a notebook."]) from None
    except nbformat.reader.NotJSONError as error:
        raise UnreadableError(where, [_not_json(content, error.__cause__)]) from None
    except Exception as error:  # nbformat raises bare AttributeError, KeyError and others here
        raise UnreadableError(where, [f"not a notebook: {_first_line(error)}"]) from error
    return Notebook(cells, mended)


def without_images(content: str) -> str:
    """A large notebook without the pictures in it; a small one as it is."""
    return content if len(content) <= MAX_BYTES else _IMAGE.sub(_emptied, content)


def _emptied(found: re.Match[str]) -> str:
    return f'{found[1]}""' if found[1] else found[2]


def _is_news(record: logging.LogRecord) -> bool:
    """Keep nbformat from printing what `mended` lists."""
    return "Notebook JSON" not in record.getMessage()


def _mended(notebook: Any) -> Iterator[str]:
    from nbformat.validator import iter_validate

    try:
        faults = [_fault(error) for error in iter_validate(notebook)]
    except Exception as error:  # the validator stumbles over what it is to describe
        faults = [f"not as the format has it ({type(error).__name__}: {_first_line(error)})"]
    yield from faults[:_MENDED_SHOWN]
    if len(faults) > _MENDED_SHOWN:
        yield f"and {len(faults) - _MENDED_SHOWN} more"


def _fault(error: Any) -> str:
    """One departure from the format, with its cell where it is known."""
    places = [part for part in error.absolute_path if isinstance(part, int)]
    cell = f"cell {places[0] + 1}: " if "cells" in error.absolute_path and places else ""
    return f"{cell}{_first_line(error)}"


def _not_json(content: str, cause: Any) -> str:
    conflict = _CONFLICT.search(content)
    if conflict:
        line = content.count("\n", 0, conflict.start()) + 1
        return (
            f"line {line}: the marks of a merge conflict ({conflict[0].strip()}); settle it"
            " (git checkout --ours or --theirs, or nbdime mergetool), then try again."
        )
    at = f" (line {cause.lineno})" if hasattr(cause, "lineno") else ""
    return f"not valid JSON{at}: it starts with {content[:40]!r}."


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]


def _cell(index: int, cell: Mapping[str, Any]) -> Cell:
    kind = cell.get("cell_type")
    outputs = (cell.get("outputs") or ()) if kind == "code" else ()
    count = cell.get("execution_count")
    return Cell(
        index=index,
        kind=kind if kind in ("code", "markdown") else "raw",
        source=clean_text(joined(cell.get("source"))),
        output=clean_text(output_text(outputs))[:MAX_OUTPUT_CHARACTERS],
        execution_count=count if isinstance(count, int) else None,
    )


def clean_text(text: str) -> str:
    """The text without what no prompt and no file can carry: escapes, controls, lone surrogates."""
    return without_surrogates(plain_text(text))


def without_surrogates(text: str) -> str:
    """The text with each lone surrogate, which no UTF-8 file can hold, as a question mark."""
    return text.encode("utf-8", "replace").decode("utf-8")
