"""Agents whose notebooks and grades are known: for trying the loop, and the two controls."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from memalign_bench.datasets.folder import FolderSource
from memalign_bench.datasets.gold import gold_labels, labelled_dimensions
from memalign_bench.errors import RequestError, refuse
from memalign_bench.loop.agents.base import Author, Draft, Needs, Order
from memalign_bench.loop.agents.running import draft_as_it_stands
from memalign_bench.loop.cases import Case
from memalign_bench.seeding import child_seed, generator
from memalign_bench.types import NOT_APPLICABLE, Grade, Item, Rubric

__all__ = ["BundledAgent", "EmptyAgent", "OracleAgent"]


@dataclass(frozen=True)
class GradedCorpus:
    """Notebooks over cases, with their gold grades.

    Attributes:
        digest: Of all items and labels.
        items: Case id -> its notebooks, sorted by id.
        grades: (item id, dimension) -> gold grade, where the dimension applies.
    """

    digest: str
    items: Mapping[str, tuple[Item, ...]]
    grades: Mapping[tuple[str, str], Grade]

    @classmethod
    def read(cls, path: str | None, seed: int, rubric: Rubric) -> GradedCorpus:
        """Read a bundled corpus, or a labelled folder or table of the user's."""
        data = FolderSource("corpus", path, seed).load(rubric)
        items: dict[str, tuple[Item, ...]] = {}
        for item in data.item.values():
            items[item.case_id] = (*items.get(item.case_id, ()), item)
        # `gold_labels` refuses a dimension without a label.
        labelled = labelled_dimensions(data, list(rubric.dimensions))
        golds = gold_labels(data, "adjudicated", labelled)
        grades = {key: gold.score for key, gold in golds.items() if gold.score != NOT_APPLICABLE}
        return cls(data.digest, items, grades)

    def check(self, agent: str, cases: Sequence[Case]) -> None:
        """Refuse cases of which there is no notebook.

        Raises:
            RequestError: With all of them.
        """
        if absent := [case.case_id for case in cases if case.case_id not in self.items]:
            raise RequestError(
                f"agent={agent} holds no notebook of {', '.join(absent)}; it has"
                f" {', '.join(sorted(self.items))}. Set agent.path= or agent.seed= to the corpus of"
                " these cases, or only.ids= to cases that it has."
            )

    def grade(self, item: Item, dimension: str) -> Grade | None:
        """The gold grade; None where the dimension does not apply."""
        return self.grades.get((item.item_id, dimension))

    def mean(self, item: Item) -> float:
        """The mean gold grade over all dimensions that apply; -inf where none does."""
        grades = [grade for key, grade in self.grades.items() if key[0] == item.item_id]
        return fmean(grades) if grades else -math.inf


@dataclass(frozen=True)
class BundledAgent:
    """Hands out notebooks of known quality, and can plant a regression in one dimension.

    Each case's notebooks are taken in turn, in an order drawn for the case. With `prefer` the best
    on that dimension is taken instead. With `plant` a drawn share of the cases whose notebooks
    differ on that dimension get the worst on it, all others the best: the honest baseline of
    `plant=X` is `prefer=X`. The planted notebook may differ on other dimensions too.

    Attributes:
        name: Name of the agent.
        path: A labelled folder or table of yours; None for the bundled corpus.
        seed: Which bundled corpus.
        prefer: A dimension, or None.
        plant: A dimension, or None.
        share: Of the cases that can get worse, 0 to 1.
    """

    name: str
    path: str | None = None
    seed: int = 0
    prefer: str | None = None
    plant: str | None = None
    share: float = 0.5

    # Without an annotation it is no field of the class.
    needs = Needs()

    def identity(self) -> Mapping[str, Any]:
        """Its settings."""
        # Which corpus it is, `Author.reads` tells by its content.
        return {"prefer": self.prefer, "plant": self.plant, "share": self.share}

    def ready(self, cases: Sequence[Case], rubric: Rubric) -> Author:
        """Read the corpus."""
        problems = [
            f"agent.{key}={value!r} is no dimension; the rubric has {', '.join(rubric.dimensions)}."
            for key, value in (("prefer", self.prefer), ("plant", self.plant))
            if value is not None and value not in rubric.dimensions
        ]
        if self.prefer and self.plant:
            problems.append(
                "agent.prefer and agent.plant cannot both be set: plant prefers already."
            )
        if isinstance(self.share, bool) or not 0 <= self.share <= 1:
            problems.append(f"agent.share must lie in 0 to 1, got {self.share!r}.")
        refuse(problems)
        corpus = GradedCorpus.read(self.path, self.seed, rubric)
        corpus.check(self.name, cases)
        return Author(_NotebookDraw(corpus, self, cases).write, corpus.digest)


