"""From rows of any table to items and labels, with every problem found on the way."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from memalign_bench.datasets.dataset import Evidence
from memalign_bench.datasets.tables import Row
from memalign_bench.errors import DataError
from memalign_bench.notebooks.parse import MAX_BYTES, read_notebook, without_surrogates
from memalign_bench.types import Item, Label, Rubric

__all__ = ["Contents", "Reader", "file_in", "text_from", "whole_number"]

_WHOLE = re.compile(r"[+-]?[0-9]{1,9}")
_LARGEST = 2**31

ITEM_TEXTS = ("prompt", "context", "stratum")


@dataclass
class Contents:
    """Items and labels read so far.

    Attributes:
        items: In the order of reading.
        labels: Likewise, of all items.
        places: Where each label stands.
        cases: (place, item id, case id) of each row that names a case beside a label.
        folds: Item id -> the fold that its labels name, where they stand in a table of their own.
        literal: (item id, dimension) -> what a literal reader of the rubric would grade.
        problems: Everything that is wrong.
        items_lost: How many items could not be read; their labels are then not held against them.
    """

    items: list[Item] = field(default_factory=list)
    labels: list[Label] = field(default_factory=list)
    places: list[str] = field(default_factory=list)
    cases: list[tuple[str, str, str]] = field(default_factory=list)
    folds: dict[str, int] = field(default_factory=dict)
    literal: dict[tuple[str, str], int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    items_lost: int = 0

    def lose(self, place: str, problems: Iterable[str]) -> None:
        """Note that an item could not be read, and why."""
        self.items_lost += 1
        self.problems += [f"{place}: {told}" for told in problems]

    def evidence(self) -> tuple[Evidence, ...]:
        """The literal scores as evidence without snippets, sorted."""
        return tuple(
            Evidence(item_id, dimension, "", score, ())
            for (item_id, dimension), score in sorted(self.literal.items())
        )


@dataclass(frozen=True)
class Reader:
    """How one table's columns are read.

    Attributes:
        rubric: Names the only dimension where a table has no such column.
        columns: Our name of a column -> the table's, where they differ.
        grades: Word that stands for a grade -> the grade.
        numbers_as_text: Whether a number may be written as text (a csv knows no other way).
    """

    rubric: Rubric
    columns: Mapping[str, str] = field(default_factory=dict)
    grades: Mapping[str, int] = field(default_factory=dict)
    numbers_as_text: bool = False

    def value(self, row: Row, name: str) -> Any:
        """A cell by our name of its column; None where it is missing."""
        return row.values.get(self.columns.get(name, name))

    def absent(self, rows: Sequence[Row], names: Iterable[str]) -> list[str]:
        """Problems of columns that no row has, `dimension` only where the rubric has several."""
        held = {name for row in rows for name in row.values}
        one = {"dimension"} if len(self.rubric.dimensions) == 1 else set()
        named = {name: self.columns.get(name, name) for name in names if name not in one}
        known = ", ".join(sorted(map(repr, held))[:20])
        return [
            f"column {theirs!r} is missing; there are {known}. Add it (empty where there is nothing"
            f" to say), or name the one that holds it: dataset.columns={{{ours}: NAME}}."
            for ours, theirs in named.items()
            if rows and theirs not in held
        ]

    def add_labels(self, row: Row, item_id: str, contents: Contents) -> None:
        """Take in the label, or the list of labels, of a row."""
        nested = self.value(row, "labels")
        if nested is not None:
            for number, entry in enumerate(nested if isinstance(nested, list) else [nested], 1):
                place = f"{row.place}, label {number}"
                if isinstance(entry, Mapping):
                    self._add_label(Row(place, entry), item_id, contents)
                else:
                    contents.problems.append(f"{place}: not an object but {entry!r:.60}.")
            return
        score = self.value(row, "score")
        if not isinstance(score, list):
            self._add_label(row, item_id, contents)
            return
        for part in self._positions(row, score, contents):
            self._add_label(part, item_id, contents)

    def _positions(self, row: Row, scores: list[Any], contents: Contents) -> Iterator[Row]:
        """A row whose score is a list: one label a position, which is not a person."""
        told = self.value(row, "rationale")
        told = told if isinstance(told, list) else [""] * len(scores)
        if len(told) != len(scores):
            contents.problems.append(f"{row.place}: {len(scores)} scores, {len(told)} rationales.")
            return
        names = {name: self.columns.get(name, name) for name in ("score", "rationale", "rater")}
        for number, (score, words) in enumerate(zip(scores, told, strict=True), 1):
            one = {"score": score, "rationale": words, "rater": f"position_{number}"}
            values = {**row.values, **{names[key]: value for key, value in one.items()}}
            yield Row(f"{row.place}, position {number}", values)

    def _add_label(self, row: Row, item_id: str, contents: Contents) -> None:
        problems: list[str] = []
        dimension = text_from(self.value(row, "dimension"), "dimension", problems)
        if not dimension and len(self.rubric.dimensions) == 1:
            dimension = next(iter(self.rubric.dimensions))
        rater = text_from(self.value(row, "rater"), "rater", problems)
        told = text_from(self.value(row, "rationale"), "rationale", problems)
        score = self._score(self.value(row, "score"), problems)
        literal = self.value(row, "literal_score")
        contents.problems += [f"{row.place}: {problem}" for problem in problems]
        if score is None or problems:
            return
        contents.labels.append(Label(item_id, dimension, rater, score, told))
        contents.places.append(row.place)
        read = whole_number(literal, as_text=self.numbers_as_text)
        if read is not None:
            contents.literal[item_id, dimension] = read

    def _score(self, value: Any, problems: list[str]) -> int | None:
        if isinstance(value, str) and value in self.grades:
            return int(self.grades[value])
        score = whole_number(value, as_text=self.numbers_as_text)
        if score is None:
            words = " (map words with dataset.grades={WORD: GRADE})" if value else ""
            problems.append(f"score {value!r:.60} is not a whole number{words}.")
        return score

    def item(self, row: Row, content: str) -> Item:
        """The item of a row.

        Raises:
            DataError: With everything that is wrong with it.
        """
        problems: list[str] = []
        texts = {
            name: text_from(self.value(row, name), name, problems)
            for name in ("item_id", "case_id", "kind", *ITEM_TEXTS)
        }
        kind = texts.pop("kind") or "text"
        if kind not in ("notebook", "text"):
            problems.append(f"kind {kind!r} is neither 'notebook' nor 'text'.")
        problems += [] if texts["item_id"] else ["item_id is missing or not a text."]
        fold = self.fold(row, problems)
        if problems:
            raise DataError(row.place, problems)
        if kind == "notebook":
            read_notebook(content, texts["item_id"])
        return Item(kind=_kind(kind), content=content, fold=fold, **texts)

    def fold(self, row: Row, problems: list[str]) -> int | None:
        """The fold that a row names; None where it names none."""
        value = self.value(row, "fold")
        if value is None or value == "":
            return None
        fold = whole_number(value, as_text=self.numbers_as_text)
        if fold is None or fold < 0:
            problems.append(f"fold {value!r:.60} is not a whole number from 0.")
        return fold


def _kind(word: str) -> Literal["notebook", "text"]:
    return "notebook" if word == "notebook" else "text"


def whole_number(value: Any, *, as_text: bool) -> int | None:
    """A whole number, or None; a truth value is none, 2.0 is one, "2" only where texts count.

    >>> whole_number(2.0, as_text=False), whole_number("2", as_text=False)
    (2, None)
    """
    if isinstance(value, str) and as_text and _WHOLE.fullmatch(value.strip()):
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if not abs(value) < _LARGEST or int(value) != value:
        return None
    return int(value)


def text_from(value: Any, name: str, problems: list[str]) -> str:
    """A text that a file can hold; "" for a missing one, a problem for anything else."""
    if value is None:
        return ""
    if not isinstance(value, str):
        problems.append(f"{name} must be a text, got {value!r:.60}.")
        return ""
    if len(value) > MAX_BYTES:
        problems.append(f"{name}: {len(value):,} characters; the limit is {MAX_BYTES:,}.")
        return ""
    return without_surrogates(value)


def file_in(folder: Path, name: str) -> str:
    """The text of a file inside a folder.

    Raises:
        DataError: If it lies outside (by its path or a link), is not there, or is too large.
    """
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise DataError(name, ["lies outside the data set's folder."])
    if not path.is_file():
        raise DataError(name, ["there is no such file."])
    if (size := path.stat().st_size) > MAX_BYTES:
        raise DataError(name, [f"{size:,} bytes; the limit is {MAX_BYTES:,}."])
    return path.read_text(encoding="utf-8", errors="replace")
