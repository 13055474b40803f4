import socket
import sqlite3
import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.any_text import any_text

from memalign_bench.backends.store import leases
from memalign_bench.backends.store.call_store import CallStore, Reply, call_key, canonical_json
from memalign_bench.errors import FailedCallError, RecordError, RequestError

JSON = st.none() | st.booleans() | st.integers() | st.lists(st.integers() | st.just("é"))


def reply(value=1, latency=0.5):
    return Reply({"value": value}, "model-1", latency, retries=2)


def test_an_answer_is_called_for_once_and_then_stored(tmp_path):
    calls = []

    def call():
        calls.append(1)
        return reply()

    with CallStore(tmp_path / "a" / "calls.sqlite") as store:
        first = store.get_or_call({"q": 1}, call)
        assert (first.from_store, first.latency_s, first.retries) == (False, 0.5, 2)
    with CallStore(tmp_path / "a" / "calls.sqlite") as store:
        again = store.get_or_call({"q": 1}, call)
        assert store.count() == 1
    assert again.answer == {"value": 1}
    assert again.model == "model-1"
    assert (again.from_store, again.latency_s, again.retries) == (True, 0.5, 0)
    assert calls == [1]


def test_other_requests_are_other_calls():
    with CallStore() as store:
        store.get_or_call({"q": 1}, lambda: reply(1))
        assert store.get_or_call({"q": 2}, lambda: reply(2)).answer == {"value": 2}
        assert store.count() == 2


def test_the_columns_are_what_a_cassette_needs(tmp_path):
    path = tmp_path / "calls.sqlite"
    with CallStore(path) as store:
        store.get_or_call({"q": "é"}, reply)
    with sqlite3.connect(path) as db:
        cursor = db.execute("SELECT * FROM calls")
        names = [column[0] for column in cursor.description]
        row = dict(zip(names, cursor.fetchone(), strict=True))
    db.close()
    assert names == ["key", "request", "answer", "model", "created", "latency"]
    assert row["key"] == call_key({"q": "é"})
    assert row["request"] == '{"q":"é"}'
    assert row["answer"] == '{"value":1}'
    assert row["latency"] == 0.5


def test_a_failed_call_is_not_stored_and_is_made_again():
    def fail():
        raise FailedCallError("no")

    with CallStore() as store:
        with pytest.raises(FailedCallError, match="no"):
            store.get_or_call({"q": 1}, fail)
        assert store.count() == 0
        assert store.get_or_call({"q": 1}, reply).answer == {"value": 1}


def test_equal_requests_at_once_are_sent_once():
    calls = []
    gate = threading.Event()

    def call():
        calls.append(1)
        gate.wait(5)
        return reply()

    with CallStore() as store, ThreadPoolExecutor(8) as pool:
        waiting = [pool.submit(store.get_or_call, {"q": 1}, call) for _ in range(8)]
        time.sleep(0.2)
        gate.set()
        entries = [one.result() for one in waiting]
    assert len(calls) == 1
    assert sorted(entry.from_store for entry in entries) == [False] + [True] * 7


def test_a_failure_reaches_everyone_who_waits_for_it():
    gate = threading.Event()

    def fail():
        gate.wait(5)
        raise FailedCallError("broken")

    with CallStore() as store, ThreadPoolExecutor(3) as pool:
        waiting = [pool.submit(store.get_or_call, {"q": 1}, fail) for _ in range(3)]
        time.sleep(0.2)
        gate.set()
        assert all(isinstance(one.exception(), FailedCallError) for one in waiting)


