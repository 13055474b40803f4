"""How several raters' grades become the one score that a judge is measured against."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from memalign_bench.datasets.dataset import LabelledDataset
from memalign_bench.errors import DataError
from memalign_bench.types import NOT_APPLICABLE, Grade, Label, Score

__all__ = [
    "ADJUDICATED_RATER",
    "GOLD_RULES",
    "Gold",
    "gold_labels",
    "labelled_dimensions",
    "rating_matrix",
]

ADJUDICATED_RATER = "gold"
"""Rater name under which a data set carries its adjudicated score."""

GOLD_RULES = ("adjudicated", "majority", "median", "consensus")


@dataclass(frozen=True)
class Gold:
    """The score and rationale of one item on one dimension, and the labels behind them."""

    item_id: str
    dimension: str
    score: Score
    rationale: str
    raters: tuple[Label, ...]


def gold_labels(
    data: LabelledDataset, rule: str, dimensions: Sequence[str]
) -> Mapping[tuple[str, str], Gold]:
    """Gold by (item_id, dimension).

    Rules: `adjudicated` takes the score of the rater named "gold" (or of the only rater);
    `majority` the most frequent grade, ties to the lower; `median` the lower median; `consensus`
    keeps only items on which all agree; any other word is a rater's name. Where raters differ on
    whether the dimension applies, the majority decides (ties: it applies), and the rule is used on
    the grades that remain. The rationale is that of the first rater, by name, who gave the gold
    score; "" where none did.

    Raises:
        DataError: If the rule names neither a rule nor a rater, or leaves a dimension empty.
    """
    by_key: dict[tuple[str, str], list[Label]] = {}
    for label in data.label_list:
        if label.dimension in dimensions:
            by_key.setdefault((label.item_id, label.dimension), []).append(label)
    raters = sorted({label.rater for label in data.label_list})
    if not raters:
        problem = "no label at all; experts can give some: memalign-bench label action=push."
        raise DataError(data.name, [problem])
    rater = ADJUDICATED_RATER if rule == "adjudicated" else rule
    # With a single rater there is nothing to adjudicate.
    if rule == "adjudicated" and len(raters) == 1:
        rater = raters[0]
    # "adjudicated", the first, needs its rater; the other rules take whoever there is.
    if rule not in GOLD_RULES[1:] and rater not in raters:
        raise DataError(data.name, [_no_such_gold(rule, raters)])
    golds = {
        key: gold for key, labels in by_key.items() if (gold := _gold_of_item(labels, rule, rater))
    }
    empty = [name for name in dimensions if not any(key[1] == name for key in golds)]
    if empty:
        labelled = [name for name in dimensions if name not in empty]
        advice = f" Leave it out: dimensions=[{','.join(labelled)}]." if labelled else ""
        raise DataError(
            data.name, [f"no label on {name!r} with gold={rule!r}.{advice}" for name in empty]
        )
    return dict(sorted(golds.items()))


def _no_such_gold(rule: str, raters: Sequence[str]) -> str:
    if rule == "adjudicated":
        return (
            f"gold=adjudicated takes the scores of a rater {ADJUDICATED_RATER!r}, who has the last"
            f" word, and there is none; raters are {', '.join(raters)}. Say gold=median,"
            f" gold=majority or gold=consensus, or whose scores count (gold={raters[0]})."
        )
    return f"gold={rule!r} is neither a rule nor a rater: {', '.join([*GOLD_RULES, *raters])}."


def labelled_dimensions(data: LabelledDataset, dimensions: Sequence[str]) -> tuple[str, ...]:
    """Those of the dimensions that have a label, in their order."""
    labelled = {label.dimension for label in data.label_list}
    return tuple(name for name in dimensions if name in labelled)


def rating_matrix(data: LabelledDataset, dimension: str) -> NDArray[np.float64]:
    """Grades of all rated items, items by raters, NaN for none: whichever of them gold takes.

    The adjudicated score is no rater's; "not applicable" is no grade.
    """
    by_rater: dict[str, dict[str, Grade]] = {}
    for label in data.label_list:
        if label.score is NOT_APPLICABLE or label.rater == ADJUDICATED_RATER:
            continue
        if label.dimension == dimension:
            by_rater.setdefault(label.rater, {})[label.item_id] = label.score
    items = sorted({item_id for scores in by_rater.values() for item_id in scores})
    rows = [[scores.get(item_id, math.nan) for scores in by_rater.values()] for item_id in items]
    # `reshape` keeps two dimensions where nobody has rated.
    return np.array(rows, dtype=np.float64).reshape(len(items), len(by_rater))


def _gold_of_item(labels: Sequence[Label], rule: str, rater: str) -> Gold | None:
    """The gold of one item and dimension; None where the rule gives none."""
    # The adjudicated score is no vote of a rater.
    votes = [label for label in labels if label.rater != ADJUDICATED_RATER]
    if rule in GOLD_RULES[1:]:
        score = _vote([label.score for label in votes or labels], rule)
        # Labels are sorted by rater: the first of several is the first by name.
        chosen_label = next((label for label in votes or labels if label.score == score), None)
    else:
        chosen_label = next((label for label in labels if label.rater == rater), None)
        score = chosen_label.score if chosen_label else None
    if score is None:
        return None
    rationale = chosen_label.rationale if chosen_label else ""
    first = labels[0]
    # Without any other label the adjudicated one is all that stands behind gold.
    return Gold(first.item_id, first.dimension, score, rationale, tuple(votes or labels))


def _vote(scores: Sequence[Score], rule: str) -> Score | None:
    """The score that a rule makes of several; None where raters disagree under `consensus`."""
    if rule == "consensus":
        return scores[0] if len(set(scores)) == 1 else None
    grades = [score for score in scores if score is not NOT_APPLICABLE]
    # A tie means that the dimension applies.
    if 2 * len(grades) < len(scores):
        return NOT_APPLICABLE
    if rule == "median":
        # Of two in the middle the lower: a grade that somebody gave, and not one between.
        return statistics.median_low(grades)
    counts = Counter(grades)
    # Most frequent first; ties to the lower grade.
    return min(counts, key=lambda score: (-counts[score], score))
