"""What missing answers make of a difference: nothing to test, or one that hangs on them.

One rule for every table: where a side gave no answer at all, its error is what missing answers
cost, and no p-value or interval stands; where some are missing, the improvement is bounded by what
they could have been.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from memalign_bench.report.numbers.analysis import Analysis
from memalign_bench.report.numbers.paired_answers import PairedAnswers
from memalign_bench.report.prose import listed
from memalign_bench.wording import counted

__all__ = [
    "HANGS",
    "MADE_OF_SILENCE",
    "UNEQUAL",
    "Bounds",
    "equality_note",
    "hanging_note",
    "improvement_bounds",
    "silence_note",
]

MADE_OF_SILENCE = "the difference is made of silence"
"""Stands in the note of a comparison of which one side gave no answer."""

HANGS = "missing answers leave the improvement between"
"""Begins the note of a comparison whose missing answers could turn it, or be all of it."""

UNEQUAL = "missing answers could carry the improvement beyond the margin"
"""Begins the note of a comparison of which equality was shown, and hangs on missing answers."""

_ROUNDING = 1e-9


class Bounds(NamedTuple):
    """The least and the most that an improvement could be, had nothing been missing."""

    low: float
    high: float


def silence_note(parts: Sequence[PairedAnswers], names: tuple[str, str]) -> str:
    """Why nothing is tested where a side gave no answer; "" where both gave some everywhere.

    Args:
        parts: Both judges' rows on each dimension.
        names: Of the reference and the judge.
    """
    silent: dict[str, None] = {}
    n_silent = 0
    for part in parts:
        here = [
            name
            for name, side in zip(names, (part.before, part.after), strict=True)
            if not len(side.answered)
        ]
        silent |= dict.fromkeys(here)
        n_silent += bool(here)
    if not silent:
        return ""
    where = f" on {n_silent} of {counted(len(parts), 'dimension')}" if parts[1:] else ""
    return f"{listed([*silent])} gave no answer{where}: {MADE_OF_SILENCE}"


def improvement_bounds(analysis: Analysis, parts: Sequence[PairedAnswers]) -> Bounds | None:
    """Bound the improvement of MAE, the mean over dimensions; None where no answer is missing.

    It is least where what the reference lacks was right and what the judge lacks as wrong as can
    be, and most the other way round (worst-case bounds, Manski 1990).
    """
    low, high = analysis.frames.grades[0], analysis.frames.grades[-1]
    ends, any_missing = [], False
    for part in parts:
        best, worst = [], []
        for side in (part.before, part.after):
            missing = np.isnan(side.grade)
            any_missing |= bool(missing.any())
            farthest = np.maximum(side.expert - low, high - side.expert)
            best.append(np.where(missing, 0.0, side.error).mean())
            worst.append(np.where(missing, farthest, side.error).mean())
        ends.append((best[0] - worst[1], worst[0] - best[1]))
    return Bounds(*map(float, np.mean(ends, axis=0))) if any_missing else None


def hanging_note(gain: float, low: float, high: float) -> str:
    """That missing answers could turn an improvement, or be all of it; "" where they could not.

    >>> hanging_note(0.25, -0.25, 0.5)
    'missing answers leave the improvement between -0.25 and +0.50: they could turn it'
    >>> hanging_note(0.25, 0.0, 0.5)
    'missing answers leave the improvement between 0.00 and +0.50: they could be all of it'
    >>> hanging_note(0.375, 0.25, 0.5), hanging_note(0.25, float("nan"), float("nan"))
    ('', '')
    """
    if low < -_ROUNDING and high > _ROUNDING:
        could = "they could turn it"
    # NaN, where no answer is missing, compares as false.
    elif abs(gain) > _ROUNDING and low <= _ROUNDING and high >= -_ROUNDING:
        could = "they could be all of it"
    else:
        return ""
    return f"{HANGS} {_ends(low, high)}: {could}"


def equality_note(low: float, high: float, margin: float) -> str:
    """That missing answers could make unequal what was shown to be equal; "" where they could not.

    >>> equality_note(-0.25, 0.5, 0.1)
    'missing answers could carry the improvement beyond the margin, to -0.25 or +0.50'
    >>> equality_note(-0.1, 0.0, 0.1)
    ''
    """
    if max(-low, high) <= margin + _ROUNDING:
        return ""
    return f"{UNEQUAL}, to {_ends(low, high).replace(' and ', ' or ')}"


def _ends(low: float, high: float) -> str:
    """Both bounds in a sentence."""
    return " and ".join(f"{end:+.2f}" if abs(end) > _ROUNDING else "0.00" for end in (low, high))
