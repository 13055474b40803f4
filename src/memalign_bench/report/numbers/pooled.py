"""One judge, or two side by side, on one dimension or in the mean over several.

In a mean every dimension counts alike, and cases are drawn, or exchanged, in all of them at once: a
case that is hard on one dimension may be hard on all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from memalign_bench.report.numbers.readings import Answers
from memalign_bench.stats.bootstrap import CaseResampler, Estimate, Interval, cluster_mean
from memalign_bench.stats.permutation import PermutationTest, sign_flip_test, swap_spearman_test
from memalign_bench.stats.rank import spearman_within_folds

__all__ = [
    "NO_ESTIMATE",
    "Comparison",
    "PairedAnswers",
    "compare",
    "level",
    "mean_of_defined",
    "paired_rows",
]

NO_ESTIMATE = Estimate(np.nan, Interval(np.nan, np.nan, "none", "no answer"))
"""Of a statistic without a row."""

Statistic = Callable[[NDArray[np.float64]], NDArray[np.float64]]


@dataclass(frozen=True)
class PairedAnswers:
    """Rows of two judges on one dimension side by side, and what to say of them."""

    before: Answers
    after: Answers
    notes: list[str]


class Comparison(NamedTuple):
    """Two judges' values, the improvement with its interval, and its test."""

    before: float
    after: float
    improvement: Estimate
    test: PermutationTest


def paired_rows(before: Answers, after: Answers, names: tuple[str, str]) -> PairedAnswers:
    """The rows that both judges have, by item, fold seed and repeat.

    Args:
        before: The reference.
        after: The judge.
        names: Their names, for the notes.
    """
    notes = [
        f"constant judge ({name})"
        for name, side in zip(names, (before, after), strict=True)
        if side.n_grades == 1
    ]
    longest = max(len(before.items), len(after.items))
    place = {key: at for at, key in enumerate(zip(after.questions, after.repeats, strict=True))}
    if len(set(after.repeats)) == 1 < len(set(before.repeats)):
        # Asked once, since it always answers alike: that answer holds for every repeat.
        once = after.repeats[0]
        keys = [(question, once) for question in before.questions]
    else:
        keys = list(zip(before.questions, before.repeats, strict=True))
    both = [(at, place[key]) for at, key in enumerate(keys) if key in place]
    left, right = np.array(both, dtype=np.intp).reshape(-1, 2).T
    whole, before, after = before, before.take(left), after.take(right)
    if len(both) < longest:
        notes.append(f"paired on {len(both)} of {longest} rows")
    if len(whole.items) and _other_folds(before, after):
        notes.append("the two were run on different folds; ranks are taken within the reference's")
    return PairedAnswers(before, after, notes)


def _other_folds(before: Answers, after: Answers) -> bool:
    """Whether a row lies in another fold; a fold's name also holds the repeat, which may differ."""
    ends = [[label.rsplit("/", 1)[1] for label in side.folds] for side in (before, after)]
    return ends[0] != ends[1]


def level(parts: Sequence[Answers], metric: str, resampler: CaseResampler) -> Estimate:
    """MAE or rank correlation of a judge, with its interval over cases.

    Args:
        parts: Its answers on each dimension, none of them empty.
        metric: `mae` or `spearman`.
        resampler: Draws cases.
    """
    if not parts or not all(len(part.items) for part in parts):
        return NO_ESTIMATE
    cases, codes = _coded(parts)
    return resampler.estimate(_statistic(parts, metric, codes), cases)


def compare(
    parts: Sequence[PairedAnswers], metric: str, resampler: CaseResampler, names: tuple[object, ...]
) -> Comparison:
    """How much better the second judge is than the first; positive is better.

    Args:
        parts: Both judges' rows on each dimension, at least one row in each.
        metric: `mae` or `spearman`.
        resampler: Draws cases; its seed is that of the exchanges too.
        names: What else the draw of exchanges hangs on.
    """
    before, after = [part.before for part in parts], [part.after for part in parts]
    cases, codes = _coded(before)
    once = np.ones((1, len(cases)))
    # The lists are paired row by row: with the codes of one the other is counted alike.
    first, second = (_statistic(side, metric, codes) for side in (before, after))
    if metric == "mae":
        gains = [part.before.error - part.after.error for part in parts]

        def gain(weights: NDArray[np.float64]) -> NDArray[np.float64]:
            columns = zip(gains, codes, strict=True)
            return mean_of_defined([cluster_mean(one, code, weights) for one, code in columns])

        test = _sign_flip(gains, codes, resampler.seed, names)
    else:

        def gain(weights: NDArray[np.float64]) -> NDArray[np.float64]:
            return second(weights) - first(weights)

        test = _swap(parts, codes, resampler.seed, names)
    improvement = resampler.estimate(gain, cases)
    return Comparison(float(first(once)[0]), float(second(once)[0]), improvement, test)


def _statistic(
    parts: Sequence[Answers], metric: str, codes: Sequence[NDArray[np.intp]]
) -> Statistic:
    def mae(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        pairs = zip(parts, codes, strict=True)
        return mean_of_defined([cluster_mean(part.error, code, weights) for part, code in pairs])

    def rho(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        pairs = zip(parts, codes, strict=True)
        return mean_of_defined(
            [
                spearman_within_folds(part.value, part.expert, part.folds, weights[:, code])
                for part, code in pairs
            ]
        )

    return mae if metric == "mae" else rho


def _coded(parts: Sequence[Answers]) -> tuple[list[str], list[NDArray[np.intp]]]:
    """All cases in rising order, and each part's rows as places among them."""
    cases = np.unique(np.concatenate([part.cases for part in parts]))
    codes = [np.searchsorted(cases, part.cases) for part in parts]
    return [str(case) for case in cases], codes


def _sign_flip(
    gains: Sequence[NDArray[np.float64]],
    codes: Sequence[NDArray[np.intp]],
    seed: int,
    names: tuple[object, ...],
) -> PermutationTest:
    """Rows weighted so that their mean is the mean over dimensions."""
    total, n = sum(map(len, gains)), len(gains)
    even = [gain * (total / (n * len(gain))) for gain in gains]
    return sign_flip_test(np.concatenate(even), np.concatenate(codes), seed=seed, names=names)


def _swap(
    parts: Sequence[PairedAnswers],
    codes: Sequence[NDArray[np.intp]],
    seed: int,
    names: tuple[object, ...],
) -> PermutationTest:
    before = [part.before for part in parts]
    sizes = [len(side.items) for side in before]
    folds = [np.char.add(f"{at}/", side.folds) for at, side in enumerate(before)]
    return swap_spearman_test(
        (
            np.concatenate([part.after.value for part in parts]),
            np.concatenate([side.value for side in before]),
        ),
        np.concatenate([side.expert for side in before]),
        np.concatenate(folds),
        np.concatenate(codes),
        groups=np.repeat(np.arange(len(parts)), sizes),
        seed=seed,
        names=names,
    )


def mean_of_defined(columns: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Mean over dimensions of what is defined there; NaN where nothing is.

    Args:
        columns: One a dimension, each of shape (b,).
    """
    if len(columns) == 1:
        return columns[0]
    stacked = np.stack(columns)
    defined = ~np.isnan(stacked)
    counts = defined.sum(axis=0)
    sums = np.where(defined, stacked, 0.0).sum(axis=0)
    means: NDArray[np.float64] = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
    return means
