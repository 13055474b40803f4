"""A checklist's answers put together by an ordinal regression on training labels.

One penalised logistic regression a threshold (is the grade above it?) on the log-odds of the
criteria, each threshold fitted by itself and made monotone afterwards by a running minimum (Frank
and Hall 2001). A proportional-odds fit without a penalty does not exist where a criterion separates
the few labels of a cell, which is common here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memalign_bench.errors import AlignmentError
from memalign_bench.judging.judge import ItemJudge, LabelledItem, ShownItem
from memalign_bench.judging.scoring import most_likely
from memalign_bench.types import NOT_APPLICABLE, Grade, Scale, Verdict

__all__ = ["LearntChecklist", "fit_thresholds", "grades_above", "learnt_checklist", "log_odds"]

_MIN_CHANCE = 1e-6
"""A probability nearer to 0 or 1 counts as this far from it, so that its log-odds exist."""


@dataclass(frozen=True, eq=False)
class LearntChecklist:
    """Replaces the rule's distribution by the one learnt.

    Attributes:
        judge: Answers the criteria.
        scale: The grades.
        thresholds: Grade above the lowest -> the chance of it or better: a fitted model, or a
            number where the training labels all lie on one side.
    """

    judge: ItemJudge
    scale: Scale
    thresholds: Mapping[Grade, Any]

    def score(self, item: ShownItem, repeat: int = 0) -> Verdict:
        """The judge's answers under the learnt weights; N/A is left as it is."""
        verdict = self.judge.score(item, repeat)
        if verdict.score is NOT_APPLICABLE:
            return verdict
        distribution = self.grades(verdict.criteria)
        return replace(verdict, score=most_likely(distribution), distribution=distribution)

    def grades(self, met: Sequence[float]) -> dict[Grade, float]:
        """Distribution over grades from the chances that the criteria are met."""
        return grades_above(self.thresholds, log_odds([met]), self.scale)


def learnt_checklist(
    judge: ItemJudge, train: Sequence[LabelledItem], scale: Scale
) -> LearntChecklist:
    """Ask about the training items and fit the thresholds; no other item's label is seen.

    Raises:
        AlignmentError: If the training items whose criteria are answered have under two grades.
        FailedCallError: If a training item gets no usable answer.
    """
    graded = [item for item in train if item.score is not NOT_APPLICABLE]
    answers = [(judge.score(item.shown).criteria, item.score) for item in graded]
    # An item that the judge calls not applicable has no criteria.
    answered = [(chances, score) for chances, score in answers if chances]
    labels = np.array([score for _, score in answered], dtype=float)
    if len(set(labels.tolist())) < 2:
        raise AlignmentError(
            "scoring.combine=learnt needs answered training items of two grades at least, got"
            f" {len(answered)} items of {len(set(labels.tolist()))}; use scoring.combine=rule."
        )
    odds = log_odds([chances for chances, _ in answered])
    return LearntChecklist(judge, scale, fit_thresholds(odds, labels, scale))


def fit_thresholds(
    features: NDArray[np.float64], labels: NDArray[np.float64], scale: Scale
) -> dict[Grade, Any]:
    """One penalised regression for each grade above the lowest; see `LearntChecklist.thresholds`.

    Args:
        features: One row an item.
        labels: Their grades.
        scale: The grades.
    """
    return {grade: _fit_threshold(features, labels >= grade) for grade in scale.grades[1:]}


def grades_above(
    thresholds: Mapping[Grade, Any], row: NDArray[np.float64], scale: Scale
) -> dict[Grade, float]:
    """Distribution over grades of one item (an array of one row), monotone by a running minimum."""
    reached = [1.0]
    # In rising order of grades, as `fit_thresholds` made them.
    for threshold in thresholds.values():
        is_constant = isinstance(threshold, float)
        # Column 1 is the class True: scikit-learn sorts its classes.
        chance = threshold if is_constant else float(threshold.predict_proba(row)[0, 1])
        # Each threshold is fitted by itself, so a higher grade may come out likelier than a lower.
        reached.append(min(reached[-1], chance))
    pairs = zip(scale.grades, reached, [*reached[1:], 0.0], strict=True)
    return {grade: reached_chance - beyond for grade, reached_chance, beyond in pairs}


def _fit_threshold(odds: NDArray[np.float64], above: NDArray[np.bool_]) -> Any:
    """The chance that a grade is reached, as a regression on the log-odds of the criteria."""
    from sklearn.linear_model import LogisticRegression

    # Labels on one side only leave nothing to fit.
    if above.all() or not above.any():
        return float(above[0])
    return LogisticRegression(max_iter=1000).fit(odds, above)


def log_odds(chances: Sequence[Sequence[float]]) -> NDArray[np.float64]:
    """Log-odds of chances, which are kept off 0 and 1."""
    bounded = np.clip(np.asarray(chances, dtype=np.float64), _MIN_CHANCE, 1 - _MIN_CHANCE)
    odds: NDArray[np.float64] = np.log(bounded) - np.log1p(-bounded)
    return odds
