"""How an alignment of MLflow's fits into the models' contexts: which text, in which batches.

MLflow counts on 128k tokens. Lengths here are the suite's estimate of a text as MLflow pastes it:
escaped, in whole, with its rationale.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from memalign_bench.errors import AlignmentError
from memalign_bench.judging.judge import Judge, LabelledItem
from memalign_bench.judging.prompt import PromptParts, rubric_section
from memalign_bench.notebooks.budget import estimate_tokens

__all__ = ["Fit", "Room", "fit_into"]

_ASSUMED = 123_000
"""What MLflow itself puts into one distillation: 128,000 tokens, less 5,000 for the answer."""

_FRAME = 700
"""Tokens of MLflow's own words in a prompt, generously."""

_GUIDELINES = 600
"""Tokens kept free for guidelines that are still to be distilled."""

_VERDICT = 300
"""Tokens kept free for a verdict."""

_MARGIN = 1.1
"""The estimate may be short by so much (SmolLM2's vocabulary takes a fifth more than Qwen's)."""


class Room(NamedTuple):
    """What there is to fit into.

    Attributes:
        judge: Tokens of the judge's context; None where unknown.
        reflection: Tokens of the reflection model's; None where unknown.
        answer: Tokens that a distillation may write.
        n_examples: Examples in a judge's prompt.
        max_records: Items in one distillation, at most; None where nothing is distilled.
    """

    judge: int | None
    reflection: int | None
    answer: int
    n_examples: int
    max_records: int | None


@dataclass(frozen=True)
class Fit:
    """What goes to MLflow.

    Attributes:
        texts: Text of each training item, in their order.
        batches: Places of the items of each `align` call.
        notes: What differs from one call with whole views.
    """

    texts: tuple[str, ...]
    batches: tuple[tuple[int, ...], ...]
    notes: tuple[str, ...]


def fit_into(judge: Judge, items: Sequence[LabelledItem], room: Room) -> Fit:
    """Whole views in one batch where they fit, brief ones and more batches where they must.

    Raises:
        AlignmentError: If they do not fit even so; says what would be needed.
    """
    whole = [item.shown.text for item in items]
    brief = [item.shown.example_text for item in items]
    needs = _judge_needs(judge, items, whole, room), _judge_needs(judge, items, brief, room)
    limit = room.judge
    notes = []
    texts = whole
    if limit is not None and needs[0] > limit:
        if needs[1] > limit:
            raise AlignmentError(
                f"MLflow's prompt with {room.n_examples} examples needs about {needs[1]} tokens"
                f" even with brief views; the judge's context holds {limit}. Lower memory.k or"
                " view.max_tokens, or take a model with more context."
            )
        notes.append(
            f"training items as their brief views: with whole ones a prompt needs about {needs[0]}"
            f" tokens, and the judge's context holds {limit}"
        )
        texts = brief
    batches = _batches(judge, items, texts, room)
    if len(batches) > 1:
        most = max(map(len, batches))
        notes.append(
            f"feedback distilled in {len(batches)} batches of at most {most} items, one after the"
            f" other (MLflow alone: {-(-len(items) // 50)})"
        )
    return Fit(tuple(texts), batches, tuple(notes))


def _judge_needs(
    judge: Judge, items: Sequence[LabelledItem], texts: Sequence[str], room: Room
) -> int:
    """Tokens of the longest prompt that training items let one expect, and its answer."""
    sizes = sorted((_size(item, text) for item, text in zip(items, texts, strict=True)))
    examples = sum(sizes[-room.n_examples :]) if room.n_examples else 0
    item = max(_tokens(judged.shown.text) for judged in items)
    return int(_MARGIN * (_rubric(judge) + examples + item)) + _FRAME + _GUIDELINES + _VERDICT


def _batches(
    judge: Judge, items: Sequence[LabelledItem], texts: Sequence[str], room: Room
) -> tuple[tuple[int, ...], ...]:
    if room.max_records is None:
        return (tuple(range(len(items))),)
    context = _ASSUMED if room.reflection is None else min(room.reflection, _ASSUMED)
    free = context - room.answer - _FRAME - _GUIDELINES - int(_MARGIN * _rubric(judge))
    batches: list[list[int]] = []
    used = 0.0
    for place, (item, text) in enumerate(zip(items, texts, strict=True)):
        size = _MARGIN * _size(item, text)
        if size > free:
            raise AlignmentError(
                f"the feedback on {item.shown.item_id} alone needs about"
                f" {int(context - free + size)} tokens in MLflow's distillation; the reflection"
                f" model's context holds {context}. Lower view.max_tokens or alignment.max_tokens,"
                " or take a model with more context."
            )
        if not batches or used + size > free or len(batches[-1]) >= room.max_records:
            batches.append([])
            used = 0.0
        batches[-1].append(place)
        used += size
    return tuple(map(tuple, batches))


def _rubric(judge: Judge) -> int:
    parts = PromptParts(judge.rubric, judge.dimension, (), (), "", judge.ask_applicability)
    return estimate_tokens(rubric_section(judge.layout, parts))


def _size(item: LabelledItem, text: str) -> int:
    """Tokens of one labelled item with its keys."""
    return _tokens(text) + _tokens(item.rationale) + 30


def _tokens(text: str) -> int:
    return estimate_tokens(repr(text))
