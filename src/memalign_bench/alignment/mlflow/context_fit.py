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

_MLFLOW_CONTEXT = 123_000
"""What MLflow itself puts into one distillation: 128,000 tokens, less 5,000 for the answer."""

_MLFLOW_WORDS = 700
"""Tokens of MLflow's own words in a prompt, generously."""

_GUIDELINES_ROOM = 600
"""Tokens kept free for guidelines that are still to be distilled."""

_VERDICT_ROOM = 300
"""Tokens kept free for a verdict."""

_ESTIMATE_MARGIN = 1.1
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
    whole_needs = _judge_prompt_tokens(judge, items, whole, room)
    brief_needs = _judge_prompt_tokens(judge, items, brief, room)
    limit = room.judge
    notes = []
    texts = whole
    # The judge's context: whole views if they fit, else brief ones.
    if limit is not None and whole_needs > limit:
        if brief_needs > limit:
            raise AlignmentError(
                f"MLflow's prompt with {room.n_examples} examples needs about {brief_needs} tokens"
                f" even with brief views; the judge's context holds {limit}. Lower memory.k or"
                " view.max_tokens, or take a model with more context."
            )
        notes.append(
            "training items as their brief views: with whole ones a prompt needs about"
            f" {whole_needs} tokens, and the judge's context holds {limit}"
        )
        texts = brief
    # The reflection model's context: as many batches as it takes.
    batches = _batches(judge, items, texts, room)
    if len(batches) > 1:
        largest_batch = max(map(len, batches))
        # `-(-n // 50)` rounds up: MLflow itself takes 50 at most.
        notes.append(
            f"feedback distilled in {len(batches)} batches of at most {largest_batch} items, one"
            f" after the other (MLflow alone: {-(-len(items) // 50)})"
        )
    return Fit(tuple(texts), batches, tuple(notes))


def _judge_prompt_tokens(
    judge: Judge, items: Sequence[LabelledItem], texts: Sequence[str], room: Room
) -> int:
    """Tokens of the longest prompt that training items let one expect, and its answer."""
    sizes = sorted(_item_tokens(item, text) for item, text in zip(items, texts, strict=True))
    # Any of the training items may be retrieved, so the longest are assumed.
    # No slice for none: `[-0:]` would be all of them.
    examples = sum(sizes[-room.n_examples :]) if room.n_examples else 0
    # What is judged is shown whole even where examples are brief. Held-out items are unknown here,
    # so the longest of the training items stands for them.
    longest_item = max(_escaped_tokens(item.shown.text) for item in items)
    return (
        int(_ESTIMATE_MARGIN * (_rubric_tokens(judge) + examples + longest_item))
        + _MLFLOW_WORDS
        + _GUIDELINES_ROOM
        + _VERDICT_ROOM
    )


def _batches(
    judge: Judge, items: Sequence[LabelledItem], texts: Sequence[str], room: Room
) -> tuple[tuple[int, ...], ...]:
    """Places of the items of each distillation, as many as the reflection model's context holds."""
    # Nothing is distilled: one call takes all.
    if room.max_records is None:
        return (tuple(range(len(items))),)
    # As much as MLflow itself would fill, or less where the model holds less.
    context = _MLFLOW_CONTEXT if room.reflection is None else min(room.reflection, _MLFLOW_CONTEXT)
    free = (
        context
        - room.answer
        - _MLFLOW_WORDS
        - _GUIDELINES_ROOM
        - int(_ESTIMATE_MARGIN * _rubric_tokens(judge))
    )
    batches: list[list[int]] = []
    used = 0.0
    for place, (item, text) in enumerate(zip(items, texts, strict=True)):
        size = _ESTIMATE_MARGIN * _item_tokens(item, text)
        if size > free:
            raise AlignmentError(
                f"the feedback on {item.shown.item_id} alone needs about"
                f" {int(context - free + size)} tokens in MLflow's distillation; the reflection"
                f" model's context holds {context}. Lower view.max_tokens or alignment.max_tokens,"
                " or take a model with more context."
            )
        # A new batch where this one is full, in tokens or in items.
        if not batches or used + size > free or len(batches[-1]) >= room.max_records:
            batches.append([])
            used = 0.0
        batches[-1].append(place)
        used += size
    return tuple(map(tuple, batches))


def _rubric_tokens(judge: Judge) -> int:
    """Tokens of the rubric as it stands in a prompt."""
    parts = PromptParts(judge.rubric, judge.dimension, (), (), "", judge.ask_applicability)
    return estimate_tokens(rubric_section(judge.layout, parts))


def _item_tokens(item: LabelledItem, text: str) -> int:
    """Tokens of one labelled item with its keys."""
    # 30 for the keys and ids around the two.
    return _escaped_tokens(text) + _escaped_tokens(item.rationale) + 30


def _escaped_tokens(text: str) -> int:
    """Tokens of a text as MLflow pastes it: escaped, as Python prints it."""
    return estimate_tokens(repr(text))
