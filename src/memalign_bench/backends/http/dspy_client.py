"""DSPy's language model as the client of an endpoint: its provider, request and usage types."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from memalign_bench.backends.base import ChatRequest, Message
from memalign_bench.backends.proxies import is_proxied
from memalign_bench.types import Usage

if TYPE_CHECKING:
    import dspy
    from dspy.lm15 import Response

__all__ = [
    "chat_config",
    "close_model",
    "has_reasoning",
    "language_model",
    "lm_errors",
    "provider_model",
    "text_of",
    "typed_request",
    "usage_of",
]


def language_model(base_url: str, model: str, timeout_s: float, key: str | None) -> dspy.LM:
    """DSPy's language model for an endpoint, with an engine of its own (`close_model`).

    Without one DSPy looks for the model's route, price and proxy at every call, which takes as much
    processor time as the call.

    Args:
        base_url: The address that the endpoint's routes are put behind.
        model: The model's name there.
        timeout_s: Seconds to wait for one answer.
        key: The endpoint's key, None where it wants none.
    """
    # DSPy may fall back on LiteLLM, which otherwise asks the network for prices when imported.
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    import dspy

    # DSPy hands on the settings of its transport, and the transport itself only from within.
    from dspy._vendor.lm15.transports import StdlibTransport
    from dspy.clients.engines import LM15Engine
    from dspy.lm15 import AccessPolicy, OpenAIChatCompat, ProviderDefinition, RouterConfig

    # Every one-token answer counts as truncated there, and would be warned about.
    logging.getLogger("dspy.clients.lm").setLevel(logging.ERROR)
    # Named by its address, since a model's name says which provider is asked.
    provider = f"memalign-{hashlib.sha256(base_url.encode()).hexdigest()[:12]}"
    definition = ProviderDefinition.chat(
        AccessPolicy(provider=provider, base_url=base_url),
        # DSPy's own choice is max_completion_tokens, which is refused or passed over by servers
        # that have not followed OpenAI in this; `refusals` renames it for those that have.
        compat=OpenAIChatCompat(max_tokens_field="max_tokens", instruction_role="system"),
        # Without it DSPy refuses to call a server for which no key is set.
        placeholder_key="none",
    )
    transport = StdlibTransport(
        read_timeout=timeout_s,
        write_timeout=timeout_s,
        pool_timeout=timeout_s,
        trust_env=is_proxied(base_url),
    )
    keys = None if key is None else {provider: key}
    engine = LM15Engine(RouterConfig(api_keys=keys, transport=transport, providers=(definition,)))
    # The call store keeps answers, and the sender tries again and counts how often.
    return dspy.LM(f"{provider}/{model}", cache=False, num_retries=0, engine=engine)


def close_model(lm: dspy.LM) -> None:
    """Close a model's sockets, also those of an engine that it was given."""
    lm.close()
    if not isinstance(lm.engine, str):
        lm.engine.close()
        lm.engine.config.transport.close()


def provider_model(model: str, engine: str, timeout_s: float, client: Mapping[str, Any]) -> dspy.LM:
    """DSPy's language model for a provider that it knows by name.

    Args:
        model: `provider/name`.
        engine: `lm15` for DSPy's own dialects, `litellm` for LiteLLM's.
        timeout_s: Seconds to wait for one answer.
        client: Key and address, where they are set.
    """
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    import dspy

    logging.getLogger("dspy.clients.lm").setLevel(logging.ERROR)
    return dspy.LM(model, cache=False, num_retries=0, engine=engine, timeout=timeout_s, **client)


@contextmanager
def lm_errors(model: str) -> Iterator[None]:
    """Within this block errors of httpx and LiteLLM become DSPy's, as those of a chat do."""
    import httpx
    from dspy import lm15
    from dspy.clients.engines.litellm_errors import litellm_errors
    from dspy.clients.errors import error_boundary

    # Unexpected ones too: what a server sends may break whoever reads it.
    with error_boundary(model, unexpected=True), litellm_errors(model=model):
        try:
            yield
        # Those that carry a status are told by it; these carry none.
        except httpx.TimeoutException as error:
            raise lm15.TimeoutError(str(error)) from error
        except httpx.TransportError as error:
            raise lm15.TransportError(str(error)) from error


