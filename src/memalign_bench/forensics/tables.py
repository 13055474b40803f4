"""Tables of an audit: one row class each, made from the printed figures alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from itertools import combinations
from typing import NamedTuple

from memalign_bench.forensics.attainable import BestCase, best_case, holm_p, smallest_sign_flip_p
from memalign_bench.forensics.feasible import (
    STEPS,
    Totals,
    feasible_totals,
    interval_fits,
    mean_fits,
)
from memalign_bench.forensics.figures import DimensionFigures, PublishedStudy
from memalign_bench.forensics.rounding import RULES

__all__ = ["Attainable", "Mean", "Pair", "Size", "attainable", "means", "pairs", "sizes_of"]

Sizes = tuple[int, ...]


class Mean(NamedTuple):
    """One printed mean, and the sizes at which it holds by itself."""

    experiment: str
    dimension: str
    key: str
    printed: str
    whole: Sizes
    half: Sizes
    third: Sizes


class Size(NamedTuple):
    """The printed numbers of a dimension, and the sizes at which all hold together.

    Attributes:
        experiment: Where they stand.
        dimension: Of which dimension.
        step: Step of an item's error.
        printed: The means as printed.
        n: Sizes that fit, rounded to the nearest in any one way.
        n_with_interval: Those at which the interval's bounds are means of n rows too; empty as
            well where no interval is printed.
        half_even: Sizes that fit with this rounding; the next three likewise.
    """

    experiment: str
    dimension: str
    step: str
    printed: str
    n: Sizes
    n_with_interval: Sizes
    half_even: Sizes
    half_up: Sizes
    half_down: Sizes
    cut_off: Sizes


class Attainable(NamedTuple):
    """The smallest p-values that items with the printed totals could give.

    Attributes:
        experiment: Where the totals stand.
        dimension: Of which dimension.
        step: Step of an item's error.
        n: Number of items.
        error_unaligned: Sum of errors in grades; None where not fixed by what is printed.
        error_aligned: Likewise.
        gain: Sum of gains in grades.
        p_sign_flip: Smallest p of the exact sign-flip test.
        p_sign_flip_holm: The same after Holm, every other dimension at its best.
        p_t: Smallest p of the paired t-test; 0 where all items may gain alike.
        p_t_holm: The same after Holm.
        family: Dimensions that Holm corrects for.
    """

    experiment: str
    dimension: str
    step: str
    n: int
    error_unaligned: float | None
    error_aligned: float | None
    gain: float
    p_sign_flip: float
    p_sign_flip_holm: float
    p_t: float
    p_t_holm: float
    family: int


class Pair(NamedTuple):
    """One dimension in two experiments: sizes that both allow, and whether their errors differ.

    Attributes:
        dimension: Of which dimension.
        experiment: The first.
        other: The second.
        step: Step of an item's error.
        n: One size that fits both; None where none does.
        error: Sum of the aligned judge's errors in grades in the first; None where not fixed.
        error_other: The same in the second.
        p_smallest: Smallest p of the exact sign-flip test of that difference, uncorrected.
    """

    dimension: str
    experiment: str
    other: str
    step: str
    n: int | None
    error: float | None
    error_other: float | None
    p_smallest: float | None


def means(study: PublishedStudy) -> Iterator[Mean]:
    """Each printed mean by itself."""
    for experiment, dimension, figures in study.each():
        for key, printed in figures.means().items():
            fits = (
                tuple(mean_fits(printed, figures, study.design, step)) for step in STEPS.values()
            )
            yield Mean(experiment, dimension, key, str(printed), *fits)


def sizes_of(study: PublishedStudy) -> Iterator[Size]:
    """All printed numbers of a dimension together, by step of an item's error."""
    for experiment, dimension, figures in study.each():
        printed = ", ".join(map(str, figures.means().values()))
        # A dimension of which only words are printed has no row.
        for name, step in STEPS.items() if printed else ():
            n = tuple(feasible_totals(figures, study.design, step))
            ci = figures.ci
            holding = tuple(k for k in n if interval_fits(ci, k, step)) if ci is not None else ()
            by_rule = (
                tuple(feasible_totals(figures, study.design, step, [rule])) for rule in RULES
            )
            yield Size(experiment, dimension, name, printed, n, holding, *by_rule)


