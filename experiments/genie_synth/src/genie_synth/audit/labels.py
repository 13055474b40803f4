"""What a labelled data set holds, and whether what decides its labels survives the views."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from genie_synth.policy import NOT_APPLICABLE, spelled
from memalign_bench.datasets.dataset import LabelledDataset
from memalign_bench.datasets.gold import ADJUDICATED_RATER, gold_labels
from memalign_bench.notebooks.views import ViewSettings, render_view
from memalign_bench.types import Rubric

__all__ = ["DimensionAudit", "LostEvidence", "audit_labels", "lost_evidence"]


_SHOWN_PART = {"cells": 20, "whole": 20, "outline": 8}
"""Characters of a cut line that must be shown for it to count as seen; in an outline, where what
matters is that the cell is there and how it begins, fewer."""


class LostEvidence(NamedTuple):
    """A planted snippet that a judge would not see."""

    item_id: str
    dimension: str
    snippet: str


@dataclass(frozen=True)
class DimensionAudit:
    """Labels of one dimension.

    Attributes:
        dimension: Its name.
        counts: Gold score -> items (0 is not applicable).
        literal_distance: Mean absolute difference between the score of a literal reader of the
            rubric and the experts' noise-free one (gold, where that is not known), over items to
            which it applies; None where no literal score is known.
        rater_noise: Rater -> mean absolute difference from gold, likewise.
        n_evidence: Planted snippets.
        n_seen: Those that stand in the view.
    """

    dimension: str
    counts: Mapping[int, int]
    literal_distance: float | None
    rater_noise: Mapping[str, float]
    n_evidence: int
    n_seen: int


def lost_evidence(
    data: LabelledDataset, rubric: Rubric, settings: ViewSettings
) -> list[LostEvidence]:
    """Planted snippets of which a line is missing from the dimension's view.

    Blank lines and the space around lines do not count. A line that the view has cut counts as
    seen where its beginning is shown (20 characters, 8 in an outline).
    """
    lost = []
    for entry in data.evidence:
        rule = rubric.dimensions[entry.dimension].view
        seen = render_view(data.item[entry.item_id], rule, settings, dimension=entry.dimension).text
        lost += [
            LostEvidence(entry.item_id, entry.dimension, snippet)
            for snippet in entry.snippets
            if not _is_shown(snippet, seen, _SHOWN_PART[rule.mode])
        ]
    return lost


def _is_shown(snippet: str, text: str, part: int) -> bool:
    cut = [line for line in text.splitlines() if line.endswith("...")]
    lines = [line.strip() for line in snippet.splitlines() if line.strip()]
    return all(
        line in text or any(line[:part].rstrip() in shown for shown in cut) for line in lines
    )


def audit_labels(
    data: LabelledDataset, rubric: Rubric, lost: Sequence[LostEvidence], gold: str = "adjudicated"
) -> list[DimensionAudit]:
    """Distribution, distances and evidence of each dimension, in the rubric's order."""
    golds = gold_labels(data, gold, list(rubric.dimensions))
    scores = {key: spelled(entry.score) for key, entry in golds.items()}
    return [_audit_dimension(data, name, scores, lost) for name in rubric.dimensions]


def _audit_dimension(
    data: LabelledDataset,
    name: str,
    gold: Mapping[tuple[str, str], int],
    lost: Sequence[LostEvidence],
) -> DimensionAudit:
    counts = Counter(score for key, score in gold.items() if key[1] == name)
    planted = [entry for entry in data.evidence if entry.dimension == name]
    literal = {entry.item_id: spelled(entry.literal_score) for entry in planted}
    noise_free = {(e.item_id, name): spelled(e.score) for e in planted if e.score is not None}
    by_rater: dict[str, dict[str, int]] = {}
    for label in data.label_list:
        if label.dimension == name and label.rater != ADJUDICATED_RATER:
            by_rater.setdefault(label.rater, {})[label.item_id] = spelled(label.score)
    n_evidence = sum(len(entry.snippets) for entry in planted)
    return DimensionAudit(
        dimension=name,
        counts=dict(sorted(counts.items())),
        literal_distance=_distance(literal, name, {**gold, **noise_free}),
        rater_noise={
            rater: distance
            for rater, scores in sorted(by_rater.items())
            if (distance := _distance(scores, name, gold)) is not None
        },
        n_evidence=n_evidence,
        n_seen=n_evidence - sum(entry.dimension == name for entry in lost),
    )


def _distance(
    scores: Mapping[str, int], name: str, gold: Mapping[tuple[str, str], int]
) -> float | None:
    """Mean absolute difference from gold where both say that the dimension applies."""
    errors = [
        abs(score - gold[item_id, name])
        for item_id, score in scores.items()
        if NOT_APPLICABLE not in (score, gold[item_id, name])
    ]
    return sum(errors) / len(errors) if errors else None
