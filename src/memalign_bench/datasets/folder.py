"""Read a data set from a folder: `labels.csv`, `items.jsonl` and the notebooks it names.

This is the format of the bundled corpus and of `corpus action=export format=files`. `labels.csv`
has the columns item_id, case_id, dimension, rater, score, rationale and, where known,
literal_score. `items.jsonl` has one item a line: item_id, case_id, prompt, context, kind, path (of
a notebook, inside the folder) or content, stratum.
"""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from memalign_bench.corpus import bundled_path
from memalign_bench.datasets.dataset import Evidence, LabelledDataset, Texts, check_labels
from memalign_bench.errors import DataError
from memalign_bench.notebooks.parse import MAX_BYTES, read_notebook
from memalign_bench.types import Item, Label, Rubric

__all__ = ["FolderSource"]

_LABEL_COLUMNS = ("item_id", "case_id", "dimension", "rater", "score", "rationale")
_ITEM_KEYS = ("item_id", "case_id", "kind")


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
        items, item_problems = _read_items(folder)
        labels, cases, label_problems = _read_labels(folder / "labels.csv")
        problems = item_problems + label_problems + _case_problems(items, cases)
        try:
            check_labels(str(folder), items, labels, rubric)
        except DataError as error:
            problems += error.problems
        if problems:
            raise DataError(str(folder), problems)
        return LabelledDataset.of(
            self.name,
            items,
            labels,
            notice=self.notice,
            texts=self.texts,
            evidence=_read_evidence(folder / "evidence.jsonl"),
        )


def _read_items(folder: Path) -> tuple[list[Item], list[str]]:
    path = folder / "items.jsonl"
    if not path.is_file():
        return [], [f"{path.name}: there is no such file."]
    items, problems = [], []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip():
            continue
        try:
            items.append(_item(json.loads(line), folder))
        except (DataError, ValueError, RecursionError, TypeError) as error:
            told = error.problems if isinstance(error, DataError) else [f"not JSON ({error})"]
            where = error.where if isinstance(error, DataError) else "the line"
            problems += [f"{path.name}:{number}: {where}: {problem}" for problem in told]
    return items, problems


def _item(row: Any, folder: Path) -> Item:
    if not isinstance(row, dict):
        raise DataError("the line", [f"not an object but {type(row).__name__}."])
    missing = [key for key in _ITEM_KEYS if not isinstance(row.get(key), str) or not row[key]]
    if missing:
        raise DataError("the line", [f"{key} is missing or not a text." for key in missing])
    where = str(row.get("path", row["item_id"]))
    content = _content(row, folder, where)
    if row["kind"] == "notebook":
        read_notebook(content, where)
    elif row["kind"] != "text":
        raise DataError(where, [f"kind {row['kind']!r} is neither 'notebook' nor 'text'."])
    texts = {key: str(row.get(key, "")) for key in ("prompt", "context", "stratum")}
    return Item(row["item_id"], row["case_id"], kind=row["kind"], content=content, **texts)


def _content(row: dict[str, Any], folder: Path, where: str) -> str:
    if "path" not in row:
        return str(row.get("content", ""))
    path = (folder / str(row["path"])).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise DataError(where, ["lies outside the data set's folder."])
    if not path.is_file():
        raise DataError(where, ["there is no such file."])
    if path.stat().st_size > MAX_BYTES:
        raise DataError(where, [f"{path.stat().st_size:,} bytes; the limit is {MAX_BYTES:,}."])
    return path.read_text(encoding="utf-8", errors="replace")


def _read_labels(path: Path) -> tuple[list[Label], dict[str, set[str]], list[str]]:
    """Labels, the case ids that the table gives each item, and problems."""
    if not path.is_file():
        return [], {}, [f"{path.name}: there is no such file."]
    labels: list[Label] = []
    cases: dict[str, set[str]] = {}
    problems: list[str] = []
    with path.open(newline="", encoding="utf-8") as file:
        table = csv.DictReader(file)
        absent = [name for name in _LABEL_COLUMNS if name not in (table.fieldnames or ())]
        if absent:
            return [], {}, [f"{path.name}: column {name!r} is missing." for name in absent]
        for row in table:
            place = f"{path.name}:{table.line_num}"
            score = _whole_number(row["score"])
            if score is None:
                problems.append(f"{place}: score {row['score']!r} is not a whole number.")
                continue
            cases.setdefault(row["item_id"], set()).add(row["case_id"] or "")
            texts = {key: row[key] or "" for key in ("item_id", "dimension", "rater", "rationale")}
            labels.append(Label(score=score, **texts))
    return labels, cases, problems


def _whole_number(text: str | None) -> int | None:
    try:
        return int(text or "")
    except ValueError:
        return None


def _case_problems(items: list[Item], cases: dict[str, set[str]]) -> list[str]:
    return [
        f"item {item.item_id!r}: labels.csv says case {' and '.join(sorted(map(repr, named)))},"
        f" items.jsonl says {item.case_id!r}."
        for item in items
        if (named := cases.get(item.item_id)) and named != {item.case_id}
    ]


def _read_evidence(path: Path) -> tuple[Evidence, ...]:
    if not path.is_file():
        return ()
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return tuple(
        Evidence(
            item_id=row["item_id"],
            dimension=row["dimension"],
            realisation=row["realisation"],
            literal_score=row["literal_score"],
            snippets=tuple(entry["snippet"] for entry in row["evidence"]),
        )
        for row in rows
    )
