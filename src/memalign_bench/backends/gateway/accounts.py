"""Accounts at the loopback gateway: a model name of one's own, by which calls are told apart.

Code that is not ours passes a model's name through all its layers and threads, and nothing else
that could say whose call it is. So whoever wants to know what one call or one optimisation took,
or why it failed, gives the guest a name that nobody else has.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from memalign_bench.backends.base import ChatAnswer, ChatRequest
from memalign_bench.backends.store.call_store import canonical_json
from memalign_bench.errors import AlignmentError, FailedCallError, MemalignError, RequestError
from memalign_bench.types import CallCost

__all__ = ["DEFAULT_MAX_TOKENS", "Account", "Chat", "Embed"]

DEFAULT_MAX_TOKENS = 1024
"""Tokens that an answer may take where the guest sets no bound."""

_OF_ONE_CALL = (AlignmentError, FailedCallError)
"""Errors after which the next call may go well; after any other a run ends."""

Chat = Callable[[ChatRequest], ChatAnswer]
Embed = Callable[[Sequence[str]], Any]


class Account:
    """What is asked under one model name, by whom it is answered, and what became of it.

    A request that has failed is not asked again: the guest is told the same once more.

    Args:
        name: The model name.
        chat: Answers chats; None refuses them.
        embed: Embeds texts; None refuses them.
        repeat: Tells equal requests apart that are meant to be sent more than once.
        max_tokens: Bound on an answer where the guest sets none.

    Attributes:
        cost: What the chats took together.
        answers: Answers to chats, in the order in which they came.
        errors: What calls failed with, in the order in which they failed.
    """

    def __init__(
        self,
        name: str,
        chat: Chat | None = None,
        embed: Embed | None = None,
        *,
        repeat: int = 0,
        max_tokens: int = DEFAULT_MAX_TOKENS,
    ) -> None:
        self.name = name
        self.max_tokens = max_tokens
        self.cost = CallCost()
        self.answers: list[ChatAnswer] = []
        self.errors: list[MemalignError] = []
        self._chat = chat
        self._embed = embed
        self._repeat = repeat
        self._failed_requests: dict[str, MemalignError] = {}
        self._lock = threading.Lock()

    @property
    def fatal(self) -> MemalignError | None:
        """The first error that ends a run, if there is one."""
        return next((error for error in self.errors if not isinstance(error, _OF_ONE_CALL)), None)

    @property
    def paid(self) -> CallCost | None:
        """What its calls took, those that gave no usable answer too; None where none told."""
        with self._lock:
            lost = [
                error.cost
                for error in self.errors
                if isinstance(error, FailedCallError) and error.cost is not None
            ]
            return sum(lost, self.cost) if lost or self.answers else None

    def chat(self, request: ChatRequest) -> ChatAnswer:
        """Answer a chat.

        Raises:
            FailedCallError: If this call gave no usable answer, now or before.
            BackendError: If the model cannot be asked.
            RecordError: If the call store fails.
        """
        if self._chat is None:
            raise RequestError(f"model {self.name!r} does not chat.")
        # The guest knows no repeats, so the account puts its own into the request.
        own_request = replace(request, repeat=self._repeat)
        key = canonical_json(own_request.record())
        try:
            self._check_not_failed(key)
            answer = self._chat(own_request)
        except MemalignError as error:
            self._record_error(error, key)
            raise
        with self._lock:
            self.answers.append(answer)
            self.cost += CallCost(answer.usage, answer.latency_s, answer.from_store, answer.retries)
        return answer

    def embed(self, texts: Sequence[str]) -> Any:
        """Vectors of texts.

        Raises:
            FailedCallError: If they cannot be made, now or before.
            BackendError: If the model cannot be asked.
            RecordError: If the call store fails.
        """
        if self._embed is None:
            raise RequestError(f"model {self.name!r} does not embed.")
        key = canonical_json({"kind": "embed", "texts": list(texts)})
        try:
            self._check_not_failed(key)
            return self._embed(texts)
        except MemalignError as error:
            self._record_error(error, key)
            if isinstance(error, AlignmentError):  # to the guest a failed call like any other
                raise FailedCallError(str(error)) from error
            raise

    def _check_not_failed(self, key: str) -> None:
        """Raise the error of a request that has failed: guests send such ones again."""
        with self._lock:
            earlier_failure = self._failed_requests.get(key)
        if earlier_failure is not None:
            raise earlier_failure

    def _record_error(self, error: MemalignError, key: str) -> None:
        """Keep an error, and the request it came from, which will not be asked again."""
        with self._lock:
            if key not in self._failed_requests:
                self.errors.append(error)
                self._failed_requests[key] = error
