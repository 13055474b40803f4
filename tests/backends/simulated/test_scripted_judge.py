import json
import resource

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from memalign_bench import prompt_parts
from memalign_bench.backends.base import ChatRequest, GradeRequest, Message
from memalign_bench.backends.simulated.prompt_reader import read_prompt
from memalign_bench.backends.simulated.scripted_judge import (
    Scripted,
    SimulatedJudge,
    distil,
    implied_grade,
)
from memalign_bench.errors import RequestError

OPTIONS = ("1", "2", "3")
SYSTEM = "# Task\nGrade the text.\n# Rubric\n3: good\n2: so so\n1: bad\n"


def prompt(item, *, guidelines=(), examples=()):
    system = SYSTEM
    if guidelines:
        lines = [prompt_parts.guideline_line(text, grade) for text, grade in guidelines]
        system += "\n".join([prompt_parts.GUIDELINES, *lines]) + "\n"
    user = []
    if examples:
        user.append(prompt_parts.EXAMPLES)
    for number, (text, grade) in enumerate(examples, start=1):
        heading = f"{prompt_parts.EXAMPLE} {number}"
        user.append(prompt_parts.labelled_entry(heading, text, [(grade, "As the rubric says.")]))
    user += [prompt_parts.ITEM, item]
    return (Message("system", system), Message("user", "\n".join(user) + "\n"))


def grades(judge, prompts, options=OPTIONS):
    prefill = Message("assistant", "Grade:")
    answers = [judge.grade(GradeRequest((*one, prefill), options)) for one in prompts]
    return [options[int(np.argmax(answer.probabilities))] for answer in answers]


def judge(**settings):
    return SimulatedJudge(Scripted(**settings))


ITEMS = [f"item {n} tells of number {n * 7}" for n in range(400)]


def test_the_distribution_has_nine_tenths_on_the_chosen_grade():
    request = GradeRequest((*prompt("x"), Message("assistant", "Grade:")), OPTIONS)
    answer = judge(politeness=1, effect=0).grade(request)
    assert answer.probabilities == pytest.approx((0.05, 0.05, 0.9))
    assert answer.mass == 1


def test_politeness_is_the_share_of_top_grades_beyond_noise():
    said = grades(judge(politeness=0.4, effect=0), [prompt(item) for item in ITEMS])
    # 0.4 + 0.6 / 3 = 0.6 say 3, the others 0.2 each; three standard errors are 0.07.
    assert said.count("3") / 400 == pytest.approx(0.6, abs=0.075)
    assert said.count("1") / 400 == pytest.approx(0.2, abs=0.06)


def test_answers_depend_on_prompt_and_seed_alone():
    prompts = [prompt(item) for item in ITEMS[:50]]
    first = grades(judge(politeness=0.3, effect=0.5, seed=1), prompts)
    assert grades(judge(politeness=0.3, effect=0.5, seed=1), prompts[::-1]) == first[::-1]
    assert grades(judge(politeness=0.3, effect=0.5, seed=2), prompts) != first


def test_the_nearest_examples_decide_with_full_effect():
    examples = [("red apples and pears", "1"), ("blue cars and vans", "2")]
    prompts = [
        prompt("red apples here", examples=examples),
        prompt("blue vans there", examples=examples),
    ]
    assert grades(judge(politeness=1, effect=1), prompts) == ["1", "2"]


def test_guidelines_decide_where_there_are_no_examples():
    guidelines = [("Grade 1 when the text mentions rust.", None), ("Clean and oiled.", "2")]
    prompts = [
        prompt("there was rust", guidelines=guidelines),
        prompt("oiled daily", guidelines=guidelines),
        prompt("nothing of the kind", guidelines=guidelines),
    ]
    assert grades(judge(politeness=1, effect=1), prompts) == ["1", "2", "3"]


