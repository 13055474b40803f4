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

_SHOWING = ("prints", "answers", "scores", "looks", "gaps", "tracking", "plots", "choices")
"""Kinds of statements whose outcome a cell's output may be."""


class FactSheet(NamedTuple):
    """What a static reading says of a notebook.

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
    code = [cell for cell in notebook.cells if cell.kind == "code"]
    codes = {cell.index: read_cell(cell, language) for cell in code}
    trees = [(index, read.tree) for index, read in codes.items() if read.tree is not None]
    flow = Dataflow(trees).facts()
    shown = {
        index: united([("prints",), *(_showing(fact) for fact in flow if fact.cell == index)])
        for index in codes
    }
    facts = [
        *layout_facts(notebook),
        *name_facts(trees),
        *flow,
        *text_facts(notebook, codes),
        *output_facts(notebook, shown),
    ]
    unread = tuple((index, read.problem) for index, read in codes.items() if read.problem)
    return FactSheet(tuple(sorted(facts, key=lambda fact: fact.cell)), unread)


def _showing(fact: Fact) -> tuple[str, ...]:
    return tuple(kind for kind in fact.kinds if kind in _SHOWING)
