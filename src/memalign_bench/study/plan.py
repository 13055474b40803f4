"""From a spec to what has to be asked: items as shown, gold, folds, cells."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from memalign_bench.datasets.dataset import LabelledDataset
from memalign_bench.datasets.gold import Gold, gold_labels
from memalign_bench.judging.judge import LabelledItem, ShownItem
from memalign_bench.notebooks.views import render_view
from memalign_bench.study.spec import RunSpec
from memalign_bench.types import NOT_APPLICABLE, View

__all__ = ["Cell", "Plan", "RowKey", "make_plan"]

RowKey = tuple[str, str, int]
"""Dimension, item id, repeat."""


@dataclass(frozen=True)
class Cell:
    """One dimension and fold of a run.

    Attributes:
        dimension: Its name.
        fold: The fold that is held out.
        train: Labelled items of the other folds.
        test: Ids of the held-out items that are asked about.
    """

    dimension: str
    fold: int
    train: tuple[LabelledItem, ...]
    test: tuple[str, ...]


@dataclass(frozen=True)
class Plan:
    """A run before any model is asked.

    Attributes:
        spec: The run.
        data: Items and labels, cut to the limit.
        gold: (item id, dimension) -> gold.
        fold: Item id -> fold.
        views: (item id, dimension) -> the item as judged.
        shown: (item id, dimension) -> the item as judge and memory meet it.
        run_id: Names the run.
    """

    spec: RunSpec
    data: LabelledDataset
    gold: Mapping[tuple[str, str], Gold]
    fold: Mapping[str, int]
    views: Mapping[tuple[str, str], View]
    shown: Mapping[tuple[str, str], ShownItem]
    run_id: str

    def keys(self) -> Iterator[RowKey]:
        """Every row that the run's records must hold, in their order."""
        for item_id, dimension in sorted(self.gold, key=lambda key: (key[1], key[0])):
            for repeat in range(self.spec.repeats):
                yield (dimension, item_id, repeat)

    def is_asked(self, key: RowKey) -> bool:
        """Whether a judge is asked: always, but for what the expert calls not applicable."""
        gold = self.gold[key[1], key[0]]
        return self.spec.applicability == "judge" or gold.score != NOT_APPLICABLE

    def cells(self, keys: Sequence[RowKey]) -> list[Cell]:
        """The cells in which the given rows lie, in order, each with the rows' items to ask."""
        asked: dict[tuple[str, int], set[str]] = {}
        for key in keys:
            if self.is_asked(key):
                asked.setdefault((key[0], self.fold[key[1]]), set()).add(key[1])
        return [
            Cell(dimension, fold, self._train(dimension, fold), tuple(sorted(items)))
            for (dimension, fold), items in sorted(asked.items(), key=self._order)
        ]

    def _order(self, entry: tuple[tuple[str, int], set[str]]) -> tuple[int, int]:
        dimension, fold = entry[0]
        return self.spec.dimensions.index(dimension), fold

    def _train(self, dimension: str, fold: int) -> tuple[LabelledItem, ...]:
        return tuple(
            _labelled(self.shown[key], gold)
            for key, gold in self.gold.items()
            if key[1] == dimension and self.fold[key[0]] != fold
        )

    def train_on(self, dimension: str, fold: int) -> tuple[LabelledItem, ...]:
        """Items of the training folds with their labels on any dimension of the rubric.

        Raises:
            DataError: If the data have no label on it.
        """
        if dimension in self.spec.dimensions:
            return self._train(dimension, fold)
        golds = gold_labels(self.data, self.spec.gold, (dimension,))
        return tuple(
            _labelled(_shown(self.data, self.spec, key)[1], gold)
            for key, gold in golds.items()
            if self.fold[key[0]] != fold
        )


def make_plan(spec: RunSpec) -> Plan:
    """Load, check and show everything that the run needs; no model is asked.

    Raises:
        DataError: If the data set has problems, all of them at once.
        RequestError: If folds do not fit the data.
    """
    data = spec.dataset.load(spec.rubric).first_items(spec.limit)
    gold = gold_labels(data, spec.gold, spec.dimensions)
    fold = spec.splits.assign(data.item.values(), spec.folds, spec.fold_seed)
    views: dict[tuple[str, str], View] = {}
    shown: dict[tuple[str, str], ShownItem] = {}
    for key in gold:
        views[key], shown[key] = _shown(data, spec, key)
    return Plan(spec, data, gold, fold, views, shown, spec.run_id(data))


def _shown(data: LabelledDataset, spec: RunSpec, key: tuple[str, str]) -> tuple[View, ShownItem]:
    """An item as judged, and as judge and memory meet it; `key` is item id and dimension."""
    item, rule = data.item[key[0]], spec.rubric.dimensions[key[1]].view
    view = render_view(item, rule, spec.view)
    brief = render_view(item, rule, spec.view, example=True)
    return view, ShownItem(key[0], view.text, brief.text)


def _labelled(shown: ShownItem, gold: Gold) -> LabelledItem:
    return LabelledItem(shown, gold.score, gold.rationale, gold.raters)
