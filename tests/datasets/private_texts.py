"""Looks for private texts in the files of a study, as a reader of each file would read them."""

from __future__ import annotations

import html
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

__all__ = ["files_that_quote"]

_SHORTEST = 30
"""Shorter texts ("Yes.") may stand anywhere."""

_QUOTED = 60


def files_that_quote(folder: Path, texts: Iterable[str]) -> list[str]:
    """The files below a folder in which one of the texts begins."""
    beginnings = {text[:_QUOTED] for text in texts if len(text) >= _SHORTEST}
    assert beginnings, "no text is long enough to be looked for"
    return [
        str(path.relative_to(folder))
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        and any(beginning in said for said in _said(path) for beginning in beginnings)
    ]


def _said(path: Path) -> Iterator[str]:
    """What a file says, compressed or not, with signs escaped and as they are."""
    content = path.read_bytes()
    yield content.decode(errors="replace")
    if path.suffix == ".parquet":
        yield "\n".join(_strings_in(pq.read_table(path).to_pylist()))
    elif path.suffix == ".json":
        yield "\n".join(_strings_in(json.loads(content)))
    elif path.suffix in (".html", ".svg"):
        yield html.unescape(content.decode())


def _strings_in(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for entry in (*value.keys(), *value.values()):
            yield from _strings_in(entry)
    elif isinstance(value, list):
        for entry in value:
            yield from _strings_in(entry)
