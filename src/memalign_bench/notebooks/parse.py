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
from memalign_bench.notebooks.terminal import plain_text, says_nothing
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

_IMAGE_OUTPUT = re.compile(
    # Meets `"image/png": "iVBOR..."` (or a list of lines) and `data:image/png;base64,iVBOR...`.
    # An SVG is text, and stays.
    r'("image/(?!svg)[\w.+-]+"\s*:\s*)(?:"[^"\\]*(?:\\.[^"\\]*)*"|\[[^\[\]{}]*\])'
    r"|(data:image/[\w.+-]+;base64,)[\w+/=]*"
)
_PASTED_IMAGE = re.compile(r"(data:[\w.+-]+/[\w.+-]+;base64,)[\w+/=]{40,}")
_CONFLICT_MARK = re.compile(r"^(?:<{7}|>{7})(?= |\r?$)", re.MULTILINE)
_MAX_FAULTS = 3


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
        return all(says_nothing(cell.source) and says_nothing(cell.output) for cell in self.cells)


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

    # The same filter each time: a logger holds it once.
    logging.getLogger("traitlets").addFilter(_is_not_validation)
    content = without_images(content)
    if len(content) > MAX_BYTES:
        raise UnreadableError(where, [f"{len(content):,} characters; the limit is {MAX_BYTES:,}."])
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # nbformat tells what `mended` tells
            # A byte order mark that is left in the text is no JSON.
            content = content.removeprefix("\ufeff")
            if '"nbformat"' not in content:  # taken for version 1, which has no source
                json.loads(content)
                raise LookupError("nbformat is missing")
            notebook = nbformat.reads(content, as_version=4)
            cells = _cells(notebook.cells, notebook.metadata)
            mended = tuple(_format_faults(notebook))
    except RecursionError:
        raise UnreadableError(where, ["nested too deeply to be a notebook."]) from None
    except (nbformat.reader.NotJSONError, json.JSONDecodeError) as error:
        raise UnreadableError(where, [_json_problem(content, error.__cause__ or error)]) from None
    except Exception as error:  # nbformat raises bare AttributeError, KeyError and others here
        return _without_nbformat(content, where, error)
    return Notebook(cells, mended)


def _without_nbformat(content: str, where: str, error: Exception) -> Notebook:
    """The cells of a notebook of version 4 that `nbformat` stumbles over (metadata left out, say).

    Raises:
        UnreadableError: If it is none, or its cells say nothing.
    """
    document = json.loads(content)
    reason = _first_line(error)
    if not isinstance(document, dict) or not isinstance(document.get("cells", []), list):
        raise UnreadableError(where, ["not a notebook, which is an object with a list of cells."])
    cell_objects = [cell for cell in document.get("cells", ()) if isinstance(cell, dict)]
    cells = _cells(cell_objects, document.get("metadata"))
    notebook = Notebook(cells, (f"not as the format has it ({reason})",))
    # Cells of earlier versions have other fields, so reading them as version 4 would lose text.
    if notebook.blank or str(document.get("nbformat", 4)) not in ("4", "4.0"):
        raise UnreadableError(where, [f"not a notebook: {reason}"]) from error
    return notebook


def without_images(content: str) -> str:
    """A large notebook without the pictures in it; a small one as it is."""
    return content if len(content) <= MAX_BYTES else _IMAGE_OUTPUT.sub(_without_data, content)


def _without_data(match: re.Match[str]) -> str:
    """The beginning of a picture's entry, without its data."""
    return f'{match[1]}""' if match[1] else match[2]


def _is_not_validation(record: logging.LogRecord) -> bool:
    """Whether a log record is none of nbformat's, which `mended` tells."""
    return "Notebook JSON" not in record.getMessage()


def _format_faults(notebook: Any) -> Iterator[str]:
    """Departures from the format, the first few of them."""
    from nbformat.validator import iter_validate

    try:
        faults = [_fault_text(error) for error in iter_validate(notebook)]
    except Exception as error:  # the validator stumbles over what it is to describe
        faults = [f"not as the format has it ({type(error).__name__}: {_first_line(error)})"]
    yield from faults[:_MAX_FAULTS]
    if len(faults) > _MAX_FAULTS:
        yield f"and {len(faults) - _MAX_FAULTS} more"


def _fault_text(error: Any) -> str:
    """One departure from the format, with its cell where it is known."""
    places = [part for part in error.absolute_path if isinstance(part, int)]
    cell = f"cell {places[0] + 1}: " if "cells" in error.absolute_path and places else ""
    return f"{cell}{_first_line(error)}"


def _json_problem(content: str, cause: Any) -> str:
    """Why a text is no JSON: a merge conflict, an empty file, or the place of the error."""
    # Looked for first: it is the cause, and the place of the JSON error only its effect.
    conflict = _CONFLICT_MARK.search(content)
    if conflict:
        line = content.count("\n", 0, conflict.start()) + 1
        return (
            f"line {line}: the marks of a merge conflict ({conflict[0].strip()}); settle it"
            " (git checkout --ours or --theirs, or nbdime mergetool), then try again."
        )
    if not content.strip():
        return "not valid JSON: the file is empty."
    if not isinstance(cause, json.JSONDecodeError):  # a number of thousands of digits
        return f"not valid JSON ({_first_line(cause).partition(':')[0]})."
    near = content[max(cause.pos - 20, 0) : cause.pos + 20] if cause.pos else content[:40]
    return f"not valid JSON (line {cause.lineno}, at {near!r})."


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]


def _cells(cells: Iterable[Mapping[str, Any]], metadata: Any) -> tuple[Cell, ...]:
    """All cells, their widgets shown in their last state."""
    widgets = widgets_of(metadata)
    return tuple(_cell(index, cell, widgets) for index, cell in enumerate(cells))


def _cell(index: int, cell: Mapping[str, Any], widgets: Mapping[str, Any]) -> Cell:
    """One cell, whatever its fields hold."""
    kind = cell.get("cell_type")
    outputs_field = cell.get("outputs") if kind == "code" else ()
    outputs = outputs_field if isinstance(outputs_field, list) else ()
    count = cell.get("execution_count")
    return Cell(
        index=index,
        # An unknown kind of cell is text that nobody renders.
        kind=kind if kind in ("code", "markdown") else "raw",
        source=_cleaned(joined(cell.get("source"))),
        output=_cleaned(output_text(with_widgets(outputs, widgets)))[:MAX_OUTPUT_CHARACTERS],
        execution_count=count if isinstance(count, int) else None,
    )


def _cleaned(text: str) -> str:
    """A cell's text without the bytes of pictures that were pasted into it."""
    return clean_text(_PASTED_IMAGE.sub(r"\1...", text))


def clean_text(text: str) -> str:
    """The text without what no prompt and no file can carry: escapes, controls, lone surrogates."""
    return without_surrogates(plain_text(text))


def without_surrogates(text: str) -> str:
    """The text with each lone surrogate, which no UTF-8 file can hold, as a question mark."""
    # `replace` writes "?" for what cannot be encoded; only lone surrogates cannot.
    return text.encode("utf-8", "replace").decode("utf-8")