def attainable(study: PublishedStudy) -> Iterator[Attainable]:
    """Smallest p-values of each dimension, at each size that fits."""
    for experiment, dimensions in study.experiments.items():
        for name, step in STEPS.items():
            # What each dimension could reach at best, since Holm's correction depends on all of
            # them.
            best = {
                dimension: _best_by_size(feasible_totals(figures, study.design, step))
                for dimension, figures in dimensions.items()
            }
            most_favourable = {
                dimension: _most_favourable(dimensions[dimension], by_size.values())
                for dimension, by_size in best.items()
            }
            # Dimensions without a figure count in the family, at p = 1.
            unnamed = max(0, len(study.design.dimensions) - len(dimensions))
            for dimension, by_size in best.items():
                # Holm's correction is least where all others are at their smallest p.
                other_cases = [p for name_, p in most_favourable.items() if name_ != dimension]
                other_cases += [BestCase(1.0, 1.0)] * unnamed
                for n, (totals, case) in by_size.items():
                    where = (experiment, dimension, name, n)
                    yield _attainable_row(where, totals, case, other_cases)


def _best_by_size(by_n: Mapping[int, Iterable[Totals]]) -> dict[int, tuple[Totals, BestCase]]:
    """At each n the sums with the largest gain, and what they can reach."""
    result = {}
    for n, options in by_n.items():
        known = [totals for totals in options if totals.gain is not None]
        if known:
            # Of a gain and an equal loss the gain, so that the table is the same every time.
            largest = max(known, key=lambda totals: (abs(totals.gain or 0), totals.gain or 0))
            result[n] = (largest, best_case(largest.gain or 0, n))
    return result


def _most_favourable(
    figures: DimensionFigures, cases: Iterable[tuple[Totals, BestCase]]
) -> BestCase:
    """The p-values with which a dimension stands least in the way of another under Holm."""
    if figures.significant is False:
        return BestCase(1.0, 1.0)  # said not to be rejected, so it frees nothing for others
    reachable = [case for _, case in cases]
    if reachable:
        return BestCase(min(p.p_sign_flip for p in reachable), min(p.p_t for p in reachable))
    # No size fits, so the text alone says whether it is rejected.
    p = 0.0 if figures.significant else 1.0
    return BestCase(p, p)


def _attainable_row(
    where: tuple[str, str, str, int], totals: Totals, case: BestCase, others: list[BestCase]
) -> Attainable:
    p_flip = holm_p(case.p_sign_flip, (other.p_sign_flip for other in others))
    p_t = holm_p(case.p_t, (other.p_t for other in others))
    before, after, gain = (_in_grades(k, STEPS[where[2]]) for k in totals)
    return Attainable(
        *where, before, after, gain or 0.0, case.p_sign_flip, p_flip, case.p_t,
        p_t, len(others) + 1,
    )  # fmt: skip


def pairs(study: PublishedStudy) -> Iterator[Pair]:
    """Each dimension with printed means in two experiments, at each size that fits both."""
    for one, other in combinations(study.experiments, 2):
        for dimension, figures in study.experiments[one].items():
            against = study.experiments[other].get(dimension)
            if against is None or not figures.means() or not against.means():
                continue
            for name, step in STEPS.items():
                first, second = (feasible_totals(f, study.design, step) for f in (figures, against))
                shared = sorted(first.keys() & second.keys())
                if not shared:
                    yield Pair(dimension, one, other, name, None, None, None, None)
                for n in shared:
                    # The farthest sums give the smallest p that the printed numbers allow.
                    sums = _farthest_sums(first[n], second[n])
                    p = smallest_sign_flip_p(sums[0] - sums[1], n) if sums else None
                    errors = [_in_grades(k, step) for k in sums] if sums else [None, None]
                    yield Pair(dimension, one, other, name, n, errors[0], errors[1], p)


def _farthest_sums(first: Iterable[Totals], second: Iterable[Totals]) -> tuple[int, int] | None:
    """Aligned sums of both that differ most; None where one is not fixed."""
    # All pairs of possible sums, since either rounding leaves several.
    candidates = [
        (a.aligned, b.aligned)
        for a in first
        for b in second
        if a.aligned is not None and b.aligned is not None
    ]
    # Ties by the sums themselves, so that the table is the same every time.
    return max(candidates, key=lambda sums: (abs(sums[0] - sums[1]), sums), default=None)


def _in_grades(total: int | None, step: Fraction) -> float | None:
    return None if total is None else float(total * step)
