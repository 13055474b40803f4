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
column a rater or a dimension. Where the rubric has one dimension, that column may be left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from memalign_bench.datasets.bundled import bundled_path
from memalign_bench.datasets.dataset import Evidence, LabelledDataset, check_labels
from memalign_bench.datasets.tabular.allowances import make_allowances
from memalign_bench.datasets.tabular.contents import Contents
from memalign_bench.datasets.tabular.evidence import read_evidence
from memalign_bench.datasets.tabular.notebook_files import NotebookFiles, find_notebooks
from memalign_bench.datasets.tabular.reading import Reader, TableSettings, decoded_in
from memalign_bench.datasets.tabular.tables import (
    SUFFIXES,
    Row,
    find_table,
    find_tables,
    is_table,
    read_table,
)
from memalign_bench.datasets.tabular.values import (
    id_from,
    is_missing,
    unsure_marks,
)
from memalign_bench.datasets.tabular.wide import long_rows
from memalign_bench.errors import DataError, RequestError, UnreadableError
from memalign_bench.notebooks.parse import read_notebook, without_surrogates
from memalign_bench.notebooks.terminal import plain_text, says_nothing
from memalign_bench.types import Item, Rubric

__all__ = ["FolderSource", "checked_dataset", "read_rows"]

_LABEL_COLUMNS = ("item_id", "dimension", "score")
_REPEATED_ADVICE = "; keep one, or take the later with dataset.repeated=latest"


@dataclass(frozen=True)
class FolderSource(TableSettings):
    """A data set that lies in a folder or a file; without `path`, the bundled corpus of `seed`.

    Attributes:
        name: Name of the YAML choice; records name another level than `real` behind it.
        path: The folder or file; None for the bundled corpus.
        seed: Which bundled corpus: 0 is reported, 1 is the development corpus; None for none.
        difficulty: Its level: `real`, or `plain` (the same cases and grades, facts easy to see).
        unlabelled: Whether items may be without any label, as those that experts are to label.
    """

    name: str
    path: str | None = None
    seed: int | None = None
    difficulty: str = "real"
    unlabelled: bool = False

    def __post_init__(self) -> None:
        # Labels of one's own must never be the bundled ones because a path is empty.
        if self.path == "" or (self.path is None and self.seed is None):
            raise RequestError("dataset.path must name a folder or a file; it names none.")

    def load(self, rubric: Rubric) -> LabelledDataset:
        """Read and check everything.

        Raises:
            DataError: With every problem: files, notebooks, items, labels.
        """
        if self.path is None and self.seed is not None:
            path = bundled_path(self.seed, self.difficulty)
        else:
            path = Path(str(self.path)).expanduser()
        reader = self.reader(rubric, unlabelled=self.unlabelled)
        if path.is_dir():
            contents, evidence = _read_folder(path, reader)
        elif path.is_file():
            table = read_table(path)
            contents, evidence = read_rows(table.rows, reader), ()
            # First, since what is wrong with rows may follow from it.
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
    **fields: Any,
) -> LabelledDataset:
    """The data set of what was read, once nothing is wrong with it.

    Args:
        where: How error messages name its files.
        name: Name of the YAML choice.
        contents: What was read.
        reader: How.
        evidence: Planted facts, where they are known.
        **fields: `notice` and `texts` of the data set.

    Raises:
        DataError: With every problem.
    """
    # Before the checks, which would refuse what may be left out.
    make_allowances(contents, reader)
    problems = [*contents.problems, *_case_problems(contents)]
    problems += unsure_marks(contents.marked, contents.labels, reader.rubric.scale)
    items_and_labels = contents.items, contents.labels, reader.rubric, contents.places
    complete = not contents.items_lost
    labelled = not reader.unlabelled and not problems  # why there is none has been told then
    try:
        check_labels(
            where, *items_and_labels, complete=complete, labelled=labelled, again=_REPEATED_ADVICE
        )
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
        **fields,
    )


def _case_problems(contents: Contents) -> list[str]:
    """Labels that name another case than their item has."""
    case_of = {item.item_id: item.case_id for item in contents.items}
    # Of labels of an item that is not there `check_labels` tells.
    return [
        f"{place}: case {case_id!r}, but item {item_id!r} belongs to case {case_of[item_id]!r}."
        for place, item_id, case_id in contents.cases
        if case_of.get(item_id, case_id) != case_id
    ]


