"""From a spec to what has to be asked: items as shown, gold, folds, cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NamedTuple

from memalign_bench.datasets.attacks import AttackedItem
from memalign_bench.datasets.dataset import LabelledDataset
from memalign_bench.datasets.gold import Gold, gold_labels, labelled_dimensions
from memalign_bench.judging.judge import LabelledItem, ShownItem
from memalign_bench.notebooks.views import facts_text, render_view, whole_text
from memalign_bench.study.labels import drawn_items, flipped_grades
from memalign_bench.study.shared_data import load_data
from memalign_bench.study.spec import RunSpec
from memalign_bench.study.splits import check_foldable
from memalign_bench.types import NOT_APPLICABLE, Grade, Score, View

__all__ = ["Plan", "RowKey", "RunCell", "make_plan", "on_labelled_dimensions"]


class RowKey(NamedTuple):
    """What tells a row of a run from all others; keys sort as the records do."""

    dimension: str
    item_id: str
    repeat: int

    @property
    def labelled(self) -> tuple[str, str]:
        """Item id and dimension: what gold, views and shown items are found by."""
        return self.item_id, self.dimension


@dataclass(frozen=True)
class RunCell:
    """One dimension and fold of a run.

    Attributes:
        dimension: Its name.
        fold: The fold that is held out.
        train: Labelled items of the other folds, as many and as right as the run says.
        test: Ids of the held-out items that are asked about.
        n_available: Training labels that could have been drawn.
        flipped: Ids of the training items whose grade was changed.
    """

    dimension: str
    fold: int
    train: tuple[LabelledItem, ...]
    test: tuple[str, ...]
    n_available: int = 0
    flipped: tuple[str, ...] = ()


class _TrainingItems(NamedTuple):
    """Training items of a cell; `n_available` and `flipped` as in `RunCell`."""

    items: tuple[LabelledItem, ...]
    n_available: int
    flipped: tuple[str, ...]


@dataclass(frozen=True)
class Plan:
    """A run before any model is asked.

    Attributes:
        spec: The run.
        data: Items and labels, cut to the limit.
        gold: (item id, dimension) -> gold.
        views: (item id, dimension) -> the item as judged, with what an attack planted.
        shown: (item id, dimension) -> the item as judge and memory see it.
        run_id: Names the run.
        attacked: (item id, dimension) -> the item with what was planted in it; empty without an
            attack. Memory always meets items as they are.
    """

    spec: RunSpec
    data: LabelledDataset
    gold: Mapping[tuple[str, str], Gold]
    views: Mapping[tuple[str, str], View]
    shown: Mapping[tuple[str, str], ShownItem]
    run_id: str
    attacked: Mapping[tuple[str, str], AttackedItem] = field(default_factory=dict)

    # Dealt when it is needed: a run whose records stand never imports what deals.
    @cached_property
    def fold(self) -> Mapping[str, int]:
        """Item id -> fold."""
        spec = self.spec
        return spec.splits.assign(self.data.item.values(), spec.folds, spec.fold_seed)

    def asked(self, item_id: str, dimension: str) -> ShownItem:
        """An item as the judge sees it when asked, with what an attack planted."""
        shown = self.shown[item_id, dimension]
        attacked = self.attacked.get((item_id, dimension))
        if attacked is None:
            return shown
        return replace(shown, text=attacked.view.text, whole=whole_text(attacked.item))

    def view_notes(self) -> list[str]:
        """What could not be read of an item, and what was done instead; one line an item."""
        notes = {item_id: view.notes for (item_id, _), view in self.views.items() if view.notes}
        return [f"{item_id}: {'; '.join(notes[item_id])}" for item_id in sorted(notes)]

    def row_keys(self) -> list[RowKey]:
        """Every row that the run's records must hold, in their order."""
        return sorted(
            RowKey(dimension, item_id, repeat)
            for item_id, dimension in self.gold
            for repeat in range(self.spec.repeats)
        )

    def keys_of(self, cell: RunCell) -> list[RowKey]:
        """The rows of the items that a cell asks about, all repeats of an item in a row."""
        return [
            RowKey(cell.dimension, item_id, repeat)
            for item_id in cell.test
            for repeat in range(self.spec.repeats)
        ]

    def is_asked(self, key: RowKey) -> bool:
        """Whether a judge is asked: always, but for what the expert calls not applicable."""
        gold = self.gold[key.labelled]
        return self.spec.applicability == "judge" or gold.score is not NOT_APPLICABLE

    def cells(self, keys: Sequence[RowKey]) -> list[RunCell]:
        """The cells in which the given rows lie, in order, each with the rows' items to ask."""
        asked: dict[tuple[str, int], set[str]] = {}
        for key in keys:
            if self.is_asked(key):
                cell = key.dimension, self.fold[key.item_id]
                asked.setdefault(cell, set()).add(key.item_id)
        return [
            self._cell(dimension, fold, tuple(sorted(items)))
            for (dimension, fold), items in sorted(asked.items(), key=self._cell_order)
        ]

    def _cell_order(self, entry: tuple[tuple[str, int], set[str]]) -> tuple[int, int]:
        dimension, fold = entry[0]
        return self.spec.dimensions.index(dimension), fold

    def _cell(self, dimension: str, fold: int, test: tuple[str, ...]) -> RunCell:
        golds = {item_id: gold for (item_id, name), gold in self.gold.items() if name == dimension}
        train = self._training_items(dimension, fold, golds)
        return RunCell(dimension, fold, train.items, test, train.n_available, train.flipped)

    def train_on(self, dimension: str, fold: int) -> tuple[LabelledItem, ...]:
        """Items of the training folds with their labels on any dimension of the rubric.

        Raises:
            DataError: If the data have no label on it.
        """
        golds = gold_labels(self.data, self.spec.gold, (dimension,))
        by_item = {item_id: gold for (item_id, _), gold in golds.items()}
        return self._training_items(dimension, fold, by_item).items

    def _training_items(
        self, dimension: str, fold: int, golds: Mapping[str, Gold]
    ) -> _TrainingItems:
        """The cell's training items; `golds` holds the dimension's gold by item id."""
        # Items of the other folds, with their gold.
        train = [
            LabelledItem(
                self._shown_item((name, dimension)), gold.score, gold.rationale, gold.raters
            )
            for name, gold in golds.items()
            if self.fold[name] != fold
        ]
        # `n_train` counts labels, and what does not apply may be none (see `_counts_as_label`).
        offered = {item.shown.item_id for item in train if self._counts_as_label(item)}
        train = self._sample_items(train, offered, dimension, fold)
        # Grades are flipped by dimension, whatever was drawn, so that all folds get the same ones.
        wrong_grades = self._wrong_grades(
            dimension, {name: gold.score for name, gold in golds.items()}
        )
        trained_on = sorted(item.shown.item_id for item in train)
        flipped = {name: wrong_grades[name] for name in trained_on if name in wrong_grades}
        # The rationale stays as the expert wrote it: a slip of the grade, not another opinion.
        noisy = [replace(item, score=flipped.get(item.shown.item_id, item.score)) for item in train]
        return _TrainingItems(tuple(noisy), len(offered), tuple(flipped))

    def _shown_item(self, key: tuple[str, str]) -> ShownItem:
        """An item of any dimension; those the run does not judge are rendered when asked for."""
        if key in self.shown:
            return self.shown[key]
        return _render_item(self.data, self.spec, key, whole_text(self.data.item[key[0]]))[1]

    def _counts_as_label(self, item: LabelledItem) -> bool:
        """Whether an item counts as a label: with `given`, N/A items are never asked about."""
        return self.spec.applicability == "judge" or item.score is not NOT_APPLICABLE

    def _sample_items(
        self, train: list[LabelledItem], offered: set[str], dimension: str, fold: int
    ) -> list[LabelledItem]:
        """The training items of which `n_train` labels are drawn; all where none is set."""
        n_train, seed = self.spec.n_train, self.spec.fold_seed
        if n_train is None:
            return train
        cases = {name: self.data.item[name].case_id for name in offered}
        drawn = drawn_items(cases, n_train, seed, dimension, fold)
        return [item for item in train if item.shown.item_id in drawn]

    def _wrong_grades(self, dimension: str, scores: Mapping[str, Score]) -> Mapping[str, Grade]:
        """Item id -> the wrong grade that it trains with."""
        spec = self.spec
        grades, rate = spec.rubric.scale.grades, spec.label_noise
        return flipped_grades(scores, grades, rate, spec.fold_seed, dimension)


