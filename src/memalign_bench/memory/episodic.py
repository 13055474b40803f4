"""Episodic memory: labelled training items, the nearest few shown with the item to be judged."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from memalign_bench.errors import AlignmentError
from memalign_bench.judging.judge import LabelledItem, ShownItem
from memalign_bench.memory.embedders import Encode, TfidfEncoder, encode_items
from memalign_bench.memory.indexes import ROUNDING, SparseIndex, VectorIndex, index_of
from memalign_bench.seeding import generator
from memalign_bench.types import Example

__all__ = ["QUERIES", "EpisodicMemory", "Query", "RandomMemory", "Ranking", "query_text"]

Query = Literal["view", "item", "case", "facts"]

QUERIES: tuple[Query, ...] = get_args(Query)

_DECIMALS = round(-math.log10(ROUNDING))
"""Similarities are rounded to this before they are ranked, so that ties do not depend on noise."""


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


class Ranking(NamedTuple):
    """Training items ordered by their similarity to an item.

    Attributes:
        places: Where they stand in the memory, the most similar first.
        similarities: Their cosines, falling.
    """

    places: NDArray[np.int64]
    similarities: NDArray[np.float64]

    def first(self, count: int) -> Ranking:
        """The first so many."""
        return Ranking(self.places[:count], self.similarities[:count])


@dataclass(frozen=True, eq=False)
class EpisodicMemory:
    """Training items behind an index of their vectors.

    Attributes:
        items: The labelled training items, in the order of the index.
        encode: Texts to unit vectors.
        index: Over what is embedded of the items.
        k: How many are shown, at most.
        floor: An item less similar (cosine, -1 to 1) is not shown; None shows the nearest k always.
        query: What is embedded of an item.
        diversity: How much a neighbour's likeness to those already chosen counts against it, 0 to
            1; 0 chooses by similarity to the item alone.
        left_out: Ids of items that are never shown, as if they had not been remembered.
    """

    items: tuple[LabelledItem, ...]
    encode: Encode
    index: VectorIndex
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
        if len(items) < k:
            raise AlignmentError(
                f"memory.k={k} neighbours, but only {len(items)} training items; lower memory.k."
            )
        # By id, so that ties in similarity are broken the same way whatever the data's order.
        ordered = tuple(sorted(items, key=lambda item: item.shown.item_id))
        encoded = encode_items(encode, [query_text(item.shown, query) for item in ordered])
        return cls(ordered, encode, index_of(encoded), k, floor, query, diversity)

    def nearest(self, item: ShownItem) -> tuple[Example, ...]:
        """The k most similar training items, most similar first; equals by item id.

        With `diversity` they are chosen so that they differ from one another as well, and stand in
        the same order. An item that is in memory itself never finds itself.
        """
        # Diversity may choose from far down the ranking, so it needs all of it.
        ranking = self.ranking(item, None if self.diversity else self.k)
        if self.floor is not None:
            # Similarities fall, so those that reach the floor stand in front.
            ranking = ranking.first(int(np.sum(ranking.similarities >= self.floor)))
        if self.diversity:
            return self.examples(ranking, self._diverse_ranks(ranking))
        return self.examples(ranking, range(min(self.k, len(ranking.places))))

    def _diverse_ranks(self, ranking: Ranking) -> list[int]:
        """K ranks by maximal marginal relevance (Carbonell and Goldstein 1998), rising.

        The next is arg max lambda sim(d, item) - (1 - lambda) max_{s chosen} sim(d, s), with
        lambda = 1 - `diversity`.
        """
        vectors = self.index.rows(ranking.places)
        redundancy = np.zeros(len(ranking.places))
        chosen: list[int] = []
        while len(chosen) < min(self.k, len(ranking.places)):
            gain = (1 - self.diversity) * ranking.similarities - self.diversity * redundancy
            gain[chosen] = -np.inf
            chosen.append(int(np.argmax(np.round(gain, _DECIMALS))))  # of equals the nearer
            likeness = np.round((vectors @ vectors[chosen[-1]]).astype(np.float64), _DECIMALS)
            # The first choice sets it, since a likeness may be below 0.
            redundancy = likeness if len(chosen) == 1 else np.maximum(redundancy, likeness)
        return sorted(chosen)

    def without(self, item_id: str) -> EpisodicMemory:
        """The same memory, as if this item had not been remembered; the next ones take its place.

        Vectors stay as they are, those of an embedder that was fitted with the item among them.
        """
        return replace(self, left_out=self.left_out | {item_id})

    def ranking(self, item: ShownItem, wanted: int | None = None) -> Ranking:
        """Every other training item, most similar first; equals by item id.

        With `wanted` an index that does not compare all of them may leave out later ones.
        """
        text, hidden_places = query_text(item, self.query), self._hidden_places(item.item_id)
        query: Any
        # The query in the form of the rows that it is compared with.
        if isinstance(self.index, SparseIndex) and isinstance(self.encode, TfidfEncoder):
            query = self.encode.sparse([text])
        else:
            query = self.encode([text])
        if wanted is None:
            cosines, places = self.index.everything(query)
        else:
            # Some of the nearest may be hidden ones, so that many more are asked for.
            cosines, places = self.index.search(query, wanted + len(hidden_places))
        is_shown = ~np.isin(places, hidden_places)
        similarities, shown_places = np.round(cosines[is_shown], _DECIMALS), places[is_shown]
        # lexsort sorts by its last key first.
        order = np.lexsort((shown_places, -similarities))  # items stand in the order of their ids
        return Ranking(shown_places[order], similarities[order])

    def _hidden_places(self, item_id: str) -> list[int]:
        """Places of the items that are not shown beside this one: itself, and those left out."""
        names = self.left_out | {item_id}
        return [self._place_of_id[name] for name in names if name in self._place_of_id]

    # Works in a frozen class: the cache is written to `__dict__`, past `__setattr__`.
    @cached_property
    def _place_of_id(self) -> Mapping[str, int]:
        """Item id -> its place in the index."""
        return {item.shown.item_id: place for place, item in enumerate(self.items)}

    def names(self, ranking: Ranking) -> list[str]:
        """Ids of the items in the order of their ranks."""
        return [self.items[int(place)].shown.item_id for place in ranking.places]

    def examples(self, ranking: Ranking, ranks: Iterable[int]) -> tuple[Example, ...]:
        """The examples at these ranks, in their order."""
        return tuple(
            _example(self.items[int(ranking.places[rank])], float(ranking.similarities[rank]))
            for rank in ranks
        )


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
        # Of all items, those left out here among them: other draws stay what they were.
        ranking = self.memory.ranking(item)
        count = len(ranking.places)
        rng = generator(self.seed, "random neighbours", item.item_id)
        drawn = rng.choice(count, size=min(self.memory.k, count), replace=False)
        ranks = {int(rank) for rank in drawn}
        # One after the other: a replacement may itself be left out next.
        for name in self.left_out:
            ranks = self._redraw(self.memory.names(ranking), ranks, name, item)
        return self.memory.examples(ranking, sorted(ranks))

    def _redraw(
        self, names: Sequence[str], ranks: set[int], name: str, item: ShownItem
    ) -> set[int]:
        """The ranks, with that of a left-out item replaced by a rank that was not drawn, if any."""
        left_out_ranks = {rank for rank in ranks if names[rank] == name}
        free = [
            rank
            for rank, item_name in enumerate(names)
            if rank not in ranks and item_name not in self.left_out
        ]
        rng = generator(self.seed, "random neighbours", item.item_id, "instead of", name)
        replacement = {free[int(rng.integers(len(free)))]} if left_out_ranks and free else set()
        return (ranks - left_out_ranks) | replacement


def _example(item: LabelledItem, similarity: float) -> Example:
    shown = item.shown
    return Example(shown.item_id, shown.example_text, item.score, item.rationale, similarity)
