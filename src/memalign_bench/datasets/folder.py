"""`dataset=files`: a folder of notebooks with a table of labels, or one table of items and labels.

A **folder** holds a table `labels` (`labels.csv`, say; see `tables.SUFFIXES`) with the columns
item_id, dimension, score and, where known, case_id, rater, rationale, literal_score. The items are
listed in a table `items`: item_id, case_id, prompt, context, kind, stratum, fold, and `path` of a
notebook inside the folder or `content`. Without that list every notebook in `notebooks/` and below
is an item, and its case is the one that the labels name.

A **file** has the items and their labels in one table: item_id, content (or text), and optionally
case_id, prompt, context, kind, stratum, fold. The labels stand beside them: one row a label
(dimension, rater, score, rationale; the item's own columns repeat), or one row an item with a list
`labels` of such objects, or with lists in `score` and `rationale`, one entry a rater, or with one
column a rater. Where the rubric has one dimension, that column may be left out.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from memalign_bench.datasets.bundled import bundled_path
from memalign_bench.datasets.dataset import Evidence, LabelledDataset, check_labels
from memalign_bench.datasets.tabular.allowances import make_allowances
from memalign_bench.datasets.tabular.notebook_files import NotebookFiles, find_notebooks
from memalign_bench.datasets.tabular.reading import Contents, Reader, TableSettings, decoded_in
from memalign_bench.datasets.tabular.tables import SUFFIXES, Row, find_table, read_table
from memalign_bench.datasets.tabular.values import (
    GradeReader,
    id_from,
    is_missing,
    unsure_marks,
)
from memalign_bench.datasets.tabular.wide import long_rows
from memalign_bench.errors import DataError, UnreadableError
from memalign_bench.notebooks.parse import read_notebook, without_surrogates
from memalign_bench.notebooks.terminal import plain_text
from memalign_bench.types import Item, Rubric

__all__ = ["FolderSource", "checked_dataset", "read_rows"]

_LABEL_COLUMNS = ("item_id", "dimension", "score")
_RULED = ("literal_score", "score")
_AGAIN = "; keep one, or take the later with dataset.repeated=latest"


@dataclass(frozen=True)
class FolderSource(TableSettings):
    """A data set that lies in a folder or a file; without `path`, the bundled corpus of `seed`.

    Attributes:
        name: Name of the YAML choice; records name another level than `real` behind it.
        path: The folder or file; None for the bundled corpus.
        seed: Which bundled corpus: 0 is reported, 1 is the development corpus.
        difficulty: Its level: `real`, or `plain` (the same cases and grades, facts easy to see).
        unlabelled: Whether items may be without any label, as those that experts are to label.
    """

    name: str
    path: str | None = None
    seed: int = 0
    difficulty: str = "real"
    unlabelled: bool = False

    def load(self, rubric: Rubric) -> LabelledDataset:
        """Read and check everything.

        Raises:
            DataError: With every problem: files, notebooks, items, labels.
        """
        bundled = None if self.path else bundled_path(self.seed, self.difficulty)
        path = bundled or Path(str(self.path)).expanduser()
        reader = self.reader(rubric, unlabelled=self.unlabelled)
        if path.is_dir():
            contents, evidence = _read_folder(path, reader)
        elif path.is_file():
            table = read_table(path)
            contents, evidence = read_rows(table.rows, reader), ()
            contents.problems[:0] = table.problems
            contents.items_lost += not table.rows
            contents.told[:0] = table.told
        else:
            raise DataError(str(path), ["there is no such folder or file; set dataset.path."])
        name = self.name if self.difficulty == "real" else f"{self.name}_{self.difficulty}"
        return checked_dataset(
            str(path),
            name,
            contents,
            reader,
            evidence=evidence,
            notice=self.notice,
            texts=self.texts,
        )


def checked_dataset(
    where: str,
    name: str,
    contents: Contents,
    reader: Reader,
    *,
    evidence: tuple[Evidence, ...] = (),
    **held: Any,
) -> LabelledDataset:
    """The data set of what was read, once nothing is wrong with it.

    Args:
        where: How error messages name its files.
        name: Name of the YAML choice.
        contents: What was read.
        reader: How.
        evidence: Planted facts, where they are known.
        held: `notice` and `texts` of the data set.

    Raises:
        DataError: With every problem.
    """
    make_allowances(contents, reader)
    problems = [*contents.problems, *_case_problems(contents)]
    problems += unsure_marks(contents.marked, contents.labels, reader.rubric.scale)
    read = contents.items, contents.labels, reader.rubric, contents.places
    complete = not contents.items_lost
    labelled = not reader.unlabelled and not problems  # why there is none has been told then
    try:
        check_labels(where, *read, complete=complete, labelled=labelled, again=_AGAIN)
    except DataError as error:
        problems += error.problems
    if problems:
        raise DataError(where, problems)
    return LabelledDataset.of(
        name,
        contents.items,
        contents.labels,
        evidence=evidence or contents.evidence(),
        told=tuple(contents.told),
        **held,
    )


def _case_problems(contents: Contents) -> list[str]:
    case_of = {item.item_id: item.case_id for item in contents.items}
    return [
        f"{place}: case {case_id!r}, but item {item_id!r} belongs to case {case_of[item_id]!r}."
        for place, item_id, case_id in contents.cases
        if case_of.get(item_id, case_id) != case_id
    ]


def read_rows(rows: Sequence[Row], reader: Reader) -> Contents:
    """Items and labels of one table that holds both."""
    contents = Contents()
    reader = reader.fitted(rows, contents)
    rows = long_rows(rows, reader, contents)
    needed, nested = _needed(rows, reader), list(_nested(rows, reader))
    contents.problems += reader.absent(rows, needed)
    contents.problems += reader.absent(nested, ["score"])
    contents.problems += reader.absent([*rows, *nested], reader.columns.keys() - {*needed, "score"})
    if contents.problems:
        contents.items_lost = len(rows)
        return contents
    known: dict[str, tuple[Item, Row]] = {}
    for row in rows:
        item = _row_item(row, reader, contents)
        if item is None:
            continue
        first, its_row = known.setdefault(item.item_id, (item, row))
        spelled, before = reader.value(row, "item_id"), reader.value(its_row, "item_id")
        if first is item:
            contents.items.append(item)
        elif first != item:
            where = its_row.place if spelled == before else f"{its_row.place}, as {before!a}"
            contents.problems += _differences(row, first, item, where)
        contents.counts["respelled"] += isinstance(spelled, str) and spelled != before
        reader.add_labels(row, item.item_id, contents)
    return contents


def _needed(rows: Sequence[Row], reader: Reader) -> list[str]:
    """Columns without which a table of items and labels cannot be read."""
    own = ["item_id", "content"]
    nested = any(reader.value(row, "labels") is not None for row in rows)
    return own if nested or reader.unlabelled else [*own, "dimension", "score"]


def _nested(rows: Sequence[Row], reader: Reader) -> Iterator[Row]:
    """The labels within rows."""
    for row in rows:
        labels = reader.value(row, "labels")
        for label in labels if isinstance(labels, list) else [labels]:
            if isinstance(label, dict):
                yield Row(row.place, label)


def _row_item(row: Row, reader: Reader, contents: Contents) -> Item | None:
    content = reader.value(row, "content")
    if not isinstance(content, str) or not content.strip():
        told = "content is empty: there is nothing to judge."
        if not is_missing(content):
            told = (
                f"content must be a text, got {content!r:.60}; name the column that holds what is"
                " judged: dataset.columns={content: NAME}."
            )
        contents.lose(row.place, [told])
        return None
    try:
        return _told_item(row, content, reader, contents)
    except UnreadableError as error:
        item_id = id_from(reader.value(row, "item_id"), "item_id", [])
        contents.leave_out(row.place, item_id, error.problems)
    except DataError as error:
        contents.lose(row.place, error.problems)
    return None


def _told_item(row: Row, content: str, reader: Reader, contents: Contents) -> Item:
    """The item of a row; what of a notebook was mended is told."""
    item = reader.item(row, without_surrogates(content))
    if item.kind == "text":
        return replace(item, content=plain_text(item.content))
    mended = read_notebook(item.content, item.item_id).mended
    contents.told += [f"{row.place}: mended: {told}." for told in mended]
    return item


def _differences(row: Row, first: Item, other: Item, where: str) -> Iterator[str]:
    mine, theirs = asdict(first), asdict(other)
    for name in mine:
        if mine[name] != theirs[name]:
            told = f"has another {name} than in its first row ({where})"
            yield f"{row.place}: item {first.item_id!r} {told}."


def _read_folder(folder: Path, reader: Reader) -> tuple[Contents, tuple[Evidence, ...]]:
    contents = Contents()
    listed = find_table(folder, "items")
    files = find_notebooks(folder) if listed is None else NotebookFiles({}, {})
    contents.problems += files.problems
    _read_labels(folder, reader, files, contents)
    if listed is not None:
        table = read_table(listed)
        contents.problems += table.problems
        contents.told += table.told
        contents.items_lost += len(table.problems)
        own = reader.fitted(table.rows, contents)
        for row in table.rows:
            _add_listed(row, own, folder, contents)
    elif (folder / "notebooks").is_dir():
        plain = replace(reader, columns={})  # these names are ours
        for item_id, path in files.paths.items():
            values = {"item_id": item_id, "kind": "notebook"}
            _add_file(folder, Row(path, values), path, plain, contents)
    else:
        contents.lose(folder.name, ["no table items.csv, and no folder notebooks/ of .ipynb."])
    contents.items = [
        replace(item, fold=contents.folds[item.item_id])
        if item.fold is None and item.item_id in contents.folds
        else item
        for item in contents.items
    ]
    evidence, problems = _read_evidence(find_table(folder, "evidence"), reader.grading)
    contents.problems += problems
    return contents, evidence


def _read_labels(folder: Path, reader: Reader, files: NotebookFiles, contents: Contents) -> None:
    """Take in every label, and the case and fold that it names for its item."""
    path = find_table(folder, "labels")
    if path is None and reader.unlabelled:
        return
    if path is None:
        others = ", ".join(SUFFIXES[1:])
        contents.problems.append(f"labels.csv: there is no such file (nor one in {others}).")
        return
    table = read_table(path)
    reader = reader.fitted(table.rows, contents)
    rows = long_rows(table.rows, reader, contents)
    absent = reader.absent(rows, _LABEL_COLUMNS)
    contents.problems += [*table.problems, *(f"{path.name}: {told}" for told in absent)]
    contents.told += table.told
    for row in () if absent else rows:
        _read_label(row, reader, files, contents)


def _read_label(row: Row, reader: Reader, files: NotebookFiles, contents: Contents) -> None:
    problems: list[str] = []
    named, case_id = (reader.name(row, name, problems) for name in ("item_id", "case_id"))
    if not named and not problems:
        problems.append("item_id is empty.")
    item_id = files.item_id(named, problems)
    contents.problems += [f"{row.place}: {told}" for told in problems]
    if problems:
        return
    reader.add_labels(row, item_id, contents)
    if case_id:
        contents.cases.append((row.place, item_id, case_id))
    _note_fold(row, item_id, reader, contents)


def _note_fold(row: Row, item_id: str, reader: Reader, contents: Contents) -> None:
    """Keep the fold that a label names for its item."""
    problems: list[str] = []
    fold = reader.fold(row, problems)
    if fold is not None and contents.folds.setdefault(item_id, fold) != fold:
        problems.append(f"fold {fold}, but {contents.folds[item_id]} before for {item_id!r}.")
    contents.problems += [f"{row.place}: {told}" for told in problems]


def _add_listed(row: Row, reader: Reader, folder: Path, contents: Contents) -> None:
    """Take in one row of the list of items."""
    path, content = reader.value(row, "path"), reader.value(row, "content")
    where = str(path or reader.value(row, "item_id") or "the row")
    problems = [
        f"{name} must be a text, got {value!r:.60}."
        for name, value in (("path", path), ("content", content))
        if value is not None and not isinstance(value, str)
    ]
    if not path and not (isinstance(content, str) and content.strip()):
        problems.append("neither path nor content: there is nothing to judge.")
    if problems:
        contents.lose(f"{row.place}: {where}", problems)
    elif path:
        kind = "notebook" if path.lower().endswith(".ipynb") else "text"
        named = {reader.columns.get("kind", "kind"): reader.value(row, "kind") or kind}
        described = Row(f"{row.place}: {path}", {**row.values, **named})
        _add_file(folder, described, path, reader, contents)
    elif item := _row_item(row, reader, contents):
        contents.items.append(item)


def _add_file(folder: Path, row: Row, path: str, reader: Reader, contents: Contents) -> None:
    """Take in the item that a file holds, described by a row."""
    try:
        text, told = decoded_in(folder, path)
        contents.items.append(_told_item(row, text, reader, contents))
        contents.told += [f"{row.place}: mended: it {told}."] if told else []
    except UnreadableError as error:
        item_id = id_from(reader.value(row, "item_id"), "item_id", [])
        contents.leave_out(row.place, item_id, error.problems)
    except DataError as error:
        contents.lose(row.place, error.problems)


def _read_evidence(
    path: Path | None, grading: GradeReader
) -> tuple[tuple[Evidence, ...], list[str]]:
    if path is None:
        return (), []
    table = read_table(path)
    problems = list(table.problems)
    found = []
    for place, row in table.rows:
        try:
            snippets = tuple(str(entry["snippet"]) for entry in row["evidence"])
            texts = (row["item_id"], row["dimension"], row["realisation"])
            literal, ruled = (grading.score(row.get(key), problems) for key in _RULED)
            facets = row.get("facets")
            if isinstance(facets, str):  # in packed tables
                facets = json.loads(facets)
            if literal is not None:
                found.append(Evidence(*texts, literal, snippets, ruled, facets))
        except (KeyError, TypeError, ValueError) as error:
            problems.append(f"{place}: {type(error).__name__}: {error}.")
    return tuple(found), problems
