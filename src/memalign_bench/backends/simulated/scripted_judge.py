"""A simulated judge with a known answer to memory: `backend=scripted`.

It reads nothing but its prompt, and all that looks random in it is hashed from seed and prompt:
no state, no clock. Without memory it is polite or noisy. With memory it moves, with a set
probability, to what the memory implies; at probability 0 memory changes nothing but the noise.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from memalign_bench.backends.base import (
    ChatRequest,
    Completion,
    Connection,
    Embeddings,
    GradeRequest,
    Message,
    Mode,
    OptionProbabilities,
)
from memalign_bench.backends.in_process import InProcessModel
from memalign_bench.backends.simulated.mlflow_prompts import answer_optimiser, read_guest_prompt
from memalign_bench.backends.simulated.notebook_writer import WEAKNESSES, notebook_answer
from memalign_bench.backends.simulated.prompt_reader import Hint, Prompt, read_prompt, words
from memalign_bench.backends.simulated.schema_filling import fill, options_of
from memalign_bench.backends.store.call_store import canonical_json
from memalign_bench.errors import RequestError
from memalign_bench.types import Usage

__all__ = ["Scripted", "SimulatedJudge", "implied_grade"]

_CHOSEN_PROBABILITY = 0.9
_DIMENSIONS = 256
_MAX_GUIDELINES_A_GRADE = 2
_WORDS_A_GUIDELINE = 3
# Words of the language, and of guidelines as `_guidelines` writes them: they tell no grade.
# fmt: off
_COMMON = frozenset((
    "a", "an", "and", "are", "as", "at", "be", "but", "by", "for", "from", "grade", "has",
    "have", "in", "is", "it", "its", "mentions", "no", "not", "of", "on", "or", "so", "text",
    "than", "that", "the", "then", "there", "this", "to", "was", "when", "where", "which",
    "with",
))
# fmt: on
_GRADE_FIELDS = ("score", "grade", "result")
_NOT_APPLICABLE = frozenset(("n/a", "not applicable", "not_applicable"))

_NOT_APPLICABLE_LINE = re.compile(r"^(.+): Not applicable\.", re.MULTILINE)
"""The line of a rubric that says what stands for "not applicable"."""


@dataclass(frozen=True)
class Scripted(InProcessModel):
    """The simulated judge's settings.

    Attributes:
        politeness: Probability of the top grade where memory does not decide; else any grade.
        effect: Probability of following what memory implies; 0 is the null.
        seed: Another seed is another judge.
        delay_s: Seconds that each call takes (for trying limits and interruptions).
        max_concurrency: How many calls may be under way at once.
        context: Tokens of context, None for no bound.
        mode: `live`, or `replay` to send nothing and take every answer from the call store.
        name: Name of the YAML choice.
        susceptibility: Probability of giving the top grade to an item that asks for it.
        faults: As an author of notebooks: probability that a first draft does not run.
        weak: As an author of notebooks: dimensions on which it writes badly.

    Raises:
        RequestError: If a probability is outside [0, 1].
    """

    politeness: float = 0.7
    effect: float = 0.8
    seed: int = 0
    delay_s: float = 0.0
    max_concurrency: int = 8
    context: int | None = None
    mode: Mode = "live"
    name: str = "scripted"
    susceptibility: float = 0.0
    faults: float = 0.0
    weak: Sequence[str] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        for key in ("politeness", "effect", "susceptibility", "faults"):
            value = getattr(self, key)
            if not 0 <= value <= 1:
                raise RequestError(f"backend.{key} must be in [0, 1], got {value!r}.")
        object.__setattr__(self, "weak", tuple(self.weak))
        if strangers := sorted(set(self.weak) - set(WEAKNESSES)):
            known = ", ".join(WEAKNESSES)
            raise RequestError(f"backend.weak: {strangers} are not among {known}.")

    @property
    def model_name(self) -> str:
        """The model's name for records and people."""
        return "scripted"

    def identity(self) -> dict[str, Any]:
        """What decides the answers."""
        return {
            "provider": "scripted",
            "politeness": float(self.politeness),
            "effect": float(self.effect),
            "seed": int(self.seed),
            # Not there in earlier records, whose judge heeded no plea.
            **({"susceptibility": float(self.susceptibility)} if self.susceptibility else {}),
            **({"faults": float(self.faults)} if self.faults else {}),
            **({"weak": sorted(self.weak)} if self.weak else {}),
        }

    def connect(self) -> Connection:
        """The judge itself."""
        return SimulatedJudge(self)


