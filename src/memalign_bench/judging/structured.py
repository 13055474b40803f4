"""Structured output: a JSON schema is asked for, and the answer is read by it.

There are no other prompts to fall back on: a complete answer that cannot be read is shown back to
the model once, with what was wrong; after that the call has failed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from memalign_bench.backends.base import Backend, ChatAnswer, ChatRequest, GradeAnswer, Message
from memalign_bench.errors import AlignmentError, FailedCallError
from memalign_bench.judging.answer_parts import is_json_object, without_thoughts
from memalign_bench.judging.answers import Reading, read_answer
from memalign_bench.notebooks.budget import estimate_tokens
from memalign_bench.types import CallCost, RawAnswer

__all__ = [
    "StructuredAnswer",
    "adding_earlier_cost",
    "ask_structured",
    "choice_of",
    "cost_of",
    "object_of",
    "repair_request",
    "validator_of",
]

_REASONING_TOKENS = 4096
"""Room beyond the answer's for a model whose thoughts took all of it."""

_CUT_TWICE = "the answer was cut off by its token limit, and again at {} tokens."
_CUT_REPAIR = (
    "the answer could not be used ({}), and the one asked for in its stead was cut off by the limit"
    " of {} tokens."
)
_ONLY_REASONING = (
    "the model spent its limit on reasoning, and again with {} tokens, and came to no answer;"
    " {}turn its reasoning off (backend.extra_body=, or where the server is started)."
)


class StructuredAnswer(NamedTuple):
    """Values by field of the schema, what the calls took, and what was written.

    `raw` is None where the first answer came as it was asked for.
    """

    values: Mapping[str, Any]
    cost: CallCost
    raw: RawAnswer | None = None


def object_of(title: str, **fields: Mapping[str, Any]) -> dict[str, Any]:
    """JSON schema of an object: all of its fields required, nothing else allowed.

    >>> object_of("Answer", score=choice_of(("1", "2")))["properties"]
    {'score': {'enum': ['1', '2'], 'title': 'Score', 'type': 'string'}}
    """
    # Titles as pydantic gives them: a schema is part of its stored call's key.
    return {
        "additionalProperties": False,
        "properties": {
            name: dict(sorted({**rule, "title": name.title()}.items()))
            for name, rule in fields.items()
        },
        "required": list(fields),
        "title": title,
        "type": "object",
    }


def choice_of(texts: Sequence[str]) -> dict[str, Any]:
    """JSON schema of one of some texts."""
    rule = {"const": texts[0]} if len(texts) == 1 else {"enum": list(texts)}
    return {**rule, "type": "string"}


def ask_structured(
    backend: Backend,
    schema: Mapping[str, Any],
    messages: Sequence[Message],
    *,
    max_tokens: int,
    repeat: int = 0,
    vital: Collection[str] | None = None,
    words: Mapping[str, str] | None = None,
    limit_key: str = "",
) -> StructuredAnswer:
    """Ask for an object of a schema; an answer cut off is asked for once more, a bad one repaired.

    Args:
        backend: Who is asked.
        schema: Of what is asked for (`object_of`).
        messages: The question.
        max_tokens: Bound on one answer; raised once, where an answer is cut off by it.
        repeat: Which of several askings of the same question this is.
        vital: Fields without which there is no answer; all by default.
        words: Spellings of a choice (`answers.spelling`) -> the choice.
        limit_key: The key of the command line that sets `max_tokens`; "" where none does.

    Raises:
        FailedCallError: If the answer is cut off at its raised limit too, or cannot be read twice;
            it carries what its calls took, and the answers.
    """
    validator = validator_of(schema)
    question = _StructuredQuestion(
        backend, validator, tuple(vital or schema["properties"]), words or {}, limit_key
    )
    request = ChatRequest(
        tuple(messages), max_tokens=max_tokens, schema=validator.schema, repeat=repeat
    )
    values = question.values(request)
    raw = RawAnswer(tuple(question.texts), tuple(question.told)) if question.told else None
    return StructuredAnswer(values, question.cost, raw)


