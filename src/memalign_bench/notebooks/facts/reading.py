"""All facts of a notebook."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from memalign_bench.notebooks.facts.around import (
    layout_facts,
    name_facts,
    output_facts,
    text_facts,
)
from memalign_bench.notebooks.facts.cells import read_cell
from memalign_bench.notebooks.facts.dataflow import Dataflow
from memalign_bench.notebooks.facts.kinds import Fact
from memalign_bench.notebooks.facts.values import united
from memalign_bench.notebooks.parse import Notebook

__all__ = ["FactSheet", "fact_sheet"]

_SHOWING_KINDS = ("prints", "answers", "scores", "looks", "gaps", "tracking", "plots", "choices")
"""Kinds of statements whose outcome a cell's output may be."""


class FactSheet(NamedTuple):
    """What a static reading finds in a notebook.

    Attributes:
        facts: In the order of the cells; of one cell its code first, then text, then output.
        unread: Index of each code cell that could not be read -> why.
    """

    facts: tuple[Fact, ...]
    unread: tuple[tuple[int, str], ...]


# Every dimension takes its own facts out of the same reading.
@lru_cache(maxsize=128)
def fact_sheet(notebook: Notebook, language: str = "python") -> FactSheet:
    """Read a notebook; never raises.

    Args:
        notebook: The notebook.
        language: What it says it is written in, in small letters.
    """
    code_cells = [cell for cell in notebook.cells if cell.kind == "code"]
    codes = {cell.index: read_cell(cell, language) for cell in code_cells}
    trees = [
        (index, cell_code.tree) for index, cell_code in codes.items() if cell_code.tree is not None
    ]
    code_facts = Dataflow(trees).facts()
    kinds_shown = {
        index: united(
            [("prints",), *(_showing_kinds(fact) for fact in code_facts if fact.cell == index)]
        )
        for index in codes
    }
    facts = [
        *layout_facts(notebook),
        *name_facts(trees),
        *code_facts,
        *text_facts(notebook, codes),
        *output_facts(notebook, kinds_shown),
    ]
    unread = tuple(
        (index, cell_code.problem) for index, cell_code in codes.items() if cell_code.problem
    )
    # The sort is stable, so within a cell the order above stays.
    return FactSheet(tuple(sorted(facts, key=lambda fact: fact.cell)), unread)


def _showing_kinds(fact: Fact) -> tuple[str, ...]:
    """The fact's kinds whose outcome an output may show."""
    return tuple(kind for kind in fact.kinds if kind in _SHOWING_KINDS)
