"""Does a model still answer as it did? A sample of stored calls, asked again."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from memalign_bench.backends.base import ChatRequest, Connection, GradeRequest, Message
from memalign_bench.backends.store.call_store import StoredCall
from memalign_bench.errors import FailedCallError, RequestError

__all__ = ["Drift", "ask_again", "calls_with_request", "sample_calls"]


class Drift(NamedTuple):
    """A call that was asked again.

    Attributes:
        key: The call.
        kind: `grade`, `chat` or `embed`.
        same: Whether the answer is the same to the bit.
        decision_changed: Whether the likeliest grade, or the score said, is another one.
        distance: Largest difference of a probability or a vector's entry; None for text.
        model_then: The model as served when the call was stored.
        model_now: The model as served now.
        error: Why there is no new answer; "" where there is one.
    """

    key: str
    kind: str
    same: bool
    decision_changed: bool
    distance: float | None
    model_then: str
    model_now: str
    error: str = ""

    @property
    def drifted(self) -> bool:
        """Whether a score or the model has changed, or nothing came back."""
        return bool(self.error) or self.decision_changed or self.model_then != self.model_now


def calls_with_request(calls: Sequence[StoredCall]) -> list[StoredCall]:
    """The calls that say what was asked, and so can be asked again.

    Raises:
        RequestError: If none of them does (private texts).
    """
    with_request = [call for call in calls if call.request is not None]
    if calls and not with_request:
        raise RequestError("this cassette does not say what was asked (private texts).")
    return with_request


def sample_calls(calls: Sequence[StoredCall], n: int, seed: int) -> list[StoredCall]:
    """At most `n` calls, drawn without replacement; the same ones for the same seed."""
    # The beginning of one permutation: a larger sample holds the smaller ones of its seed.
    places = np.random.default_rng(seed).permutation(len(calls))[:n]
    return [calls[int(place)] for place in sorted(places)]


def ask_again(call: StoredCall, connection: Connection) -> Drift:
    """Send a stored call once more and compare."""
    # The store's request names the model beside what was asked; those that are None are left out
    # by `calls_with_request`.
    request: Mapping[str, Any] = (call.request or {})["request"]
    kind = str(request["kind"])
    try:
        if kind == "grade":
            measured = connection.grade(_grade_request(request))
            return _numeric_drift(
                call, kind, "probabilities", measured.probabilities, measured.model
            )
        if kind == "chat":
            answer = connection.chat(_chat_request(request))
            # The wording may differ: what counts is the score.
            changed = _score(answer.text) != _score(call.answer["text"])
            same = answer.text == call.answer["text"]
            return Drift(call.key, kind, same, changed, None, call.model, answer.model)
        vectors = connection.embed([request["text"]])
    except FailedCallError as error:
        return Drift(call.key, kind, False, False, None, call.model, "", str(error))
    return _numeric_drift(call, kind, "vector", vectors.vectors[0], vectors.model)


def _numeric_drift(call: StoredCall, kind: str, name: str, answered: Any, model: str) -> Drift:
    """The drift of an answer of numbers: probabilities, or a vector."""
    stored, current = np.asarray(call.answer[name]), np.asarray(answered)
    # A vector of another length is another model's: as far away as can be.
    distance = (
        float(np.max(np.abs(stored - current))) if stored.shape == current.shape else float("inf")
    )
    # A vector by itself decides nothing.
    changed = kind == "grade" and int(np.argmax(stored)) != int(np.argmax(current))
    return Drift(call.key, kind, bool(distance == 0), changed, distance, call.model, model)


def _messages(asked: Mapping[str, Any]) -> tuple[Message, ...]:
    return tuple(Message(turn["role"], turn["content"]) for turn in asked["messages"])


def _grade_request(asked: Mapping[str, Any]) -> GradeRequest:
    """A request for probabilities from its record."""
    return GradeRequest(_messages(asked), tuple(asked["options"]), asked["format"], asked["repeat"])


def _chat_request(asked: Mapping[str, Any]) -> ChatRequest:
    """A request for text from its record."""
    return ChatRequest(
        _messages(asked),
        asked["max_tokens"],
        asked["temperature"],
        _ordered_schema(asked["schema"]),
        asked["repeat"],
    )


def _ordered_schema(schema: Any) -> Any:
    """A schema whose properties stand as `required` lists them: a model writes them in that order.

    The store sorts keys, so the order in which they were sent is only left there.
    """
    if isinstance(schema, list):
        return [_ordered_schema(entry) for entry in schema]
    if not isinstance(schema, Mapping):
        return schema
    ordered = {key: _ordered_schema(value) for key, value in schema.items()}
    properties, required = ordered.get("properties"), ordered.get("required", [])
    if isinstance(properties, dict):
        names = [*(name for name in required if name in properties), *properties]
        ordered["properties"] = {name: properties[name] for name in names}
    return ordered


def _score(text: str) -> Any:
    """The score that a structured answer holds, else the text itself."""
    try:
        return json.loads(text)["score"]
    except (ValueError, KeyError, TypeError):
        return text
