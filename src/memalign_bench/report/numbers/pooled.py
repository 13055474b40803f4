"""Estimates of one judge, and comparisons of two, on one dimension or averaged over several.

A mean gives every dimension the same weight, and a case is drawn, left out or flipped in all
dimensions at once: one that is hard on one dimension may be hard on all.

Levels of MAE have logit-t intervals, improvements of MAE the inverted sign-flip test, and what
hangs on ranks the jackknife-t. A reading that the cases themselves decide (batch) is taken anew in
every resample: percentiles for improvements, jackknife-t for levels. Interval and p-value of a
comparison always come from one method, and no interval is shown where `memalign-bench certify`
found that such an interval does not cover what it should in studies like this one.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from memalign_bench.certify.lookup import certificate
from memalign_bench.report.numbers.analysis import Analysis
from memalign_bench.report.numbers.paired_answers import PairedAnswers, both_answered
from memalign_bench.report.numbers.readings import Answers
from memalign_bench.stats.clusters import CaseMean, case_mean, logit_t
from memalign_bench.stats.fold_reading import reread_error
from memalign_bench.stats.improvement import paired_improvement
from memalign_bench.stats.planning.changes import Changes, changes, rule_of_three
from memalign_bench.stats.rank import spearman_within_folds
from memalign_bench.stats.resampling.bootstrap import (
    Estimate,
    Interval,
    bootstrap_test,
    cluster_mean,
)
from memalign_bench.stats.resampling.jackknife import JackknifeT, Statistic, jackknife_t
from memalign_bench.stats.resampling.sign_flips import SignFlips, sign_flips

__all__ = [
    "NO_ESTIMATE",
    "Comparison",
    "compare",
    "estimate_level",
    "if_certified",
    "mean_difference",
    "mean_error",
    "mean_of_defined",
]

NO_ESTIMATE = Estimate(np.nan, Interval(np.nan, np.nan, "none", "no answer"))
"""Estimate of a statistic that has no row."""

_ROUNDING = 1e-12

_MAX_WEIGHTS = 4_000_000
"""Weights (resamples x answers) in memory at once: 32 MB of floats."""

_MIN_ANSWERS_PER_KIND = 4
"""Answers per distinct kind from which on counting kinds is worth it."""


class Comparison(NamedTuple):
    """How much better one judge is than another; positive is better.

    Attributes:
        before: The reference's value.
        after: The judge's value.
        gain: The improvement; NaN where undefined.
        interval: Its 95 % interval, by the method of `p_value`.
        p_value: Two-sided; NaN where undefined.
        smallest_p: The smallest p that so many cases, or changed cases, could give.
        equivalent_p: P of two one-sided tests that the gain lies within the margin; NaN for ranks.
        changes: Where the errors of the two differ; of ranks, where what is ranked does.
        differences: The gain's mean and spread over cases, in grades; None for ranks.
    """

    before: float
    after: float
    gain: float
    interval: Interval
    p_value: float
    smallest_p: float
    equivalent_p: float
    changes: Changes
    differences: CaseMean | None


def estimate_level(analysis: Analysis, parts: Sequence[Answers], metric: str) -> Estimate:
    """MAE or rank correlation of a judge, with its interval over cases.

    Args:
        analysis: How records are read.
        parts: Its answers on each dimension.
        metric: `mae` or `spearman`; ranks speak of the answers given.
    """
    if metric == "spearman":
        parts = [part.take(part.answered) for part in parts]
    if not parts or not all(len(part.items) for part in parts):
        return NO_ESTIMATE
    cases, codes = _case_codes(parts)
    statistic = _statistic(analysis, parts, metric, codes)
    if metric == "spearman" or _reads_batch(parts):
        bounds = (-1.0, 1.0) if metric == "spearman" else (0.0, analysis.widest)
        jackknife = jackknife_t(statistic, len(cases), bounds=bounds)
        estimate = Estimate(jackknife.point, _interval_or_reason(jackknife))
        # No case changes the value, so the jackknife has no width to give.
        if metric == "mae" and jackknife.error == 0:
            estimate = Estimate(jackknife.point, rule_of_three(jackknife.point, len(cases), bounds))
    else:
        errors, all_codes = [part.error for part in parts], np.concatenate(codes)
        weights = _dimension_weights(errors)
        estimate = mean_error(np.concatenate(errors), all_codes, analysis.widest, weights)
    interval = if_certified(
        estimate.interval, "rank" if metric == "spearman" else "level", len(cases)
    )
    return Estimate(estimate.point, interval)


def mean_error(
    errors: ArrayLike, cases: ArrayLike, widest: float, weights: ArrayLike | None = None
) -> Estimate:
    """Mean of errors between 0 and `widest`: logit-t, or the rule of three where cases are alike.

    Args:
        errors: Shape (n,).
        cases: What names each row's case, shape (n,).
        widest: The largest error possible.
        weights: Of the rows, shape (n,); by default all alike.
    """
    mean = case_mean(errors, cases, weights)
    if mean.error == 0 or not 0 < mean.mean < widest:
        return Estimate(mean.mean, rule_of_three(mean.mean, mean.n_cases, (0.0, widest)))
    return Estimate(mean.mean, logit_t(mean, widest))


def mean_difference(
    analysis: Analysis,
    differences: ArrayLike,
    items: ArrayLike,
    cases: ArrayLike,
    *,
    n_seeds: int = 1,
    names: tuple[object, ...] = (),
) -> Estimate:
    """Mean difference of two answers to one question, with the interval of improvements of MAE.

    Args:
        analysis: How records are read.
        differences: In grades, shape (n,), n >= 1.
        items: What names each row's item, shape (n,).
        cases: What names each row's case, shape (n,).
        n_seeds: Fold seeds among the rows.
        names: What the draw of sign flips hangs on.
    """
    units = np.asarray(cases)
    flips = sign_flips(
        differences, units, seed=analysis.resampler.seed,
        n_flips=analysis.resampler.n_resamples, names=names,
    )  # fmt: skip
    changed = changes(differences, items, units)
    interval = paired_improvement(flips, changed, widest=analysis.frames.scale.span).interval
    return Estimate(flips.mean, _if_improvement_certified(interval, changed, units, n_seeds))


def compare(
    analysis: Analysis,
    parts: Sequence[PairedAnswers],
    metric: str,
    names: tuple[object, ...],
) -> Comparison | None:
    """How much better the second judge is than the first; positive is better.

    Args:
        analysis: How records are read.
        parts: Both judges' rows on each dimension, at least one row in each.
        metric: `mae`, or `spearman` over the rows that both answered.
        names: What the draw of sign flips hangs on.

    Returns:
        The comparison; None where on a dimension no row was answered by both (ranks).
    """
    # One pair is compared in several sections; the answers themselves are the key.
    key = (metric, names, *(side for part in parts for side in (part.before, part.after)))
    return analysis.cached("compare", key, lambda: _compare(analysis, parts, metric, names))


def _compare(
    analysis: Analysis,
    parts: Sequence[PairedAnswers],
    metric: str,
    names: tuple[object, ...],
) -> Comparison | None:
    if metric == "spearman":
        parts = [both_answered(part) for part in parts]
        if not all(len(part.before.items) for part in parts):
            return None
    before, after = [part.before for part in parts], [part.after for part in parts]
    # The lists are paired row by row: with the codes of one the other is counted alike.
    cases, codes = _case_codes(before)
    first, second = (_statistic(analysis, side, metric, codes) for side in (before, after))
    all_cases_once = np.ones((1, len(cases)))
    # Point values: every case counted once.
    values = float(first(all_cases_once)[0]), float(second(all_cases_once)[0])
    gains = [part.before.error - part.after.error for part in parts]
    weights, all_gains = _dimension_weights(gains), np.concatenate(gains)
    all_codes = np.concatenate(codes)
    # An item is counted once a dimension.
    items = np.concatenate(
        [
            len(before) * np.unique(side.items, return_inverse=True)[1] + n
            for n, side in enumerate(before)
        ]
    )
    changed = changes(all_gains if metric == "mae" else _value_gaps(parts), items, all_codes)
    spread = case_mean(all_gains, all_codes, weights)
    if metric == "spearman":
        # Ranks are no mean over cases, so no sign flips: leave one case out at a time.
        jackknife = jackknife_t(lambda w: second(w) - first(w), len(cases), bounds=(-2.0, 2.0))
        return _with_certified_interval(
            _by_jackknife(jackknife, changed, values), "rank_difference"
        )
    # The batch reading is taken anew in every resample.
    if _reads_batch([*before, *after]):
        resamples = analysis.resampler.weights(cases)
        # The key holds no metric, since ranks have returned above.
        resampled = [
            analysis.cached("resamples", (*cases, *side, *codes), partial(statistic, resamples))
            for side, statistic in ((before, first), (after, second))
        ]
        comparison = _by_bootstrap(analysis, resampled[0] - resampled[1], changed, values)
        return _with_certified_interval(comparison._replace(differences=spread), "reading")
    # Raw errors are means over cases: exact test by sign flips.
    flips = sign_flips(
        all_gains, all_codes, weights=weights, seed=analysis.resampler.seed,
        n_flips=analysis.resampler.n_resamples, names=names,
    )  # fmt: skip
    comparison = _by_sign_flips(analysis, flips, changed, values)._replace(differences=spread)
    interval = _if_improvement_certified(comparison.interval, changed, all_codes, _n_seeds(before))
    return comparison._replace(interval=interval)


def _with_certified_interval(comparison: Comparison, quantity: str) -> Comparison:
    """The comparison, without its interval where such intervals are not certified."""
    return comparison._replace(
        interval=if_certified(comparison.interval, quantity, comparison.changes.n_cases)
    )


def _if_improvement_certified(
    interval: Interval, changed: Changes, cases: NDArray[Any], n_seeds: int
) -> Interval:
    """An interval by sign flips, or none where it is not certified; `cases` is of the rows."""
    sizes = np.unique(cases, return_counts=True)[1]
    return if_certified(
        interval,
        "improvement",
        changed.n_cases,
        share_unchanged=changed.share_unchanged,
        n_changed=changed.cases,
        unequal=bool(sizes.max() > sizes.min()),
        n_seeds=n_seeds,
    )


def if_certified(interval: Interval, quantity: str, n_cases: int, **study: Any) -> Interval:
    """The interval, or none with the reason where such intervals are not certified."""
    # The rule of three bounds what does not vary; certification is about the other intervals.
    if interval.method in ("rule of three", "none"):
        return interval
    verdict = certificate(quantity, n_cases, **study)
    return interval if verdict.printed else Interval(np.nan, np.nan, "none", verdict.reason)


def _n_seeds(parts: Sequence[Answers]) -> int:
    """Fold seeds: the first part of a fold's name."""
    return len({str(seed) for part in parts for seed in np.unique(part.fold_parts[:, 0])})


