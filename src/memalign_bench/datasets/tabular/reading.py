"""Turns the rows of any table into items and labels, with every problem found on the way."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from memalign_bench.datasets.dataset import Texts, alike
from memalign_bench.datasets.tabular.contents import Contents
from memalign_bench.datasets.tabular.tables import Row
from memalign_bench.datasets.tabular.values import (
    GradeReader,
    id_from,
    is_missing,
    text_from,
    whole_number,
)
from memalign_bench.errors import DataError, RequestError, UnreadableError
from memalign_bench.notebooks.decoding import Decoded, decode
from memalign_bench.notebooks.parse import MAX_BYTES, read_notebook, without_images
from memalign_bench.scales import NOT_APPLICABLE, is_not_applicable
from memalign_bench.types import Item, Label, Rubric

__all__ = [
    "COLUMNS",
    "Reader",
    "TableSettings",
    "decoded_in",
    "our_spelling",
]

_MAX_FILE_BYTES = 150_000_000
"""A file above this is refused unread, whatever share of it is images."""


def our_spelling(name: str) -> str:
    """A column's name as we would write it: "Item ID" is our item_id."""
    return "_".join(re.split(r"[\s_-]+", alike(name)))


ITEM_IDS = ("item_id", "case_id")
ITEM_TEXTS = ("prompt", "context", "stratum")

_NO_SCORES = ("item_id", "content", "rater", "rationale", "dimension", "case_id")

Repeated = Literal["refuse", "latest"]


COLUMNS = (
    *("item_id", "case_id", "dimension", "rater", "score", "rationale", "literal_score", "labels"),
    *("content", "text", "path", "prompt", "context", "kind", "stratum", "fold"),
)
"""Our names of columns."""


