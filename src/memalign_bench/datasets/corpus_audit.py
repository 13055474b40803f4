"""Is the bundled corpus fit to study alignment on? Everything that is asked of it, measured."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np

from memalign_bench.datasets.audit import (
    DimensionAudit,
    LostEvidence,
    audit_labels,
    lost_evidence,
)
from memalign_bench.datasets.checks import item_text
from memalign_bench.datasets.dataset import LabelledDataset
from memalign_bench.datasets.gold import ADJUDICATED_RATER, gold_labels
from memalign_bench.datasets.oracle_audit import OracleMatch, oracle_matches
from memalign_bench.datasets.overlap import Overlap, code_overlap
from memalign_bench.datasets.shortcuts import Shortcut, shortcuts, worst_ratios
from memalign_bench.notebooks.views import ViewSettings, render_view
from memalign_bench.stats.raters import krippendorff_alpha
from memalign_bench.types import NOT_APPLICABLE, Rubric

__all__ = ["Condition", "CorpusAudit", "Survival", "audit_corpus", "conditions"]

LARGE = ("exploratory_data_analysis", "data_imputation", "model_training", "model_use")
"""Dimensions whose rubric does not say what the experts go by."""

SMALL = ("library_installation", "metrics_evaluation", "mlflow_logging", "cell_organization")
"""Dimensions whose rubric says most of it."""

BY_PROSE = ("exploratory_data_analysis", "cell_organization")
"""Dimensions in which words decide, not code alone."""

NOISIEST = "exploratory_data_analysis"
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
        ratios = {target: worst_ratios(found) for target, found in self.shortcuts.items()}
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
    named = {
        (entry.dimension, entry.score, entry.realisation)
        for entry in data.evidence
        if entry.score and entry.realisation
    }
    found: dict[str, dict[str, list[Shortcut]]] = {target: {} for target in TARGETS}
    for name in rubric.dimensions:
        for target in TARGETS:
            found[target][name] = _shortcuts(data, rubric, views[0], (name, target), repeats)
        if tell is not None:
            tell(name)
    return CorpusAudit(
        n_items=len(data.item),
        n_cases=len({item.case_id for item in data.item.values()}),
        digest=data.digest,
        dimensions=tuple(audit_labels(data, rubric, lost[0])),
        alphas={name: _alpha(data, rubric, name) for name in rubric.dimensions},
        realisations={
            (name, grade): sum(entry[:2] == (name, grade) for entry in named)
            for name in rubric.dimensions
            for grade in rubric.scale.grades
        },
        overlap=code_overlap(data),
        survivals=tuple(
            Survival(view.label, planted - len(missed), planted)
            for view, missed in zip(views, lost, strict=True)
        ),
        lost=tuple(lost[0]),
        shortcuts=found,
        oracle=tuple(oracle_matches(data, rubric)),
    )


def _shortcuts(
    data: LabelledDataset, rubric: Rubric, view: ViewSettings, what: tuple[str, str], repeats: int
) -> list[Shortcut]:
    name, target = what
    if target == "gold":
        golds = gold_labels(data, "adjudicated", [name])
        scores = {key[0]: entry.score for key, entry in golds.items()}
    else:
        scores = {e.item_id: e.score for e in data.evidence if e.dimension == name and e.score}
    graded = [item_id for item_id in data.item if scores.get(item_id, 0) != NOT_APPLICABLE]
    items = [data.item[item_id] for item_id in graded]
    rule = rubric.dimensions[name].view
    texts = {
        "notebook": [item_text(item) for item in items],
        "view": [render_view(item, rule, view).text for item in items],
    }
    cases = [item.case_id for item in items]
    return shortcuts(texts, [scores[item_id] for item_id in graded], cases, repeats=repeats)


def _alpha(data: LabelledDataset, rubric: Rubric, name: str) -> float | None:
    by_item: dict[str, dict[str, int]] = {}
    for label in data.label_list:
        if label.dimension == name and label.rater != ADJUDICATED_RATER and label.score:
            by_item.setdefault(label.item_id, {})[label.rater] = label.score
    raters = sorted({rater for scores in by_item.values() for rater in scores})
    ratings = [[scores.get(rater, np.nan) for rater in raters] for scores in by_item.values()]
    return krippendorff_alpha(np.array(ratings), rubric.scale.grades) if ratings else None


class Condition(NamedTuple):
    """One thing that is asked of the corpus.

    Attributes:
        name: In words.
        value: What was measured.
        bound: What is asked, in words.
        holds: Whether it is so.
    """

    name: str
    value: float
    bound: str
    holds: bool


def conditions(audit: CorpusAudit, *, reported: bool) -> list[Condition]:
    """Everything asked of a corpus; size and variety only of the reported one."""
    checks = [
        *_label_conditions(audit),
        *_text_conditions(audit),
        *_shortcut_conditions(audit),
        *_oracle_conditions(audit),
    ]
    return [*(_size_conditions(audit) if reported else ()), *checks]


def _size_conditions(audit: CorpusAudit) -> Iterator[Condition]:
    yield Condition("cases", audit.n_cases, "at least 25", audit.n_cases >= 25)
    yield Condition("items", audit.n_items, "two a case", audit.n_items == 2 * audit.n_cases)
    graded = {
        entry.dimension: sum(n for score, n in entry.counts.items() if score)
        for entry in audit.dimensions
    }
    fewest = min(graded, key=graded.__getitem__)
    name = f"fewest applicable items ({fewest})"
    yield Condition(name, graded[fewest], "at least 12", graded[fewest] >= 12)
    rarest = min(audit.realisations, key=audit.realisations.__getitem__)
    least = audit.realisations[rarest]
    name = f"fewest realisations ({rarest[0]}, score {rarest[1]})"
    yield Condition(name, least, "at least 8", least >= 8)


def _label_conditions(audit: CorpusAudit) -> Iterator[Condition]:
    noise: dict[str, float] = {}
    for entry in audit.dimensions:
        distance = entry.literal_distance or 0.0
        name = f"literal reading to expert, {entry.dimension}"
        if entry.dimension in LARGE:
            yield Condition(name, distance, "0.4 to 0.7", 0.4 <= distance <= 0.7)
        elif entry.dimension in SMALL:
            yield Condition(name, distance, "at most 0.1", distance <= 0.1)
        else:
            yield Condition(name, distance, "0.1 to 0.7", 0.1 <= distance <= 0.7)
        most = 0.35 if entry.dimension == NOISIEST else 0.15
        worst = max(entry.rater_noise.values(), default=0.0)
        noise[entry.dimension] = sum(entry.rater_noise.values())
        name = f"farthest rater from gold, {entry.dimension}"
        yield Condition(name, worst, f"below {most}", worst < most)
    if NOISIEST in noise:
        rank = sum(value >= noise[NOISIEST] for value in noise.values())
        name = f"rank of {NOISIEST} by rater noise"
        yield Condition(name, rank, "1", rank == 1)


def _text_conditions(audit: CorpusAudit) -> Iterator[Condition]:
    if audit.overlap:
        middle, largest = audit.overlap.median, audit.overlap.largest
        name = "code lines shared across cases (Jaccard)"
        yield Condition(f"{name}, median", middle, "at most 0.25", middle <= 0.25)
        yield Condition(f"{name}, largest", largest, "at most 0.6", largest <= 0.6)
    first = audit.survivals[0]
    name = f"evidence that survives {first.view}"
    yield Condition(name, first.share, "at least 0.95", first.share >= 0.95)


def _shortcut_conditions(audit: CorpusAudit) -> Iterator[Condition]:
    for target, found in audit.shortcuts.items():
        ratios = worst_ratios(found)
        against = f"best shortcut to median label, against {target.replace('_', '-')} scores"
        mean = float(np.mean(list(ratios.values())))
        yield Condition(f"{against}, mean", mean, "at least 0.5", mean >= 0.5)
        lowest = min(ratios, key=ratios.__getitem__)
        name = f"{against}, {lowest}"
        yield Condition(name, ratios[lowest], "at least 0.3", ratios[lowest] >= 0.3)


def _oracle_conditions(audit: CorpusAudit) -> Iterator[Condition]:
    for entry in audit.oracle:
        share = entry.n_noise_free / entry.n_items if entry.n_items else 1.0
        least = 0.9 if entry.dimension in BY_PROSE else 1.0
        name = f"labels the oracle arrives at, {entry.dimension}"
        yield Condition(name, share, f"at least {least}", share >= least)
    if audit.oracle:
        steady = min(entry.n_steady / max(entry.n_items, 1) for entry in audit.oracle)
        name = "oracle unmoved by other names and no comments, fewest of a dimension"
        yield Condition(name, steady, "1", steady == 1)