def test_effect_is_the_share_of_items_that_follow_memory():
    examples = [("item tells of number", "1")]
    prompts = [prompt(item, examples=examples) for item in ITEMS]
    said = grades(judge(politeness=1, effect=0.8), prompts)
    assert said.count("1") / 400 == pytest.approx(0.8, abs=0.06)


def test_without_effect_memory_changes_the_noise_and_not_its_rate():
    examples = [("item tells of number", "1")]
    plain = grades(judge(politeness=0.4, effect=0), [prompt(item) for item in ITEMS])
    shown = grades(
        judge(politeness=0.4, effect=0), [prompt(item, examples=examples) for item in ITEMS]
    )
    assert plain != shown
    assert shown.count("1") / 400 == pytest.approx(0.2, abs=0.06)
    agree = np.mean([a == b for a, b in zip(plain, shown, strict=True)])
    assert agree == pytest.approx(0.6**2 + 2 * 0.2**2, abs=0.075)


def test_grades_as_words():
    examples = [("red apples", "bad"), ("blue cars", "good")]
    said = grades(
        judge(politeness=1, effect=1),
        [prompt("red apples", examples=examples)],
        ("bad", "average", "good"),
    )
    assert said == ["bad"]


VERDICT = {
    "type": "object",
    "properties": {
        "rationale": {"type": "string", "maxLength": 20},
        "score": {"enum": [3, 2, 1, "N/A"]},
    },
    "required": ["rationale", "score"],
}


def verdict(messages, **settings):
    answer = judge(**settings).chat(ChatRequest(messages, 200, schema=VERDICT))
    return answer, json.loads(answer.text)


def test_a_verdict_follows_its_schema_and_says_the_same_grade_as_the_distribution():
    for item in ITEMS[:30]:
        answer, said = verdict(prompt(item), politeness=0.2, effect=0)
        assert list(said) == ["rationale", "score"]
        assert len(said["rationale"]) <= 20
        assert said["score"] in (1, 2, 3)
        assert answer.finish == "stop"


def test_not_applicable_is_said_only_where_memory_implies_it():
    shown = prompt("red apples", examples=[("red apples", "N/A")])
    assert verdict(shown, politeness=1, effect=1)[1]["score"] == "N/A"
    assert verdict(shown, politeness=1, effect=0)[1]["score"] == 3


def test_an_answer_longer_than_its_bound_is_cut_and_says_so():
    answer = judge().chat(ChatRequest(prompt("x"), 2, schema=VERDICT))
    assert answer.finish == "length"
    assert len(answer.text) == 8


FEEDBACK = [
    ("a1", "apples red", "1", "It is rusty."),
    ("a2", "pears red", "1", "Quite rusty."),
    ("b1", "apples blue", "3", "It is oiled."),
    ("b2", "pears blue", "3", "Well oiled."),
]
DISTILLATION = {
    "type": "object",
    "properties": {
        "guidelines": {"type": "array", "maxItems": 3, "items": {"$ref": "#/$defs/Rule"}}
    },
    "$defs": {
        "Rule": {
            "type": "object",
            "properties": {
                "text": {"type": "string", "maxLength": 80},
                "grade": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
                "source_ids": {"type": "array", "items": {"type": "string"}},
            },
        }
    },
}


def distillation_prompt():
    entries = [
        prompt_parts.labelled_entry(
            f"{prompt_parts.FEEDBACK_ENTRY} {key}", text, [(grade, rationale)]
        )
        for key, text, grade, rationale in FEEDBACK
    ]
    text = "\n".join([prompt_parts.FEEDBACK, *entries])
    return (Message("system", "# Task\nDistil."), Message("user", text))


def test_distillation_finds_the_words_that_separate_the_grades():
    answer = judge().chat(ChatRequest(distillation_prompt(), 800, schema=DISTILLATION))
    rules = json.loads(answer.text)["guidelines"]
    assert [rule["grade"] for rule in rules] == [1, 3]
    assert rules[0]["text"].startswith("Grade 1 when the text mentions red, rusty")
    assert rules[0]["source_ids"] == ["a1", "a2"]
    words = " ".join(rule["text"] for rule in rules)
    assert "apples" not in words
    assert "pears" not in words


