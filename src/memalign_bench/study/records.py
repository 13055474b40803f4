"""The files of a study: their columns, and how they are read and written.

A study is a folder; each of its runs is a folder below `runs/`. `predictions.parquet` holds what
was measured and is byte for byte the same when a run is done again; `timings.parquet` holds what
differs from run to run. Every write goes to a temporary file first and is then renamed.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from memalign_bench.errors import RecordError
from memalign_bench.types import NOT_APPLICABLE, Grade, Rubric, Scale, Score

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = [
    "GRADE_COLUMNS",
    "answers_schema",
    "attribution_schema",
    "has_whole_scores",
    "items_schema",
    "predictions_schema",
    "read_cells",
    "read_json",
    "read_manifest",
    "read_rows",
    "read_table",
    "sha256_of",
    "stored_score",
    "timings_schema",
    "write_bytes",
    "write_json",
    "write_rows",
]


_ADDED_LATER = frozenset({"reasoning_tokens"})
"""Columns that files of earlier versions lack; read as unknown."""


GRADE_COLUMNS = frozenset(
    (
        *("expert_score", "judge_score", "judge_score_raw", "judge_score_batch"),
        *("judge_score_without", "label", "rater_scores", "gold", "literal_score"),
    )
)
"""Columns that hold grades: whole numbers, N/A as the number that the scale has for it
(`Scale.not_applicable`). Where grades are fractions, or the scale has no such number though a
dimension may not apply, they are reals, and N/A is null."""


def has_whole_scores(rubric: Rubric) -> bool:
    """Whether scores of this rubric are stored as whole numbers; see `GRADE_COLUMNS`."""
    has_mark = rubric.scale.not_applicable is not None
    return rubric.scale.is_whole and (has_mark or rubric.always_applies)


def stored_score(score: Score | None, scale: Scale) -> Grade | None:
    """A score as the records hold it."""
    return scale.not_applicable if score is NOT_APPLICABLE else score


def predictions_schema(*, whole: bool = True) -> pa.Schema:
    """Columns of `predictions.parquet`, one row per (item, dimension, repeat).

    `distribution` lists the probabilities of the scale's grades in rising order of the grades.
    """
    import pyarrow as pa

    text, count, real = pa.string(), pa.int32(), pa.float64()
    grade = count if whole else real
    return pa.schema(
        [
            # The run and the question.
            pa.field("run_id", text, nullable=False),
            pa.field("study", text, nullable=False),
            pa.field("dataset", text, nullable=False),
            pa.field("item_id", text, nullable=False),
            pa.field("case_id", text, nullable=False),
            pa.field("dimension", text, nullable=False),
            pa.field("fold", count, nullable=False),
            pa.field("fold_seed", count, nullable=False),
            pa.field("repeat", count, nullable=False),
            # The judge.
            pa.field("variant", text, nullable=False),
            pa.field("alignment", text, nullable=False),
            pa.field("backend", text, nullable=False),
            pa.field("model", text, nullable=False),
            # Scores, and what became of the question.
            # Null only where no number stands for N/A.
            pa.field("expert_score", grade, nullable=not whole),
            pa.field("judge_score", grade),
            pa.field("judge_score_raw", grade),
            pa.field("judge_score_batch", grade),
            pa.field("judge_expected", real),
            pa.field("distribution", pa.list_(real)),
            pa.field("status", text, nullable=False),
            pa.field("error", text),
            # What the judge wrote, and what its prompt held.
            pa.field("rationale", text),
            pa.field("neighbour_ids", pa.list_(text)),
            pa.field("neighbour_similarities", pa.list_(real)),
            pa.field("n_guidelines", count, nullable=False),
            # What it took.
            pa.field("prompt_tokens", pa.int64(), nullable=False),
            pa.field("completion_tokens", pa.int64(), nullable=False),
            pa.field("cost_usd", real),
        ]
    )


def timings_schema() -> pa.Schema:
    """Columns of `timings.parquet`: what differs between two runs of the same study."""
    import pyarrow as pa

    return pa.schema(
        [
            pa.field("dimension", pa.string(), nullable=False),
            pa.field("item_id", pa.string(), nullable=False),
            pa.field("repeat", pa.int32(), nullable=False),
            pa.field("latency_s", pa.float64(), nullable=False),
            pa.field("from_store", pa.bool_(), nullable=False),
            pa.field("cached_tokens", pa.int64(), nullable=False),
            # Null where the file is of an earlier version (`_ADDED_LATER`).
            pa.field("reasoning_tokens", pa.int64()),
            pa.field("retries", pa.int32(), nullable=False),
            pa.field("endpoint", pa.string(), nullable=False),
        ]
    )


def answers_schema() -> pa.Schema:
    """Columns of `answers.parquet`: answers that were not as asked for, and how they were read.

    `answers` are a question's, in the order in which it was asked; empty where texts are private.
    """
    import pyarrow as pa

    return pa.schema(
        [
            pa.field("dimension", pa.string(), nullable=False),
            pa.field("item_id", pa.string(), nullable=False),
            pa.field("repeat", pa.int32(), nullable=False),
            pa.field("answers", pa.list_(pa.string()), nullable=False),
            pa.field("told", pa.list_(pa.string()), nullable=False),
        ]
    )


def attribution_schema(*, whole: bool = True) -> pa.Schema:
    """Columns of `attribution.parquet`, one row per answer and entry of memory that was left out.

    `place` counts from 0: a guideline's in its cell's list in `memory.json`, an example's among
    those shown. `entry` is an example's item id, or the guideline's number from 1. `sources` are
    the training items that a guideline came from; `label` is the grade that the judge was shown
    with an example, or that a guideline argues for; `instead` lists the examples shown only
    without the entry. Grades are as the judge gave them (`judge_score_raw` of the predictions).

    `effect` is |expected grade without - expert| - |expected grade with - expert|, in grades: above
    0 the entry helped; null with verdicts. `effect_grade` is the same of the grades.
    """
    import pyarrow as pa

    text, count, real = pa.string(), pa.int32(), pa.float64()
    grade = count if whole else real
    return pa.schema(
        [
            # The question.
            pa.field("dimension", text, nullable=False),
            pa.field("fold", count, nullable=False),
            pa.field("fold_seed", count, nullable=False),
            pa.field("item_id", text, nullable=False),
            pa.field("case_id", text, nullable=False),
            pa.field("repeat", count, nullable=False),
            # The entry that was left out.
            pa.field("kind", text, nullable=False),
            pa.field("place", count, nullable=False),
            pa.field("entry", text, nullable=False),
            pa.field("sources", pa.list_(text), nullable=False),
            pa.field("label", grade),
            pa.field("instead", pa.list_(text)),
            # With the entry, as in the predictions; no N/A, which leaves no error to compare with.
            pa.field("expert_score", grade, nullable=False),
            pa.field("judge_score", grade, nullable=False),
            pa.field("judge_expected", real),
            pa.field("distribution", pa.list_(real)),
            # Without it.
            pa.field("judge_score_without", grade),
            pa.field("judge_expected_without", real),
            pa.field("distribution_without", pa.list_(real)),
            pa.field("effect", real),
            pa.field("effect_grade", real),
            pa.field("status", text, nullable=False),
            pa.field("error", text),
        ]
    )


def items_schema(*, whole: bool = True) -> pa.Schema:
    """Columns of a study's `items.parquet`, one row per (item, dimension, view)."""
    import pyarrow as pa

    text, count = pa.string(), pa.int32()
    grade = count if whole else pa.float64()
    return pa.schema(
        [
            pa.field("item_id", text, nullable=False),
            pa.field("case_id", text, nullable=False),
            pa.field("dimension", text, nullable=False),
            pa.field("stratum", text, nullable=False),
            pa.field("raters", pa.list_(text), nullable=False),
            pa.field("rater_scores", pa.list_(grade), nullable=False),
            pa.field("rater_rationales", pa.list_(text), nullable=False),
            pa.field("gold", grade),  # null, too, where raters differ and gold=consensus
            pa.field("gold_rationale", text, nullable=False),
            pa.field("literal_score", grade),
            pa.field("view_name", text, nullable=False),
            pa.field("view", text, nullable=False),
            pa.field("view_tokens", count, nullable=False),
            pa.field("n_cells", count, nullable=False),
            pa.field("n_dropped", count, nullable=False),
            pa.field("n_shortened", count, nullable=False),
        ]
    )


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file so that a reader sees the old one or the new one, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # Beside the file, since only within a file system a rename is atomic; with the process in its
    # name, since several may write one file.
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(data)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)  # there only where the disk took a part of it


