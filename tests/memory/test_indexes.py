import os

import numpy as np
import pytest

from memalign_bench.memory import indexes
from memalign_bench.memory.embedders import unit_rows

VECTORS = unit_rows(np.random.default_rng(0).standard_normal((400, 8)))


@pytest.fixture
def graphs(monkeypatch, tmp_path):
    """The folder in which graphs are kept; every index is one."""
    monkeypatch.setattr(indexes, "MOST_COMPARED", 0)
    monkeypatch.setenv("MEMALIGN_BENCH_CACHE", str(tmp_path))
    return tmp_path / "graphs"


def nearest_of_all(index):
    """What a graph leads to from every vector, and all that a comparison brings."""
    found = [index.search(row[None], 4) for row in VECTORS] + [index.everything(VECTORS[:1])]
    return [(cosines.tolist(), places.tolist()) for cosines, places in found]


def test_a_graph_is_linked_the_same_each_time_and_once(graphs, monkeypatch):
    one = indexes.index_of(VECTORS)
    (kept,) = graphs.iterdir()
    first = kept.read_bytes()
    kept.unlink()
    two = indexes.index_of(VECTORS)
    assert kept.read_bytes() == first
    monkeypatch.setattr(indexes, "_link_graph", None)
    three = indexes.index_of(VECTORS)
    assert nearest_of_all(one) == nearest_of_all(two) == nearest_of_all(three)
    assert np.array_equal(three.rows(np.array([3, 1])), VECTORS[[3, 1]])


def test_other_vectors_are_another_graph(graphs):
    indexes.index_of(VECTORS)
    other = VECTORS[::-1]
    assert indexes.index_of(other).rows(np.array([0])).tolist() == VECTORS[[-1]].tolist()
    assert len(list(graphs.iterdir())) == 2


def test_a_kept_graph_that_is_cut_short_is_linked_anew(graphs):
    whole = nearest_of_all(indexes.index_of(VECTORS))
    (kept,) = graphs.iterdir()
    length = kept.stat().st_size
    kept.write_bytes(kept.read_bytes()[:100])
    assert nearest_of_all(indexes.index_of(VECTORS)) == whole
    assert kept.stat().st_size == length


def test_where_no_graph_can_be_kept_it_is_held_in_memory(graphs):
    graphs.write_text("not a folder")
    assert len(nearest_of_all(indexes.index_of(VECTORS))) == len(VECTORS) + 1


def test_the_graphs_that_nobody_used_for_longest_make_room(graphs, monkeypatch):
    indexes.index_of(VECTORS)
    (oldest,) = graphs.iterdir()
    os.utime(oldest, (0, 0))
    monkeypatch.setattr(indexes, "_MAX_CACHE_BYTES", 2 * oldest.stat().st_size)
    for turned in (1, 2):
        indexes.index_of(np.roll(VECTORS, turned, axis=0))
    assert oldest not in set(graphs.iterdir())
    assert len(list(graphs.iterdir())) == 1  # down to two thirds