def test_a_store_that_cannot_be_written_fails_everyone_who_waits(tmp_path):
    started, go = threading.Event(), threading.Event()

    def call():
        started.set()
        go.wait(10)
        store._db.execute("PRAGMA query_only=1")
        return reply()

    with CallStore(tmp_path / "calls.sqlite") as store:
        told = []

        def ask():
            with pytest.raises(
                RequestError, match="attempt to write a readonly database"
            ) as raised:
                store.get_or_call({"q": 1}, call)
            told.append(raised.value)

        # Daemons: one that hung would keep the tests from ending.
        threads = [threading.Thread(target=ask, daemon=True) for _ in range(3)]
        threads[0].start()
        assert started.wait(10)
        for thread in threads[1:]:
            thread.start()
        time.sleep(0.1)
        go.set()
        for thread in threads:
            thread.join(5)
        assert len(told) == 3
        store._db.execute("PRAGMA query_only=0")
        assert store.get_or_call({"q": 1}, reply).answer == {"value": 1}


def test_a_full_disk_is_told_as_one_and_the_store_is_used_again(tmp_path):
    path = tmp_path / "calls.sqlite"
    with CallStore(path) as store:
        store.get_or_call({"q": 1}, reply)
        store._db.execute("PRAGMA max_page_count=1")  # SQLite takes the size that it has
        with pytest.raises(
            RecordError, match=r"calls\.sqlite .*the disk is full.* Make room"
        ) as told:
            store.get_or_call({"q": 2}, lambda: reply("x" * 50_000))
        assert "rollback" not in str(told.value)
        store._db.execute("PRAGMA max_page_count=100000")
        assert store.get_or_call({"q": 2}, reply).answer == {"value": 1}


def test_a_commit_that_fails_is_undone(tmp_path):
    with CallStore(tmp_path / "calls.sqlite") as store:
        # A deferred key is checked by COMMIT.
        store._db.execute("PRAGMA foreign_keys=ON")
        store._db.execute("CREATE TEMP TABLE one (n PRIMARY KEY)")
        store._db.execute("CREATE TEMP TABLE two (n REFERENCES one DEFERRABLE INITIALLY DEFERRED)")
        with pytest.raises(RecordError, match="FOREIGN KEY"), store._transaction():
            store._execute("INSERT INTO two VALUES (1)")
        assert store.get_or_call({"q": 1}, reply).answer == {"value": 1}


def test_claims_are_renewed_again_after_a_renewal_that_failed(tmp_path, monkeypatch):
    monkeypatch.setattr(leases, "_RENEW_SECONDS", 0.01)
    path, started, go = tmp_path / "calls.sqlite", threading.Event(), threading.Event()

    def call():
        started.set()
        go.wait(10)
        return reply()

    def until():
        return other.execute("SELECT until FROM claims").fetchone()[0]

    with (
        CallStore(path) as store,
        closing(sqlite3.connect(path, isolation_level=None)) as other,
        ThreadPoolExecutor(1) as pool,
    ):
        asked = pool.submit(store.get_or_call, {"q": 1}, call)
        assert started.wait(10)
        with store._lock:
            store._db.execute("PRAGMA query_only=1")
        time.sleep(0.1)
        with store._lock:
            store._db.execute("PRAGMA query_only=0")
        before = until()
        deadline = time.monotonic() + 30
        while until() == before and time.monotonic() < deadline:
            time.sleep(0.01)
        assert until() > before
        go.set()
        assert asked.result(10).answer == {"value": 1}


def test_a_claim_that_could_not_be_given_up_is_renewed_no_more(tmp_path, monkeypatch):
    monkeypatch.setattr(leases, "_RENEW_SECONDS", 0.01)
    path, started, go = tmp_path / "calls.sqlite", threading.Event(), threading.Event()

    def fail():
        with store._lock:
            store._db.execute("PRAGMA query_only=1")
        raise FailedCallError("no")

    def call():
        started.set()
        go.wait(10)
        return reply()

    with (
        CallStore(path) as store,
        closing(sqlite3.connect(path, isolation_level=None)) as other,
        ThreadPoolExecutor(1) as pool,
    ):
        with pytest.raises(FailedCallError, match="no"):
            store.get_or_call({"q": 1}, fail)
        store._db.execute("PRAGMA query_only=0")
        asked = pool.submit(store.get_or_call, {"q": 2}, call)
        assert started.wait(10)
        query = "SELECT until FROM claims ORDER BY key = ?"
        left = held = 0.0
        deadline = time.monotonic() + 30
        # Renewed together they would stay as far apart as they were claimed.
        while held < left + 1 and time.monotonic() < deadline:
            time.sleep(0.01)
            (left,), (held,) = other.execute(query, (call_key({"q": 2}),)).fetchall()
        assert held >= left + 1
        go.set()
        asked.result(10)


