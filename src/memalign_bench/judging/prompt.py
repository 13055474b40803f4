"""How a question is put to a judge: what stands in the prompt, in which words and order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from memalign_bench import prompt_parts
from memalign_bench.backends.base import Message
from memalign_bench.types import (
    NOT_APPLICABLE,
    DimensionRubric,
    Example,
    Guideline,
    Rubric,
    Scale,
    Score,
)

__all__ = [
    "SECTIONS",
    "ExampleAnswer",
    "GradeWords",
    "PromptLayout",
    "PromptParts",
    "graded_answer",
    "guidelines_section",
    "render_prompt",
    "rubric_section",
]

SECTIONS = ("rubric", "guidelines", "examples", "item")

GradeWords = Literal["digits", "words"]


@dataclass(frozen=True)
class PromptLayout:
    """How a question is laid out in a prompt; a small judge's numbers depend on it.

    Attributes:
        grades: `digits` names grades 3, 2, 1; `words` good, average, bad.
        format: `chat` goes through the model's chat template; `plain` through a completion route.
        order: Sections in the order of the prompt. The default puts what all items of a cell share
            first, so that a prefix cache serves it.
        examples: `section` lists labelled examples in the message that asks; `turns` makes each a
            turn of the conversation that the judge has answered already (few-shot chat), farthest
            first, so that the nearest stands beside the item.
        rationales: Whether an example shows the expert's words beside the grade.
    """

    grades: GradeWords = "digits"
    format: Literal["chat", "plain"] = "chat"
    order: tuple[str, ...] = SECTIONS
    examples: Literal["section", "turns"] = "section"
    rationales: bool = True

    def __post_init__(self) -> None:
        # Configurations give a list.
        object.__setattr__(self, "order", tuple(self.order))
        if sorted(self.order) != sorted(SECTIONS):
            raise ValueError(f"prompt.order must hold each of {list(SECTIONS)}, got {self.order}.")
        for key, choices in (
            ("grades", ("digits", "words")),
            ("format", ("chat", "plain")),
            ("examples", ("section", "turns")),
            ("rationales", (True, False)),
        ):
            if getattr(self, key) not in choices:
                either = " or ".join(str(choice).lower() for choice in choices)
                raise ValueError(f"prompt.{key} must be {either}, got {getattr(self, key)!r}.")
        if self.examples == "turns" and self.order.index("item") < self.order.index("examples"):
            raise ValueError(
                "prompt.examples=turns puts examples before the item's own turn; prompt.order has"
                f" the item first, got {self.order}."
            )

    def grade_text(self, scale: Scale, grade: Score) -> str:
        """How a grade, or that the question does not apply, is written in prompts."""
        if grade is NOT_APPLICABLE:
            if self.grades == "words":
                return "not applicable"
            # The scale's own number for it where there is one, like 0; else "N/A".
            return str(grade if scale.not_applicable is None else scale.not_applicable)
        return str(grade) if self.grades == "digits" else scale.word(grade)

    def choice(self, scale: Scale, grades: Sequence[Score]) -> str:
        """The grades that may be given, as a sentence names them; of many their range.

        >>> PromptLayout().choice(Scale((1, 2, 3)), (3, 2, 1))
        '3, 2 or 1'
        >>> PromptLayout().choice(Scale("0/100/1"), (*range(100, -1, -1), NOT_APPLICABLE))
        'a whole number from 0 to 100, or N/A'
        """
        texts = [self.grade_text(scale, grade) for grade in grades]
        # A hundred grades would fill the prompt: of a range only the ends are named.
        if not scale.is_ranged or (self.grades == "words" and scale.has_words):
            return f"{', '.join(texts[:-1])} or {texts[-1]}"
        return f"{scale}, or {texts[-1]}" if grades[-1] is NOT_APPLICABLE else str(scale)

    def shown_labels(self, scale: Scale, example: Example) -> list[tuple[str | None, str]]:
        """Pairs of grade and rationale that an example shows: one, or each rater's own."""
        labels: Sequence[tuple[Score | None, str]] = [(example.score, example.rationale)]
        if example.ratings:
            labels = [(label.score, label.rationale) for label in example.ratings]
        return [
            (
                None if score is None else self.grade_text(scale, score),
                # A placebo's words stand for its grade as well.
                rationale if self.rationales or example.placebo else "",
            )
            for score, rationale in labels
        ]


