"""An OpenAI-compatible endpoint, called through DSPy's language model with its request types."""

from __future__ import annotations

import math
import re
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from memalign_bench.backends.base import (
    ChatRequest,
    Completion,
    Connection,
    Embeddings,
    GradeRequest,
    OptionProbabilities,
    plain_text,
)
from memalign_bench.backends.http.dspy_client import (
    chat_config,
    language_model,
    lm_errors,
)
from memalign_bench.backends.http.llamacpp import (
    LlamaCppServer,
    exact_parameters,
    exact_probabilities,
)
from memalign_bench.backends.http.roles import without_turn_marks
from memalign_bench.backends.http.sender import RequestSender
from memalign_bench.backends.http.settings import EndpointSettings
from memalign_bench.backends.http.steps import are_numbers, in_steps
from memalign_bench.backends.proxies import ask_directly, is_loopback
from memalign_bench.errors import BackendError, FailedCallError, RequestError
from memalign_bench.types import CallCost, Usage

if TYPE_CHECKING:
    import dspy
    import httpx

__all__ = [
    "LISTED",
    "EndpointConnection",
    "OpenAICompatible",
    "check_listed",
    "listed_grades",
    "listed_probabilities",
    "vectors_of",
]

LISTED = 20
"""Likely tokens that OpenAI's dialect lists at most."""

_MIN_MASS = 0.99


@dataclass(frozen=True, kw_only=True)
class OpenAICompatible(EndpointSettings):
    """An OpenAI-compatible endpoint: vLLM, Ollama, LM Studio, llama.cpp's server, a provider.

    Attributes:
        base_url: Its address; the closing `/v1` may be left out.
        embedding_model: Name of the model that embeds; None for `model`.
        name: Name of the YAML choice.

    Raises:
        RequestError: If the address is no http(s) address, or a setting is out of range.
    """

    base_url: str
    embedding_model: str | None = None
    name: str = "openai_compatible"

    def __post_init__(self) -> None:
        super().__post_init__()
        address = urlsplit(str(self.base_url))
        if address.scheme not in ("http", "https") or not address.hostname:
            raise RequestError(
                "backend.base_url must be an address like http://127.0.0.1:8080/v1,"
                f" got {self.base_url!r}."
            )
        # Not quoted: some put a key there.
        if address.query or address.fragment:
            raise RequestError(
                "backend.base_url must hold no '?' and no '#'; put the key into the environment"
                f" variable {self.api_key_env}, and other parameters into backend.extra_body=."
            )
        # The address is part of the identity, which is stored and shown.
        if address.password or address.username:
            raise RequestError(
                "backend.base_url must hold no user or password; put the key into the environment"
                f" variable {self.api_key_env}."
            )
        if str(self.base_url).rstrip("/").endswith(("/completions", "/embeddings")):
            raise RequestError(
                "backend.base_url must be the server's address, which its routes are put behind,"
                f" got that of a route: {self.base_url!r}."
            )

    @property
    def where(self) -> str:
        """The address."""
        return self.base_url

    @property
    def is_local(self) -> bool:
        """Whether the address is on this machine, and no price was set."""
        # A price says that somebody is paid: the address may be that of a proxy before a provider.
        return not self.has_price and is_loopback(self.base_url)

    @property
    def api_url(self) -> str:
        """The address that routes are put behind: with `/v1`, unless it names a version itself."""
        address = self.base_url.rstrip("/")
        # Gemini's is `/v1beta/openai`, Zhipu's `/api/paas/v4`.
        return address if re.search(r"/v\d", urlsplit(address).path) else f"{address}/v1"

    def identity(self) -> dict[str, Any]:
        """What decides the answers."""
        return {
            "provider": "openai_compatible",
            # Written in one way, so that one endpoint has one identity.
            "base_url": self.api_url,
            "model": self.model,
            "revision": self.revision,
            "embedding_model": self.embedding_model,
            "extra_body": dict(self.extra_body),
        }

    def connect(self) -> Connection:
        """Open a connection; nothing is sent yet."""
        return EndpointConnection(self)


