"""What the controls share: both memories are filled as usual, then one thing is changed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from memalign_bench.alignment.base import AlignContext, Aligned, Rung
from memalign_bench.alignment.dual import DualMemory
from memalign_bench.judging.judge import Judge, LabelledItem, Retriever, ShownItem
from memalign_bench.judging.prompt import PromptLayout
from memalign_bench.types import Example, Guideline, Rubric

__all__ = ["ChangedRetriever", "MemoryControl", "with_changed_memory"]


@dataclass(frozen=True)
class MemoryControl:
    """A control of the memories: each guideline and example is changed before it is shown.

    A subclass says how in `guideline` and `example`; one that changes anything else (labels, items)
    has an `align` of its own.

    Attributes:
        name: Name of the YAML choice.
        memories: The memories that it controls for.
        ladder: Its place on the ablation ladder.
    """

    name: str
    memories: DualMemory
    needs_model: bool = True
    ladder: Rung | None = None

    # Of the class, so that it is no field that a configuration could set.
    placebo: ClassVar[bool] = False
    """Whether what is shown holds nothing of the memories."""

    @property
    def keys(self) -> frozenset[str]:
        """Whatever decides the memories decides the control."""
        return self.memories.keys

    def align(self, judge: Judge, train: Sequence[LabelledItem], context: AlignContext) -> Aligned:
        """Fill the memories, then change every entry; placebos do not count as memory.

        Raises:
            AlignmentError: As the memories do.
        """
        filled, n_examples, distillation = self.memories.fill_memories(judge, train, context)
        changed = with_changed_memory(filled, self.guideline, self.example)
        # A placebo's entries hold nothing of the labels, so the record counts no memory.
        return Aligned(changed) if self.placebo else Aligned(changed, n_examples, distillation)

    def idle_reason(self, rubric: Rubric, layout: PromptLayout, most_raters: int) -> str:
        """Why the control would show nothing else than what it controls for; "" where it does.

        Args:
            rubric: Of the study.
            layout: How the question is put.
            most_raters: The most raters that an item has.
        """
        return ""

    def guideline(self, guideline: Guideline) -> Guideline:
        """The guideline that is shown in the place of this one."""
        return guideline

    def example(self, example: Example) -> Example:
        """The example that is shown in the place of this one."""
        return example


@dataclass(frozen=True)
class ChangedRetriever:
    """A retriever whose examples are changed before they are shown.

    Attributes:
        retriever: What finds them.
        change: From an example to the one that is shown in its place.
    """

    retriever: Retriever
    change: Callable[[Example], Example]

    def nearest(self, item: ShownItem) -> tuple[Example, ...]:
        """The changed examples, in the order of the retriever."""
        return tuple(self.change(example) for example in self.retriever.nearest(item))

    def without(self, item_id: str) -> ChangedRetriever:
        """The same changes to what is found without this labelled item."""
        return replace(self, retriever=self.retriever.without(item_id))


def with_changed_memory(
    judge: Judge,
    guideline: Callable[[Guideline], Guideline],
    example: Callable[[Example], Example],
) -> Judge:
    """A judge whose guidelines and examples are changed one by one; its number of each stays."""
    return replace(
        judge,
        guidelines=tuple(guideline(entry) for entry in judge.guidelines),
        # Wrapped, and not its items changed: what is near is found by the texts as they are.
        retriever=judge.retriever and ChangedRetriever(judge.retriever, example),
    )
