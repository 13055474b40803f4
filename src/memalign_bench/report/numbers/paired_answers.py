"""The answers of two judges on one dimension, row by row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from memalign_bench.report.numbers.readings import Answers

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "CONSTANT_JUDGE",
    "NO_CLAIM_POSSIBLE",
    "ONE_GRADE",
    "PairedAnswers",
    "both_answered",
    "notes_say",
    "one_grade_note",
    "paired_rows",
]

CONSTANT_JUDGE = "constant judge"
"""Begins the note of a comparison with a judge of one grade, whose name follows in brackets."""

NO_CLAIM_POSSIBLE = "the data cannot support a claim"
"""Ends the note of a comparison that no outcome could have made a claim."""

ONE_GRADE = "the experts give one grade to every item"
"""Begins the note of such a comparison where no item's grade differs from another's."""


def notes_say(table: pd.DataFrame, words: str) -> pd.Series[bool]:
    """Which rows of a table of comparisons say these words in their note.

    The note is the only place for it: `contrasts.csv` has no flags, and pages are made from it too.

    Args:
        table: With the column `note`.
        words: One of the constants here and of `missing_answers`.
    """
    return table["note"].str.contains(words, regex=False).astype(bool)


@dataclass(frozen=True)
class PairedAnswers:
    """Rows of two judges on one dimension, paired, with notes for the table."""

    before: Answers
    after: Answers
    notes: list[str]


def paired_rows(before: Answers, after: Answers, names: tuple[str, str]) -> PairedAnswers:
    """The rows that both judges have, by item, fold seed and repeat.

    Args:
        before: The reference.
        after: The judge.
        names: Their names, for the notes.
    """
    notes = [
        f"{CONSTANT_JUDGE} ({name})"
        for name, side in zip(names, (before, after), strict=True)
        if side.n_grades == 1
    ]
    # Of the longer side, so that a note is made whichever of the two lacks rows.
    n_rows = max(len(before.items), len(after.items))
    # What was asked once is looked up by the other's rows, on whichever side it stands.
    if _n_repeats(before) == 1 < _n_repeats(after):
        right, left = _matching_places(after, before)
    else:
        left, right = _matching_places(before, after)
    all_before, before, after = before, before.take(left), after.take(right)
    if len(left) < n_rows:
        notes.append(f"paired on {len(left)} of {n_rows} rows")
    if len(all_before.items) and _on_other_folds(before, after):
        notes.append("the two were run on different folds; ranks are taken within the reference's")
    return PairedAnswers(before, after, notes)


def _n_repeats(side: Answers) -> int:
    return len(np.unique(side.repeats))


def _matching_places(rows: Answers, others: Answers) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Places of the rows that have a match, and of that match among the others."""
    # Codes of questions are taken over all judges (`answers_by_judge`), so they can be matched.
    wanted, asked = rows.questions, others.questions
    # Asked once, since it always answers alike: that answer holds for every repeat.
    if not _n_repeats(others) == 1 < _n_repeats(rows):
        n_repeats = 1 + np.concatenate([rows.repeats, others.repeats]).max(initial=0)
        wanted, asked = wanted * n_repeats + rows.repeats, asked * n_repeats + others.repeats
    order = np.argsort(asked, kind="stable")
    first = np.searchsorted(asked[order], wanted)
    here = np.flatnonzero(np.searchsorted(asked[order], wanted, side="right") > first)
    return here, order[first[here]]


def _on_other_folds(before: Answers, after: Answers) -> bool:
    """Whether a row lies in another fold; a fold's name also holds the repeat, which may differ."""
    here, there = (side.fold_parts[:, 2] for side in (before, after))
    return not np.array_equal(here, there)


def one_grade_note(pairs: Sequence[PairedAnswers]) -> str:
    """That experts gave one grade to all items that two judges are compared on; "" otherwise.

    A smaller error then shows a judge that says this grade more often, whatever it is shown.

    Args:
        pairs: One for each dimension that is compared, each with a row at least.
    """
    if any(np.ptp(pair.before.expert) > 0 for pair in pairs):
        return ""
    which = "" if pairs[1:] else f" ({pairs[0].before.expert[0]:g})"
    return f"{ONE_GRADE}{which}: {NO_CLAIM_POSSIBLE}"


def both_answered(part: PairedAnswers) -> PairedAnswers:
    """The rows to which both judges gave a grade."""
    given = ~np.isnan(part.before.grade) & ~np.isnan(part.after.grade)
    places = np.flatnonzero(given)
    return PairedAnswers(part.before.take(places), part.after.take(places), part.notes)
