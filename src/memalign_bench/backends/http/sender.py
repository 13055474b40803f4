"""Sends typed requests through DSPy's language model: tried again, limited, faults explained."""

from __future__ import annotations

import itertools
import math
import os
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from memalign_bench.backends.base import Embeddings, Message
from memalign_bench.backends.http.dspy_client import close_model, text_of, typed_request, usage_of
from memalign_bench.backends.http.faults import (
    LONGEST_WAIT_S,
    Endpoint,
    check_answer,
    explain,
    explain_embedding,
    is_silent,
    is_throttled,
    timed_out,
    with_retries,
    without_key,
    words_of,
)
from memalign_bench.backends.http.limits import RateLimit, Throttle
from memalign_bench.backends.http.llamacpp import over_context
from memalign_bench.backends.http.refusals import RequestShape, Sendable
from memalign_bench.backends.http.roles import without_turn_marks
from memalign_bench.backends.http.settings import EndpointSettings
from memalign_bench.errors import BackendError, FailedCallError
from memalign_bench.types import CallCost, Usage

if TYPE_CHECKING:
    import dspy
    from dspy.lm15 import Response

__all__ = ["PaidResponse", "RequestSender"]

_T = TypeVar("_T")

_BYTES_PER_TOKEN = 4
_MAX_BYTES_PER_TOKEN = 8
"""Prose and code have about four: what is over the context even so does surely not fit."""

_CALLS_PER_CLIENT = 64
"""DSPy's client has 100 connections and no setting for more; turns are not dealt quite evenly."""

_MINUTE_LIMITS = ("requests_per_minute", "tokens_per_minute")


class PaidResponse(NamedTuple):
    """A response, with the tokens of all answers that came (empty ones too), and the retries."""

    response: Response
    usage: Usage
    retries: int


