"""Names of the parts of a prompt, shared by whoever writes prompts and the judge that is simulated.

A judge's prompt, as messages:

    system   # Task ... # Rubric ... (# Guidelines, one a line: "- (grade 1) text" or "- text")
    user     (# Examples, each "## Example 1", text, "Grade: 1", "Rationale: ...") # Item, text
    assistant  "Grade:" (where one token is asked for)

With examples as turns (`prompt.examples=turns`) each stands before the item's own turn:

    user       # Item, the example's text, the instruction
    assistant  "Grade: 1", "Rationale: ...", or a verdict as JSON

A distiller's prompt holds `# Feedback`: entries "## Feedback ITEM_ID", text, "Grade: 1",
"Rationale: ...".
"""

from __future__ import annotations

from collections.abc import Sequence

__all__ = [
    "EXAMPLE",
    "EXAMPLES",
    "FEEDBACK",
    "FEEDBACK_ENTRY",
    "GRADE",
    "GUIDELINES",
    "ITEM",
    "RATER",
    "RATIONALE",
    "RUBRIC",
    "TASK",
    "guideline_line",
    "labelled_entry",
    "said_lines",
]

TASK = "# Task"
RUBRIC = "# Rubric"
GUIDELINES = "# Guidelines"
EXAMPLES = "# Examples"
ITEM = "# Item"
FEEDBACK = "# Feedback"

EXAMPLE = "## Example"
"""Heading of one example, followed by its number."""

FEEDBACK_ENTRY = "## Feedback"
"""Heading of one piece of feedback, followed by the item's id."""

GRADE = "Grade:"
RATIONALE = "Rationale:"
RATER = "Rater"


def guideline_line(text: str, grade: str | None = None) -> str:
    """One guideline as a line of a prompt.

    >>> guideline_line("No split.", "1")
    '- (grade 1) No split.'
    """
    # On one line, since each line of the part is a guideline of its own.
    flat = " ".join(text.split())
    return f"- {flat}" if grade is None else f"- (grade {grade}) {flat}"


def labelled_entry(heading: str, text: str, said: Sequence[tuple[str | None, str]]) -> str:
    """A labelled item as it stands in a prompt: heading, text, and what was said of it.

    That is a grade and a rationale, either of which may be missing; several raters are told apart.

    >>> labelled_entry("## Example 1", "a text", [("3", "Fine.")]).splitlines()
    ['## Example 1', 'a text', 'Grade: 3', 'Rationale: Fine.']
    >>> labelled_entry("## Example 1", "a text", [("3", ""), ("2", "")]).splitlines()
    ['## Example 1', 'a text', 'Rater 1', 'Grade: 3', 'Rater 2', 'Grade: 2']
    """
    # Only line breaks: spaces at the start may be the indent of code.
    return "\n".join([heading, text.strip("\n"), *said_lines(said)])


def said_lines(said: Sequence[tuple[str | None, str]]) -> list[str]:
    """What was said of an item, as lines; either of grade and rationale may be missing."""
    lines = []
    for number, (grade, rationale) in enumerate(said, 1):
        if len(said) > 1:
            lines.append(f"{RATER} {number}")
        if grade is not None:
            lines.append(f"{GRADE} {grade}")
        if rationale:
            lines.append(f"{RATIONALE} {' '.join(rationale.split())}")
    return lines
