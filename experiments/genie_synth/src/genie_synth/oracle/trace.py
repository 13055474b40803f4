"""A notebook as the oracle sees it: its cells, parsed where they parse, and what happens."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from genie_synth.oracle.dataflow.events import Event
from genie_synth.oracle.dataflow.interpreter import Interpreter
from genie_synth.oracle.dataflow.values import Value
from genie_synth.oracle.setting import Setting
from memalign_bench.notebooks.parse import Cell, Notebook

__all__ = ["IMPUTERS", "TRANSFORMERS", "Trace", "trace", "works"]

_MAGIC = re.compile(r"^\s*[%!].*$", re.MULTILINE)

IMPUTERS = frozenset({"SimpleImputer", "KNNImputer", "IterativeImputer"})
TRANSFORMERS = frozenset({"ColumnTransformer", "Pipeline", "FeatureUnion"})


@dataclass(frozen=True)
class Trace:
    """What the readers of the dimensions look at.

    Attributes:
        setting: What was asked for.
        cells: All cells in order.
        trees: Index of a cell and its parsed code, for code cells that parse and are not empty.
        events: What happens, in order.
        names: Variables at the end, and what they come from.
    """

    setting: Setting
    cells: tuple[Cell, ...]
    trees: tuple[tuple[int, ast.Module], ...]
    events: tuple[Event, ...]
    names: dict[str, Value]

    def events_of(self, *kinds: str) -> Iterator[Event]:
        """Events of these kinds; "x.*" is everything below x."""
        wanted = set(kinds)
        heads = tuple(kind[:-1] for kind in kinds if kind.endswith(".*"))
        for event in self.events:
            if event.kind in wanted or (heads and event.kind.startswith(heads)):
                yield event

    def calls_of(self, *names: str) -> Iterator[Event]:
        """Calls of imported things by the last part of their names."""
        for event in self.events:
            head, _, last = event.kind.rpartition(".")
            if head and last in names:
                yield event


def works(tree: ast.Module) -> bool:
    """Whether a cell does more than import, and perhaps check what it imported."""
    imports = sum(isinstance(node, ast.Import | ast.ImportFrom) for node in tree.body)
    return len(tree.body) > imports and 2 * imports < len(tree.body)


def trace(notebook: Notebook, setting: Setting) -> Trace:
    """Parse and follow all code cells."""
    trees = tuple(_parsed_cells(notebook.cells))
    interpreter = Interpreter(setting)
    interpreter.run(trees)
    return Trace(setting, notebook.cells, trees, tuple(interpreter.events), interpreter.names)


def _parsed_cells(cells: Sequence[Cell]) -> Iterator[tuple[int, ast.Module]]:
    for cell in cells:
        if cell.kind != "code":
            continue
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                tree = ast.parse(_MAGIC.sub("", cell.source))
        # A cell that does not parse shows nothing; the notebook is read on.
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        if tree.body:
            yield cell.index, tree
