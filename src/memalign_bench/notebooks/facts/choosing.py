"""Which facts a question is shown, and how many of them a token budget holds.

The rule, in words. Only facts of the question's kinds are candidates; comments (`remarks`) and text
cells (`text`) only where they stand in a cell, or next to a cell, that holds a candidate of another
kind. Cells that could not be read are candidates as they stand, each with a line that says so, cut
to a fourth of the budget. Facts enter in the order in which the YAML names their kinds (a fact of
several kinds by the first of them), of one kind code before output and the earlier cell first (with
`late` of the rubric's view rule the later), each whole or not at all, until the budget is full.
They are shown in the order of the notebook, each behind the number of its cell; the last lines name
the kinds of which there are none and count the facts that found no room.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from memalign_bench.notebooks.budget import cut, estimate_tokens
from memalign_bench.notebooks.facts.kinds import Fact
from memalign_bench.notebooks.facts.reading import FactSheet
from memalign_bench.notebooks.parse import Notebook

__all__ = ["ShownFacts", "shown_facts"]

_UNREAD = "unread"
"""The kind of code that stands in for its facts."""

_NEARBY = {"remarks": 0, "text": 1}
"""Kinds that are shown only so many cells away from a fact of another chosen kind."""

_ABSENCE_UNTOLD = (
    "remarks",
    "text",
    "all_text",
    "layout",
    "outline",
    "errors",
    "names",
    "prints",
    "outputs",
    "calls",
)
"""Kinds of which it says little that there are none."""

_COUNT_LINE_TOKENS = 6
"""Tokens of the line that counts what is not shown."""


class ShownFacts(NamedTuple):
    """Facts that fit.

    Attributes:
        lines: As shown, in the order of the notebook.
        full: Indices of cells of which every candidate is shown.
        partial: Indices of cells of which some are.
    """

    lines: tuple[str, ...]
    full: frozenset[int]
    partial: frozenset[int]


def shown_facts(
    notebook: Notebook,
    sheet: FactSheet,
    kinds: Sequence[str],
    room: int,
    *,
    characters: int,
    late: bool = False,
) -> ShownFacts:
    """Choose facts by the rule in this module's docstring; no lines where there is no candidate.

    Args:
        notebook: The notebook.
        sheet: What was read of it.
        kinds: What the question is shown, what matters most first.
        room: Tokens.
        characters: A longer line is cut here.
        late: Take later cells first.
    """
    candidates = _without_distant_remarks(
        list(_candidates(notebook, sheet, kinds, room // 4)), kinds
    )
    direction = -1 if late else 1
    ranked = sorted(
        candidates,
        # False sorts before True: code before output.
        key=lambda fact: (_rank(fact, kinds), "outputs" in fact.kinds, direction * fact.cell),
    )
    kept: set[Fact] = set()
    # Room is kept for the closing lines.
    used = _COUNT_LINE_TOKENS
    absence_room = min(4 + 2 * len(kinds), room // 4)  # for what there is none of
    for fact in ranked:
        # One token for the line break.
        cost = estimate_tokens(_line(fact, characters)) + 1
        if used + cost <= room - absence_room:
            used += cost
            kept.add(fact)
    if ranked and not kept:  # a budget that holds none of them whole
        kept.add(ranked[0])
        characters = min(characters, room)  # a token has a letter at least
    lines = [_line(fact, characters) for fact in candidates if fact in kept]
    absent = [
        kind for kind in kinds if kind not in _ABSENCE_UNTOLD and not _has_kind(kind, candidates)
    ]
    absent_line = f"None found of: {', '.join(absent)}."
    if lines and absent and used + estimate_tokens(absent_line) < room:
        lines.append(absent_line)
    if len(kept) < len(candidates):
        lines.append(f"{len(candidates) - len(kept)} more not shown.")
    # -1 is the notebook as a whole, which is no cell.
    shown_cells = {fact.cell for fact in kept} - {-1}
    left_out_cells = {fact.cell for fact in candidates if fact not in kept}
    return ShownFacts(
        tuple(lines),
        frozenset(shown_cells - left_out_cells),
        frozenset(shown_cells & left_out_cells),
    )


def _has_kind(kind: str, facts: Sequence[Fact]) -> bool:
    """Whether a fact of this kind is there."""
    return any(kind in fact.kinds for fact in facts)


def _candidates(
    notebook: Notebook, sheet: FactSheet, kinds: Sequence[str], room: int
) -> Iterator[Fact]:
    """Facts of the question's kinds, and cells that could not be read, in the notebook's order."""
    problems = dict(sheet.unread)
    unread_cells = [_code_as_fact(notebook.cells[index].source, index, problems[index], room)
                for index in problems]  # fmt: skip
    facts = [fact for fact in sheet.facts if not set(kinds).isdisjoint(fact.kinds)]
    yield from sorted([*facts, *unread_cells], key=lambda fact: fact.cell)


def _code_as_fact(source: str, index: int, problem: str, room: int) -> Fact:
    """A cell's code in place of its facts."""
    head = f"(this cell {problem}; shown as it stands)"
    lines: list[str] = []
    for line in (line.rstrip() for line in source.splitlines() if line.strip()):
        if estimate_tokens("\n".join([head, *lines, line])) > room:
            lines.append("...")
            break
        lines.append(line)
    return Fact(index, (_UNREAD,), "\n".join([head, *lines]))


def _without_distant_remarks(candidates: list[Fact], kinds: Sequence[str]) -> list[Fact]:
    """The candidates without remarks and text that are far from all others."""
    cells = {
        fact.cell
        for fact in candidates
        if _entering_kind(fact, kinds) not in _NEARBY and fact.cell >= 0
    }
    return [
        fact
        for fact in candidates
        if (distance := _NEARBY.get(_entering_kind(fact, kinds))) is None
        # Cells near by, its own among them.
        or cells.intersection(range(fact.cell - distance, fact.cell + distance + 1))
    ]


def _rank(fact: Fact, kinds: Sequence[str]) -> int:
    """A fact's turn: code that could not be read first, then by the order of kinds."""
    return 0 if fact.kinds == (_UNREAD,) else kinds.index(_entering_kind(fact, kinds))


def _entering_kind(fact: Fact, kinds: Sequence[str]) -> str:
    """The kind by which a fact enters."""
    return next((kind for kind in kinds if kind in fact.kinds), _UNREAD)


def _line(fact: Fact, characters: int) -> str:
    """A fact as it is shown, behind the number of its cell."""
    where = f"[{fact.cell + 1}] " if fact.cell >= 0 else ""
    return where + "\n".join(cut(line, characters) for line in fact.text.splitlines())
