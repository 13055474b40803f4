"""A labelled data set: items and labels, also as `datasets.Dataset` with declared features."""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from memalign_bench.errors import DataError
from memalign_bench.scales import plain_number
from memalign_bench.seeding import child_seed, generator
from memalign_bench.types import (
    NOT_APPLICABLE,
    DimensionRubric,
    Grade,
    Item,
    Label,
    Rubric,
    Scale,
    Score,
)

if TYPE_CHECKING:
    import datasets

__all__ = [
    "Evidence",
    "LabelledDataset",
    "alike",
    "check_labels",
    "item_features",
    "label_features",
]

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
        facets: The planted facts, by the generator's names, less what is as usual; None where the
            data do not tell.
    """

    item_id: str
    dimension: str
    realisation: str
    literal_score: Score
    snippets: tuple[str, ...]
    score: Score | None = None
    # A mapping has no hash.
    facets: Mapping[str, Any] | None = field(default=None, hash=False)


def item_features() -> datasets.Features:
    """Declared features of the items table."""
    import datasets

    columns = {name: datasets.Value("string") for name in Item.__annotations__}
    return datasets.Features({**columns, "fold": datasets.Value("int32")})


def label_features() -> datasets.Features:
    """Declared features of the labels table; a score is null where the question does not apply."""
    import datasets

    text = datasets.Value("string")
    columns = {name: text for name in Label.__annotations__}
    return datasets.Features({**columns, "score": datasets.Value("float64")})


@dataclass(frozen=True, eq=False)
class LabelledDataset:
    """Items, and every rater's label of them.

    Attributes:
        name: Name of the YAML choice.
        item_list: Every item, sorted by id.
        label_list: Every label, sorted by item, dimension and rater.
        notice: What every reader of its numbers must know ("" for nothing).
        texts: `private` where no sentence of it may leave the call store.
        told: What was mended, taken for granted or left out when it was read, a line each.
        evidence: Planted facts, where the data set was made with them.
    """

    name: str
    item_list: tuple[Item, ...]
    label_list: tuple[Label, ...]
    notice: str = ""
    texts: Texts = "public"
    told: tuple[str, ...] = ()
    evidence: tuple[Evidence, ...] = field(default=(), repr=False)

    @classmethod
    def of(
        cls, name: str, items: Iterable[Item], labels: Iterable[Label], **more: Any
    ) -> LabelledDataset:
        """Hold items and labels in a fixed order."""
        return cls(
            name=name,
            # Sorted, so that neither digest nor results depend on the order of a file.
            item_list=tuple(sorted(items, key=lambda item: item.item_id)),
            label_list=tuple(
                sorted(
                    map(_with_plain_grade, labels),
                    key=lambda label: (label.item_id, label.dimension, label.rater),
                )
            ),
            **more,
        )

    # Tables are made when they are asked for: the library takes longer to import than a small data
    # set to read.
    @cached_property
    def items(self) -> datasets.Dataset:
        """One row an item, sorted by id; see `item_features`."""
        return _table(map(asdict, self.item_list), item_features())

    @cached_property
    def labels(self) -> datasets.Dataset:
        """One row per (item, dimension, rater), sorted; see `label_features`."""
        rows = ({**asdict(label), "score": _table_score(label.score)} for label in self.label_list)
        return _table(rows, label_features())

    @cached_property
    def item(self) -> Mapping[str, Item]:
        """Item id -> item, in the order of ids."""
        return {item.item_id: item for item in self.item_list}

    @cached_property
    def digest(self) -> str:
        """Hex sha256 of everything that items and labels say; of nothing else (paths, names).

        Fields that an item leaves out (its fold) do not enter it.
        """
        state = hashlib.sha256()
        labels = (
            {**asdict(label), "score": _digest_score(label.score)} for label in self.label_list
        )
        # Null fields are left out, so that a field added later changes no digest.
        for row in (*map(asdict, self.item_list), *labels):
            fields = {key: value for key, value in row.items() if value is not None}
            state.update(json.dumps(fields, sort_keys=True, ensure_ascii=False).encode())
            state.update(b"\n")
        return state.hexdigest()

    def part(self, n_cases: int | None = None, limit: int | None = None) -> LabelledDataset:
        """A draw of whole cases, then the first items of it; None for all.

        Cases are drawn evenly over strata, and fewer cases are a subset of more: a pilot's answers
        serve the study that follows. A case has the stratum of its first item. Texts and grades
        have no part in the draw.

        Args:
            n_cases: How many cases.
            limit: How many items, in the order of ids.
        """
        kept_items = self.item_list
        notice = self.notice
        stratum_by_case: dict[str, str] = {}
        for item in self.item_list:
            stratum_by_case.setdefault(item.case_id, item.stratum)
        if n_cases is not None and n_cases < len(stratum_by_case):
            drawn = set(_spread_over_strata(stratum_by_case)[:n_cases])
            kept_items = tuple(item for item in kept_items if item.case_id in drawn)
            notice = (
                f"{notice} A draw of {n_cases} of {len(stratum_by_case)} cases"
                f" ({len(kept_items)} of {len(self.item_list)} items)."
            ).strip()
        kept_items = kept_items[:limit]
        # Nothing was cut: the very same data set, with the tables that it may have made.
        if len(kept_items) == len(self.item_list):
            return self
        kept = {item.item_id for item in kept_items}
        labels = [label for label in self.label_list if label.item_id in kept]
        evidence = tuple(entry for entry in self.evidence if entry.item_id in kept)
        return replace(
            LabelledDataset.of(self.name, kept_items, labels, notice=notice, texts=self.texts),
            told=self.told,
            evidence=evidence,
        )


def _spread_over_strata(stratum_by_case: Mapping[str, str]) -> list[str]:
    """Cases in an order of which every beginning holds about the same share of each stratum."""
    cases_by_stratum: dict[str, list[str]] = {}
    for case, stratum in sorted(stratum_by_case.items()):
        cases_by_stratum.setdefault(stratum, []).append(case)
    places: list[tuple[float, int, str]] = []
    for stratum, cases in cases_by_stratum.items():
        # Strata of one size would meet at the same shares; the seed says which goes first.
        tie = child_seed(0, "cases", stratum)
        order = generator(0, "cases", stratum).permutation(len(cases))
        # The middle of a case's share of its stratum: 0.5 for one case, 0.25 and 0.75 for two.
        places += [
            ((place + 0.5) / len(cases), tie, cases[index]) for place, index in enumerate(order)
        ]
    return [case for _, _, case in sorted(places)]


def _with_plain_grade(label: Label) -> Label:
    """A label whose grade is written in one way: 3.0 is 3."""
    score = label.score
    return label if score is NOT_APPLICABLE else replace(label, score=plain_number(score))


def _table_score(score: Score) -> float | None:
    """A score as the labels table has it: null where the question does not apply."""
    return None if score is NOT_APPLICABLE else float(score)


def _digest_score(score: Score) -> float:
    """A score as the digest takes it: N/A as 0, as when no grade could be 0, so digests stay."""
    if score is NOT_APPLICABLE:
        return 0
    return score or 0.0  # a grade of 0 is another text, "0.0"


def _table(rows: Iterable[Mapping[str, Any]], features: datasets.Features) -> datasets.Dataset:
    """Rows as a `datasets.Dataset` with declared features."""
    import datasets

    return datasets.Dataset.from_list([dict(row) for row in rows], features=features)


def check_labels(
    where: str,
    items: Sequence[Item],
    labels: Sequence[Label],
    rubric: Rubric,
    places: Sequence[str] = (),
    *,
    complete: bool = True,
    labelled: bool = True,
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
        labelled: Whether there must be a label.
        again: What to do about a rater's second grade, where there is something.

    Raises:
        DataError: With every problem found: duplicate or empty ids, items without a case, labels
            of absent items or unknown dimensions, scores off the scale, repeated labels.
    """
    label_places = places or [f"label {number}" for number in range(1, len(labels) + 1)]
    # Labels of an item that could not be read are not at fault.
    by_near: dict[str, list[str]] = {}
    for item in items:
        by_near.setdefault(_near(item.item_id), []).append(item.item_id)
    known = by_near if complete and items else None
    problems = [
        *_item_problems(items),
        *_label_problems(labels, label_places, known, rubric, again),
    ]
    if complete:  # else what could not be read has been told already
        required = {"items": items, **({"labels": labels} if labelled else {})}
        # Before all others, most of which follow from it.
        problems[:0] = [f"no {kind} at all." for kind, entries in required.items() if not entries]
    if problems:
        raise DataError(where, problems)


