"""The learnt bound: what labels of other folds make of what a judge shows.

An ordinal regression (a penalised logistic regression a threshold, `judging.cumulative`) is fitted
to the other folds' labels and predicts the median grade of each held-out item. Its error is an
upper bound on what is left when the judge's convention is mended: a better rule over the same
answers may exist, a worse one need not be used. It is no measure of sight: whatever goes with the
grades serves it, the length of an answer as well as a fact.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from memalign_bench.errors import RequestError
from memalign_bench.judging.cumulative import fit_thresholds, grades_above
from memalign_bench.types import Grade, Scale

__all__ = ["NOTHING", "SOURCES", "TOGETHER", "Block", "check_sources", "predictions"]

SOURCES = ("facts", "grades", "criteria", "embedding")
"""What the regression may use: answers to facts, the judge's own distribution, its answers to the
rubric's criteria, and embeddings of what it reads."""

NOTHING = "nothing"
"""The regression without any: the median of the training labels."""

TOGETHER = "together"

Reals = NDArray[np.float64]
Block = Callable[[NDArray[np.bool_]], Reals]
"""Which items train -> features of all items, a row each; what is fitted is fitted on those."""


def check_sources(asked: Sequence[str]) -> tuple[str, ...]:
    """The sources asked for.

    Raises:
        RequestError: If one is none.
    """
    unknown = [name for name in asked if name not in SOURCES]
    if unknown:
        raise RequestError(f"headroom.bound: {unknown} is none of {', '.join(SOURCES)}.")
    # In the order of `SOURCES`, whatever order was asked for, so that columns do not depend on it.
    return tuple(name for name in SOURCES if name in asked)


def predictions(
    blocks: Mapping[str, Block], grades: NDArray[np.float64], folds: NDArray[np.int_], scale: Scale
) -> dict[str, NDArray[np.float64]]:
    """Cross-fitted grades by source, by no source at all, and by all sources together.

    Args:
        blocks: Source -> its features.
        grades: The experts' grades.
        folds: The fold that holds each item; cases are whole.
        scale: The grades.
    """
    predicted = {name: np.zeros(len(grades)) for name in (NOTHING, *blocks)}
    if len(blocks) > 1:
        predicted[TOGETHER] = np.zeros(len(grades))
    for fold in np.unique(folds):
        train = folds != fold
        # Features are made anew in each fold, so that nothing of the held-out items is in the fit.
        parts = {name: block(train) for name, block in blocks.items()}
        # No column, so that it adds none to `TOGETHER` below.
        parts[NOTHING] = np.empty((len(grades), 0))
        if TOGETHER in predicted:
            parts[TOGETHER] = np.hstack(list(parts.values()))
        for name, features in parts.items():
            # Every item is held out once, so no zero of the start is left.
            predicted[name][~train] = _predict_held_out(features, grades, train, scale)
    return predicted


def _predict_held_out(
    features: Reals, grades: NDArray[np.float64], train: NDArray[np.bool_], scale: Scale
) -> list[Grade]:
    """Median grades of the held-out items, from a regression on the training items."""
    labels = grades[train]
    # Without features only the frequencies of the grades are left.
    if not features.shape[1]:
        counts = {grade: float((labels == grade).mean()) for grade in scale.grades}
        return [_median_grade(counts)] * int((~train).sum())
    # Grade by grade, as a regression on the number would suppose equal steps.
    thresholds = fit_thresholds(features[train], labels, scale)
    return [
        _median_grade(grades_above(thresholds, row[None, :], scale)) for row in features[~train]
    ]


def _median_grade(chances: Mapping[Grade, float]) -> Grade:
    """The lowest grade that at least half of the chances do not go beyond."""
    total = 0.0
    for grade, chance in chances.items():
        total += chance
        # Rounded, since chances that add up to one half may fall just short of it.
        if round(total, 9) >= 0.5:
            return grade
    # Reached only where all chances add up to less than one half.
    return max(chances)


def scaled(values: Reals) -> Block:
    """A block of numbers, each column in standard deviations of the training items."""

    def block(train: NDArray[np.bool_]) -> Reals:
        mean, spread = values[train].mean(axis=0), values[train].std(axis=0)
        # A column that does not vary in training is left unscaled.
        return np.asarray((values - mean) / np.where(spread > 0, spread, 1.0))

    return block
