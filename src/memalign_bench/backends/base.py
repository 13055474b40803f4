"""What is asked of a language model and what it answers, whatever stands behind it.

A *spec* is what a YAML choice builds: a frozen dataclass that knows the model's identity and can
`connect`. A *connection* talks to the model. A *backend* is what the layers above use: a spec and
the call store, connected at the first call that the store cannot answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from memalign_bench.backends.prices import Price
from memalign_bench.errors import RequestError
from memalign_bench.types import Usage

__all__ = [
    "Backend",
    "BackendSpec",
    "ChatAnswer",
    "ChatRequest",
    "Completion",
    "Connection",
    "Embeddings",
    "GradeAnswer",
    "GradeRequest",
    "Message",
    "Mode",
    "OptionProbabilities",
    "check_mode",
    "plain_text",
]


Mode = Literal["live", "replay"]
"""`live` sends what the call store cannot answer, `replay` never sends anything."""


def check_mode(mode: str) -> None:
    """Raise RequestError if a mode is unknown."""
    if mode not in ("live", "replay"):
        raise RequestError(f"backend.mode must be live or replay, got {mode!r}.")


@dataclass(frozen=True)
class Message:
    """One message of a chat."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True)
class ChatRequest:
    """A request for generated text.

    Attributes:
        messages: The chat so far, system messages first.
        max_tokens: Bound on what is generated.
        temperature: 0 takes the likeliest token each time.
        schema: JSON schema that the text must follow, or None for free text.
        repeat: Tells equal requests apart that are meant to be sent more than once.
    """

    messages: tuple[Message, ...]
    max_tokens: int
    temperature: float = 0.0
    schema: Mapping[str, Any] | None = None
    repeat: int = 0

    def __post_init__(self) -> None:
        # A list could still be changed under the frozen request.
        object.__setattr__(self, "messages", tuple(self.messages))

    def record(self) -> dict[str, Any]:
        """The request as plain JSON values."""
        return {
            # Hashed into the call's key: another field here would rename every call that is stored.
            "kind": "chat",
            "messages": _as_dicts(self.messages),
            "max_tokens": self.max_tokens,
            "temperature": self.temperature,
            "schema": None if self.schema is None else dict(self.schema),
            "repeat": self.repeat,
        }


@dataclass(frozen=True)
class GradeRequest:
    """A request for the probabilities of a few one-token answers.

    Attributes:
        messages: The chat; the last message is the assistant's beginning ("Grade:").
        options: The answers, in the order in which their probabilities are wanted.
        format: `chat` uses the model's chat template, `plain` the contents alone.
        repeat: Tells equal requests apart that are meant to be sent more than once.

    Raises:
        ValueError: If options repeat or are fewer than two, or the last message is not the
            assistant's.
    """

    messages: tuple[Message, ...]
    options: tuple[str, ...]
    format: Literal["chat", "plain"] = "chat"
    repeat: int = 0

    def __post_init__(self) -> None:
        # Lists are taken as well; tuples keep the request hashable.
        object.__setattr__(self, "messages", tuple(self.messages))
        object.__setattr__(self, "options", tuple(self.options))
        # An option that stood there twice would have its token counted twice.
        if len(self.options) < 2 or len(set(self.options)) != len(self.options):
            raise ValueError(f"options must be two or more and differ, got {self.options!r}.")
        if not self.messages or self.messages[-1].role != "assistant":
            raise ValueError("the last message of a grade request must be the assistant's prefill.")
        if self.format not in ("chat", "plain"):
            raise ValueError(f"format must be chat or plain, got {self.format!r}.")

    def record(self) -> dict[str, Any]:
        """The request as plain JSON values."""
        return {
            "kind": "grade",
            "messages": _as_dicts(self.messages),
            "options": list(self.options),
            "format": self.format,
            "repeat": self.repeat,
        }


def _as_dicts(messages: Sequence[Message]) -> list[dict[str, str]]:
    """Messages as JSON values."""
    return [{"role": message.role, "content": message.content} for message in messages]


def plain_text(messages: Sequence[Message]) -> str:
    r"""The contents of messages written out without a chat template, a blank line between them.

    >>> plain_text([Message("user", "Text"), Message("assistant", "Grade:")])
    'Text\n\nGrade:'
    """
    # Line breaks alone: a space at the end of the prefill decides how an option goes on from it.
    return "\n\n".join(message.content.strip("\n") for message in messages)


class Completion(NamedTuple):
    """What a connection generated; `finish` is `stop`, `length` or the provider's own word.

    `build` says as JSON by which build of llama.cpp, where it runs in this process.
    """

    text: str
    finish: str
    usage: Usage
    model: str
    retries: int = 0
    build: str = ""


