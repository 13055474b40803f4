"""Structured output: a DSPy signature gives the schema, its adapter reads the answer.

DSPy's own fallbacks (other adapters, other prompts) are left out: a complete answer that breaks
the schema is shown back to the model once, with what was wrong; after that the call has failed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from memalign_bench.backends.base import Backend, ChatAnswer, ChatRequest, GradeAnswer, Message
from memalign_bench.errors import AlignmentError, FailedCallError
from memalign_bench.types import CallCost

if TYPE_CHECKING:
    import dspy

__all__ = ["StructuredAnswer", "ask_structured", "cost_of", "output_schema", "paid_before"]


class StructuredAnswer(NamedTuple):
    """Typed values by output field, and what the one or two calls took."""

    values: Mapping[str, Any]
    cost: CallCost


def output_schema(signature: type[dspy.Signature]) -> dict[str, Any]:
    """JSON schema of a signature's output fields: all required, nothing else allowed."""
    import pydantic

    fields: dict[str, Any] = {
        name: (field.annotation, pydantic.Field(**_bounds(field)))
        for name, field in signature.output_fields.items()
    }
    model = pydantic.create_model(
        "Answer", __config__=pydantic.ConfigDict(extra="forbid"), **fields
    )
    schema: dict[str, Any] = model.model_json_schema()
    return schema


def _bounds(field: Any) -> dict[str, Any]:
    bounds: dict[str, Any] = {}
    for rule in field.metadata:
        for key in ("max_length", "min_length"):
            if hasattr(rule, key):
                bounds[key] = getattr(rule, key)
    return bounds


def ask_structured(
    backend: Backend,
    signature: type[dspy.Signature],
    messages: Sequence[Message],
    *,
    max_tokens: int,
    repeat: int = 0,
) -> StructuredAnswer:
    """Ask for a signature's outputs; an answer cut off is asked for once more, a bad one repaired.

    Raises:
        FailedCallError: If the answer is cut off at twice its limit too, or breaks the schema
            twice; it carries what its calls took.
    """
    validator = _validator(signature)  # type: ignore[arg-type]  # mypy: no class is Hashable
    schema = validator.schema
    request = ChatRequest(tuple(messages), max_tokens=max_tokens, schema=schema, repeat=repeat)
    first = backend.chat(request)
    cost = cost_of(first)
    if first.finish == "length":
        max_tokens *= 2
        with paid_before(cost):
            first = backend.chat(replace(request, max_tokens=max_tokens))
        cost += cost_of(first) + CallCost(retries=1)
    with paid_before(cost):
        values, problem = _read(signature, validator, first)
        if values is not None:
            return StructuredAnswer(values, cost)
        again = (
            *messages,
            Message("assistant", first.text),
            Message("user", f"That answer cannot be used: {problem} Answer again, as JSON."),
        )
        repair = ChatRequest(again, max_tokens=max_tokens, schema=schema, repeat=repeat)
        second = backend.chat(repair)
    cost += cost_of(second) + CallCost(retries=1)
    with paid_before(cost):
        values, problem = _read(signature, validator, second)
    if values is None:
        raise FailedCallError(f"no usable answer after one repair: {problem}", cost)
    return StructuredAnswer(values, cost)


@contextmanager
def paid_before(cost: CallCost) -> Iterator[None]:
    """What fails in here takes along what the calls before it took."""
    try:
        yield
    except (AlignmentError, FailedCallError) as error:
        raise error.after(cost) from error


def cost_of(answer: ChatAnswer | GradeAnswer) -> CallCost:
    """What one call took."""
    return CallCost(answer.usage, answer.latency_s, answer.from_store, answer.retries)


def _read(
    signature: type[dspy.Signature], validator: Any, answer: ChatAnswer
) -> tuple[Mapping[str, Any] | None, str]:
    """Typed values, or None and what is wrong with the answer."""
    import json

    import dspy
    from dspy.utils.exceptions import AdapterParseError
    from jsonschema.exceptions import best_match

    if answer.finish == "length":
        raise FailedCallError(
            "the answer was cut off by its token limit, and again at twice the limit."
        )
    try:
        values: Mapping[str, Any] = dspy.JSONAdapter().parse(signature, answer.text)
        error = best_match(validator.iter_errors(json.loads(answer.text)))
    except (AdapterParseError, ValueError, RecursionError):
        return None, "it is not JSON with the fields asked for."
    if error is not None:
        # Never the answer itself: it may quote an item whose texts are private.
        return None, f"{error.json_path} breaks the rule {error.validator!r}."
    return values, ""


# Made once a signature, not once a call: pydantic takes milliseconds for the schema.
@lru_cache(maxsize=64)
def _validator(signature: Any) -> Any:
    from jsonschema.validators import validator_for

    schema = output_schema(signature)
    return validator_for(schema)(schema)
