"""How a notebook is cut, headed, tidied and closed; acts on the finished list of cells."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping, Sequence
from string import ascii_uppercase
from typing import Any

from genie_synth.realisations.manners import CLOSINGS, WORDS
from genie_synth.realisations.realisation import Realisation
from genie_synth.sketch.case import Case
from genie_synth.sketch.cells import DraftCell
from genie_synth.sketch.sketch import Sketch

__all__ = [
    "EXPLAINED",
    "Write",
    "bare",
    "big_cells",
    "commented",
    "disorder",
    "entry",
    "good",
    "headers",
    "heads_again",
    "one_cell",
    "printed_inside",
    "title",
    "well",
]

Write = Callable[[Sketch], None]


def _slots(case: Case, sketch: Sketch) -> dict[str, str]:
    row = case.facts.get("entity", "record")
    return {
        "file": case.file,
        "target": case.target,
        "domain": case.domain.replace("_", " "),
        "rows": str(len(sketch.frame)),
        "inputs": str(len(sketch.state["numeric"]) + len(sketch.state["nominal"])),
        "new_file": case.new_file or "new rows",
        "row": str(row),
        **_numbers(sketch),
    }


def _numbers(sketch: Sketch) -> dict[str, str]:
    """Where the model is judged and what follows the last section, as numbers and letters."""
    order = [stage for stage in WORDS["plain"] if stage in _present(sketch)]
    judged = order.index("evaluate") if "evaluate" in order else len(order) - 1
    return {
        "last": str(len(order) + 1),
        "judged": str(judged + 1),
        "judged_letter": ascii_uppercase[judged],
    }


def title(sketch: Sketch) -> None:
    """The header of the notebook: the name of its case in words."""
    case = sketch.case
    name = case.case_id.replace("-", " ")
    sketch.text("title", f"# {name[0].upper()}{name[1:]}", role="header")


def _present(sketch: Sketch) -> set[str]:
    return {cell.stage for cell in sketch.cells if cell.kind == "code"}


def headers(sketch: Sketch, manner: str, *, explained: bool, mark: int = 3) -> None:
    """A header above every step; the first `mark` of them are evidence (their first line)."""
    slots, present = _slots(sketch.case, sketch), _present(sketch)
    steps = [(stage, *words) for stage, words in WORDS[manner].items() if stage in present]
    for order, (stage, head, words) in enumerate(steps):
        source = f"## {head}\n{words}" if explained else f"## {head}"
        text = source.format(**slots, n=order + 1, letter=ascii_uppercase[order])
        first = text.split("\n")[0]
        cell = sketch.text(stage, text, evidence=first if order < mark else (), role="header")
        sketch.cells.remove(cell)
        sketch.cells.insert(_first_of(sketch.cells, stage), cell)


def _first_of(cells: Sequence[DraftCell], stage: str) -> int:
    """Where a cell must stand to come first in its stage."""
    return next(i for i, cell in enumerate(cells) if cell.stage == stage)


def _summary(sketch: Sketch, manner: str) -> None:
    text = CLOSINGS[manner].format(**_slots(sketch.case, sketch))
    sketch.text("close", text, evidence=text.split("\n")[0])


def _contents(sketch: Sketch, manner: str) -> None:
    slots, present = _slots(sketch.case, sketch), _present(sketch)
    heads = [head for stage, (head, _) in WORDS[manner].items() if stage in present]
    text = "Contents: " + ", ".join(heads).format(**slots) + "."
    sketch.text("title", text, evidence="Contents:")


def well(manner: str, *, contents: bool = False) -> Write:
    """Headed and explained sections, and a summary; with `contents`, a list of them first."""

    def write(sketch: Sketch) -> None:
        title(sketch)
        if contents:
            _contents(sketch, manner)
        headers(sketch, manner, explained=True, mark=2 if contents else 3)
        _summary(sketch, manner)
        sketch.detail(n_cells=len(sketch.cells))

    return write


def bare(manner: str, *, summary: bool) -> Write:
    """Headers without a word of explanation."""

    def write(sketch: Sketch) -> None:
        title(sketch)
        headers(sketch, manner, explained=False, mark=5)
        if summary:
            _summary(sketch, manner)
        sketch.detail(n_cells=len(sketch.cells))

    return write


def heads_again(manner: str, form: str) -> Write:
    """The table is looked at over and over; one look a stage is left behind."""

    def write(sketch: Sketch) -> None:
        title(sketch)
        present = _present(sketch)
        for stage in ("clean", "features", "split", "train"):
            if stage in present:
                sketch.code(stage, form, evidence=form, role="leftover")
        headers(sketch, manner, explained=True, mark=1)
        _summary(sketch, manner)
        sketch.detail(n_cells=len(sketch.cells), what=form)

    return write


def commented(manner: str, lines: Mapping[str, str]) -> Write:
    """Code of earlier attempts is left behind as comments."""

    def write(sketch: Sketch) -> None:
        title(sketch)
        present = _present(sketch)
        for stage, source in lines.items():
            if stage in present:
                sketch.code(stage, source, evidence=source.split("\n")[0], role="leftover")
        headers(sketch, manner, explained=True, mark=1)
        _summary(sketch, manner)
        sketch.detail(n_cells=len(sketch.cells), what="commented-out lines")

    return write


BLOCKS = (
    ("load", "explore", "clean", "features", "split", "prepare"),
    ("train", "evaluate"),
    ("use", "log", "close"),
)


def _merge(sketch: Sketch, blocks: Sequence[Sequence[str]]) -> list[DraftCell]:
    """Merge the code of blocks of stages into one cell each; markdown with evidence follows."""
    ordered = sketch.ordered()
    merged: list[DraftCell] = []
    for block in blocks:
        code = [c for c in ordered if c.stage in block and _mergeable(c)]
        if code:
            code = [printed_inside(c) for c in code]
            cell = DraftCell("code", code[0].stage, "\n\n".join(c.source for c in code))
            cell.evidence = [pair for c in code for pair in c.evidence]
            merged.append(cell)
    taken = {stage for block in blocks for stage in block}
    rest = [c for c in ordered if c.stage not in taken or not _mergeable(c)]
    notes = [c for c in rest if c.kind == "markdown" and (c.evidence or c.role == "header")]
    sketch.cells = [*[c for c in rest if c.kind == "code"], *merged, *notes]
    return merged


_SILENT = re.compile(
    r"^(?:print|plt|sns|mlflow|ax|fig|Path)\b|\.(?:fit|hist|plot|append|sort|to_csv|write_text)\b"
)
"""Expressions that are written for what they do, not for what they show."""


def printed_inside(cell: DraftCell) -> DraftCell:
    """A cell for the middle of a larger one: what it showed at its end is printed now."""
    last = ast.parse(cell.source).body[-1:]
    shown = ast.get_source_segment(cell.source, last[0]) if last else None
    if not shown or not isinstance(last[0], ast.Expr) or _SILENT.search(shown):
        return cell
    head, _, rest = cell.source.rpartition(shown)
    printing = DraftCell("code", cell.stage, f"{head}print({shown}){rest}", role=cell.role)
    printing.evidence = [
        (owner, part if part in printing.source else _with_last(part, shown))
        for owner, part in cell.evidence
    ]
    return printing


def _with_last(part: str, shown: str) -> str:
    """A part of a cell's source, the last mention of what is shown printed."""
    head, _, rest = part.rpartition(shown)
    return f"{head}print({shown}){rest}"


