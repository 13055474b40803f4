"""Rationales that end in another grade than the one given beside them."""

import pytest

from memalign_bench.judging.contradiction import contradicting_grade, named_grade
from memalign_bench.types import Scale

SCALE = Scale((1, 2, 3), ("bad", "average", "good"))
FIVE = Scale((1, 2, 3, 4, 5), ("poor", "could be improved", "fair", "good", "excellent"))


@pytest.mark.parametrize(
    ("rationale", "grade"),
    [
        ("The test rows leak into the scaler, so the score is 1.", 1),
        ("The test rows leak into the scaler; the score is 1", 1),
        ("Score: 2. Some steps are missing.", 2),
        ("Imputes within folds. **Score: 3**", 3),
        ("My final grade is therefore 2, since seeds are missing.", 2),
        ("The grade is bad.", 1),
        ("Verdict: average", 2),
        ("I would give it a 1 because nothing is logged.", 1),
        ("Nothing is logged. I'd rate this as bad.", 1),
        ("I rate the notebook 2/3.", 2),
        ("It deserves a score of 3.", 3),
        ("This warrants a 2, given the gaps.", 2),
        ("Overall score: 1 (bad).", 1),
        ("A clean split of 3 columns. The overall rating is 2.0.", 2),
    ],
)
def test_a_verdict_in_words_is_found(rationale, grade):
    assert named_grade(rationale, SCALE) == grade
    assert contradicting_grade(rationale, grade, SCALE) is None
    other = 1 + grade % 3
    assert contradicting_grade(rationale, other, SCALE) == grade


@pytest.mark.parametrize(
    "rationale",
    [
        "It trains 3 models and drops 1 column.",
        "The F1 score is 1, which signals a leak.",
        "On the training data the score is 1.",
        "R2 score: 1. The model is too good to be true.",
        "The score is 1.5 on average.",
        "The score is 3% below the baseline.",
        "The score is 2 points lower than before.",
        "The score is 1 to 2.",
        "The silhouette score is 2.",
        "The score is not 3, since seeds are missing.",
        "I would not give it a 3.",
        "I would give it a 3 if it had a test set.",
        "It cannot be called good; a grade of 3 needs cross-validation.",
        "A grade of 1 would be too harsh.",
        "Short of what a 3 requires.",
        'The rubric says "the grade is 3 when all folds are imputed apart".',
        'I would not call it "bad".',
        'Not a "good" split, and no "average" one either.',
        "The expert's grade is 2 for a similar notebook.",
        "Example 4 had a score of 1.",
        "Good use of pipelines, average plots, bad names.",
        "The grade is 1 at first sight. The grade is 3 after all.",
        "Priority score: 3 columns are missing.",
        "It predicts credit risk; the score is 3 for most clients.",
        "The mark of 3 stars in the data is a feature.",
        "model.score is `1`",
        "Die Note ist 1.",
        "",
    ],
)
def test_numbers_and_words_that_are_no_verdict_are_let_pass(rationale):
    assert named_grade(rationale, SCALE) is None
    assert all(contradicting_grade(rationale, grade, SCALE) is None for grade in SCALE.grades)


def test_words_of_a_scale_may_be_several():
    assert named_grade("The rating is could be improved.", FIVE) == 2
    assert named_grade("The score is 4/5.", FIVE) == 4
    assert named_grade("The score is 4/7.", FIVE) is None


def test_without_grade_or_words_nothing_is_contradicted():
    assert contradicting_grade(None, 3, SCALE) is None
    assert contradicting_grade("The score is 1.", None, SCALE) is None
