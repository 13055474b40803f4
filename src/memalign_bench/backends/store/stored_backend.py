"""A backend as the layers above see it: a model behind the call store, connected when needed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memalign_bench.backends.base import (
    BackendSpec,
    ChatAnswer,
    ChatRequest,
    Connection,
    GradeAnswer,
    GradeRequest,
    Mode,
)
from memalign_bench.backends.prices import Budget
from memalign_bench.backends.store.call_store import CallStore, Reply, StoredAnswer, canonical_json
from memalign_bench.closing import Closing
from memalign_bench.errors import FailedCallError, MissingCallError, RequestError
from memalign_bench.types import CallCost, Usage

__all__ = ["StoredBackend"]


class StoredBackend(Closing):
    """A model that answers through a call store.

    The connection is opened at the first call that the store cannot answer, so a study that is
    run again starts no server. At most `spec.max_concurrency` calls are under way at once.

    Args:
        spec: Which model.
        store: Where answers are kept; without one they are kept in memory.
        mode: Whether anything may be sent; None for what the spec says.
        budget: Money that may be spent on calls; None for any.

    Raises:
        RequestError: If money is bounded and the model's price is not known.
    """

    def __init__(
        self,
        spec: BackendSpec,
        store: CallStore | None = None,
        mode: Mode | None = None,
        budget: Budget | None = None,
    ) -> None:
        self.spec = spec
        self.store = CallStore() if store is None else store
        self._identity = spec.identity()
        self._price = spec.price
        # A model on this machine costs nothing.
        self._budget = None if spec.is_local else budget
        if self._budget is not None and self._price is None:
            raise RequestError(
                f"budget_usd needs the price of {spec.model_name!r}, which LiteLLM's table does not"
                " list; set backend.price_input= and backend.price_output= (USD for a million"
                " tokens)."
            )
        self._is_replay = (mode or spec.mode) == "replay"
        self._connection: Connection | None = None
        self._connection_lock = threading.Lock()
        self._call_slots = threading.BoundedSemaphore(spec.max_concurrency)

    @property
    def name(self) -> str:
        """Name of the YAML choice."""
        return self.spec.name

    @property
    def model(self) -> str:
        """The model's name for records and people."""
        return self.spec.model_name

    @property
    def max_concurrency(self) -> int:
        """How many calls may be under way at once."""
        return self.spec.max_concurrency

    @property
    def context_tokens(self) -> int | None:
        """Tokens of context, None where unknown."""
        return self.spec.context_tokens

    def identity(self) -> dict[str, Any]:
        """What decides the model's answers, as JSON values."""
        return dict(self._identity)

    def chat(self, request: ChatRequest) -> ChatAnswer:
        """Generate text.

        Raises:
            BackendError: If the model cannot be reached or asked.
            FailedCallError: If this call gave no usable answer.
        """

        def send(connection: Connection) -> Reply:
            completion = connection.chat(request)
            usage = asdict(self._priced(completion.usage))
            answer = {"text": completion.text, "finish": completion.finish, "usage": usage}
            # `_ask` measures the seconds and puts them in.
            return Reply(answer, completion.model, 0.0, completion.retries, completion.build)

        entry = self._ask(request.record(), send, self._most_generated(request))
        return ChatAnswer(
            entry.answer["text"], entry.answer["finish"], **_bookkeeping_fields(entry)
        )

    def _most_generated(self, request: ChatRequest) -> int:
        """Tokens that a chat may generate: thoughts are paid like the answer."""
        # Only endpoints know of any.
        return request.max_tokens + int(getattr(self.spec, "thinking_tokens", 0))

    def grade(self, request: GradeRequest) -> GradeAnswer:
        """Measure the probabilities of one-token answers.

        Raises:
            BackendError: If the model cannot be reached, or gives no such probabilities.
            FailedCallError: If this call gave no usable answer.
        """

        def send(connection: Connection) -> Reply:
            measured = connection.grade(request)
            answer = {
                "probabilities": list(measured.probabilities),
                "mass": measured.mass,
                "usage": asdict(self._priced(measured.usage)),
            }
            return Reply(answer, measured.model, 0.0, measured.retries, measured.build)

        entry = self._ask(request.record(), send)
        probabilities = tuple(float(value) for value in entry.answer["probabilities"])
        return GradeAnswer(probabilities, entry.answer["mass"], **_bookkeeping_fields(entry))

    def embed(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Vectors of texts, shape (n_texts, n_dims); each text is a call of its own in the store.

        Raises:
            BackendError: If the model cannot be reached, or gives no vectors.
        """
        rows = []
        for text in texts:
            # Bound as a default: the loop's variable would be the next text by then.
            def send(connection: Connection, text: str = text) -> Reply:
                embedded = connection.embed([text])
                usage = asdict(self._priced(embedded.usage))
                answer = {"vector": embedded.vectors[0].tolist(), "usage": usage}
                return Reply(answer, embedded.model, 0.0, embedded.retries)

            rows.append(self._ask({"kind": "embed", "text": text}, send).answer["vector"])
        return np.asarray(rows, dtype=np.float64)

    def count_tokens(self, text: str) -> int | None:
        """Length of a text in the model's tokens (connects); None where it cannot be told."""
        return self._connect().count_tokens(text)

    def notes(self) -> tuple[str, ...]:
        """What the records must say of how the model had to be asked; empty until it was."""
        with self._connection_lock:
            connection = self._connection
        return connection.notes() if connection is not None else ()

    def open(self) -> None:
        """Connect now instead of at the first call that the store cannot answer."""
        if not self._is_replay:
            self._connect()

    def close(self) -> None:
        """Close the connection, not the store; the next call opens it again."""
        with self._connection_lock:
            connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _connect(self) -> Connection:
        """The connection, opened now if it is not open; refuses to in replay."""
        if self._is_replay:
            raise MissingCallError(
                f"call store {self.store.path} does not hold this call (this prompt, to this"
                " model, with these settings), and backend.mode=replay sends none; ask as the"
                " recorded study did, import its cassette (memalign-bench cassette action=import),"
                " or ask the model with backend.mode=live."
            )
        with self._connection_lock:
            # Under the lock: two threads must not load the weights of one model twice.
            if self._connection is None:
                self._connection = self.spec.connect()
            return self._connection

    def _ask(
        self,
        request: Mapping[str, Any],
        send: Callable[[Connection], Reply],
        max_tokens: int = 1,
    ) -> StoredAnswer:
        """The stored answer, or that of a call made now under the budget and the bound on calls."""
        # The model is part of the key: another model's answer is another call.
        full_request = {"model": self._identity, "request": request}

        def call() -> Reply:
            connection = self._connect()
            # The place first: what waits for one must not set money aside that others could spend.
            with self._call_slots, self._reserved_budget(request, max_tokens) as pay:
                start = time.perf_counter()
                try:
                    reply = send(connection)
                except FailedCallError as error:
                    # No answer came, so nothing was paid.
                    if error.cost is None:
                        raise
                    cost = self._failed_cost(error.cost, time.perf_counter() - start)
                    pay(cost.usage.cost_usd)
                    if cost.usage.cost_usd:
                        self.store.lose(full_request, cost.usage.cost_usd)
                    raise FailedCallError(str(error), cost) from error
                pay(reply.answer["usage"]["cost_usd"])
                return reply._replace(latency_s=time.perf_counter() - start)

        return self.store.get_or_call(full_request, call)

    def _failed_cost(self, cost: CallCost, seconds: float) -> CallCost:
        """What a call cost that gave no usable answer."""
        return replace(cost, usage=self._priced(cost.usage), latency_s=seconds)

    def _priced(self, usage: Usage) -> Usage:
        """Usage with what it cost, where the price is known and the provider did not say."""
        # No prompt has no token: a server that tells none has not counted, and gave nothing away.
        if usage.cost_usd is not None or self._price is None or not usage.prompt_tokens:
            return usage
        return replace(usage, cost_usd=self._price.of(usage))

    @contextmanager
    def _reserved_budget(
        self, request: Mapping[str, Any], max_tokens: int
    ) -> Iterator[Callable[[float | None], None]]:
        """Set aside what a call may cost, and settle it afterwards by what it did cost."""
        if self._budget is None or self._price is None:
            yield lambda _cost: None
            return
        # As JSON a request is longer than its texts: a bound, not an estimate.
        max_cost = self._price.max_cost(len(canonical_json(request).encode()), max_tokens)
        self._budget.reserve(max_cost)
        costs: list[float] = []
        try:
            # A cost that nobody knows may have been the largest.
            yield lambda cost: costs.append(max_cost if cost is None else cost)
        finally:
            # Where no cost was told, all that was set aside is free again.
            self._budget.settle(max_cost, sum(costs))


def _bookkeeping_fields(entry: StoredAnswer) -> dict[str, Any]:
    """The fields of an answer that every kind of call has."""
    return {
        "usage": Usage(**entry.answer["usage"]),
        "model": entry.model,
        "latency_s": entry.latency_s,
        "from_store": entry.from_store,
        "retries": entry.retries,
    }
