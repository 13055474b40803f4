"""Views: the text of an item that a judge of one dimension sees, within a token budget.

The rule, in words. A view starts with the case's prompt and the line on its data (that of an
example from memory with a budget of its own does not, but for the prompt with `example_request`).
A text item follows as it is. Of a notebook follows, by the dimension's mode, its cells numbered
from 1, as people count them:

- `cells`: the cells in which a unit (a statement, a line of text, one of the output's first lines)
  matches one of the dimension's patterns and none of those it ignores; imports match only patterns
  that name `import`. Units enter in this order until the budget is full, each whole or not at all:
  (1) units that match, those of an earlier pattern first; (2) source units up to two away from a
  match, nearest first; (3) the first lines of those cells' outputs; (4) the other units of those
  cells. Of equals the earlier enters first, with `late` the later. If no cell matches, the outline
  is shown instead, so that absence can be seen.
- `whole`: all cells; source enters before output, both in order.
- `outline`: one line a cell: T for text, C for code with its number of lines and its execution
  count where that does not follow the one before (a count of 0 is none), then its text, lines
  joined by " / ". Text cells are cut to one width, code to half of it, the widest at which all fit;
  where none does, the cells' kinds alone stand in one line, as many as fit.

With `view.facts`, lines of what a static reading says take the place of a notebook's cells, chosen
by kind for each dimension; the rule stands in `facts.choosing`. If there are none of the kinds, a
line says so before the outline. Code that cannot be read is shown as it stands, and noted.

Prompt and data line take half of the budget at most; what is cut ends in "...". A line is cut at
`line_characters`. Left-out units of a shown cell stand as "...". A cell of which nothing is shown
is counted as dropped, one of which a part is shown as shortened. Images never enter; an output
gives at most `output_lines` lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache

from memalign_bench.notebooks.budget import cut, estimate_tokens
from memalign_bench.notebooks.facts.cells import notebook_language
from memalign_bench.notebooks.facts.choosing import shown_facts
from memalign_bench.notebooks.facts.kinds import ANY_DIMENSION
from memalign_bench.notebooks.facts.reading import fact_sheet
from memalign_bench.notebooks.parse import Cell, Notebook, read_notebook
from memalign_bench.notebooks.units import Unit, cell_units
from memalign_bench.notebooks.view_settings import FactKinds, ViewSettings, fact_settings
from memalign_bench.types import Item, View, ViewRule

__all__ = [
    "NO_MATCH",
    "FactKinds",
    "ViewSettings",
    "fact_settings",
    "facts_text",
    "render_view",
    "whole_text",
]

_GAP = "..."
NO_MATCH = "No cell matches this question."
"""Stands in a view by cells where none matches."""

_OUTLINE_KEY = "One line a cell, T text, C code and its lines:"
_KINDS_KEY = "Its cells, T text, C code and its lines:"
_IMPORT = re.compile(r"\s*(import|from)\s+\w")


@lru_cache(maxsize=2048)
def render_view(
    item: Item,
    rule: ViewRule,
    settings: ViewSettings,
    *,
    example: bool = False,
    dimension: str = ANY_DIMENSION,
) -> View:
    """Show an item for one dimension, by the rule in this module's docstring.

    Args:
        item: The item.
        rule: Mode and patterns of the dimension.
        settings: Budgets.
        example: Show it as an example from memory. With a budget of its own that is without the
            data line, and without the prompt unless the settings ask for it.
        dimension: Its name, by which facts are chosen.

    Raises:
        DataError: If the item is a notebook that cannot be read.
    """
    example = example and settings.example_tokens is not None
    budget = (settings.example_tokens if example else None) or settings.max_tokens
    # A long request must leave room for what is judged.
    head = _shortened(_request_and_context(item, settings, example=example), budget // 2)
    # At least a line, however small the budget.
    room = max(budget - estimate_tokens(head), 16)
    if item.kind == "text":
        return _text_view(item.content, head, room)
    notebook = read_notebook(item.content, item.item_id)
    if settings.facts is not None:
        return _facts_view(item, head, settings, (dimension, rule.late), room)
    if rule.mode == "outline":
        return _outline_view(head, [], notebook, room)
    queue = _ranked_units(notebook, rule, settings.output_lines, settings.line_characters)
    if not queue:
        # 7 tokens for the line that says so.
        return _outline_view(head, [NO_MATCH], notebook, room - 7)
    return _units_view(head, queue, notebook, room)


def facts_text(item: Item, rule: ViewRule, settings: ViewSettings, dimension: str) -> str:
    """What the facts view says of an item, without the request and the line on its data.

    For finding neighbours: what two notebooks were asked says nothing of how they were made. A text
    item gives its text.

    Raises:
        DataError: If the item is a notebook that cannot be read.
    """
    if item.kind == "text":
        return item.content
    # A copy with an empty head, so that the whole budget goes to the facts.
    without_request = replace(item, prompt="", context="")
    return render_view(without_request, rule, settings, dimension=dimension).text


def whole_text(item: Item) -> str:
    """All of an item's text, without its request: every cell's source and output, or the text.

    Raises:
        DataError: If the item is a notebook that cannot be read.
    """
    if item.kind == "text":
        return item.content
    cells = read_notebook(item.content, item.item_id).cells
    parts = (part for cell in cells for part in (cell.source, cell.output))
    return "\n".join(part for part in parts if part)


def _facts_view(
    item: Item, head: str, settings: ViewSettings, dimension_and_late: tuple[str, bool], room: int
) -> View:
    """The facts of the kinds of a dimension (its name, and whether later ones enter first)."""
    notebook = read_notebook(item.content, item.item_id)
    sheet = fact_sheet(notebook, notebook_language(item.content))
    kinds = settings.fact_kinds(dimension_and_late[0])
    width = settings.line_characters
    shown = shown_facts(notebook, sheet, kinds, room, characters=width, late=dimension_and_late[1])
    notes = tuple(
        f"cell {index + 1} could not be read as Python; shown as it stands"
        for index, _ in sheet.unread
    )
    if not shown.lines:
        lead = _shortened(f"None of these in the code: {', '.join(kinds)}.", room // 2)
        view = _outline_view(head, [lead], notebook, room - estimate_tokens(lead) - 1)
    else:
        view = _assemble_view(head, shown.lines, notebook, full=shown.full, partial=shown.partial)
    return replace(view, notes=notes)


def _request_and_context(item: Item, settings: ViewSettings, *, example: bool) -> str:
    """The request and the line on the data, as far as the item is shown with them."""
    about = "Data" if item.kind == "notebook" else "Context"
    request = item.prompt if settings.example_request or not example else ""
    context = "" if example else item.context
    lines = [
        f"Request: {request}" if request else "",
        f"{about}: {context}" if context else "",
    ]
    return "\n".join(line for line in lines if line)


def _text_view(text: str, head: str, room: int) -> View:
    """The view of a text item."""
    shown = _shortened(text, room)
    with_head = "\n".join(part for part in (head, shown) if part)
    return View(with_head, 1, 0, int(shown != text), estimate_tokens(with_head))


def _shortened(text: str, room: int) -> str:
    """The text if it fits, else as much of its beginning as does, by words where there are any."""
    if estimate_tokens(text) <= room:
        return text
    words = [f"{word} " for word in text.split(" ")]
    # A first word that fills the room alone (a text without spaces) is cut within.
    pieces = words if estimate_tokens(words[0]) < room else list(text)
    low, high = 0, len(pieces)
    while low < high:  # the most pieces that fit
        middle = (low + high + 1) // 2
        fits = estimate_tokens("".join([*pieces[:middle], _GAP])) <= room
        low, high = (middle, high) if fits else (low, middle - 1)
    return "".join([*pieces[:low], _GAP])


def _outline_view(head: str, lead: Sequence[str], notebook: Notebook, room: int) -> View:
    """The outline at the widest width at which all cells fit; else the bare kinds of the first."""
    cells = notebook.cells
    # From the widest: the first that fits is taken.
    for width in (160, 120, 100, 80, 64, 52, 44, 36, 30, 24, 18, 12, 6):
        lines = list(_outline_lines(cells, width))
        if estimate_tokens("\n".join([_OUTLINE_KEY, *lines])) <= room:
            # `cut` puts the dots behind what it shortens.
            full = [index for index, line in enumerate(lines) if not line.endswith(_GAP)]
            body = [*lead, _OUTLINE_KEY, *lines]
            partial = set(range(len(cells))).difference(full)
            return _assemble_view(head, body, notebook, full=full, partial=partial)
    kinds = _shortened(" ".join(_outline_lines(cells, 0)), room - estimate_tokens(_KINDS_KEY))
    # A kind holds no space (`C3In[7]`), so each word is a cell.
    shown = range(len(kinds.removesuffix(_GAP).split()))
    return _assemble_view(head, [*lead, _KINDS_KEY, kinds], notebook, full=(), partial=shown)


def _outline_lines(cells: Sequence[Cell], width: int) -> Iterator[str]:
    """One line a cell; with width 0 its kind alone."""
    last_count = 0
    for cell in cells:
        lines = [line.strip() for line in cell.source.splitlines() if line.strip()]
        text = " / ".join(lines)
        kind = "T"
        if cell.kind == "code":
            out_of_order = cell.execution_count not in (None, 0, last_count + 1)  # 0: never counted
            kind = f"C{len(lines)}" + (f" In[{cell.execution_count}]" if out_of_order else "")
            last_count = cell.execution_count or last_count
            width_here = width // 2
        else:
            width_here = width
        yield f"{kind} {cut(text, width_here)}" if width else kind.replace(" ", "")


# The same for an item's own view and its example.
@lru_cache(maxsize=16)
def _ranked_units(
    notebook: Notebook, rule: ViewRule, output_lines: int, line_characters: int
) -> tuple[Unit, ...]:
    """Every unit that may be shown, in the order in which units enter; empty if nothing matches."""
    cells = [cell_units(cell, output_lines, line_characters) for cell in notebook.cells]
    if rule.mode == "whole":
        every = (unit for units in cells for unit in units)
        # False before True, and stable: source, then output, each in order.
        return tuple(sorted(every, key=lambda unit: unit.output))
    patterns, ignored = _compiled(rule.patterns), _compiled(rule.ignore)
    # Imports match only where a pattern asks for them.
    imports = any("import" in pattern for pattern in rule.patterns)
    ranked: list[tuple[tuple[int, int, int, int], Unit]] = []
    for units in cells:
        candidates = [unit for unit in units if imports or not _IMPORT.match(unit.text)]
        ranks = {
            unit.number: rank
            for unit in candidates
            if (rank := _rank(unit.text, patterns, ignored)) >= 0
        }
        ranked += [(_sort_key(unit, ranks, late=rule.late), unit) for unit in candidates if ranks]
    # Keys end with a unit's place, so no two are equal.
    return tuple(unit for _, unit in sorted(ranked))


def _compiled(patterns: Iterable[str]) -> list[re.Pattern[str]]:
    """Patterns ready to search with, in any letter case, line by line."""
    return [re.compile(pattern, re.IGNORECASE | re.MULTILINE) for pattern in patterns]


def _rank(
    text: str, patterns: Sequence[re.Pattern[str]], ignored: Sequence[re.Pattern[str]]
) -> int:
    """Place of the first pattern that the text matches; -1 for none."""
    if any(pattern.search(text) for pattern in ignored):
        return -1
    return next((rank for rank, pattern in enumerate(patterns) if pattern.search(text)), -1)


def _sort_key(unit: Unit, ranks: dict[int, int], *, late: bool) -> tuple[int, int, int, int]:
    """Sort key of a unit of a matching cell: group of the rule, rank in it, place."""
    # Negative, so that one rising sort puts later ones first.
    place = (-unit.cell, -unit.number) if late else (unit.cell, unit.number)
    if unit.number in ranks:
        return (0, ranks[unit.number], *place)
    if unit.output:
        return (2, 0, *place)
    distance = min(abs(unit.number - number) for number in ranks)
    return (1 if distance <= 2 else 3, distance, *place)


def _units_view(head: str, queue: Sequence[Unit], notebook: Notebook, room: int) -> View:
    """The units of the queue that fit, in the notebook's order, with gaps."""
    taken_units: set[tuple[int, int]] = set()
    shown_cells: set[int] = set()
    used = 0
    for unit in queue:
        cost = estimate_tokens(unit.text) + 2  # the line break, and a share of the gaps
        cost += 0 if unit.cell in shown_cells else 5  # the cell's own heading
        # Not the end: a later, shorter unit may still fit.
        if used + cost > room:
            continue
        used += cost
        shown_cells.add(unit.cell)
        taken_units.add((unit.cell, unit.number))
    # Lines of one unit hold no line break, so this happens once.
    if not taken_units and any("\n" in unit.text for unit in queue):
        return _units_view(head, list(_cut_into_lines(queue)), notebook, room)
    by_cell: dict[int, list[Unit]] = {}
    # The queue holds units in the order of entering; a view shows them in the notebook's.
    for unit in sorted(queue):
        by_cell.setdefault(unit.cell, []).append(unit)
    body: list[str] = []
    full: list[int] = []
    for index in sorted(shown_cells):
        shown = list(_with_gaps(by_cell[index], taken_units))
        body += [f"[{index + 1}] {_cell_kind(notebook.cells[index])}", *shown]
        if _GAP not in shown:
            full.append(index)
    return _assemble_view(head, body, notebook, full=full, partial=shown_cells.difference(full))