def chat_config(request: ChatRequest) -> dict[str, Any]:
    """DSPy's settings for a request for text."""
    config: dict[str, Any] = {
        "max_tokens": request.max_tokens,
        "temperature": request.temperature,
    }
    if request.schema is not None:
        config["response_format"] = {
            "type": "json_schema",
            "name": "answer",
            "schema": dict(request.schema),
            "strict": True,
        }
    return config


def typed_request(
    model: str,
    messages: Sequence[Message],
    config: Mapping[str, Any],
    extensions: Mapping[str, Any],
) -> Any:
    """DSPy's request: system messages joined, unknown parameters as extensions."""
    from dspy import lm15

    system = "\n\n".join(message.content for message in messages if message.role == "system")
    turns = tuple(
        lm15.Message.user(message.content)
        if message.role == "user"
        else lm15.Message.assistant(message.content)
        for message in messages
        if message.role != "system"
    )
    settings = lm15.Config(**config, extensions=dict(extensions) or None)
    return lm15.Request(model=model, messages=turns, system=system or None, config=settings)


def text_of(response: Response) -> str:
    """What was generated, as the endpoint sent it.

    Where the text follows the schema that was asked for, DSPy holds its parsed value and no text.
    """
    data: Any = response.provider_data
    # Each provider's dialect holds the text in another place.
    for text_in in _TEXT_OF_DIALECT:
        try:
            text = text_in(data)
        # Another dialect, or none: a server may send anything where the text should be.
        except (KeyError, IndexError, TypeError, AttributeError):
            continue
        # Beside a tool that was called some send an empty text, others none.
        if text and isinstance(text, str):
            return text
    return response.text or _tool_arguments(data)


def _tool_arguments(data: Any) -> str:
    """Arguments of the one tool that was called: how some gateways ask for a schema; else ""."""
    try:
        # ValueError where none or several were called.
        [call] = data["choices"][0]["message"]["tool_calls"]
        arguments = call["function"]["arguments"]
    except (KeyError, IndexError, TypeError, ValueError):
        return ""
    # A text by OpenAI's dialect; some gateways send what it would hold.
    if isinstance(arguments, dict):
        return json.dumps(arguments)
    return arguments if isinstance(arguments, str) else ""


def has_reasoning(response: Response) -> bool:
    """Whether a model's reasoning came along, apart from its answer."""
    data: Any = response.provider_data
    try:
        message = data["choices"][0]["message"]
        # The first is llama.cpp's name for it, the second OpenRouter's.
        return bool(message.get("reasoning_content") or message.get("reasoning"))
    except (KeyError, IndexError, TypeError, AttributeError):
        return False


# OpenAI's, whole or in parts; Anthropic's; Gemini's, where thoughts are parts as well.
_TEXT_OF_DIALECT: tuple[Callable[[Any], Any], ...] = (
    lambda data: data["choices"][0]["message"]["content"],
    lambda data: "".join(part.get("text", "") for part in data["choices"][0]["message"]["content"]),
    lambda data: "".join(part.get("text", "") for part in data["content"]),
    lambda data: "".join(
        part.get("text", "")
        for part in data["candidates"][0]["content"]["parts"]
        if not part.get("thought")
    ),
)


def usage_of(response: Response, provider: str = "openai") -> Usage:
    """The tokens that an endpoint counted, in OpenAI's way of counting.

    Anthropic leaves cached tokens out of those read, Gemini thoughts out of those generated.
    """
    counts = response.usage
    read, generated = counts.input_tokens or 0, counts.output_tokens or 0
    cached, thought = counts.cache_read_tokens or 0, counts.reasoning_tokens or 0
    if provider == "anthropic":
        read += cached + (counts.cache_write_tokens or 0)
    if provider == "gemini":
        generated += thought
    return Usage(read, generated, cached, reasoning_tokens=thought)
