"""What a file of facets may say."""

import pytest

from memalign_bench.errors import RequestError
from memalign_bench.headroom.facets import Convention, FacetQuestions, Fact


def questions(**dimension):
    said = {
        "facts": {"tuned": {"question": "Is it tuned?", "when": {"tuned_on": ["cv"]}}},
        "expert": {2: ["not tuned"]},
        "literal": {2: ["not tuned"]},
    }
    parts = {"name": "x", "instruction": "Read.", "ending": "Yes or no.", "request": {"rare": "%"}}
    return FacetQuestions(**parts, dimensions={"d": {**said, **dimension}})


def test_a_fact_holds_of_values_of_entries_of_sizes_and_of_what_was_not_planted():
    def fact(**when):
        return Fact("f", "?", when)

    assert fact(tuned_on=["cv", "test"]).holds({"tuned_on": "cv"})
    assert not fact(tuned_on=["cv"]).holds({})
    assert fact(split=["random", None]).holds({})
    assert fact(logged=["model"]).holds({"logged": ["metric", "model"]})
    assert not fact(logged=["model"]).holds({"logged": []})
    assert fact(metrics={"at_least": 2}).holds({"metrics": ["mae", "r2"]})
    assert not fact(share={"above": 0.05}).holds({"share": 0.05})
    assert fact(share={"at_least": 0.05}).holds({"share": 0.05})
    assert not fact(zeros=[True], metrics=["mape"]).holds({"zeros": True, "metrics": ["mae"]})


def test_a_convention_gives_the_lowest_grade_that_is_earned():
    rule = Convention.of({2: ["not tuned"], 1: ["rare and not stratified"]})
    known = {"tuned": False, "rare": True, "stratified": False}
    assert rule.grade(known, 3) == 1
    assert rule.grade({**known, "stratified": True}, 3) == 2
    assert rule.grade({**known, "rare": False, "tuned": True}, 3) == 3


def test_every_problem_is_told_at_once():
    with pytest.raises(RequestError) as told:
        questions(expert={1: ["leaks"]}, literal={2: ["not rare", "tunes"]})
    assert "expert asks for ['leaks']; there are rare, tuned" in str(told.value)
    assert "literal asks for ['tunes']" in str(told.value)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"facts": {"tuned": {"question": "Is it?"}}}, "fact 'tuned' has question and when"),
        (
            {"facts": {"tuned": {"question": "Is it?", "when": {"x": {"below": 3}}}}},
            "x is a list of values, or above or at_least",
        ),
        ({"expert": {"good": ["tuned"]}}, "its keys are grades, got .'good'."),
        ({"more": 1}, "it has facts, expert, literal and nothing else"),
        ({"facts": ["tuned"]}, r"facts is a mapping .* got .'tuned'"),
        ({"facts": {5: {"question": "Is it?", "when": {"x": [1]}}}}, "fact 5 has a name that YAML"),
        ({"facts": {"tuned": {"question": 5, "when": {"x": [1]}}}}, "question is a text, got 5"),
        ({"facts": {"tuned": {"question": "?", "when": ["x"]}}}, "when is a mapping of facets"),
        ({"facts": {"tuned": {"question": "?", "when": {"x": {"above": "a"}}}}}, "above .* number"),
        ({"expert": ["tuned"]}, r"expert: it says by grade what earns it .*, got .'tuned'"),
        ({"literal": 5}, "literal: it says by grade what earns it .*, got 5"),
        ({"expert": {1: "leaks"}}, "expert: 1 has a list of texts .*, got 'leaks'"),
        ({"expert": {1: [5]}}, r"expert: 1 has a list of texts .*, got .5."),
        (
            {
                "facts": {
                    name: {"question": "Is it tuned?", "when": {name: [True]}}
                    for name in ("tuned", "again")
                }
            },
            "'is it tuned\\?' stands 2 times",
        ),
    ],
)
def test_what_cannot_be_is_refused(said, told):
    with pytest.raises(RequestError, match=told):
        questions(**said)


@pytest.mark.parametrize("wrong", [["d"], 5, "d", None])
def test_entries_of_a_wrong_shape_are_refused(wrong):
    parts = {"name": "x", "instruction": "Read.", "ending": "Yes or no."}
    with pytest.raises(RequestError) as told:
        FacetQuestions(**parts, request=wrong, dimensions=wrong)
    assert f"facets.request must be a mapping, got {wrong!r}" in str(told.value)
    assert f"facets.dimensions must be a mapping, got {wrong!r}" in str(told.value)
    with pytest.raises(RequestError) as told:
        FacetQuestions(**parts, request={"rare": 5}, dimensions={"d": wrong, "e": wrong})
    assert "facets.request.rare: 5 is no pattern" in str(told.value)
    for name in ("d", "e"):
        assert f"facets.dimensions.{name}: it has facts, expert, literal" in str(told.value)
