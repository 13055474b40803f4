"""Read a table from a file: rows with their places, and every problem.

csv (any of the usual separators), tsv, JSON, JSON lines or Parquet, packed with gzip or not, in any
Unicode encoding. Nothing here knows what the columns mean. Files and lines over a limit are refused
before they are read into memory.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import math
import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, NamedTuple

from memalign_bench.errors import DataError
from memalign_bench.notebooks.decoding import decode
from memalign_bench.notebooks.parse import MAX_BYTES

__all__ = ["MAX_TABLE_BYTES", "SUFFIXES", "Row", "Table", "find_table", "read_table"]

MAX_TABLE_BYTES = 1 << 30
"""A larger table is refused: a study of so many labels is read in parts, or from the hub."""

_LINE = "\n"
_SEPARATORS = ",;\t|"
_EXCEL = (".xlsx", ".xls", ".xlsm", ".ods")
_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
_WORKBOOK = "a workbook; save its sheet as CSV UTF-8, and name that file."


class Row(NamedTuple):
    """One row.

    Attributes:
        place: File and line, or row, for error messages; counted from 1.
        values: Column -> value as the file holds it; a csv holds texts only.
    """

    place: str
    values: Mapping[str, Any]


class Table(NamedTuple):
    """What could be read of a file, what could not, and what of it is worth telling."""

    rows: list[Row]
    problems: list[str]
    told: tuple[str, ...] = ()


def find_table(folder: Path, stem: str) -> Path | None:
    """The one file of that stem that holds a table (`labels.csv`, in capitals too), or None.

    Where there are several, the first of `SUFFIXES` counts.
    """
    files = {path.name.lower(): path for path in sorted(folder.iterdir()) if path.is_file()}
    return next((files[name] for s in (*SUFFIXES, *_EXCEL) if (name := stem + s) in files), None)


def read_table(path: Path) -> Table:
    """Read a file by its ending.

    An unreadable file is a problem, not an exception, so that it can be told with all others.
    """
    suffix = next((s for s in sorted(SUFFIXES, key=len)[::-1] if _is(path, s)), None)
    if suffix is None:
        told = _WORKBOOK if path.suffix.lower() in _EXCEL else f"not one of {', '.join(SUFFIXES)}."
        return Table([], [f"{path.name}: {told}"])
    if not path.is_file():
        return Table([], [f"{path.name}: there is no such file."])
    with path.open("rb") as file:
        if file.read(4) in _WORKBOOKS:
            return Table([], [f"{path.name}: {_WORKBOOK}"])
    if (size := path.stat().st_size) > MAX_TABLE_BYTES:
        return Table([], [f"{path.name}: {size:,} bytes; the limit is {MAX_TABLE_BYTES:,}."])
    try:
        found = _read(path, suffix)
    except (OSError, EOFError, zlib.error) as error:
        return Table([], [f"{path.name}: cannot be read ({type(error).__name__})."])
    if not found.rows and not found.problems:
        found.problems.append(f"{path.name}: holds no rows.")
    return found


def _is(path: Path, suffix: str) -> bool:
    return path.name.lower().endswith(suffix)


def _read(path: Path, suffix: str) -> Table:
    if suffix == ".parquet":
        return _read_parquet(path)
    raw = _unpacked(path) if suffix.endswith(".gz") else path.read_bytes()
    if len(raw) > MAX_TABLE_BYTES:
        return Table([], [f"{path.name}: when unpacked, the limit is {MAX_TABLE_BYTES:,} bytes."])
    try:
        text, told = decode(raw, path.name)
    except DataError as error:
        return Table([], [f"{path.name}: {problem}" for problem in error.problems])
    if not text.strip():
        return Table([], [])
    found = _READERS[suffix.removesuffix(".gz")](path.name, text)
    return found._replace(told=(f"{path.name}: {told}.",) if "UTF" in told else ())


def _unpacked(path: Path) -> bytes:
    with gzip.open(path) as file:
        return file.read(MAX_TABLE_BYTES + 1)


def _read_csv(name: str, text: str, quoting: Literal[0, 3] = csv.QUOTE_MINIMAL) -> Table:
    csv.field_size_limit(MAX_BYTES)
    rows: list[Row] = []
    problems: list[str] = []
    # A line by which spreadsheets tell one another the separator, and blank ones.
    lead = re.match(r"(?:\s*\r?\n)*(?:sep=(.)\r?\n)?(?:\s*\r?\n)*", text)
    above = lead[0] if lead else ""
    separator = (lead and lead[1]) or _separator(text[len(above) :])
    lines = io.StringIO(text[len(above) :], newline="")
    spaced = re.match(rf'[^\n]*{re.escape(separator)} +"', text[len(above) :]) is not None
    # Strict, or a quote without its end would take in the rows below it without a word.
    table = csv.DictReader(
        lines, delimiter=separator, skipinitialspace=spaced, strict=True, quoting=quoting
    )
    too_long = []
    try:
        table.fieldnames = [column.strip() for column in table.fieldnames or ()]
        names = [column for column in table.fieldnames if column]
        twice = sorted({column for column in names if names.count(column) > 1})
        if twice:
            return Table([], [f"{name}: column {column!r} stands twice." for column in twice])
        for values in table:
            place = f"{name}:{above.count(_LINE) + table.line_num}"
            if values.pop(None, None) is not None:
                too_long.append(f"{place}: more cells than columns (a comma without quotes?).")
            elif any(values.values()):
                rows.append(Row(place, values))
    except csv.Error as error:
        if separator == "\t" and quoting == csv.QUOTE_MINIMAL:  # these often know no quotes
            bare = _read_csv(name, text, csv.QUOTE_NONE)
            if not bare.problems and all(None not in row.values.values() for row in bare.rows):
                return bare
        line = above.count(_LINE) + table.reader.line_num
        problems.append(f"{name}:{line}: not a table ({error}; a quote without its end?).")
    if too_long and not rows:
        head = f"{name}:{above.count(_LINE) + 1}"
        too_long = [f"{head}: every row below has more cells; is this the line of names?"]
    return Table(rows, [*too_long, *problems])


def _separator(text: str) -> str:
    """The sign that cuts the first line into most columns; of equals the comma."""
    unquoted = re.sub(r'"[^"]*"', "", text.split(_LINE, 1)[0][:10_000])
    return max(_SEPARATORS, key=unquoted.count)


def _read_json_lines(name: str, text: str) -> Table:
    rows: list[Row] = []
    problems: list[str] = []
    for number, line in _lines(text):
        place = f"{name}:{number}"
        if len(line) > MAX_BYTES:
            problems.append(f"{place}: {len(line):,} bytes; the limit of a line is {MAX_BYTES:,}.")
            continue
        try:
            row = _loaded(line)
        except (ValueError, RecursionError) as error:
            problems.append(f"{place}: not JSON ({error}).")
        else:
            if isinstance(row, dict):
                rows.append(Row(place, row))
            else:
                problems.append(f"{place}: {_no_row(row)}")
    if problems and not rows:  # a list, or one object over many lines
        try:
            return _rows_in(name, _loaded(text))
        except (ValueError, RecursionError):
            return Table([], [f"{problems[0]} An object a line is looked for."])
    return Table(rows, problems)


def _loaded(text: str) -> Any:
    return json.loads(text, object_pairs_hook=_once_each)


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object; one that gives a key two values says neither."""
    held: dict[str, Any] = {}
    for key, value in pairs:
        if key in held and held[key] != value:
            raise ValueError(f"key {key!r} stands twice")
        held[key] = value
    return held


