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

__all__ = [
    "MAX_TABLE_BYTES",
    "SUFFIXES",
    "Row",
    "Table",
    "find_table",
    "find_tables",
    "is_table",
    "read_table",
]

MAX_TABLE_BYTES = 1 << 30
"""A larger table is refused: a study of so many labels is read in parts, or from the hub."""

_LINE_FEED = "\n"
_SEPARATORS = ",;\t|"
_WORKBOOK_SUFFIXES = (".xlsx", ".xls", ".xlsm", ".ods")
_WORKBOOK_SIGNATURES = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
_WORKBOOK_ADVICE = "a workbook; save its sheet as CSV UTF-8, and name that file."


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
    return next(iter(find_tables(folder, stem)), None)


def find_tables(folder: Path, stem: str) -> list[Path]:
    """All files of that stem that hold tables; the first of them counts."""
    # In any letter case: LABELS.CSV is found as well.
    files = {path.name.lower(): path for path in sorted(folder.iterdir()) if path.is_file()}
    suffixes = (*SUFFIXES, *_WORKBOOK_SUFFIXES)
    return [files[name] for suffix in suffixes if (name := stem + suffix) in files]


def is_table(path: Path) -> bool:
    """Whether a file is a table by its ending."""
    return path.is_file() and any(_has_suffix(path, suffix) for suffix in SUFFIXES)


def read_table(path: Path) -> Table:
    """Read a file by its ending.

    An unreadable file is a problem, not an exception, so that it can be told with all others.
    """
    suffix = next(
        (
            suffix_of_table
            for suffix_of_table in sorted(SUFFIXES, key=len)[::-1]
            if _has_suffix(path, suffix_of_table)
        ),
        None,
    )
    # Refused before it is read: other kinds of files, and tables over the limit.
    if suffix is None:
        advice = (
            _WORKBOOK_ADVICE
            if path.suffix.lower() in _WORKBOOK_SUFFIXES
            else f"not one of {', '.join(SUFFIXES)}."
        )
        return Table([], [f"{path.name}: {advice}"])
    if not path.is_file():
        return Table([], [f"{path.name}: there is no such file."])
    with path.open("rb") as file:
        signature = file.read(4)
        # By its first bytes, since a workbook may have been renamed to .csv.
        if signature in _WORKBOOK_SIGNATURES:
            return Table([], [f"{path.name}: {_WORKBOOK_ADVICE}"])
    if (size := path.stat().st_size) > MAX_TABLE_BYTES:
        return Table([], [f"{path.name}: {size:,} bytes; the limit is {MAX_TABLE_BYTES:,}."])
    try:
        # By its first bytes too: some exports call everything .csv.
        is_parquet = suffix == ".parquet" or signature == b"PAR1"
        packed = signature.startswith(b"\x1f\x8b")
        table = _read_parquet(path) if is_parquet else _read_text(path, suffix, packed=packed)
    except (OSError, EOFError, zlib.error) as error:
        return Table([], [f"{path.name}: cannot be read ({type(error).__name__})."])
    if not table.rows and not table.problems:
        table.problems.append(f"{path.name}: holds no rows.")
    return table


def _has_suffix(path: Path, suffix: str) -> bool:
    return path.name.lower().endswith(suffix)


def _read_text(path: Path, suffix: str, *, packed: bool) -> Table:
    """Read a file of text whose kind is known by its suffix, and whose packing by its bytes."""
    # Browsers unpack what they fetch, and leave it its name.
    raw = _read_gzip(path) if packed else path.read_bytes()
    if len(raw) > MAX_TABLE_BYTES:
        return Table([], [f"{path.name}: when unpacked, the limit is {MAX_TABLE_BYTES:,} bytes."])
    try:
        text, encoding_note = decode(raw, path.name)
    except DataError as error:
        return Table([], [f"{path.name}: {problem}" for problem in error.problems])
    if not text.strip():
        return Table([], [])
    table = _READERS[suffix.removesuffix(".gz")](path.name, text)
    return table._replace(
        told=(f"{path.name}: {encoding_note}.",) if "UTF" in encoding_note else ()
    )


