"""A labelled data set: items and labels as `datasets.Dataset` with declared features."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from memalign_bench.errors import DataError
from memalign_bench.types import NOT_APPLICABLE, Item, Label, Rubric

if TYPE_CHECKING:
    import datasets

__all__ = ["Evidence", "LabelledDataset", "check_labels", "item_features", "label_features"]

Texts = Literal["public", "private"]


@dataclass(frozen=True)
class Evidence:
    """What was planted in one item for one dimension, and where it shows (bundled data only).

    Attributes:
        item_id: Its item.
        dimension: Its dimension.
        realisation: Name of the way in which it was written; "" where none was planted.
        literal_score: What a reader grades who knows only the rubric.
        snippets: Verbatim parts of the notebook that show it.
        score: What the experts' conventions say, before any rater's noise; None where not known.
    """

    item_id: str
    dimension: str
    realisation: str
    literal_score: int
    snippets: tuple[str, ...]
    score: int | None = None


def item_features() -> datasets.Features:
    """Declared features of the items table."""
    import datasets

    columns = {name: datasets.Value("string") for name in Item.__annotations__}
    return datasets.Features({**columns, "fold": datasets.Value("int32")})


def label_features() -> datasets.Features:
    """Declared features of the labels table."""
    import datasets

    text = datasets.Value("string")
    columns = {name: text for name in Label.__annotations__}
    return datasets.Features({**columns, "score": datasets.Value("int32")})


@dataclass(frozen=True, eq=False)
class LabelledDataset:
    """Items, and every rater's label of them.

    Attributes:
        name: Name of the YAML choice.
        items: One row an item, sorted by id; see `item_features`.
        labels: One row per (item, dimension, rater), sorted; see `label_features`.
        notice: What every reader of its numbers must know ("" for nothing).
        texts: `private` where no sentence of it may leave the call store.
        told: What was mended, taken for granted or left out when it was read, a line each.
        evidence: Planted facts, where the data set was made with them.
    """

    name: str
    items: datasets.Dataset
    labels: datasets.Dataset
    notice: str = ""
    texts: Texts = "public"
    told: tuple[str, ...] = ()
    evidence: tuple[Evidence, ...] = field(default=(), repr=False)

    @classmethod
    def of(
        cls, name: str, items: Iterable[Item], labels: Iterable[Label], **more: Any
    ) -> LabelledDataset:
        """Hold items and labels as tables, in a fixed order."""
        import datasets

        item_rows = sorted((asdict(item) for item in items), key=lambda row: row["item_id"])
        label_rows = sorted(
            (asdict(label) for label in labels),
            key=lambda row: (row["item_id"], row["dimension"], row["rater"]),
        )
        return cls(
            name=name,
            items=datasets.Dataset.from_list(item_rows, features=item_features()),
            labels=datasets.Dataset.from_list(label_rows, features=label_features()),
            **more,
        )

    @cached_property
    def item(self) -> Mapping[str, Item]:
        """Item id -> item, in the order of ids."""
        return {row["item_id"]: Item(**row) for row in self.items}

    @cached_property
    def label_list(self) -> tuple[Label, ...]:
        """Every label, sorted by item, dimension and rater."""
        return tuple(Label(**row) for row in self.labels)

    @cached_property
    def digest(self) -> str:
        """Hex sha256 of everything that items and labels say; of nothing else (paths, names).

        What an item does not say (a fold of its own) leaves no trace.
        """
        state = hashlib.sha256()
        for table in (self.items, self.labels):
            for row in table:
                said = {key: value for key, value in row.items() if value is not None}
                state.update(json.dumps(said, sort_keys=True, ensure_ascii=False).encode())
                state.update(b"\n")
        return state.hexdigest()

    def first_items(self, limit: int | None) -> LabelledDataset:
        """The data set cut to the first `limit` items in the order of ids (None: all)."""
        if limit is None or limit >= len(self.item):
            return self
        kept = list(self.item)[:limit]
        labels = [label for label in self.label_list if label.item_id in set(kept)]
        return LabelledDataset.of(
            self.name,
            [self.item[item_id] for item_id in kept],
            labels,
            notice=self.notice,
            texts=self.texts,
            told=self.told,
            evidence=tuple(entry for entry in self.evidence if entry.item_id in set(kept)),
        )


def check_labels(
    where: str,
    items: Sequence[Item],
    labels: Sequence[Label],
    rubric: Rubric,
    places: Sequence[str] = (),
    *,
    complete: bool = True,
    again: str = "",
) -> None:
    """Check items and labels against each other and the rubric.

    Args:
        where: How error messages name the data set.
        items: All items.
        labels: All labels.
        rubric: Dimensions and scale.
        places: Where each label stands (file and line); numbered where not given.
        complete: Whether every item could be read; else labels of absent ones are no problem here.
        again: What to do about a rater's second grade, where there is something.

    Raises:
        DataError: With every problem found: duplicate or empty ids, items without a case, labels
            of absent items or unknown dimensions, scores off the scale, repeated labels.
    """
    named = places or [f"label {number}" for number in range(1, len(labels) + 1)]
    known = {item.item_id for item in items} if complete else None
    problems = [*_item_problems(items), *_label_problems(labels, named, known, rubric, again)]
    if complete:  # else what could not be read has been told already
        held = {"items": items, "labels": labels}
        problems[:0] = [f"no {what} at all." for what, found in held.items() if not found]
    if problems:
        raise DataError(where, problems)


def _item_problems(items: Sequence[Item]) -> list[str]:
    problems: list[str] = []
    seen: set[str] = set()
    for number, item in enumerate(items, 1):
        if not item.item_id:
            problems.append(f"item {number}: no item_id.")
        if item.item_id in seen:
            problems.append(f"item {item.item_id!r}: stands twice.")
        if not item.case_id:
            problems.append(f"item {item.item_id!r}: no case_id (items of one case share a fold).")
        seen.add(item.item_id)
    return problems


def _label_problems(
    labels: Sequence[Label],
    places: Sequence[str],
    known: set[str] | None,
    rubric: Rubric,
    again: str,
) -> list[str]:
    problems: list[str] = []
    seen: dict[tuple[str, str, str], str] = {}
    met: set[str] = set()
    strange = Counter(one.dimension for one in labels if one.dimension not in rubric.dimensions)
    for place, label in zip(places, labels, strict=True):
        if (count := strange.pop(label.dimension, 0)) > 1:
            problems.append(
                f"{place}: unknown dimension {label.dimension!r} of {count:,} labels, this one the"
                f" first; the rubric has {', '.join(rubric.dimensions)}."
            )
            met.add(label.dimension)
        if label.dimension in met:
            continue
        lead = f"{place}: item {label.item_id!r}, {label.dimension!r}, rater {label.rater!r}:"
        key = (label.item_id, label.dimension, label.rater)
        problems += [f"{lead} {fault}" for fault in _label_faults(label, known, rubric)]
        if key in seen:
            problems.append(
                f"{lead} this rater has graded this item on it before ({seen[key]}, here"
                f" {label.score}){again}."
            )
        seen.setdefault(key, f"{place}: {label.score}")
    return problems


def _label_faults(label: Label, known: set[str] | None, rubric: Rubric) -> list[str]:
    faults = []
    if known is not None and label.item_id not in known:
        faults.append("there is no such item.")
    if not label.rater:
        faults.append("no rater.")
    dimension = rubric.dimensions.get(label.dimension)
    if dimension is None:
        faults.append(f"unknown dimension; the rubric has {', '.join(rubric.dimensions)}.")
        return faults
    allowed = [*([NOT_APPLICABLE] if dimension.not_applicable else []), *rubric.scale.grades]
    if label.score not in allowed:
        faults.append(f"score {label.score!r} is not one of {allowed}.")
    return faults
