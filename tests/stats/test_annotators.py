"""The alternative annotator test, against values computed by hand."""

import numpy as np
import pytest

from memalign_bench.stats.annotators import alternative_annotator_test, guessing_error

CASES = [f"case {n}" for n in range(12)]


def test_a_tie_counts_for_judge_and_rater():
    # The judge says what everybody says: as good as any rater on every item, and d is 0.
    same, cases = np.full(24, 2.0), [f"case {n}" for n in range(24)]
    result = alternative_annotator_test(same, np.full((24, 3), 2.0), cases)
    assert result == (24, 3, 1.0, 1.0)
    # Without a bonus for being cheaper, as good as a rater does not suffice.
    strict = alternative_annotator_test(same, np.full((24, 3), 2.0), cases, epsilon=0.0)
    assert (strict.winning_rate, strict.advantage) == (0.0, 1.0)


@pytest.mark.parametrize(("n_cases", "passes"), [(2, False), (12, False), (16, False), (17, True)])
def test_a_few_cases_that_are_alike_let_no_judge_stand_in(n_cases, passes):
    # Were the rater the better one in a fifth of all cases, n would miss them with 0.8 ** n. All
    # three raters have this p, and Benjamini and Yekutieli ask for 0.05 / (1 + 1/2 + 1/3) of it.
    assert (0.8**n_cases * (1 + 1 / 2 + 1 / 3) <= 0.05) == passes
    cases = np.repeat(np.arange(n_cases), 3)
    result = alternative_annotator_test(
        np.full(len(cases), 2.0), np.full((len(cases), 3), 2.0), cases
    )
    assert result.winning_rate == passes


def test_the_advantage_is_the_share_of_items_on_which_the_judge_is_as_good():
    # Raters a and b always say 2, c says 2 and, on every third item, 3.
    ratings = np.full((12, 3), 2.0)
    ratings[::3, 2] = 3.0
    # On two items the judge says 1: farther off than a or b, and as far from those as c at best.
    judge = np.full(12, 2.0)
    judge[[0, 1]] = 1.0
    result = alternative_annotator_test(judge, ratings, CASES)
    # Item 0: others of a are 2 and 3, a is 0.5 off, the judge 1.5; others of c are 2 and 2, c is
    # 1 off and so is the judge: a tie. Item 1: the judge is farther off than all three.
    assert result.advantage == pytest.approx((10 / 12 + 10 / 12 + 11 / 12) / 3)


def test_fewer_than_three_raters_are_too_few():
    assert alternative_annotator_test([2, 2], [[2, 2, np.nan]] * 2, ["a", "b"]) is None


def test_guessing_is_the_mean_over_all_pairs():
    grades = np.array([1, 1, 2, 3])
    pairs = [abs(one - other) for one in grades for other in grades]
    assert guessing_error(grades) == pytest.approx(np.mean(pairs))