def _item_problems(items: Sequence[Item]) -> list[str]:
    """Items without an id or a case, and ids that stand twice."""
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
    known: Mapping[str, Sequence[str]] | None,
    rubric: Rubric,
    again: str,
) -> list[str]:
    """Problems of all labels; an unknown dimension of many labels is told once."""
    problems: list[str] = []
    # Place and score of a rater's first label, to be named with any other.
    seen: dict[tuple[str, str, str], str] = {}
    reported: set[str] = set()
    # Many labels of an unknown dimension give one problem, at the first of them.
    unknown_counts = Counter(
        entry.dimension for entry in labels if entry.dimension not in rubric.dimensions
    )
    for place, label in zip(places, labels, strict=True):
        if (count := unknown_counts.pop(label.dimension, 0)) > 1:
            problems.append(
                f"{place}: unknown dimension {label.dimension!r} of {count:,} labels, this one the"
                f" first; the rubric has {', '.join(rubric.dimensions)}."
            )
            reported.add(label.dimension)
        if label.dimension in reported:
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


def alike(name: str) -> str:
    """What names have in common that people take for one: no case, leading zeros, or odd blanks.

    >>> alike("Ann  Lee") == alike("ann\u200b lee"), alike("007"), alike("7.0")
    (True, '7', '7')
    """
    if not name.isascii():
        signs = unicodedata.normalize("NFKC", name)
        # Cf: signs without a shape of their own, such as zero-width spaces.
        name = "".join(sign for sign in signs if unicodedata.category(sign) != "Cf")
    words = " ".join(name.casefold().split())
    return re.sub(r"^0+(?=\d)", "", words.removesuffix(".0"))


