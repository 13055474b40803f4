"""The table of planted facts that lies beside bundled notebooks."""

from __future__ import annotations

import json
from pathlib import Path

from memalign_bench.datasets.dataset import Evidence
from memalign_bench.datasets.tabular.tables import read_table
from memalign_bench.datasets.tabular.values import GradeReader

__all__ = ["read_evidence"]

_SCORES = ("literal_score", "score")


def read_evidence(
    path: Path | None, grading: GradeReader
) -> tuple[tuple[Evidence, ...], list[str]]:
    """Planted facts from a folder's table, and what is wrong with it.

    Args:
        path: The table; None where there is none.
        grading: How its scores are read.
    """
    if path is None:
        return (), []
    table = read_table(path)
    problems = list(table.problems)
    evidence = []
    for place, row in table.rows:
        try:
            snippets = tuple(str(entry["snippet"]) for entry in row["evidence"])
            texts = (row["item_id"], row["dimension"], row["realisation"])
            literal_score, expert = (grading.score(row.get(key), problems) for key in _SCORES)
            facets = row.get("facets")
            if isinstance(facets, str):  # in packed tables
                facets = json.loads(facets)
            if literal_score is not None:
                evidence.append(Evidence(*texts, literal_score, snippets, expert, facets))
        except (KeyError, TypeError, ValueError) as error:
            problems.append(f"{place}: {type(error).__name__}: {error}.")
    return tuple(evidence), problems