def _read_gzip(path: Path) -> bytes:
    """The content of a gzip file, one byte more than the limit at most."""
    with gzip.open(path) as file:
        # Bounded: a small file may unpack to very much.
        return file.read(MAX_TABLE_BYTES + 1)


def _read_csv(name: str, text: str, quoting: Literal[0, 3] = csv.QUOTE_MINIMAL) -> Table:
    """Read csv or tsv; `quoting` is csv's constant."""
    # csv's own limit, 128 KB, is less than a notebook takes.
    csv.field_size_limit(MAX_BYTES)
    rows: list[Row] = []
    problems: list[str] = []
    # A line by which spreadsheets tell one another the separator, and blank ones.
    preamble = re.match(r'(?i)(?:\s*\r?\n)*(?:"?sep=(.)"?[,;\t ]*\r?\n)?(?:\s*\r?\n)*', text)
    text_above = preamble[0] if preamble else ""
    separator = (preamble and preamble[1]) or _guess_separator(text[len(text_above) :])
    lines = io.StringIO(text[len(text_above) :], newline="")
    has_spaced_quotes = (
        re.match(rf'[^\n]*{re.escape(separator)} +"', text[len(text_above) :]) is not None
    )
    # Strict, or a quote without its end would take in the rows below it without a word.
    reader = csv.DictReader(
        lines, delimiter=separator, skipinitialspace=has_spaced_quotes, strict=True, quoting=quoting
    )
    too_long = []
    try:
        reader.fieldnames = [column.strip() for column in reader.fieldnames or ()]
        names = [column for column in reader.fieldnames if column]
        repeated = sorted({column for column in names if names.count(column) > 1})
        if repeated:
            return Table([], [f"{name}: column {column!r} stands twice." for column in repeated])
        for values in reader:
            place = f"{name}:{text_above.count(_LINE_FEED) + reader.line_num}"
            # DictReader puts cells beyond the columns under None.
            beyond = values.pop(None, None) or ()
            if any(cell.strip() for cell in beyond):
                too_long.append(f"{place}: more cells than columns (a comma without quotes?).")
            # Spreadsheets export empty rows below the table.
            elif any(cell and cell.strip() for cell in values.values()):
                rows.append(Row(place, values))
    except csv.Error as error:
        if separator == "\t" and quoting == csv.QUOTE_MINIMAL:  # these often know no quotes
            unquoted_table = _read_csv(name, text, csv.QUOTE_NONE)
            if not unquoted_table.problems and all(
                None not in row.values.values() for row in unquoted_table.rows
            ):
                return unquoted_table
        line = text_above.count(_LINE_FEED) + reader.reader.line_num
        problems.append(f"{name}:{line}: not a table ({error}; a quote without its end?).")
    # Where no row fits, the first line does not hold the names.
    if too_long and not rows:
        header_place = f"{name}:{text_above.count(_LINE_FEED) + 1}"
        too_long = [f"{header_place}: every row below has more cells; is this the line of names?"]
    return Table(rows, [*too_long, *problems])


def _guess_separator(text: str) -> str:
    """The sign that cuts the first line into most columns; of equals the comma."""
    # Signs inside quotes separate nothing.
    unquoted = re.sub(r'"[^"]*"', "", text.split(_LINE_FEED, 1)[0][:10_000])
    return max(_SEPARATORS, key=unquoted.count)


def _read_json_lines(name: str, text: str) -> Table:
    """Read an object a line; a JSON document under that suffix is read as one."""
    rows: list[Row] = []
    problems: list[str] = []
    for number, line in _numbered_lines(text):
        place = f"{name}:{number}"
        if len(line) > MAX_BYTES:
            problems.append(f"{place}: {len(line):,} bytes; the limit of a line is {MAX_BYTES:,}.")
            continue
        try:
            row = _parse_json(line)
        except (ValueError, RecursionError) as error:
            problems.append(f"{place}: not JSON ({error}).")
        else:
            if isinstance(row, dict):
                rows.append(Row(place, row))
            else:
                problems.append(f"{place}: {_not_a_row(row)}")
    if problems and not rows:  # a list, or one object over many lines
        try:
            return _rows_of_json(name, _parse_json(text))
        except (ValueError, RecursionError):
            return Table([], [f"{problems[0]} An object a line is looked for."])
    return Table(rows, problems)


