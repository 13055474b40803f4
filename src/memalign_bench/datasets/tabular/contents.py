"""What a table or folder has given so far: items, labels, and everything found on the way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from memalign_bench.datasets.dataset import Evidence
from memalign_bench.types import Item, Label, Score

__all__ = ["Contents", "LeftOut"]


class LeftOut(NamedTuple):
    """An item that could not be read, and why; "" for an id that is not known."""

    item_id: str
    problems: tuple[str, ...]


@dataclass
class Contents:
    """Items and labels read so far.

    Attributes:
        items: In the order of reading.
        labels: Likewise, of all items.
        places: Where each label stands.
        cases: (place, item id, case id) of each row that names a case beside a label.
        folds: Item id -> the fold that its labels name, where they stand in a table of their own.
        literal: (item id, dimension) -> what a literal reader of the rubric would grade.
        marked: Dimensions in which the scale's own number for N/A stands for it.
        problems: Everything that is wrong.
        items_lost: How many rows are no items; labels of absent items are then no problem.
        left_out: Items that cannot be read, whose labels go with them.
        told: What is worth telling, a line each.
        counts: How often a thing was taken for granted (see `folder`).
    """

    items: list[Item] = field(default_factory=list)
    labels: list[Label] = field(default_factory=list)
    places: list[str] = field(default_factory=list)
    cases: list[tuple[str, str, str]] = field(default_factory=list)
    folds: dict[str, int] = field(default_factory=dict)
    literal: dict[tuple[str, str], Score] = field(default_factory=dict)
    marked: set[str] = field(default_factory=set)
    problems: list[str] = field(default_factory=list)
    items_lost: int = 0
    left_out: list[LeftOut] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def leave_out(self, place: str, item_id: str, problems: Iterable[str]) -> None:
        """Note that an item cannot be read, and why; the others go on."""
        self.left_out.append(LeftOut(item_id, tuple(f"{place}: {problem}" for problem in problems)))

    def lose(self, place: str, problems: Iterable[str]) -> None:
        """Note that a row is no item, and why."""
        self.items_lost += 1
        self.problems += [f"{place}: {problem}" for problem in problems]

    def evidence(self) -> tuple[Evidence, ...]:
        """The literal scores as evidence without snippets, sorted."""
        return tuple(
            Evidence(item_id, dimension, "", score, ())
            for (item_id, dimension), score in sorted(self.literal.items())
        )
