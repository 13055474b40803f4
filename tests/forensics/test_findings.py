"""What is said of numbers that no whole grades give."""

from memalign_bench.forensics import audit

TEXT = """
protocol: {notebooks: 20, score_scale: [1, 2, 3]}
mine:
  clarity: {unaligned_mae: 0.513, aligned_mae: 0.250, improvement: 0.150, ci: [0.3, 0.4]}
"""


def findings_of(study_of, text):
    return {row.check: row for row in audit(study_of(text), studies=20, resamples=20).findings}


def test_bounds_that_fit_nowhere_are_told_in_a_sentence(study_of):
    said = findings_of(study_of, TEXT)["items"].sentence
    assert said.endswith("; nowhere are the bounds [0.3, 0.4] means of n such errors.")


def test_no_rounding_agrees_where_no_whole_grades_give_a_number(study_of):
    assert "rounding" not in findings_of(study_of, TEXT)
    other = "mine:\n  tone: {unaligned_mae: 0.50}\n"
    assert "rounding" in findings_of(study_of, TEXT.replace("mine:\n", other))
