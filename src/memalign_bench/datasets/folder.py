"""Read a data set from a folder: `labels.csv`, `items.jsonl` and the notebooks it names.

This is the format of the bundled corpus. `labels.csv` has the columns item_id, case_id, dimension,
rater, score, rationale and, where known, literal_score. `items.jsonl` has one item a line: item_id,
case_id, prompt, context, kind, path (of a notebook, inside the folder) or content, stratum.
"""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from memalign_bench.corpus import bundled_path
from memalign_bench.datasets.dataset import Evidence, LabelledDataset, Texts, check_labels
from memalign_bench.errors import DataError
from memalign_bench.notebooks.parse import MAX_BYTES, read_notebook, without_surrogates
from memalign_bench.types import Item, Label, Rubric

__all__ = ["FolderSource"]

_LABEL_COLUMNS = ("item_id", "case_id", "dimension", "rater", "score", "rationale")
_LABEL_TEXTS = ("item_id", "dimension", "rater", "rationale")
_ITEM_KEYS = ("item_id", "case_id", "kind")
_ITEM_TEXTS = ("prompt", "context", "stratum")


@dataclass(frozen=True)
class FolderSource:
    """A data set that lies in a folder; without `path`, the bundled corpus of `seed`.

    Attributes:
        name: Name of the YAML choice.
        path: The folder; None for the bundled corpus.
        seed: Which bundled corpus: 0 is reported, 1 is the development corpus.
        notice: What every reader of its numbers must know.
        texts: `public` or `private` (no sentence of it leaves the call store).
    """

    name: str
    path: str | None = None
    seed: int = 0
    notice: str = ""
    texts: Texts = "public"

    def load(self, rubric: Rubric) -> LabelledDataset:
        """Read and check everything.

        Raises:
            DataError: With every problem of the folder: files, notebooks, items, labels.
        """
        folder = Path(self.path).expanduser() if self.path else bundled_path(self.seed)
        if not folder.is_dir():
            raise DataError(str(folder), ["there is no such folder; set dataset.path."])
        items, item_problems = _read_items(folder / "items.jsonl")
        labels, label_problems = _read_labels(folder / "labels.csv")
        problems = item_problems + label_problems + _case_problems(items, labels)
        evidence, evidence_problems = _read_evidence(folder / "evidence.jsonl")
        plain = [row.label for row in labels]
        lines = [f"labels.csv:{row.line}" for row in labels]
        try:
            check_labels(str(folder), items, plain, rubric, lines, complete=not item_problems)
        except DataError as error:
            problems += error.problems
        if problems or evidence_problems:
            raise DataError(str(folder), problems + evidence_problems)
        return LabelledDataset.of(
            self.name,
            items,
            plain,
            notice=self.notice,
            texts=self.texts,
            evidence=evidence,
        )


class _LabelRow(NamedTuple):
    line: int
    case_id: str
    label: Label


def _json_lines(path: Path) -> tuple[list[tuple[int, Any]], list[str]]:
    """Objects of a file of JSON lines with their line numbers, and problems."""
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        return [], [f"{path.name}: not UTF-8 (byte {error.start}); save it as UTF-8."]
    rows, problems = [], []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            problems.append(f"{path.name}:{number}: not JSON ({error}).")
            continue
        if isinstance(row, dict):
            rows.append((number, row))
        else:
            problems.append(f"{path.name}:{number}: not an object but {type(row).__name__}.")
    return rows, problems


def _read_items(path: Path) -> tuple[list[Item], list[str]]:
    if not path.is_file():
        return [], [f"{path.name}: there is no such file."]
    rows, problems = _json_lines(path)
    items = []
    for number, row in rows:
        try:
            items.append(_item(row, path.parent))
        except DataError as error:
            problems += [f"{path.name}:{number}: {error.where}: {told}" for told in error.problems]
    return items, problems


