"""What every endpoint that is called over HTTP lets its user set."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from memalign_bench.backends.base import Mode, check_mode
from memalign_bench.backends.prices import Price, listed_price
from memalign_bench.errors import RequestError

__all__ = ["EndpointSettings"]

_POSITIVE_SETTINGS = (
    "max_concurrency",
    "timeout_s",
    "tries",
    "requests_per_minute",
    "tokens_per_minute",
)

_SECRET = re.compile(
    r"(^|_)(api_?key|authorization|bearer|credentials?|passw(or)?d|secret|(access|auth)_?token)(_|$)",
    re.IGNORECASE,
)


# By keyword, so that subclasses may add a setting that has no default (base_url).
@dataclass(frozen=True, kw_only=True)
class EndpointSettings:
    """Settings of an endpoint; of these only model, revision and extra_body decide answers.

    Attributes:
        model: The model's name there.
        revision: Which version of the model that name stands for, where you know it.
        api_key_env: Environment variable that holds the key.
        max_concurrency: How many calls may be under way at once.
        requests_per_minute: Bound over all jobs of this machine; None for none.
        tokens_per_minute: Likewise, prompt and answer together, as estimated before sending.
        context: Tokens of context, None where unknown.
        timeout_s: Seconds to wait for one answer.
        tries: How often a request is sent before it counts as failed.
        extra_body: Further request parameters, sent as they are.
        price_input: USD for a million tokens read; None to look the model up.
        price_output: USD for a million tokens generated, likewise.
        price_cached: USD for a million tokens from the provider's cache; None for `price_input`.
        mode: `live`, or `replay` to send nothing and take every answer from the call store.

    Raises:
        RequestError: If a number is out of range, the model has no name, or a key stands in
            `extra_body`.
    """

    model: str
    revision: str | None = None
    api_key_env: str = "OPENAI_API_KEY"
    max_concurrency: int = 8
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    context: int | None = None
    timeout_s: float = 120.0
    tries: int = 8
    extra_body: Mapping[str, Any] = field(default_factory=dict)
    price_input: float | None = None
    price_output: float | None = None
    price_cached: float | None = None
    mode: Mode = "live"

    def __post_init__(self) -> None:
        check_mode(self.mode)
        for key in ("price_input", "price_output", "price_cached"):
            value = getattr(self, key)
            # Not `value < 0`, which lets NaN pass.
            if value is not None and not value >= 0:
                raise RequestError(f"backend.{key} must be a number >= 0, got {value!r}.")
        for key in _POSITIVE_SETTINGS:
            value = getattr(self, key)
            if value is not None and not value > 0:
                raise RequestError(f"backend.{key} must be a number > 0, got {value!r}.")
        # Its values are part of the identity, which is stored and shown.
        if secret := next(_secret_names(self.extra_body), None):
            raise RequestError(
                f"backend.extra_body must hold no secret, got {secret!r}; put the key into the"
                f" environment variable {self.api_key_env}."
            )
        if not self.model:
            raise RequestError("backend.model must name a model of the endpoint, got nothing.")
        if self.has_price and self.price is None:
            raise RequestError(
                "backend.price_input and backend.price_output must both be set: LiteLLM's table"
                f" lists no price of {self.listed_as!r} to take the missing one from."
            )

    @property
    def where(self) -> str:
        """The endpoint as messages name it."""
        raise NotImplementedError

    @property
    def is_local(self) -> bool:
        """Whether the model runs on this machine, at no charge."""
        return False

    @property
    def gives_logprobs(self) -> bool | None:
        """Whether probabilities of tokens are given; None where only asking tells."""
        return None

    @property
    def context_tokens(self) -> int | None:
        """Tokens of context, None where unknown."""
        return self.context

    @property
    def model_name(self) -> str:
        """The model's name, with its revision where one is given."""
        return self.model if self.revision is None else f"{self.model}@{self.revision}"

    @property
    def price(self) -> Price | None:
        """The price that was set, else the listed one; a server on this machine has none."""
        read, generated, cached = self.price_input, self.price_output, self.price_cached
        if read is not None and generated is not None:
            return Price(read, generated, cached)
        listed = None if self.is_local else listed_price(self.listed_as)
        if listed is None or not self.has_price:
            return listed
        # What was not set is as listed: to count it as free would let a budget be crossed.
        return Price(
            listed.input if read is None else read,
            listed.output if generated is None else generated,
            listed.cached if cached is None and read is None else cached,
        )

    @property
    def has_price(self) -> bool:
        """Whether a price was set, or a part of it."""
        return (self.price_input, self.price_output, self.price_cached) != (None, None, None)

    @property
    def thinking_tokens(self) -> int:
        """Tokens that a chat may generate beyond its own limit, for thinking."""
        return 0

    @property
    def listed_as(self) -> str:
        """The model's name in LiteLLM's table of prices."""
        return self.model


def _secret_names(node: Any) -> Iterator[str]:
    """Names of parameters, at any depth, that are those of a secret."""
    if isinstance(node, Mapping):
        for name, value in node.items():
            if _SECRET.search(str(name).replace("-", "_")):
                yield str(name)
            yield from _secret_names(value)
    elif isinstance(node, list | tuple):
        for value in node:
            yield from _secret_names(value)