def _near(item_id: str) -> str:
    """What an item's id has in common with others by which labels may call it."""
    return alike(re.split(r"[/\\]", item_id)[-1].removesuffix(".ipynb"))


def _label_faults(
    label: Label, known: Mapping[str, Sequence[str]] | None, rubric: Rubric
) -> list[str]:
    """What is wrong with one label by itself."""
    faults = []
    if known is not None and label.item_id not in known.get(_near(label.item_id), ()):
        near = known.get(_near(label.item_id)) or [
            name for names in known.values() for name in names
        ]
        names = ", ".join(map(repr, near[:3])) + ", ..." * (len(near) > 3)
        faults.append(f"there is no such item; the nearest: {names}.")
    if not label.rater:
        faults.append("no rater is named, and others are; name each label's rater, or none.")
    dimension = rubric.dimensions.get(label.dimension)
    if dimension is None:
        # Whether the score fits cannot be told without the dimension.
        faults.append(f"unknown dimension; the rubric has {', '.join(rubric.dimensions)}.")
        return faults
    if label.score is NOT_APPLICABLE:
        if not dimension.not_applicable:
            faults.append(
                "says N/A, and the rubric does not say when this dimension does not apply; leave"
                " the score empty, or write not_applicable: below the dimension."
            )
    elif label.score not in rubric.scale.grades:
        advice = _grade_advice(label.score, rubric.scale, dimension)
        faults.append(f"score {label.score!r} is no grade; {advice}")
    return faults


def _grade_advice(score: Grade, scale: Scale, dimension: DimensionRubric) -> str:
    """What grades there are, and what to do about one that is none of them."""
    advice = f"a grade is {scale}."
    if score == 0 and scale.not_applicable is None:
        if dimension.not_applicable:
            advice += " If 0 stands for N/A, say so: dataset.grades={0: N/A}."
        advice += " If 0 is a grade, the rubric's scale must have it."
    return advice