def _item(row: dict[str, Any], folder: Path) -> Item:
    where = str(row.get("path") or row.get("item_id") or "the line")
    problems = [
        f"{key} is missing or not a text." for key in _ITEM_KEYS if not _is_text(row.get(key))
    ]
    problems += [
        f"{key} must be a text, got {row[key]!r}."
        for key in (*_ITEM_TEXTS, "path", "content")
        if row.get(key) is not None and not isinstance(row[key], str)
    ]
    if row.get("kind") not in (None, "notebook", "text"):
        problems.append(f"kind {row['kind']!r} is neither 'notebook' nor 'text'.")
    if not row.get("path") and not row.get("content"):
        problems.append("neither path nor content: there is nothing to judge.")
    if problems:
        raise DataError(where, problems)
    content = _content(row, folder, where)
    if row["kind"] == "notebook":
        read_notebook(content, where)
    texts = {key: without_surrogates(row.get(key) or "") for key in _ITEM_TEXTS}
    return Item(row["item_id"], row["case_id"], kind=row["kind"], content=content, **texts)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def _content(row: dict[str, Any], folder: Path, where: str) -> str:
    if not row.get("path"):
        return without_surrogates(row["content"])
    path = (folder / str(row["path"])).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise DataError(where, ["lies outside the data set's folder."])
    if not path.is_file():
        raise DataError(where, ["there is no such file."])
    if path.stat().st_size > MAX_BYTES:
        raise DataError(where, [f"{path.stat().st_size:,} bytes; the limit is {MAX_BYTES:,}."])
    return path.read_text(encoding="utf-8", errors="replace")


def _read_labels(path: Path) -> tuple[list[_LabelRow], list[str]]:
    if not path.is_file():
        return [], [f"{path.name}: there is no such file."]
    csv.field_size_limit(MAX_BYTES)
    rows: list[_LabelRow] = []
    problems: list[str] = []
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            table = csv.DictReader(file)
            absent = [name for name in _LABEL_COLUMNS if name not in (table.fieldnames or ())]
            if absent:
                return [], [f"{path.name}: column {name!r} is missing." for name in absent]
            for row in table:
                score = _whole_number(row["score"])
                if score is None:
                    told = f"score {row['score']!r} is not a whole number."
                    problems.append(f"{path.name}:{table.line_num}: {told}")
                    continue
                texts = {key: row[key] or "" for key in _LABEL_TEXTS}
                label = Label(score=score, **texts)
                rows.append(_LabelRow(table.line_num, row["case_id"] or "", label))
    except UnicodeDecodeError as error:
        problems.append(f"{path.name}: not UTF-8 (byte {error.start}); save it as UTF-8.")
    except csv.Error as error:
        problems.append(f"{path.name}: not a table ({error}).")
    return rows, problems


def _whole_number(text: str | None) -> int | None:
    try:
        return int(text or "")
    except ValueError:
        return None


def _case_problems(items: list[Item], rows: list[_LabelRow]) -> list[str]:
    case_of = {item.item_id: item.case_id for item in items}
    return [
        f"labels.csv:{row.line}: case {row.case_id!r}, but items.jsonl says"
        f" {case_of[row.label.item_id]!r} for item {row.label.item_id!r}."
        for row in rows
        if case_of.get(row.label.item_id, row.case_id) != row.case_id
    ]


def _read_evidence(path: Path) -> tuple[tuple[Evidence, ...], list[str]]:
    if not path.is_file():
        return (), []
    rows, problems = _json_lines(path)
    found = []
    for number, row in rows:
        try:
            snippets = tuple(str(entry["snippet"]) for entry in row["evidence"])
            texts = (row["item_id"], row["dimension"], row["realisation"])
            found.append(Evidence(*texts, int(row["literal_score"]), snippets))
        except (KeyError, TypeError, ValueError) as error:
            problems.append(f"{path.name}:{number}: {type(error).__name__}: {error}.")
    return tuple(found), problems
