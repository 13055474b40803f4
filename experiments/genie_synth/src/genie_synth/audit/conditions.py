"""What is asked of the bundled corpus, and whether it holds."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import NamedTuple

import numpy as np

from genie_synth.audit.corpus import CorpusAudit
from genie_synth.audit.shortcuts import worst_ratios

__all__ = ["Condition", "conditions"]

LARGE = ("exploratory_data_analysis", "data_imputation", "model_training", "model_use")
"""Dimensions whose rubric does not say what the experts go by."""

SMALL = ("library_installation", "metrics_evaluation", "mlflow_logging", "cell_organization")
"""Dimensions whose rubric says most of it."""

BY_PROSE = ("exploratory_data_analysis", "cell_organization")
"""Dimensions in which words decide, not code alone."""

NOISIEST = "exploratory_data_analysis"


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


def conditions(
    audit: CorpusAudit, *, reported: bool, sentences: Collection[str] = ()
) -> list[Condition]:
    """Everything asked of a corpus; size and variety only of the reported one.

    Variety is what the plain level gives up: neither different ways of writing nor resistance to
    shortcuts is asked of it. What shortcuts reach there is measured, and stands beside `real`. Its
    views must show the sentences; code that these tell again may give way to them.

    Args:
        audit: What was measured.
        reported: Whether it is the reported corpus.
        sentences: What the plain level says, one an item and dimension; none of `real`.
    """
    if sentences:
        seen = _sentence_condition(audit, sentences)
        return [*_label_conditions(audit), seen, *_oracle_conditions(audit)]
    checks = [
        *_label_conditions(audit),
        *_text_conditions(audit),
        *_shortcut_conditions(audit),
        *_oracle_conditions(audit),
    ]
    return [*(_size_conditions(audit) if reported else ()), *checks]


def _sentence_condition(audit: CorpusAudit, sentences: Collection[str]) -> Condition:
    lost = sum(entry.snippet in sentences for entry in audit.lost)
    share = 1 - lost / len(sentences)
    name = f"sentences that survive {audit.survivals[0].view}"
    return Condition(name, share, "at least 0.95", share >= 0.95)


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
    for target, by_dimension in audit.shortcuts.items():
        ratios = worst_ratios(by_dimension)
        prefix = f"best shortcut to median label, against {target.replace('_', '-')} scores"
        mean = float(np.mean(list(ratios.values())))
        yield Condition(f"{prefix}, mean", mean, "at least 0.5", mean >= 0.5)
        lowest = min(ratios, key=ratios.__getitem__)
        name = f"{prefix}, {lowest}"
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