@dataclass(frozen=True)
class PromptParts:
    """What a prompt is made of.

    Attributes:
        rubric: The task's rubric.
        dimension: The question.
        guidelines: Semantic memory.
        examples: Episodic memory, nearest first.
        item: The item's view.
        ask_applicability: Whether "not applicable" may be answered.
    """

    rubric: Rubric
    dimension: DimensionRubric
    guidelines: Sequence[Guideline]
    examples: Sequence[Example]
    item: str
    ask_applicability: bool


ExampleAnswer = Callable[[PromptLayout, PromptParts, Example], str]
"""What the judge is shown to have answered to an example, where examples are turns."""


def graded_answer(layout: PromptLayout, parts: PromptParts, example: Example) -> str:
    """An example's answer as its grade, then its rationale: for scorings that read one token."""
    return "\n".join(prompt_parts.said_lines(layout.shown_labels(parts.rubric.scale, example)))


def render_prompt(
    layout: PromptLayout,
    parts: PromptParts,
    instruction: str,
    answer: ExampleAnswer = graded_answer,
) -> tuple[Message, ...]:
    """System and user message, with examples as turns between the two where the layout says so.

    The system message holds the leading sections that all items of a cell share (rubric and
    guidelines, by default); everything from the first section that differs by item stands in the
    user message, which ends with `instruction`. So does each example's turn: the judge sees an
    example exactly as it sees the item.
    """
    texts = {
        "rubric": rubric_section(layout, parts),
        "guidelines": guidelines_section(layout, parts),
        "examples": "" if layout.examples == "turns" else _examples_section(layout, parts),
        "item": f"{prompt_parts.ITEM}\n{parts.item}",
    }
    # Everything before the first section that differs by item can be shared by a prefix cache.
    cut = min(layout.order.index("examples"), layout.order.index("item"))
    shared_sections = [texts[name] for name in layout.order[:cut] if texts[name]]
    item_sections = [texts[name] for name in layout.order[cut:] if texts[name]]
    system = [Message("system", "\n\n".join(shared_sections))] if shared_sections else []
    turns: list[Message] = []
    if layout.examples == "turns":
        # Nearest last, so that it stands beside the item.
        for example in reversed(parts.examples):
            shown = f"{prompt_parts.ITEM}\n{example.text}"
            turns.append(Message("user", f"{shown}\n\n{instruction}"))
            turns.append(Message("assistant", answer(layout, parts, example)))
    return (*system, *turns, Message("user", "\n\n".join([*item_sections, instruction])))


def rubric_section(layout: PromptLayout, parts: PromptParts) -> str:
    """Task and rubric as they stand in a prompt."""
    rubric, dimension = parts.rubric, parts.dimension
    lines = [
        prompt_parts.TASK,
        f"You are an expert who grades {rubric.named_artefact} on one question:"
        f" {dimension.question}",
        prompt_parts.RUBRIC,
    ]
    for grade in reversed(rubric.scale.grades):
        if grade in dimension.levels:
            lines.append(f"{layout.grade_text(rubric.scale, grade)}: {dimension.levels[grade]}")
    # Wide scales describe some grades only.
    if len(dimension.levels) < len(rubric.scale.grades):
        lines.append("What lies between two of these gets a grade between theirs.")
    if parts.ask_applicability and dimension.not_applicable:
        name = layout.grade_text(rubric.scale, NOT_APPLICABLE)
        lines.append(f"{name}: Not applicable. {dimension.not_applicable}")
    return "\n".join(lines)


def guidelines_section(layout: PromptLayout, parts: PromptParts) -> str:
    """Semantic memory as it stands in a prompt; "" where there is none."""
    if not parts.guidelines:
        return ""
    lines = [prompt_parts.GUIDELINES]
    for guideline in parts.guidelines:
        grade = guideline.grade
        grade_text = None if grade is None else layout.grade_text(parts.rubric.scale, grade)
        lines.append(prompt_parts.guideline_line(guideline.text, grade_text))
    return "\n".join(lines)


def _examples_section(layout: PromptLayout, parts: PromptParts) -> str:
    if not parts.examples:
        return ""
    blocks = [prompt_parts.EXAMPLES]
    for number, example in enumerate(parts.examples, 1):
        heading = f"{prompt_parts.EXAMPLE} {number}"
        labels = layout.shown_labels(parts.rubric.scale, example)
        blocks.append(prompt_parts.labelled_entry(heading, example.text, labels))
    return "\n".join(blocks)
