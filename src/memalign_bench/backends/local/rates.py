"""How fast this machine answers with a model of its own, as its last session with it went."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from memalign_bench.backends.base import Message
from memalign_bench.backends.cache import cache_dir
from memalign_bench.backends.store.call_store import call_key
from memalign_bench.notebooks.budget import estimate_tokens

__all__ = ["RateMeter", "measured_rate"]

_FEWEST_CALLS = 10
"""Loading the model and the first prefixes weigh too much in a session of fewer calls."""


class RateMeter:
    """Adds up the prompts of a session and the time that the model took for them."""

    def __init__(self, identity: Mapping[str, Any]) -> None:
        self._identity = identity
        # Added to without a lock: whoever measures has the model's only slot.
        self._n_calls = self._tokens = 0
        self._seconds = 0.0

    @contextmanager
    def measured(self, messages: Sequence[Message]) -> Iterator[None]:
        """In here the model answers; what fails counts for nothing."""
        began = time.perf_counter()
        yield
        self._seconds += time.perf_counter() - began
        # Estimated as a forecast estimates them, so that its time follows from its tokens.
        self._tokens += sum(estimate_tokens(message.content) for message in messages)
        self._n_calls += 1

    def keep(self) -> None:
        """Leave the rate for forecasts; a cache that cannot be written is done without."""
        if self._n_calls < _FEWEST_CALLS:
            return
        path = _path(self._identity)
        with suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps({"prompt_tokens_per_s": self._tokens / self._seconds}))


def measured_rate(identity: Mapping[str, Any]) -> float | None:
    """Estimated prompt tokens that a model got through in a second; None where it is not known.

    The time is that of whole calls: what the prefix cache saved and what was generated are in it.
    """
    try:
        return float(json.loads(_path(identity).read_text())["prompt_tokens_per_s"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _path(identity: Mapping[str, Any]) -> Path:
    return cache_dir() / "rates" / f"{call_key(identity)[:16]}.json"
