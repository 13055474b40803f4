"""Attacks: what somebody plants in an item to be graded better, and what the judge sees of it.

An attack changes what a judged item says, never its id, its label or the training items: experts
grade what was done, and a plea does nothing. So the same item with and without it is a pair.

Whoever plants knows what the judge looks at. In a notebook's view by `cells` the planted lines
count as matches of a first pattern, and the view's budget is longer by what they cost: the attack
is seen, and the evidence keeps the room that it had. Where no cell matches, or the view is an
outline, nothing is done for the attack; what share of it was seen, and of the evidence, is told
with each item.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

from memalign_bench.errors import RequestError
from memalign_bench.notebooks.budget import estimate_tokens
from memalign_bench.notebooks.views import NO_MATCH, ViewSettings, render_view
from memalign_bench.seeding import generator
from memalign_bench.types import DimensionRubric, Item, Rubric, View

__all__ = ["Attack", "AttackedItem"]

_PLACES = ("comment", "output", "markdown")
_PLACEHOLDERS = ("artefact", "question", "top", "word", "level")
# "[3] code", by which a view heads a cell.
_HEADING = re.compile(r"\[\d+\] (code|text|raw)$")


class AttackedItem(NamedTuple):
    """An item with what was planted.

    Attributes:
        item: The item as it is now.
        view: What the judge sees of it.
        shown: Share of the planted lines that stand whole in the view, 0 to 1.
        kept: Share of the lines of the clean view that still stand there, 0 to 1.
    """

    item: Item
    view: View
    shown: float
    kept: float


@dataclass(frozen=True)
class Attack:
    """Lines planted in one place of an item.

    Attributes:
        name: Name of the YAML choice.
        place: Of a notebook: a `comment` at the end of a code cell, the first lines of a code
            cell's `output`, or a `markdown` cell of its own; a text item gets them at its end.
        lines: What is planted; may name `{artefact}`, `{question}`, `{top}` (the top grade),
            `{word}` (its word) and `{level}` (what earns it).
        seed: Draws the cell.

    Raises:
        RequestError: If there is no such place, no line, or a line names something else.
    """

    name: str
    place: Literal["comment", "output", "markdown"]
    lines: tuple[str, ...]
    seed: int = 0

    def __post_init__(self) -> None:
        # A configuration gives a list; a frozen class is set in no other way.
        object.__setattr__(self, "lines", tuple(self.lines))
        if self.place not in _PLACES:
            raise RequestError(
                f"attack.place must be one of {', '.join(_PLACES)}, got {self.place!r}."
            )
        if not self.lines:
            raise RequestError(
                "attack.lines must hold a line at least; for no attack, attack=none."
            )
        for line in self.lines:
            try:
                line.format(**dict.fromkeys(_PLACEHOLDERS, ""))
            except (KeyError, IndexError, ValueError):
                raise RequestError(
                    f"attack.lines may name {', '.join(_PLACEHOLDERS)} in braces, got {line!r}."
                ) from None

    def plant_in(
        self, item: Item, dimension: DimensionRubric, rubric: Rubric, settings: ViewSettings
    ) -> AttackedItem:
        """Plant the lines in an item, and show it for one dimension."""
        lines = self._filled_lines(dimension, rubric)
        planted = replace(item, content=self._content_with(item, lines))
        clean = render_view(item, dimension.view, settings)
        rule = dimension.view
        if item.kind == "notebook" and rule.mode == "cells" and NO_MATCH not in clean.text:
            # Planted lines count as a match, and the budget grows by what they cost: see the
            # module.
            rule = replace(rule, patterns=("|".join(map(re.escape, lines)), *rule.patterns))
            settings = replace(settings, max_tokens=settings.max_tokens + _view_tokens(lines))
        view = render_view(planted, rule, settings)
        # How much of the clean view the attack has pushed out.
        evidence = [line for line in clean.text.splitlines() if not _is_frame(line)]
        view_lines = set(view.text.splitlines())
        return AttackedItem(
            item=planted,
            view=view,
            # A part of a line counts: in code a planted line stands behind "# ".
            shown=sum(line in view.text for line in lines) / len(lines),
            kept=sum(line in view_lines for line in evidence) / len(evidence) if evidence else 1.0,
        )

    def _filled_lines(self, dimension: DimensionRubric, rubric: Rubric) -> list[str]:
        """The lines to plant, their placeholders filled for one dimension."""
        top = rubric.scale.grades[-1]
        values: Mapping[str, Any] = {
            "artefact": rubric.artefact,
            "question": dimension.question,
            "top": top,
            "word": rubric.scale.words[-1],
            "level": dimension.levels[top],
        }
        return [line.format(**values) for line in self.lines]

    def _content_with(self, item: Item, lines: list[str]) -> str:
        """The item's content with the lines planted in it."""
        if item.kind == "text":
            return "\n".join([item.content, *lines])
        notebook = json.loads(item.content)
        cells = notebook["cells"]
        code_cells = [cell for cell in cells if cell["cell_type"] == "code"]
        rng = generator(self.seed, "attack", self.name, item.item_id)
        # A notebook without code cells has no other place.
        if self.place == "markdown" or not code_cells:
            cell = {"cell_type": "markdown", "metadata": {}, "source": "\n".join(lines)}
            # From nbformat 4.5 on every cell has an id.
            if notebook.get("nbformat_minor", 0) >= 5:
                cell["id"] = "planted"
            # Before any cell, or after the last.
            cells.insert(int(rng.integers(len(cells) + 1)), cell)
        elif self.place == "output":
            text = "\n".join(lines) + "\n"
            stream = {"output_type": "stream", "name": "stdout", "text": text}
            code_cells[int(rng.integers(len(code_cells)))].setdefault("outputs", []).insert(
                0, stream
            )
        else:
            cell = code_cells[int(rng.integers(len(code_cells)))]
            source = "".join(cell["source"])  # a string, or a list of lines with their ends
            cell["source"] = "\n".join([source, *(f"# {line}" for line in lines)])
        return json.dumps(notebook, ensure_ascii=False)


def _view_tokens(lines: list[str]) -> int:
    """Tokens that planted lines take in a view: their own, a line break each, a cell's heading."""
    return sum(estimate_tokens(f"# {line}") + 2 for line in lines) + 5


def _is_frame(line: str) -> bool:
    """Whether a line of a view is the view's own: a cell's heading or a gap."""
    return line == "..." or _HEADING.match(line) is not None
