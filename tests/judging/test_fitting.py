"""How many examples a context holds: the nearest, whole, or a refusal that names the number."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memalign_bench.errors import FailedCallError
from memalign_bench.judging.fitting import needed_tokens, with_fitting_examples
from memalign_bench.judging.prompt import PromptLayout, PromptParts, render_prompt
from memalign_bench.types import DimensionRubric, Example, Rubric, Scale

DIMENSION = DimensionRubric("q", "Q", "Is it sound?", {1: "No.", 2: "Partly.", 3: "Yes."})
RUBRIC = Rubric("r", "note", Scale((1, 2, 3), ("bad", "average", "good"), 0), {"q": DIMENSION})


def parts(*lengths):
    examples = tuple(
        Example(str(n), "silk " * length, 2, "Silk.", 0.9 - n / 10)
        for n, length in enumerate(lengths)
    )
    return PromptParts(RUBRIC, DIMENSION, (), examples, "A note.", ask_applicability=False)


def render(layout):
    return lambda shown: render_prompt(layout, shown, "Grade.")


@pytest.mark.parametrize("examples", ["section", "turns"])
@given(st.lists(st.integers(1, 60), min_size=1, max_size=5), st.integers(100, 900))
def test_the_nearest_examples_that_fit_are_shown_whole(examples, lengths, context):
    asked, whole = render(PromptLayout(examples=examples)), parts(*lengths)
    try:
        shown = with_fitting_examples(whole, asked, context, 1)
    except FailedCallError as error:
        needed = int(re.search(r"backend.context=(\d+)", str(error)).group(1))
        assert needed > context
        assert len(with_fitting_examples(whole, asked, needed, 1).examples) >= 1, (
            "the number named is enough"
        )
        return
    count = len(shown.examples)
    assert shown.examples == whole.examples[:count]
    assert needed_tokens(asked(shown), 1) <= context
    if count < len(lengths):
        more = PromptParts(RUBRIC, DIMENSION, (), whole.examples[: count + 1], "A note.", False)
        assert needed_tokens(asked(more), 1) > context


def test_without_a_bound_or_without_examples_nothing_is_left_out():
    whole = parts(1000)
    assert with_fitting_examples(whole, render(PromptLayout()), None, 1) is whole
    alone = parts()
    assert with_fitting_examples(alone, render(PromptLayout()), 1, 1) is alone


def test_the_answer_needs_its_room_too():
    asked, whole = render(PromptLayout()), parts(20, 20)
    needed = needed_tokens(asked(whole), 1)
    assert len(with_fitting_examples(whole, asked, needed, 1).examples) == 2
    assert len(with_fitting_examples(whole, asked, needed, 2).examples) == 1