def test_processes_share_one_file_and_one_answer(tmp_path):
    path = tmp_path / "calls.sqlite"
    script = textwrap.dedent(
        f"""
        import sys
        from pathlib import Path
        from memalign_bench.backends.store.call_store import CallStore, Reply
        with CallStore(Path({str(path)!r})) as store:
            for n in range(60):
                store.get_or_call({{"q": n}}, lambda: Reply({{"by": sys.argv[1]}}, "m", 0.0))
            print([store.get_or_call({{"q": n}}, None).answer["by"] for n in range(60)])
        """
    )
    running = [
        subprocess.Popen([sys.executable, "-c", script, str(n)], stdout=subprocess.PIPE)
        for n in range(2)
    ]
    said = [process.communicate(timeout=60)[0] for process in running]
    assert [process.returncode for process in running] == [0, 0]
    assert said[0] == said[1]
    with CallStore(path) as store:
        assert store.count() == 60


def test_a_store_is_opened_by_many_processes_at_the_same_moment(tmp_path):
    script = textwrap.dedent(
        """
        import sys, time
        from pathlib import Path
        from memalign_bench.backends.store.call_store import CallStore
        start = float(sys.argv[1])
        for n in range(12):
            time.sleep(max(0.0, start + n / 4 - time.time()))
            CallStore(Path(sys.argv[2]) / f"{n}.sqlite").close()
        """
    )
    words = [sys.executable, "-c", script, str(time.time() + 2), str(tmp_path)]
    running = [subprocess.Popen(words, stderr=subprocess.PIPE) for _ in range(6)]
    said = [process.communicate(timeout=60)[1].decode() for process in running]
    assert said == [""] * 6