def _no_row(value: Any) -> str:
    """What is wrong with a value where a row should be."""
    shown = json.dumps(value, ensure_ascii=False)[:60]
    return f"not an object {{COLUMN: VALUE, ...}} but {shown}."


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Numbered lines that say something; only the line feed ends one."""
    for number, line in enumerate(text.split("\n"), 1):
        if bare := line.strip():
            yield number, bare


def _read_json(name: str, text: str) -> Table:
    """A list of objects, a list of that kind under some key, columns, or JSON lines after all."""
    try:
        whole = _loaded(text)
    except (ValueError, RecursionError) as error:
        lines = _read_json_lines(name, text)
        return lines if lines.rows else Table([], [f"{name}: not JSON ({error})."])
    return _rows_in(name, whole)


def _rows_in(name: str, whole: Any) -> Table:
    found = _objects(whole)
    if found is None:
        return Table([], [f"{name}: no rows in it; one list of objects is looked for, one a row."])
    rows = [Row(f"{name}, row {n}", row) for n, row in enumerate(found, 1) if isinstance(row, dict)]
    strangers = [n for n, row in enumerate(found, 1) if not isinstance(row, dict)]
    return Table(rows, [f"{name}, row {n}: {_no_row(found[n - 1])}" for n in strangers])


def _objects(whole: Any) -> list[Any] | None:
    if not isinstance(whole, dict):
        return whole if isinstance(whole, list) else None
    columns = list(whole.values())
    if columns and all(isinstance(column, dict) for column in columns):  # as pandas writes a frame
        if any(name in columns[0] for name in ("item_id", "content")):  # or by its index
            return columns
        return [{name: part.get(key) for name, part in whole.items()} for key in {**columns[0]}]
    lists = [part for part in columns if isinstance(part, list) and part]
    rows = [part for part in lists if all(isinstance(entry, dict) for entry in part)]
    if len(rows) == 1 and "item_id" not in whole:
        return rows[0]
    if len(lists) == len(columns) and not rows and len({len(part) for part in lists}) == 1:
        return [dict(zip(whole, row, strict=True)) for row in zip(*lists, strict=True)]
    return [whole] if "item_id" in whole or "content" in whole else None


def _read_parquet(path: Path) -> Table:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path)
        held = sum(file.metadata.row_group(n).total_byte_size for n in range(file.num_row_groups))
        if held > MAX_TABLE_BYTES:
            told = f"{held:,} bytes when unpacked; the limit is {MAX_TABLE_BYTES:,}."
            return Table([], [f"{path.name}: {told}"])
        found = file.read().to_pylist()
    except (pa.ArrowException, OSError, ValueError) as error:
        told = (str(error).splitlines() or [type(error).__name__])[0]
        return Table([], [f"{path.name}: not a Parquet file ({told})."])
    return Table([Row(f"{path.name}, row {n}", _plain(row)) for n, row in enumerate(found, 1)], [])


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row with NaN as missing, which is what pandas writes for an empty cell."""
    held = {key: float(v) if isinstance(v, Decimal) else v for key, v in row.items()}
    return {k: None if isinstance(v, float) and math.isnan(v) else v for k, v in held.items()}


_READERS: Mapping[str, Callable[[str, str], Table]] = {
    ".csv": _read_csv,
    ".jsonl": _read_json_lines,
    ".json": _read_json,
    ".tsv": _read_csv,
    ".ndjson": _read_json_lines,
}

SUFFIXES = (
    *(".csv", ".jsonl", ".parquet", ".json", ".tsv", ".ndjson"),
    *(".csv.gz", ".jsonl.gz", ".json.gz", ".tsv.gz", ".ndjson.gz"),
)
"""Endings of the files that hold tables."""
