"""Write a data set in each of the formats that it can be read from."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from memalign_bench.datasets.dataset import LabelledDataset
from memalign_bench.errors import RequestError, refuse
from memalign_bench.types import NOT_APPLICABLE, Grade, Item, Score

__all__ = ["FORMATS", "export"]

_LABEL_COLUMNS = (
    *("item_id", "case_id", "dimension", "rater", "score", "rationale", "literal_score"),
)

_SCORES = ("score", "literal_score")


def export(data: LabelledDataset, kind: str, out: Path, mark: int | None = None) -> list[Path]:
    """Write items and labels to a folder; reading them back gives the same data set.

    Args:
        data: The data set.
        kind: One of `FORMATS`: `files` (a folder of notebooks with labels.csv and items.jsonl),
            `jsonl` or `parquet` (one file, one item a row, its labels a list), `hub` (the Parquet
            file in a folder with a card, as `datasets.load_dataset` reads it and the Hugging Face
            hub takes it).
        out: A folder that does not exist or is empty.
        mark: The number that its scale has for "not applicable"; else the files say N/A.

    Returns:
        What was written, in order.

    Raises:
        RequestError: If the format is unknown, the folder holds something, the texts of the data
            set are private, or (`files`) an item's id leads out of the folder.
    """
    if kind not in FORMATS:
        raise RequestError(f"format={kind!r}; there are {', '.join(FORMATS)}.")
    if data.texts == "private":
        raise RequestError(f"the texts of {data.name!r} are private and are not exported.")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise RequestError(f"out={str(out)!r} holds something already; name a new folder.")
    out.mkdir(parents=True, exist_ok=True)
    return FORMATS[kind](data, out, mark)


def _write_files_folder(data: LabelledDataset, out: Path, mark: int | None) -> list[Path]:
    notebooks = [item for item in data.item_list if item.kind == "notebook"]
    # Ids come from whoever made the data set: none may name a file elsewhere.
    folder = (out / "notebooks").resolve()
    refuse(
        f"item {item.item_id!r} cannot be a file in {folder}; give it another item_id, or export"
        " with format=jsonl."
        for item in notebooks
        if not (out / _notebook_path(item)).resolve().is_relative_to(folder)
    )
    written = []
    for item in notebooks:
        path = out / _notebook_path(item)
        # Notebooks of one name are told apart by the folders above them, which their ids hold.
        path.parent.mkdir(parents=True, exist_ok=True)
        written.append(_write_text(path, item.content))
    written.append(_write_text(out / "items.jsonl", "".join(map(_json_line, _file_rows(data)))))
    written.append(_write_text(out / "labels.csv", _label_table(data, mark)))
    if data.evidence:
        written.append(
            _write_text(
                out / "evidence.jsonl", "".join(map(_json_line, _evidence_rows(data, mark)))
            )
        )
    return written


def _file_rows(data: LabelledDataset) -> Iterator[dict[str, Any]]:
    """Rows of items.jsonl: notebooks by their path, texts in full."""
    for item in data.item.values():
        row = asdict(item)
        if item.kind == "notebook":
            # It stands in the notebook's own file.
            del row["content"]
            row["path"] = _notebook_path(item)
        yield row


def _notebook_path(item: Item) -> str:
    """Where a notebook lies in the folder that is written."""
    return f"notebooks/{item.item_id}.ipynb"


def _label_table(data: LabelledDataset, mark: int | None) -> str:
    """The content of labels.csv."""
    sink = io.StringIO()
    # The same bytes on every system.
    writer = csv.DictWriter(sink, _LABEL_COLUMNS, lineterminator="\n")
    writer.writeheader()
    for item_id, labels in _labels_by_item(data, mark).items():
        case_id = data.item[item_id].case_id
        writer.writerows({"item_id": item_id, "case_id": case_id, **label} for label in labels)
    return sink.getvalue()


def _evidence_rows(data: LabelledDataset, mark: int | None) -> Iterator[dict[str, Any]]:
    """Rows of evidence.jsonl."""
    for entry in data.evidence:
        yield {
            "item_id": entry.item_id,
            "dimension": entry.dimension,
            "realisation": entry.realisation,
            "literal_score": _written_score(entry.literal_score, mark),
            "score": _written_score(entry.score, mark),
            "evidence": [{"snippet": snippet} for snippet in entry.snippets],
        }


def _write_jsonl(data: LabelledDataset, out: Path, mark: int | None) -> list[Path]:
    return [_write_text(out / "data.jsonl", "".join(map(_json_line, _nested_rows(data, mark))))]


def _write_parquet(data: LabelledDataset, out: Path, mark: int | None) -> list[Path]:
    import pyarrow.parquet as pq

    # The library of Hugging Face; the package of this module has the same name.
    import datasets

    path = out / "data.parquet"
    nested = list(_nested_rows(data, mark))
    rows = datasets.Dataset.from_list(nested, features=_nested_features(_score_kind(nested)))
    pq.write_table(rows.data.table, path, compression="zstd")
    return [path]


def _write_hub_folder(data: LabelledDataset, out: Path, mark: int | None) -> list[Path]:
    (out / "data").mkdir()
    path = _write_parquet(data, out / "data", mark)[0]
    # The name that the card's pattern finds.
    path = path.rename(path.with_name("test-00000-of-00001.parquet"))
    return [
        _write_text(
            out / "README.md",
            _CARD.format(name=data.name, notice=data.notice, mark="N/A" if mark is None else mark),
        ),
        path,
    ]


FORMATS: Mapping[str, Callable[[LabelledDataset, Path, int | None], list[Path]]] = {
    "files": _write_files_folder,
    "jsonl": _write_jsonl,
    "parquet": _write_parquet,
    "hub": _write_hub_folder,
}
"""Format -> what writes it."""


def _nested_rows(data: LabelledDataset, mark: int | None) -> Iterator[dict[str, Any]]:
    """One row an item, with a list of its labels."""
    labels = _labels_by_item(data, mark)
    for item_id, item in data.item.items():
        # An item that nobody has graded has an empty list.
        yield {**asdict(item), "labels": labels.get(item_id, [])}


def _score_kind(rows: Sequence[Mapping[str, Any]]) -> str:
    """Type of the score columns: numbers, or texts where one of them is the word N/A."""
    labels = [label for row in rows for label in row["labels"]]
    kinds = {type(label[key]) for label in labels for key in _SCORES}
    if str not in kinds:
        return "float64" if float in kinds else "int32"
    for label in labels:
        # A Parquet column has one type, so that numbers beside "N/A" become texts.
        # In place: these very rows are written next.
        label |= {key: None if label[key] is None else str(label[key]) for key in _SCORES}
    return "string"


def _nested_features(kind: str) -> Any:
    """Declared features of nested rows, which an empty list of labels could not show."""
    import datasets

    text, number = datasets.Value("string"), datasets.Value("int32")
    score = datasets.Value(kind)
    label = {"dimension": text, "rater": text, "score": score, "rationale": text}
    items = dict.fromkeys(("item_id", "case_id", "prompt", "context", "kind", "content"), text)
    labels = datasets.List({**label, "literal_score": score})
    return datasets.Features({**items, "stratum": text, "fold": number, "labels": labels})


def _labels_by_item(data: LabelledDataset, mark: int | None) -> dict[str, list[dict[str, Any]]]:
    """Item id -> its labels, with the literal reader's score where it is known."""
    literal = {(entry.item_id, entry.dimension): entry.literal_score for entry in data.evidence}
    rows_of_item: dict[str, list[dict[str, Any]]] = {}
    for label in data.label_list:
        row = {
            "dimension": label.dimension,
            "rater": label.rater,
            "score": _written_score(label.score, mark),
            "rationale": label.rationale,
            "literal_score": _written_score(literal.get((label.item_id, label.dimension)), mark),
        }
        rows_of_item.setdefault(label.item_id, []).append(row)
    return rows_of_item


def _written_score(score: Score | None, mark: int | None) -> Grade | str | None:
    """A score as the formats hold it: N/A by its number, else by name."""
    if score is NOT_APPLICABLE:
        return str(score) if mark is None else mark
    return score


def _json_line(row: Mapping[str, Any]) -> str:
    # allow_nan=False: NaN is no JSON, and other readers would refuse the file.
    return json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n"


def _write_text(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8", newline="\n")
    return path


_CARD = """\
---
configs:
- config_name: default
  data_files:
  - split: test
    path: data/test-*.parquet
---
# {name}

{notice}

One row an item: `item_id`, `case_id` (items of one case never sit on both sides of a fold),
`prompt`, `context`, `kind` (`notebook`: `content` is nbformat JSON; or `text`), `content`,
`stratum`, and `labels`, a list of `dimension`, `rater` (`gold` is the adjudicated score), `score`
({mark} is "not applicable"), `rationale` and `literal_score`.

    memalign-bench run dataset=hub dataset.path=FOLDER
"""
