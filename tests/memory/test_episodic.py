import numpy as np
import pytest

from memalign_bench.errors import AlignmentError
from memalign_bench.judging.judge import LabelledItem, ShownItem
from memalign_bench.memory.embedders import TfidfEmbedder, unit_rows
from memalign_bench.memory.episodic import EpisodicMemory

VECTORS = {"east": (1, 0), "north": (0, 1), "northeast": (1, 1), "west": (-1, 0)}


def encode(texts):
    return unit_rows(np.array([VECTORS[text] for text in texts]))


def labelled(name, score=1):
    return LabelledItem(ShownItem(f"id-{name}", name, f"short {name}"), score, f"{name}!")


ITEMS = [labelled("west"), labelled("north", 2), labelled("east", 3)]


def test_nearest_are_ranked_by_cosine():
    memory = EpisodicMemory.of(ITEMS, encode, k=2, floor=None)
    found = memory.nearest(ShownItem("new", "northeast", ""))
    assert [example.item_id for example in found] == ["id-east", "id-north"]
    assert found[0].similarity == pytest.approx(np.sqrt(0.5), abs=1e-6)
    assert (found[0].text, found[0].score, found[0].rationale) == ("short east", 3, "east!")


def test_an_item_never_finds_itself():
    memory = EpisodicMemory.of(ITEMS, encode, k=3, floor=None)
    found = memory.nearest(ShownItem("id-east", "east", ""))
    assert [example.item_id for example in found] == ["id-north", "id-west"]


def test_the_floor_lets_retrieval_abstain():
    memory = EpisodicMemory.of(ITEMS, encode, k=3, floor=0.9)
    assert memory.nearest(ShownItem("new", "northeast", "")) == ()
    assert [e.item_id for e in memory.nearest(ShownItem("new", "west", ""))] == ["id-west"]


def test_more_neighbours_than_items_is_refused():
    with pytest.raises(AlignmentError, match=r"memory.k=4 neighbours, but only 3"):
        EpisodicMemory.of(ITEMS, encode, k=4, floor=None)


def test_tfidf_knows_only_what_it_was_fitted_on():
    encode_text = TfidfEmbedder(ngrams=1).fit(["alpha beta", "beta gamma"], None)
    known, unknown = encode_text(["alpha beta", "delta epsilon"])
    assert np.linalg.norm(known) == pytest.approx(1)
    assert not unknown.any()


def test_texts_without_words_are_refused():
    with pytest.raises(AlignmentError, match="no word to embed"):
        TfidfEmbedder().fit(["...", "!!"], None)


def test_vectors_that_are_no_numbers_are_refused():
    with pytest.raises(AlignmentError, match="not finite"):
        unit_rows([[np.nan, 1.0]])
