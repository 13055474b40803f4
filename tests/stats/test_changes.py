import pytest
from scipy.stats import binomtest

from memalign_bench.stats.planning.changes import changes, rule_of_three, unseen_share


def test_items_are_counted_over_their_rows_and_cases_over_their_sums() -> None:
    found = changes([0, 1, 0, 0, 1, -1], ["i", "i", "j", "k", "l", "m"], list("aabccc"))
    assert found == (3, 5, 1, 3)
    assert found.share_unchanged == pytest.approx(0.4)
    assert str(found) == "3 of 5 items changed, in 1 of 3 cases"


@pytest.mark.parametrize("n_cases", [5, 12, 50])
def test_the_unseen_share_is_the_exact_binomial_limit(n_cases: int) -> None:
    theirs = binomtest(0, n_cases, alternative="less").proportion_ci(0.95, method="exact").high
    assert unseen_share(n_cases) == pytest.approx(theirs)


def test_no_change_is_no_certainty() -> None:
    low, high, method, note = rule_of_three(0.0, 25, (-2.0, 2.0))
    assert high == -low == pytest.approx(2 * unseen_share(25))
    assert (method, note) == (
        "rule of three",
        "all 25 cases alike: at most 11.3% would not be (rule of three)",
    )
    # A level is nearer to one end of its scale: errors of 0 can only grow.
    assert rule_of_three(0.0, 25, (0.0, 2.0))[:2] == (0.0, pytest.approx(2 * unseen_share(25)))
    assert rule_of_three(1.0, 25, (-2.0, 2.0)).low == pytest.approx(1 - 3 * unseen_share(25))
