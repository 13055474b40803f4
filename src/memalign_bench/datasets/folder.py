"""`dataset=files`: a folder of notebooks with a table of labels, or one table of items and labels.

A **folder** holds `labels.csv` (or .jsonl, .parquet) with the columns item_id, case_id, dimension,
rater, score, rationale and, where known, literal_score. The items are listed in `items.jsonl` (or
.csv, .parquet): item_id, case_id, prompt, context, kind, stratum, fold, and `path` of a notebook
inside the folder or `content`. Without that list every `notebooks/<item_id>.ipynb` is an item, and
its case is the one that the labels name.

A **file** (.jsonl, .parquet or .csv) has the items and their labels in one table: item_id, case_id,
content (or text), and optionally prompt, context, kind, stratum, fold. The labels stand beside
them: one row a label (dimension, rater, score, rationale; the item's own columns repeat), or one
row an item with a list `labels` of such objects, or with lists in `score` and `rationale`, one
entry a rater. Where the rubric has one dimension, that column may be left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from memalign_bench.datasets.bundled import bundled_path
from memalign_bench.datasets.dataset import Evidence, LabelledDataset, Texts, check_labels
from memalign_bench.datasets.reading import Contents, Reader, file_in
from memalign_bench.datasets.tables import SUFFIXES, Row, find_table, read_table
from memalign_bench.errors import DataError
from memalign_bench.notebooks.parse import without_surrogates
from memalign_bench.types import Item, Rubric

__all__ = ["FolderSource", "dataset_of_rows"]

_LABEL_COLUMNS = ("item_id", "case_id", "dimension", "rater", "score", "rationale")


@dataclass(frozen=True)
class FolderSource:
    """A data set that lies in a folder or a file; without `path`, the bundled corpus of `seed`.

    Attributes:
        name: Name of the YAML choice.
        path: The folder or file; None for the bundled corpus.
        seed: Which bundled corpus: 0 is reported, 1 is the development corpus.
        columns: Our name of a column -> the table's, where they differ.
        grades: Word that stands for a grade -> the grade.
        notice: What every reader of its numbers must know.
        synthetic: Whether its items are generated and its raters simulated.
        texts: `public` or `private` (no sentence of it leaves the call store).
    """

    name: str
    path: str | None = None
    seed: int = 0
    columns: Mapping[str, str] = field(default_factory=dict)
    grades: Mapping[str, int] = field(default_factory=dict)
    notice: str = ""
    synthetic: bool = False
    texts: Texts = "public"

    def load(self, rubric: Rubric) -> LabelledDataset:
        """Read and check everything.

        Raises:
            DataError: With every problem: files, notebooks, items, labels.
        """
        path = Path(self.path).expanduser() if self.path else bundled_path(self.seed)
        reader = Reader(rubric, self.columns, self.grades)
        if path.is_dir():
            contents, evidence = _read_folder(path, reader)
        elif path.is_file():
            table = read_table(path)
            reader = _for(reader, path)
            contents, evidence = read_rows(table.rows, reader), ()
            contents.problems[:0] = table.problems
        else:
            raise DataError(str(path), ["there is no such folder or file; set dataset.path."])
        held = {"notice": self.notice, "texts": self.texts}
        return _checked(str(path), self.name, contents, rubric, evidence=evidence, **held)


def dataset_of_rows(
    where: str, name: str, rows: Sequence[Row], reader: Reader, **held: Any
) -> LabelledDataset:
    """The data set that a table of items and labels holds.

    Args:
        where: How error messages name the table.
        name: Name of the YAML choice.
        rows: Its rows.
        reader: How its columns are read.
        held: `notice` and `texts` of the data set.

    Raises:
        DataError: With every problem.
    """
    return _checked(where, name, read_rows(rows, reader), reader.rubric, **held)


def _checked(
    where: str,
    name: str,
    contents: Contents,
    rubric: Rubric,
    *,
    evidence: tuple[Evidence, ...] = (),
    **held: Any,
) -> LabelledDataset:
    problems = [*contents.problems, *_case_problems(contents)]
    read = contents.items, contents.labels
    try:
        check_labels(where, *read, rubric, contents.places, complete=not contents.items_lost)
    except DataError as error:
        problems += error.problems
    if problems:
        raise DataError(where, problems)
    return LabelledDataset.of(
        name, contents.items, contents.labels, evidence=evidence or contents.evidence(), **held
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
    held = {name for row in rows for name in row.values}
    if "content" not in held and "text" in held:
        reader = replace(reader, columns={"content": "text", **reader.columns})
    contents.problems += reader.absent(rows, _needed(rows, reader))
    if contents.problems:
        return contents
    known: dict[str, Item] = {}
    for row in rows:
        item = _row_item(row, reader, contents)
        if item is None:
            continue
        first = known.setdefault(item.item_id, item)
        if first is item:
            contents.items.append(item)
        elif first != item:
            contents.problems += _differences(row, first, item)
        reader.add_labels(row, item.item_id, contents)
    return contents


def _needed(rows: Sequence[Row], reader: Reader) -> list[str]:
    """Columns without which a table of items and labels cannot be read."""
    own = ["item_id", "case_id", "content"]
    if any(reader.value(row, "labels") is not None for row in rows):
        return own
    listed = any(isinstance(reader.value(row, "score"), list) for row in rows)
    return [*own, "dimension", *([] if listed else ["rater"]), "score", "rationale"]


def _row_item(row: Row, reader: Reader, contents: Contents) -> Item | None:
    content = reader.value(row, "content")
    if not isinstance(content, str) or not content:
        told = "is empty" if content in (None, "") else f"must be a text, got {content!r:.60}"
        contents.lose(row.place, [f"content {told}: there is nothing to judge."])
        return None
    try:
        item = reader.item(row, without_surrogates(content))
    except DataError as error:
        contents.lose(row.place, error.problems)
        return None
    return item


def _differences(row: Row, first: Item, other: Item) -> Iterator[str]:
    mine, theirs = asdict(first), asdict(other)
    for name in mine:
        if mine[name] != theirs[name]:
            yield f"{row.place}: item {first.item_id!r} has another {name} than in its first row."


def _read_folder(folder: Path, reader: Reader) -> tuple[Contents, tuple[Evidence, ...]]:
    contents = Contents()
    cases = _read_labels(folder, reader, contents)
    listed = find_table(folder, "items")
    if listed is not None:
        table = read_table(listed)
        contents.problems += table.problems
        contents.items_lost += len(table.problems)
        for row in table.rows:
            _add_listed(row, _for(reader, listed), folder, contents)
    elif (folder / "notebooks").is_dir():
        _add_notebooks(folder, reader.rubric, cases, contents)
    else:
        ways = f"items{'|'.join(SUFFIXES)}"
        contents.lose(f"neither {ways}", ["nor a folder notebooks/ of <item_id>.ipynb."])
    contents.items = [
        replace(item, fold=contents.folds[item.item_id])
        if item.fold is None and item.item_id in contents.folds
        else item
        for item in contents.items
    ]
    evidence, problems = _read_evidence(folder / "evidence.jsonl")
    contents.problems += problems
    return contents, evidence


def _for(reader: Reader, path: Path) -> Reader:
    return replace(reader, numbers_as_text=path.suffix.lower() == ".csv")


def _read_labels(folder: Path, reader: Reader, contents: Contents) -> Mapping[str, str]:
    """Take in every label; returns item id -> the case that the first label of it names."""
    path = find_table(folder, "labels")
    if path is None:
        contents.problems.append(f"labels.csv: there is no such file (nor {SUFFIXES[1:]}).")
        return {}
    reader, table = _for(reader, path), read_table(path)
    absent = reader.absent(table.rows, _LABEL_COLUMNS)
    contents.problems += [*table.problems, *(f"{path.name}: {told}" for told in absent)]
    if absent:
        return {}
    cases: dict[str, str] = {}
    for row in table.rows:
        item_id, case_id = reader.value(row, "item_id"), reader.value(row, "case_id")
        if not isinstance(item_id, str) or not isinstance(case_id, str | None):
            told = f"item_id {item_id!r:.60} or case_id {case_id!r:.60} is not a text."
            contents.problems.append(f"{row.place}: {told}")
            continue
        reader.add_labels(row, item_id, contents)
        if case_id:
            cases.setdefault(item_id, case_id)
            contents.cases.append((row.place, item_id, case_id))
        _note_fold(row, item_id, reader, contents)
    return cases


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
        f"{name} is missing or not a text."
        for name in ("item_id", "case_id", "kind")
        if not isinstance(reader.value(row, name), str) or not reader.value(row, name)
    ]
    problems += [
        f"{name} must be a text, got {value!r:.60}."
        for name, value in (("path", path), ("content", content))
        if value is not None and not isinstance(value, str)
    ]
    if not path and not content:
        problems.append("neither path nor content: there is nothing to judge.")
    try:
        if problems:
            raise DataError(where, problems)
        text = file_in(folder, path) if path else without_surrogates(content)
        contents.items.append(reader.item(row, text))
    except DataError as error:
        contents.lose(f"{row.place}: {where}", error.problems)


def _add_notebooks(
    folder: Path, rubric: Rubric, cases: Mapping[str, str], contents: Contents
) -> None:
    """Take in every notebook of the folder, in the case that its labels name."""
    reader = Reader(rubric)
    for path in sorted((folder / "notebooks").glob("*.ipynb")):
        name = f"notebooks/{path.name}"
        values = {"item_id": path.stem, "case_id": cases.get(path.stem, ""), "kind": "notebook"}
        try:
            item = reader.item(Row(name, values), file_in(folder, name))
            contents.items.append(item if item.case_id else replace(item, case_id=item.item_id))
        except DataError as error:
            contents.lose(name, error.problems)


def _read_evidence(path: Path) -> tuple[tuple[Evidence, ...], list[str]]:
    if not path.is_file():
        return (), []
    table = read_table(path)
    problems = list(table.problems)
    found = []
    for place, row in table.rows:
        try:
            snippets = tuple(str(entry["snippet"]) for entry in row["evidence"])
            texts = (row["item_id"], row["dimension"], row["realisation"])
            score = row.get("score")
            noise_free = None if score is None else int(score)
            found.append(Evidence(*texts, int(row["literal_score"]), snippets, noise_free))
        except (KeyError, TypeError, ValueError) as error:
            problems.append(f"{place}: {type(error).__name__}: {error}.")
    return tuple(found), problems
