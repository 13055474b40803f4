"""What is measured of the bundled corpus."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np

from genie_synth.audit.labels import (
    DimensionAudit,
    LostEvidence,
    audit_labels,
    lost_evidence,
)
from genie_synth.audit.oracle import OracleMatch, oracle_matches
from genie_synth.audit.overlap import Overlap, code_overlap
from genie_synth.audit.shortcuts import Shortcut, shortcuts, worst_ratios
from genie_synth.policy import NOT_APPLICABLE, spelled
from memalign_bench.datasets.checks import item_text
from memalign_bench.datasets.dataset import LabelledDataset
from memalign_bench.datasets.gold import ADJUDICATED_RATER, gold_labels
from memalign_bench.notebooks.views import ViewSettings, render_view
from memalign_bench.stats.raters import krippendorff_alpha
from memalign_bench.types import Rubric

__all__ = ["CorpusAudit", "Survival", "audit_corpus"]

TARGETS = ("gold", "noise_free")


class Survival(NamedTuple):
    """How much of the planted evidence a view shows.

    Attributes:
        view: The view's label.
        n_seen: Snippets that stand in it.
        n_planted: All snippets.
    """

    view: str
    n_seen: int
    n_planted: int

    @property
    def share(self) -> float:
        """Share that survives, 0 to 1; 1 where nothing was planted."""
        return self.n_seen / self.n_planted if self.n_planted else 1.0


@dataclass(frozen=True)
class CorpusAudit:
    """What was measured.

    Attributes:
        n_items: Items.
        n_cases: Cases.
        digest: Of items and labels.
        dimensions: Counts and distances of each dimension, in the rubric's order.
        alphas: Dimension -> Krippendorff's alpha (ordinal) among raters; None where not defined.
        realisations: (dimension, score) -> number of different realisations planted.
        overlap: Shared code lines of notebooks of different cases.
        survivals: Of each view, the first being the embedded judge's.
        lost: What the first view does not show.
        shortcuts: Target ("gold", "noise_free") -> dimension -> errors.
        oracle: What an expert arrives at that only reads the notebooks, by dimension.
    """

    n_items: int
    n_cases: int
    digest: str
    dimensions: tuple[DimensionAudit, ...]
    alphas: Mapping[str, float | None]
    realisations: Mapping[tuple[str, int], int]
    overlap: Overlap | None
    survivals: tuple[Survival, ...]
    lost: tuple[LostEvidence, ...]
    shortcuts: Mapping[str, Mapping[str, Sequence[Shortcut]]]
    oracle: tuple[OracleMatch, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Plain values, rounded to six decimals."""
        ratios = {
            target: worst_ratios(by_dimension) for target, by_dimension in self.shortcuts.items()
        }
        return {
            "n_items": self.n_items,
            "n_cases": self.n_cases,
            "digest": self.digest,
            "dimensions": [_rounded(asdict(entry)) for entry in self.dimensions],
            "alphas": _rounded(dict(self.alphas)),
            "realisations": {f"{d}, {s}": n for (d, s), n in sorted(self.realisations.items())},
            "overlap": _rounded(self.overlap._asdict()) if self.overlap else None,
            "survival": [
                _rounded({**entry._asdict(), "share": entry.share}) for entry in self.survivals
            ],
            "lost": [entry._asdict() for entry in self.lost],
            "shortcuts": {
                target: {name: [_rounded(e._asdict()) for e in tried] for name, tried in by.items()}
                for target, by in self.shortcuts.items()
            },
            "shortcut_ratios": _rounded(ratios),
            "oracle": [_rounded(entry._asdict()) for entry in self.oracle],
        }


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 6)
    if isinstance(value, Mapping):
        return {str(key): _rounded(entry) for key, entry in value.items()}
    return [_rounded(entry) for entry in value] if isinstance(value, list | tuple) else value


def audit_corpus(
    data: LabelledDataset,
    rubric: Rubric,
    views: Sequence[ViewSettings],
    *,
    repeats: int = 3,
    tell: Callable[[str], None] | None = None,
) -> CorpusAudit:
    """Measure everything.

    Args:
        data: The corpus.
        rubric: Its rubric.
        views: Ways to show it; the first is the embedded judge's.
        repeats: How often the folds of the shortcuts are drawn.
        tell: Called with the name of each dimension when its shortcuts are tried.
    """
    lost = [lost_evidence(data, rubric, view) for view in views]
    planted = sum(len(entry.snippets) for entry in data.evidence)
    planted_realisations = {
        (entry.dimension, spelled(entry.score), entry.realisation)
        for entry in data.evidence
        if spelled(entry.score) and entry.realisation
    }
    by_target: dict[str, dict[str, list[Shortcut]]] = {target: {} for target in TARGETS}
    for name in rubric.dimensions:
        for target in TARGETS:
            by_target[target][name] = _shortcuts(data, rubric, views[0], (name, target), repeats)
        if tell is not None:
            tell(name)
    return CorpusAudit(
        n_items=len(data.item),
        n_cases=len({item.case_id for item in data.item.values()}),
        digest=data.digest,
        dimensions=tuple(audit_labels(data, rubric, lost[0])),
        alphas={name: _alpha(data, rubric, name) for name in rubric.dimensions},
        realisations={
            (name, int(grade)): sum(entry[:2] == (name, grade) for entry in planted_realisations)
            for name in rubric.dimensions
            for grade in rubric.scale.grades
        },
        overlap=code_overlap(data),
        survivals=tuple(
            Survival(view.label, planted - len(missed), planted)
            for view, missed in zip(views, lost, strict=True)
        ),
        lost=tuple(lost[0]),
        shortcuts=by_target,
        oracle=tuple(oracle_matches(data, rubric)),
    )


def _shortcuts(
    data: LabelledDataset, rubric: Rubric, view: ViewSettings, what: tuple[str, str], repeats: int
) -> list[Shortcut]:
    name, target = what
    if target == "gold":
        golds = gold_labels(data, "adjudicated", [name])
        scores = {key[0]: spelled(entry.score) for key, entry in golds.items()}
    else:
        scores = {
            e.item_id: e.score for e in data.evidence if e.dimension == name and spelled(e.score)
        }
    graded = [item_id for item_id in data.item if scores.get(item_id, 0) != NOT_APPLICABLE]
    items = [data.item[item_id] for item_id in graded]
    rule = rubric.dimensions[name].view
    texts = {
        "notebook": [item_text(item) for item in items],
        "view": [render_view(item, rule, view, dimension=name).text for item in items],
    }
    cases = [item.case_id for item in items]
    return shortcuts(texts, [scores[item_id] for item_id in graded], cases, repeats=repeats)


def _alpha(data: LabelledDataset, rubric: Rubric, name: str) -> float | None:
    by_item: dict[str, dict[str, int]] = {}
    for label in data.label_list:
        if label.dimension == name and label.rater != ADJUDICATED_RATER and spelled(label.score):
            by_item.setdefault(label.item_id, {})[label.rater] = spelled(label.score)
    raters = sorted({rater for scores in by_item.values() for rater in scores})
    ratings = [[scores.get(rater, np.nan) for rater in raters] for scores in by_item.values()]
    return krippendorff_alpha(np.array(ratings), rubric.scale.grades) if ratings else None