def test_what_was_stored_survives_a_kill(tmp_path):
    path = tmp_path / "calls.sqlite"
    script = textwrap.dedent(
        f"""
        import os, signal
        from pathlib import Path
        from memalign_bench.backends.store.call_store import CallStore, Reply
        store = CallStore(Path({str(path)!r}))
        for n in range(20):
            store.get_or_call({{"q": n}}, lambda: Reply({{}}, "m", 0.0))
        os.kill(os.getpid(), signal.SIGKILL)
        """
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == -9
    with CallStore(path) as store:
        assert store.count() == 20


def test_a_file_that_is_no_store_is_named_with_the_remedy(tmp_path):
    path = tmp_path / "calls.sqlite"
    path.write_bytes(b"not a database, but long enough to be looked at" * 50)
    with pytest.raises(RequestError, match=r"calls\.sqlite cannot be used .* move this one away"):
        CallStore(path)


@pytest.mark.parametrize(
    ("table", "told"),
    [
        (
            "calls (key TEXT, request TEXT, answer TEXT)",
            "of another version .*key, request, answer",
        ),
        ("experiments (name TEXT)", "another program's database, with the tables experiments"),
    ],
)
def test_an_older_store_or_a_foreign_database_is_told_and_left_as_it_is(tmp_path, table, told):
    path = tmp_path / "calls.sqlite"
    with sqlite3.connect(path) as db:
        db.execute(f"CREATE TABLE {table}")
    db.close()
    before = path.read_bytes()
    with pytest.raises(RequestError, match=told):
        CallStore(path)
    assert path.read_bytes() == before


def test_a_damaged_store_is_a_wrong_request_and_a_locked_one_is_not(tmp_path):
    path = tmp_path / "calls.sqlite"
    with CallStore(path) as store:
        for n in range(200):
            store.get_or_call({"q": n, "more": "x" * 500}, reply)
    data = path.read_bytes()
    path.write_bytes(data[:8192] + b"\xff" * (len(data) - 8192))
    with pytest.raises(RequestError, match="cannot be used"), CallStore(path) as store:
        store.spent()
    assert isinstance(CallStore()._database_error(None, "database is locked"), RecordError)


def test_a_broken_answer_is_named_with_the_remedy(tmp_path):
    path = tmp_path / "calls.sqlite"
    with CallStore(path) as store:
        store.get_or_call({"q": 1}, reply)
    with sqlite3.connect(path) as db:
        db.execute("UPDATE calls SET answer = '{'")
    db.close()
    with CallStore(path) as store:
        for look_up in (
            lambda: store.get_or_call({"q": 1}, reply),
            lambda: store.find(call_key({"q": 1})),
        ):
            with pytest.raises(RequestError, match="holds no JSON"):
                look_up()


@given(st.dictionaries(any_text(max_size=5), JSON))
def test_the_key_does_not_depend_on_the_order_of_keys(value):
    turned = dict(reversed(list(value.items())))
    assert call_key(value) == call_key(turned)
    assert len(call_key(value)) == 64


def test_canonical_json_refuses_what_json_cannot_say():
    with pytest.raises(ValueError, match="JSON"):
        canonical_json({"x": float("nan")})


def test_of_two_stores_on_one_file_one_sends_and_the_other_waits(tmp_path):
    path = tmp_path / "calls.sqlite"
    sent, started, go = [], threading.Event(), threading.Event()

    def slow():
        sent.append("first")
        started.set()
        go.wait(10)
        return Reply({"text": "a"}, "m", 1.0)

    def other():
        sent.append("second")
        return Reply({"text": "b"}, "m", 1.0)

    with CallStore(path) as one, CallStore(path) as two, ThreadPoolExecutor(2) as pool:
        first = pool.submit(one.get_or_call, {"n": 1}, slow)
        assert started.wait(10)
        second = pool.submit(two.get_or_call, {"n": 1}, other)
        time.sleep(0.2)
        assert not second.done()
        go.set()
        assert first.result(10).answer == second.result(10).answer == {"text": "a"}
        assert second.result().from_store
        # A call that failed is free for the next.
        with pytest.raises(ZeroDivisionError):
            one.get_or_call({"n": 2}, lambda: 1 // 0)
        assert two.get_or_call({"n": 2}, other).answer == {"text": "b"}
    assert sent == ["first", "second"]


@pytest.mark.parametrize(
    ("owner", "until", "waits"),
    [
        (f"{socket.gethostname()}:{2**22 + 1}:dead", 1e12, False),  # no such process
        ("elsewhere:1:gone", 0.0, False),  # not renewed in time
        ("elsewhere:1:alive", 1e12, True),
    ],
)
def test_a_claim_lapses_with_its_process(tmp_path, owner, until, waits):
    path, request = tmp_path / "calls.sqlite", {"n": 1}
    with CallStore(path) as store, ThreadPoolExecutor(1) as pool:
        with closing(sqlite3.connect(path)) as other, other:
            values = (call_key(request), owner, until)
            other.execute("INSERT INTO claims VALUES (?, ?, ?)", values)
        asked = pool.submit(store.get_or_call, request, lambda: Reply({"text": "a"}, "m", 0.1))
        done, _ = wait([asked], timeout=0.5 if waits else 10)
        assert bool(done) is not waits
        with closing(sqlite3.connect(path)) as other, other:
            other.execute("DELETE FROM claims WHERE owner = ?", (owner,))
        assert asked.result(10).answer == {"text": "a"}
