"""Feasible sizes: for which numbers of items can the printed means of a dimension all hold?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from fractions import Fraction
from itertools import product
from typing import NamedTuple

from memalign_bench.forensics.figures import DimensionFigures, StudyDesign, decimals_of
from memalign_bench.forensics.rounding import NEAREST, rounded, totals

__all__ = ["STEPS", "Totals", "fitting", "interval_fits", "mean_fits", "sizes"]

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


def fitting(
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
    found = {
        n: frozenset(
            entry for rule in rules for entry in _totals_at(figures, design, n, step, rule)
        )
        for n in sizes(figures, design)
    }
    return {n: held for n, held in found.items() if held}


def mean_fits(
    printed: Decimal, figures: DimensionFigures, design: StudyDesign, step: Fraction
) -> list[int]:
    """Each n at which one printed mean holds by itself, rounded to the nearest either way."""
    return [
        n for n in sizes(figures, design) if any(totals(printed, n, step, rule) for rule in NEAREST)
    ]


def interval_fits(ci: Iterable[Decimal], n: int, step: Fraction) -> bool:
    """Whether both bounds are means of n items: quantiles of resamples of n rows mostly are."""
    return all(any(totals(bound, n, step, rule) for rule in NEAREST) for bound in ci)


def _totals_at(
    figures: DimensionFigures, design: StudyDesign, n: int, step: Fraction, rule: str
) -> Iterator[Totals]:
    def options(printed: Decimal | None) -> tuple[int | None, ...]:
        return (None,) if printed is None else totals(printed, n, step, rule)

    printed = (figures.unaligned_mae, figures.aligned_mae, figures.improvement)
    most = design.largest_error * n / step
    for triple in product(*map(options, printed)):
        held = _completed(*triple)
        if held is None or any(not 0 <= k <= most for k in held[:2] if k is not None):
            continue
        if _reduction_holds(figures, held, rule) and _bound_holds(figures, held, n, step):
            yield held


def _completed(unaligned: int | None, aligned: int | None, gain: int | None) -> Totals | None:
    """The third sum from the other two; None where the three contradict one another."""
    if unaligned is not None and aligned is not None:
        agrees = gain in (None, unaligned - aligned)
        return Totals(unaligned, aligned, unaligned - aligned) if agrees else None
    if gain is not None and unaligned is not None:
        aligned = unaligned - gain
    elif gain is not None and aligned is not None:
        unaligned = aligned + gain
    return Totals(unaligned, aligned, gain)


def _reduction_holds(figures: DimensionFigures, held: Totals, rule: str) -> bool:
    printed = figures.reduction_pct
    if printed is None or held.gain is None or not held.unaligned:
        return True
    decimals = decimals_of(printed)
    exact = Fraction(100 * held.gain, held.unaligned)
    return rounded(exact, decimals, rule) == rounded(Fraction(printed), decimals, rule)


def _bound_holds(figures: DimensionFigures, held: Totals, n: int, step: Fraction) -> bool:
    bound = figures.unaligned_mae_below
    return bound is None or held.unaligned is None or held.unaligned * step / n < bound