def _by_sign_flips(
    analysis: Analysis, flips: SignFlips, changed: Changes, values: tuple[float, float]
) -> Comparison:
    """Interval, p and equivalence from one set of flips."""
    result = paired_improvement(flips, changed, widest=analysis.widest)
    equivalent_p = result.equivalence_p(analysis.margin)
    return Comparison(
        *values, result.mean, result.interval, result.p_value, flips.smallest_p, equivalent_p,
        changed, None,
    )  # fmt: skip


def _interval_or_reason(jackknife: JackknifeT) -> Interval:
    """The jackknife's interval; where ranks are undefined, a note that says why."""
    if not np.isnan(jackknife.point):
        return jackknife.interval
    note = f"{jackknife.interval.note}: the experts' grades differ in no fold"
    return jackknife.interval._replace(note=note)


def _by_jackknife(
    jackknife: JackknifeT, changed: Changes, values: tuple[float, float]
) -> Comparison:
    """Interval and p of the jackknife, or what stands in for them where nothing varies."""
    interval, p_value = _interval_or_reason(jackknife), jackknife.p_value
    # No spread: a gain of 0 gets the rule of three, any other cannot be tested.
    if jackknife.error == 0 and abs(jackknife.point) <= _ROUNDING:
        interval, p_value = rule_of_three(0.0, changed.n_cases, (-2.0, 2.0)), 1.0
    elif jackknife.error == 0:
        p_value = np.nan
    # Student's t can reach any p, hence 0.0; of ranks no margin is set, hence NaN.
    return Comparison(*values, jackknife.point, interval, p_value, 0.0, np.nan, changed, None)


