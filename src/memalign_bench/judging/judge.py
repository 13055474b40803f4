"""A judge: one dimension's rubric, a backend, a way of asking, and what memory adds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from memalign_bench.backends.base import Backend
from memalign_bench.judging.prompt import PromptLayout, PromptParts
from memalign_bench.judging.scoring import Scoring, shows_examples
from memalign_bench.types import (
    NOT_APPLICABLE,
    DimensionRubric,
    Example,
    Grade,
    Guideline,
    Label,
    Rubric,
    Score,
    Verdict,
)

__all__ = ["ItemJudge", "Judge", "LabelledItem", "Retriever", "ShownItem"]


@dataclass(frozen=True)
class ShownItem:
    """An item as the judge of one dimension sees it.

    Attributes:
        item_id: Its id.
        text: The view it is judged by.
        example_text: The view by which memory shows it to others, often a shorter one.
        whole: All of the artefact's text; for finding neighbours, never for a prompt.
        request: What the user of its case asked for; for finding neighbours.
        facts: What a static reading finds in it; for finding neighbours, "" where nobody asks.
    """

    item_id: str
    text: str
    example_text: str
    whole: str = ""
    request: str = ""
    facts: str = ""


@dataclass(frozen=True)
class LabelledItem:
    """A training item with the expert's score and rationale.

    Attributes:
        shown: The item.
        score: Its gold score.
        rationale: The words that go with it.
        ratings: What each rater said of it.
    """

    shown: ShownItem
    score: Score
    rationale: str
    ratings: tuple[Label, ...] = ()

    @property
    def grade(self) -> Grade:
        """The score of an item that is known to be graded."""
        assert self.score is not NOT_APPLICABLE
        return self.score


class Retriever(Protocol):
    """Finds the labelled examples that one item is shown with."""

    def nearest(self, item: ShownItem) -> Sequence[Example]:
        """Examples for this item, most similar first, the item itself never among them."""

    def without(self, item_id: str) -> Retriever:
        """The same retriever, as if this labelled item had never been remembered."""


class ItemJudge(Protocol):
    """Whatever scores an item."""

    def score(self, item: ShownItem, repeat: int = 0) -> Verdict:
        """Verdict on one item; raises `FailedCallError` where no usable answer comes."""


@dataclass(frozen=True)
class Judge:
    """An LLM judge of one dimension; immutable, so alignment makes a new one.

    Attributes:
        rubric: The task's rubric.
        dimension: The question it answers.
        backend: The model.
        scoring: How a score is got from the model.
        layout: How the question is put.
        ask_applicability: Whether it may say "not applicable".
        guidelines: Semantic memory; empty for none.
        retriever: Episodic memory; None for none.
    """

    rubric: Rubric
    dimension: DimensionRubric
    backend: Backend
    scoring: Scoring
    layout: PromptLayout
    ask_applicability: bool = False
    guidelines: tuple[Guideline, ...] = ()
    retriever: Retriever | None = None

    def without_guideline(self, place: int) -> Judge:
        """The same judge without the guideline at this place, from 0."""
        return replace(self, guidelines=self.guidelines[:place] + self.guidelines[place + 1 :])

    def without_example(self, item_id: str) -> Judge:
        """The same judge, as if this labelled item had never been remembered."""
        return replace(self, retriever=self.retriever and self.retriever.without(item_id))

    def score(self, item: ShownItem, repeat: int = 0) -> Verdict:
        """Score one item.

        Args:
            item: The item; only its view and id are used.
            repeat: Which of several askings of the same question this is.

        Raises:
            FailedCallError: If the backend gives no usable answer.
        """
        # Retrieval costs time, so it is skipped where no example would be shown.
        retriever = self.retriever if shows_examples(self.scoring) else None
        examples = tuple(retriever.nearest(item)) if retriever else ()
        parts = PromptParts(
            rubric=self.rubric,
            dimension=self.dimension,
            guidelines=self.guidelines,
            examples=examples,
            item=item.text,
            ask_applicability=self.ask_applicability,
        )
        verdict = self.scoring.score(self.backend, self.layout, parts, repeat)
        return replace(
            verdict,
            # What the scoring showed: fewer than were found, where the context holds no more.
            examples=tuple(example for example in verdict.examples if not example.placebo),
            # Placebos are counted on both sides: they take room in the context as well.
            n_left_out=len(examples) - len(verdict.examples),
            # Placebos of the controls are no memory and are not counted.
            n_guidelines=sum(not guideline.placebo for guideline in self.guidelines),
        )
