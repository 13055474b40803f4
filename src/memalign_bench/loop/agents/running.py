"""Notebooks that an agent hands over: taken as they are, or executed in the sandbox."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from memalign_bench.loop.agents.base import Draft, Order, cells_of, file_state
from memalign_bench.loop.sandbox.base import Execution

__all__ = ["as_it_stands", "bare_notebook", "drafted", "handed_over"]


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


def handed_over(content: str, order: Order, *, execute: bool, **spent: Any) -> Draft:
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
        return as_it_stands(content, **spent)
    notebook = bare_notebook(cells_of(content))
    return drafted(order.sandbox.execute(notebook, order.files), **spent)


def as_it_stands(content: str, **spent: Any) -> Draft:
    """A notebook from elsewhere with the outputs that it has; `spent` as in `handed_over`."""
    state = file_state(content)
    return Draft(content, executed=state.executed, error=state.error, **spent)


def drafted(execution: Execution, *, seconds: float = 0.0, **more: Any) -> Draft:
    """A notebook after its execution."""
    import nbformat

    text = nbformat.writes(nbformat.from_dict(execution.notebook), version=4)
    return Draft(
        text.rstrip("\n") + "\n",
        execution.status,
        execution.executed,
        execution.error,
        seconds=seconds + execution.seconds,
        **more,
    )
