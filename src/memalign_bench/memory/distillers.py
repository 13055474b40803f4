"""Semantic memory: guidelines from the experts' feedback on training items."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import numpy as np

from memalign_bench import prompt_parts
from memalign_bench.backends.base import Backend, Message
from memalign_bench.errors import AlignmentError, FailedCallError
from memalign_bench.judging.judge import LabelledItem
from memalign_bench.judging.structured import ask_structured, choice_of, object_of
from memalign_bench.memory.embedders import Embedder, TfidfEmbedder
from memalign_bench.types import CallCost, DimensionRubric, Grade, Guideline, Scale

__all__ = ["Distillation", "Distiller", "ExtractiveDistiller", "LLMDistiller"]


class Distillation(NamedTuple):
    """Guidelines, and how they came about.

    Attributes:
        guidelines: In the order in which they are shown.
        invented_sources: Source ids that named no training item, dropped.
        cost: What the calls took.
    """

    guidelines: tuple[Guideline, ...]
    invented_sources: int = 0
    cost: CallCost = CallCost()


class Distiller(Protocol):
    """Makes guidelines from labelled training items."""

    @property
    def name(self) -> str:
        """Name of the YAML choice."""

    def distil(
        self,
        items: Sequence[LabelledItem],
        dimension: DimensionRubric,
        scale: Scale,
        backend: Backend,
    ) -> Distillation:
        """Distil; raises `AlignmentError` where it cannot."""


@dataclass(frozen=True)
class ExtractiveDistiller:
    """Chooses experts' rationales that cover the rest: for models too small to write guidelines.

    Greedy maximisation of the facility-location function sum_i max_{j in S} sim(i, j) over
    rationale embeddings (Nemhauser, Wolsey and Fisher 1978 give the 1 - 1/e bound; used for
    summaries by Lin and Bilmes 2011). Grades take turns, most frequent first, so that each that
    occurs is represented.

    Attributes:
        n_guidelines: How many rationales are chosen, at most.
        embedder: Text to vectors.
    """

    name: str = "extractive"
    n_guidelines: int = 6
    embedder: Embedder = field(default_factory=TfidfEmbedder)

    def distil(
        self,
        items: Sequence[LabelledItem],
        dimension: DimensionRubric,
        scale: Scale,
        backend: Backend,
    ) -> Distillation:
        """Choose a covering set of rationales, each with its grade and its source item."""
        spoken = _with_feedback(items, dimension)
        texts = [item.rationale for item in spoken]
        vectors = self.embedder.fit(texts, backend)(texts).astype(np.float64)
        chosen = _cover(vectors @ vectors.T, [item.grade for item in spoken], self.n_guidelines)
        return Distillation(
            tuple(
                Guideline(
                    spoken[place].rationale, (spoken[place].shown.item_id,), spoken[place].grade
                )
                for place in chosen
            )
        )


def _with_feedback(items: Sequence[LabelledItem], dimension: DimensionRubric) -> list[LabelledItem]:
    spoken = [item for item in items if item.rationale.strip()]
    if not spoken:
        raise AlignmentError(
            f"no training item of {dimension.name!r} has a rationale: nothing to distil."
        )
    return sorted(spoken, key=lambda item: item.shown.item_id)


def _cover(similarity: Any, scores: Sequence[Grade], count: int) -> list[int]:
    """Places of the chosen rationales, in the order of choice; grades take turns."""
    order = sorted(set(scores), key=lambda score: (-scores.count(score), score))
    chosen: list[int] = []
    covered = np.zeros(len(scores))
    while len(chosen) < min(count, len(scores)):
        for score in order:
            free = [p for p, own in enumerate(scores) if own == score and p not in chosen]
            if not free or len(chosen) == count:
                continue
            gains = [np.maximum(similarity[:, place] - covered, 0.0).sum() for place in free]
            best = free[int(np.argmax(np.round(gains, 9)))]
            covered = np.maximum(covered, similarity[:, best])
            chosen.append(best)
    return chosen


@dataclass(frozen=True)
class LLMDistiller:
    """An LLM reads the experts' scores and rationales and writes general guidelines.

    Attributes:
        max_guidelines: How many it may write for one batch of feedback.
        characters: Longest guideline that the schema allows.
        batch_size: Training items whose feedback stands in one request.
    """

    name: str = "llm"
    max_guidelines: int = 6
    characters: int = 240
    batch_size: int = 50

    def distil(
        self,
        items: Sequence[LabelledItem],
        dimension: DimensionRubric,
        scale: Scale,
        backend: Backend,
    ) -> Distillation:
        """Ask for guidelines, a batch of feedback at a time.

        Raises:
            AlignmentError: If no item has a rationale, or a batch gives no usable answer.
        """
        spoken = _with_feedback(items, dimension)
        grades = {str(grade): grade for grade in scale.grades}
        schema = _schema(tuple(grades), self.characters, self.max_guidelines)
        guidelines: list[Guideline] = []
        invented, cost = 0, CallCost()
        for start in range(0, len(spoken), self.batch_size):
            batch = spoken[start : start + self.batch_size]
            messages = self._messages(batch, dimension)
            try:
                answer = ask_structured(
                    backend, schema, messages, max_tokens=self.max_guidelines * 160
                )
            except FailedCallError as error:
                paid = error.after(cost).cost
                raise AlignmentError(f"distillation failed: {error}", paid) from error
            found, strangers = _guidelines(answer.values["guidelines"], batch, grades)
            guidelines += found
            invented += strangers
            cost += answer.cost
        return Distillation(tuple(guidelines), invented, cost)

    def _messages(
        self, batch: Sequence[LabelledItem], dimension: DimensionRubric
    ) -> tuple[Message, ...]:
        feedback = "\n".join(
            f"{prompt_parts.FEEDBACK_ENTRY} {item.shown.item_id}\n{prompt_parts.GRADE} {item.score}"
            f"\n{prompt_parts.RATIONALE} {item.rationale}"
            for item in batch
        )
        system = (
            f"{prompt_parts.TASK}\nYou turn experts' feedback into general guidelines for a judge."
            f" The judge answers: {dimension.question}"
            f" Write at most {self.max_guidelines} guidelines. Each says in one sentence what earns"
            " a grade, holds beyond the single case, and names the ids that it comes from."
        )
        user = (
            f"{prompt_parts.FEEDBACK}\n{feedback}\n\n"
            'Answer as JSON: {"guidelines": [{"text": ..., "grade": ..., "sources": [ids]}]}.'
        )
        return (Message("system", system), Message("user", user))


def _schema(grades: tuple[str, ...], characters: int, most: int) -> dict[str, Any]:
    entry = object_of(
        "Guideline",
        text={"maxLength": characters, "minLength": 10, "type": "string"},
        grade=choice_of(grades),
        sources={"items": {"type": "string"}, "maxItems": 8, "minItems": 1, "type": "array"},
    )
    listed = {"items": {"$ref": "#/$defs/Guideline"}, "maxItems": most, "type": "array"}
    return {"$defs": {"Guideline": entry}, **object_of("Answer", guidelines=listed)}


def _guidelines(
    answer: Any, batch: Sequence[LabelledItem], grades: Mapping[str, Grade]
) -> tuple[list[Guideline], int]:
    """Guidelines with the sources that exist, and how many did not."""
    known = {item.shown.item_id for item in batch}
    guidelines, invented = [], 0
    for entry in answer:
        named = {name: _known_id(name, known) for name in entry["sources"]}
        sources = tuple(dict.fromkeys(found for found in named.values() if found))
        invented += sum(found is None for found in named.values())
        text = " ".join(entry["text"].split())
        guidelines.append(Guideline(text, sources, grades[entry["grade"]]))
    return guidelines, invented


def _known_id(name: str, known: set[str]) -> str | None:
    """The item that a source names, also where a word of the heading was copied along."""
    if name in known:
        return name
    last = re.split(r"[\s.:]+", name.strip())[-1]
    return last if last in known else None
