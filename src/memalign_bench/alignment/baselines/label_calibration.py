"""Control: the unaligned judge's answers mapped to the training labels; nothing in the prompt."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from memalign_bench.alignment.base import AlignContext, Aligned, Rung, need_labels
from memalign_bench.errors import AlignmentError
from memalign_bench.judging.judge import ItemJudge, Judge, LabelledItem, ShownItem
from memalign_bench.judging.scoring import most_likely
from memalign_bench.types import NOT_APPLICABLE, Grade, Score, Verdict

__all__ = ["LabelCalibration"]

_MIN_CHANCE = 1e-9
"""A probability below it counts as it, so that its logarithm exists."""


@dataclass(frozen=True)
class LabelCalibration:
    """What training labels are worth when the judge never sees them.

    The unaligned judge answers the training items too. Where it gives distributions, a multinomial
    logistic regression maps its log-probabilities to the labels (vector scaling's full form, Guo et
    al. 2017, section 4.2, with scikit-learn's usual penalty); where it gives grades, each grade
    becomes the lower median of the labels of the items that got it, one that no training item got
    the lower median of all. An aligned judge that does no better has gained nothing from reading
    labels that a table could not give.

    Attributes:
        name: Name of the YAML choice.
        ladder: Its place on the ablation ladder.
    """

    name: str = "label_calibration"
    needs_model: bool = True
    keys: frozenset[str] = frozenset()
    ladder: Rung | None = None

    def align(self, judge: Judge, train: Sequence[LabelledItem], context: AlignContext) -> Aligned:
        """Ask about the training items and fit the map.

        Raises:
            AlignmentError: If the labels are of one grade only, or the judge calls every training
                item not applicable.
            FailedCallError: If a training item gets no usable answer.
        """
        need_labels(self.name, judge, train)
        graded = [item for item in train if item.score is not NOT_APPLICABLE]
        # Checked before the judge is asked about them all, which takes a call or more an item.
        if len({item.score for item in graded}) < 2:
            raise AlignmentError(
                f"the training labels of {judge.dimension.name!r} are of one grade only:"
                " there is nothing to calibrate to."
            )
        pairs = [_LabelledVerdict(judge.score(item.shown), item.grade) for item in graded]
        # An item that the judge calls not applicable has no grade to map.
        pairs = [pair for pair in pairs if pair.verdict.score is not NOT_APPLICABLE]
        if not pairs:
            raise AlignmentError("the judge calls every training item not applicable.")
        # The scoring decides whether there are distributions, so one verdict tells of all.
        fit = _fit_distribution_map if pairs[0].verdict.distribution else _fit_grade_table
        return Aligned(fit(judge, pairs))


class _LabelledVerdict(NamedTuple):
    verdict: Verdict
    label: Grade


@dataclass(frozen=True)
class _GradeTable:
    judge: ItemJudge
    label: Mapping[Score, Grade]
    otherwise: Grade

    def score(self, item: ShownItem, repeat: int = 0) -> Verdict:
        verdict = self.judge.score(item, repeat)
        if verdict.score is NOT_APPLICABLE:
            return verdict
        return replace(verdict, score=self.label.get(verdict.score, self.otherwise))


def _fit_grade_table(judge: ItemJudge, pairs: Sequence[_LabelledVerdict]) -> ItemJudge:
    """Map each grade that the judge gives to the lower median of the labels it was given for."""
    labels: dict[Score, list[Grade]] = {}
    for pair in pairs:
        labels.setdefault(pair.verdict.score, []).append(pair.label)
    # The lower of two middle labels: their mean may be no grade of the scale.
    medians = {grade: statistics.median_low(grade_labels) for grade, grade_labels in labels.items()}
    return _GradeTable(judge, medians, statistics.median_low([pair.label for pair in pairs]))


@dataclass(frozen=True, eq=False)
class _DistributionMap:
    judge: ItemJudge
    model: Any

    def score(self, item: ShownItem, repeat: int = 0) -> Verdict:
        verdict = self.judge.score(item, repeat)
        if verdict.distribution is None:
            return verdict
        (chances,) = self.model.predict_proba([_log_chances(verdict.distribution)])
        # Classes are places among the rising grades, as in `_fit_distribution_map`.
        chance_of_label = dict(zip(self.model.classes_.tolist(), chances.tolist(), strict=True))
        grades = enumerate(sorted(verdict.distribution))
        # A grade that no training item has is no class of the model: its chance is 0.
        mapped = {grade: chance_of_label.get(place, 0.0) for place, grade in grades}
        return replace(verdict, score=most_likely(mapped), distribution=mapped)


def _fit_distribution_map(judge: ItemJudge, pairs: Sequence[_LabelledVerdict]) -> ItemJudge:
    """Map the judge's log-probabilities to labels by multinomial logistic regression."""
    from sklearn.linear_model import LogisticRegression

    grades = sorted(pairs[0].verdict.distribution or {})
    labels = [grades.index(pair.label) for pair in pairs]  # fractions are no classes
    # Again: the items that dropped out as not applicable may have taken a grade with them.
    if len(set(labels)) < 2:
        raise AlignmentError("the items that the judge grades have labels of one grade only.")
    features = [_log_chances(pair.verdict.distribution or {}) for pair in pairs]
    return _DistributionMap(judge, LogisticRegression(max_iter=1000).fit(features, labels))


def _log_chances(distribution: Mapping[Grade, float]) -> list[float]:
    """Log-probabilities of the grades, lowest grade first."""
    chances = [distribution[grade] for grade in sorted(distribution)]
    logs: list[float] = np.log(np.maximum(chances, _MIN_CHANCE)).tolist()
    return logs