class _NotebookDraw:
    """Which notebook each order gets."""

    def __init__(self, corpus: GradedCorpus, agent: BundledAgent, cases: Sequence[Case]) -> None:
        self.corpus = corpus
        self.agent = agent
        self.can_worsen = [
            case.case_id for case in cases if agent.plant and self._grades_differ(case)
        ]

    def _grades_differ(self, case: Case) -> bool:
        grades = {
            self.corpus.grade(item, str(self.agent.plant))
            for item in self.corpus.items[case.case_id]
        }
        # None: the dimension does not apply to that notebook.
        return len(grades - {None}) > 1

    def write(self, order: Order) -> Draft:
        """The notebook of an order."""
        items = self.corpus.items[order.case.case_id]
        # The order depends on the case alone; run seed and repeat only say where to start in it.
        order_of_items = generator(0, "bundled", order.case.case_id).permutation(len(items))
        shuffled = [items[index] for index in order_of_items]
        return draft_as_it_stands(self._choose(order, shuffled).content)

    def _choose(self, order: Order, shuffled: list[Item]) -> Item:
        dimension = self.agent.plant or self.agent.prefer
        if dimension is None:
            return shuffled[(order.run_seed + order.repeat) % len(shuffled)]
        graded = [item for item in shuffled if self.corpus.grade(item, dimension) is not None]
        if not graded:  # it does not apply
            return shuffled[(order.run_seed + order.repeat) % len(shuffled)]
        # Both take the first of equals, for which the order was drawn.
        pick = min if order.case.case_id in self._planted_cases(order.run_seed) else max
        return pick(graded, key=lambda item: self.corpus.grades[item.item_id, dimension])

    def _planted_cases(self, seed: int) -> set[str]:
        if self.agent.plant is None:
            return set()
        count = round(self.agent.share * len(self.can_worsen))
        # By hash, so that a larger share plants the same cases and more.
        rank = sorted(self.can_worsen, key=lambda case: child_seed(seed, "plant", case))
        return set(rank[:count])


@dataclass(frozen=True)
class OracleAgent:
    """The best notebook of each case, by the mean of its gold grades: the control at the top.

    Attributes:
        name: Name of the agent.
        path: A labelled folder or table of yours; None for the bundled corpus.
        seed: Which bundled corpus.
    """

    name: str
    path: str | None = None
    seed: int = 0

    needs = Needs()

    def identity(self) -> Mapping[str, Any]:
        """It has no settings that decide anything."""
        return {}

    def ready(self, cases: Sequence[Case], rubric: Rubric) -> Author:
        """Read the corpus."""
        corpus = GradedCorpus.read(self.path, self.seed, rubric)
        corpus.check(self.name, cases)

        def write(order: Order) -> Draft:
            return draft_as_it_stands(
                max(corpus.items[order.case.case_id], key=corpus.mean).content
            )

        return Author(write, corpus.digest)


@dataclass(frozen=True)
class EmptyAgent:
    """A notebook without cells for every case: the control at the bottom.

    Attributes:
        name: Name of the agent.
    """

    name: str

    needs = Needs()

    def identity(self) -> Mapping[str, Any]:
        """It has no settings."""
        return {}

    def ready(self, cases: Sequence[Case], rubric: Rubric) -> Author:
        """Nothing to read."""
        return Author(lambda order: Draft(_EMPTY, error="no code"))


_EMPTY = '{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}\n'
