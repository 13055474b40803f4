"""How a question is put to a judge: what stands in the prompt, in which words and order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from memalign_bench import prompt_parts as sections
from memalign_bench.backends.base import Message
from memalign_bench.types import NOT_APPLICABLE, DimensionRubric, Example, Guideline, Rubric, Scale

__all__ = [
    "SECTIONS",
    "GradeWords",
    "PromptLayout",
    "PromptParts",
    "guidelines_section",
    "render_prompt",
    "rubric_section",
]

SECTIONS = ("rubric", "guidelines", "examples", "item")

GradeWords = Literal["digits", "words"]


@dataclass(frozen=True)
class PromptLayout:
    """The way of asking; a small judge's numbers hang on it.

    Attributes:
        grades: `digits` names grades 3, 2, 1; `words` good, average, bad.
        format: `chat` goes through the model's chat template; `plain` through a completion route.
        order: Sections in the order of the prompt. The default puts what all items of a cell share
            first, so that a prefix cache serves it.
    """

    grades: GradeWords = "digits"
    format: Literal["chat", "plain"] = "chat"
    order: tuple[str, ...] = SECTIONS

    def __post_init__(self) -> None:
        object.__setattr__(self, "order", tuple(self.order))
        if sorted(self.order) != sorted(SECTIONS):
            raise ValueError(f"prompt.order must hold each of {list(SECTIONS)}, got {self.order}.")
        if self.grades not in ("digits", "words"):
            raise ValueError(f"prompt.grades must be digits or words, got {self.grades!r}.")
        if self.format not in ("chat", "plain"):
            raise ValueError(f"prompt.format must be chat or plain, got {self.format!r}.")

    def grade_text(self, scale: Scale, grade: int) -> str:
        """How a grade is written in prompts (0 as "not applicable")."""
        if grade == NOT_APPLICABLE:
            return "0" if self.grades == "digits" else "not applicable"
        if self.grades == "digits":
            return str(grade)
        return scale.words[scale.grades.index(grade)]


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


def render_prompt(
    layout: PromptLayout, parts: PromptParts, instruction: str
) -> tuple[Message, ...]:
    """System and user message.

    The system message holds the leading sections that all items of a cell share (rubric and
    guidelines, by default); everything from the first section that differs by item stands in the
    user message, which ends with `instruction`.
    """
    texts = {
        "rubric": rubric_section(layout, parts),
        "guidelines": guidelines_section(layout, parts),
        "examples": _examples_section(layout, parts),
        "item": f"{sections.ITEM}\n{parts.item}",
    }
    cut = min(layout.order.index("examples"), layout.order.index("item"))
    shared = [texts[name] for name in layout.order[:cut] if texts[name]]
    own = [texts[name] for name in layout.order[cut:] if texts[name]]
    user = Message("user", "\n\n".join([*own, instruction]))
    return (Message("system", "\n\n".join(shared)), user) if shared else (user,)


def rubric_section(layout: PromptLayout, parts: PromptParts) -> str:
    """Task and rubric as they stand in a prompt."""
    rubric, dimension = parts.rubric, parts.dimension
    lines = [
        sections.TASK,
        f"You are an expert who grades a {rubric.artefact} on one question: {dimension.question}",
        sections.RUBRIC,
    ]
    for grade in reversed(rubric.scale.grades):
        lines.append(f"{layout.grade_text(rubric.scale, grade)}: {dimension.levels[grade]}")
    if parts.ask_applicability and dimension.not_applicable:
        name = layout.grade_text(rubric.scale, NOT_APPLICABLE)
        lines.append(f"{name}: Not applicable. {dimension.not_applicable}")
    return "\n".join(lines)


def guidelines_section(layout: PromptLayout, parts: PromptParts) -> str:
    """Semantic memory as it stands in a prompt; "" where there is none."""
    if not parts.guidelines:
        return ""
    lines = [sections.GUIDELINES]
    for guideline in parts.guidelines:
        grade = guideline.grade
        named = None if grade is None else layout.grade_text(parts.rubric.scale, grade)
        lines.append(sections.guideline_line(guideline.text, named))
    return "\n".join(lines)


def _examples_section(layout: PromptLayout, parts: PromptParts) -> str:
    if not parts.examples:
        return ""
    blocks = [sections.EXAMPLES]
    for number, example in enumerate(parts.examples, 1):
        said = [
            (None if score is None else layout.grade_text(parts.rubric.scale, score), rationale)
            for score, rationale in _said(example)
        ]
        heading = f"{sections.EXAMPLE} {number}"
        blocks.append(sections.labelled_entry(heading, example.text, said))
    return "\n".join(blocks)


def _said(example: Example) -> list[tuple[int | None, str]]:
    """Grades and rationales that an example shows: one, or each rater's own."""
    if example.ratings:
        return [(label.score, label.rationale) for label in example.ratings]
    return [(example.score, example.rationale)]
