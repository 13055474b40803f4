"""Providers' models: OpenAI, Anthropic, Gemini in DSPy's own dialects, others through LiteLLM."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Literal

from memalign_bench.backends.base import (
    ChatRequest,
    Completion,
    Connection,
    Embeddings,
    GradeRequest,
    OptionProbabilities,
)
from memalign_bench.backends.http.dspy_client import (
    chat_config,
    lm_errors,
    provider_model,
)
from memalign_bench.backends.http.openai_compatible import listed_grades, vectors_of
from memalign_bench.backends.http.portable_schema import portable_schema
from memalign_bench.backends.http.sender import RequestSender
from memalign_bench.backends.http.settings import EndpointSettings
from memalign_bench.errors import BackendError, RequestError
from memalign_bench.types import Usage

if TYPE_CHECKING:
    import dspy

__all__ = ["HostedConnection", "HostedModel", "Reasoning"]

Reasoning = Literal["minimal", "low", "medium", "high"]

_NATIVE_PROVIDERS = ("openai", "anthropic", "gemini")
_WITHOUT_EMBEDDINGS = ("anthropic",)
_REASONING_TOKENS = 4096
_EFFORTS = ("minimal", "low", "medium", "high")


@dataclass(frozen=True, kw_only=True)
class HostedModel(EndpointSettings):
    """A model of a provider that DSPy or LiteLLM knows by name.

    Attributes:
        provider: `openai`, `anthropic` and `gemini` are spoken by DSPy; any other name is
            LiteLLM's (https://docs.litellm.ai/docs/providers).
        base_url: Another address than the provider's own; None for that.
        credentials: Environment variables that must be set, the key's among them.
        packages: Python packages that LiteLLM needs for this provider.
        reasoning: How long a reasoning model thinks; None for a model that does not. With it no
            temperature is sent, as such models refuse one.
        reasoning_tokens: Tokens allowed for thinking, beyond those of the answer.
        logprobs: Whether probabilities of tokens are given.
        embedding_model: Name of the model that embeds; None for `model`.
        name: Name of the YAML choice.

    Raises:
        RequestError: If a setting is out of range.
    """

    provider: str
    base_url: str | None = None
    credentials: Sequence[str] = field(default_factory=tuple)
    packages: Sequence[str] = field(default_factory=tuple)
    reasoning: Reasoning | None = None
    reasoning_tokens: int = _REASONING_TOKENS
    logprobs: bool = False
    embedding_model: str | None = None
    name: str = "hosted"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.reasoning is not None and self.reasoning not in _EFFORTS:
            raise RequestError(
                f"backend.reasoning must be one of {', '.join(_EFFORTS)} or null, got"
                f" {self.reasoning!r}."
            )

    @property
    def where(self) -> str:
        """The provider, and its address where another was set."""
        return self.base_url or self.provider

    @property
    def gives_logprobs(self) -> bool | None:
        """Whether probabilities of tokens are given."""
        return self.logprobs

    @property
    def embeds(self) -> bool:
        """Whether the provider has models that embed."""
        return self.provider not in _WITHOUT_EMBEDDINGS

    @property
    def listed_as(self) -> str:
        """The model's name in LiteLLM's table of prices."""
        return f"{self.provider}/{self.model}"

    @property
    def thinking_tokens(self) -> int:
        """Room for thoughts; none where the model does not think."""
        return 0 if self.reasoning is None else self.reasoning_tokens

    @property
    def is_native(self) -> bool:
        """Whether DSPy speaks the provider's dialect, without LiteLLM between."""
        return self.provider in _NATIVE_PROVIDERS

    def identity(self) -> dict[str, Any]:
        """What decides the answers."""
        # Named where it was set: stores made before it was part of the identity stay valid.
        is_set = self.reasoning is not None and self.reasoning_tokens != _REASONING_TOKENS
        room = {"reasoning_tokens": self.reasoning_tokens} if is_set else {}
        return {
            **room,
            "provider": self.provider,
            "base_url": self.base_url,
            "model": self.model,
            "revision": self.revision,
            "embedding_model": self.embedding_model,
            "reasoning": self.reasoning,
            "extra_body": dict(self.extra_body),
        }

    def missing(self) -> list[str]:
        """What this machine lacks to call the provider, each with its remedy."""
        unset = [name for name in self.credentials if not os.environ.get(name)]
        problems = [f"set {', '.join(unset)} in the environment"] if unset else []
        problems += [f"pip install {name}" for name in self.packages if find_spec(name) is None]
        return problems

    def connect(self) -> Connection:
        """Open a connection; nothing is sent yet.

        Raises:
            RequestError: If a key or a package is missing.
        """
        if problems := self.missing():
            raise RequestError(f"backend={self.name} cannot be called: {'; '.join(problems)}.")
        return HostedConnection(self)


