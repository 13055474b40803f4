"""Examples that a judge was to be shown and its context did not hold, as a page tells them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from memalign_bench.report.prose import count
from memalign_bench.types import Status

if TYPE_CHECKING:
    from memalign_bench.report.numbers.frames import StudyFrames
    from memalign_bench.report.page.cards import Card

__all__ = ["FewerExamples", "ItemLink", "fewer_examples"]


@dataclass(frozen=True)
class ItemLink:
    """An item on a dimension; `card` is set where it has one, for want of agreement."""

    name: str
    card: str | None


@dataclass(frozen=True)
class FewerExamples:
    """Items of one judge that had fewer examples than asked; `address` shows their cards."""

    sentence: str
    address: str
    items: tuple[ItemLink, ...]

    @property
    def n_cards(self) -> int:
        """How many of the items have a card."""
        return sum(item.card is not None for item in self.items)


def fewer_examples(frames: StudyFrames, cards: Sequence[Card]) -> list[FewerExamples]:
    """One entry a judge whose context did not hold all examples that were to be shown."""
    lacking: dict[tuple[str, str], dict[tuple[str, str], int]] = {}
    for cell in frames.memory:
        for item_id, n in cell.get("examples_left_out", {}).items():
            mine = lacking.setdefault((cell["variant"], cell["backend"]), {})
            mine[cell["dimension"], item_id] = max(n, mine.get((cell["dimension"], item_id), 0))
    anchors = {(card.dimension, card.item_id): card for card in cards}
    return [_told(frames, judge, lacking[judge], anchors) for judge in sorted(lacking)]


def _told(
    frames: StudyFrames,
    judge: tuple[str, str],
    items: Mapping[tuple[str, str], int],
    cards: Mapping[tuple[str, str], Card],
) -> FewerExamples:
    variant, backend = judge
    rows = frames.predictions
    mine = rows[rows["variant"].eq(variant) & rows["backend"].eq(backend)]
    asked = mine[mine["status"] != Status.NOT_ASKED.value][["dimension", "item_id"]]
    several = len(frames.dimensions) > 1
    of = count(len(asked.drop_duplicates()), "question" if several else "item")
    chosen = {"cards.fewer": "yes", "cards.variant": variant, "cards.backend": backend}
    links = []
    for key in sorted(items):
        answers = cards[key].answers if key in cards else ()
        has = any(one.fewer and (one.variant, one.backend) == judge for one in answers)
        name = f"{key[1]} ({frames.dimensions.get(key[0], key[0])})" if several else key[1]
        links.append(ItemLink(name, cards[key].anchor if has else None))
    return FewerExamples(
        f"{variant} on {backend}: {len(items)} of {of} had fewer examples than asked (at most"
        f" {max(items.values())} fewer), since the context did not hold them.",
        f"#disagreements?{urlencode(chosen)}",
        tuple(links),
    )
