"""Scoring against a backend that answers from a list: what is asked, and what is made of it."""

import json
from dataclasses import replace

import pytest

from memalign_bench.backends.base import ChatAnswer, GradeAnswer
from memalign_bench.errors import FailedCallError
from memalign_bench.judging.judge import Judge, ShownItem
from memalign_bench.judging.prompt import PromptLayout
from memalign_bench.judging.scoring import LogprobScoring, VerdictScoring, most_likely
from memalign_bench.types import (
    NOT_APPLICABLE,
    DimensionRubric,
    Example,
    Label,
    Rubric,
    Scale,
    Usage,
)

DIMENSION = DimensionRubric("q", "Q", "Sound?", {1: "No.", 2: "So.", 3: "Yes."}, "Never mind.")
RUBRIC = Rubric("r", "note", Scale((1, 2, 3), ("bad", "average", "good"), 0), {"q": DIMENSION})
ITEM = ShownItem("a", "A silk note.", "silk")


class Listed:
    """Answers from a list, and remembers what it was asked."""

    context_tokens = None

    def __init__(self, *answers):
        self.answers, self.asked = list(answers), []

    def chat(self, request):
        self.asked.append(request)
        text, finish = self.answers.pop(0)
        return ChatAnswer(text, finish, Usage(10, 5))

    def grade(self, request):
        self.asked.append(request)
        return GradeAnswer(self.answers.pop(0), 1.0, Usage(10, 1))


def judge(backend, scoring, *, ask=False, layout=None):
    return Judge(RUBRIC, DIMENSION, backend, scoring, layout or PromptLayout(), ask)


def answer(rationale, score):
    return json.dumps({"rationale": rationale, "score": score}), "stop"


def test_a_verdict_is_rationale_then_score():
    backend = Listed(answer("Silk is fine.", "3"))
    verdict = judge(backend, VerdictScoring()).score(ITEM)
    assert (verdict.score, verdict.rationale) == (3, "Silk is fine.")
    assert list(backend.asked[0].schema["properties"]) == ["rationale", "score"]
    assert backend.asked[0].schema["properties"]["score"]["enum"] == ["3", "2", "1"]
    assert backend.asked[0].schema["properties"]["rationale"]["maxLength"] == 600


def test_zero_is_offered_only_where_applicability_is_asked():
    backend = Listed(answer("No data.", "0"))
    verdict = judge(backend, VerdictScoring(), ask=True).score(ITEM)
    assert verdict.score is NOT_APPLICABLE
    assert backend.asked[0].schema["properties"]["score"]["enum"] == ["3", "2", "1", "0"]


@pytest.mark.parametrize(
    "broken", [("no json at all", "stop"), answer("x", "7"), ('{"score": "3"}', "stop")]
)
def test_a_broken_answer_is_repaired_once(broken):
    backend = Listed(broken, answer("Better.", "2"))
    verdict = judge(backend, VerdictScoring()).score(ITEM)
    assert verdict.score == 2
    assert verdict.cost.usage == Usage(20, 10)
    assert verdict.cost.retries == 1
    repair = backend.asked[1].messages
    assert repair[-2].content == broken[0]
    assert "cannot be used" in repair[-1].content


def test_twice_broken_is_a_failure_and_never_a_score():
    backend = Listed(("nonsense", "stop"), ("nonsense", "stop"))
    with pytest.raises(FailedCallError, match="no usable answer after one repair") as caught:
        judge(backend, VerdictScoring()).score(ITEM)
    assert caught.value.cost.usage == Usage(20, 10), "both answers were paid"
    assert backend.answers == []


def test_a_cut_off_answer_is_asked_for_once_more_with_twice_the_limit():
    cut = ('{"rationale": "and so on and', "length")
    backend = Listed(cut, ('{"rationale": "short", "score": "2"}', "stop"))
    verdict = judge(backend, VerdictScoring()).score(ITEM)
    assert (verdict.score, verdict.cost.retries) == (2, 1)
    first, second = backend.asked
    assert second == replace(first, max_tokens=2 * first.max_tokens)
    with pytest.raises(FailedCallError, match="cut off by its token limit, and again") as caught:
        judge(Listed(cut, cut), VerdictScoring()).score(ITEM)
    assert caught.value.cost.usage == Usage(20, 10), "both answers were paid"


def test_a_repair_that_is_cut_off_is_told_as_it_was():
    backend = Listed(("nonsense", "stop"), ('{"rationale": "and so on and', "length"))
    told = (
        r"could not be used \(.* asked for\b.*in its stead was cut off by the limit of 512 tokens"
    )
    with pytest.raises(FailedCallError, match=told):
        judge(backend, VerdictScoring()).score(ITEM)


def test_an_explanation_that_fails_is_paid_too():
    backend = Listed((0.1, 0.2, 0.7), ("nonsense", "stop"), ("nonsense", "stop"))
    verdict = judge(backend, LogprobScoring(explain=True)).score(ITEM)
    assert (verdict.score, verdict.rationale) == (3, "")
    assert verdict.cost.usage == Usage(30, 11)
    assert verdict.raw.texts == ("nonsense", "nonsense")
    assert verdict.raw.told[-1].startswith("no rationale: no usable answer after one repair")


