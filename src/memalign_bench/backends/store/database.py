"""The SQLite file behind a call store: its tables, how it is opened, what is wrong with it."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from memalign_bench.backends.store.leases import LEASES_TABLE
from memalign_bench.errors import MemalignError, RecordError, RequestError

__all__ = ["ForeignDatabaseError", "database_error", "open_database"]

BUSY_SECONDS = 60.0
"""Seconds that a lock of another process is waited for."""

# No key in "lost": a call that fails twice is paid twice.
_TABLES = (
    """
CREATE TABLE IF NOT EXISTS calls (
    key TEXT PRIMARY KEY,
    request TEXT NOT NULL,
    answer TEXT NOT NULL,
    model TEXT NOT NULL,
    created TEXT NOT NULL,
    latency REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS uses (
    run_id TEXT NOT NULL,
    key TEXT NOT NULL,
    PRIMARY KEY (run_id, key)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS builds (
    key TEXT PRIMARY KEY,
    build TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS lost (
    key TEXT NOT NULL,
    created TEXT NOT NULL,
    cost_usd REAL NOT NULL
);
"""
    + LEASES_TABLE
)


_COLUMNS = {
    "calls": ["key", "request", "answer", "model", "created", "latency"],
    "uses": ["run_id", "key"],
    "claims": ["key", "owner", "until"],
    "builds": ["key", "build"],
    "lost": ["key", "created", "cost_usd"],
}

_WRONG_FILE_CODES = frozenset(
    {
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_PERM,
    }
)
"""SQLite's codes for a file that should not have been named; a full disk has another."""


# An input/output error is what a quota, or no room for SQLite's own files, looks like.
_NO_ROOM_CODES = {
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_IOERR: "the disk is full or fails",
}


class ForeignDatabaseError(Exception):
    """A database that is no call store, or one of another version."""


def _is_locked(error: BaseException) -> bool:
    """Whether an error only says that another process holds the file."""
    return isinstance(error, sqlite3.OperationalError) and "locked" in str(error)


def open_database(path: Path | None) -> sqlite3.Connection:
    """A connection, waiting where another process is just making the file.

    Of two processes that make one file, the second is refused at once.
    """
    from tenacity import retry, retry_if_exception, stop_after_delay, wait_random

    retrying = retry(
        retry=retry_if_exception(_is_locked),
        wait=wait_random(0.01, 0.2),
        stop=stop_after_delay(BUSY_SECONDS),
        reraise=True,
    )
    return retrying(_connect)(path)


def _connect(path: Path | None) -> sqlite3.Connection:
    """Connect, check that the file is ours, and make the tables that are missing."""
    db = sqlite3.connect(
        ":memory:" if path is None else path,
        timeout=BUSY_SECONDS,
        # Python's own transactions begin with the first write: too late to look and claim in one.
        isolation_level=None,
        # The store's lock keeps its threads apart.
        check_same_thread=False,
    )
    try:
        # First, since setting WAL already writes into the file.
        _check_columns(db)
        # With WAL and NORMAL a killed process loses nothing; only a power cut may.
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=NORMAL")
        # One by one: `executescript` would commit a transaction that it finds open.
        for table in _TABLES.split(";"):
            db.execute(table)
    except (sqlite3.Error, ForeignDatabaseError):
        db.close()
        raise
    return db


def _check_columns(db: sqlite3.Connection) -> None:
    """Refuse a database that this program has not made, before anything is written into it."""
    query = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
    tables = [str(row[0]) for row in db.execute(query)]
    if tables and "calls" not in tables:
        raise ForeignDatabaseError(
            f"it is another program's database, with the tables {', '.join(sorted(tables)[:5])}"
        )
    for table in _COLUMNS.keys() & set(tables):
        # A row of table_info: number, name, type, ...
        columns = [str(row[1]) for row in db.execute(f"PRAGMA table_info({table})")]
        if columns != _COLUMNS[table]:
            raise ForeignDatabaseError(
                f"it is of another version of memalign-bench, or another program's: its table"
                f" {table} has the columns {', '.join(columns)}, not {', '.join(_COLUMNS[table])}"
            )


def database_error(path: Path | None, error: Exception | None, reason: str = "") -> MemalignError:
    """What to tell the user: RequestError where another file should be named, else RecordError."""
    reason = reason or str(error)
    if "locked" in reason:
        return RecordError(
            f"call store {path} stayed locked by another process for"
            f" {BUSY_SECONDS:.0f} s; wait for it, or set call_store= to another file."
        )
    # Python gives extended codes; the lower byte is the plain one.
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in _NO_ROOM_CODES:
        return RecordError(
            f"call store {path} cannot be used: {_NO_ROOM_CODES[code]} ({reason}). Make room"
            " there, or move the file to another disk and name it with call_store=, and start the"
            " same command again: what it holds is kept."
        )
    is_wrong_file = (
        isinstance(error, ForeignDatabaseError | ValueError) or code in _WRONG_FILE_CODES
    )
    error_class = RequestError if is_wrong_file else RecordError
    return error_class(
        f"call store {path} cannot be used ({reason}); set call_store= to another file, or"
        " move this one away: its calls are then made (and paid for) again."
    )