class EndpointConnection:
    """Calls one endpoint; safe for threads.

    Grades are exact where the endpoint is llama.cpp's server. Elsewhere they are read from the 20
    likeliest tokens, and refused where these hold less than 0.99 of the grades' mass.
    """

    def __init__(self, spec: OpenAICompatible) -> None:
        ask_directly(spec.base_url)
        self.spec = spec
        self._lock = threading.Lock()
        self._sender = RequestSender(spec, self._make_model)
        self._http: httpx.Client | None = None
        self._llamacpp: LlamaCppServer | None = None
        self._looked_for_llamacpp = False
        self._option_tokens: dict[tuple[tuple[str, ...], str], tuple[int, ...]] = {}

    def chat(self, request: ChatRequest) -> Completion:
        """Generate text, by the request's schema if it has one."""
        return self.generate(request, {})

    def generate(self, request: ChatRequest, extensions: Mapping[str, Any]) -> Completion:
        """Generate text with further request parameters."""
        config = chat_config(request)
        response, usage, retries = self._sender.send(request.messages, config, extensions)
        text = self._sender.text(response)
        return Completion(text, response.finish_reason, usage, response.model, retries)

    def grade(self, request: GradeRequest) -> OptionProbabilities:
        """Measure the probabilities of one-token answers."""
        server = self.llamacpp()
        if server is not None:
            # What its prefix cache happens to hold would move the probabilities.
            return self.grade_exactly(request, server, {"cache_prompt": False})
        if request.format == "plain":
            raise BackendError(
                f"{self.spec.base_url} is not llama.cpp's server, which prompt.format=plain needs;"
                " use prompt.format=chat."
            )
        return listed_grades(self._sender, request, self.spec.base_url)

    def grade_exactly(
        self, request: GradeRequest, server: LlamaCppServer, extensions: Mapping[str, Any]
    ) -> OptionProbabilities:
        """Measure exact probabilities at a llama.cpp server, of long numbers a character a time."""
        # Empty where the options are numbers of several tokens.
        if tokens := self.option_tokens(request, server):
            return self._measure_exactly(request, tokens, server, extensions)
        # Each step goes on from what has been written of the number.
        *earlier_messages, prefill = request.messages

        def measure(written: str, next_characters: tuple[str, ...]) -> OptionProbabilities:
            messages = (*earlier_messages, replace(prefill, content=prefill.content + written))
            step = replace(request, messages=messages, options=next_characters)
            return self._measure_exactly(step, self.option_tokens(step, server), server, extensions)

        return in_steps(request.options, measure)

    def _measure_exactly(
        self,
        request: GradeRequest,
        tokens: Sequence[int],
        server: LlamaCppServer,
        extensions: Mapping[str, Any],
    ) -> OptionProbabilities:
        """Exact probabilities of one-token answers, by the chat route or a written-out prompt."""
        if request.format == "plain":
            text = plain_text(without_turn_marks(request.messages))
            cached = bool(extensions["cache_prompt"])
            values, mass, usage = server.measure(text, tokens, cached=cached)
            return OptionProbabilities(values, mass, usage, self.spec.model)
        # Temperature 1: the server lists what its sampler left over.
        # As many as there are options: their bias makes them the likeliest of all.
        config = {"max_tokens": 1, "temperature": 1.0, "top_p": 1.0, "logprobs": len(tokens)}
        parameters = {**exact_parameters(tokens), **extensions}
        response, usage, retries = self._sender.send(request.messages, config, parameters)
        # Read from the raw answer: probabilities after sampling stand in a field (`top_probs`)
        # that OpenAI's dialect, and so DSPy, does not have.
        try:
            data: Any = response.provider_data
            listed = data["choices"][0]["logprobs"]["content"][0]["top_probs"]
        except (KeyError, IndexError, TypeError) as error:
            raise FailedCallError(
                "the llama.cpp server answered without probabilities.",
                CallCost(usage, from_store=False, retries=retries),
            ) from error
        values, mass = exact_probabilities(listed, tokens)
        return OptionProbabilities(values, mass, usage, response.model, retries)

    def option_tokens(self, request: GradeRequest, server: LlamaCppServer) -> tuple[int, ...]:
        """Token ids of a request's options, asked for once."""
        prefill = request.messages[-1].content
        # Only the prefill's last character decides which form of an option continues it.
        key = (request.options, prefill[-1:])
        # Two threads may ask at once, and then write the same.
        if key not in self._option_tokens:
            self._option_tokens[key] = server.option_tokens(request.options, prefill)
        return self._option_tokens[key]

    def embed(self, texts: Sequence[str]) -> Embeddings:
        """Vectors from the endpoint's `/embeddings`."""
        import httpx

        model = self.spec.embedding_model or self.spec.model

        def ask() -> Embeddings:
            with lm_errors(model):
                answer = self._client_of_embeddings().post(
                    f"{self.spec.api_url}/embeddings",
                    json={"model": model, "input": list(texts)},
                    headers=_authorisation(self._sender.key),
                )
                # With the server's words, where httpx has only the status.
                if not answer.is_success:
                    raise httpx.HTTPStatusError(
                        _error_words(answer) or answer.reason_phrase,
                        request=answer.request,
                        response=answer,
                    )
                body = answer.json()
                vectors = vectors_of(body["data"], len(texts))
                usage = Usage(prompt_tokens=int((body.get("usage") or {}).get("prompt_tokens", 0)))
                return Embeddings(vectors, usage, str(body.get("model") or model))

        return self._sender.embed(ask, texts, model)

    def _client_of_embeddings(self) -> httpx.Client:
        """One for all texts: each is asked by itself, and a new client shakes hands anew."""
        import httpx

        with self._lock:
            if self._http is None:
                # No limit of its own: `max_concurrency` bounds the calls under way.
                self._http = httpx.Client(timeout=self.spec.timeout_s, limits=httpx.Limits())
            return self._http

    def count_tokens(self, text: str) -> int | None:
        """Length in tokens where the endpoint is llama.cpp's server, else None."""
        server = self.llamacpp()
        return None if server is None else len(server.tokenize(text))

    def llamacpp(self) -> LlamaCppServer | None:
        """The endpoint's further routes if it is llama.cpp's server; looked for once."""
        with self._lock:
            if not self._looked_for_llamacpp:
                key = self._sender.key
                root = self.spec.api_url.removesuffix("/v1")
                server = LlamaCppServer(root, self.spec.timeout_s, _authorisation(key))
                if server.is_there():
                    self._llamacpp = server
                else:
                    server.close()
                self._looked_for_llamacpp = True
            return self._llamacpp

    def notes(self) -> tuple[str, ...]:
        """Whether the system message had to be folded in."""
        return self._sender.notes()

    def close(self) -> None:
        """Close the sockets."""
        self._sender.close()
        with self._lock:
            if self._http is not None:
                self._http.close()
            self._http = None
            if self._llamacpp is not None:
                self._llamacpp.close()
            # So that the next call looks anew.
            self._llamacpp, self._looked_for_llamacpp = None, False

    def _make_model(self, key: str | None) -> dspy.LM:
        """DSPy's language model for this endpoint."""
        return language_model(self.spec.api_url, self.spec.model, self.spec.timeout_s, key)