def test_an_explanation_that_was_repaired_shows_what_was_written():
    backend = Listed((0.1, 0.2, 0.7), ("nonsense", "stop"), ('{"rationale": "Silk."}', "stop"))
    verdict = judge(backend, LogprobScoring(explain=True)).score(ITEM)
    assert verdict.rationale == "Silk."
    assert verdict.raw.texts == ("nonsense", '{"rationale": "Silk."}')
    assert verdict.raw.told[0].startswith("asked again: ")


def test_logprobs_become_a_distribution_in_the_order_of_the_scale():
    backend = Listed((0.2, 0.5, 0.3))
    verdict = judge(backend, LogprobScoring()).score(ITEM)
    assert verdict.score == 2
    assert verdict.distribution == {1: 0.2, 2: 0.5, 3: 0.3}
    request = backend.asked[0]
    assert request.options == ("1", "2", "3")
    assert request.messages[-1].content == "Grade: "


def test_grade_words_take_their_space_along():
    backend = Listed((0.2, 0.5, 0.3))
    judge(backend, LogprobScoring(), layout=PromptLayout(grades="words")).score(ITEM)
    assert backend.asked[0].options == (" bad", " average", " good")
    assert backend.asked[0].messages[-1].content == "Grade:"


def test_applicability_is_a_question_of_its_own():
    said_no = Listed((0.9, 0.1))
    assert judge(said_no, LogprobScoring(), ask=True).score(ITEM).score is NOT_APPLICABLE
    assert said_no.asked[0].options == (" no", " yes")
    said_yes = Listed((0.1, 0.9), (0.7, 0.2, 0.1))
    verdict = judge(said_yes, LogprobScoring(), ask=True).score(ITEM)
    assert verdict.score == 1
    assert verdict.cost.usage == Usage(20, 2)


def test_an_explanation_costs_a_second_bounded_call():
    backend = Listed((0.1, 0.1, 0.8), ('{"rationale": "Silk."}', "stop"))
    verdict = judge(backend, LogprobScoring(explain=True)).score(ITEM)
    assert (verdict.score, verdict.rationale) == (3, "Silk.")
    assert backend.asked[1].schema["properties"]["rationale"]["maxLength"] == 400


def test_equal_probabilities_go_to_the_lower_grade():
    assert most_likely({3: 0.4, 1: 0.2, 2: 0.4}) == 2


class Found:
    """A retriever that finds two examples, the nearer first."""

    def nearest(self, item):
        return (
            Example("b", "A jute note.", 1, "Jute.", 0.9),
            Example("c", "A wool note.", NOT_APPLICABLE, "No note.", 0.5),
        )


TURNS = PromptLayout(examples="turns")


def remembering(backend, scoring, *, ask=False):
    return replace(judge(backend, scoring, ask=ask, layout=TURNS), retriever=Found())


def answers_shown(request):
    return [m.content for m in request.messages if m.role == "assistant"]


def test_turns_answer_examples_in_the_form_that_is_asked_for():
    backend = Listed(answer("Fine.", "3"), (0.2, 0.3, 0.5), (0.1, 0.9), (0.2, 0.3, 0.5))
    remembering(backend, VerdictScoring()).score(ITEM)
    remembering(backend, LogprobScoring()).score(ITEM)
    remembering(backend, LogprobScoring(), ask=True).score(ITEM)
    verdict, grade, applies, _ = map(answers_shown, backend.asked)
    assert list(map(json.loads, verdict)) == [
        {"rationale": "No note.", "score": "0"},
        {"rationale": "Jute.", "score": "1"},
    ]
    assert grade == ["Grade: 0\nRationale: No note.", "Grade: 1\nRationale: Jute.", "Grade: "]
    assert applies == ["Answer: no", "Answer: yes", "Answer:"]


def test_a_verdict_of_several_raters_has_the_gold_grade_and_every_raters_words():
    class Apart(Found):
        def nearest(self, item):
            said = (Label("b", "q", "x", 1, "Jute."), Label("b", "q", "y", 2, ""))
            return (Example("b", "A jute note.", 2, "Jute.", 0.9, ratings=said),)

    backend = Listed(answer("Fine.", "3"))
    replace(remembering(backend, VerdictScoring()), retriever=Apart()).score(ITEM)
    [shown] = map(json.loads, answers_shown(backend.asked[0]))
    assert shown == {"rationale": "Rater 1 (1): Jute. Rater 2 (2):", "score": "2"}


def test_examples_that_the_context_has_no_room_for_are_counted():
    backend = Listed((0.2, 0.3, 0.5))
    backend.context_tokens = 150
    verdict = remembering(backend, LogprobScoring()).score(ITEM)
    assert [example.item_id for example in verdict.examples] == ["b"]
    assert verdict.n_left_out == 1
    assert len(answers_shown(backend.asked[0])) == 2


def test_advice_names_no_limit_that_the_scoring_does_not_have():
    backend = Listed((0.1, 0.8, 0.1), ("<think>So", "length"), ("<think>So", "length"))
    verdict = judge(backend, LogprobScoring(explain=True)).score(ITEM)
    [told] = [line for line in verdict.raw.told if line.startswith("no rationale")]
    assert "came to no answer; turn its reasoning off" in told
    assert "max_tokens" not in told
