"""The call store: every request sent and its answer, named by what was asked.

One SQLite file, one row a call. Threads share one connection under a lock; several processes may
use one file. An answer once stored is what every later caller gets.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from memalign_bench.backends.store.database import (
    ForeignDatabaseError,
    database_error,
    open_database,
)
from memalign_bench.backends.store.leases import Leases
from memalign_bench.closing import Closing
from memalign_bench.errors import MemalignError, RecordError

__all__ = ["CallStore", "Reply", "StoredAnswer", "StoredCall", "call_key", "canonical_json"]

_POLL_SECONDS = 0.05


class Reply(NamedTuple):
    """What a call gave: the answer as JSON values, the model as served, seconds, and retries.

    `build` names the build of llama.cpp that answered, where one in this process did.
    """

    answer: Mapping[str, Any]
    model: str
    latency_s: float
    retries: int = 0
    build: str = ""


class StoredCall(NamedTuple):
    """One row of the store: what was asked, what was answered, and the model as served.

    `request` holds the model's identity and what was asked; None where it may not be told.
    """

    key: str
    request: dict[str, Any] | None
    answer: dict[str, Any]
    model: str


class StoredAnswer(NamedTuple):
    """An answer with where it came from, and the seconds that it took when it was made.

    `retries` is 0 where the store gave it.
    """

    answer: dict[str, Any]
    model: str
    latency_s: float
    retries: int
    from_store: bool


def canonical_json(value: Any) -> str:
    """JSON with sorted keys and no spaces: equal values give equal text.

    >>> canonical_json({"b": 1, "a": [1.5, None]})
    '{"a":[1.5,null],"b":1}'
    """
    # NaN is an error: it would be written as a word that is no JSON.
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )


def call_key(request: Mapping[str, Any]) -> str:
    """Hex sha256 of a request's canonical JSON."""
    return hashlib.sha256(canonical_json(request).encode()).hexdigest()


