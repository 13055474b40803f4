"""Numbers that contradict one another are found; those that round to one another are not."""

import pytest

from memalign_bench.forensics.arithmetic import agreements

PROTOCOL = "protocol: {notebooks: 50, score_scale: [1, 2, 3]}\n"


def checked(study_of, figures, other=None):
    text = f"{PROTOCOL}one:\n  a: {{{figures}}}\n"
    text += f"two:\n  a: {{{other}}}\n" if other else ""
    return {row.check: row.agrees for row in agreements(study_of(text))}


@pytest.mark.parametrize(
    ("figures", "check", "agrees"),
    [
        ("unaligned_mae: 0.562, aligned_mae: 0.125, improvement: 0.438", "improvement", True),
        ("unaligned_mae: 0.562, aligned_mae: 0.125, improvement: 0.439", "improvement", False),
        ("unaligned_mae: 0.680, aligned_mae: 0.180, reduction_pct: 74", "reduction", True),
        ("unaligned_mae: 0.680, aligned_mae: 0.180, reduction_pct: 72", "reduction", False),
        ("unaligned_mae: 0.680, improvement: 0.500, reduction_pct: 75", "reduction", False),
        ("unaligned_mae: 0.5, improvement: -0.1, reduction_pct: -20", "reduction", True),
        ("improvement: -0.130, ci: [-0.33, 0.09]", "interval holds", True),
        ("improvement: 0.130, ci: [-0.33, 0.09]", "interval holds", False),
        ("improvement: 0.094, ci: [-0.33, 0.09]", "interval holds", True),
        ("ci: [-0.33, 0.09], significant: false", "significant", True),
        ("ci: [-0.33, 0.09], significant: true", "significant", False),
        ("ci: [0.01, 0.09], significant: false", "significant", False),
        ("improvement: -0.1, degraded: true", "degraded", True),
        ("improvement: 0.1, degraded: true", "degraded", False),
        ("unaligned_mae: 0.09, unaligned_mae_below: 0.10", "unaligned below", True),
        ("unaligned_mae: 0.11, unaligned_mae_below: 0.10", "unaligned below", False),
    ],
)
def test_one_dimension(study_of, figures, check, agrees):
    found = checked(study_of, figures)
    assert [held for name, held in found.items() if name.startswith(check)] == [agrees]


def test_two_ways_to_a_reduction_that_do_not_meet_are_both_told(study_of):
    """One range from the larger low to the smaller high would run backwards."""
    printed = "unaligned_mae: 0.5, aligned_mae: 0.25, improvement: 0.1, reduction_pct: 35"
    rows = agreements(study_of(f"{PROTOCOL}one:\n  a: {{{printed}}}\n"))
    [found] = [row for row in rows if row.check == "reduction in percent"]
    # 1 - 0.255 / 0.45 to 1 - 0.245 / 0.55, and 0.05 / 0.55 to 0.15 / 0.45
    assert found.expected == "43.3333 to 55.4545 and 9.0909 to 33.3333"
    assert not found.agrees


@pytest.mark.parametrize(
    ("other", "agrees"),
    [
        ("unaligned_mae: 0.680", True),
        ("unaligned_mae: 0.681", True),  # 0.6805 may print as either
        ("unaligned_mae: 0.682", False),
        ("aligned_mae: 0.260, improvement: 0.420", True),
        ("aligned_mae: 0.260, improvement: 0.400", False),
        ("unaligned_mae_below: 0.10", False),
    ],
)
def test_the_unaligned_judge_is_the_same_in_both(study_of, other, agrees):
    found = checked(study_of, "unaligned_mae: 0.680", other)
    assert found["unaligned error in both"] is agrees


def test_what_is_not_printed_is_not_compared(study_of):
    assert not checked(study_of, "unaligned_mae: 0.680", "improvement: 0.420")
