"""Does a judge see a fact? From its probabilities of yes and the truth to thresholds and a verdict.

A fact counts as seen where the judge's probabilities of yes put the items of which it holds above
the others by more than chance: the area under the ROC curve less 1.645 of its standard errors
(Hanley and McNeil 1982, eqs. 1 and 2) is above one half, and the answers at the threshold are not
all the same. The threshold is the one with the largest sensitivity plus specificity (Youden 1950),
in the middle of the widest gap that has it. The error is that of many items, too small for a fact
that holds of one or two (`experiments/headroom` says of which). Probabilities that run the wrong
way round are not turned: a judge that says no where it is so does not see it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import sqrt
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from memalign_bench.errors import RequestError, refuse

__all__ = [
    "ONE_SIDED",
    "Sight",
    "Thresholds",
    "area_and_error",
    "sight_of",
    "thresholds_from",
    "youden_threshold",
]

ONE_SIDED = 1.645
"""Standard errors from which on an area is more than chance."""

_EVEN_CHANCE = 0.5
_SMALLEST_STEP = 1e-9
"""Chances that lie nearer to each other are the same."""

Bools = NDArray[np.bool_]
Chances = NDArray[np.float64]


@dataclass(frozen=True)
class Sight:
    """How well one fact is seen, on the data where its threshold was chosen.

    Attributes:
        threshold: Probability of yes above which the answer is yes.
        seen: Whether it counts as seen.
        usual: The truth of most items: what is taken for granted of a fact that is not seen.
        n_items: Items asked about.
        n_true: Items of which it holds.
        auc: Chance that an item of which it holds has the larger probability; None where it holds
            of all or of none.
        auc_se: Its standard error; None as there.
        note: Why it is not seen; "" where it is.
    """

    threshold: float
    seen: bool
    usual: bool
    n_items: int
    n_true: int
    auc: float | None
    auc_se: float | None
    note: str


def area_and_error(chances: Chances, truth: Bools) -> tuple[float, float]:
    """Area under the ROC curve and its standard error; there must be items of both kinds.

    >>> area_and_error(np.array([0.9, 0.4, 0.4, 0.1]), np.array([True, True, False, False]))
    (0.875, 0.20770739301024196)
    """
    yes, no = chances[truth], chances[~truth]
    # Rounded, so that what a build of a library adds in the last bits makes no order.
    above = np.round(yes[:, None] - no[None, :], 9)
    # A tie counts one half.
    area = float((above > 0).mean() + (above == 0).mean() / 2)
    # Hanley and McNeil 1982, eq. 2, for exponential distributions.
    q1, q2 = area / (2 - area), 2 * area**2 / (1 + area)
    n_yes, n_no = len(yes), len(no)
    spread = area * (1 - area) + (n_yes - 1) * (q1 - area**2) + (n_no - 1) * (q2 - area**2)
    # Rounding can make a spread of 0 a little negative.
    return area, sqrt(max(spread, 0.0) / (n_yes * n_no))


def youden_threshold(chances: Chances, truth: Bools) -> float:
    """The threshold of the largest sensitivity plus specificity; one half without an item.

    Where all items are of one kind, what lies beyond every one of them is of the other.

    >>> truth = np.array([True, True, False, False])
    >>> round(youden_threshold(np.array([0.9, 0.7, 0.2, 0.1]), truth), 2)
    0.45
    """
    if not len(truth):
        return _EVEN_CHANCE
    if truth.all() or not truth.any():
        # A step beyond the extreme, since the answer is yes only strictly above a threshold.
        return float(
            chances.min() - _SMALLEST_STEP if truth.all() else chances.max() + _SMALLEST_STEP
        )
    # Cuts between two levels give all the sensitivities and specificities there are.
    levels = np.unique(np.round(chances, 9))
    if len(levels) < 2:
        return _EVEN_CHANCE
    middles = (levels[1:] + levels[:-1]) / 2
    # Youden's J: sensitivity less the rate of false alarms.
    youden_indexes = [
        (chances[truth] > cut).mean() - (chances[~truth] > cut).mean() for cut in middles
    ]
    # Close, not equal: differences of shares that tie can differ in the last bit.
    best = np.flatnonzero(np.isclose(youden_indexes, max(youden_indexes)))
    widest = best[np.argmax((levels[1:] - levels[:-1])[best])]
    return float(middles[widest])


def sight_of(chances: Chances, truth: Bools) -> Sight:
    """How well a fact is seen on these items."""
    n, n_true = len(truth), int(truth.sum())
    threshold = youden_threshold(chances, truth)
    answers = chances > threshold
    # For the note alone: what a reader who takes the larger chance would hear.
    answers_at_half = chances > _EVEN_CHANCE
    if n_true in (0, n):
        note = f"it holds of {'every' if n_true else 'no'} item: nothing to tell apart"
        return Sight(threshold, False, bool(n_true), n, n_true, None, None, note)
    area, error = area_and_error(chances, truth)
    # Better than chance over all thresholds, and two different answers at this one.
    seen = area - ONE_SIDED * error > _EVEN_CHANCE and len(set(answers.tolist())) == 2
    constant_note = (
        ""
        if len(set(answers_at_half.tolist())) == 2
        else f"answers {'yes' if answers_at_half[0] else 'no'} to all"
    )
    is_reversed = area + ONE_SIDED * error < _EVEN_CHANCE
    order_note = (
        "orders items the wrong way" if is_reversed else "orders items no better than chance"
    )
    note = "" if seen else "; ".join(filter(None, [constant_note, order_note]))
    # Of as many true as false items the usual truth is "no".
    return Sight(threshold, bool(seen), n_true * 2 > n, n, n_true, area, error, note)


class Thresholds(NamedTuple):
    """Thresholds that were chosen elsewhere.

    Attributes:
        sights: Dimension -> fact -> what was found there.
        of: `dataset`, `backend` and `view` of that place, and the digest of its `items`; empty
            where the file does not say.
    """

    sights: Mapping[str, Mapping[str, Sight]]
    of: Mapping[str, str]

    def origin_text(self, here: Mapping[str, str]) -> str:
        """Where they are from, and what is another there than `here`.

        >>> of = {"dataset": "a", "backend": "b", "view": "v"}
        >>> Thresholds({}, of).origin_text({**of, "dataset": "c"})
        'another corpus, of another dataset (a, here c)'
        """
        differences = [
            f"{key} ({self.of[key]}, here {value})"
            for key, value in here.items()
            if self.of.get(key, value) != value
        ]
        return "another corpus" + (
            f", of another {' and '.join(differences)}" if differences else ""
        )


def thresholds_from(content: Any, where: str) -> Thresholds:
    """Thresholds that another corpus chose, from the content of their file.

    Raises:
        RequestError: With everything in it that is none.
    """
    if not isinstance(content, Mapping) or "dimensions" not in content:
        raise RequestError(f"{where}: no thresholds; headroom writes them to thresholds.yaml.")
    problems: list[str] = []
    sights = _checked(dict[str, dict[str, Sight]], content["dimensions"], where, problems)
    of = _checked(dict[str, str], content.get("of", {}), f"{where}: of", problems)
    if problems:
        refuse([*problems, "Take the file as headroom wrote it (thresholds.yaml)."])
    return Thresholds(sights, of)


def _checked(kind: Any, value: Any, where: str, problems: list[str]) -> Any:
    """The value as one of this kind; what is wrong with it goes to `problems`."""
    from pydantic import ConfigDict, TypeAdapter, ValidationError

    config = ConfigDict(extra="forbid", allow_inf_nan=False, coerce_numbers_to_str=True)
    try:
        return TypeAdapter(kind, config=config).validate_python(value)
    except ValidationError as error:
        for wrong in error.errors(include_url=False):
            place = ", ".join([where, *map(str, wrong["loc"])])
            problems.append(f"{place}: {wrong['msg']}, got {wrong['input']!r:.60}.")


def as_plain(sights: Mapping[str, Mapping[str, Sight]]) -> dict[str, Any]:
    """Thresholds as plain values, for YAML and manifest."""
    return {
        name: {fact: asdict(sight) for fact, sight in facts.items()}
        for name, facts in sights.items()
    }


def answers_in_folds(chances: Chances, truth: Bools, folds: Sequence[int]) -> Bools:
    """Yes or no, each item by the threshold that the other folds choose."""
    fold_of_item = np.asarray(folds)
    answers = np.zeros(len(truth), dtype=bool)
    for fold in np.unique(fold_of_item):
        in_fold = fold_of_item == fold
        answers[in_fold] = chances[in_fold] > youden_threshold(chances[~in_fold], truth[~in_fold])
    return answers
