"""Numbers of several tokens, asked a character at a time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memalign_bench.backends.base import OptionProbabilities
from memalign_bench.backends.http.openai_compatible import check_listed
from memalign_bench.backends.http.steps import END, check_steps, in_steps, steps_of
from memalign_bench.errors import BackendError
from memalign_bench.types import Scale, Usage

CHARACTERS = "0123456789-." + END


def texts(grades):
    return tuple(map(str, Scale(grades).grades))


def writer(weights):
    """A model that writes each character with a chance by its weight alone, and the line's end."""

    def measure(begun, follow):
        given = [weights[CHARACTERS.index(character)] for character in follow]
        shares = tuple(weight / sum(given) for weight in given)
        return OptionProbabilities(shares, 0.9, Usage(10, 1), "m", retries=1)

    return measure


def test_chances_are_products_over_the_characters():
    even = writer([1.0] * len(CHARACTERS))
    found = in_steps(("1", "1.5", "2", "2.5"), even)
    # "1" or "2", then the line's end or the point; what follows the point is sure.
    assert found.probabilities == pytest.approx((0.25, 0.25, 0.25, 0.25))
    assert found.usage == Usage(30, 3)
    assert (found.retries, found.mass) == (3, 0.9)
    found = in_steps(texts("0/100/1"), even)
    by_grade = dict(zip(range(101), found.probabilities, strict=True))
    assert by_grade[0] == pytest.approx(1 / 10), "nothing goes on from 0"
    assert by_grade[7] == pytest.approx(1 / 10 / 11), "a digit or the end after 7"
    assert by_grade[10] == pytest.approx(1 / 10 / 11 / 2), "100 begins with 10"
    assert by_grade[100] == by_grade[10]


@given(
    st.sets(st.integers(-120, 120), min_size=2, max_size=40),
    st.lists(st.floats(0.01, 1), min_size=len(CHARACTERS), max_size=len(CHARACTERS)),
)
def test_they_sum_to_one_before_they_are_made_to(grades, weights):
    options = tuple(map(str, sorted(grades)))
    measure = writer(weights)
    found = in_steps(options, measure)
    assert sum(found.probabilities) == pytest.approx(1)
    follow = steps_of(options)[""] if "" in steps_of(options) else (options[0][0],)
    first = dict(zip(follow, measure("", follow).probabilities, strict=True))
    for begun, chance in first.items():
        whole = sum(
            value
            for option, value in zip(options, found.probabilities, strict=True)
            if option.startswith(begun)
        )
        assert whole == pytest.approx(chance), "the chances of the first character are the model's"


@pytest.mark.parametrize(
    ("grades", "count"),
    [([-1, 1], 1), ("0/5/0.5", 6), ("0/100/1", 11), ([1, 2, 3], 1), ("1/10/1", 2)],
)
def test_how_many_questions_a_scale_takes(grades, count):
    assert len(steps_of(texts(grades))) == count
    check_steps(texts(grades))


def test_too_many_questions_are_refused_before_the_first():
    with pytest.raises(BackendError, match=r"ask 101 questions .* 1001 grades from 0 to 1000"):
        check_steps(texts("0/1000/1"))


@pytest.mark.parametrize("grades", ["0/100/1", [-1, 1], [1, 1.5]])
def test_a_list_of_likely_tokens_is_not_asked_for_what_it_cannot_hold(grades):
    with pytest.raises(BackendError, match=r"scoring=verdict, or llama\.cpp's server"):
        check_listed(texts(grades), "http://somewhere")
    check_listed(("1", "2", "3"), "http://somewhere")
