"""Rounding and feasible sums against Python's decimal module and against every sum there is."""

from decimal import ROUND_DOWN, ROUND_HALF_DOWN, ROUND_HALF_EVEN, ROUND_HALF_UP, Context, Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memalign_bench.forensics.feasible import STEPS
from memalign_bench.forensics.rounding import RULES, possible_totals, rounded_units

MODES = dict(zip(RULES, (ROUND_HALF_EVEN, ROUND_HALF_UP, ROUND_HALF_DOWN, ROUND_DOWN), strict=True))
WIDE = Context(prec=60)


def printed(total, n, decimals, rule):
    exact = WIDE.divide(Decimal(total.numerator), Decimal(total.denominator * n))
    return exact.quantize(Decimal(1).scaleb(-decimals), rounding=MODES[rule], context=WIDE)


@given(st.integers(-200, 200), st.integers(1, 64), st.integers(0, 4), st.sampled_from(RULES))
def test_rounding_is_that_of_the_decimal_module(total, n, decimals, rule):
    shown = printed(Fraction(total), n, decimals, rule)
    assert rounded_units(Fraction(total, n), decimals, rule) == int(shown.scaleb(decimals))


@given(
    st.integers(-60, 60), st.integers(1, 50), st.sampled_from([*STEPS]), st.integers(1, 3),
    st.sampled_from(RULES),
)  # fmt: skip
def test_the_sums_are_all_that_print_so(total, n, step, decimals, rule):
    size = STEPS[step]
    shown = printed(total * size, n, decimals, rule)
    everything = range(-2 * abs(total) - 200, 2 * abs(total) + 200)
    wanted = tuple(k for k in everything if printed(k * size, n, decimals, rule) == shown)
    assert total in wanted
    assert possible_totals(shown, n, size, rule) == wanted


@pytest.mark.parametrize("rule", RULES)
def test_a_tie_goes_as_the_rule_says(rule):
    tie = Fraction(9, 16)  # 0.5625
    assert rounded_units(tie, 3, rule) == (563 if rule == "half_up" else 562)
    assert rounded_units(-tie, 3, rule) == -rounded_units(tie, 3, rule)