def listed_grades(sender: RequestSender, request: GradeRequest, where: str) -> OptionProbabilities:
    """Probabilities of one-token answers, read from the likeliest tokens; raises BackendError."""
    check_listed(request.options, where)
    config = {"max_tokens": 1, "temperature": 1.0, "top_p": 1.0, "logprobs": LISTED}
    try:
        response, usage, retries = sender.send(request.messages, config, {})
    except FailedCallError as error:
        # An error that names them is of all calls, and would come for each.
        if "logprob" not in str(error).casefold():
            raise
        raise BackendError(
            f"{where} gives no logprobs that can be used ({error}); use scoring=verdict, or a"
            " server that gives them."
        ) from error
    first = response.logprobs[0].top if response.logprobs else ()
    listed = [(entry.token, entry.logprob) for entry in first]
    values, mass = listed_probabilities(listed, request.options, where)
    return OptionProbabilities(values, mass, usage, response.model, retries)


def check_listed(options: Sequence[str], where: str) -> None:
    """Refuse answers that no list of likely tokens can hold, before anything is sent.

    Raises:
        BackendError: If they are more than are listed, or numbers with a sign or a fraction.
    """
    # A sign or a point makes several tokens of a number.
    are_several_tokens = are_numbers(options) and any(
        "-" in option or "." in option for option in options
    )
    if are_several_tokens or len(options) > LISTED:
        raise BackendError(
            f"{where} lists its {LISTED} likeliest tokens, and the {len(options)} grades from"
            f" {options[0]} to {options[-1]} are not among them, one token each; use"
            " scoring=verdict, or llama.cpp's server, which is asked a character at a time."
        )


def listed_probabilities(
    listed: Sequence[tuple[str, float]], options: Sequence[str], where: str
) -> tuple[tuple[float, ...], float]:
    """Probabilities of options read from a list of likely tokens, and the mass they had there.

    Tokens that differ from an option only by spaces around it count for it.

    Args:
        listed: Token and natural log of its probability.
        options: The answers wanted.
        where: The endpoint's address, for messages.

    Raises:
        BackendError: If nothing is listed, or the options have less than 0.99 of the mass.
    """
    if not listed:
        raise BackendError(
            f"{where} gives no logprobs; use scoring=verdict, or a server that gives them."
        )
    probability_of = dict.fromkeys(options, 0.0)
    for token, logprob in listed:
        if token.strip() in probability_of:
            probability_of[token.strip()] += math.exp(logprob)
    mass = math.fsum(probability_of.values())
    if mass < _MIN_MASS:
        raise BackendError(
            f"{where} gave the grades {list(options)!r} only {mass:.4f} of the probability among"
            f" its {len(listed)} likeliest tokens, and {_MIN_MASS} is the least that is trusted;"
            " use scoring=verdict, or llama.cpp's server, whose probabilities are exact."
        )
    return tuple(probability_of[option] / mass for option in options), mass


def vectors_of(rows: Sequence[Mapping[str, Any]], count: int) -> NDArray[np.float64]:
    """Vectors of an answer in the order of the texts; shape (count, width).

    Raises:
        ValueError: If they are not as many as the texts, or not of one width.
    """
    # The dialect does not promise the order in which the texts were sent.
    ordered = sorted(rows, key=lambda row: row["index"])
    vectors = np.asarray([row["embedding"] for row in ordered], dtype=np.float64)
    if vectors.ndim != 2 or len(vectors) != count or not vectors.size:
        raise ValueError(f"vectors of shape {vectors.shape} for {count} texts")
    return vectors


def _error_words(answer: httpx.Response) -> str:
    """What a server says of an error: its message, or all where there is none."""
    try:
        said = answer.json()["error"]
    except (ValueError, KeyError, TypeError):
        return answer.text
    # Ollama sends the message alone.
    return str(said.get("message", said)) if isinstance(said, dict) else str(said)


def _authorisation(key: str | None) -> dict[str, str]:
    """The header that carries the key, where there is one."""
    return {} if key is None else {"Authorization": f"Bearer {key}"}
