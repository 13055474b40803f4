"""From a plan to the cells of a notebook: nine realisations write, and both policies grade."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from genie_synth.authors import AUTHORS, write_load
from genie_synth.plan import ItemPlan
from genie_synth.policy import NOT_APPLICABLE, Ruling, expert, literal
from genie_synth.realisations import WRITING_ORDER
from genie_synth.realisations.notes import tell
from genie_synth.sketch.case import DIMENSIONS, Case
from genie_synth.sketch.cells import DraftCell
from genie_synth.sketch.sketch import Sketch

__all__ = ["Draft", "Exhibit", "compose", "join_cells", "order_of_counts", "stratum"]

MAX_CELLS = 30
"""A notebook has 10 to 30 cells, but for those that are one cell."""

MAX_PLAIN_CELLS = 20
"""A plain one has fewer, where they can be joined."""


@dataclass(frozen=True)
class Exhibit:
    """A verbatim part of a cell that shows a facet.

    Attributes:
        cell: Index of the cell in the notebook, from 0.
        snippet: The part of its source.
    """

    cell: int
    snippet: str


@dataclass(frozen=True)
class Draft:
    """One notebook before it is executed, with what was planted.

    Attributes:
        item_id: `<case_id>-a` or `-b`.
        case: What was asked for.
        cells: Its cells in order.
        counts: How execution counts are written: "in_order", or a kind of disorder.
        realisations: Dimension -> name of the realisation ("" where it does not apply).
        facets: Dimension -> planted facets, those found while writing included.
        rulings: Dimension -> the experts' noise-free score and its reason.
        literal: Dimension -> score of a literal reader.
        evidence: Dimension -> what shows it.
        details: Dimension -> words and numbers for rationales.
    """

    item_id: str
    case: Case
    cells: tuple[DraftCell, ...]
    counts: str
    realisations: Mapping[str, str]
    facets: Mapping[str, Mapping[str, Any]]
    rulings: Mapping[str, Ruling]
    literal: Mapping[str, int]
    evidence: Mapping[str, tuple[Exhibit, ...]]
    details: Mapping[str, Mapping[str, Any]]
    n_rows: int

    def count_of(self, index: int) -> int | None:
        """Execution count of a cell, None for markdown."""
        code = [i for i, cell in enumerate(self.cells) if cell.kind == "code"]
        if index not in code:
            return None
        return order_of_counts(len(code), self.counts)[code.index(index)]


def order_of_counts(n: int, kind: str) -> list[int]:
    """Execution counts of `n` code cells, by the kind of disorder.

    Raises:
        ValueError: If the kind is unknown.

    >>> order_of_counts(6, "swapped")
    [1, 2, 4, 3, 5, 6]
    """
    counts = list(range(1, n + 1))
    middle = n // 2
    if kind == "swapped":
        counts[middle - 1], counts[middle] = counts[middle], counts[middle - 1]
    elif kind == "late_rerun":
        counts[1:3] = [n + 3, n + 4][: len(counts[1:3])]
    elif kind == "jumping":
        counts[2:-1:4] = [n + 1 + turn for turn in range(len(counts[2:-1:4]))]
    elif kind == "bottom_first":
        counts = counts[middle:] + counts[:middle]
    elif kind == "setup_again":
        counts[0] = n + 1
    elif kind == "middle_reversed":
        third = n // 3
        counts[third:-third] = counts[third:-third][::-1]
    elif kind == "late_twice":
        counts[-2:] = [n + 2, n + 1][: len(counts[-2:])]
    elif kind != "in_order":
        raise ValueError(
            f"unknown order of counts {kind!r}; there are in_order, swapped, late_rerun, jumping,"
            " bottom_first, setup_again, middle_reversed, late_twice."
        )
    return counts


def stratum(case: Case) -> str:
    """Task type and which dimensions do not apply ("regression|data_imputation,model_use")."""
    absent = [dimension for dimension in DIMENSIONS if not case.applies(dimension)]
    return f"{case.task}|{','.join(absent)}"


def compose(item: ItemPlan) -> Draft:
    """Let the realisations of a plan write one notebook.

    Raises:
        ValueError: If a realisation marks evidence that is not there or plants unknown facets.
    """
    case = item.case
    names, style = AUTHORS[case.corpus][item.author]
    # What a realisation draws is drawn once for all of the plain level.
    draw_name = "plain" if item.plain else item.item_id
    sketch = Sketch(case, names, style, item_id=draw_name)
    sketch.state["facets"] = {key: dict(entry.facets) for key, entry in item.choices.items()}
    write_load(sketch)
    # In this order, since later realisations read what earlier ones left in the state.
    for dimension in WRITING_ORDER:
        if dimension in item.choices:
            sketch.begin(dimension)
            item.choices[dimension].write(sketch)
            if item.plain:
                tell(sketch, item.choices[dimension].facets)
    cells = tuple(join_cells(sketch.ordered(), MAX_PLAIN_CELLS if item.plain else MAX_CELLS))
    # Facets as planned, completed by those that only writing brings out.
    facets = {
        dimension: {**item.choices[dimension].facets, **sketch.facts.get(dimension, {})}
        if dimension in item.choices
        else {}
        for dimension in DIMENSIONS
    }
    return Draft(
        item_id=item.item_id,
        case=case,
        cells=cells,
        counts=str(sketch.state.get("counts", "in_order")),
        realisations={
            key: item.choices[key].name if key in item.choices else "" for key in DIMENSIONS
        },
        facets=facets,
        rulings={key: expert(key, facets[key], case) for key in DIMENSIONS},
        literal={
            key: literal(key, facets[key], case) if case.applies(key) else NOT_APPLICABLE
            for key in DIMENSIONS
        },
        evidence={key: _evidence(cells, key) for key in DIMENSIONS},
        details=sketch.details,
        n_rows=len(sketch.frame),
    )


def join_cells(cells: Sequence[DraftCell], longest: int = MAX_CELLS) -> list[DraftCell]:
    """At most about `longest` cells: small neighbours of one stage are joined, as people do.

    Joined are markdown cells that follow one another, and code cells of which the first shows
    nothing; the shortest pair first, only as many as needed, and none that has a role. Where that
    is not enough, code that prints or draws is joined as well: a larger cell shows the same.
    """
    result = list(cells)
    while len(result) > longest:
        pairs = _joinable_places(result, showing=False)
        if not pairs and len(result) > longest + 1:
            pairs = _joinable_places(result, showing=True)
        if not pairs:
            break
        place = min(pairs, key=lambda i: len(result[i].source) + len(result[i + 1].source))
        first_cell, second_cell = result[place], result[place + 1]
        gap = "\n\n" if first_cell.kind == "markdown" else "\n"
        joined = DraftCell(
            first_cell.kind,
            first_cell.stage,
            f"{first_cell.source}{gap}{second_cell.source}",
            role=first_cell.role,
        )
        joined.evidence = [*first_cell.evidence, *second_cell.evidence]
        result[place : place + 2] = [joined]
    return result


def _joinable_places(cells: Sequence[DraftCell], *, showing: bool) -> list[int]:
    """Places of cells that can be joined with the next one."""
    return [
        place
        for place in range(len(cells) - 1)
        if _can_join(cells[place], cells[place + 1], showing=showing)
    ]


def _can_join(first: DraftCell, second: DraftCell, *, showing: bool) -> bool:
    if (first.kind, first.stage) != (second.kind, second.stage):
        return False
    if first.kind == "markdown":
        bare_header = first.role == "header" and "\n" not in first.source
        return not bare_header and second.role != "header"
    if first.role or second.role or re.search(r"^[%!]", first.source + "\n" + second.source, re.M):
        return False
    # A notebook shows the last expression of a cell: joined, it would no longer be shown.
    body = ast.parse(first.source).body
    if not body or not isinstance(body[-1], ast.Expr):
        return bool(body)
    return showing and ast.unparse(body[-1]).startswith(("print(", "plt.show("))


def _evidence(cells: tuple[DraftCell, ...], dimension: str) -> tuple[Exhibit, ...]:
    exhibits = (
        Exhibit(index, snippet)
        for index, cell in enumerate(cells)
        for owner, snippet in cell.evidence
        if owner == dimension
    )
    return tuple(dict.fromkeys(exhibits))