class CallStore(Closing):
    """Requests and their answers, in a file or (without a path) in memory.

    Safe for threads and for several processes on one file. Equal requests that arrive while the
    first is under way, here or in another process, wait for its answer instead of being sent
    again. A call that fails is not stored, and its error reaches everyone in this process who
    waited for it.

    Args:
        path: The SQLite file, made when missing; None keeps everything in memory.
        run_id: The run that asks; which calls it used is kept with them.

    Raises:
        RequestError: If the file is no call store, one of another version, or damaged.
        RecordError: If it stays locked, or the disk fails.
    """

    def __init__(self, path: Path | None = None, run_id: str | None = None) -> None:
        self.path = path
        self.run_id = run_id
        self._lock = threading.Lock()
        self._under_way: dict[str, Future[StoredAnswer]] = {}
        self._leases = None if path is None else Leases(self._execute, self._lock)
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._db = open_database(path)
        except (sqlite3.Error, ForeignDatabaseError) as error:
            raise self._database_error(error) from error

    def get_or_call(self, request: Mapping[str, Any], call: Callable[[], Reply]) -> StoredAnswer:
        """The stored answer to a request, or that of `call`, which is stored.

        Args:
            request: Everything that decides the answer, as JSON values.
            call: Sends the request; run at most once at a time for equal requests.

        Raises:
            RequestError: If the file is damaged.
            RecordError: If it cannot be read or written.
        """
        key = call_key(request)
        with self._lock:
            # Decided under one lock: stored, asked by another thread just now, or ours to ask.
            stored = self._find(key)
            if stored is not None:
                self._note_use(key)
                return stored
            other_future = self._under_way.get(key)
            # It belongs to no executor: it carries the answer, or the error, to those who wait.
            own_future: Future[StoredAnswer] = Future()
            if other_future is None:
                self._under_way[key] = own_future
        if other_future is not None:
            # The call was made once and is counted once, by whoever made it.
            return other_future.result()._replace(retries=0, from_store=True)
        try:
            # A stored answer is never false, so a call is made only where there is none.
            entry = self._claim_or_find(key) or self._store_reply(key, request, call())
        # Ctrl-C too: whoever waits for this call must not wait for ever.
        except BaseException as error:
            try:
                self._abandon_call(key)
            finally:
                own_future.set_exception(error)
            raise
        # Stored by then: whoever comes after this finds it there.
        with self._lock:
            del self._under_way[key]
        own_future.set_result(entry)
        return entry

    def count(self) -> int:
        """How many calls are stored."""
        with self._lock:
            return int(self._execute("SELECT COUNT(*) FROM calls")[0][0])

    def spent(self) -> float:
        """What all calls cost, in USD, those that failed too; an unknown cost counts nothing."""
        # TOTAL, since SUM gives NULL for no rows. Both pass over a cost that is null.
        stored = "SELECT TOTAL(json_extract(answer, '$.usage.cost_usd')) FROM calls"
        failed = "SELECT TOTAL(cost_usd) FROM lost"
        with self._lock:
            return float(self._execute(stored)[0][0]) + float(self._execute(failed)[0][0])

    def lose(self, request: Mapping[str, Any], cost_usd: float) -> None:
        """Note what a call cost that gave no usable answer: it is paid, though nothing is kept."""
        now = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
        with self._lock:
            # A row each time: the same request may fail, and be paid, more than once.
            self._execute("INSERT INTO lost VALUES (?, ?, ?)", (call_key(request), now, cost_usd))

    def calls_of(self, run_ids: Iterable[str]) -> Iterator[StoredCall]:
        """Every call that these runs used, once, sorted by key."""
        keys: set[str] = set()
        with self._lock:
            for run_id in run_ids:
                rows = self._execute("SELECT key FROM uses WHERE run_id = ?", (run_id,))
                keys |= {row[0] for row in rows}
        # One by one, with the lock free in between: the answers of a study may be many.
        for key in sorted(keys):
            call = self.find(key)
            if call is not None:
                yield call

    def models_of(self, run_id: str) -> dict[str, int]:
        """Models as served -> how many of the calls that a run used they answered."""
        query = (
            "SELECT model, COUNT(*) FROM calls JOIN uses USING (key) WHERE run_id = ?"
            " GROUP BY model ORDER BY model"
        )
        with self._lock:
            return {str(model): int(n) for model, n in self._execute(query, (run_id,))}

    def builds_of(self, run_id: str) -> dict[str, int]:
        """Builds of llama.cpp -> how many of the calls that a run used each answered.

        Nothing is known of calls that came with a cassette.
        """
        query = (
            "SELECT build, COUNT(*) FROM builds JOIN uses USING (key) WHERE run_id = ?"
            " GROUP BY build ORDER BY build"
        )
        with self._lock:
            return {str(build): int(n) for build, n in self._execute(query, (run_id,))}

    def find(self, key: str) -> StoredCall | None:
        """A stored call by its key; None where there is none."""
        with self._lock:
            rows = self._execute("SELECT request, answer, model FROM calls WHERE key = ?", (key,))
        if not rows:
            return None
        request, answer, model = rows[0]
        return StoredCall(key, self._parsed(key, request), self._parsed(key, answer), model)

    def add(self, calls: Iterable[StoredCall]) -> int:
        """Take calls from elsewhere, all or none; how many are new.

        Raises:
            RecordError: If a call is stored already with another answer.
        """
        now = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
        with self._lock, self._transaction():
            return sum(self._import_call(call, now) for call in calls)

    def _import_call(self, call: StoredCall, now: str) -> bool:
        """Take in one call from elsewhere; whether it is new."""
        stored = self._find(call.key)
        if stored is not None and stored.answer != call.answer:
            raise RecordError(
                f"call {call.key[:12]} is in call store {self.path} with another answer; nothing"
                " was imported. Name another file with call_store=."
            )
        # A private request becomes the text "null", as the column takes no NULL.
        request, answer = canonical_json(call.request), canonical_json(call.answer)
        # A cassette does not tell how long a call took.
        values = (call.key, request, answer, call.model, now, 0.0)
        self._execute("INSERT OR IGNORE INTO calls VALUES (?, ?, ?, ?, ?, ?)", values)
        return stored is None

    def close(self) -> None:
        """Close the file; may be called again."""
        if self._leases is not None:
            # First, since its thread uses the connection.
            self._leases.close()
        with self._lock:
            self._db.close()

    def _abandon_call(self, key: str) -> None:
        """Give a call up that failed: others may try it."""
        with self._lock:
            del self._under_way[key]
            if self._leases is not None:
                # What made the call fail may be this very file; a claim that stays in it is renewed
                # no more, and lapses.
                with suppress(MemalignError):
                    self._leases.drop(key)

    def _claim_or_find(self, key: str) -> StoredAnswer | None:
        """Claim a call; the answer instead, if another process has it or comes to have it."""
        # A store in memory has no leases: no other process can see it.
        while self._leases is not None:
            with self._lock, self._transaction():
                stored = self._find(key)
                if stored is not None:
                    self._note_use(key)
                    return stored
                if self._leases.take(key):
                    return None
            # SQLite tells nobody of a new row.
            time.sleep(_POLL_SECONDS)
        return None

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """A transaction that is undone if anything fails in it."""
        # IMMEDIATE takes the write lock at once, so that looking and claiming are one step.
        self._execute("BEGIN IMMEDIATE")
        try:
            yield
            self._execute("COMMIT")
        except BaseException:
            # On a full disk SQLite has undone it by itself; a second error would hide the first.
            if self._db.in_transaction:
                with suppress(MemalignError):
                    self._execute("ROLLBACK")
            raise

    def _store_reply(self, key: str, request: Mapping[str, Any], reply: Reply) -> StoredAnswer:
        """Store a reply and give up the claim; gives what is stored in the end."""
        now = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
        answer = canonical_json(reply.answer)
        values = (key, canonical_json(request), answer, reply.model, now, reply.latency_s)
        with self._lock, self._transaction():
            self._execute("INSERT OR IGNORE INTO calls VALUES (?, ?, ?, ?, ?, ?)", values)
            stored = self._find(key)
            if reply.build:
                self._execute("INSERT OR IGNORE INTO builds VALUES (?, ?)", (key, reply.build))
            self._note_use(key)
            if self._leases is not None:
                self._leases.drop(key)
        if stored is None:
            raise self._database_error(None, "the row just written is not there")
        # Another process may have been first: its answer then holds for this one too.
        return stored._replace(latency_s=reply.latency_s, retries=reply.retries, from_store=False)

    def _note_use(self, key: str) -> None:
        """Note that this run used a call."""
        if self.run_id is not None:
            self._execute("INSERT OR IGNORE INTO uses VALUES (?, ?)", (self.run_id, key))

    def _find(self, key: str) -> StoredAnswer | None:
        """A stored answer by its key; the caller holds the lock."""
        rows = self._execute("SELECT answer, model, latency FROM calls WHERE key = ?", (key,))
        if not rows:
            return None
        answer, model, latency_s = rows[0]
        return StoredAnswer(self._parsed(key, answer), model, latency_s, 0, True)

    def _parsed(self, key: str, text: str) -> Any:
        """A column of a call's row that holds JSON."""
        try:
            return json.loads(text)
        except ValueError as error:
            raise self._database_error(error, f"call {key} holds no JSON ({error})") from error

    def _execute(self, statement: str, values: tuple[object, ...] = ()) -> list[Any]:
        """Run a statement; SQLite's errors become the package's."""
        # The caller holds the lock: threads share the connection.
        try:
            return self._db.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            raise self._database_error(error) from error

    def _database_error(self, error: Exception | None, reason: str = "") -> MemalignError:
        return database_error(self.path, error, reason)
