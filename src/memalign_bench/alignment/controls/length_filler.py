"""Control: as many tokens as the memories add, about nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import cycle

from memalign_bench import prompt_parts
from memalign_bench.alignment.base import AlignContext, Aligned
from memalign_bench.alignment.controls.base import MemoryControl, with_changed_memory
from memalign_bench.judging.judge import Judge, LabelledItem
from memalign_bench.judging.prompt import PromptLayout
from memalign_bench.notebooks.budget import estimate_tokens
from memalign_bench.types import Example, Guideline, Scale

__all__ = ["LengthFiller", "filler"]

_PASSAGE = (
    "The road leaves the village by the old bridge and follows the river for a while. Reeds stand"
    " along the water, and a heron waits among them. Beyond the mill the valley opens, and the"
    " fields lie in long strips up to the edge of the wood. In the morning mist the hills look"
    " farther away than they are. A cart track turns off to the left, passes two barns and a row"
    " of poplars, and ends at a gate. From there a path climbs between hedges to the ridge, where"
    " the wind comes over from the sea. On clear days one sees the lighthouse, the ferry and the"
    " islands behind it. In winter the path is often closed, and people take the train through the"
    " tunnel."
)


@dataclass(frozen=True)
class LengthFiller(MemoryControl):
    """Each guideline and example replaced by a walk in the country of the same length in tokens.

    Isolates what a longer prompt does, whatever it says. Lengths are matched entry by entry, grades
    included, by the estimate that views are cut by (`notebooks.budget`), the same for every
    backend; no grade is shown.
    """

    def align(self, judge: Judge, train: Sequence[LabelledItem], context: AlignContext) -> Aligned:
        """Fill the memories, then put filler in the place of every entry; none counts as memory.

        Raises:
            AlignmentError: As the memories do.
        """
        filled = self.memories.fill_memories(judge, train, context).judge
        # How long a grade is, and whether a rationale is shown, is the layout's to say.
        layout, scale = judge.layout, judge.rubric.scale
        return Aligned(
            with_changed_memory(
                filled,
                partial(_guideline_filler, layout, scale),
                partial(_example_filler, layout, scale),
            )
        )


def _guideline_filler(layout: PromptLayout, scale: Scale, guideline: Guideline) -> Guideline:
    """Filler as long as a guideline's line in a prompt."""
    grade = None if guideline.grade is None else layout.grade_text(scale, guideline.grade)
    # Without the bullet, which the filler's own line gets again.
    line = prompt_parts.guideline_line(guideline.text, grade).removeprefix("- ")
    return Guideline(filler(line), placebo=True)


def _example_filler(layout: PromptLayout, scale: Scale, example: Example) -> Example:
    """Filler as long as an example's text, and as its grade and rationale."""
    # Withheld by no memory that this controls for.
    assert example.score is not None
    grade = layout.grade_text(scale, example.score)
    # Shown behind "Rationale:", which takes the place of "Grade:" where no rationale is shown.
    answer = f"{prompt_parts.GRADE} {grade}\n{example.rationale}" if layout.rationales else grade
    return Example("", filler(example.text), None, filler(answer), 0.0, placebo=True)


def filler(text: str) -> str:
    """Words of the passage, as many as come nearest to a text's tokens without being fewer.

    >>> filler("X_train, X_test = split(df)")
    'The road leaves the village by the old bridge'
    >>> filler("")
    ''
    """
    wanted, words = estimate_tokens(text), cycle(_PASSAGE.split())
    chosen: list[str] = []
    while estimate_tokens(" ".join(chosen)) < wanted:
        chosen.append(next(words))
    return " ".join(chosen)
