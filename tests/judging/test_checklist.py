"""Grading by checklist: criteria asked one by one, put together by rule or as labels teach."""

import dataclasses
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memalign_bench.backends.base import GradeAnswer
from memalign_bench.errors import AlignmentError, RequestError
from memalign_bench.judging.checklist import ChecklistScoring, Criterion, grades_by_rule
from memalign_bench.judging.cumulative import learnt_checklist
from memalign_bench.judging.judge import Judge, LabelledItem, ShownItem
from memalign_bench.judging.prompt import PromptLayout
from memalign_bench.types import NOT_APPLICABLE, DimensionRubric, Guideline, Rubric, Scale, Usage

SCALE = Scale((1, 2, 3), ("bad", "average", "good"), 0)
NOTE = DimensionRubric(
    "note", "Note", "How good?", {1: "poor", 2: "fair", 3: "fine"}, "It is blank."
)
RUBRIC = Rubric("notes", "note", SCALE, {"note": NOTE})
LEAK = {"question": "Does it leak?", "good": "no", "grade": 2}
TUNED = {"question": "Is it tuned?", "good": "yes", "grade": 3}


class Words:
    """Says yes to a question, by 0.9, if its last word stands in the item."""

    context_tokens = None

    def __init__(self):
        self.asked = []

    def grade(self, request):
        self.asked.append(request)
        asked = request.messages[-2].content
        item, question = asked.rsplit("\n\n", 1)
        word = question.removesuffix(" Answer yes or no.").rstrip("?").split()[-1]
        yes = 0.9 if word in item.split() else 0.2
        return GradeAnswer((1 - yes, yes), 1.0, Usage(prompt_tokens=7))


class Never:
    def nearest(self, item):
        raise AssertionError("a checklist shows no examples")


def judge(backend, **more):
    scoring = ChecklistScoring({"note": [LEAK, TUNED]})
    return Judge(RUBRIC, NOTE, backend, scoring, PromptLayout(), **more)


def shown(text, name="a"):
    return ShownItem(name, text, text)


def test_each_criterion_is_asked_and_its_good_answer_counts():
    backend = Words()
    verdict = judge(backend).score(shown("it is tuned"))
    assert verdict.criteria == pytest.approx((0.8, 0.9))
    assert verdict.distribution == pytest.approx({1: 0.2, 2: 0.08, 3: 0.72})
    assert verdict.score == 3
    assert verdict.cost.usage.prompt_tokens == 14
    assert verdict.rationale == "Met: Does it leak? 0.80; Is it tuned? 0.90"
    assert [request.options for request in backend.asked] == [(" no", " yes")] * 2


def test_a_failed_criterion_of_a_low_grade_holds_down_the_high_one():
    verdict = judge(Words()).score(shown("it is tuned but has a leak"))
    assert verdict.score == 1  # no leak: 0.1


def test_guidelines_are_shown_and_examples_are_not():
    backend = Words()
    guided = judge(backend, guidelines=(Guideline("Mind the gap."),), retriever=Never())
    verdict = guided.score(shown("it is tuned"))
    assert (verdict.examples, verdict.n_left_out, verdict.n_guidelines) == ((), 0, 1)
    assert all("Mind the gap." in request.messages[0].content for request in backend.asked)


def test_what_does_not_apply_is_asked_first_and_ends_it():
    backend = Words()
    verdict = judge(backend, ask_applicability=True).score(shown("it is tuned"))
    assert (verdict.score, len(backend.asked), verdict.criteria) == (NOT_APPLICABLE, 1, ())


def test_where_the_question_applies_the_criteria_offer_no_other_answer():
    backend = Words()
    verdict = judge(backend, ask_applicability=True).score(shown("it is tuned and not blank."))
    assert verdict.score == 3
    offers = ["Not applicable" in request.messages[0].content for request in backend.asked]
    assert offers == [True, False, False]


chances = st.lists(st.floats(0, 1), min_size=3, max_size=3)


@given(chances, st.integers(0, 2), st.floats(0, 1))
def test_the_rule_is_a_distribution_and_rises_with_every_criterion(met, place, more):
    criteria = [Criterion("a", "yes", 2), Criterion("b", "yes", 3), Criterion("c", "no", 3)]
    before = grades_by_rule(criteria, met, SCALE)
    assert sum(before.values()) == pytest.approx(1)
    assert min(before.values()) >= 0
    met = [max(chance, more) if at == place else chance for at, chance in enumerate(met)]
    after = grades_by_rule(criteria, met, SCALE)
    expected = [sum(g * p for g, p in one.items()) for one in (before, after)]
    assert expected[1] >= expected[0] - 1e-12


def test_every_contradiction_with_the_levels_is_told_at_once():
    wrong = [
        LEAK,
        {**LEAK, "question": "does it  leak?", "good": "yes"},
        {"question": "Short?", "good": "maybe", "grade": 1},
    ]
    with pytest.raises(RequestError) as error:
        ChecklistScoring({"note": wrong}).check(RUBRIC, ("note", "other"))
    lines = str(error.value).splitlines()
    assert [line for line in lines if "'does it leak?' stands 2 times" in line]
    assert [line for line in lines if "'maybe'" in line]
    assert [line for line in lines if "one of 2, 3, got 1" in line]
    assert [line for line in lines if "no criterion tells grade 3" in line]
    assert [line for line in lines if line.startswith("scoring.criteria.other: no criterion")]
    ChecklistScoring({"note": [LEAK, TUNED]}).check(RUBRIC, ("note",))


@pytest.mark.parametrize("said", [{"question": "Short?"}, {**LEAK, "weight": 2}, "Short?"])
def test_a_criterion_with_a_field_too_few_or_too_many_is_refused(said):
    with pytest.raises(RequestError, match="question, good, grade and nothing else"):
        ChecklistScoring({"note": [said]})
    with pytest.raises(RequestError, match="rule or learnt, got 'sum'"):
        ChecklistScoring({}, combine="sum")


def labelled(text, score, name):
    return LabelledItem(shown(text, name), score, "")


# The experts mind only the leak: 3 without, 1 with, whether tuned or not.
TRAIN = [
    labelled(f"{leak} {tuned}", 1 if leak else 3, f"{leak}{tuned}{n}")
    for leak in ("leak", "")
    for tuned in ("tuned", "")
    for n in range(4)
]


def test_labels_teach_which_criterion_counts():
    rule = judge(Words())
    learnt = learnt_checklist(rule, TRAIN, SCALE)
    assert rule.score(shown("plain")).score == 2  # the rule misses the tuning
    assert learnt.score(shown("plain")).score == 3
    assert learnt.score(shown("leak tuned")).score == 1
    verdict = learnt.score(shown("leak"))
    assert sum(verdict.distribution.values()) == pytest.approx(1)
    assert min(verdict.distribution.values()) >= 0
    assert verdict.criteria == pytest.approx((0.1, 0.2))


def test_crossing_thresholds_are_made_monotone():
    learnt = learnt_checklist(judge(Words()), TRAIN, SCALE)

    def saying(chance):
        return SimpleNamespace(predict_proba=lambda odds: _pair(chance))

    crossed = dataclasses.replace(learnt, thresholds={2: saying(0.3), 3: saying(0.6)})
    assert crossed.grades((0.5, 0.5)) == pytest.approx({1: 0.7, 2: 0.0, 3: 0.3})


def _pair(chance):
    import numpy as np

    return np.array([[1 - chance, chance]])


def test_labels_of_one_grade_teach_nothing():
    with pytest.raises(AlignmentError, match="two grades at least, got 8 items of 1"):
        learnt_checklist(judge(Words()), TRAIN[:8], SCALE)
