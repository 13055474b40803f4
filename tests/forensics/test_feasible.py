"""Feasible sizes against every pair of sums, and what each kind of number adds."""

from decimal import Decimal
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from memalign_bench.forensics.feasible import STEPS, feasible_totals, mean_fits
from memalign_bench.forensics.figures import DimensionFigures, StudyDesign

DESIGN = StudyDesign(notebooks=12, score_scale=(1, 2, 3))
HALF = Fraction(1, 2)


def shown(value):
    return Decimal(f"{round(float(value), 9):.3f}")  # sums over 12 items or fewer make no ties


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_every_size_that_gives_the_numbers_is_found_and_no_other(data):
    n = data.draw(st.integers(1, 12))
    before, after = (data.draw(st.integers(0, 2 * n)) for _ in range(2))
    figures = DimensionFigures(
        unaligned_mae=shown(Fraction(before, n)),
        aligned_mae=shown(Fraction(after, n)),
        improvement=shown(Fraction(before - after, n)),
    )
    wanted = {
        (size, a, b)
        for size in range(1, 13)
        for a in range(2 * size + 1)
        for b in range(2 * size + 1)
        if shown(Fraction(a, size)) == figures.unaligned_mae
        and shown(Fraction(b, size)) == figures.aligned_mae
        and shown(Fraction(a - b, size)) == figures.improvement
    }
    found = feasible_totals(figures, DESIGN, STEPS["whole"])
    told = {(size, t.unaligned, t.aligned) for size, held in found.items() for t in held}
    assert told == wanted
    assert (n, before, after) in told


def test_a_third_number_follows_from_two():
    figures = DimensionFigures(improvement=Decimal("0.400"), aligned_mae=Decimal("0.200"))
    [totals] = feasible_totals(figures, DESIGN, STEPS["whole"])[5]
    assert totals == (3, 1, 2)


def test_one_number_fixes_no_other():
    figures = DimensionFigures(improvement=Decimal("-0.333"))
    [totals] = feasible_totals(figures, DESIGN, STEPS["whole"])[3]
    assert totals == (None, None, -1)


def test_a_larger_error_than_the_scale_allows_fits_nowhere():
    # Each number by itself is possible; unaligned would have to be 2.2.
    figures = DimensionFigures(improvement=Decimal("1.200"), aligned_mae=Decimal("1.000"))
    assert not feasible_totals(figures, DESIGN, STEPS["whole"])


def test_a_reduction_and_a_bound_rule_sizes_out():
    plain = DimensionFigures(unaligned_mae=Decimal("0.5"), aligned_mae=Decimal("0.3"))
    sizes = {*feasible_totals(plain, DESIGN, STEPS["whole"])}
    cut = DimensionFigures(
        unaligned_mae=Decimal("0.5"), aligned_mae=Decimal("0.3"), reduction_pct=Decimal(40)
    )
    assert {*feasible_totals(cut, DESIGN, STEPS["whole"])} < sizes
    assert 10 in feasible_totals(cut, DESIGN, STEPS["whole"])
    below = DimensionFigures(unaligned_mae=Decimal("0.1"), unaligned_mae_below=Decimal("0.10"))
    assert 10 not in feasible_totals(below, DESIGN, STEPS["whole"])  # 1/10 is not below 0.10
    assert 11 in feasible_totals(below, DESIGN, STEPS["whole"])


def test_fewer_decimals_rule_out_less_and_a_printed_n_tries_that_one():
    fine, coarse = (DimensionFigures(unaligned_mae=Decimal(text)) for text in ("0.680", "0.7"))
    wide = StudyDesign(notebooks=50, score_scale=(1, 2, 3))
    assert mean_fits(Decimal("0.680"), fine, wide, STEPS["whole"]) == [25, 50]
    assert len(mean_fits(Decimal("0.7"), coarse, wide, STEPS["whole"])) > 30
    told = DimensionFigures(unaligned_mae=Decimal("0.680"), n_items=24)
    assert not feasible_totals(told, wide, STEPS["whole"])


def test_half_grades_fit_wherever_whole_ones_do(study):
    for _, _, figures in study.each():
        whole, half = (
            set(feasible_totals(figures, study.design, s)) for s in (STEPS["whole"], HALF)
        )
        assert whole <= half
