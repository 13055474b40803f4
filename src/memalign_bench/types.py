"""The values that pass between layers: what is graded, on which scale, and what a judge answers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

from memalign_bench.scales import NOT_APPLICABLE, Grade, NotApplicable, Scale, Score

__all__ = [
    "NOT_APPLICABLE",
    "NO_MODEL",
    "CallCost",
    "DimensionRubric",
    "Example",
    "Grade",
    "Guideline",
    "Item",
    "Label",
    "NotApplicable",
    "RawAnswer",
    "Rubric",
    "Scale",
    "Score",
    "Status",
    "Usage",
    "Verdict",
    "View",
    "ViewRule",
]

NO_MODEL = "none"
"""What records say in `backend` and `model` of an alignment that asks no model."""


ViewMode = Literal["cells", "outline", "whole"]


@dataclass(frozen=True)
class ViewRule:
    """Which part of a notebook a judge of one dimension sees.

    Attributes:
        mode: `cells` shows the cells that match `patterns`, `outline` one line a cell, `whole` all.
        patterns: Regular expressions (case-insensitive); what matches an earlier one is taken
            first when the token budget does not hold all.
        ignore: A piece that matches one of these matches no pattern.
        late: Take later cells first, for what stands at the end of a notebook.

    Raises:
        ValueError: If the mode is none, or patterns are no list of regular expressions.
    """

    mode: ViewMode = "whole"
    patterns: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    late: bool = False

    def __post_init__(self) -> None:
        wrong = []
        if self.mode not in ("cells", "outline", "whole"):
            wrong.append(f"view mode must be cells, outline or whole, got {self.mode!r}.")
        if self.mode == "cells" and not self.patterns:
            wrong.append("view mode cells shows what matches its patterns, and there are none.")
        for name in ("patterns", "ignore"):
            given = getattr(self, name)
            if isinstance(given, list | tuple):
                problems = filter(None, map(_unread_pattern, given))
                wrong += [f"view {name}: {problem}" for problem in problems]
                # Frozen, and a list could not be hashed: rules are keys of caches.
                object.__setattr__(self, name, tuple(given))
            else:
                wrong.append(f"view {name} must be a list, got {given!r:.60}.")
        # Annotated anew: YAML may hold anything, which the type checker would rule out.
        late: object = self.late
        if not isinstance(late, bool):
            wrong.append(f"view late must be true or false, got {late!r:.60}.")
        if wrong:
            raise ValueError(" ".join(wrong))


def _unread_pattern(pattern: Any) -> str:
    """Why this is no regular expression; "" where it is one."""
    try:
        re.compile(pattern)
    except (re.error, TypeError) as error:
        return f"{pattern!r:.60} is no regular expression ({error})."
    return ""


@dataclass(frozen=True)
class DimensionRubric:
    """The text that judges and raters share for one dimension.

    Attributes:
        name: Machine name (`model_training`).
        title: Name for people ("Model training").
        question: What is asked of the item, one sentence.
        levels: Grade -> what earns it; on a wide scale of some grades only, its ends among them.
        not_applicable: When the dimension does not apply; None where it always does.
        view: How an item is shown for it.

    Raises:
        ValueError: If a text is none, or the view is no `ViewRule`.
    """

    name: str
    title: str
    question: str
    levels: Mapping[Grade, str]
    not_applicable: str | None = None
    view: ViewRule = field(default_factory=ViewRule)

    def __post_init__(self) -> None:
        texts = {key: getattr(self, key) for key in ("name", "title", "question")}
        texts |= {f"level {grade}": text for grade, text in self.levels.items()}
        if self.not_applicable is not None:
            texts["not_applicable"] = self.not_applicable
        wrong = [f"{key} must be a text, got {t!r:.60}." for key, t in texts.items() if _no_text(t)]
        # As above: plain Python may hand over anything.
        view: object = self.view
        if not isinstance(view, ViewRule):
            wrong.append(f"view must be a memalign_bench.types.ViewRule, got {view!r:.60}.")
        if wrong:
            raise ValueError(f"dimension {self.name!r}: {' '.join(wrong)}")


def _no_text(value: Any) -> bool:
    return not isinstance(value, str) or not value.strip()


@dataclass(frozen=True)
class Rubric:
    """All dimensions of one task, with their scale.

    Attributes:
        name: Name of the YAML choice.
        artefact: What an item is called in prompts ("notebook", "answer").
        scale: The grades.
        dimensions: Dimension name -> its rubric, in the order of tables and figures.
        article: What stands before the artefact; "" for what its first letter asks for.
    """

    name: str
    artefact: str
    scale: Scale
    dimensions: Mapping[str, DimensionRubric]
    article: str = ""

    @property
    def named_artefact(self) -> str:
        """The artefact with its article: "a notebook", "an answer"."""
        vowel = self.artefact[:1].lower() in tuple("aeiou")
        return f"{self.article or ('an' if vowel else 'a')} {self.artefact}"

    def __post_init__(self) -> None:
        for key in ("name", "artefact"):
            if _no_text(getattr(self, key)):
                raise ValueError(f"rubric {key} must be a text, got {getattr(self, key)!r:.60}.")
        for name, dimension in self.dimensions.items():
            lacks = [grade for grade in self.scale.anchors if grade not in dimension.levels]
            if lacks or not set(dimension.levels) <= set(self.scale.grades):
                raise ValueError(
                    f"rubric {self.name!r}, dimension {name!r}: levels must be written for"
                    f" {', '.join(map(str, self.scale.anchors))}, got"
                    f" {', '.join(map(repr, dimension.levels))}."
                )

    @property
    def always_applies(self) -> bool:
        """Whether no dimension can be "not applicable"."""
        return not any(dimension.not_applicable for dimension in self.dimensions.values())


@dataclass(frozen=True)
class Item:
    """One artefact to be graded, written for one case.

    Attributes:
        item_id: Unique in its data set.
        case_id: Items of one case never sit on both sides of a fold.
        prompt: What the user of the case asked for.
        context: A line on the data (rows, columns, missing share, target, time index), or "".
        kind: `notebook` (content is nbformat JSON) or `text`.
        content: The artefact itself; untrusted.
        stratum: What folds are balanced over ("" where the data declares none).
        fold: The fold that the data itself names (`splits=predefined`); None where it names none.
    """

    item_id: str
    case_id: str
    prompt: str
    context: str
    kind: Literal["notebook", "text"]
    content: str
    stratum: str = ""
    fold: int | None = None


@dataclass(frozen=True)
class Label:
    """One rater's grade of one item on one dimension, or that it does not apply."""

    item_id: str
    dimension: str
    rater: str
    score: Score
    rationale: str