def make_plan(spec: RunSpec) -> Plan:
    """Load and check the data and render every item for the judge; no model is asked.

    Raises:
        DataError: If the data set has problems, all of them at once.
        RequestError: If folds do not fit the data.
    """
    data = load_data(spec)
    # Before gold is formed, which refuses a dimension without a label.
    spec = on_labelled_dimensions(spec, data)
    gold = gold_labels(data, spec.gold, spec.dimensions)
    check_foldable(spec.splits, data.item.values(), spec.folds, spec.fold_seed)
    views: dict[tuple[str, str], View] = {}
    shown: dict[tuple[str, str], ShownItem] = {}
    whole: dict[str, str] = {}
    for key in gold:
        whole.setdefault(key[0], whole_text(data.item[key[0]]))  # one text for all dimensions
        views[key], shown[key] = _render_item(data, spec, key, whole[key[0]])
    attacked = _attacked_items(data, spec, list(gold))
    # What is asked about holds the attack; `shown`, which memory takes, stays clean.
    views |= {key: item.view for key, item in attacked.items()}
    return Plan(spec, data, gold, views, shown, spec.run_id(data), attacked)


def _attacked_items(
    data: LabelledDataset, spec: RunSpec, keys: Sequence[tuple[str, str]]
) -> dict[tuple[str, str], AttackedItem]:
    """The items of `keys` with what the run's attack plants in them; empty without an attack."""
    if spec.attack is None:
        return {}
    questions = spec.rubric.dimensions
    return {
        key: spec.attack.plant_in(data.item[key[0]], questions[key[1]], spec.rubric, spec.view)
        for key in keys
    }


def on_labelled_dimensions(spec: RunSpec, data: LabelledDataset) -> RunSpec:
    """The run on the labelled dimensions, where its configuration names none."""
    names_dimensions = spec.config.get("dimensions") is not None
    return (
        spec
        if names_dimensions
        else replace(spec, dimensions=labelled_dimensions(data, spec.dimensions))
    )


def _render_item(
    data: LabelledDataset, spec: RunSpec, key: tuple[str, str], whole: str
) -> tuple[View, ShownItem]:
    """An item's view, and the item as judge and memory see it; `key` is item id and dimension."""
    item, rule = data.item[key[0]], spec.rubric.dimensions[key[1]].view
    view = render_view(item, rule, spec.view, dimension=key[1])
    brief = view  # an example without a budget of its own is shown as it would be judged
    if spec.view.example_tokens is not None:
        brief = render_view(item, rule, spec.view, example=True, dimension=key[1])
    # Facts serve retrieval alone, so they are read only where it uses them.
    facts = facts_text(item, rule, spec.facts, key[1]) if spec.embeds_facts else ""
    return view, ShownItem(key[0], view.text, brief.text, whole, item.prompt, facts)