class OptionProbabilities(NamedTuple):
    """What a connection measured: probabilities in the order of the options, and the mass seen.

    `build` as in `Completion`.
    """

    probabilities: tuple[float, ...]
    mass: float
    usage: Usage
    model: str
    retries: int = 0
    build: str = ""


class Embeddings(NamedTuple):
    """Vectors of texts, shape (n_texts, n_dims)."""

    vectors: NDArray[np.float64]
    usage: Usage
    model: str
    retries: int = 0


@dataclass(frozen=True)
class ChatAnswer:
    """Generated text and its bookkeeping.

    Attributes:
        text: What was generated.
        finish: Why it ended: `stop`, `length` (cut off), or the provider's own word.
        usage: Tokens and money, as counted when the call was made.
        model: The model as served.
        latency_s: Seconds that the call took when it was made.
        from_store: Whether the store answered.
        retries: Requests sent beyond the first.
    """

    text: str
    finish: str
    usage: Usage = field(default_factory=Usage)
    model: str = ""
    latency_s: float = 0.0
    from_store: bool = False
    retries: int = 0


@dataclass(frozen=True)
class GradeAnswer:
    """Probabilities of the options, in their order and summing to 1, and the bookkeeping.

    `mass` is what the endpoint gave the options before they were made to sum to 1: below 1 where
    they were read out of a list of likely tokens. The rest is as in `ChatAnswer`.
    """

    probabilities: tuple[float, ...]
    mass: float
    usage: Usage = field(default_factory=Usage)
    model: str = ""
    latency_s: float = 0.0
    from_store: bool = False
    retries: int = 0


class Connection(Protocol):
    """An open way to a model. Methods may be called from several threads at once.

    All raise BackendError where the model cannot be reached or asked at all, and FailedCallError
    where one call gave no usable answer.
    """

    def chat(self, request: ChatRequest) -> Completion:
        """Generate text."""

    def grade(self, request: GradeRequest) -> OptionProbabilities:
        """Measure the probabilities of one-token answers."""

    def embed(self, texts: Sequence[str]) -> Embeddings:
        """Turn texts into vectors."""

    def count_tokens(self, text: str) -> int | None:
        """Length of a text in the model's tokens; None where the endpoint cannot tell."""

    def notes(self) -> tuple[str, ...]:
        """What the records must say of how this model had to be asked."""

    def close(self) -> None:
        """Release sockets, threads and weights."""


class _ModelFacts(Protocol):
    """What a spec and its backend both say of the model."""

    # Properties: a plain attribute would ask for one that can be set, which frozen specs have not.
    @property
    def name(self) -> str:
        """Name of the YAML choice."""

    @property
    def max_concurrency(self) -> int:
        """How many calls may be under way at once."""

    @property
    def context_tokens(self) -> int | None:
        """Tokens of context, None where unknown."""

    def identity(self) -> dict[str, Any]:
        """What decides the model's answers, as JSON values; no ports, paths or secrets."""


# Protocol is named again: a class derived from one is none by itself.
class BackendSpec(_ModelFacts, Protocol):
    """What a YAML choice of the group `backend` builds; values only, nothing is open."""

    @property
    def price(self) -> Price | None:
        """What its tokens cost; None where that is not known, or nothing is paid."""

    @property
    def is_local(self) -> bool:
        """Whether the model runs on this machine, at no charge."""

    @property
    def mode(self) -> Mode:
        """Whether calls that the store cannot answer are sent, or are an error."""

    @property
    def gives_logprobs(self) -> bool | None:
        """Whether probabilities of tokens are given; None where only asking tells."""

    @property
    def model_name(self) -> str:
        """The model's name for records and people."""

    def connect(self) -> Connection:
        """Open a way to the model."""


class Backend(_ModelFacts, AbstractContextManager["Backend", None], Protocol):
    """A model that answers through the call store: what judges, distillers and embedders use."""

    @property
    def model(self) -> str:
        """The model's name for records and people."""

    def chat(self, request: ChatRequest) -> ChatAnswer:
        """Generate text."""

    def grade(self, request: GradeRequest) -> GradeAnswer:
        """Measure the probabilities of one-token answers."""

    def embed(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Vectors of texts, shape (n_texts, n_dims)."""

    def count_tokens(self, text: str) -> int | None:
        """Length of a text in the model's tokens; None where the endpoint cannot tell."""

    def notes(self) -> tuple[str, ...]:
        """What the records must say of how the model had to be asked; empty until it was."""

    def open(self) -> None:
        """Connect now instead of at the first call that the store cannot answer."""

    def close(self) -> None:
        """Release sockets, threads and weights."""
