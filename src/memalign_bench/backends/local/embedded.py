"""A GGUF file served by llama.cpp inside this process, on loopback, asked in a repeatable way.

**Why the same answer every time.** With the prefix cache on, a probability depends on what the
server's slot happened to hold, because the same text read in different portions rounds
differently. So one slot is used, one request at a time, and every request finds the slot in the
same state: for each new prefix (all that stands before the user's text) the prefix is read once
with the cache off; before every item the bare prefix is sent again, which throws away the last
item and reads one token; then comes the item. Waiting requests with the slot's prefix go first.
How many cores a machine has moves nothing either; its kind of processor may, since llama.cpp has
other arithmetic for others.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from memalign_bench.backends.base import (
    ChatRequest,
    Completion,
    Connection,
    Embeddings,
    GradeRequest,
    Message,
    Mode,
    OptionProbabilities,
    plain_text,
)
from memalign_bench.backends.http.llamacpp import LlamaCppServer
from memalign_bench.backends.http.openai_compatible import EndpointConnection, OpenAICompatible
from memalign_bench.backends.http.roles import FOLDED, fold_roles, without_turn_marks
from memalign_bench.backends.in_process import InProcessModel
from memalign_bench.backends.local.features import build_here
from memalign_bench.backends.local.rates import RateMeter, measured_rate
from memalign_bench.backends.local.server import ALIAS, serve
from memalign_bench.backends.local.weights import Weights, file_sha256
from memalign_bench.backends.local.weights_cache import require_weights
from memalign_bench.backends.store.call_store import canonical_json
from memalign_bench.errors import BackendError, FailedCallError

__all__ = ["EmbeddedConnection", "EmbeddedModel", "SlotQueue"]

# A variable that nobody sets: the user's key for a provider is not sent to this server.
_NO_KEY_VARIABLE = "MEMALIGN_BENCH_NO_KEY"


@dataclass(frozen=True)
class EmbeddedModel(InProcessModel):
    """A model that runs in this process.

    Attributes:
        weights: The weights, by sha256, and where they can be had.
        model_path: A GGUF file to use instead; it is then known by its own sha256.
        model_sha256: What `model_path` must hash to, None to take it as it is.
        context: Tokens of context.
        threads: Threads that read prompts, None for one a physical core; no answer depends on them.
        port: Port on loopback, 0 for a free one.
        timeout_s: Seconds to wait for one answer.
        max_concurrency: How many calls may wait for the model at once; it serves one at a time.
        mode: `live`, or `replay` to send nothing and take every answer from the call store.
        name: Name of the YAML choice.
    """

    weights: Weights
    model_path: str | None = None
    model_sha256: str | None = None
    context: int = 8192
    threads: int | None = None
    port: int = 0
    timeout_s: float = 600.0
    max_concurrency: int = 2
    mode: Mode = "live"
    name: str = "embedded"

    @property
    def embeds(self) -> bool:
        """No: the server that generates does not embed."""
        return False

    @property
    def model_name(self) -> str:
        """The weights' file name without its ending."""
        return Path(self.model_path or self.weights.file).name.removesuffix(".gguf")

    def identity(self) -> dict[str, Any]:
        """What decides the answers: the weights.

        Raises:
            BackendError: If `model_path` is set and cannot be read, or has another hash.
        """
        if self.model_path is None:
            return {"provider": "llama.cpp", "weights_sha256": self.weights.sha256}
        return {"provider": "llama.cpp", "weights_sha256": self._chosen_file_sha256()}

    @property
    def prompt_rate(self) -> float | None:
        """Prompt tokens a second that it was last measured at on this machine, None if never."""
        return measured_rate(self.identity())

    def connect(self) -> Connection:
        """Find the weights (fetched if need be), load them, and serve them on loopback.

        Raises:
            BackendError: If the weights cannot be had or loaded, or the port is taken.
        """
        if self.model_path is None:
            path = require_weights(self.weights)
        else:
            # Called for its check of the hash alone.
            self._chosen_file_sha256()
            path = Path(self.model_path)
        return EmbeddedConnection(self, path)

    def _chosen_file_sha256(self) -> str:
        """The hash of `model_path`, checked against `model_sha256` where that is set."""
        path = Path(str(self.model_path))
        try:
            stamp = path.stat()
            sha256 = _hash_of_file(path, stamp.st_size, stamp.st_mtime_ns)
        except OSError as error:
            raise BackendError(
                f"backend.model_path={self.model_path!r} cannot be read ({error.strerror}); name a"
                " GGUF file, or leave it out to use this backend's own weights."
            ) from error
        if self.model_sha256 not in (None, sha256):
            raise BackendError(
                f"backend.model_path={self.model_path!r} has sha256 {sha256}, but"
                f" backend.model_sha256 wants {self.model_sha256}; get the file again, or correct"
                " backend.model_sha256=."
            )
        return sha256


@lru_cache(maxsize=16)
def _hash_of_file(path: Path, size: int, changed: int) -> str:
    """The file's hash, computed once for each size and time of change."""
    return file_sha256(path)


class SlotQueue:
    """Lets one request at a time to the slot; requests with the slot's prefix go first."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: list[tuple[object, str]] = []
        self._busy = False
        self.prefix: str | None = None
        """What the slot holds; None where unknown. Set by whoever has the turn."""

    @contextmanager
    def turn(self, prefix: str) -> Iterator[None]:
        """Wait for the turn of a request with this prefix, and hold it."""
        # The object tells requests with one prefix apart, also where the list removes one.
        ticket = (object(), prefix)
        with self._changed:
            self._waiting.append(ticket)
            self._changed.wait_for(lambda: not self._busy and self._next_ticket() is ticket)
            self._waiting.remove(ticket)
            self._busy = True
        try:
            yield
        finally:
            with self._changed:
                self._busy = False
                self._changed.notify_all()

    def _next_ticket(self) -> tuple[object, str]:
        """The first waiting request with the slot's prefix, else the first of all."""
        with_slot_prefix = (ticket for ticket in self._waiting if ticket[1] == self.prefix)
        return next(with_slot_prefix, self._waiting[0])


