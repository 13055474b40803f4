from dataclasses import replace

import pytest

from memalign_bench.judging.prompt import PromptLayout, PromptParts, render_prompt
from memalign_bench.types import DimensionRubric, Example, Guideline, Rubric, Scale

DIMENSION = DimensionRubric(
    "q", "Q", "Is it sound?", {1: "No.", 2: "Partly.", 3: "Yes."}, "It cannot be told."
)
RUBRIC = Rubric("r", "note", Scale((1, 2, 3), ("bad", "average", "good"), 0), {"q": DIMENSION})


def parts(**more):
    usual = {
        "rubric": RUBRIC,
        "dimension": DIMENSION,
        "guidelines": (Guideline("Cobalt is bad.", ("a",), 1), Guideline("Read it.")),
        "examples": (Example("b", "A jute note.", 1, "Jute.", 0.5),),
        "item": "A silk note.",
        "ask_applicability": False,
    }
    return PromptParts(**{**usual, **more})


def test_what_items_share_stands_in_the_system_message():
    system, user = render_prompt(PromptLayout(), parts(), "Grade it.")
    assert system.content == (
        "# Task\nYou are an expert who grades a note on one question: Is it sound?\n"
        "# Rubric\n3: Yes.\n2: Partly.\n1: No.\n\n"
        "# Guidelines\n- (grade 1) Cobalt is bad.\n- Read it."
    )
    assert user.content == (
        "# Examples\n## Example 1\nA jute note.\nGrade: 1\nRationale: Jute.\n\n"
        "# Item\nA silk note.\n\nGrade it."
    )


def test_the_system_message_is_the_same_for_every_item():
    first, _ = render_prompt(PromptLayout(), parts(), "Grade.")
    second, _ = render_prompt(PromptLayout(), parts(item="Other.", examples=()), "Grade.")
    assert first == second


def test_order_moves_sections():
    layout = PromptLayout(order=("rubric", "item", "guidelines", "examples"))
    system, user = render_prompt(layout, parts(), "Grade.")
    assert "# Guidelines" not in system.content
    places = [user.content.index(name) for name in ("# Item", "# Guidelines", "# Examples")]
    assert places == sorted(places)


def test_words_name_grades_everywhere():
    system, user = render_prompt(PromptLayout(grades="words"), parts(), "Grade.")
    assert "good: Yes." in system.content
    assert "- (grade bad) Cobalt" in system.content
    assert "Grade: bad" in user.content


def test_not_applicable_is_named_only_where_it_may_be_answered():
    asked, _ = render_prompt(PromptLayout(), parts(ask_applicability=True), "Grade.")
    silent, _ = render_prompt(PromptLayout(), parts(), "Grade.")
    assert "0: Not applicable. It cannot be told." in asked.content
    assert "Not applicable" not in silent.content


def test_an_order_that_loses_a_section_is_refused():
    with pytest.raises(ValueError, match=r"prompt.order must hold each of"):
        PromptLayout(order=("rubric", "item"))


TWO = (Example("b", "A jute note.", 1, "Jute.", 0.5), Example("c", "A wool note.", 3, "", 0.2))
TURNS = PromptLayout(examples="turns")


def test_turns_show_examples_answered_farthest_first():
    system, *turns = render_prompt(TURNS, parts(examples=TWO), "Grade it.")
    assert system.content.startswith("# Task")
    assert [(turn.role, turn.content) for turn in turns] == [
        ("user", "# Item\nA wool note.\n\nGrade it."),
        ("assistant", "Grade: 3"),
        ("user", "# Item\nA jute note.\n\nGrade it."),
        ("assistant", "Grade: 1\nRationale: Jute."),
        ("user", "# Item\nA silk note.\n\nGrade it."),
    ]


def test_without_examples_both_layouts_ask_alike():
    alone = parts(examples=())
    assert render_prompt(TURNS, alone, "Grade.") == render_prompt(PromptLayout(), alone, "Grade.")


@pytest.mark.parametrize("examples", ["section", "turns"])
def test_rationales_can_be_left_out(examples):
    layout = PromptLayout(examples=examples, rationales=False)
    text = "\n".join(m.content for m in render_prompt(layout, parts(examples=TWO), "Grade."))
    assert "Grade: 1" in text
    assert "Rationale:" not in text


def test_what_comes_after_the_examples_stands_in_the_items_own_turn():
    layout = PromptLayout(examples="turns", order=("rubric", "examples", "guidelines", "item"))
    messages = render_prompt(layout, parts(examples=TWO), "Grade.")
    assert [("# Guidelines" in message.content) for message in messages] == [False] * 5 + [True]


def test_turns_before_which_the_item_stands_are_refused():
    with pytest.raises(ValueError, match=r"prompt.examples=turns puts examples before the item"):
        PromptLayout(examples="turns", order=("rubric", "item", "guidelines", "examples"))


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [("examples", "pages", "section or turns"), ("rationales", "some", "true or false")],
)
def test_an_unknown_way_is_refused_with_the_known_ones(key, value, said):
    with pytest.raises(ValueError, match=rf"prompt.{key} must be {said}, got '{value}'"):
        PromptLayout(**{key: value})


@pytest.mark.parametrize(
    ("artefact", "article", "named"),
    [("answer", "", "an answer"), ("note", "", "a note"), ("answer", "a", "a answer")],
)
def test_the_article_fits_what_is_graded_unless_the_rubric_says_it(artefact, article, named):
    rubric = replace(RUBRIC, artefact=artefact, article=article)
    system, _ = render_prompt(PromptLayout(), parts(rubric=rubric), "Grade.")
    assert f"who grades {named} on one question: Is it sound?" in system.content
