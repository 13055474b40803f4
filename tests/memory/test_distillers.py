import json

import pytest

from memalign_bench.backends.base import ChatAnswer
from memalign_bench.errors import AlignmentError
from memalign_bench.judging.judge import LabelledItem, ShownItem
from memalign_bench.memory.distillers import ExtractiveDistiller, LLMDistiller, _known_id
from memalign_bench.types import DimensionRubric, Guideline, Scale, Usage

SCALE = Scale((1, 2, 3), ("bad", "average", "good"))
DIMENSION = DimensionRubric("q", "Q", "Sound?", {1: "No.", 2: "So.", 3: "Yes."})


def labelled(name, score, rationale):
    return LabelledItem(ShownItem(name, f"view of {name}", ""), score, rationale)


ITEMS = [
    labelled("a", 1, "The scaler saw the test rows before the split."),
    labelled("b", 1, "The scaler was fitted on all rows before the split."),
    labelled("c", 1, "No baseline stands beside the forecast."),
    labelled("d", 3, "A search on training folds and one final test score."),
]


class Says:
    def __init__(self, *texts):
        self.texts, self.asked = list(texts), []

    def chat(self, request):
        self.asked.append(request)
        return ChatAnswer(self.texts.pop(0), "stop", Usage(100, 20))


def test_extracts_a_covering_set_in_turns_of_grades():
    made = ExtractiveDistiller(n_guidelines=3).distil(ITEMS, DIMENSION, SCALE, None)
    assert [entry.grade for entry in made.guidelines] == [1, 3, 1]
    chosen = {entry.sources[0] for entry in made.guidelines}
    assert "d" in chosen
    assert "c" in chosen, "the second pick of grade 1 must cover what the first does not"
    assert all(entry.text in {item.rationale for item in ITEMS} for entry in made.guidelines)


def test_extraction_does_not_hang_on_the_order_of_items():
    forward = ExtractiveDistiller().distil(ITEMS, DIMENSION, SCALE, None)
    backward = ExtractiveDistiller().distil(ITEMS[::-1], DIMENSION, SCALE, None)
    assert forward == backward


def test_nothing_to_distil_is_said():
    silent = [labelled("a", 1, " "), labelled("b", 2, "")]
    for distiller in (ExtractiveDistiller(), LLMDistiller()):
        with pytest.raises(AlignmentError, match="no training item of 'q' has a rationale"):
            distiller.distil(silent, DIMENSION, SCALE, None)


def test_an_llm_writes_guidelines_and_invented_sources_are_dropped():
    text = json.dumps(
        {
            "guidelines": [
                {
                    "text": "Fitting before the split is bad.",
                    "grade": "1",
                    "sources": ["a", "feedback b"],
                },
                {"text": "A search with a test score is good.", "grade": "3", "sources": ["zz"]},
            ]
        }
    )
    backend = Says(text)
    made = LLMDistiller(max_guidelines=4).distil(ITEMS, DIMENSION, SCALE, backend)
    assert made.guidelines == (
        Guideline("Fitting before the split is bad.", ("a", "b"), 1),
        Guideline("A search with a test score is good.", (), 3),
    )
    assert made.invented_sources == 1
    [request] = backend.asked
    assert request.schema["properties"]["guidelines"]["maxItems"] == 4
    assert "## Feedback a\nGrade: 1\nRationale: The scaler saw" in request.messages[1].content


@pytest.mark.parametrize(
    ("source", "item_id"),
    [
        ("nb-07", "nb-07"),
        ("nb-07.", "nb-07"),
        ("## Feedback nb-07:", "nb-07"),
        ("Feedback: nb.07", "nb.07"),
        ("Feedback my note", "my note"),
        ("nb-7", None),
        ("xnb-07", None),
    ],
)
def test_a_source_is_known_with_what_was_copied_around_it(source, item_id):
    assert _known_id(source, {"nb-07", "nb.07", "07", "my note"}) == item_id


def test_feedback_goes_in_batches():
    empty = json.dumps({"guidelines": []})
    backend = Says(empty, empty)
    made = LLMDistiller(batch_size=3).distil(ITEMS, DIMENSION, SCALE, backend)
    assert made.guidelines == ()
    assert [request.messages[1].content.count("## Feedback") for request in backend.asked] == [3, 1]


def test_an_unusable_distillation_is_a_failure_not_a_weaker_memory():
    with pytest.raises(AlignmentError, match="distillation failed"):
        LLMDistiller().distil(ITEMS, DIMENSION, SCALE, Says("no", "still no"))


def test_a_failed_distillation_says_what_all_its_calls_took():
    backend = Says(json.dumps({"guidelines": []}), "no", "still no")
    with pytest.raises(AlignmentError) as caught:
        LLMDistiller(batch_size=3).distil(ITEMS, DIMENSION, SCALE, backend)
    assert caught.value.cost.usage == Usage(300, 60)