def test_what_is_distilled_guides_the_judge():
    rules = distil(read_prompt(distillation_prompt()))
    guidelines = [(rule["text"], rule["grade"]) for rule in rules]
    assert implied_grade(read_prompt(prompt("plums red", guidelines=guidelines)), OPTIONS) == "1"
    assert implied_grade(read_prompt(prompt("plums blue", guidelines=guidelines)), OPTIONS) == "3"


def test_vectors_are_unit_length_and_near_for_shared_words():
    vectors = judge().embed(["red apples", "red apples fall", "blue cars", ""]).vectors
    assert vectors.shape == (4, 256)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx([1, 1, 1, 0])
    assert vectors[0] @ vectors[1] > 0.8
    assert vectors[0] @ vectors[2] < 0.1


def test_probabilities_outside_zero_to_one_are_refused():
    with pytest.raises(RequestError, match=r"backend\.effect must be in \[0, 1\], got 1\.5"):
        Scripted(effect=1.5)


def test_many_calls_keep_memory_flat():
    simulated = judge()
    grades(simulated, [prompt(f"warm {n}") for n in range(2000)])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for n in range(10_000):
        grades(simulated, [prompt(f"item {n} with some words that fill it up {n}")])
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000


line = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=20)


@given(st.lists(line, min_size=1, max_size=6))
def test_any_item_text_leaves_examples_and_guidelines_as_they_were(lines):
    item = "\n".join(lines)
    shown = prompt(item, guidelines=[("No split.", "1")], examples=[("some text", "2")])
    read = read_prompt(shown)
    assert [(hint.text, hint.grade) for hint in read.guidelines] == [("No split.", "1")]
    assert [(entry.text, entry.grade) for entry in read.examples] == [("some text", "2")]
    assert read.item == item.strip("\n")


@pytest.mark.parametrize("line", ["# Item", "# Examples", "# Rubric", "Grade: 1", "## Example 1"])
def test_headings_inside_an_item_are_text(line):
    item = f"first\n{line}\nlast"
    assert read_prompt(prompt(item, examples=[("a", "1")])).item == item


def test_guidelines_and_examples_are_also_found_after_the_item():
    user = Message(
        "user",
        "# Item\nthe item\n# Examples\n## Example 1\nshown\nGrade: 2\n"
        "# Guidelines\n- (grade 1) x\n",
    )
    read = read_prompt((Message("system", SYSTEM), user))
    assert read.item == "the item"
    assert [entry.grade for entry in read.examples] == ["2"]
    assert [hint.grade for hint in read.guidelines] == ["1"]


def turn_prompt(item, examples):
    turns = []
    for text, said in examples:
        turns += [
            Message("user", f"{prompt_parts.ITEM}\n{text}\n\nGrade it."),
            Message("assistant", said),
        ]
    asked = Message("user", f"{prompt_parts.ITEM}\n{item}\n\nGrade it.")
    return (Message("system", SYSTEM), *turns, asked)


def test_examples_as_turns_decide_as_listed_ones_do():
    examples = [
        ("red apples and pears", "Grade: 1\nRationale: Red."),
        ("blue cars and vans", json.dumps({"rationale": "Blue.", "score": "2"})),
        ("red apples and vans", ""),
    ]
    said = [turn_prompt(item, examples) for item in ("red apples here", "blue vans there")]
    assert grades(judge(politeness=1, effect=1), said) == ["1", "2"]
    read = read_prompt(said[0])
    assert [entry.grade for entry in read.examples] == ["1", "2"]
    assert read.item.startswith("red apples here")


def test_a_repair_is_no_example():
    broken = (*prompt("blue vans"), Message("assistant", "Grade: 1"), Message("user", "As JSON."))
    read = read_prompt(broken)
    assert read.examples == ()
    assert read.item.startswith("blue vans")