def write_json(path: Path, value: Any) -> None:
    """Write JSON with sorted keys and two spaces, atomically."""
    text = json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
    write_bytes(path, (text + "\n").encode())


def read_json(path: Path) -> Any:
    """Read a JSON object.

    Raises:
        RecordError: If the file holds none.
    """
    try:
        value = json.loads(path.read_bytes())
    except ValueError as error:
        raise RecordError(f"{path} is not JSON ({error}); delete it and run again.") from error
    if not isinstance(value, dict):
        raise RecordError(f"{path} is no JSON object; delete it and run again.")
    return value


def read_manifest(path: Path, needed: Iterable[str]) -> dict[str, Any]:
    """Read a JSON object that must have some keys.

    Args:
        path: The file.
        needed: Keys; "judge.scale" is a key of the object under "judge", and "*" stands for every
            key of an object.

    Raises:
        RecordError: If the file holds no object, or one that lacks a key; with all of those.
    """
    manifest: dict[str, Any] = read_json(path)
    if lacks := [key for key in needed if not _has_key(manifest, key.split("."))]:
        raise RecordError(f"{path} lacks {', '.join(lacks)}; delete it and run again.")
    return manifest


def _has_key(value: Any, names: Sequence[str]) -> bool:
    """Whether a path of keys leads through objects to a value."""
    if not names:
        return True
    if not isinstance(value, dict):
        return False
    first, rest = names[0], names[1:]
    if first == "*":
        return all(_has_key(part, rest) for part in value.values())
    return first in value and _has_key(value[first], rest)


