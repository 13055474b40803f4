"""Parts of a request that some servers refuse, and how they are asked without them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from memalign_bench.backends.base import Message
from memalign_bench.backends.http.roles import FOLDED, fold_roles, refuses_roles

__all__ = ["RequestShape", "Sendable"]

# "Unsupported value: 'temperature' does not support 0 with this model. Only the default ..."
_REFUSED = re.compile(
    r"not (currently |be )?(support|available|permitted|allowed|implemented|enabled|recogni|accept)"
    r"|does not (support|accept)|n't (support|accept)|unsupported|unavailable|unrecogni[sz]ed"
    r"|unknown|unexpected|invalid|extra (inputs|fields)|deprecated|only the default|instead",
    re.IGNORECASE,
)
# The names of one thing: OpenAI's, vLLM's, Gemini's, Anthropic's, llama.cpp's.
_STRUCTURE = re.compile(
    r"response_?format|json_?schema|structured[ _]?outputs?|guided[ _](decoding|json)"
    r"|response_?(json_?)?schema|output_config|grammar",
    re.IGNORECASE,
)
_TEMPERATURE = re.compile(r"\btemperature\b", re.IGNORECASE)
# What a server that refuses max_tokens names as the one to use instead.
_LIMIT = re.compile(r"max_completion_tokens", re.IGNORECASE)


class Sendable(NamedTuple):
    """A request as it goes to DSPy."""

    messages: Sequence[Message]
    config: Mapping[str, Any]
    extensions: Mapping[str, Any]


class _Part(NamedTuple):
    """A part that may be refused: how to recognise it, the request without it, a note on it."""

    is_refused: Callable[[str], bool]
    remove: Callable[[Sendable], Sendable]
    note: str


def _mentions(pattern: re.Pattern[str]) -> Callable[[str], bool]:
    """Whether a server's error names a part (by a pattern) and says that it is refused."""
    # Both: a message may name a setting that it does not refuse.
    return lambda message: bool(pattern.search(message) and _REFUSED.search(message))


def _without_setting(key: str) -> Callable[[Sendable], Sendable]:
    """Removes a setting from a request."""

    def removed(asked: Sendable) -> Sendable:
        return asked._replace(config={k: v for k, v in asked.config.items() if k != key})

    return removed


_SHORT_LIST = 5
"""Likely tokens that the servers list that list fewer than OpenAI."""


def _wants_short_list(message: str) -> bool:
    """Whether a server's error says that it lists five likely tokens at most."""
    return "logprobs" in message.casefold() and bool(re.search(rf"\b{_SHORT_LIST}\b", message))


def _with_short_list(asked: Sendable) -> Sendable:
    """The request with as few likely tokens."""
    return asked._replace(config={**asked.config, "logprobs": _SHORT_LIST})


def _with_renamed_limit(asked: Sendable) -> Sendable:
    """The request with its limit under OpenAI's newer name."""
    without_limit = _without_setting("max_tokens")(asked)
    limit = asked.config.get("max_tokens")
    # As an extension: DSPy's own setting goes out under one name for every model of a provider.
    renamed = {} if limit is None else {"max_completion_tokens": limit}
    return without_limit._replace(extensions={**asked.extensions, **renamed})


_PARTS: Mapping[str, _Part] = {
    "roles": _Part(
        refuses_roles, lambda asked: asked._replace(messages=fold_roles(asked.messages)), FOLDED
    ),
    "max_tokens": _Part(
        _mentions(_LIMIT),
        _with_renamed_limit,
        "the endpoint takes max_completion_tokens in place of max_tokens",
    ),
    "response_format": _Part(
        _mentions(_STRUCTURE),
        _without_setting("response_format"),
        "the endpoint enforces no schema: the shape of an answer was asked for in words alone",
    ),
    "temperature": _Part(
        _mentions(_TEMPERATURE),
        _without_setting("temperature"),
        "the endpoint takes no temperature: answers are drawn, and may differ another time",
    ),
    "logprobs": _Part(
        _wants_short_list,
        _with_short_list,
        f"the endpoint lists no more than {_SHORT_LIST} likely tokens",
    ),
}
"""Looked at in this order: a message about one may name another beside it."""


@dataclass(frozen=True)
class RequestShape:
    """Which parts of a request an endpoint takes, as far as its refusals have shown."""

    left_out: frozenset[str] = frozenset()

    def applied(self, asked: Sendable) -> Sendable:
        """A request without what is refused."""
        for name, part in _PARTS.items():
            if name in self.left_out:
                asked = part.remove(asked)
        return asked

    def after(self, message: str, asked: Sendable) -> RequestShape | None:
        """The shape after a server's error; None where it refuses no part of this request.

        >>> asked = Sendable((), {"temperature": 0.0}, {})
        >>> RequestShape().after("'temperature' does not support 0", asked).left_out
        frozenset({'temperature'})
        >>> RequestShape().after("the server is on fire", asked) is None
        True
        """
        for name, part in _PARTS.items():
            # Only what was sent can have been refused; roles always are.
            sent = name == "roles" or name in asked.config
            if name not in self.left_out and sent and part.is_refused(message):
                return replace(self, left_out=self.left_out | {name})
        return None

    def notes(self) -> tuple[str, ...]:
        """What the records must say of it."""
        return tuple(part.note for name, part in _PARTS.items() if name in self.left_out)
