"""Rounding: which exact means a printed number can stand for."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from functools import cache
from math import floor

from memalign_bench.forensics.figures import decimals_of

__all__ = ["NEAREST", "RULES", "half_unit", "possible_totals", "rounded_units"]

NEAREST = ("half_even", "half_up", "half_down")
"""Rules that round to the nearest; they differ only on ties such as 0.5625."""

RULES = (*NEAREST, "cut_off")
"""All rules tried; `up` and `down` mean away from zero and towards it."""


def rounded_units(value: Fraction, decimals: int, rule: str) -> int:
    """An exact number to so many decimals, counted in units of the last one.

    >>> [rounded_units(Fraction(9, 16), 3, rule) for rule in RULES]
    [562, 563, 562, 562]
    """
    scale: int = 10**decimals  # a power of ints may be a float to the type checker
    # Of the size, with the sign put back below: `divmod` of a negative number rounds down.
    units, rest = divmod(abs(value.numerator) * scale, value.denominator)
    beyond_half = 2 * rest - value.denominator
    # A remainder of exactly one half is where the rules differ.
    tie_up = rule == "half_up" or (rule == "half_even" and units % 2 == 1)
    units += rule != "cut_off" and (beyond_half > 0 or (beyond_half == 0 and tie_up))
    return int(-units if value < 0 else units)


def possible_totals(printed: Decimal, n: int, step: Fraction, rule: str) -> tuple[int, ...]:
    """Sums over `n` items, in steps of a grade, whose mean is printed as this number.

    The idea is GRIM (Brown and Heathers 2017): a mean of whole numbers is a whole number over n.

    >>> possible_totals(Decimal("0.562"), 16, Fraction(1), "half_even")
    (9,)
    >>> possible_totals(Decimal("0.562"), 19, Fraction(1), "half_even")
    ()
    """
    # Decimals that print differently can be equal, so they are no key of a cache.
    decimals = decimals_of(printed)
    return _totals(int(printed.scaleb(decimals)), decimals, n, step, rule)


@cache
def _totals(units: int, decimals: int, n: int, step: Fraction, rule: str) -> tuple[int, ...]:
    scale = Fraction(n, 10**decimals) / step
    # One unit to either side holds every total that any rule could round to this number.
    candidates = range(floor((units - 1) * scale), floor((units + 1) * scale) + 2)
    return tuple(k for k in candidates if rounded_units(k * step / n, decimals, rule) == units)


def half_unit(printed: Decimal) -> Fraction:
    """How far the exact number may lie from the printed one, rounded to the nearest."""
    return Fraction(1, 2 * 10 ** decimals_of(printed))
