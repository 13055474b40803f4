"""Arithmetic of the printed numbers: do they agree with one another within their rounding?"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from itertools import combinations
from typing import NamedTuple

from memalign_bench.forensics.figures import DimensionFigures, PublishedStudy
from memalign_bench.forensics.rounding import half_unit

__all__ = ["Agreement", "agreements"]


class Agreement(NamedTuple):
    """One comparison of printed numbers.

    Attributes:
        experiment: Where they stand; two names where two experiments are compared.
        dimension: Of which dimension.
        check: What is compared.
        printed: The numbers as printed.
        expected: What the others allow.
        agrees: Whether they agree, to the nearest rounding of each.
    """

    experiment: str
    dimension: str
    check: str
    printed: str
    expected: str
    agrees: bool


class _Range(NamedTuple):
    """Exact values that a printed number, or a sum of some, can stand for."""

    low: Fraction
    high: Fraction

    def overlaps(self, other: _Range) -> bool:
        return self.low <= other.high and other.low <= self.high

    def __str__(self) -> str:
        return f"{float(self.low):.4f} to {float(self.high):.4f}"


def agreements(study: PublishedStudy) -> Iterator[Agreement]:
    """Every comparison that the printed numbers allow."""
    for experiment, dimension, figures in study.each():
        for check, printed, expected, agrees in _comparisons(figures):
            yield Agreement(experiment, dimension, check, printed, expected, agrees)
    # Each pair once: the comparison is the same both ways.
    for one, other in combinations(study.experiments, 2):
        for dimension in study.experiments[one]:
            if dimension in study.experiments[other]:
                yield from _compare_unaligned(study, dimension, one, other)


_Comparison = tuple[str, str, str, bool]


def _comparisons(figures: DimensionFigures) -> Iterator[_Comparison]:
    yield from _mean_comparisons(figures)
    yield from _interval_comparisons(figures)
    gain, bound = figures.improvement, figures.unaligned_mae_below
    if figures.degraded is not None and gain is not None:
        expected = "negative" if figures.degraded else "not negative"
        yield "degraded and sign", f"{gain}", expected, figures.degraded == (gain < 0)
    # A bound is taken as exact, not as a rounded number.
    if bound is not None and figures.unaligned_mae is not None:
        printed = figures.unaligned_mae
        yield "unaligned below bound", f"{printed}", f"under {bound}", printed < bound


def _mean_comparisons(figures: DimensionFigures) -> Iterator[_Comparison]:
    before, after, gain = figures.unaligned_mae, figures.aligned_mae, figures.improvement
    if before is not None and after is not None and gain is not None:
        expected = _difference_range(_range_of(before), _range_of(after))
        agrees = _range_of(gain).overlaps(expected)
        yield (
            "improvement = unaligned - aligned",
            f"{gain} = {before} - {after}",
            f"{expected}",
            agrees,
        )
    # `before` of 0 is left out: a reduction of nothing has no percentage.
    if figures.reduction_pct is not None and before and (after is not None or gain is not None):
        spans = _reduction_ranges(_range_of(before), after, gain)
        # Both ways of computing it must hold, so their ranges are intersected.
        both = _Range(max(span.low for span in spans), min(span.high for span in spans))
        # Ranges that do not meet, as where the improvement is not the difference, are told apart.
        shown = f"{both}" if both.low <= both.high else " and ".join(map(str, spans))
        agrees = both.low <= both.high and _range_of(figures.reduction_pct).overlaps(both)
        yield "reduction in percent", f"{figures.reduction_pct}", shown, agrees


def _interval_comparisons(figures: DimensionFigures) -> Iterator[_Comparison]:
    if figures.ci is None:
        return
    low, high = figures.ci
    shown = f"[{low}, {high}]"
    if figures.improvement is not None:
        # The ends were rounded too.
        span = _Range(_range_of(low).low, _range_of(high).high)
        agrees = span.overlaps(_range_of(figures.improvement))
        yield "interval holds the mean", shown, f"{figures.improvement}", agrees
    if figures.significant is not None:
        expected = "without 0" if figures.significant else "with 0"
        # The bounds as printed: 0.00 may stand for either side, and is read as holding 0.
        yield "significant and interval", shown, expected, figures.significant != (low <= 0 <= high)


def _compare_unaligned(
    study: PublishedStudy, dimension: str, one: str, other: str
) -> Iterator[Agreement]:
    """The judge without memory is the same in both experiments, so its error should be."""
    # Printed, or computed from the other two numbers.
    pair = [study.experiments[name][dimension] for name in (one, other)]
    spans = [_unaligned_range(figures) for figures in pair]
    if spans[0] is not None and spans[1] is not None:
        agrees = spans[0].overlaps(spans[1])
        check, names = "unaligned error in both", f"{one}, {other}"
        printed = f"{spans[0]} and {spans[1]}"
        yield Agreement(names, dimension, check, printed, "the same", agrees)


def _unaligned_range(figures: DimensionFigures) -> _Range | None:
    if figures.unaligned_mae is not None:
        return _range_of(figures.unaligned_mae)
    if figures.aligned_mae is not None and figures.improvement is not None:
        after, gain = _range_of(figures.aligned_mae), _range_of(figures.improvement)
        return _Range(after.low + gain.low, after.high + gain.high)
    if figures.unaligned_mae_below is not None:
        return _Range(Fraction(0), Fraction(figures.unaligned_mae_below))
    return None


def _range_of(printed: Decimal) -> _Range:
    middle, reach = Fraction(printed), half_unit(printed)
    return _Range(middle - reach, middle + reach)


def _difference_range(first: _Range, second: _Range) -> _Range:
    return _Range(first.low - second.high, first.high - second.low)


def _reduction_ranges(before: _Range, after: Decimal | None, gain: Decimal | None) -> list[_Range]:
    """Reduction in percent over all exact values of the errors: by `after`, and by `gain`."""
    spans = []
    if after is not None:
        after_range = _range_of(after)
        # `before.low` is above 0: what is printed is at least one unit of its last digit.
        spans.append(_Range(1 - after_range.high / before.low, 1 - after_range.low / before.high))
    if gain is not None:
        gain_range = _range_of(gain)
        # All four quotients, since a gain may be negative and then its ends change places.
        ends = [end / part for end in gain_range for part in before]
        spans.append(_Range(min(ends), max(ends)))
    return [_Range(100 * span.low, 100 * span.high) for span in spans]
