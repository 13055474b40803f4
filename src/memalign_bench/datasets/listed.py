"""Samples whose sentences the package does not hold: a list of ids and hashes finds them in a file.

A list is a csv beside this module (`item_id,case_id,sha256`): it says which rows of a published
data set a study is about, and proves that a file holds just these texts, without a word of them.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple, TypeVar

__all__ = ["Place", "find_listed", "read_list", "text_digest"]

Row = TypeVar("Row")


class Place(NamedTuple):
    """Where a row of the sample belongs."""

    item_id: str
    case_id: str


def text_digest(*texts: str) -> str:
    """Hex sha256 of texts in their order, whatever the white space in them.

    >>> text_digest("Who? ", "A  man") == text_digest("Who?", "A man ")
    True
    """
    parts = (" ".join(text.split()) for text in texts)
    # No part holds a line break by then, so that parts cannot run into one another.
    # "replace": lone surrogates, which some files hold, cannot be encoded.
    return hashlib.sha256("\n".join(parts).encode("utf-8", "replace")).hexdigest()


def read_list(name: str) -> Mapping[str, Place]:
    """Digest of every row of the sample `name` -> its item and case."""
    path = Path(__file__).with_name(f"{name}_sample.csv")
    with path.open(encoding="utf-8", newline="") as file:
        return {
            row["sha256"]: Place(row["item_id"], row["case_id"]) for row in csv.DictReader(file)
        }


def find_listed(
    wanted: Mapping[str, Place], rows: Iterable[tuple[str, Row]]
) -> tuple[dict[Place, Row], list[str]]:
    """Place -> the first row with its digest, sorted by id; and the places that have no row.

    Args:
        wanted: The list.
        rows: Digest and row, of all that a file holds.
    """
    by_digest: dict[str, Row] = {}
    for digest, row in rows:
        by_digest.setdefault(digest, row)
    row_of_place = {
        place: by_digest[digest] for digest, place in wanted.items() if digest in by_digest
    }
    return dict(sorted(row_of_place.items())), [
        f"item {place.item_id!r} of the sample is not in it (or has another text)."
        for digest, place in wanted.items()
        if digest not in by_digest
    ]
