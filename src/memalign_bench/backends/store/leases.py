"""Claims on calls: of several processes that share a store, one sends, the others wait for it."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from memalign_bench.errors import MemalignError

__all__ = ["LEASES_TABLE", "Leases"]

LEASES_TABLE = """
CREATE TABLE IF NOT EXISTS claims (
    key TEXT PRIMARY KEY,
    owner TEXT NOT NULL,
    until REAL NOT NULL
) WITHOUT ROWID
"""

# Several renewals may be missed before a lease lapses.
_LEASE_SECONDS = 20.0
_RENEW_SECONDS = 5.0

Execute = Callable[[str, tuple[object, ...]], list[Any]]


class Leases:
    """The claims of one process in a store's file.

    A claim is renewed while its process lives. It lapses when that has died: at once where the
    process was one of this machine, else when it was not renewed in time.

    Args:
        execute: Runs a statement on the store's connection.
        lock: Held by whoever uses that connection.
    """

    def __init__(self, execute: Execute, lock: threading.Lock) -> None:
        self._execute = execute
        self._lock = lock
        self._host = socket.gethostname()
        # The random part tells this process from a later one that gets its number.
        self._owner = f"{self._host}:{os.getpid()}:{uuid.uuid4().hex}"
        self._keys_held: set[str] = set()
        self._closed = threading.Event()
        self._renewal_thread: threading.Thread | None = None

    def take(self, key: str) -> bool:
        """Claim a call, within a transaction; False where another process is at it."""
        claim = self._execute("SELECT owner, until FROM claims WHERE key = ?", (key,))
        if claim and self._is_alive(*claim[0]):
            return False
        until = time.time() + _LEASE_SECONDS
        self._execute("INSERT OR REPLACE INTO claims VALUES (?, ?, ?)", (key, self._owner, until))
        self._keys_held.add(key)
        # Started with the first claim.
        if self._renewal_thread is None:
            self._renewal_thread = threading.Thread(target=self._renew, name="claims", daemon=True)
            self._renewal_thread.start()
        return True

    def drop(self, key: str) -> None:
        """Give a claim up; the caller holds the lock."""
        # First, so that a claim which cannot be deleted is not renewed.
        self._keys_held.discard(key)
        # Its own alone: a claim that lapsed may be another process's by now.
        self._execute("DELETE FROM claims WHERE key = ? AND owner = ?", (key, self._owner))

    def close(self) -> None:
        """Stop renewing."""
        self._closed.set()
        if self._renewal_thread is not None:
            self._renewal_thread.join()

    def _is_alive(self, owner: str, until: float) -> bool:
        """Whether a claim still holds: its process lives, and has renewed it in time."""
        if owner == self._owner:
            return False  # left behind by a call of ours that ended badly
        # From the right: of the three only a host's name may hold colons.
        host, pid, _ = owner.rsplit(":", 2)
        if host == self._host and not _process_exists(int(pid)):
            return False
        return until > time.time()

    def _renew(self) -> None:
        """Renew this process's claims until the store is closed."""
        while not self._closed.wait(_RENEW_SECONDS):
            with self._lock:
                # Asked again: the store may have been closed while this waited for the lock.
                if self._keys_held and not self._closed.is_set():
                    # A file that is locked now may be free in time for the next renewal.
                    with suppress(MemalignError):
                        self._extend(self._keys_held)

    def _extend(self, keys: Iterable[str]) -> None:
        """Set claims' ends anew; the caller holds the lock."""
        listed = json.dumps(list(keys))
        statement = (
            "UPDATE claims SET until = ? WHERE owner = ?"
            " AND key IN (SELECT value FROM json_each(?))"
        )
        self._execute(statement, (time.time() + _LEASE_SECONDS, self._owner, listed))


def _process_exists(pid: int) -> bool:
    """Whether a process of this machine is there."""
    try:
        # Signal 0 reaches nobody: it only asks whether it could.
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # It is there, and belongs to somebody else.
    except PermissionError:
        return True
    return True