def _mergeable(cell: DraftCell) -> bool:
    return cell.kind == "code" and cell.role not in ("install", "fails")


STAGES_OF_ONE = tuple(stage for block in BLOCKS for stage in block)


def one_cell(wrap: str, *, headed: bool, imports_too: bool = True) -> Write:
    """Everything in one cell, under the line `wrap` (indented where that ends with a colon)."""

    def write(sketch: Sketch) -> None:
        stages = ("imports", *STAGES_OF_ONE) if imports_too else STAGES_OF_ONE
        (cell,) = _merge(sketch, (stages,))
        if wrap.endswith(":"):
            cell.source = _indented(cell.source)
            cell.evidence = [(owner, _indented(part)[4:]) for owner, part in cell.evidence]
        cell.source = f"{wrap}\n{cell.source}" if wrap else cell.source
        lines = cell.source.split("\n")
        sketch.show(cell, lines[0])
        if headed:
            title(sketch)
        sketch.detail(n_cells=len(sketch.cells), n_lines=len(lines))

    return write


def _indented(source: str) -> str:
    return "\n".join(f"    {line}" if line else "" for line in source.split("\n"))


def big_cells(manner: str, *, contents: bool = False) -> Write:
    """Explained sections over a few large cells."""

    def write(sketch: Sketch) -> None:
        merged = _merge(sketch, BLOCKS)
        title(sketch)
        if contents:
            _contents(sketch, manner)
        headers(sketch, manner, explained=True, mark=1)
        _summary(sketch, manner)
        for cell in merged[:2]:
            lines = [line for line in cell.source.split("\n") if line.strip()]
            sketch.show(cell, lines[0])
        longest = max(len(cell.source.split("\n")) for cell in merged)
        sketch.detail(n_cells=len(sketch.cells), n_lines=longest)

    return write


def disorder(kind: str, manner: str, *, explained: bool) -> Write:
    """The cells are run in another order than they stand; only the counts tell."""

    def write(sketch: Sketch) -> None:
        title(sketch)
        headers(sketch, manner, explained=explained, mark=0)
        if explained:
            _summary(sketch, manner)
        sketch.state["counts"] = kind
        code = [cell for cell in sketch.ordered() if cell.kind == "code"]
        for cell in (code[0], code[-1]):
            sketch.show(cell, cell.source.split("\n")[0])
        sketch.detail(n_cells=len(sketch.cells))

    return write


def entry(name: str, write: Write, **facets: Any) -> Realisation:
    """A realisation of cell_organization; the keywords are its facets."""
    return Realisation(f"cells_{name}", "cell_organization", facets, write)


def good(name: str, manner: str) -> Realisation:
    """Explained sections in one manner, and its summary."""
    return entry(name, well(manner), headers="explained", summary=True)


EXPLAINED: Mapping[str, Any] = {"headers": "explained", "summary": True}
