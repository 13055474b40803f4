"""Read a table from a csv, JSON lines or Parquet file: rows with their places, and every problem.

Nothing here knows what the columns mean. Files and lines over a limit are refused before they are
read into memory.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from memalign_bench.notebooks.parse import MAX_BYTES

__all__ = ["MAX_TABLE_BYTES", "SUFFIXES", "Row", "Table", "find_table", "read_table"]

MAX_TABLE_BYTES = 1 << 30
"""A larger table is refused: a study of so many labels is read in parts, or from the hub."""


class Row(NamedTuple):
    """One row.

    Attributes:
        place: File and line, or row, for error messages; counted from 1.
        values: Column -> value as the file holds it; a csv holds texts only.
    """

    place: str
    values: Mapping[str, Any]


class Table(NamedTuple):
    """What could be read of a file, and what could not."""

    rows: list[Row]
    problems: list[str]


def find_table(folder: Path, stem: str) -> Path | None:
    """The one file of that stem that holds a table (`labels.csv`), or None.

    Where there are several, the first of `SUFFIXES` counts.
    """
    return next((p for suffix in SUFFIXES if (p := folder / f"{stem}{suffix}").is_file()), None)


def read_table(path: Path) -> Table:
    """Read a file by its ending.

    An unreadable file is a problem, not an exception, so that it can be told with all others.
    """
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        return Table([], [f"{path.name}: not one of {', '.join(SUFFIXES)}."])
    if not path.is_file():
        return Table([], [f"{path.name}: there is no such file."])
    if (size := path.stat().st_size) > MAX_TABLE_BYTES:
        return Table([], [f"{path.name}: {size:,} bytes; the limit is {MAX_TABLE_BYTES:,}."])
    try:
        found = reader(path)
    except UnicodeDecodeError as error:
        return Table([], [f"{path.name}: not UTF-8 (byte {error.start}); save it as UTF-8."])
    except OSError as error:
        return Table([], [f"{path.name}: cannot be read ({type(error).__name__})."])
    if not found.rows and not found.problems:
        found.problems.append(f"{path.name}: holds no rows.")
    return found


def _read_csv(path: Path) -> Table:
    csv.field_size_limit(MAX_BYTES)
    rows: list[Row] = []
    problems: list[str] = []
    with path.open(newline="", encoding="utf-8-sig") as file:
        table = csv.DictReader(file)
        try:
            names = [name for name in table.fieldnames or () if name]
            twice = sorted({name for name in names if names.count(name) > 1})
            problems += [f"{path.name}: column {name!r} stands twice." for name in twice]
            for values in table:
                place = f"{path.name}:{table.line_num}"
                if values.pop(None, None) is not None:
                    problems.append(f"{place}: more cells than columns (a comma without quotes?).")
                else:
                    rows.append(Row(place, values))
        except csv.Error as error:
            problems.append(f"{path.name}:{table.line_num}: not a table ({error}).")
    return Table(rows, problems)


def _read_json_lines(path: Path) -> Table:
    rows: list[Row] = []
    problems: list[str] = []
    for number, line in _lines(path):
        place = f"{path.name}:{number}"
        if len(line) > MAX_BYTES:
            problems.append(f"{place}: {len(line):,} bytes; the limit of a line is {MAX_BYTES:,}.")
            continue
        try:
            row = json.loads(line.decode("utf-8"))
        except UnicodeDecodeError:
            problems.append(f"{place}: not UTF-8; save the file as UTF-8.")
        except (ValueError, RecursionError) as error:
            problems.append(f"{place}: not JSON ({error}).")
        else:
            if isinstance(row, dict):
                rows.append(Row(place, row))
            else:
                problems.append(f"{place}: not an object but {type(row).__name__}.")
    return Table(rows, problems)


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Numbered lines that say something; only the line feed ends one."""
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            bare = (line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line).strip()
            if bare:
                yield number, bare


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
    return {
        key: None if isinstance(value, float) and math.isnan(value) else value
        for key, value in row.items()
    }


_READERS: Mapping[str, Callable[[Path], Table]] = {
    ".csv": _read_csv,
    ".jsonl": _read_json_lines,
    ".parquet": _read_parquet,
}

SUFFIXES = tuple(_READERS)
"""Endings of the files that hold tables."""
