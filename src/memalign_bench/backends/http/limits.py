"""Keeps calls under a provider's limits: so many a minute, and fewer at once when it says so."""

from __future__ import annotations

import hashlib
import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from memalign_bench.backends.cache import cache_dir
from memalign_bench.errors import BackendError

if TYPE_CHECKING:
    from pyrate_limiter import SQLiteBucket

__all__ = ["RateLimit", "StoppedError", "Throttle"]

_MAX_UNITS = 600
"""Rows of the shared file that a full minute takes, whatever the limit counts."""


class StoppedError(BackendError):
    """The connection was closed while a call waited for its turn."""


class RateLimit:
    """At most so much within any minute, over all threads and all processes of this machine.

    pyrate-limiter counts in one SQLite file an endpoint, locked between processes; a thread waits
    for its turn with the lock free. More than a minute's share waits for an empty minute.

    Args:
        name: What is limited: jobs that name the same share one limit.
        per_minute: How much a minute.
        stop: Ends every wait.
        folder: Where the file lies; None for the cache.
    """

    def __init__(
        self, name: str, per_minute: int, stop: threading.Event, folder: Path | None = None
    ) -> None:
        from pyrate_limiter import Duration, Rate, SQLiteBucket

        folder = cache_dir() / "limits" if folder is None else folder
        folder.mkdir(parents=True, exist_ok=True)
        # The file holds a row a unit: a million tokens a minute must not be a million rows.
        self._unit = max(1, math.ceil(per_minute / _MAX_UNITS))
        # Rounded down, as calls are rounded up: never more than is allowed.
        self._max_units = max(1, per_minute // self._unit)
        self._stop = stop
        self._lock = threading.Lock()
        # The limit is part of the name: under another one a row stands for another amount.
        digest = hashlib.sha256(f"{name} {per_minute}".encode()).hexdigest()[:16]
        self._bucket: SQLiteBucket = SQLiteBucket.init_from_file(
            [Rate(self._max_units, Duration.MINUTE)],
            db_path=str(folder / f"{digest}.sqlite"),
            use_file_lock=True,
        )

    def wait(self, amount: int = 1) -> None:
        """Wait until so much may be used, and use it.

        Raises:
            StoppedError: If the connection is closed meanwhile.
        """
        n_units = min(self._max_units, math.ceil(amount / self._unit))
        while (pause := self._try_to_take(n_units)) > 0:
            if self._stop.wait(pause):
                raise StoppedError("closed while a call waited for the rate limit.")

    def _try_to_take(self, units: int) -> float:
        """Seconds to wait before asking again; 0 where the units were taken."""
        from pyrate_limiter import RateItem

        # The bucket locks each call by itself; the wait must be that of the put before it.
        with self._lock:
            now = time.time_ns() // 1_000_000
            # What is older than a minute is dropped only when told so.
            self._bucket.leak(now)
            item = RateItem("call", now, weight=units)
            if self._bucket.put(item):
                return 0.0
            waiting = self._bucket.waiting(item)
        # Only asynchronous buckets give no number, and this is none.
        # Never less, or a thread would ask over and over.
        return max(0.05, float(waiting if isinstance(waiting, int) else 50) / 1000)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._bucket.close()  # type: ignore[no-untyped-call]


class Throttle:
    """How many calls may be under way: halved when the provider says "too many", then grown again.

    Additive increase, multiplicative decrease (Chiu and Jain 1989): one more after as many good
    answers as are allowed at once. A burst of refusals to calls that were under way together
    counts once.

    Args:
        most: The user's bound.
        stop: Ends every wait.
    """

    def __init__(self, most: int, stop: threading.Event) -> None:
        self.most = most
        # Halves are kept; only whole places are given away.
        self.allowed = float(most)
        self._stop = stop
        self._under_way = 0
        self._n_answered = 0
        self._state_changed = threading.Condition()
        # How often the bound was halved: it tells calls sent before a halving from those after.
        self._round = 0

    @contextmanager
    def place(self) -> Iterator[int]:
        """A call's place; gives the number of the round in which it was sent.

        Raises:
            StoppedError: If the connection is closed meanwhile.
        """
        with self._state_changed:
            while self._under_way >= max(1, int(self.allowed)):
                if self._stop.is_set():
                    raise StoppedError("closed while a call waited for its turn.")
                # Not for ever: nobody notifies when the connection is closed.
                self._state_changed.wait(0.2)
            self._under_way += 1
            sent_in = self._round
        try:
            yield sent_in
        finally:
            with self._state_changed:
                self._under_way -= 1
                self._state_changed.notify()

    def refused(self, sent_in: int) -> None:
        """The provider said "too many" to a call of that round."""
        with self._state_changed:
            # Calls sent before the last halving say nothing of the bound that holds now.
            if sent_in == self._round:
                # The calls still under way belong to the old round.
                self._round += 1
                self._n_answered = 0
                self.allowed = max(1.0, self.allowed / 2)

    def answered(self) -> None:
        """A call was answered."""
        with self._state_changed:
            self._n_answered += 1
            if self._n_answered >= self.allowed and self.allowed < self.most:
                self._n_answered = 0
                self.allowed = min(float(self.most), self.allowed + 1)
                self._state_changed.notify()
