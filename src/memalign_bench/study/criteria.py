"""What a run's checklist answers show of the criteria themselves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from memalign_bench.alignment.base import Aligned
from memalign_bench.judging.checklist import ChecklistScoring
from memalign_bench.study.plan import Plan
from memalign_bench.study.spec import RunSpec

__all__ = ["criteria_entries", "criteria_entry"]


def criteria_entry(plan: Plan, dimension: str, aligned: Aligned | None) -> dict[str, Any]:
    """A cell's own criteria, for `memory.json`; empty where it asked the ones in the rubric.

    Of private texts only what counts of each criterion is told, not its question.
    """
    judge: Any = aligned.judge if aligned else None
    while judge is not None and not hasattr(judge, "scoring"):
        judge = getattr(judge, "judge", None)  # the judge below what reads its answers
    scoring = getattr(judge, "scoring", None)
    if not isinstance(scoring, ChecklistScoring) or scoring == plan.spec.scoring:
        return {}
    hidden = {"question": ""} if plan.data.texts == "private" else {}
    return {"asked_criteria": [criterion | hidden for criterion in scoring.as_mappings[dimension]]}


def criteria_entries(spec: RunSpec, cells: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """One entry per dimension and criterion, for the manifest; none without a checklist.

    A criterion counts as met where that is more likely than not. One that every item meets, or
    none, tells no item from another, and its note says so; it is asked and counted all the same.
    Criteria that a fold distilled have entries of their own, with the fold.

    Args:
        spec: The run.
        cells: What `memory.json` says of the run's cells.
    """
    if not isinstance(spec.scoring, ChecklistScoring):
        return []
    shared: dict[str, list[list[float]]] = {}
    own: list[dict[str, Any]] = []
    for cell in cells:
        answers = list(cell.get("criteria", {}).values())
        # The rubric's criteria are pooled over folds; distilled ones differ from fold to fold.
        if "asked_criteria" not in cell:
            shared.setdefault(cell["dimension"], []).extend(answers)
        elif answers:
            asked = cell["asked_criteria"]
            place = {"dimension": cell["dimension"], "fold": cell["fold"]}
            own += [place | entry for entry in _criterion_entries(asked, answers)]
    written = spec.scoring.as_mappings
    return [
        *(
            {"dimension": name} | entry
            for name in spec.dimensions
            if shared.get(name)
            for entry in _criterion_entries(written[name], shared[name])
        ),
        *own,
    ]


def _criterion_entries(
    criteria: Sequence[Mapping[str, Any]], answers: Sequence[Sequence[float]]
) -> Iterator[dict[str, Any]]:
    """How many items meet each criterion; `answers` holds one row of chances per item."""
    for index, criterion in enumerate(criteria):
        chances = [answer[index] for answer in answers]
        n_met = sum(chance > 1 / 2 for chance in chances)
        yield {
            **criterion,
            "n_items": len(chances),
            "n_met": n_met,
            "mean_met": sum(chances) / len(chances),
            # Such a criterion cannot tell items apart.
            "note": {0: "no item meets it", len(chances): "every item meets it"}.get(n_met, ""),
        }