@dataclass(frozen=True, kw_only=True)
class TableSettings:
    """Settings of a data set that is read from tables, wherever these come from.

    Attributes:
        columns: Our name of a column -> the table's, where they differ.
        grades: Word or number that stands for a grade -> the grade, or N/A.
        raters: Columns that hold one rater's grades each, where a row is no label.
        repeated: `refuse` a rater's second grade of an item, or take the `latest`.
        strict: Whether one notebook that cannot be read stops all.
        notice: What every reader of its numbers must know.
        synthetic: Whether its items are generated and its raters simulated.
        texts: `public` or `private` (no sentence of it leaves the call store).
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    grades: Mapping[str, Any] = field(default_factory=dict)
    raters: Sequence[str] = ()
    repeated: Repeated = "refuse"
    strict: bool = False
    notice: str = ""
    synthetic: bool = False
    texts: Texts = "public"

    def reader(self, rubric: Rubric, *, unlabelled: bool = False) -> Reader:
        """What reads the tables."""
        settings = (self.columns, self.grades, self.raters, self.repeated, self.strict)
        return Reader(rubric, *settings, unlabelled)


@dataclass(frozen=True)
class Reader:
    """How one table's columns are read.

    Attributes:
        rubric: Names the only dimension where a table has no such column.
        columns: Our name of a column -> the table's, where they differ.
        grades: Word or number that stands for a grade -> the grade, or N/A.
        raters: Columns that hold one rater's grades each; none where a row is a label.
        repeated: Whether a rater's second grade of an item is refused, or the latest counts.
        strict: Whether one item that cannot be read stops all.
        unlabelled: Whether there need be no label.
    """

    rubric: Rubric
    columns: Mapping[str, str] = field(default_factory=dict)
    grades: Mapping[str, Any] = field(default_factory=dict)
    raters: Sequence[str] = ()
    repeated: Repeated = "refuse"
    strict: bool = False
    unlabelled: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.columns, Mapping):
            raise RequestError(f"dataset.columns must be {{OURS: YOURS}}, got {self.columns!r}.")
        # YAML reads a column that is called 1 as a number.
        object.__setattr__(self, "columns", {k: str(name) for k, name in self.columns.items()})
        # A single name is refused below: its letters would be read as columns.
        if not isinstance(self.raters, str):
            object.__setattr__(self, "raters", [str(name) for name in self.raters])
        if self.repeated not in ("refuse", "latest"):
            raise RequestError(f"dataset.repeated must be refuse or latest, got {self.repeated!r}.")
        if isinstance(self.raters, str) or len(set(self.raters)) < len(self.raters):
            raise RequestError(
                f"dataset.raters must be a list of columns, each once: [NAME, NAME], got"
                f" {self.raters!r}."
            )
        if not isinstance(self.strict, bool):
            raise RequestError(f"dataset.strict must be true or false, got {self.strict!r}.")
        if strangers := [name for name in self.columns if name not in COLUMNS]:
            raise RequestError(
                f"dataset.columns names {strangers}, which are no columns of ours; it reads"
                f" {{OURS: YOURS}} with ours one of {', '.join(COLUMNS)}."
            )

        table_names = {name: self.columns.get(name, name) for name in ("score", *_NO_SCORES)}
        doubled = [n for n in _NO_SCORES if table_names[n] == table_names["score"]]
        if doubled:
            raise RequestError(
                f"dataset.columns reads {table_names['score']!r} as score and as"
                f" {' and '.join(doubled)}; a column of scores holds nothing else."
            )

    @cached_property
    def grading(self) -> GradeReader:
        """What scores mean."""
        return GradeReader(self.grades, self.rubric.scale)

    @cached_property
    def dimension_names(self) -> dict[str, str]:
        """Dimensions in small letters -> as the rubric has them, where these are enough."""
        names = [name.casefold() for name in self.rubric.dimensions]
        return {
            name.casefold(): name
            for name in self.rubric.dimensions
            if names.count(name.casefold()) == 1
        }

    def for_table(self, rows: Sequence[Row], contents: Contents) -> Reader:
        """The reader for a table that spells our columns differently ("Item ID"); it is noted."""
        columns_there = {name for row in rows for name in row.values}
        by_our_spelling: dict[str, list[str]] = {}
        for name in columns_there - {*COLUMNS, *self.columns.values()}:
            by_our_spelling.setdefault(our_spelling(name), []).append(name)
        respelled = {
            ours: sorted(by_our_spelling[ours])
            for ours in COLUMNS
            if ours in by_our_spelling and ours not in {*columns_there, *self.columns}
        }
        # Read so only where a single column can be meant.
        names = {ours: theirs[0] for ours, theirs in respelled.items() if len(theirs) == 1}
        contents.problems += [
            f"columns {', '.join(map(repr, theirs))} may each be {ours}; name the one that is:"
            f" dataset.columns={{{ours}: NAME}}."
            for ours, theirs in respelled.items()
            if len(theirs) > 1
        ]
        contents.told += [
            f"column {theirs!r} is not read, since there is {ours!r}."
            for ours in COLUMNS
            if ours in columns_there and ours not in self.columns
            for theirs in sorted(by_our_spelling.get(ours, ()))
        ]
        contents.told += [f"column {theirs!r} is read as {ours}." for ours, theirs in names.items()]
        # `text` is another name of `content`.
        if "content" not in columns_there and ("text" in columns_there or "text" in names):
            names.setdefault("content", names.get("text", "text"))
        if (
            "text" in columns_there
            and {**names, **self.columns}.get("content", "content") != "text"
        ):
            contents.told.append("column 'text' is not read, since another is the content.")
        return replace(self, columns={**names, **self.columns})

    def value(self, row: Row, name: str) -> Any:
        """A cell by our name of its column; None where it is missing."""
        return row.values.get(self.columns.get(name, name))

    def name(self, row: Row, name: str, problems: list[str]) -> str:
        """A cell that names something; "" where it is missing (an item may be called "none")."""
        value = self.value(row, name)
        return "" if name != "item_id" and is_missing(value) else id_from(value, name, problems)

    def missing_columns(self, rows: Sequence[Row], names: Iterable[str]) -> list[str]:
        """Problems of columns that no row has; an only dimension need not be named."""
        columns_there = {name for row in rows for name in row.values}
        implied = {"dimension"} if len(self.rubric.dimensions) == 1 else set()
        column_names = {name: self.columns.get(name, name) for name in names if name not in implied}
        # Twenty columns show which table it is.
        known = ", ".join(sorted(map(repr, columns_there))[:20])
        return [
            f"column {theirs!r} is missing; there are {known}. Add it, or name the one that holds"
            f" it: dataset.columns={{{ours}: NAME}}."
            + (" Columns of raters: dataset.raters=[NAME, NAME]." if ours == "score" else "")
            for ours, theirs in column_names.items()
            if rows and theirs not in columns_there
        ]

    def add_labels(self, row: Row, item_id: str, contents: Contents) -> None:
        """Take in the label, or the list of labels, of a row."""
        nested = self.value(row, "labels")
        if nested is not None:
            contents.counts["both"] += not is_missing(self.value(row, "score"))
            # A single label may stand without a list around it.
            for number, entry in enumerate(nested if isinstance(nested, list) else [nested], 1):
                place = f"{row.place}, label {number}"
                if is_missing(entry):
                    contents.counts["skipped"] += 1
                elif isinstance(entry, Mapping):
                    self._add_label(Row(place, entry), item_id, contents)
                else:
                    problem = f"a label is an object with a score, got {entry!r:.60}."
                    contents.problems.append(f"{place}: {problem}")
            return
        score = self.value(row, "score")
        if not isinstance(score, list):
            self._add_label(row, item_id, contents)
            return
        for position_row in self._position_rows(row, score, contents):
            self._add_label(position_row, item_id, contents)

    def _position_rows(self, row: Row, scores: list[Any], contents: Contents) -> Iterator[Row]:
        """A row whose score is a list: one label a position, whose `rater` may be listed."""
        if not scores:  # nobody graded it
            contents.counts["skipped"] += 1
            return
        rationales, raters = (self.value(row, name) for name in ("rationale", "rater"))
        # One name beside one score is its rater's; beside several it would be nobody's.
        if not isinstance(raters, list) and not is_missing(raters):
            raters = [raters]
        if not isinstance(rationales, list) and not is_missing(rationales):
            rationales = [rationales]
        rationales = rationales if isinstance(rationales, list) else [""] * len(scores)
        # Without names raters are told apart by position.
        if not isinstance(raters, list):
            raters = [f"position_{n + 1}" for n in range(len(scores))]
        if len({len(rationales), len(raters), len(scores)}) > 1:
            contents.problems.append(
                f"{row.place}: {len(scores)} scores, {len(rationales)} rationales, {len(raters)}"
                " raters; list as many of each, or leave the score empty."
            )
            return
        names = {name: self.columns.get(name, name) for name in ("score", "rationale", "rater")}
        for number, (score, words, rater) in enumerate(
            zip(scores, rationales, raters, strict=True), 1
        ):
            label_values = {"score": score, "rationale": words, "rater": rater}
            values = {**row.values, **{names[key]: value for key, value in label_values.items()}}
            yield Row(f"{row.place}, position {number}", values)

    def _add_label(self, row: Row, item_id: str, contents: Contents) -> None:
        """Take in one label, or count it as skipped where it has no score."""
        problems: list[str] = []
        dimension = self.name(row, "dimension", problems)
        # The rubric's only dimension need not be named.
        if not dimension and len(self.rubric.dimensions) == 1:
            dimension = next(iter(self.rubric.dimensions))
        dimension = self.dimension_names.get(dimension.casefold(), dimension)
        rater = self.name(row, "rater", problems)
        words = self.value(row, "rationale")
        no_words = is_missing(words) or is_not_applicable(words)
        rationale = "" if no_words else text_from(words, "rationale", problems)
        value = self.value(row, "score")
        score = self.grading.score(value, problems)
        contents.problems += [f"{row.place}: {problem}" for problem in problems]
        if score is None or problems:
            # What has a problem is told as one, and not counted besides.
            contents.counts["skipped"] += not problems
            return
        # Counted, to be told once for the whole table.
        contents.counts["ends"] += self.grading.is_end(value)
        contents.counts["words"] += self.grading.is_word(value)
        # What R writes for a missing value, and people for what does not apply.
        contents.counts["NA"] += (
            score is NOT_APPLICABLE
            and str(value).strip() == "NA"
            and "na" not in self.grading.named
        )
        if self.grading.is_marked(value):
            contents.marked.add(dimension)
        contents.labels.append(Label(item_id, dimension, rater, score, rationale))
        contents.places.append(row.place)
        literal_score = self.grading.score(self.value(row, "literal_score"), [])
        if literal_score is not None:
            contents.literal[item_id, dimension] = literal_score

    def item(self, row: Row, content: str) -> Item:
        """The item of a row.

        Raises:
            DataError: With everything that is wrong with it.
            UnreadableError: If it is a notebook that cannot be read or says nothing.
        """
        problems: list[str] = []
        texts = {name: self.name(row, name, problems) for name in ITEM_IDS}
        texts |= {
            name: text_from(self.value(row, name), name, problems) for name in ("kind", *ITEM_TEXTS)
        }
        kind = texts.pop("kind") or "text"
        if kind not in ("notebook", "text"):
            problems.append(f"kind {kind!r} is neither 'notebook' nor 'text'.")
        if not texts["item_id"] and not problems:
            problems.append("item_id is empty.")
        fold = self.fold(row, problems)
        if problems:
            raise DataError(row.place, problems)
        # Read now, so that a bad notebook is told with its row.
        if kind == "notebook" and read_notebook(content, texts["item_id"]).blank:
            raise UnreadableError(row.place, ["no cell says anything; there is nothing to judge."])
        return Item(kind=_kind_of(kind), content=content, fold=fold, **texts)

    def fold(self, row: Row, problems: list[str]) -> int | None:
        """The fold that a row names; None where it names none."""
        value = self.value(row, "fold")
        if is_missing(value):
            return None
        fold = whole_number(value)
        if fold is None or fold < 0:
            problems.append(f"fold {value!r:.60} is not a whole number from 0.")
        return fold


def _kind_of(word: str) -> Literal["notebook", "text"]:
    return "notebook" if word == "notebook" else "text"


def decoded_in(folder: Path, name: str) -> Decoded:
    """The text of a file inside a folder, a large notebook without pictures, and how it was saved.

    Raises:
        DataError: If it lies outside (by its path or a link), or is not there.
        UnreadableError: If it is too large, or no text.
    """
    try:
        path = (folder / name).resolve()
    except (OSError, RuntimeError) as error:
        raise UnreadableError(name, ["a link that leads to itself."]) from error
    # Data sets come from others: a path or a link must not lead out of their folder.
    if not path.is_relative_to(folder.resolve()):
        raise DataError(name, ["lies outside the data set's folder."])
    if not path.is_file():
        if (folder / name).is_symlink():
            raise UnreadableError(name, ["a link to a file that is not there."])
        raise DataError(name, ["there is no such file."])
    size = path.stat().st_size
    too_large = f"{size:,} bytes; the limit is {MAX_BYTES:,}, images not counted."
    # Refused before it is in memory.
    if size > _MAX_FILE_BYTES:
        raise UnreadableError(name, [too_large])
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise UnreadableError(name, [f"cannot be read ({type(error).__name__})."]) from error
    decoded = decode(raw, name)
    # The limit is on what is judged, and pictures are not.
    text = without_images(decoded.text)
    if len(text) > MAX_BYTES:
        raise UnreadableError(name, [too_large])
    return decoded._replace(text=text)
