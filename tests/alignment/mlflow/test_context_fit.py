import pytest

from memalign_bench.alignment.mlflow.context_fit import Room, fit_into
from memalign_bench.errors import AlignmentError
from memalign_bench.judging.judge import Judge, LabelledItem, ShownItem
from memalign_bench.judging.prompt import PromptLayout
from memalign_bench.types import DimensionRubric, Rubric, Scale

DIMENSION = DimensionRubric("q", "Q", "Sound?", {1: "No.", 2: "So.", 3: "Yes."})
RUBRIC = Rubric("r", "note", Scale((1, 2, 3), ("bad", "average", "good")), {"q": DIMENSION})
JUDGE = Judge(RUBRIC, DIMENSION, None, None, PromptLayout())
ITEMS = [
    LabelledItem(ShownItem(f"i{n}", "word " * 1000, "word " * 100), 1 + n % 3, "why")
    for n in range(10)
]  # 1,000 tokens as judged, 100 as shown to others, by the suite's estimate
ROOM = Room(judge=None, reflection=None, answer=1000, n_examples=4, max_records=50)


def test_what_fits_goes_as_it_is():
    fit = fit_into(JUDGE, ITEMS, ROOM)
    assert fit.texts == tuple(item.shown.text for item in ITEMS)
    assert fit.batches == (tuple(range(10)),)
    assert fit.notes == ()


def test_brief_views_where_the_judge_needs_them():
    """Four whole examples and the item take over 5,500 tokens; four brief ones about 3,300."""
    fit = fit_into(JUDGE, ITEMS, ROOM._replace(judge=4096))
    assert fit.texts == tuple(item.shown.example_text for item in ITEMS)
    assert "brief views" in fit.notes[0]
    assert "holds 4096" in fit.notes[0]
    assert fit_into(JUDGE, ITEMS, ROOM._replace(judge=4096, n_examples=0)).notes == ()
    with pytest.raises(AlignmentError, match=r"needs about \d+ tokens even with brief views.*2048"):
        fit_into(JUDGE, ITEMS, ROOM._replace(judge=2048))


def test_as_many_batches_as_the_reflection_model_needs():
    """8,192 less answer, frame and guidelines leave about 5,800: five items of 1,130."""
    fit = fit_into(JUDGE, ITEMS, ROOM._replace(reflection=8192))
    assert fit.batches == ((0, 1, 2, 3, 4), (5, 6, 7, 8, 9))
    assert fit.notes == (
        "feedback distilled in 2 batches of at most 5 items, one after the other (MLflow alone: 1)",
    )
    assert len(fit_into(JUDGE, ITEMS, ROOM._replace(max_records=3)).batches) == 4
    assert len(fit_into(JUDGE, ITEMS, ROOM._replace(max_records=None, reflection=9)).batches) == 1
    with pytest.raises(AlignmentError, match=r"feedback on i0 alone needs about \d+ tokens"):
        fit_into(JUDGE, ITEMS, ROOM._replace(reflection=3000))