class SimulatedJudge:
    """Answers prompts by rule; safe for threads, keeps nothing."""

    def __init__(self, settings: Scripted) -> None:
        self.settings = settings

    def grade(self, request: GradeRequest) -> OptionProbabilities:
        """The chosen option gets 0.9, the others share the rest."""
        self._wait()
        chosen = self.decide(request.messages, request.options)
        # `GradeRequest` takes two options at least.
        rest = (1 - _CHOSEN_PROBABILITY) / (len(request.options) - 1)
        values = tuple(
            _CHOSEN_PROBABILITY if option == chosen else rest for option in request.options
        )
        return OptionProbabilities(values, 1.0, _usage(request.messages, chosen), "scripted")

    def chat(self, request: ChatRequest) -> Completion:
        """A verdict, guidelines, or a sentence, as the schema asks."""
        self._wait()
        text = self._answer_text(request)
        finish = "stop"
        # Cut as a model's answer would be.
        if _length(text) > request.max_tokens:
            # Four characters a token, as `_length` counts them.
            text, finish = text[: 4 * request.max_tokens], "length"
        return Completion(text, finish, _usage(request.messages, text), "scripted")

    def embed(self, texts: Sequence[str]) -> Embeddings:
        """Hashed bags of words of length 1 (zeros for a text without words)."""
        self._wait()
        vectors = np.zeros((len(texts), _DIMENSIONS))
        for row, text in enumerate(texts):
            for word in words(text) - _COMMON:
                digest = hashlib.sha256(word.encode()).digest()
                # Hashed into a fixed width, so that no vocabulary is kept.
                vectors[row, int.from_bytes(digest[:4], "big") % _DIMENSIONS] += 1
            vectors[row] /= np.linalg.norm(vectors[row]) or 1.0
        usage = Usage(prompt_tokens=sum(map(_length, texts)))
        return Embeddings(vectors, usage, "scripted")

    def count_tokens(self, text: str) -> int | None:
        """A quarter of the characters, rounded up."""
        return _length(text)

    def notes(self) -> tuple[str, ...]:
        """Nothing: it reads any prompt."""
        return ()

    def close(self) -> None:
        """Nothing is open."""

    def decide(self, messages: Sequence[Message], options: Sequence[str]) -> str:
        """The option that the judge settles on; options rise in grade.

        "Not applicable", where it is an option, is said only where memory implies it.
        """
        # A sign that messages hardly hold, so that others cannot be joined to the same text.
        text = "\x1e".join(message.content for message in messages)
        if (
            _asks_for_top_grade(messages)
            and self._chance("obey", text) < self.settings.susceptibility
        ):
            return _grade_options(messages, options)[-1]
        # Each decision has a chance of its own, so that one setting does not move another.
        if self._chance("follow", text) < self.settings.effect:
            implied = implied_grade(_read(messages), options)
            if implied is not None:
                return implied
        grades = _grade_options(messages, options)
        if self._chance("polite", text) < self.settings.politeness:
            return grades[-1]
        return grades[int(self._chance("noise", text) * len(grades))]

    def _answer_text(self, request: ChatRequest) -> str:
        """The answer to a chat, before any limit cuts it."""
        schema = request.schema
        repeat = str(request.repeat) if request.temperature > 0 else ""
        # At a temperature above 0 a repeat is another draw.
        messages = (*request.messages, Message("user", repeat)) if repeat else request.messages
        if schema is None:
            broken = self._chance("fault", messages[-1].content) < self.settings.faults
            notebook = notebook_answer(request.messages, broken=broken, weak=self.settings.weak)
            return (
                notebook
                or answer_optimiser(messages)
                or "The text was judged by the rubric as it stands."
            )
        prompt = _read(messages)
        values: dict[str, Any] = {"guidelines": distil(prompt)} if prompt.feedback else {}
        options = next(filter(None, (options_of(schema, name) for name in _GRADE_FIELDS)), [])
        if options:
            # Under every name: `fill` takes those that the schema has.
            values |= dict.fromkeys(_GRADE_FIELDS, self.decide(messages, options))
            values["rationale"] = f"Judged {values['score']} by the rubric and what it was shown."
        return json.dumps(fill(schema, values), ensure_ascii=False)

    def _chance(self, purpose: str, text: str) -> float:
        """A number in [0, 1), hashed from seed, purpose and text."""
        material = canonical_json([self.settings.seed, purpose, text])
        digest = hashlib.sha256(material.encode()).digest()
        # 64 bits, more than the 53 that a float holds.
        return int.from_bytes(digest[:8], "big") / 2**64

    def _wait(self) -> None:
        if self.settings.delay_s:
            time.sleep(self.settings.delay_s)