def read_rows(rows: Sequence[Row], reader: Reader) -> Contents:
    """Items and labels of one table that holds both."""
    contents = Contents()
    reader = reader.for_table(rows, contents)
    rows = long_rows(rows, reader, contents)
    needed, nested = _needed_columns(rows, reader), list(_nested_labels(rows, reader))
    contents.problems += reader.missing_columns(rows, needed)
    contents.problems += reader.missing_columns(nested, ["score"])
    contents.problems += reader.missing_columns(
        [*rows, *nested], reader.columns.keys() - {*needed, "score"}
    )
    # A missing column would give a problem in every row: reading ends here.
    if contents.problems:
        contents.items_lost = len(rows)
        return contents
    first_of_item: dict[str, tuple[Item, Row]] = {}
    for row in rows:
        n_left_out = len(contents.left_out)
        item = _row_item(row, reader, contents)
        if item is None:
            # Its labels are left out with it, and counted.
            for left_out in contents.left_out[n_left_out:]:
                reader.add_labels(row, left_out.item_id, contents)
            continue
        # Rows of one item repeat its columns, and must not contradict one another.
        first_item, first_row = first_of_item.setdefault(item.item_id, (item, row))
        item_id_here, item_id_before = (
            reader.value(row, "item_id"),
            reader.value(first_row, "item_id"),
        )
        if first_item is item:
            contents.items.append(item)
        elif first_item != item:
            where = (
                first_row.place
                if item_id_here == item_id_before
                else f"{first_row.place}, as {item_id_before!a}"
            )
            contents.problems += _differences(row, first_item, item, where)
        contents.counts["respelled"] += (
            isinstance(item_id_here, str) and item_id_here != item_id_before
        )
        reader.add_labels(row, item.item_id, contents)
    return contents


def _needed_columns(rows: Sequence[Row], reader: Reader) -> list[str]:
    """Columns without which a table of items and labels cannot be read."""
    item_columns = ["item_id", "content"]
    nested = any(reader.value(row, "labels") is not None for row in rows)
    return item_columns if nested or reader.unlabelled else [*item_columns, "dimension", "score"]


def _nested_labels(rows: Sequence[Row], reader: Reader) -> Iterator[Row]:
    """The labels inside rows that hold a list of them."""
    for row in rows:
        labels = reader.value(row, "labels")
        for label in labels if isinstance(labels, list) else [labels]:
            if isinstance(label, dict):
                yield Row(row.place, label)


def _row_item(row: Row, reader: Reader, contents: Contents) -> Item | None:
    """The item of a row; None, with the reason noted, where it is none."""
    content = reader.value(row, "content")
    if not isinstance(content, str) or says_nothing(content):
        is_text = isinstance(content, str) or is_missing(content)
        problem = (
            "content is empty: there is nothing to judge."
            if is_text
            else (
                f"content must be a text, got {content!r:.60}; name the column that holds what is"
                " judged: dataset.columns={content: NAME}."
            )
        )
        contents.lose(row.place, [problem])
        return None
    try:
        return _item_with_notes(row, content, reader, contents)
    except UnreadableError as error:
        item_id = id_from(reader.value(row, "item_id"), "item_id", [])
        contents.leave_out(row.place, item_id, error.problems)
    except DataError as error:
        contents.lose(row.place, error.problems)
    return None


def _item_with_notes(row: Row, content: str, reader: Reader, contents: Contents) -> Item:
    """The item of a row; what was mended in a notebook is noted."""
    item = reader.item(row, without_surrogates(content))
    if item.kind == "text":
        if says_nothing(item.content):  # of a file: empty cells of a table are refused before
            raise UnreadableError(row.place, ["it is empty; there is nothing to judge."])
        return replace(item, content=plain_text(item.content))
    mended = read_notebook(item.content, item.item_id).mended
    contents.told += [f"{row.place}: mended: {repair}." for repair in mended]
    return item


def _differences(row: Row, first: Item, other: Item, where: str) -> Iterator[str]:
    """Columns in which a later row of an item contradicts its first row."""
    fields, other_fields = asdict(first), asdict(other)
    for name in fields:
        if fields[name] != other_fields[name]:
            difference = f"has another {name} than in its first row ({where})"
            yield f"{row.place}: item {first.item_id!r} {difference}."