class RequestSender:
    """One endpoint's client; safe for threads.

    Args:
        settings: The endpoint.
        make: DSPy's language model for a key (None where none is set).
        provider: Whose way of counting tokens it has.
    """

    def __init__(
        self,
        settings: EndpointSettings,
        make: Callable[[str | None], dspy.LM],
        provider: str = "openai",
    ) -> None:
        self.settings = settings
        self._make_lm = make
        self._provider = provider
        self._lock = threading.Lock()
        # By key, which is read anew for each call, and by turn (`_CALLS_PER_CLIENT`).
        self._lms: dict[tuple[str | None, int], dspy.LM] = {}
        self._turns = itertools.cycle(
            range(math.ceil(settings.max_concurrency / _CALLS_PER_CLIENT))
        )
        self._stop = threading.Event()
        self._throttle = Throttle(settings.max_concurrency, self._stop)
        self._limits: dict[str, RateLimit] = {}
        self._has_told_wait = False
        self._shape = RequestShape()

    @property
    def key(self) -> str | None:
        """The key, read at call time so that it is held nowhere.

        Raises:
            BackendError: If it holds what no header may hold.
        """
        name = self.settings.api_key_env
        # Files and clipboards bring line breaks and blanks along.
        key = os.environ.get(name, "").strip()
        # Clients would show the key when they refuse it.
        if not (key.isascii() and (key.isprintable() or not key)):
            raise BackendError(
                f"the environment variable {name} holds characters that no key has (quotation marks"
                " of a text, a line break); set it anew."
            )
        return key or None

    def text(self, response: Response) -> str:
        """What was generated, for the store and the records: without the key."""
        return without_key(text_of(response), self.key)

    @property
    def allowed(self) -> int:
        """How many calls may be under way now."""
        return int(self._throttle.allowed)

    def send(
        self,
        messages: Sequence[Message],
        config: Mapping[str, Any],
        extensions: Mapping[str, Any],
    ) -> PaidResponse:
        """Send a request until it is answered.

        A part of a request that the endpoint refuses (a system message, a schema, a temperature) is
        left out from its first refusal on.

        Raises:
            BackendError: If the endpoint cannot be asked at all.
            FailedCallError: If this call gave no usable answer; it carries the tokens of the
                answers that came, and were of no use.
        """
        # Read without the lock: a shape is replaced and never changed.
        full_request = Sendable(without_turn_marks(messages), config, extensions)
        shape = self._shape
        while True:
            try:
                return self._send(*shape.applied(full_request))
            except FailedCallError as error:
                # Each part is left out once, so this ends.
                new_shape = shape.after(str(error), full_request)
                if new_shape is None:
                    raise
            with self._lock:  # several calls meet the first refusal at once
                shape = self._shape = RequestShape(self._shape.left_out | new_shape.left_out)

    def embed(self, ask: Callable[[], Embeddings], texts: Sequence[str], model: str) -> Embeddings:
        """Ask for vectors until they come, under the same limits as `send`.

        Args:
            ask: Sends one request; raises DSPy's errors (`dspy_client.lm_errors`).
            texts: What is embedded.
            model: The model's name, for messages.

        Raises:
            BackendError: If the endpoint cannot be asked at all, or does not embed.
            FailedCallError: If this call gave no vectors.
        """
        import dspy

        endpoint = self._endpoint(self.key)
        size = sum(len(text.encode()) for text in texts) // _BYTES_PER_TOKEN
        try:
            embedded, retries = self._repeat(ask, size, endpoint)
        except dspy.LMError as error:
            raise explain_embedding(error, endpoint, model) from error
        return embedded._replace(retries=retries)

    def notes(self) -> tuple[str, ...]:
        """What the records must say of how the model had to be asked."""
        return self._shape.notes()

    def _send(
        self,
        messages: Sequence[Message],
        config: Mapping[str, Any],
        extensions: Mapping[str, Any],
    ) -> PaidResponse:
        """Send one shape of a request, again after transient faults."""
        import dspy

        settings, key = self.settings, self.key
        lm = self._lm(key)
        # The user's own parameters come last, and win.
        request = typed_request(lm.model, messages, config, {**extensions, **settings.extra_body})
        n_bytes = sum(len(message.content.encode()) for message in messages)
        # What surely does not fit is not sent.
        if settings.context is not None and n_bytes > settings.context * _MAX_BYTES_PER_TOKEN:
            tokens = f"at least {n_bytes // _MAX_BYTES_PER_TOKEN}"
            raise over_context(tokens, settings.context)
        # An estimate: limits per minute count tokens before they are known.
        size = n_bytes // _BYTES_PER_TOKEN + int(config.get("max_tokens") or 0)
        usages: list[Usage] = []

        def ask() -> Response:
            # DSPy's history would keep every prompt of a study in memory.
            with dspy.context(disable_history=True):
                return lm(request)

        def check(response: Response) -> None:
            # Before the check, which may raise: the answer was paid for, whatever it says.
            usages.append(usage_of(response, self._provider))
            check_answer(response)

        endpoint = self._endpoint(key)
        try:
            response, retries = self._repeat(ask, size, endpoint, check)
        except (dspy.LMError, FailedCallError) as error:
            cause = error if isinstance(error, FailedCallError) else explain(error, endpoint)
            # Answers that came and could not be used were paid for all the same.
            if isinstance(cause, FailedCallError) and usages:
                cause = cause.after(CallCost(sum(usages, Usage()), from_store=False))
            raise cause from error
        return PaidResponse(response, sum(usages, Usage()), retries)

    def _repeat(
        self,
        ask: Callable[[], _T],
        size: int,
        endpoint: Endpoint,
        check: Callable[[_T], None] = lambda _: None,
    ) -> tuple[_T, int]:
        """Ask within the limits, again after transient faults (`check` may find one too)."""
        import dspy

        def call() -> _T:
            # Each try counts, and waits before it takes a place that another call could use.
            self._wait_for_limits(size)
            with self._throttle.place() as sent_in:
                try:
                    answer = ask()
                except dspy.LMError as error:
                    if is_throttled(error):
                        self._throttle.refused(sent_in)
                    raise
                self._throttle.answered()
            check(answer)
            return answer

        def on_wait(error: BaseException) -> None:
            self._tell_wait(error, endpoint)

        return with_retries(call, endpoint.tries, stop=self._stop, on_wait=on_wait)

    def _endpoint(self, key: str | None) -> Endpoint:
        """The endpoint as messages name it."""
        settings = self.settings
        return Endpoint(
            settings.where, settings.api_key_env, settings.timeout_s, settings.tries, key
        )

    def _tell_wait(self, error: BaseException, endpoint: Endpoint) -> None:
        """Say once that an endpoint is silent, or asks for a long wait, and is tried again."""
        if is_silent(error):
            # Not what the client says of a timeout: it advises settings of its own.
            in_time = f"nothing within {endpoint.timeout_s:g} s"
            reason = in_time if timed_out(error) else endpoint.quoted(words_of(error))
            what, rhythm = f"no answer from {endpoint.base_url} ({reason})", ""
        elif (wait := getattr(error, "retry_after", None) or 0) > LONGEST_WAIT_S:
            what = f"{endpoint.base_url} asks to wait {wait:g} s"
            what += f" ({endpoint.quoted(words_of(error))})"
            rhythm = f" every {LONGEST_WAIT_S:g} s"
        else:
            return
        with self._lock:
            has_told, self._has_told_wait = self._has_told_wait, True
        if not has_told:
            sys.stderr.write(
                f"{what}; trying again{rhythm}, up to {endpoint.tries} times in all.\n"
            )

    def close(self) -> None:
        """End every wait and close the sockets; the caller cannot be used again."""
        self._stop.set()
        with self._lock, ExitStack() as stack:
            # One that cannot be closed must not keep the others open, hence the stack.
            for limit in self._limits.values():
                stack.callback(limit.close)
            for lm in self._lms.values():
                stack.callback(close_model, lm)
            self._lms.clear()
            self._limits.clear()

    def _wait_for_limits(self, size: int) -> None:
        """Wait until the limits per minute allow a call of this size."""
        for name, amount in zip(_MINUTE_LIMITS, (1, size), strict=True):
            limit = self._limit(name)
            if limit is not None:
                limit.wait(amount)

    def _limit(self, name: str) -> RateLimit | None:
        """The limit of this name; None where none is set."""
        per_minute = getattr(self.settings, name)
        if per_minute is None:
            return None
        with self._lock:
            if name not in self._limits:
                name_of_limit = f"{self.settings.where} {self.settings.model} {name}"
                self._limits[name] = RateLimit(name_of_limit, per_minute, self._stop)
            return self._limits[name]

    def _lm(self, key: str | None) -> dspy.LM:
        """One of the clients for this key, each in turn."""
        with self._lock:
            client_key = key, next(self._turns)
            if client_key not in self._lms:
                self._lms[client_key] = self._make_lm(key)
            return self._lms[client_key]
