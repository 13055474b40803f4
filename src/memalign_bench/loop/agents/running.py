"""Notebooks that an agent hands over as they are, executed in the sandbox."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from typing import Any

from memalign_bench.loop.agents.base import Draft, Order
from memalign_bench.loop.sandbox.base import Execution
from memalign_bench.notebooks.parse import read_notebook

__all__ = ["bare_notebook", "drafted", "notebook_of", "run_as_it_is", "text_of"]


def notebook_of(content: str) -> dict[str, Any]:
    """A notebook of any version as nbformat 4 JSON, without outputs.

    Raises:
        UnreadableError: If it is nothing that `nbformat` opens.
    """
    import nbformat

    read_notebook(content, "the notebook")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        held = nbformat.reads(content.removeprefix("\ufeff"), as_version=4)
    return bare_notebook(held.cells)


def bare_notebook(cells: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Kinds and sources of cells as nbformat 4 JSON, without outputs."""
    kept = []
    for index, cell in enumerate(cells):
        kind = cell.get("cell_type", "raw")
        # Ids of ours: nbformat draws them, and the same notebook should be the same file.
        bare = {"cell_type": kind, "id": f"cell-{index}", "metadata": {}}
        bare["source"] = str(cell.get("source", ""))
        kept.append(bare | ({"outputs": [], "execution_count": None} if kind == "code" else {}))
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return {
        "cells": kept,
        "metadata": {"kernelspec": kernel, "language_info": {"name": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def text_of(notebook: Any) -> str:
    """A notebook as it stands in its file."""
    import nbformat

    text: str = nbformat.writes(nbformat.from_dict(notebook), version=4)
    return text.rstrip("\n") + "\n"


def run_as_it_is(content: str, order: Order, **spent: Any) -> Draft:
    """A notebook from elsewhere, executed in the sandbox, and what that came to.

    Args:
        content: The notebook.
        order: What it was made for.
        spent: `usage` and `seconds` so far.

    Raises:
        UnreadableError: If it is nothing that `nbformat` opens.
    """
    return drafted(order.sandbox.execute(notebook_of(content), order.files), **spent)


def drafted(execution: Execution, *, seconds: float = 0.0, **more: Any) -> Draft:
    """A notebook after its execution."""
    return Draft(
        text_of(execution.notebook),
        execution.status,
        execution.executed,
        execution.error,
        seconds=seconds + execution.seconds,
        **more,
    )
