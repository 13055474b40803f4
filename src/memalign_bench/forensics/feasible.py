"""Feasible sizes: for which numbers of items can the printed means of a dimension all hold?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from fractions import Fraction
from itertools import product
from typing import NamedTuple

from memalign_bench.forensics.figures import DimensionFigures, StudyDesign, decimals_of
from memalign_bench.forensics.rounding import NEAREST, possible_totals, rounded_units

__all__ = ["STEPS", "Totals", "feasible_totals", "interval_fits", "mean_fits", "sizes"]

STEPS: Mapping[str, Fraction] = {
    "whole": Fraction(1),
    "half": Fraction(1, 2),
    "third": Fraction(1, 3),
}
"""Steps of an item's error: one gold grade, the mean of two raters, the mean of three."""


class Totals(NamedTuple):
    """Sums over items in steps of a grade; None where nothing printed fixes them."""

    unaligned: int | None
    aligned: int | None
    gain: int | None


def sizes(figures: DimensionFigures, design: StudyDesign) -> range:
    """Numbers of items to be tried: the one told, or all up to the largest."""
    n = figures.n_items
    return range(1, design.largest_n + 1) if n is None else range(n, n + 1)


def feasible_totals(
    figures: DimensionFigures,
    design: StudyDesign,
    step: Fraction,
    rules: Iterable[str] = NEAREST,
) -> dict[int, frozenset[Totals]]:
    """Each n at which all printed means, the reduction and the bound hold at once.

    Args:
        figures: What is printed of one dimension.
        design: Holds the largest n and the largest error of an item.
        step: Step of an item's error.
        rules: Rounding rules; one of them must do for all numbers together.

    Returns:
        n -> the sums that print as these numbers; empty where no n fits.
    """
    by_n = {
        n: frozenset(
            entry for rule in rules for entry in _totals_at(figures, design, n, step, rule)
        )
        for n in sizes(figures, design)
    }
    return {n: fits for n, fits in by_n.items() if fits}


def mean_fits(
    printed: Decimal, figures: DimensionFigures, design: StudyDesign, step: Fraction
) -> list[int]:
    """Each n at which one printed mean holds by itself, rounded to the nearest either way."""
    return [
        n
        for n in sizes(figures, design)
        if any(possible_totals(printed, n, step, rule) for rule in NEAREST)
    ]


def interval_fits(ci: Iterable[Decimal], n: int, step: Fraction) -> bool:
    """Whether both bounds are means of n items: quantiles of resamples of n rows mostly are."""
    return all(any(possible_totals(bound, n, step, rule) for rule in NEAREST) for bound in ci)


def _totals_at(
    figures: DimensionFigures, design: StudyDesign, n: int, step: Fraction, rule: str
) -> Iterator[Totals]:
    def options(printed: Decimal | None) -> tuple[int | None, ...]:
        return (None,) if printed is None else possible_totals(printed, n, step, rule)

    # One sum per printed mean; what is not printed is left open.
    printed = (figures.unaligned_mae, figures.aligned_mae, figures.improvement)
    # In steps, as the totals are.
    largest_sum = design.largest_error * n / step
    for triple in product(*map(options, printed)):
        sums = _complete_totals(*triple)
        # No sum of errors is negative or larger than all items at their largest error.
        if sums is None or any(not 0 <= k <= largest_sum for k in sums[:2] if k is not None):
            continue
        if _fits_reduction(figures, sums, rule) and _fits_bound(figures, sums, n, step):
            yield sums


def _complete_totals(unaligned: int | None, aligned: int | None, gain: int | None) -> Totals | None:
    """The third sum from the other two; None where the three contradict one another."""
    if unaligned is not None and aligned is not None:
        agrees = gain in (None, unaligned - aligned)
        return Totals(unaligned, aligned, unaligned - aligned) if agrees else None
    # Two of the three fix the third.
    if gain is not None and unaligned is not None:
        aligned = unaligned - gain
    elif gain is not None and aligned is not None:
        unaligned = aligned + gain
    return Totals(unaligned, aligned, gain)


def _fits_reduction(figures: DimensionFigures, sums: Totals, rule: str) -> bool:
    printed = figures.reduction_pct
    # Without both sums, or with an error of 0, there is no percentage to hold it against.
    if printed is None or sums.gain is None or not sums.unaligned:
        return True
    decimals = decimals_of(printed)
    # In exact fractions: a float would decide ties by its last bit.
    exact = Fraction(100 * sums.gain, sums.unaligned)
    return rounded_units(exact, decimals, rule) == rounded_units(Fraction(printed), decimals, rule)


def _fits_bound(figures: DimensionFigures, sums: Totals, n: int, step: Fraction) -> bool:
    bound = figures.unaligned_mae_below
    # By the exact mean: the bound is taken as it stands, not as a rounded number.
    return bound is None or sums.unaligned is None or sums.unaligned * step / n < bound
