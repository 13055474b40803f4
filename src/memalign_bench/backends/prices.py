"""What calls cost: prices of models, and a bound that is not crossed."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from memalign_bench.errors import OverBudgetError
from memalign_bench.types import Usage

__all__ = ["Budget", "Price", "listed_price"]

MILLION = 1_000_000


@dataclass(frozen=True)
class Price:
    """Price of a model, in USD for a million tokens.

    Attributes:
        input: Of tokens read.
        output: Of tokens generated.
        cached: Of tokens read from the provider's cache; None for the same as `input`.
    """

    input: float
    output: float
    cached: float | None = None

    def of(self, usage: Usage) -> float:
        """What a call cost, in USD.

        >>> Price(2.0, 10.0, 0.5).of(Usage(1_000_000, 100_000, 400_000))
        2.4
        """
        cached = self.input if self.cached is None else self.cached
        # Cached tokens are among those read, and have a price of their own.
        fresh = usage.prompt_tokens - usage.cached_tokens
        input_cost = fresh * self.input + usage.cached_tokens * cached
        return (input_cost + usage.completion_tokens * self.output) / MILLION

    def max_cost(self, n_bytes: int, max_tokens: int) -> float:
        """The most that a call can cost, in USD: no token is shorter than a byte."""
        return (n_bytes * self.input + max_tokens * self.output) / MILLION


def listed_price(model: str) -> Price | None:
    """The price in LiteLLM's table, which comes with the package; None where it lists none.

    A model may be named with or without its provider (`openai/gpt-4o-mini`).
    """
    table = _table()
    # The table names some models with their provider and some without.
    entry = table.get(model) or table.get(model.rpartition("/")[2])
    if not entry or "input_cost_per_token" not in entry:
        return None
    cached = entry.get("cache_read_input_token_cost")
    return Price(
        float(entry["input_cost_per_token"]) * MILLION,
        # Models that embed generate nothing: some have no such price.
        float(entry.get("output_cost_per_token", 0.0)) * MILLION,
        None if cached is None else float(cached) * MILLION,
    )


@lru_cache(maxsize=1)
def _table() -> dict[str, Any]:
    """LiteLLM's table, read as a file: importing the package would take seconds."""
    # `importlib.resources` would import the package to find its folder; this imports nothing.
    spec = find_spec("litellm")
    assert spec is not None
    assert spec.origin is not None
    file = Path(spec.origin).parent / "model_prices_and_context_window_backup.json"
    table: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return table


class Budget:
    """Money that may be spent; safe for threads.

    Before a call its largest possible cost is set aside, so the bound holds with calls under way.

    Args:
        limit: The most that may be spent, in USD.
        spent: What is spent already.
    """

    def __init__(self, limit: float, spent: float = 0.0) -> None:
        self.limit = limit
        self.spent = spent
        self._reserved = 0.0
        self._lock = threading.Lock()

    def reserve(self, most: float) -> None:
        """Set aside what a call may cost.

        Raises:
            OverBudgetError: If it could cross the bound.
        """
        with self._lock:
            # Calls under way may still cost all that was set aside for them.
            if self.spent + self._reserved + most > self.limit:
                raise OverBudgetError(
                    f"budget_usd={self.limit:g} could be exceeded: {self.spent:.4f} USD are spent,"
                    f" {self._reserved:.4f} set aside for calls under way, and the next call may"
                    f" cost up to {most:.4f}. What was answered is kept; raise budget_usd= and run"
                    " the same command again."
                )
            self._reserved += most

    def settle(self, most: float, cost: float) -> None:
        """A call is over: replace what was set aside by what it cost."""
        with self._lock:
            self._reserved -= most
            self.spent += cost
