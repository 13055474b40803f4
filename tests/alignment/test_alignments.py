import dataclasses

import pytest

from memalign_bench.alignment.base import AlignContext, MemorySettings
from memalign_bench.alignment.baselines.knn_vote import KnnVote
from memalign_bench.alignment.baselines.median_label import MedianLabel
from memalign_bench.alignment.dual import DualMemory
from memalign_bench.alignment.unaligned import NoAlignment
from memalign_bench.errors import AlignmentError
from memalign_bench.judging.judge import Judge, LabelledItem, ShownItem
from memalign_bench.judging.prompt import PromptLayout
from memalign_bench.judging.scoring import LogprobScoring
from memalign_bench.memory.distillers import ExtractiveDistiller
from memalign_bench.memory.embedders import BackendEmbedder, TfidfEmbedder
from memalign_bench.types import NOT_APPLICABLE, DimensionRubric, Rubric, Scale

DIMENSION = DimensionRubric("q", "Q", "Sound?", {1: "No.", 2: "So.", 3: "Yes."}, "Never.")
RUBRIC = Rubric("r", "note", Scale((1, 2, 3), ("bad", "average", "good")), {"q": DIMENSION})
JUDGE = Judge(RUBRIC, DIMENSION, None, LogprobScoring(), PromptLayout())
CONTEXT = AlignContext(0, None)
TRAIN = [
    LabelledItem(ShownItem(f"i{n}", f"word{n} shared text", f"word{n}"), score, f"reason {n} why")
    for n, score in enumerate([1, 2, 3, 3, NOT_APPLICABLE])
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
    assert {"memory.query", "memory.diversity"} <= dual().keys
    assert "embedding" not in dual().keys
    apart = dataclasses.replace(dual(), embedder=BackendEmbedder())
    assert "embedding" in apart.keys
    assert NoAlignment().keys == MedianLabel().keys == frozenset()


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"k": 0}, "memory.k must be a whole number >= 1"),
        ({"floor": 2.0}, "memory.floor"),
        ({"query": "title"}, "memory.query must be view, item, case, facts, got 'title'"),
        ({"diversity": -0.1}, "memory.diversity must lie in 0 to 1"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, told):
    with pytest.raises(ValueError, match=told):
        MemorySettings(**settings)


def test_random_neighbours_are_as_many_and_others_than_the_nearest():
    many = [
        LabelledItem(ShownItem(f"m{n:02d}", f"common text {n}", f"text {n}"), 1 + n % 3, f"why {n}")
        for n in range(24)
    ]
    settings = (MemorySettings(k=4), ExtractiveDistiller(), TfidfEmbedder())
    drawn = DualMemory("random_neighbours", True, True, *settings, neighbours="random")
    judge = drawn.align(JUDGE, many, CONTEXT).judge
    nearest = DualMemory("full", True, True, *settings).align(JUDGE, many, CONTEXT).judge
    asked = [ShownItem(f"q{n}", f"common text {n}", "") for n in range(10)]
    chosen = [[e.item_id for e in judge.retriever.nearest(item)] for item in asked]
    near = [[e.item_id for e in nearest.retriever.nearest(item)] for item in asked]
    assert all(len(set(ids)) == 4 for ids in chosen)
    assert chosen != near
    assert len({tuple(ids) for ids in chosen}) > 5  # drawn anew for each item
    assert judge.guidelines == nearest.guidelines
    again = drawn.align(JUDGE, many, CONTEXT).judge
    assert [[e.item_id for e in again.retriever.nearest(item)] for item in asked] == chosen
    other = drawn.align(JUDGE, many, AlignContext(1, None)).judge
    assert [[e.item_id for e in other.retriever.nearest(item)] for item in asked] != chosen
    similarities = [e.similarity for e in judge.retriever.nearest(asked[0])]
    assert similarities == sorted(similarities, reverse=True)
    assert "memory.floor" not in drawn.keys
    with pytest.raises(ValueError, match="neighbours must be nearest or random"):
        DualMemory("odd", True, True, *settings, neighbours="far")


def test_nearest_training_items_vote():
    graded = [
        LabelledItem(ShownItem(name, text, text), score, "why")
        for name, text, score in [
            ("a", "red apple pie", 3),
            ("b", "red apple tart", 3),
            ("c", "red brick wall", 1),
            ("d", "grey brick wall", 1),
            ("e", "red apple", NOT_APPLICABLE),
        ]
    ]
    knn = KnnVote("knn_vote", MemorySettings(k=3), TfidfEmbedder())
    aligned = knn.align(JUDGE, graded, CONTEXT)
    assert aligned.n_examples == 4  # the item that does not apply has no vote
    verdict = aligned.judge.score(ShownItem("q", "red apple cake", ""))
    assert verdict.score == 3
    assert {example.item_id for example in verdict.examples} == {"a", "b", "c"}
    assert aligned.judge.score(ShownItem("q", "brick wall", "")).score == 1
    with pytest.raises(ValueError, match="set embedder=tfidf"):
        KnnVote("knn_vote", MemorySettings(), BackendEmbedder())
    with pytest.raises(AlignmentError, match="only 2 training items"):
        knn.align(JUDGE, graded[:2], CONTEXT)
    with pytest.raises(AlignmentError, match="no training item of 'q' has a grade"):
        knn.align(JUDGE, graded[-1:], CONTEXT)