@dataclass(frozen=True)
class View:
    """The text of an item that a judge sees.

    Attributes:
        text: What goes into the prompt.
        n_cells: Cells of the item (1 for a text).
        n_dropped: Cells of which nothing is shown.
        n_shortened: Cells of which only a part is shown.
        tokens: Estimated length of `text`.
        notes: What could not be read, and what was done instead; names cells, holds no text of
            theirs.
    """

    text: str
    n_cells: int
    n_dropped: int
    n_shortened: int
    tokens: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Guideline:
    """One entry of semantic memory.

    Attributes:
        text: What the judge is told.
        sources: Ids of the training items whose feedback it came from.
        grade: The grade it argues for, where it argues for one.
        placebo: It takes a guideline's place in the prompt and says nothing; it does not count as
            one.
    """

    text: str
    sources: tuple[str, ...] = ()
    grade: Grade | None = None
    placebo: bool = False


@dataclass(frozen=True)
class Example:
    """One entry of episodic memory as it is shown: a labelled training item and its similarity.

    Attributes:
        item_id: The training item.
        text: How it is shown.
        score: Its grade; None where that is withheld.
        rationale: The expert's words; "" where there are none or they are withheld.
        similarity: To the item that is judged (cosine).
        ratings: Each rater's own grade and words, shown instead of `score` and `rationale`; empty
            for one grade.
        placebo: It takes an example's place in the prompt and says nothing; it does not count as
            one.
    """

    item_id: str
    text: str
    score: Score | None
    rationale: str
    similarity: float
    ratings: tuple[Label, ...] = ()
    placebo: bool = False


@dataclass(frozen=True)
class Usage:
    """Tokens and money that a verdict's calls cost, as the provider counted them.

    Attributes:
        prompt_tokens: Tokens read, those from the provider's cache among them.
        completion_tokens: Tokens generated, those of hidden reasoning among them.
        cached_tokens: Tokens that the provider had in its cache.
        cost_usd: Money; None where it is not known.
        reasoning_tokens: Tokens of reasoning that no answer shows; 0 where none are told apart.
    """

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    cost_usd: float | None = None
    reasoning_tokens: int = 0

    def __add__(self, other: Usage) -> Usage:
        costs = [cost for cost in (self.cost_usd, other.cost_usd) if cost is not None]
        return Usage(
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            self.cached_tokens + other.cached_tokens,
            # What is known, where only one of the two is; unknown only where both are.
            sum(costs) if costs else None,
            self.reasoning_tokens + other.reasoning_tokens,
        )


@dataclass(frozen=True)
class CallCost:
    """What getting an answer took, over all its calls.

    Attributes:
        usage: Tokens and money.
        latency_s: Seconds that the calls took when they were made; 0 where that is not known.
        from_store: Whether every call was answered by the call store.
        retries: Requests sent beyond the first of each call.
    """

    usage: Usage = field(default_factory=Usage)
    latency_s: float = 0.0
    from_store: bool = True
    retries: int = 0

    def __add__(self, other: CallCost) -> CallCost:
        return CallCost(
            self.usage + other.usage,
            self.latency_s + other.latency_s,
            self.from_store and other.from_store,
            self.retries + other.retries,
        )


class Status(StrEnum):
    """What became of one question to a judge."""

    SCORED = "scored"
    ABSTAINED = "abstained"
    FAILED = "failed"
    NOT_ASKED = "not_asked"


@dataclass(frozen=True)
class RawAnswer:
    """What a judge wrote, where it was not what it was asked to write.

    Attributes:
        texts: Its answers, in the order in which it was asked.
        told: How they were read, or why they were asked for again.
    """

    texts: tuple[str, ...]
    told: tuple[str, ...] = ()


@dataclass(frozen=True)
class Verdict:
    """What a judge says of one item on one dimension.

    Attributes:
        score: A grade of the scale, or `NOT_APPLICABLE`.
        rationale: Why, in the judge's words ("" where none was asked for).
        distribution: Grade -> probability, exact and summing to one; None with verdict scoring.
        cost: What its calls took.
        examples: What episodic memory showed, nearest first.
        n_guidelines: How many guidelines were shown.
        n_left_out: Examples that memory found and the model's context had no room for.
        raw: What it wrote, where that was not as asked.
        criteria: Probability that each criterion of a checklist is met, in the checklist's order.
    """

    score: Score
    rationale: str = ""
    distribution: Mapping[Grade, float] | None = None
    cost: CallCost = field(default_factory=CallCost)
    examples: tuple[Example, ...] = ()
    n_guidelines: int = 0
    n_left_out: int = 0
    raw: RawAnswer | None = None
    criteria: tuple[float, ...] = ()