def read_cells(path: Path) -> list[dict[str, Any]]:
    """Read the cells of a `memory.json`.

    Raises:
        RecordError: If the file holds none.
    """
    cells: list[dict[str, Any]] = read_json(path).get("cells", [None])
    try:
        if all({"dimension", "fold"} <= cell.keys() for cell in cells):
            return cells
    except (AttributeError, TypeError):  # no list, or one of something else
        pass
    raise RecordError(f"{path} is no memory of a run; delete it and run again.")


def write_rows(path: Path, rows: Iterable[Mapping[str, Any]], schema: pa.Schema) -> str:
    """Write rows as Parquet, atomically, the same bytes for the same rows; return their sha256."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.Table.from_pylist([dict(row) for row in rows], schema=schema)
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd", write_statistics=False)
    data = sink.getvalue().to_pybytes()
    write_bytes(path, data)
    return hashlib.sha256(data).hexdigest()


def read_rows(path: Path, schema: pa.Schema) -> list[dict[str, Any]]:
    """Read rows of a Parquet file.

    Raises:
        RecordError: If the file cannot be read or lacks a column of `schema`.
    """
    rows: list[dict[str, Any]] = read_table(path, schema).to_pylist()
    return rows


def read_table(path: Path, schema: pa.Schema) -> pa.Table:
    """Read the columns of a Parquet file that the schema names, in its order.

    Raises:
        RecordError: If the file cannot be read or lacks a column of `schema`.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:  # `read_table` would import pandas
            table = file.read()
        # The minus goes before the &: columns that the schema names and the file lacks.
        for name in _ADDED_LATER & {*schema.names} - {*table.column_names}:
            table = table.append_column(schema.field(name), pa.nulls(len(table), pa.int64()))
        selected = table.select(schema.names)
        return selected.cast(_with_stored_grade_types(selected.schema, schema))
    except PermissionError:
        raise  # the file may be whole: told as what the disk refuses
    except FileNotFoundError as error:
        raise RecordError(f"{path} is missing; run the study again, which completes it.") from error
    except (pa.ArrowInvalid, pa.ArrowKeyError, KeyError, OSError, ValueError) as error:
        raise RecordError(f"{path} cannot be read ({error}); delete it and run again.") from error


def _with_stored_grade_types(stored: pa.Schema, schema: pa.Schema) -> pa.Schema:
    """The schema, but with each column of grades as the file stores it: whole numbers or reals."""
    for place, field in enumerate(schema):
        # Lists of grades too, whose type reads "list<...: double>".
        if field.name in GRADE_COLUMNS and "double" in str(stored.field(field.name).type):
            schema = schema.set(place, stored.field(field.name))
    return schema


def sha256_of(path: Path) -> str:
    """Hex sha256 of a file, read in portions."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
