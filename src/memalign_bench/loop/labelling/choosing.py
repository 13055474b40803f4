"""Which items experts should label next: where judges differ or are unsure, or what is new.

Chosen items are no random sample: their mean grade or a judge's mean error on them says nothing
about all items. `RandomChoice` is the control, and the choice for measuring.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any, NamedTuple, Protocol

import numpy as np

from memalign_bench.errors import RequestError
from memalign_bench.memory.embedders import Embedder
from memalign_bench.seeding import child_seed

__all__ = [
    "Choice",
    "DisagreementChoice",
    "DiversityChoice",
    "Opinion",
    "Pool",
    "RandomChoice",
    "UncertaintyChoice",
]


class Opinion(NamedTuple):
    """What one judge says of an item: its expected grade, and its probabilities if it gave any."""

    expected: float
    distribution: tuple[float, ...] | None


@dataclass(frozen=True)
class Pool:
    """The items of one dimension among which is chosen.

    Attributes:
        dimension: Its name.
        candidates: Items that may be chosen.
        known: Items that are labelled, or chosen before.
        opinions: Item id -> judge -> what it says; empty where no records were named.
        texts: Item id -> its view, of candidates and known items.
        seed: Of what is random, ties among them.
    """

    dimension: str
    candidates: tuple[str, ...]
    known: tuple[str, ...]
    opinions: Mapping[str, Mapping[str, Opinion]]
    texts: Mapping[str, str]
    seed: int = 0

    def shuffled(self) -> list[str]:
        """The candidates in a random order, the same whichever others there are."""
        # Each item has its own draw: adding items does not reorder the others.
        draw_of = {name: child_seed(self.seed, self.dimension, name) for name in self.candidates}
        return sorted(self.candidates, key=lambda name: (draw_of[name], name))


class Choice(Protocol):
    """A way to choose."""

    @property
    def name(self) -> str:
        """Name of the YAML choice."""

    @property
    def needs_records(self) -> bool:
        """Whether it reads what judges said."""

    def ranked(self, pool: Pool, n: int) -> list[str]:
        """At most `n` candidates, those that tell most first.

        Raises:
            RequestError: If the pool lacks what it goes by.
        """


@dataclass(frozen=True)
class RandomChoice:
    """At random: the control, and the only choice whose labels measure a judge without a bias."""

    name: str = "random"
    needs_records: bool = False

    def ranked(self, pool: Pool, n: int) -> list[str]:
        """The first `n` in a random order."""
        return pool.shuffled()[:n]


@dataclass(frozen=True)
class DisagreementChoice:
    """Where judges differ most (query by committee, Seung, Opper and Sompolinsky 1992).

    The measure is the mean absolute difference between the expected grades of two judges.
    """

    name: str = "disagreement"
    needs_records: bool = True

    def ranked(self, pool: Pool, n: int) -> list[str]:
        """Items of which two judges or more have said something, the most disputed first."""

        def measure(opinions: Mapping[str, Opinion]) -> float | None:
            pairs = list(combinations([opinion.expected for opinion in opinions.values()], 2))
            return float(np.mean([abs(a - b) for a, b in pairs])) if pairs else None

        return _rank_by(measure, pool, n, "two judges' grades", "sweep over alignment= or backend=")


@dataclass(frozen=True)
class UncertaintyChoice:
    """Where judges are least certain: the mean entropy of their distributions, in nats."""

    name: str = "uncertainty"
    needs_records: bool = True

    def ranked(self, pool: Pool, n: int) -> list[str]:
        """Items with a distribution, the least certain first."""
        from scipy.stats import entropy

        def measure(opinions: Mapping[str, Opinion]) -> float | None:
            distributions = [
                opinion.distribution for opinion in opinions.values() if opinion.distribution
            ]
            if not distributions:
                return None
            return float(np.mean([entropy(distribution) for distribution in distributions]))

        return _rank_by(measure, pool, n, "a distribution", "judge with scoring=logprob")


@dataclass(frozen=True)
class DiversityChoice:
    """What is least like all that is labelled: greedy k-centre (Gonzalez 1985; Sener 2018).

    Each next item is the one farthest, by cosine, from its nearest labelled or chosen item.
    """

    embedder: Embedder
    name: str = "diversity"
    needs_records: bool = False

    def __post_init__(self) -> None:
        if self.embedder.asks_backend:
            raise RequestError("embedder=backend asks a model; label takes tfidf or minilm.")

    def ranked(self, pool: Pool, n: int) -> list[str]:
        """The farthest first; where nothing is labelled, the one nearest to the middle first."""
        # Shuffled, since argmax takes the first of several that are equally far.
        names, known = pool.shuffled(), list(pool.known)
        model: Any = None  # the embedder asks none
        texts = [pool.texts[name] for name in [*names, *known]]
        vectors = self.embedder.fit(texts, model)(texts)
        candidates, labelled = vectors[: len(names)], vectors[len(names) :]
        # Vectors have length 1, so their product is the cosine.
        if known:
            distance = (1.0 - candidates @ labelled.T).min(axis=1)
        else:
            # No distance but a likeness to the middle, which the first choice replaces.
            distance = candidates @ vectors.mean(axis=0)
        chosen: list[int] = []
        while len(chosen) < min(n, len(names)):
            farthest = int(np.argmax(distance))
            to_chosen = 1.0 - candidates @ candidates[farthest]
            distance = np.minimum(distance, to_chosen) if known or chosen else to_chosen
            chosen.append(farthest)
            # Never chosen twice.
            distance[chosen] = -np.inf
        return [names[place] for place in chosen]


def _rank_by(
    measure: Callable[[Mapping[str, Opinion]], float | None],
    pool: Pool,
    n: int,
    needed: str,
    remedy: str,
) -> list[str]:
    """The candidates with the largest measure; ties in random order."""
    measures = {name: measure(pool.opinions.get(name, {})) for name in pool.shuffled()}
    measured = [(value, name) for name, value in measures.items() if value is not None]
    if not measured:
        raise RequestError(
            f"{pool.dimension}: the records hold {needed} of none of the {len(measures)} items to"
            f" choose from; {remedy}, or take select=diversity or select=random."
        )
    # The sort is stable: ties keep their random order. With the name as a key they would not.
    return [name for _, name in sorted(measured, key=lambda pair: -pair[0])[:n]]
