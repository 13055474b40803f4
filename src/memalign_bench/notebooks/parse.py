"""Read notebooks that nobody vouches for: never executed, limited in size, images left behind.

Whatever `nbformat` opens is taken, valid or not, and of what it does not open the cells that say
something; what is wrong with it stands in `mended`.
"""

from __future__ import annotations

import json
import logging
import re
import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from memalign_bench.errors import UnreadableError
from memalign_bench.notebooks.outputs import joined, output_text
from memalign_bench.notebooks.terminal import plain_text
from memalign_bench.notebooks.widgets import widgets_of, with_widgets

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
_PICTURE = re.compile(r"(data:[\w.+-]+/[\w.+-]+;base64,)[\w+/=]{40,}")
_CONFLICT = re.compile(r"^(?:<{7}|>{7})(?= |\r?$)", re.MULTILINE)
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
            content = content.removeprefix("\ufeff")
            if '"nbformat"' not in content:  # taken for version 1, which has no source
                json.loads(content)
                raise LookupError("nbformat is missing")
            notebook = nbformat.reads(content, as_version=4)
            cells = _cells(notebook.cells, notebook.metadata)
            mended = tuple(_mended(notebook))
    except RecursionError:
        raise UnreadableError(where, ["nested too deeply to be a notebook."]) from None
    except (nbformat.reader.NotJSONError, json.JSONDecodeError) as error:
        raise UnreadableError(where, [_not_json(content, error.__cause__ or error)]) from None
    except Exception as error:  # nbformat raises bare AttributeError, KeyError and others here
        return _without_nbformat(content, where, error)
    return Notebook(cells, mended)


def _without_nbformat(content: str, where: str, error: Exception) -> Notebook:
    """The cells of a notebook of version 4 that `nbformat` stumbles over (metadata left out, say).

    Raises:
        UnreadableError: If it is none, or its cells say nothing.
    """
    whole = json.loads(content)
    told = _first_line(error)
    if not isinstance(whole, dict) or not isinstance(whole.get("cells", []), list):
        raise UnreadableError(where, ["not a notebook, which is an object with a list of cells."])
    held = [cell for cell in whole.get("cells", ()) if isinstance(cell, dict)]
    cells = _cells(held, whole.get("metadata"))
    found = Notebook(cells, (f"not as the format has it ({told})",))
    if found.blank or str(whole.get("nbformat", 4)) not in ("4", "4.0"):
        raise UnreadableError(where, [f"not a notebook: {told}"]) from error
    return found


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
    if not content.strip():
        return "not valid JSON: the file is empty."
    near = content[max(cause.pos - 20, 0) : cause.pos + 20] if cause.pos else content[:40]
    return f"not valid JSON (line {cause.lineno}, at {near!r})."


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]


def _cells(cells: Iterable[Mapping[str, Any]], metadata: Any) -> tuple[Cell, ...]:
    widgets = widgets_of(metadata)
    return tuple(_cell(index, cell, widgets) for index, cell in enumerate(cells))


def _cell(index: int, cell: Mapping[str, Any], widgets: Mapping[str, Any]) -> Cell:
    kind = cell.get("cell_type")
    held = cell.get("outputs") if kind == "code" else ()
    outputs = held if isinstance(held, list) else ()
    count = cell.get("execution_count")
    return Cell(
        index=index,
        kind=kind if kind in ("code", "markdown") else "raw",
        source=_said(joined(cell.get("source"))),
        output=_said(output_text(with_widgets(outputs, widgets)))[:MAX_OUTPUT_CHARACTERS],
        execution_count=count if isinstance(count, int) else None,
    )


def _said(text: str) -> str:
    """A cell's text without the bytes of pictures that were pasted into it."""
    return clean_text(_PICTURE.sub(r"\1...", text))


def clean_text(text: str) -> str:
    """The text without what no prompt and no file can carry: escapes, controls, lone surrogates."""
    return without_surrogates(plain_text(text))


def without_surrogates(text: str) -> str:
    """The text with each lone surrogate, which no UTF-8 file can hold, as a question mark."""
    return text.encode("utf-8", "replace").decode("utf-8")