def _cut_into_lines(queue: Iterable[Unit]) -> Iterator[Unit]:
    """Units cut into lines, for a budget that holds none of them whole; their order stays."""
    for unit in queue:
        for part, line in enumerate(unit.text.splitlines()):
            # Parts keep the order of the units, and no number stands twice.
            yield unit._replace(number=unit.number * 10_000 + part, text=line)


def _cell_kind(cell: Cell) -> str:
    """The kind of a cell as a view names it."""
    return "text" if cell.kind == "markdown" else cell.kind


def _with_gaps(units: Iterable[Unit], taken_units: set[tuple[int, int]]) -> Iterator[str]:
    """A cell's units that are taken, with a mark where others are left out."""
    gap = False
    for unit in units:
        if (unit.cell, unit.number) in taken_units:
            if gap:
                yield _GAP
            gap = False
            yield unit.text
        else:
            gap = True
    if gap:
        yield _GAP


def _assemble_view(
    head: str,
    body: Sequence[str],
    notebook: Notebook,
    *,
    full: Iterable[int],
    partial: Iterable[int] = (),
) -> View:
    """The view with its counts of cells shown, left out and shortened."""
    text = "\n".join(part for part in (head, *body) if part)
    n_full, n_partial = len(list(full)), len(list(partial))
    n_cells = len(notebook.cells)
    return View(text, n_cells, n_cells - n_full - n_partial, n_partial, estimate_tokens(text))
