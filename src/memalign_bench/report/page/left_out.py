"""The page's list of items whose examples did not all fit in a judge's context."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from memalign_bench.types import Status
from memalign_bench.wording import counted

if TYPE_CHECKING:
    from memalign_bench.report.numbers.frames import StudyFrames
    from memalign_bench.report.page.cards import Card

__all__ = ["FewerExamples", "ItemLink", "fewer_examples"]


@dataclass(frozen=True)
class ItemLink:
    """An item on a dimension; `card` is the anchor of its card of disagreement, if it has one."""

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
            items = lacking.setdefault((cell["variant"], cell["backend"]), {})
            # An item may be asked in several cells of a judge: the largest gap counts.
            items[cell["dimension"], item_id] = max(n, items.get((cell["dimension"], item_id), 0))
    anchors = {(card.dimension, card.item_id): card for card in cards}
    return [_entry_of_judge(frames, judge, lacking[judge], anchors) for judge in sorted(lacking)]


def _entry_of_judge(
    frames: StudyFrames,
    judge: tuple[str, str],
    items: Mapping[tuple[str, str], int],
    cards: Mapping[tuple[str, str], Card],
) -> FewerExamples:
    variant, backend = judge
    rows = frames.predictions
    own_rows = rows[rows["variant"].eq(variant) & rows["backend"].eq(backend)]
    asked = own_rows[own_rows["status"] != Status.NOT_ASKED.value][["dimension", "item_id"]]
    several = len(frames.dimensions) > 1
    n_asked = counted(len(asked.drop_duplicates()), "question" if several else "item")
    # As report.js reads choices from an address: #anchor?TABLE.COLUMN=choice.
    filters = {"cards.fewer": "yes", "cards.variant": variant, "cards.backend": backend}
    links = []
    # An item links to its card if this judge's answer is shown there.
    for key in sorted(items):
        answers = cards[key].answers if key in cards else ()
        is_shown = any(
            answer.fewer and (answer.variant, answer.backend) == judge for answer in answers
        )
        name = f"{key[1]} ({frames.dimensions.get(key[0], key[0])})" if several else key[1]
        links.append(ItemLink(name, cards[key].anchor if is_shown else None))
    return FewerExamples(
        f"{variant} on {backend}: {len(items)} of {n_asked} had fewer examples than asked (at most"
        f" {max(items.values())} fewer), since the context did not hold them.",
        f"#disagreements?{urlencode(filters)}",
        tuple(links),
    )