class EmbeddedConnection:
    """A llama.cpp server in this process and the one way in which it is asked."""

    def __init__(self, spec: EmbeddedModel, path: Path) -> None:
        self._server: Any = serve(path, spec.context, spec.threads, spec.port)
        root = self._server.listening_address
        self._endpoint = EndpointConnection(
            OpenAICompatible(
                base_url=f"{root}/v1",
                model=ALIAS,
                api_key_env=_NO_KEY_VARIABLE,
                timeout_s=spec.timeout_s,
                max_concurrency=spec.max_concurrency,
                # Sent again, a request would find the slot as its first sending left it.
                tries=1,
            )
        )
        self._routes = LlamaCppServer(root, spec.timeout_s)
        self._queue = SlotQueue()
        self._model = spec.model_name
        self._build = canonical_json(build_here()._asdict())
        self._prefixes: dict[tuple[str, str], str] = {}
        self._folds_roles = not takes_system(self._routes)
        self._meter = RateMeter(spec.identity())

    def chat(self, request: ChatRequest) -> Completion:
        """Generate text, by the request's schema if it has one."""
        request = replace(request, messages=self._safe_turns(request.messages, "chat"))
        # Each repeat is another draw, and the same one whenever it is asked.
        seed = {"seed": request.repeat} if request.temperature > 0 else {}
        with self._slot(request.messages, "chat") as extensions:
            completion = self._endpoint.generate(request, {**extensions, **seed})
        return completion._replace(model=self._model, build=self._build)

    def grade(self, request: GradeRequest) -> OptionProbabilities:
        """Measure exact probabilities of one-token answers."""
        request = replace(request, messages=self._safe_turns(request.messages, request.format))
        # Asked for before the slot is held, since it may take several requests.
        self._endpoint.option_tokens(request, self._routes)
        with self._slot(request.messages, request.format) as extensions:
            measured = self._endpoint.grade_exactly(request, self._routes, extensions)
        return measured._replace(model=self._model, build=self._build)

    def embed(self, texts: Sequence[str]) -> Embeddings:
        """Refused: the server that generates does not embed."""
        raise BackendError(
            f"backend {self._model!r} gives no embeddings; use embedder=tfidf, or an endpoint that"
            " embeds."
        )

    def count_tokens(self, text: str) -> int | None:
        """Length of a text in the model's tokens."""
        return len(self._routes.tokenize(text))

    def notes(self) -> tuple[str, ...]:
        """Whether the system message had to be folded in."""
        return (FOLDED,) if self._folds_roles else ()

    def _safe_turns(self, messages: tuple[Message, ...], style: str) -> tuple[Message, ...]:
        """The messages in turns that nothing in them can end, as the template knows them."""
        messages = without_turn_marks(messages)
        return fold_roles(messages) if self._folds_roles and style == "chat" else messages

    def close(self) -> None:
        """Stop the server and release the weights."""
        self._meter.keep()
        self._endpoint.close()
        self._routes.close()
        # xllamacpp stops a server when its object is dropped.
        self._server = None

    @contextmanager
    def _slot(self, messages: Sequence[Message], style: str) -> Iterator[dict[str, Any]]:
        """Hold the slot, its cache in the state that every request with this prefix finds."""
        prefix = self._shared_prefix(messages, style)
        with self._queue.turn(prefix), self._meter.measured(messages):
            # Nothing is shared, so nothing is cached.
            if not prefix:
                self._queue.prefix = None
                yield {"cache_prompt": False}
                return
            # Unknown until both steps below are done: either may fail.
            slot_has_prefix, self._queue.prefix = self._queue.prefix == prefix, None
            # One token is read if the slot still holds the prefix; more, if somebody else used it.
            if not slot_has_prefix or self._routes.read_prefix(prefix, cached=True) != 1:
                self._routes.read_prefix(prefix, cached=False)
                # Once more: the last token is to be read by itself, as before every later item.
                self._routes.read_prefix(prefix, cached=True)
            self._queue.prefix = prefix
            yield {"cache_prompt": True}

    def _shared_prefix(self, messages: Sequence[Message], style: str) -> str:
        """What all requests with these system messages begin with, as text."""
        system = [message for message in messages if message.role == "system"]
        if style == "plain":
            return plain_text(system)
        key = (style, plain_text(system))
        if key not in self._prefixes:
            # Two users' texts that differ at once show where the shared part ends.
            first, second = (
                self._routes.apply_template([*system, Message("user", user)]) for user in ("A", "Z")
            )
            # The 64 latest: a run has one a cell.
            # Another dict and no change of this one, which other threads may be reading.
            self._prefixes = {
                **dict(list(self._prefixes.items())[-63:]),
                key: _common_beginning(first, second),
            }
        return self._prefixes[key]


def takes_system(routes: LlamaCppServer) -> bool:
    """Whether a model's chat template writes a system message out, tried on two short ones."""
    try:
        text = routes.apply_template([Message("system", "MARKED"), Message("user", "A text.")])
    except FailedCallError:
        # Templates refuse in their own words, which reach us as an error of the route.
        return False
    return "MARKED" in text


def _common_beginning(first: str, second: str) -> str:
    """The longest common beginning of two texts.

    >>> _common_beginning("user: A", "user: Z")
    'user: '
    """
    pairs = zip(first, second, strict=False)
    end = next((n for n, (a, b) in enumerate(pairs) if a != b), min(len(first), len(second)))
    return first[:end]