def _by_bootstrap(
    analysis: Analysis,
    resampled: NDArray[np.float64],
    changed: Changes,
    values: tuple[float, float],
) -> Comparison:
    """Percentile interval and its p over resamples in which the reading was taken anew.

    Resamples of a few cases that gain alike never cross 0, however many are drawn: no p is smaller
    than the least that flipping the signs of so many cases can give.
    """
    test, gain = bootstrap_test(resampled), values[0] - values[1]
    smallest_p = 2.0 ** (1 - changed.n_cases)
    interval, p_value = test.interval, max(test.p_value, smallest_p)
    if np.ptp(resampled) <= _ROUNDING:
        # No resample differs: there is no percentile to take.
        widest = analysis.widest
        interval = rule_of_three(gain, changed.n_cases, (-widest, widest))
        p_value = 1.0 if abs(gain) <= _ROUNDING else np.nan
    beyond = (resampled <= -analysis.margin).sum(), (resampled >= analysis.margin).sum()
    # One more than counted: no finite number of resamples shows a chance of 0.
    equivalent_p = max(float((1 + max(beyond)) / (1 + len(resampled))), smallest_p / 2)
    equivalent_p = equivalent_p if np.ptp(resampled) > _ROUNDING else np.nan
    return Comparison(*values, gain, interval, p_value, smallest_p, equivalent_p, changed, None)


