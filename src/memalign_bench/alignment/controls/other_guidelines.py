"""Control: both memories, the guidelines of another dimension."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from memalign_bench.alignment.base import AlignContext, Aligned
from memalign_bench.alignment.controls.base import MemoryControl
from memalign_bench.errors import AlignmentError
from memalign_bench.judging.judge import Judge, LabelledItem
from memalign_bench.judging.prompt import PromptLayout
from memalign_bench.types import Rubric

__all__ = ["OtherGuidelines"]


@dataclass(frozen=True)
class OtherGuidelines(MemoryControl):
    """The examples of `full`, with guidelines that experts' words on another question gave.

    Isolates what guidelines are worth because they speak of the question, beside speaking of
    notebooks and grades in an expert's voice. The other dimension is the next one of the rubric,
    the first after the last, whichever dimensions a study asks.
    """

    def align(self, judge: Judge, train: Sequence[LabelledItem], context: AlignContext) -> Aligned:
        """Fill episodic memory from these items, semantic memory from the other dimension's.

        With `n_train=0` both stay empty, as in every control of the memories.

        Raises:
            AlignmentError: As the memories do; if the rubric has one dimension only.
        """
        if reason := self.idle_reason(judge.rubric, judge.layout, 0):
            raise AlignmentError(f"alignment={self.name} {reason}.")
        # The rubric's and not the study's dimensions: the guidelines of a cell must not depend on
        # what else is asked.
        names = list(judge.rubric.dimensions)
        if context.n_train == 0:
            return super().align(judge, train, context)
        name = names[(names.index(judge.dimension.name) + 1) % len(names)]
        other_judge = replace(judge, dimension=judge.rubric.dimensions[name])
        distillation = self.memories.distil(other_judge, context.train_on(name), context)
        # Episodic memory stays the dimension's own.
        episodic = replace(self.memories, semantic=False)
        filled, n_examples, _ = episodic.fill_memories(judge, train, context)
        with_other_guidelines = replace(filled, guidelines=distillation.guidelines)
        return Aligned(with_other_guidelines, n_examples, distillation)

    def idle_reason(self, rubric: Rubric, layout: PromptLayout, most_raters: int) -> str:
        """A rubric of one dimension has no other."""
        if len(rubric.dimensions) > 1:
            return ""
        return (
            f"takes guidelines of a second dimension, and rubric {rubric.name!r} has"
            f" {', '.join(rubric.dimensions)} only; leave it out"
        )
