"""The semantic memory of each cell, as a page shows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from memalign_bench.report.numbers.frames import private_texts

if TYPE_CHECKING:
    from memalign_bench.report.drawing.look import Look
    from memalign_bench.report.numbers.frames import StudyFrames

__all__ = ["CELL_KEY", "MemoryCell", "memory_cells"]

CELL_KEY = ("variant", "backend", "dimension", "fold", "fold_seed")
"""What names the memory of a cell within a study."""

_NONE = {"status": "none"}


@dataclass(frozen=True)
class MemoryCell:
    """The memory of one cell; variants with the same guidelines in it stand together.

    `n_examples` counts the labelled examples of each of `variants`.
    """

    anchor: str
    dimension: str
    title: str
    backend: str
    fold: int
    fold_seed: int
    variants: tuple[str, ...]
    guidelines: tuple[Mapping[str, Any], ...]
    n_examples: tuple[int, ...]
    status: str
    error: str
    invented_sources: int


def memory_cells(
    frames: StudyFrames, look: Look
) -> tuple[list[MemoryCell], dict[tuple[Any, ...], str]]:
    """Cells with a semantic memory, and the anchor of each (variant, backend, ..., fold_seed)."""
    hidden = private_texts(frames)
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for entry in frames.memory:
        # A failed distillation has no guidelines and is shown with its error.
        if not entry.get("guidelines") and entry.get("distillation", _NONE)["status"] == "none":
            continue
        place = tuple(entry[name] for name in CELL_KEY[1:])
        # Variants that share guidelines in a cell (memory.k=2, memory.k=4) are shown once; told by
        # `repr`, since lists cannot be hashed.
        groups.setdefault((*place, repr(entry["guidelines"])), []).append(entry)
    cells, anchors = [], {}
    names = list(look.titles)

    def sort_key(key: tuple[Any, ...]) -> tuple[Any, ...]:
        # `key[1]` is the dimension. It goes first, since the page groups neighbouring cells by it.
        return (names.index(key[1]) if key[1] in names else len(names), *key)

    for number, key in enumerate(sorted(groups, key=sort_key)):
        members, anchor = groups[key], f"memory-{number}"
        for entry in members:
            anchors[tuple(entry[name] for name in CELL_KEY)] = anchor
        cells.append(_cell(members, anchor, look, hidden=hidden))
    return cells, anchors


def _cell(
    members: Sequence[dict[str, Any]], anchor: str, look: Look, *, hidden: bool
) -> MemoryCell:
    first = members[0]
    names = look.ordered(entry["variant"] for entry in members)
    examples = {entry["variant"]: entry["n_examples"] for entry in members}
    outcome = first["distillation"]
    return MemoryCell(
        anchor=anchor,
        dimension=first["dimension"],
        title=look.title(first["dimension"]),
        backend=first["backend"],
        fold=first["fold"],
        fold_seed=first["fold_seed"],
        variants=tuple(names),
        guidelines=tuple(
            {**line, "text": "" if hidden else line["text"]} for line in first["guidelines"]
        ),
        n_examples=tuple(examples[name] for name in names),
        status=outcome["status"],
        error="" if hidden else outcome.get("error") or "",
        invented_sources=outcome.get("invented_sources", 0),
    )
