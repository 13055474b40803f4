"""What a run's checklist answers say of the criteria themselves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from memalign_bench.judging.checklist import ChecklistScoring
from memalign_bench.study.spec import RunSpec

__all__ = ["criteria_entries"]


def criteria_entries(spec: RunSpec, cells: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """One entry per dimension and criterion, for the manifest; none without a checklist.

    A criterion counts as met where that is more likely than not. One that every item meets, or
    none, tells no item from another, and its note says so.

    Args:
        spec: The run.
        cells: What `memory.json` says of the run's cells.
    """
    if not isinstance(spec.scoring, ChecklistScoring):
        return []
    answered: dict[str, list[list[float]]] = {}
    for cell in cells:
        answered.setdefault(cell["dimension"], []).extend(cell.get("criteria", {}).values())
    names = [name for name in spec.dimensions if answered.get(name)]
    return [entry for name in names for entry in _entries(spec.scoring, name, answered[name])]


def _entries(
    scoring: ChecklistScoring, dimension: str, answers: list[list[float]]
) -> Iterator[dict[str, Any]]:
    for place, criterion in enumerate(scoring.criteria[dimension]):
        chances = [met[place] for met in answers]
        n_met = sum(chance > 1 / 2 for chance in chances)
        yield {
            "dimension": dimension,
            "question": criterion.question,
            "good": criterion.good,
            "grade": criterion.grade,
            "n_items": len(chances),
            "n_met": n_met,
            "mean_met": sum(chances) / len(chances),
            "note": {0: "no item meets it", len(chances): "every item meets it"}.get(n_met, ""),
        }
