"""Notebooks of a few cells, read."""

import json

from nbformat import v4

from memalign_bench.notebooks.facts.kinds import KINDS
from memalign_bench.notebooks.facts.reading import fact_sheet
from memalign_bench.notebooks.parse import read_notebook


def notebook_of(*cells):
    """Cells given as code, or as nbformat's own."""
    made = [v4.new_code_cell(cell) if isinstance(cell, str) else cell for cell in cells]
    return read_notebook(json.dumps(v4.new_notebook(cells=made)), "test")


def facts_of(*cells, kind=None):
    """The lines of one kind, or (kinds, line) of all."""
    facts = fact_sheet(notebook_of(*cells)).facts
    assert all(set(fact.kinds) <= set(KINDS) for fact in facts)
    if kind is None:
        return [(fact.kinds, fact.text) for fact in facts]
    return [fact.text for fact in facts if kind in fact.kinds]
