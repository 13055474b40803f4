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

    def meets(self, other: _Range) -> bool:
        return self.low <= other.high and other.low <= self.high

    def __str__(self) -> str:
        return f"{float(self.low):.4f} to {float(self.high):.4f}"


def agreements(study: PublishedStudy) -> Iterator[Agreement]:
    """Every comparison that the printed numbers allow."""
    for experiment, dimension, figures in study.each():
        for check, printed, expected, agrees in _within(figures):
            yield Agreement(experiment, dimension, check, printed, expected, agrees)
    for one, other in combinations(study.experiments, 2):
        for dimension in study.experiments[one]:
            if dimension in study.experiments[other]:
                yield from _unaligned_in_both(study, dimension, one, other)


_Comparison = tuple[str, str, str, bool]


def _within(figures: DimensionFigures) -> Iterator[_Comparison]:
    yield from _of_means(figures)
    yield from _of_interval(figures)
    gain, bound = figures.improvement, figures.unaligned_mae_below
    if figures.degraded is not None and gain is not None:
        expected = "negative" if figures.degraded else "not negative"
        yield "degraded and sign", f"{gain}", expected, figures.degraded == (gain < 0)
    if bound is not None and figures.unaligned_mae is not None:
        printed = figures.unaligned_mae
        yield "unaligned below bound", f"{printed}", f"under {bound}", printed < bound


def _of_means(figures: DimensionFigures) -> Iterator[_Comparison]:
    before, after, gain = figures.unaligned_mae, figures.aligned_mae, figures.improvement
    if before is not None and after is not None and gain is not None:
        expected = _difference(_around(before), _around(after))
        agrees = _around(gain).meets(expected)
        yield (
            "improvement = unaligned - aligned",
            f"{gain} = {before} - {after}",
            f"{expected}",
            agrees,
        )
    if figures.reduction_pct is not None and before and (after is not None or gain is not None):
        expected = _reduction(_around(before), after, gain)
        agrees = _around(figures.reduction_pct).meets(expected)
        yield "reduction in percent", f"{figures.reduction_pct}", f"{expected}", agrees


def _of_interval(figures: DimensionFigures) -> Iterator[_Comparison]:
    if figures.ci is None:
        return
    low, high = figures.ci
    shown = f"[{low}, {high}]"
    if figures.improvement is not None:
        span = _Range(_around(low).low, _around(high).high)
        agrees = span.meets(_around(figures.improvement))
        yield "interval holds the mean", shown, f"{figures.improvement}", agrees
    if figures.significant is not None:
        expected = "without 0" if figures.significant else "with 0"
        yield "significant and interval", shown, expected, figures.significant != (low <= 0 <= high)


def _unaligned_in_both(
    study: PublishedStudy, dimension: str, one: str, other: str
) -> Iterator[Agreement]:
    """The judge without memory is the same in both experiments, so its error should be."""
    pair = [study.experiments[name][dimension] for name in (one, other)]
    spans = [_unaligned(figures) for figures in pair]
    if spans[0] is not None and spans[1] is not None:
        agrees = spans[0].meets(spans[1])
        check, names = "unaligned error in both", f"{one}, {other}"
        printed = f"{spans[0]} and {spans[1]}"
        yield Agreement(names, dimension, check, printed, "the same", agrees)


def _unaligned(figures: DimensionFigures) -> _Range | None:
    if figures.unaligned_mae is not None:
        return _around(figures.unaligned_mae)
    if figures.aligned_mae is not None and figures.improvement is not None:
        after, gain = _around(figures.aligned_mae), _around(figures.improvement)
        return _Range(after.low + gain.low, after.high + gain.high)
    if figures.unaligned_mae_below is not None:
        return _Range(Fraction(0), Fraction(figures.unaligned_mae_below))
    return None


def _around(printed: Decimal) -> _Range:
    middle, reach = Fraction(printed), half_unit(printed)
    return _Range(middle - reach, middle + reach)


def _difference(one: _Range, other: _Range) -> _Range:
    return _Range(one.low - other.high, one.high - other.low)


def _reduction(before: _Range, after: Decimal | None, gain: Decimal | None) -> _Range:
    """Reduction in percent over all exact values of the errors."""
    spans = []
    if after is not None:
        left = _around(after)
        spans.append(_Range(1 - left.high / before.low, 1 - left.low / before.high))
    if gain is not None:
        won = _around(gain)
        ends = [end / part for end in won for part in before]
        spans.append(_Range(min(ends), max(ends)))
    low, high = max(span.low for span in spans), min(span.high for span in spans)
    return _Range(100 * low, 100 * high)
