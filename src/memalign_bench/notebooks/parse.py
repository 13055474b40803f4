"""Read notebooks that nobody vouches for: never executed, limited in size, images left behind."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from memalign_bench.errors import DataError

__all__ = ["MAX_BYTES", "Cell", "Notebook", "read_notebook", "without_surrogates"]

MAX_BYTES = 20_000_000
"""A notebook above this is refused unread."""

MAX_OUTPUT_CHARACTERS = 20_000
"""Characters kept of one cell's output; a view shows far fewer."""

_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


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
    """The cells of one notebook, in order."""

    cells: tuple[Cell, ...]


# Whoever checks a notebook parses it, and whoever shows it does so again.
@lru_cache(maxsize=256)
def read_notebook(content: str, where: str) -> Notebook:
    """Parse nbformat JSON.

    Args:
        content: The file's text.
        where: How error messages name the notebook.

    Raises:
        DataError: If the text is too large, not JSON, nested too deeply, or not nbformat 4.
    """
    import nbformat

    if len(content) > MAX_BYTES:
        raise DataError(where, [f"{len(content):,} characters; the limit is {MAX_BYTES:,}."])
    try:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # nbformat warns of missing cell ids; they do not matter
            notebook = nbformat.reads(content, as_version=4)
            nbformat.validate(notebook)
    except RecursionError:
        raise DataError(where, ["nested too deeply to be a notebook."]) from None
    except nbformat.ValidationError as error:
        raise DataError(where, [f"not a valid notebook: {_first_line(error)}"]) from error
    except nbformat.reader.NotJSONError:
        raise DataError(where, [f"not valid JSON: it starts with {content[:40]!r}."]) from None
    except Exception as error:  # nbformat raises bare AttributeError, KeyError and others here
        raise DataError(where, [f"not a notebook: {_first_line(error)}"]) from error
    return Notebook(tuple(_cell(index, cell) for index, cell in enumerate(notebook.cells)))


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]


def _cell(index: int, cell: Mapping[str, Any]) -> Cell:
    kind = cell["cell_type"]
    outputs = [_output_text(output) for output in cell.get("outputs", [])]
    return Cell(
        index=index,
        kind=kind if kind in ("code", "markdown") else "raw",
        source=_plain(cell["source"]),
        output=_plain("\n".join(text for text in outputs if text))[:MAX_OUTPUT_CHARACTERS],
        execution_count=cell.get("execution_count"),
    )


def _output_text(output: Mapping[str, Any]) -> str:
    if output["output_type"] == "stream":
        return str(output["text"]).rstrip()
    if output["output_type"] == "error":
        return f"{output['ename']}: {output['evalue']}"
    data = output.get("data", {})
    image = any(key.startswith("image/") for key in data)
    text = str(data.get("text/plain", "")).rstrip()
    return "[image]" if image else text


def _plain(text: str) -> str:
    """Drop colour codes, NULs and lone surrogates, which no prompt and no file can carry."""
    return without_surrogates(_ANSI.sub("", text).replace("\x00", ""))


def without_surrogates(text: str) -> str:
    """The text with each lone surrogate, which no UTF-8 file can hold, as a question mark."""
    return text.encode("utf-8", "replace").decode("utf-8")