def _value_gaps(parts: Sequence[PairedAnswers]) -> NDArray[np.float64]:
    return np.concatenate([part.after.value - part.before.value for part in parts])


def _reads_batch(parts: Sequence[Answers]) -> bool:
    """Whether grades come from the batch reading, which hangs on the very cases that are drawn."""
    return any(not np.isnan(part.chances).all() for part in parts)


def _statistic(
    analysis: Analysis, parts: Sequence[Answers], metric: str, codes: Sequence[NDArray[np.intp]]
) -> Statistic:
    pairs = zip(parts, codes, strict=True)
    if metric == "spearman":
        each = [_rank_statistic(part, code) for part, code in pairs]
    else:
        each = [_error_statistic(analysis, part, code) for part, code in pairs]
    return lambda weights: mean_of_defined([statistic(weights) for statistic in each])


def _rank_statistic(part: Answers, codes: NDArray[np.intp]) -> Statistic:
    """Rank correlation within folds, from weights of cases.

    Answers of equal fold, value and label are ranked together, as one kind with a count, where
    that is faster. Both ways give the same number: ranks are halves of whole numbers.
    """
    # Shape (3, answers): equal columns are answers of one kind.
    kinds_of_answer, first, place = np.unique(
        np.stack([np.unique(part.folds, return_inverse=True)[1], part.value, part.expert]),
        axis=1, return_index=True, return_inverse=True,
    )  # fmt: skip
    if kinds_of_answer.shape[1] * _MIN_ANSWERS_PER_KIND <= len(codes):
        kinds = part.take(first)

        def from_counts(weights: NDArray[np.float64]) -> NDArray[np.float64]:
            # cases x kinds: how many answers of a kind each case holds.
            counts = np.zeros((weights.shape[1], len(first)))
            # With `axis`, NumPy 2.0 gives the inverse more than one axis.
            np.add.at(counts, (codes, place.reshape(-1)), 1.0)
            return spearman_within_folds(kinds.value, kinds.expert, kinds.folds, weights @ counts)

        return from_counts
    # In blocks, since resamples x answers may not fit in memory.
    step = max(1, _MAX_WEIGHTS // max(1, len(codes)))

    def from_answers(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        blocks = (weights[at : at + step][:, codes] for at in range(0, len(weights), step))
        return np.concatenate(
            [spearman_within_folds(part.value, part.expert, part.folds, block) for block in blocks]
        )

    return from_answers


def _error_statistic(analysis: Analysis, part: Answers, codes: NDArray[np.intp]) -> Statistic:
    if not _reads_batch([part]):
        return lambda weights: cluster_mean(part.error, codes, weights)
    return reread_error(
        part.chances, part.expert, part.folds, codes,
        grades=analysis.frames.grades, otherwise=part.error, beside=part.beside,
    )  # fmt: skip


def _case_codes(parts: Sequence[Answers]) -> tuple[list[str], list[NDArray[np.intp]]]:
    """All cases in rising order, and of each part the index of every row's case among them."""
    cases = np.unique(np.concatenate([part.cases for part in parts]))
    codes = [np.searchsorted(cases, part.cases) for part in parts]
    return [str(case) for case in cases], codes


def _dimension_weights(values: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Weights of rows that make their mean the mean over dimensions (all alike)."""
    total, n = sum(map(len, values)), len(values)
    return np.concatenate([np.full(len(part), total / (n * len(part))) for part in values])


def mean_of_defined(columns: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Mean over the dimensions where a value is defined; NaN where it is nowhere.

    Args:
        columns: One a dimension, each of shape (b,).
    """
    if len(columns) == 1:
        return columns[0]
    stacked = np.stack(columns)
    defined = ~np.isnan(stacked)
    counts = defined.sum(axis=0)
    sums = np.where(defined, stacked, 0.0).sum(axis=0)
    # `maximum` only avoids the division by zero that `where` discards.
    means: NDArray[np.float64] = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
    return means
