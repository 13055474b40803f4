"""Takes a prompt apart into what the simulated judge goes by: guidelines, examples, item, feedback.

Only the headings of `prompt_parts` are known. The item's own text runs to the end of its message
unless examples or guidelines follow it, and those are recognised by two lines, not one, because
a notebook may well hold the line "# Examples". Where examples are turns, the last turn with an item
is the one that is asked about, and each before it is an example with its answer.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from memalign_bench import prompt_parts
from memalign_bench.backends.base import Message

__all__ = ["Hint", "LabelledText", "Prompt", "hint_of", "read_prompt", "words"]

_WORD = re.compile(r"[a-z0-9_]+")
# "- (grade 1) Nothing is split." or "- Nothing is split."
_GUIDELINE_LINE = re.compile(r"^- (?:\(grade ([^)]+)\) )?(.+)$")
# "Grade 3 when the text mentions silk."
_GRADE_IN_TEXT = re.compile(r"^[Gg]rade (\S+) when ")


@dataclass(frozen=True)
class LabelledText:
    """A labelled text as it was shown: its heading's last word, text, grade and rationale."""

    key: str
    text: str
    grade: str
    rationale: str


@dataclass(frozen=True)
class Hint:
    """A guideline as it was shown, with the grade that it names (None where it names none)."""

    text: str
    grade: str | None


@dataclass(frozen=True)
class Prompt:
    """The parts of a prompt that carry memory, feedback and the item."""

    item: str
    guidelines: tuple[Hint, ...]
    examples: tuple[LabelledText, ...]
    feedback: tuple[LabelledText, ...]


# The same examples and guidelines are compared with item after item.
@lru_cache(maxsize=1024)
def words(text: str) -> frozenset[str]:
    """The words of a text, lower case.

    >>> sorted(words("Split, then fit; then split"))
    ['fit', 'split', 'then']
    """
    return frozenset(_WORD.findall(text.lower()))


def read_prompt(messages: Sequence[Message]) -> Prompt:
    """Read the parts of a prompt; parts that are not there are empty."""
    parts: dict[str, list[str]] = {}
    items = [index for index, message in enumerate(messages) if _shows_item(message)]
    # Items of earlier turns are examples; the last one is asked about.
    earlier = set(items[:-1])
    for index, message in enumerate(messages):
        if message.role != "assistant" and index not in earlier:
            _collect_sections(message.content.splitlines(), parts)
    from_section = _entries(parts.get(prompt_parts.EXAMPLES, []), prompt_parts.EXAMPLE)
    # Each has its answer in the next message.
    from_turns = [_answered_example(messages[index], messages[index + 1]) for index in items[:-1]]
    return Prompt(
        item="\n".join(parts.get(prompt_parts.ITEM, [])).strip("\n"),
        guidelines=tuple(_hints(parts.get(prompt_parts.GUIDELINES, []))),
        # A prompt shows its examples in one of the two ways.
        examples=tuple(from_section or [entry for entry in from_turns if entry is not None]),
        feedback=tuple(_entries(parts.get(prompt_parts.FEEDBACK, []), prompt_parts.FEEDBACK_ENTRY)),
    )


def _shows_item(message: Message) -> bool:
    """Whether a message shows an item to be judged."""
    return message.role == "user" and message.content.startswith(f"{prompt_parts.ITEM}\n")


def _answered_example(asked: Message, answer: Message) -> LabelledText | None:
    """An example that stands as a turn: a grade with its rationale below, or a verdict as JSON."""
    parts: dict[str, list[str]] = {}
    _collect_sections(asked.content.splitlines(), parts)
    text = parts.get(prompt_parts.ITEM, [])
    answer_lines = answer.content.splitlines()
    try:
        verdict = json.loads(answer.content)
        answer_lines = [
            f"{prompt_parts.GRADE} {verdict['score']}",
            f"{prompt_parts.RATIONALE} {verdict['rationale']}",
        ]
    except (ValueError, TypeError, KeyError):
        # No verdict as JSON: the lines are taken as they stand.
        pass
    return _entry("", [*text, *answer_lines]) if any(map(_is_grade, answer_lines)) else None


def _is_grade(line: str) -> bool:
    """Whether a line gives a grade."""
    return line.startswith(prompt_parts.GRADE)


def _collect_sections(lines: Sequence[str], parts: dict[str, list[str]]) -> None:
    """Sort the lines of a message into sections by their headings."""
    section = ""
    for number, line in enumerate(lines):
        following = lines[number + 1] if number + 1 < len(lines) else ""
        if _is_heading(line, following, section):
            section = line
            parts.setdefault(section, [])
        elif section:
            parts[section].append(line)


def _is_heading(line: str, following: str, section: str) -> bool:
    """Whether a line is a heading, given the next line and the section it stands in."""
    if line == prompt_parts.EXAMPLES:
        return following == f"{prompt_parts.EXAMPLE} 1"
    if line == prompt_parts.GUIDELINES:
        return following.startswith("- ")
    if line == prompt_parts.FEEDBACK:
        return following.startswith(f"{prompt_parts.FEEDBACK_ENTRY} ")
    if section in (prompt_parts.ITEM, prompt_parts.EXAMPLES, prompt_parts.FEEDBACK):
        # Inside these stand texts of others; only the item may follow the examples.
        return line == prompt_parts.ITEM and section == prompt_parts.EXAMPLES
    return line in (prompt_parts.TASK, prompt_parts.RUBRIC, prompt_parts.ITEM)


def hint_of(line: str) -> Hint | None:
    """A guideline's line, None for another line.

    >>> hint_of("- Grade 3 when the text mentions silk.").grade
    '3'
    """
    if not (match := _GUIDELINE_LINE.match(line.strip())):
        return None
    grade, text = match.groups()
    grade_in_text = _GRADE_IN_TEXT.match(text)
    return Hint(text, grade or (grade_in_text.group(1) if grade_in_text else None))


def _hints(lines: Sequence[str]) -> list[Hint]:
    return [hint for line in lines if (hint := hint_of(line)) is not None]


def _entries(lines: Sequence[str], heading: str) -> list[LabelledText]:
    """The labelled texts of a section, each under a numbered heading."""
    blocks: list[tuple[str, list[str]]] = []
    for line in lines:
        rest = line.removeprefix(f"{heading} ")
        # A heading ends in a single key; other lines may begin alike.
        if rest != line and " " not in rest:
            blocks.append((rest, []))
        elif blocks:
            blocks[-1][1].append(line)
    return [entry for key, block in blocks if (entry := _entry(key, block)) is not None]


def _entry(key: str, lines: Sequence[str]) -> LabelledText | None:
    """A block up to its last "Grade:" line is text, what follows is rationale."""
    # The last one, since the text itself may hold such a line.
    grade_line = max((index for index, line in enumerate(lines) if _is_grade(line)), default=None)
    if grade_line is None:
        return None
    grade = lines[grade_line].removeprefix(prompt_parts.GRADE).strip()
    rationale = (
        " ".join(lines[grade_line + 1 :]).strip().removeprefix(prompt_parts.RATIONALE).strip()
    )
    return LabelledText(key, "\n".join(lines[:grade_line]).strip("\n"), grade, rationale)
