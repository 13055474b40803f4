"""Views: the text of an item that a judge of one dimension sees, within a token budget.

The rule, in words. A view starts with the case's prompt and the line on its data. A text item
follows as it is. Of a notebook follows, by the dimension's mode:

- `cells`: the cells in which a line (of the source, or of the output's first lines) matches one of
  the dimension's patterns. Lines enter in this order until the budget is full: (1) lines that
  match, those of an earlier pattern first; (2) source lines up to two away from a match, nearest
  first; (3) the first lines of those cells' outputs; (4) the other lines of those cells. If no cell
  matches, the outline is shown instead, so that absence can be seen.
- `whole`: all cells; source lines enter before output lines, both in order.
- `outline`: one line a cell (its number, kind, length, execution count and first words), each cut
  to the same width, the widest at which all fit.

A line is cut at `line_characters`. Left-out lines of a shown cell stand as "...". A cell of which
nothing is shown is counted as dropped, one of which a part is shown as shortened. Images never
enter; an output gives at most `output_lines` lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from memalign_bench.notebooks.budget import estimate_tokens
from memalign_bench.notebooks.parse import Cell, Notebook, read_notebook
from memalign_bench.types import Item, View, ViewRule

__all__ = ["ViewSettings", "render_view"]

_GAP = "..."


@dataclass(frozen=True)
class ViewSettings:
    """How much of an item is shown.

    Attributes:
        name: Name of the YAML choice.
        max_tokens: Budget of the item that is judged (estimated tokens).
        example_tokens: Budget of an item shown as an example from memory.
        output_lines: Lines shown of one cell's output, at most.
        line_characters: A longer line is cut here.
    """

    name: str
    max_tokens: int
    example_tokens: int
    output_lines: int = 3
    line_characters: int = 160

    def __post_init__(self) -> None:
        for key in ("max_tokens", "example_tokens", "line_characters"):
            if getattr(self, key) < 16:
                raise ValueError(f"view.{key} must be >= 16, got {getattr(self, key)!r}.")
        if self.output_lines < 0:
            raise ValueError(f"view.output_lines must be >= 0, got {self.output_lines!r}.")

    @property
    def label(self) -> str:
        """Name under which views made by these settings are stored."""
        return f"{self.name}:{self.max_tokens}"


class _Line(NamedTuple):
    cell: int
    number: int
    text: str
    output: bool


def render_view(
    item: Item, rule: ViewRule, settings: ViewSettings, *, example: bool = False
) -> View:
    """Show an item for one dimension, by the rule in this module's docstring.

    Args:
        item: The item.
        rule: Mode and patterns of the dimension.
        settings: Budgets.
        example: Show it as an example from memory: smaller budget, without the case's prompt.

    Raises:
        DataError: If the item is a notebook that cannot be read.
    """
    budget = settings.example_tokens if example else settings.max_tokens
    head = _head(item, example)
    room = max(budget - estimate_tokens(head), 16)
    if item.kind == "text":
        return _text_view(item.content, head, room)
    notebook = _parsed(item.content, item.item_id)
    if rule.mode == "outline":
        return _finish(head, _outline(notebook, room), notebook, full=range(len(notebook.cells)))
    queue = _queue(notebook, rule, settings)
    if not queue:
        body = ["No cell matches this question. The cells:", *_outline(notebook, room - 9)]
        return _finish(head, body, notebook, full=range(len(notebook.cells)))
    return _lines_view(head, queue, notebook, room)


@lru_cache(maxsize=256)
def _parsed(content: str, where: str) -> Notebook:
    return read_notebook(content, where)


def _head(item: Item, example: bool) -> str:
    if example:
        return f"Data: {item.context}" if item.context else ""
    parts = [f"Request: {item.prompt}" if item.prompt else "", item.context]
    return "\n".join(part for part in (parts[0], f"Data: {parts[1]}" if parts[1] else "") if part)


def _text_view(text: str, head: str, room: int) -> View:
    shown, words = text, text.split(" ")
    if estimate_tokens(text) > room:
        low, high = 0, len(words)
        while low < high:  # the most words that fit
            middle = (low + high + 1) // 2
            fits = estimate_tokens(" ".join([*words[:middle], _GAP])) <= room
            low, high = (middle, high) if fits else (low, middle - 1)
        shown = f"{' '.join(words[:low])} {_GAP}"
    whole = "\n".join(part for part in (head, shown) if part)
    return View(whole, 1, 0, int(shown != text), estimate_tokens(whole))


def _outline(notebook: Notebook, room: int) -> list[str]:
    for width in (100, 80, 60, 48, 36, 26, 18, 10, 0):
        lines = [_outline_line(cell, width) for cell in notebook.cells]
        if estimate_tokens("\n".join(lines)) <= room:
            return lines
    return lines


def _outline_line(cell: Cell, width: int) -> str:
    lines = [line for line in cell.source.splitlines() if line.strip()]
    count = f" In[{cell.execution_count}]" if cell.execution_count is not None else ""
    first = lines[0].strip() if lines else "(empty)"
    cut = first if len(first) <= width else first[:width].rstrip() + _GAP
    kind = "text" if cell.kind == "markdown" else cell.kind
    return f"[{cell.index}] {kind}{count} {len(lines)} lines: {cut}"


def _cell_lines(cell: Cell, settings: ViewSettings) -> list[_Line]:
    source = [text for text in cell.source.splitlines() if text.strip()]
    output = [text for text in cell.output.splitlines() if text.strip()][: settings.output_lines]
    return [
        _Line(cell.index, number, _cut(text, settings.line_characters), number >= len(source))
        for number, text in enumerate([*source, *(f"> {text}" for text in output)])
    ]


def _cut(text: str, characters: int) -> str:
    text = text.rstrip()
    return text if len(text) <= characters else text[:characters].rstrip() + _GAP


def _queue(notebook: Notebook, rule: ViewRule, settings: ViewSettings) -> list[_Line]:
    """Every line that may be shown, in the order in which lines enter; empty if nothing matches."""
    cells = [_cell_lines(cell, settings) for cell in notebook.cells]
    if rule.mode == "whole":
        return sorted((line for lines in cells for line in lines), key=lambda line: line.output)
    patterns = [re.compile(pattern, re.IGNORECASE) for pattern in rule.patterns]
    ranked: list[tuple[tuple[int, int, int, int], _Line]] = []
    for lines in cells:
        ranks = {line.number: rank for line in lines if (rank := _rank(line.text, patterns)) >= 0}
        ranked += [(_place(line, ranks), line) for line in lines if ranks]
    return [line for _, line in sorted(ranked)]


def _rank(text: str, patterns: Sequence[re.Pattern[str]]) -> int:
    return next((rank for rank, pattern in enumerate(patterns) if pattern.search(text)), -1)


def _place(line: _Line, ranks: dict[int, int]) -> tuple[int, int, int, int]:
    """Sort key of a line of a matching cell: group of the rule, rank in it, place."""
    if line.number in ranks:
        return (0, ranks[line.number], line.cell, line.number)
    if line.output:
        return (2, 0, line.cell, line.number)
    distance = min(abs(line.number - number) for number in ranks)
    return (1 if distance <= 2 else 3, distance, line.cell, line.number)


def _lines_view(head: str, queue: Sequence[_Line], notebook: Notebook, room: int) -> View:
    taken: set[tuple[int, int]] = set()
    opened: set[int] = set()
    used = 0
    for line in queue:
        cost = estimate_tokens(line.text) + 2  # the line break, and a share of the gaps
        cost += 0 if line.cell in opened else 5  # the cell's own heading
        if used + cost > room:
            continue
        used += cost
        opened.add(line.cell)
        taken.add((line.cell, line.number))
    by_cell: dict[int, list[_Line]] = {}
    for line in sorted(queue):
        by_cell.setdefault(line.cell, []).append(line)
    body: list[str] = []
    full: list[int] = []
    for index in sorted(opened):
        shown = list(_with_gaps(by_cell[index], taken))
        body += [f"[{index}] {_kind(notebook.cells[index])}", *shown]
        if _GAP not in shown:
            full.append(index)
    return _finish(head, body, notebook, full=full, partial=opened.difference(full))


def _kind(cell: Cell) -> str:
    return "text" if cell.kind == "markdown" else cell.kind


def _with_gaps(lines: Iterable[_Line], taken: set[tuple[int, int]]) -> Iterator[str]:
    gap = False
    for line in lines:
        if (line.cell, line.number) in taken:
            if gap:
                yield _GAP
            gap = False
            yield line.text
        else:
            gap = True
    if gap:
        yield _GAP


def _finish(
    head: str,
    body: Sequence[str],
    notebook: Notebook,
    *,
    full: Iterable[int],
    partial: Iterable[int] = (),
) -> View:
    text = "\n".join(part for part in (head, *body) if part)
    n_full, n_partial = len(list(full)), len(list(partial))
    n_cells = len(notebook.cells)
    return View(text, n_cells, n_cells - n_full - n_partial, n_partial, estimate_tokens(text))
