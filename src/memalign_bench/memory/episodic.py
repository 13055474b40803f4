"""Episodic memory: labelled training items, the nearest few shown with the item to be judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from memalign_bench.errors import AlignmentError
from memalign_bench.judging.judge import LabelledItem, ShownItem
from memalign_bench.memory.embedders import Encode
from memalign_bench.types import Example

__all__ = ["EpisodicMemory"]

_DECIMALS = 6
"""Similarities are rounded to this before they are ranked, so that ties do not hang on noise."""


@dataclass(frozen=True, eq=False)
class EpisodicMemory:
    """Training items behind a FAISS inner-product index.

    Attributes:
        items: The labelled training items, in the order of the index.
        encode: Texts to unit vectors.
        index: `faiss.IndexFlatIP` over the items' views.
        k: How many are shown, at most.
        floor: An item less similar (cosine, -1 to 1) is not shown; None shows the nearest k always.
    """

    items: tuple[LabelledItem, ...]
    encode: Encode
    index: Any
    k: int
    floor: float | None

    @classmethod
    def of(
        cls, items: Sequence[LabelledItem], encode: Encode, k: int, floor: float | None
    ) -> EpisodicMemory:
        """Index the views of training items.

        Raises:
            AlignmentError: If there are fewer items than k.
        """
        import faiss

        if len(items) < k:
            raise AlignmentError(
                f"memory.k={k} neighbours, but only {len(items)} training items; lower memory.k."
            )
        ordered = tuple(sorted(items, key=lambda item: item.shown.item_id))
        vectors = encode([item.shown.text for item in ordered])
        index = faiss.IndexFlatIP(vectors.shape[1])
        index.add(np.ascontiguousarray(vectors))
        return cls(ordered, encode, index, k, floor)

    def nearest(self, item: ShownItem) -> tuple[Example, ...]:
        """The k most similar training items, most similar first; equals by item id.

        An item that is in memory itself never finds itself.
        """
        vector = self.encode([item.text])
        similarities, places = self.index.search(np.ascontiguousarray(vector), len(self.items))
        found = [
            (round(float(similarity), _DECIMALS), self.items[int(place)])
            for similarity, place in zip(similarities[0], places[0], strict=True)
        ]
        found = [
            (similarity, neighbour)
            for similarity, neighbour in found
            if neighbour.shown.item_id != item.item_id
            and (self.floor is None or similarity >= self.floor)
        ]
        found.sort(key=lambda pair: (-pair[0], pair[1].shown.item_id))
        return tuple(_example(neighbour, similarity) for similarity, neighbour in found[: self.k])


def _example(item: LabelledItem, similarity: float) -> Example:
    shown = item.shown
    return Example(shown.item_id, shown.example_text, item.score, item.rationale, similarity)