def _read_folder(folder: Path, reader: Reader) -> tuple[Contents, tuple[Evidence, ...]]:
    """Items, labels and evidence of a folder."""
    contents = Contents()
    for stem in ("items", "labels"):
        tables = find_tables(folder, stem)
        contents.told += [
            f"{table.name} is not read, since there is {tables[0].name}." for table in tables[1:]
        ]
    # Without a list of items, the notebooks are the items and labels name them by file.
    items_table = find_table(folder, "items")
    files = find_notebooks(folder) if items_table is None else NotebookFiles({}, {})
    contents.problems += files.problems
    _read_labels(folder, reader, files, contents)
    if items_table is not None:
        table = read_table(items_table)
        contents.problems += table.problems
        contents.told += table.told
        contents.items_lost += len(table.problems)
        # Each table may spell its columns in its own way.
        items_reader = reader.for_table(table.rows, contents)
        for row in table.rows:
            _add_listed_item(row, items_reader, folder, contents)
    elif (folder / "notebooks").is_dir():
        if not files.paths:
            problem = "holds no .ipynb (jupytext --to ipynb makes them of .py, .md and .Rmd)."
            contents.lose("notebooks", [problem])
        our_columns = replace(reader, columns={})  # these names are ours
        for item_id, path in files.paths.items():
            # No table describes them: all that is known is the file.
            values = {"item_id": item_id, "kind": "notebook"}
            _add_file_item(folder, Row(path, values), path, our_columns, contents)
    else:
        contents.lose(folder.name, ["no table items.csv, and no folder notebooks/ of .ipynb."])
    # A fold may stand beside the labels instead of the items.
    contents.items = [
        replace(item, fold=contents.folds[item.item_id])
        if item.fold is None and item.item_id in contents.folds
        else item
        for item in contents.items
    ]
    evidence, problems = read_evidence(find_table(folder, "evidence"), reader.grading)
    contents.problems += problems
    return contents, evidence


def _read_labels(folder: Path, reader: Reader, files: NotebookFiles, contents: Contents) -> None:
    """Take in every label, and the case and fold that it names for its item."""
    path = find_table(folder, "labels")
    if path is None and reader.unlabelled:
        return
    if path is None:
        other_suffixes = ", ".join(SUFFIXES[1:])
        tables = sorted(entry.name for entry in folder.iterdir() if is_table(entry))
        advice = (
            f" Where {tables[0]!r} holds items and labels: dataset.path={folder / tables[0]}."
            if tables
            else ""
        )
        contents.problems.append(
            f"labels.csv: there is no such file (nor one in {other_suffixes}).{advice}"
        )
        return
    table = read_table(path)
    reader = reader.for_table(table.rows, contents)
    rows = long_rows(table.rows, reader, contents)
    absent = reader.missing_columns(rows, _LABEL_COLUMNS)
    contents.problems += [*table.problems, *(f"{path.name}: {problem}" for problem in absent)]
    contents.told += table.told
    for row in () if absent else rows:
        _read_label(row, reader, files, contents)


def _read_label(row: Row, reader: Reader, files: NotebookFiles, contents: Contents) -> None:
    """Take in one row of the labels' table: its labels, and the case and fold it names."""
    problems: list[str] = []
    id_in_label, case_id = (reader.name(row, name, problems) for name in ("item_id", "case_id"))
    if not id_in_label and not problems:
        problems.append("item_id is empty.")
    # Labels may name a notebook by its file.
    item_id = files.item_id(id_in_label, problems)
    contents.problems += [f"{row.place}: {problem}" for problem in problems]
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
    contents.problems += [f"{row.place}: {problem}" for problem in problems]


def _add_listed_item(row: Row, reader: Reader, folder: Path, contents: Contents) -> None:
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
        # As Windows writes it.
        if not (folder / path).is_file():
            path = path.replace("\\", "/")
        # The file's ending says what it is, unless the row does.
        kind = "notebook" if path.lower().endswith(".ipynb") else "text"
        named = {reader.columns.get("kind", "kind"): reader.value(row, "kind") or kind}
        described = Row(f"{row.place}: {path}", {**row.values, **named})
        _add_file_item(folder, described, path, reader, contents)
    elif item := _row_item(row, reader, contents):
        contents.items.append(item)


def _add_file_item(folder: Path, row: Row, path: str, reader: Reader, contents: Contents) -> None:
    """Take in the item that a file holds, described by a row."""
    try:
        text, note = decoded_in(folder, path)
        contents.items.append(_item_with_notes(row, text, reader, contents))
        contents.told += [f"{row.place}: mended: it {note}."] if note else []
    except UnreadableError as error:
        item_id = id_from(reader.value(row, "item_id"), "item_id", [])
        contents.leave_out(row.place, item_id, error.problems)
    except DataError as error:
        contents.lose(row.place, error.problems)