@dataclass
class _StructuredQuestion:
    """One question on its way to an answer that can be read, and what that took."""

    backend: Backend
    validator: Any
    vital: tuple[str, ...]
    words: Mapping[str, str]
    limit_key: str
    cost: CallCost = field(default_factory=CallCost)
    texts: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)

    def values(self, request: ChatRequest) -> dict[str, Any]:
        """The fields of the answer; asks once more where the first cannot be read."""
        request, answer = self._complete_answer(request)
        reading = self._read_answer(answer.text)
        if reading.values is None:
            self.told.append(f"asked again: {reading.problem}")
            answer = self._ask(repair_request(request, answer.text, reading.problem), retry=True)
            if _is_cut(answer):
                problem = reading.problem.removesuffix(".")
                raise self._failure(_CUT_REPAIR.format(problem, request.max_tokens))
            # The second answer is the last: a missing side text is forgiven.
            reading = self._read_answer(answer.text, lenient=True)
        if reading.values is None:
            raise self._failure(f"no usable answer after one repair: {reading.problem}")
        self.told += reading.told
        return reading.values

    def _complete_answer(self, request: ChatRequest) -> tuple[ChatRequest, ChatAnswer]:
        """An answer that was not cut off, and its request; the limit is raised once if need be."""
        answer = self._ask(request)
        if not _is_cut(answer):
            return request, answer
        # An empty text as well: hidden reasoning may have taken the whole limit.
        only_reasoning = not without_thoughts(answer.text).strip()
        limit = self._raised_limit(request, only_reasoning=only_reasoning)
        if only_reasoning:
            self.told.append(
                f"reasoning used up the limit of {request.max_tokens} tokens; asked again with"
                f" {limit}"
            )
        # The repair, if one follows, keeps the raised limit.
        request = replace(request, max_tokens=limit)
        answer = self._ask(request, retry=True)
        if _is_cut(answer):
            if not without_thoughts(answer.text).strip():
                advice = f"raise {self.limit_key}=, or " if self.limit_key else ""
                raise self._failure(_ONLY_REASONING.format(limit, advice))
            raise self._failure(_CUT_TWICE.format(limit))
        return request, answer

    def _raised_limit(self, request: ChatRequest, *, only_reasoning: bool) -> int:
        """Twice the limit; more where reasoning took all of it, as far as the context has room."""
        limit = 2 * request.max_tokens
        context = self.backend.context_tokens
        reasoning_limit = request.max_tokens + _REASONING_TOKENS
        if only_reasoning and context is not None:
            reasoning_limit = min(
                reasoning_limit, context - sum(estimate_tokens(m.content) for m in request.messages)
            )
        return max(limit, reasoning_limit) if only_reasoning else limit

    def _ask(self, request: ChatRequest, *, retry: bool = False) -> ChatAnswer:
        try:
            with adding_earlier_cost(self.cost):
                answer = self.backend.chat(request)
        except FailedCallError as error:
            # A call that fails after others still shows what those answered.
            raise FailedCallError(str(error), error.cost, self._raw_answer()) from error
        # A `CallCost` is from the store unless told otherwise, so the second adds a retry and no
        # more.
        self.cost += cost_of(answer) + CallCost(retries=int(retry))
        self.texts.append(answer.text)
        return answer

    def _read_answer(self, text: str, *, lenient: bool = False) -> Reading:
        return read_answer(
            text, self.validator, vital=self.vital, words=self.words, lenient=lenient
        )

    def _failure(self, message: str) -> FailedCallError:
        return FailedCallError(message, self.cost, self._raw_answer())

    def _raw_answer(self) -> RawAnswer | None:
        return RawAnswer(tuple(self.texts), tuple(self.told)) if self.texts else None


def repair_request(request: ChatRequest, bad_answer: str, problem: str) -> ChatRequest:
    """The same question again, with the bad answer and what was wrong with it."""
    messages = (
        *request.messages,
        Message("assistant", bad_answer),
        Message("user", f"That answer cannot be used: {problem} Answer again, as JSON."),
    )
    return replace(request, messages=messages)


def _is_cut(answer: ChatAnswer) -> bool:
    """Whether the token limit cut an answer off (and not only the blanks after a complete one)."""
    return answer.finish == "length" and not is_json_object(answer.text)


@contextmanager
def adding_earlier_cost(cost: CallCost) -> Iterator[None]:
    """An error raised in this block also carries what the calls before it cost."""
    try:
        yield
    except (AlignmentError, FailedCallError) as error:
        raise error.after(cost) from error


def cost_of(answer: ChatAnswer | GradeAnswer) -> CallCost:
    """What one call cost, in tokens, time and retries."""
    return CallCost(answer.usage, answer.latency_s, answer.from_store, answer.retries)


def validator_of(schema: Mapping[str, Any]) -> Any:
    """A validator of answers by this schema."""
    from jsonschema.validators import validator_for

    # A schema that names no draft is read by the library's newest.
    return validator_for(schema)(schema)