class HostedConnection:
    """Calls one provider; safe for threads."""

    def __init__(self, spec: HostedModel) -> None:
        self.spec = spec
        self._sender = RequestSender(spec, self._make_client_model, spec.provider)

    def chat(self, request: ChatRequest) -> Completion:
        """Generate text, by the request's schema if it has one.

        Bounds of length that providers refuse in schemas are put into words.
        """
        if request.schema is not None:
            request = replace(request, schema=portable_schema(request.schema))
        config = chat_config(request)
        if self.spec.reasoning is not None:
            from dspy import lm15

            # Such models refuse any temperature, 0 included.
            del config["temperature"]
            # Thoughts count as generated: without room of their own none is left for the answer.
            config["max_tokens"] += self.spec.thinking_tokens
            config["reasoning"] = lm15.Reasoning(effort=self.spec.reasoning)
        response, usage, retries = self._sender.send(request.messages, config, {})
        text = self._sender.text(response)
        return Completion(text, response.finish_reason, usage, response.model, retries)

    def grade(self, request: GradeRequest) -> OptionProbabilities:
        """Read the probabilities of one-token answers from the likeliest tokens."""
        if not self.spec.logprobs:
            raise BackendError(
                f"backend={self.spec.name} gives no logprobs; use scoring=verdict, or set"
                " backend.logprobs=true if this model does."
            )
        return listed_grades(self._sender, request, self.spec.where)

    def embed(self, texts: Sequence[str]) -> Embeddings:
        """Vectors, through LiteLLM."""
        # Else LiteLLM asks the network for prices when it is imported.
        os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
        import litellm

        # The sender tries again, and counts how often. LiteLLM's own tries are taken away twice,
        # since OpenAI's dialect takes a 0 among the parameters for one that was not set.
        litellm.DEFAULT_MAX_RETRIES = 0
        # Else it prints an advertisement for each error.
        litellm.suppress_debug_info = True
        spec = self.spec
        model = spec.embedding_model or spec.model

        def ask() -> Embeddings:
            with lm_errors(model):
                answer = litellm.embedding(
                    f"{spec.provider}/{model}",
                    input=list(texts),
                    timeout=spec.timeout_s,
                    max_retries=0,
                    **self._client_settings(self._sender.key),
                )
                vectors = vectors_of(answer.data, len(texts))
                usage = Usage(prompt_tokens=int(answer.usage.prompt_tokens))
                return Embeddings(vectors, usage, str(answer.model or model))

        return self._sender.embed(ask, texts, model)

    def count_tokens(self, text: str) -> int | None:
        """None: providers do not tell without being asked for money."""
        return None

    def notes(self) -> tuple[str, ...]:
        """Whether the system message had to be folded in."""
        return self._sender.notes()

    def close(self) -> None:
        """Close the sockets."""
        self._sender.close()

    def _make_client_model(self, key: str | None) -> dspy.LM:
        """DSPy's language model for the provider."""
        spec = self.spec
        engine = "lm15" if spec.is_native else "litellm"
        client = self._client_settings(key)
        return provider_model(f"{spec.provider}/{spec.model}", engine, spec.timeout_s, client)

    def _client_settings(self, key: str | None) -> Mapping[str, Any]:
        """Key and address for a client, as far as they are set."""
        settings = {"api_key": key, "api_base": self.spec.base_url}
        return {name: value for name, value in settings.items() if value is not None}
