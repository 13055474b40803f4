import numpy as np
import pytest

from memalign_bench.errors import AlignmentError
from memalign_bench.judging.judge import LabelledItem, ShownItem
from memalign_bench.memory import embedders, indexes
from memalign_bench.memory.embedders import TfidfEmbedder, unit_rows
from memalign_bench.memory.episodic import QUERIES, EpisodicMemory

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


ROUND = [labelled("east"), labelled("north", 2), labelled("also east", 3), labelled("west")]


@pytest.mark.parametrize(
    ("diversity", "chosen"),
    [
        # By hand, to "eastish" (0.8, 0.6): east and its twin have 0.8, north 0.6. After "also east"
        # (first by id) the twin gains 0.8 (1 - d) - d, north 0.6 (1 - d): they cross at d = 1/6.
        (0.0, ["id-also east", "id-east"]),
        (0.16, ["id-also east", "id-east"]),
        (0.17, ["id-also east", "id-north"]),
        (1.0, ["id-also east", "id-west"]),  # as far from the first as can be
    ],
)
def test_diversity_is_maximal_marginal_relevance(diversity, chosen):
    vectors = VECTORS | {"also east": (1, 0), "eastish": (0.8, 0.6)}

    def known(texts):
        return unit_rows(np.array([vectors[text] for text in texts]))

    memory = EpisodicMemory.of(ROUND, known, k=2, floor=None, diversity=diversity)
    found = memory.nearest(ShownItem("new", "eastish", ""))
    assert [example.item_id for example in found] == chosen
    similarities = [example.similarity for example in found]
    assert similarities == sorted(similarities, reverse=True)


def test_the_floor_holds_before_diversity():
    memory = EpisodicMemory.of(ITEMS, encode, k=2, floor=0.5, diversity=1.0)
    found = memory.nearest(ShownItem("new", "northeast", ""))
    assert [example.item_id for example in found] == ["id-east", "id-north"]


def test_what_is_embedded_is_a_choice():
    # By its view the new item lies in the east, by its whole text in the west, by its case north,
    # by its facts north-east.
    items = [
        LabelledItem(ShownItem(name, view, "", whole, case, facts), 1, "")
        for name, view, whole, case, facts in [
            ("a", "east", "north", "west", "west"),
            ("b", "north", "west", "east", "northeast"),
            ("c", "west", "east", "north", "north"),
        ]
    ]
    new = ShownItem("new", "east", "", "west", "north", "northeast")
    nearest = {}
    for query in QUERIES:
        memory = EpisodicMemory.of(items, encode, k=1, floor=None, query=query)
        nearest[query] = memory.nearest(new)[0].item_id
    assert nearest == {"view": "a", "item": "b", "case": "c", "facts": "b"}


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


def _plain_nearest(memory, vectors, item):
    """What the docstring of `nearest` says, without an index and an item at a time."""
    (query,) = memory.encode([item.text])
    ranked = sorted(
        (-round(float(vector @ query), 6), other.shown.item_id)
        for other, vector in zip(memory.items, vectors, strict=True)
        if other.shown.item_id not in memory.left_out | {item.item_id}
    )
    return [name for cosine, name in ranked if memory.floor is None or -cosine >= memory.floor]


@pytest.mark.parametrize("kind", ["few", "many", "graph", "sparse"])
def test_every_index_finds_what_comparing_one_by_one_finds(monkeypatch, tmp_path, kind):
    monkeypatch.setenv("MEMALIGN_BENCH_CACHE", str(tmp_path))
    rng = np.random.default_rng(0)
    words = [f"w{letter}" for letter in "abcdefghij"]
    texts = {f"t{at}": " ".join(rng.choice(words, size=4)) for at in range(330)}
    items = [
        LabelledItem(ShownItem(name, text, text), 3, "") for name, text in list(texts.items())[:300]
    ]
    if kind == "few":
        items = items[:50]
    monkeypatch.setattr(indexes, "MOST_COMPARED", 0 if kind == "graph" else 1_000)
    monkeypatch.setattr(embedders, "MOST_DENSE", 0 if kind == "sparse" else 10**9)
    encode = TfidfEmbedder().fit([item.shown.text for item in items], None)
    memory = EpisodicMemory.of(items, encode, 4, None).without("t7")
    kinds = {"graph": indexes.GraphIndex, "sparse": indexes.SparseIndex}
    assert type(memory.index) is kinds.get(kind, indexes.ExactIndex)
    found = []
    vectors = encode([item.shown.text for item in memory.items])
    for name, text in texts.items():
        item = ShownItem(name, text, text)
        mine = [example.item_id for example in memory.nearest(item)]
        plain = _plain_nearest(memory, vectors, item)
        if kind == "graph":  # of many equals it may lead to others
            found.append(len(set(mine) & set(plain[:4])) / 4)
        else:
            assert mine == plain[:4]
        everything = [memory.items[place].shown.item_id for place in memory.ranking(item).places]
        assert everything == plain
    assert kind != "graph" or np.mean(found) > 0.9
