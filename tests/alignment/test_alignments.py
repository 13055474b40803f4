import dataclasses

import pytest

from memalign_bench.alignment.base import AlignContext, MemorySettings
from memalign_bench.alignment.dual import DualMemory
from memalign_bench.alignment.median_label import MedianLabel
from memalign_bench.alignment.unaligned import NoAlignment
from memalign_bench.errors import AlignmentError
from memalign_bench.judging.judge import Judge, LabelledItem, ShownItem
from memalign_bench.judging.prompt import PromptLayout
from memalign_bench.judging.scoring import LogprobScoring
from memalign_bench.memory.distillers import ExtractiveDistiller
from memalign_bench.memory.embedders import TfidfEmbedder
from memalign_bench.types import DimensionRubric, Rubric, Scale

DIMENSION = DimensionRubric("q", "Q", "Sound?", {1: "No.", 2: "So.", 3: "Yes."}, "Never.")
RUBRIC = Rubric("r", "note", Scale((1, 2, 3), ("bad", "average", "good")), {"q": DIMENSION})
JUDGE = Judge(RUBRIC, DIMENSION, None, LogprobScoring(), PromptLayout())
CONTEXT = AlignContext(0, None)
TRAIN = [
    LabelledItem(ShownItem(f"i{n}", f"word{n} shared text", f"word{n}"), score, f"reason {n} why")
    for n, score in enumerate([1, 2, 3, 3, 0])
]


def dual(*, semantic=True, episodic=True, **memory):
    settings = MemorySettings(**memory)
    parts = (ExtractiveDistiller(), TfidfEmbedder())
    return DualMemory("full", semantic, episodic, settings, *parts)


def test_none_is_the_judge_itself():
    assert NoAlignment().align(JUDGE, TRAIN, CONTEXT).judge is JUDGE


def test_median_label_answers_the_lower_median_of_what_applies():
    judge = MedianLabel().align(JUDGE, TRAIN, CONTEXT).judge
    assert judge.score(TRAIN[0].shown).score == 2
    with pytest.raises(AlignmentError, match="no training item of 'q' has a grade"):
        MedianLabel().align(JUDGE, TRAIN[-1:], CONTEXT)


@pytest.mark.parametrize(("semantic", "episodic"), [(True, False), (False, True), (True, True)])
def test_each_memory_has_its_switch(semantic, episodic):
    aligned = dual(semantic=semantic, episodic=episodic).align(JUDGE, TRAIN, CONTEXT)
    assert bool(aligned.judge.guidelines) == semantic
    assert (aligned.judge.retriever is not None) == episodic
    assert (aligned.distillation is not None) == semantic
    assert aligned.n_examples == (4 if episodic else 0)


def test_the_judge_that_was_given_stays_as_it_was():
    before = dataclasses.asdict(dataclasses.replace(JUDGE, retriever=None))
    dual().align(JUDGE, TRAIN, CONTEXT)
    assert dataclasses.asdict(JUDGE) == before


def test_not_applicable_items_are_remembered_where_applicability_is_asked():
    asked = dataclasses.replace(JUDGE, ask_applicability=True)
    assert dual().align(asked, TRAIN, CONTEXT).n_examples == 5
    assert dual(include_na=False).align(asked, TRAIN, CONTEXT).n_examples == 4
    assert dual(include_na=True).align(JUDGE, TRAIN, CONTEXT).n_examples == 5


def test_guidelines_never_speak_of_items_that_do_not_apply():
    asked = dataclasses.replace(JUDGE, ask_applicability=True)
    aligned = dual().align(asked, TRAIN, CONTEXT)
    assert "i4" not in {name for entry in aligned.judge.guidelines for name in entry.sources}


def test_keys_are_those_of_the_memories_switched_on():
    assert "memory.k" not in dual(episodic=False).keys
    assert "distiller" not in dual(semantic=False).keys
    assert {"memory.k", "distiller", "embedder", "reflection"} <= dual().keys
    assert NoAlignment().keys == MedianLabel().keys == frozenset()


@pytest.mark.parametrize(
    ("settings", "told"),
    [({"k": 0}, "memory.k must be a whole number >= 1"), ({"floor": 2.0}, "memory.floor")],
)
def test_settings_that_make_no_sense_are_refused(settings, told):
    with pytest.raises(ValueError, match=told):
        MemorySettings(**settings)