def _grade_options(messages: Sequence[Message], options: Sequence[str]) -> list[str]:
    """The options that are grades: none that the rubric of the prompt says does not apply."""
    prompt_text = "\n".join(message.content for message in messages)
    not_applicable_names = {name.lower() for name in _NOT_APPLICABLE_LINE.findall(prompt_text)}
    return [
        option for option in options if option.lower() not in not_applicable_names | _NOT_APPLICABLE
    ]


def _read(messages: Sequence[Message]) -> Prompt:
    """The parts of a prompt, MLflow's or the suite's own."""
    return read_guest_prompt(messages) or read_prompt(messages)


def _asks_for_top_grade(messages: Sequence[Message]) -> bool:
    """Whether the item that is asked about asks for the top grade."""
    return "top grade" in _read(messages).item


def implied_grade(prompt: Prompt, options: Sequence[str]) -> str | None:
    """The grade that a prompt's memory implies for its item, None where it implies none.

    Examples vote with their word overlap (Jaccard) with the item; where there are none, the
    guidelines vote with the share of their telling words that occur in the item.
    """
    item = words(prompt.item)
    votes: dict[str, float] = defaultdict(float)
    for example in prompt.examples:
        if example.grade in options:
            example_words = words(example.text)
            votes[example.grade] += len(item & example_words) / (len(item | example_words) or 1)
    # Guidelines speak only where no example does.
    if not any(votes.values()):
        hints = [hint for hint in prompt.guidelines if hint.grade in options]
        for hint in hints:
            distinctive = _distinctive_words(hint, hints)
            votes[str(hint.grade)] += len(item & distinctive) / (len(distinctive) or 1)
    best = max(votes.values(), default=0.0)
    # Of grades with equal votes the lowest.
    return next((option for option in options if best and votes.get(option) == best), None)


def _distinctive_words(hint: Hint, hints: Sequence[Hint]) -> frozenset[str]:
    """Words of a guideline that no guideline for another grade has."""
    others: frozenset[str] = frozenset().union(
        *(words(other.text) for other in hints if other.grade != hint.grade)
    )
    return words(hint.text) - others - _COMMON - {str(hint.grade)}


def distil(prompt: Prompt) -> list[dict[str, Any]]:
    """Guidelines from feedback: words of text and rationale that occur under one grade only.

    Each grade gets the words that most of its items share, a few a guideline, with the ids of the
    items that have them.
    """
    # Word -> grade -> the items that hold it.
    keys_by_word: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for entry in prompt.feedback:
        for word in words(f"{entry.text} {entry.rationale}") - _COMMON:
            keys_by_word[word][entry.grade].append(entry.key)
    words_of_grade: dict[str, list[tuple[str, list[str]]]] = defaultdict(list)
    for word, by_grade in sorted(keys_by_word.items()):
        # Only words of a single grade tell it from the others.
        if len(by_grade) == 1 and not word.isdigit():
            ((grade, keys),) = by_grade.items()
            words_of_grade[grade].append((word, keys))
    # Sorting is stable: words that equally many items hold stay in alphabetical order.
    return [
        guideline
        for grade in sorted(words_of_grade)
        for guideline in _guidelines(
            grade, sorted(words_of_grade[grade], key=lambda pair: -len(pair[1]))
        )
    ]


def _guidelines(grade: str, ranked: Sequence[tuple[str, list[str]]]) -> list[dict[str, Any]]:
    """Guidelines for one grade, a few words in each."""
    guidelines = []
    for start in range(0, _MAX_GUIDELINES_A_GRADE * _WORDS_A_GUIDELINE, _WORDS_A_GUIDELINE):
        group = ranked[start : start + _WORDS_A_GUIDELINE]
        if group:
            terms = ", ".join(word for word, _ in group)
            sources = sorted({key for _, keys in group for key in keys})
            text = f"Grade {grade} when the text mentions {terms}."
            guidelines.append({"text": text, "grade": grade, "sources": sources})
    return guidelines


def _length(text: str) -> int:
    """Tokens of a text, a quarter of its characters."""
    return -(-len(text) // 4)


def _usage(messages: Sequence[Message], answer: str) -> Usage:
    """The tokens of a call."""
    prompt = sum(_length(message.content) for message in messages)
    return Usage(prompt_tokens=prompt, completion_tokens=_length(answer))
