"""Notebooks that an agent hands over: taken as they are, or executed in the sandbox."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from memalign_bench.loop.agents.base import Draft, Order, execution_state, notebook_cells
from memalign_bench.loop.sandbox.base import Execution

__all__ = [
    "draft_as_it_stands",
    "draft_from_execution",
    "draft_from_notebook",
    "notebook_without_outputs",
]


def notebook_without_outputs(cells: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Kinds and sources of cells as nbformat 4 JSON, without outputs."""
    clean_cells = []
    for index, cell in enumerate(cells):
        kind = cell.get("cell_type", "raw")
        # nbformat would draw random ids, and the same notebook must be the same file.
        clean = {"cell_type": kind, "id": f"cell-{index}", "metadata": {}}
        clean["source"] = str(cell.get("source", ""))
        clean_cells.append(
            clean | ({"outputs": [], "execution_count": None} if kind == "code" else {})
        )
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return {
        "cells": clean_cells,
        "metadata": {"kernelspec": kernel, "language_info": {"name": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def draft_from_notebook(content: str, order: Order, *, execute: bool, **spent: Any) -> Draft:
    """A notebook from elsewhere, executed in the sandbox or with the outputs that it has.

    Args:
        content: The notebook.
        order: What it was made for.
        execute: Whether it is executed.
        spent: `usage` and `seconds` so far.

    Raises:
        UnreadableError: If it is nothing that `nbformat` opens.
    """
    if not execute:
        return draft_as_it_stands(content, **spent)
    notebook = notebook_without_outputs(notebook_cells(content))
    return draft_from_execution(order.sandbox.execute(notebook, order.files), **spent)


def draft_as_it_stands(content: str, **spent: Any) -> Draft:
    """A notebook from elsewhere with its own outputs; `spent` as in `draft_from_notebook`."""
    state = execution_state(content)
    return Draft(content, executed=state.executed, error=state.error, **spent)


def draft_from_execution(execution: Execution, *, seconds: float = 0.0, **more: Any) -> Draft:
    """A notebook after its execution."""
    import nbformat

    text = nbformat.writes(nbformat.from_dict(execution.notebook), version=4)
    return Draft(
        # nbformat's text ends without a line break.
        text.rstrip("\n") + "\n",
        execution.status,
        execution.executed,
        execution.error,
        seconds=seconds + execution.seconds,
        **more,
    )
