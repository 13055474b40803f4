"""Episodic memory: labelled training items, the nearest few shown with the item to be judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np

from memalign_bench.errors import AlignmentError
from memalign_bench.judging.judge import LabelledItem, ShownItem
from memalign_bench.memory.embedders import Encode
from memalign_bench.seeding import generator
from memalign_bench.types import Example

__all__ = ["QUERIES", "EpisodicMemory", "Query", "RandomMemory", "query_text"]

Query = Literal["view", "item", "case", "facts"]

QUERIES: tuple[Query, ...] = get_args(Query)

_DECIMALS = 6
"""Similarities are rounded to this before they are ranked, so that ties do not hang on noise."""


def query_text(item: ShownItem, query: Query) -> str:
    """What is embedded of an item: the `view`, the whole `item`, its `case`'s request, its `facts`.

    MLflow's MemAlign embeds the inputs of a trace, which is the request.
    """
    return {
        "view": item.text,
        "item": item.whole,
        "case": item.request,
        "facts": item.facts,
    }[query]


@dataclass(frozen=True, eq=False)
class EpisodicMemory:
    """Training items behind a FAISS inner-product index.

    Attributes:
        items: The labelled training items, in the order of the index.
        encode: Texts to unit vectors.
        index: `faiss.IndexFlatIP` over what is embedded of the items.
        k: How many are shown, at most.
        floor: An item less similar (cosine, -1 to 1) is not shown; None shows the nearest k always.
        query: What is embedded of an item.
        diversity: How much a neighbour's likeness to those already chosen counts against it, 0 to
            1; 0 chooses by similarity to the item alone.
        left_out: Ids of items that are never shown, as if they had not been remembered.
    """

    items: tuple[LabelledItem, ...]
    encode: Encode
    index: Any
    k: int
    floor: float | None
    query: Query = "view"
    diversity: float = 0.0
    left_out: frozenset[str] = frozenset()

    @classmethod
    def of(
        cls,
        items: Sequence[LabelledItem],
        encode: Encode,
        k: int,
        floor: float | None,
        *,
        query: Query = "view",
        diversity: float = 0.0,
    ) -> EpisodicMemory:
        """Index training items.

        Raises:
            AlignmentError: If there are fewer items than k.
        """
        import faiss

        if len(items) < k:
            raise AlignmentError(
                f"memory.k={k} neighbours, but only {len(items)} training items; lower memory.k."
            )
        ordered = tuple(sorted(items, key=lambda item: item.shown.item_id))
        vectors = encode([query_text(item.shown, query) for item in ordered])
        index = faiss.IndexFlatIP(vectors.shape[1])
        index.add(np.ascontiguousarray(vectors))
        return cls(ordered, encode, index, k, floor, query, diversity)

    def nearest(self, item: ShownItem) -> tuple[Example, ...]:
        """The k most similar training items, most similar first; equals by item id.

        With `diversity` they are chosen so that they differ from one another as well, and stand in
        the same order. An item that is in memory itself never finds itself.
        """
        near = [
            example
            for example in self.ranked(item)
            if self.floor is None or example.similarity >= self.floor
        ]
        return tuple(self._diverse(near) if self.diversity else near[: self.k])

    def _diverse(self, near: Sequence[Example]) -> list[Example]:
        """K of the examples by maximal marginal relevance (Carbonell and Goldstein 1998).

        The next is arg max lambda sim(d, item) - (1 - lambda) max_{s chosen} sim(d, s), with
        lambda = 1 - `diversity`.
        """
        place = {item.shown.item_id: at for at, item in enumerate(self.items)}
        rows = self.index.reconstruct_n(0, len(self.items))
        vectors = rows[[place[example.item_id] for example in near]]
        alike = np.round((vectors @ vectors.T).astype(np.float64), _DECIMALS)
        relevance = np.array([example.similarity for example in near])
        chosen: list[int] = []
        while len(chosen) < min(self.k, len(near)):
            redundancy = alike[:, chosen].max(axis=1) if chosen else np.zeros(len(near))
            gain = (1 - self.diversity) * relevance - self.diversity * redundancy
            gain[chosen] = -np.inf
            chosen.append(int(np.argmax(np.round(gain, _DECIMALS))))  # of equals the nearer
        return [near[at] for at in sorted(chosen)]

    def without(self, item_id: str) -> EpisodicMemory:
        """The same memory, as if this item had not been remembered; the next ones take its place.

        Vectors stay as they are, those of an embedder that was fitted with the item among them.
        """
        return replace(self, left_out=self.left_out | {item_id})

    def ranked(self, item: ShownItem) -> list[Example]:
        """Every other training item, most similar first; equals by item id."""
        hidden = self.left_out | {item.item_id}
        vector = self.encode([query_text(item, self.query)])
        similarities, places = self.index.search(np.ascontiguousarray(vector), len(self.items))
        found = [
            _example(self.items[int(place)], round(float(similarity), _DECIMALS))
            for similarity, place in zip(similarities[0], places[0], strict=True)
        ]
        found = [example for example in found if example.item_id not in hidden]
        return sorted(found, key=lambda example: (-example.similarity, example.item_id))


@dataclass(frozen=True)
class RandomMemory:
    """The same examples, k of them drawn at random for each item instead of the nearest.

    Attributes:
        memory: What is drawn from; its similarities are told as they are, its floor is not used.
        seed: Decides, with the item's id, what is drawn.
        left_out: Ids of items that are not shown; another draw takes the place of each that was
            drawn, and the other examples stay.
    """

    memory: EpisodicMemory
    seed: int
    left_out: tuple[str, ...] = ()

    def without(self, item_id: str) -> RandomMemory:
        """The same draws, this item's place taken by another that was not drawn."""
        return replace(self, left_out=(*self.left_out, item_id))

    def nearest(self, item: ShownItem) -> tuple[Example, ...]:
        """K training items, drawn without replacement; most similar first, as the nearest are."""
        ranked = self.memory.ranked(item)
        rng = generator(self.seed, "random neighbours", item.item_id)
        drawn = rng.choice(len(ranked), size=min(self.memory.k, len(ranked)), replace=False)
        places = {int(place) for place in drawn}
        for name in self.left_out:
            places = self._drawn_anew(ranked, places, name, item)
        return tuple(ranked[place] for place in sorted(places))

    def _drawn_anew(
        self, ranked: Sequence[Example], places: set[int], name: str, item: ShownItem
    ) -> set[int]:
        """The places, that of an item which is left out taken by another, if there is one."""
        out = {place for place in places if ranked[place].item_id == name}
        free = [
            place
            for place, example in enumerate(ranked)
            if place not in places and example.item_id not in self.left_out
        ]
        rng = generator(self.seed, "random neighbours", item.item_id, "instead of", name)
        instead = {free[int(rng.integers(len(free)))]} if out and free else set()
        return (places - out) | instead


def _example(item: LabelledItem, similarity: float) -> Example:
    shown = item.shown
    return Example(shown.item_id, shown.example_text, item.score, item.rationale, similarity)
