import gzip
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.any_text import any_text

from memalign_bench.backends.store import cassette as module
from memalign_bench.backends.store.call_store import CallStore, Reply, StoredCall, call_key
from memalign_bench.backends.store.cassette import read_cassette, write_cassette
from memalign_bench.backends.store.drift import calls_with_request, sample_calls
from memalign_bench.errors import DataError, RecordError, RequestError


def call(question, **answer):
    request = {"model": {"provider": "p"}, "request": {"kind": "chat", "text": question}}
    return StoredCall(call_key(request), request, answer or {"text": "said"}, "served")


CALLS = [call(f"question {n}") for n in range(5)]


def test_what_is_written_is_read_back_and_sorted(tmp_path):
    written = write_cassette(tmp_path / "c.jsonl", CALLS)
    lines = (tmp_path / "c.jsonl").read_text().splitlines()
    assert [json.loads(line)["key"] for line in lines] == sorted(c.key for c in CALLS)
    assert (written.n_calls, written.n_private) == (5, 0)
    assert written.n_bytes == (tmp_path / "c.jsonl").stat().st_size
    assert sorted(read_cassette(tmp_path / "c.jsonl")) == sorted(CALLS)


@given(
    st.lists(any_text(max_size=30), unique=True, max_size=8),
    st.dictionaries(
        any_text(max_size=5),
        st.floats(allow_nan=False, allow_infinity=False) | any_text(max_size=9),
    ),
)
def test_any_answer_survives_in_any_order(tmp_path_factory, questions, answer):
    folder = tmp_path_factory.mktemp("c")
    calls = [StoredCall(*call(question)[:2], answer, "m") for question in questions]
    write_cassette(folder / "one.jsonl", calls)
    write_cassette(folder / "two.jsonl", calls[::-1])
    assert (folder / "one.jsonl").read_bytes() == (folder / "two.jsonl").read_bytes()
    assert read_cassette(folder / "two.jsonl") == sorted(calls)


def test_private_texts_stay_behind(tmp_path):
    numbers = call("a sentence of a person", probabilities=[0.2, 0.8], mass=1.0)
    vectors = call("another one", vector=[1.0])
    written = write_cassette(tmp_path / "c.jsonl", [*CALLS, numbers, vectors], private=True)
    text = (tmp_path / "c.jsonl").read_text()
    assert (written.n_calls, written.n_private) == (2, 5)
    assert "sentence" not in text
    assert "another" not in text
    assert "said" not in text
    assert {c.request for c in read_cassette(written.path)} == {None}
    with pytest.raises(RequestError, match="does not say what was asked"):
        calls_with_request(read_cassette(written.path))


def test_a_large_one_is_compressed_the_same_each_time(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "LARGEST", 100)
    path = tmp_path / "c.jsonl"
    path.write_text("an older one")
    first = write_cassette(path, CALLS)
    data = first.path.read_bytes()
    assert first.path.name == "c.jsonl.gz"
    assert not path.exists()
    assert write_cassette(path, CALLS).path.read_bytes() == data
    assert read_cassette(path) == sorted(CALLS)


def test_every_problem_of_a_cassette_is_told(tmp_path):
    good = json.dumps({"key": CALLS[0].key, "answer": {}, "model": "m"})
    forged = {**CALLS[1]._asdict(), "key": "0" * 64}
    lines = [good, good, "{", "[1]", json.dumps(forged), json.dumps({"key": "a", "answer": {}})]
    (tmp_path / "c.jsonl").write_text("\n".join(lines))
    with pytest.raises(DataError) as error:
        read_cassette(tmp_path / "c.jsonl")
    found = error.value.problems
    assert len(found) == 5
    assert "line 2: call" in found[0]
    assert "stands there twice" in found[0]
    assert "line 3" in found[1]
    assert "is not the hash of what was asked" in found[3]


def test_a_truncated_archive_is_refused(tmp_path):
    (tmp_path / "c.jsonl.gz").write_bytes(gzip.compress(b"{}\n" * 999)[:40])
    with pytest.raises(DataError, match="export it again"):
        read_cassette(tmp_path / "c.jsonl")
    with pytest.raises(RequestError, match="no cassette at"):
        read_cassette(tmp_path / "other.jsonl")


def test_a_store_knows_what_a_run_used(tmp_path):
    path = tmp_path / "calls.sqlite"
    for run_id, questions in (("one", "ab"), ("two", "bc")):
        with CallStore(path, run_id) as store:
            for question in questions:
                store.get_or_call({"q": question}, lambda: Reply({"v": 1}, "m", 0.0))
    with CallStore(path) as store:
        store.get_or_call({"q": "d"}, lambda: Reply({"v": 1}, "m", 0.0))
        assert [c.request["q"] for c in store.calls_of(["two"])] == sorted(
            "bc", key=lambda q: call_key({"q": q})
        )
        assert len(list(store.calls_of(["one", "two"]))) == 3
        assert list(store.calls_of(["three"])) == []


def test_taking_calls_is_all_or_nothing(tmp_path):
    with CallStore(tmp_path / "calls.sqlite") as store:
        assert store.add(CALLS[:2]) == 2
        assert store.add(CALLS[:3]) == 1
        other = CALLS[1]._replace(answer={"text": "another"})
        with pytest.raises(RecordError, match="with another answer; nothing"):
            store.add([CALLS[4], other])
        assert store.count() == 3
        assert store.find(CALLS[2].key) == CALLS[2]


def test_a_sample_is_drawn_by_its_seed():
    assert sample_calls(CALLS, 3, 1) == sample_calls(CALLS, 3, 1)
    assert len(set(c.key for c in sample_calls(CALLS, 3, 1))) == 3
    assert len(sample_calls(CALLS, 99, 1)) == 5
    assert sample_calls([], 3, 0) == []
