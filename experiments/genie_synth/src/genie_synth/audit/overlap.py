"""How much of their code notebooks share."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import NamedTuple

import numpy as np

from memalign_bench.datasets.dataset import LabelledDataset
from memalign_bench.notebooks.parse import read_notebook
from memalign_bench.types import Item

__all__ = ["Overlap", "code_lines", "code_overlap", "jaccard"]


class Overlap(NamedTuple):
    """Pairwise Jaccard indices of code lines, over pairs of items of different cases.

    Attributes:
        median: Their median, 0 to 1.
        largest: Their maximum.
        pair: The items of the largest.
    """

    median: float
    largest: float
    pair: tuple[str, str]


def code_lines(item: Item) -> frozenset[str]:
    """The distinct lines of an item's code cells, stripped; blank lines and comments do not count.

    Import lines do, as any other.
    """
    cells = read_notebook(item.content, item.item_id).cells
    lines = (
        line.strip() for cell in cells if cell.kind == "code" for line in cell.source.splitlines()
    )
    return frozenset(line for line in lines if line and not line.startswith("#"))


def jaccard(first: frozenset[str], second: frozenset[str]) -> float:
    """Size of the intersection over that of the union (Jaccard 1912); 0 for two empty sets.

    >>> jaccard(frozenset("abc"), frozenset("bcd"))
    0.5
    """
    union = len(first | second)
    return len(first & second) / union if union else 0.0


def code_overlap(data: LabelledDataset) -> Overlap | None:
    """Overlap of the notebooks of a data set; None with fewer than two cases of notebooks."""
    lines: Mapping[str, frozenset[str]] = {
        item_id: code_lines(item) for item_id, item in data.item.items() if item.kind == "notebook"
    }
    shares = [
        (jaccard(lines[first], lines[second]), (first, second))
        for first, second in combinations(lines, 2)
        if data.item[first].case_id != data.item[second].case_id
    ]
    if not shares:
        return None
    largest, pair = max(shares)
    return Overlap(float(np.median([share for share, _ in shares])), largest, pair)
