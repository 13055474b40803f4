"""No model: the nearest training items vote."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from memalign_bench.alignment.base import (
    AlignContext,
    Aligned,
    MemorySettings,
    Rung,
    graded_items,
)
from memalign_bench.judging.judge import Judge, LabelledItem, ShownItem
from memalign_bench.memory.embedders import Embedder
from memalign_bench.memory.episodic import EpisodicMemory
from memalign_bench.types import NOT_APPLICABLE, Example, Score, Verdict

__all__ = ["KnnVote", "check_asks_no_model", "vote"]


def vote(examples: Sequence[Example], *, is_wide: bool = False) -> Score:
    """The most frequent grade; of equally frequent ones that of the example named first.

    On a wide scale hardly two examples have one grade, so there it is their lower median.

    >>> near = [Example("a", "", 2, "", 0.9), Example("b", "", 3, "", 0.8)]
    >>> vote(near), vote([*near, Example("c", "", 3, "", 0.1)])
    (2, 3)

    Raises:
        ValueError: If there is no example with a grade.
    """
    grades = [example.score for example in examples if example.score is not None]
    # "Not applicable" has no place in the order of grades, so it has no part in a median.
    if is_wide:
        return statistics.median_low(score for score in grades if score is not NOT_APPLICABLE)
    # dict.fromkeys keeps the order, and max takes the first of equals: the nearest decides a tie.
    return max(dict.fromkeys(grades), key=grades.count)


def check_asks_no_model(name: str, embedder: Embedder) -> None:
    """Raise ValueError if an alignment without a model embeds by one."""
    if embedder.asks_backend:
        raise ValueError(
            f"{name} asks no model, but embedder={embedder.name} does;"
            " set embedder=tfidf or embedder=minilm."
        )


@dataclass(frozen=True)
class _VotingJudge:
    memory: EpisodicMemory
    is_wide: bool

    def score(self, item: ShownItem, repeat: int = 0) -> Verdict:
        examples = self.memory.nearest(item)
        return Verdict(score=vote(examples, is_wide=self.is_wide), examples=examples)


@dataclass(frozen=True)
class KnnVote:
    """What the retrieved labels are worth without a judge: k nearest neighbours, one vote each.

    A judge with episodic memory that does no better has added nothing to its retriever.

    Attributes:
        name: Name of the YAML choice.
        memory: `k` and `query` are used; the rest is not, since an item always gets a grade and
            the nearest have the vote.
        embedder: Embeds views; one that asks no model.
    """

    name: str
    memory: MemorySettings
    embedder: Embedder
    needs_model: bool = False
    ladder: Rung | None = None

    def __post_init__(self) -> None:
        check_asks_no_model(self.name, self.embedder)

    @property
    def keys(self) -> frozenset[str]:
        """How many neighbours vote, and what makes them near."""
        return frozenset({"memory.k", "embedder", "view"}) | self.memory.query_keys

    def align(self, judge: Judge, train: Sequence[LabelledItem], context: AlignContext) -> Aligned:
        """Index the training items to which the dimension applies.

        Raises:
            AlignmentError: If there is none, or fewer of them than k.
        """
        # Before the embedder, which would complain of texts without words.
        graded = graded_items(self.name, judge, train)
        encode = self.embedder.fit(self.memory.query_texts(graded), judge.backend)
        # No floor: an item without near neighbours gets a grade all the same.
        memory = EpisodicMemory.of(graded, encode, self.memory.k, None, query=self.memory.query)
        return Aligned(_VotingJudge(memory, judge.rubric.scale.is_wide), len(graded))