def _parse_json(text: str) -> Any:
    return json.loads(text, object_pairs_hook=_refuse_repeated_keys)


def _refuse_repeated_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object; refuses one that gives a key two different values."""
    row: dict[str, Any] = {}
    for key, value in pairs:
        if key in row and row[key] != value:
            raise ValueError(f"key {key!r} stands twice")
        row[key] = value
    return row


def _not_a_row(value: Any) -> str:
    """What is wrong with a value where a row should be."""
    shown = json.dumps(value, ensure_ascii=False)[:60]
    return f"not an object {{COLUMN: VALUE, ...}} but {shown}."


def _numbered_lines(text: str) -> Iterator[tuple[int, str]]:
    """Lines that are not blank, with their numbers; only a line feed ends a line."""
    for number, line in enumerate(text.split("\n"), 1):
        if stripped := line.strip():
            yield number, stripped


def _read_json(name: str, text: str) -> Table:
    """A list of objects, a list of that kind under some key, columns, or JSON lines after all."""
    try:
        content = _parse_json(text)
    except (ValueError, RecursionError) as error:
        lines = _read_json_lines(name, text)
        return lines if lines.rows else Table([], [f"{name}: not JSON ({error})."])
    return _rows_of_json(name, content)


def _rows_of_json(name: str, content: Any) -> Table:
    """The rows of a JSON document, each with its place."""
    objects = _row_objects(content)
    if objects is None:
        return Table([], [f"{name}: no rows in it; one list of objects is looked for, one a row."])
    rows = [
        Row(f"{name}, row {n}", row) for n, row in enumerate(objects, 1) if isinstance(row, dict)
    ]
    not_rows = [n for n, row in enumerate(objects, 1) if not isinstance(row, dict)]
    return Table(rows, [f"{name}, row {n}: {_not_a_row(objects[n - 1])}" for n in not_rows])


def _row_objects(content: Any) -> list[Any] | None:
    """The objects of a JSON document that are rows, in any known shape; None if none are."""
    if not isinstance(content, dict):
        return content if isinstance(content, list) else None
    columns = list(content.values())
    if columns and all(isinstance(column, dict) for column in columns):  # as pandas writes a frame
        if any(name in columns[0] for name in ("item_id", "content")):  # or by its index
            return columns
        return [{name: part.get(key) for name, part in content.items()} for key in {**columns[0]}]
    lists = [part for part in columns if isinstance(part, list) and part]
    rows = [part for part in lists if all(isinstance(entry, dict) for entry in part)]
    # One list of objects under some key, beside whatever else.
    if len(rows) == 1 and "item_id" not in content:
        return rows[0]
    # A list for each column, all of one length.
    if len(lists) == len(columns) and not rows and len({len(part) for part in lists}) == 1:
        return [dict(zip(content, row, strict=True)) for row in zip(*lists, strict=True)]
    # A single row by itself.
    return [content] if "item_id" in content or "content" in content else None


def _read_parquet(path: Path) -> Table:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path)
        # Told by the file's metadata, before anything is unpacked.
        n_bytes = sum(
            file.metadata.row_group(n).total_byte_size for n in range(file.num_row_groups)
        )
        if n_bytes > MAX_TABLE_BYTES:
            problem = f"{n_bytes:,} bytes when unpacked; the limit is {MAX_TABLE_BYTES:,}."
            return Table([], [f"{path.name}: {problem}"])
        values = file.read().to_pylist()
    except (pa.ArrowException, OSError, ValueError) as error:
        problem = (str(error).splitlines() or [type(error).__name__])[0]
        return Table([], [f"{path.name}: not a Parquet file ({problem})."])
    return Table(
        [Row(f"{path.name}, row {n}", _without_nan(row)) for n, row in enumerate(values, 1)], []
    )


def _without_nan(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row with NaN as missing, as pandas writes an empty cell, and decimals as floats."""
    without_decimals = {key: float(v) if isinstance(v, Decimal) else v for key, v in row.items()}
    return {
        k: None if isinstance(v, float) and math.isnan(v) else v
        for k, v in without_decimals.items()
    }


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
