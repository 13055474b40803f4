"""Semantic memory: guidelines from the experts' feedback on training items."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

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
        with_rationale = _items_with_rationale(items, dimension)
        texts = [item.rationale for item in with_rationale]
        vectors = self.embedder.fit(texts, backend)(texts).astype(np.float64)
        # Cosines, shape (n, n), since rows are unit vectors.
        chosen = _cover_greedily(
            vectors @ vectors.T, [item.grade for item in with_rationale], self.n_guidelines
        )
        return Distillation(
            tuple(
                Guideline(
                    with_rationale[place].rationale,
                    (with_rationale[place].shown.item_id,),
                    with_rationale[place].grade,
                )
                for place in chosen
            )
        )


def _items_with_rationale(
    items: Sequence[LabelledItem], dimension: DimensionRubric
) -> list[LabelledItem]:
    """The items that have a rationale, by id; refuses a dimension without any."""
    with_rationale = [item for item in items if item.rationale.strip()]
    if not with_rationale:
        raise AlignmentError(
            f"no training item of {dimension.name!r} has a rationale: nothing to distil."
        )
    return sorted(with_rationale, key=lambda item: item.shown.item_id)


def _cover_greedily(
    similarity: NDArray[np.float64], scores: Sequence[Grade], count: int
) -> list[int]:
    """Places of the chosen rationales, in the order of choice; grades take turns."""
    # Most frequent grade first; of equally frequent ones the lower.
    order = sorted(set(scores), key=lambda score: (-scores.count(score), score))
    chosen: list[int] = []
    # From 0, so that a rationale of negative cosine covers nothing.
    covered = np.zeros(len(scores))
    while len(chosen) < min(count, len(scores)):
        for score in order:
            candidates = [
                p for p, item_score in enumerate(scores) if item_score == score and p not in chosen
            ]
            if not candidates or len(chosen) == count:
                continue
            gains = [np.maximum(similarity[:, place] - covered, 0.0).sum() for place in candidates]
            # Rounded, so that gains equal but for the last bit tie on every machine; the first one
            # wins.
            best = candidates[int(np.argmax(np.round(gains, 9)))]
            # How well each rationale is represented by its most similar chosen one.
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
        with_rationale = _items_with_rationale(items, dimension)
        grades = {str(grade): grade for grade in scale.grades}
        schema = _guidelines_schema(tuple(grades), self.characters, self.max_guidelines)
        guidelines: list[Guideline] = []
        invented, cost = 0, CallCost()
        for start in range(0, len(with_rationale), self.batch_size):
            batch = with_rationale[start : start + self.batch_size]
            messages = self._messages(batch, dimension)
            # Some 160 tokens a guideline: its text, grade and ids, and the JSON around them.
            try:
                answer = ask_structured(
                    backend, schema, messages, max_tokens=self.max_guidelines * 160
                )
            except FailedCallError as error:
                # What the batches before it cost is part of the failure.
                paid = error.after(cost).cost
                raise AlignmentError(f"distillation failed: {error}", paid) from error
            batch_guidelines, n_unknown = _read_guidelines(
                answer.values["guidelines"], batch, grades
            )
            guidelines += batch_guidelines
            invented += n_unknown
            cost += answer.cost
        return Distillation(tuple(guidelines), invented, cost)

    def _messages(
        self, batch: Sequence[LabelledItem], dimension: DimensionRubric
    ) -> tuple[Message, ...]:
        """The prompt: experts' feedback on a batch of items, and what to write."""
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


def _guidelines_schema(
    grades: tuple[str, ...], characters: int, max_guidelines: int
) -> dict[str, Any]:
    """JSON schema of a distillation's answer."""
    entry = object_of(
        "Guideline",
        text={"maxLength": characters, "minLength": 10, "type": "string"},
        grade=choice_of(grades),
        sources={"items": {"type": "string"}, "maxItems": 8, "minItems": 1, "type": "array"},
    )
    guidelines = {
        "items": {"$ref": "#/$defs/Guideline"},
        "maxItems": max_guidelines,
        "type": "array",
    }
    return {"$defs": {"Guideline": entry}, **object_of("Answer", guidelines=guidelines)}


def _read_guidelines(
    answer: Any, batch: Sequence[LabelledItem], grades: Mapping[str, Grade]
) -> tuple[list[Guideline], int]:
    """Guidelines with those sources that exist, and the number of sources that do not."""
    known = {item.shown.item_id for item in batch}
    guidelines, invented = [], 0
    for entry in answer:
        # A dict, so that a source that is named twice counts once.
        id_of_source = {name: _known_id(name, known) for name in entry["sources"]}
        sources = tuple(dict.fromkeys(item_id for item_id in id_of_source.values() if item_id))
        invented += sum(item_id is None for item_id in id_of_source.values())
        text = " ".join(entry["text"].split())
        guidelines.append(Guideline(text, sources, grades[entry["grade"]]))
    return guidelines, invented


def _known_id(name: str, known: set[str]) -> str | None:
    """The item id that a source names, also where a word of the heading was copied along."""
    # "## Feedback nb-07", "Feedback: nb-07" and "nb-07." all name nb-07. Looked for as a whole,
    # since an id may hold a stop itself; the longest, since "a.7" ends in "7" too.
    endings = [
        item_id
        for item_id in known
        if re.search(rf"(?:^|[\s.:]){re.escape(item_id)}[\s.:]*$", name)
    ]
    return max(endings, key=len, default=None)
