"""Does a memory's effect hang on how the judge is asked? Its improvement under every way of it.

A specification curve (Simonsohn, Simmons and Nelson 2020): every combination of settings that a
study swept is shown, not the one that was chosen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from memalign_bench.report.numbers.alignments import UNALIGNED
from memalign_bench.report.numbers.analysis import Analysis
from memalign_bench.report.numbers.missing_answers import MADE_OF_SILENCE
from memalign_bench.report.numbers.paired_answers import notes_say
from memalign_bench.report.numbers.pairs import is_swept, is_unaligned, settings_of
from memalign_bench.report.numbers.readings import NO_BACKEND
from memalign_bench.report.prose import METRIC_NAMES
from memalign_bench.report.sections.section import SectionNumbers
from memalign_bench.report.tables.columns import (
    Column,
    count,
    dimension_column,
    interval,
    real,
    word,
)
from memalign_bench.report.tables.table import Table

if TYPE_CHECKING:
    import pandas as pd


__all__ = ["COLUMNS", "SPECIFICATION_COLUMNS", "numbers", "specifications", "table"]


LEAST_SPECIFICATIONS = 8
"""A study with fewer ways of asking for an alignment is no specification curve."""

SPECIFICATION_COLUMNS = (
    "dimension",
    "alignment",
    "backend",
    "settings",
    "reading",
    "metric",
    "improvement",
    "low",
    "high",
    "headline",
)

COLUMNS = (
    "dimension",
    "alignment",
    "backend",
    "metric",
    "n_specifications",
    "n_better",
    "n_worse",
    "share_better",
    "n_better_interval",
    "n_worse_interval",
    "median",
    "least",
    "most",
    "headline",
    "headline_low",
    "headline_high",
)


def specifications(contrasts: pd.DataFrame, own: str) -> pd.DataFrame:
    """One row per way of asking and metric: an aligned judge against `none`, asked alike.

    A way of asking is the settings in a variant's name, without those that all variants of the
    alignment share, and the reading of its distributions. The headline is the one with no setting
    left, in the study's own reading. Fewer or wrong labels (`n_train`, `label_noise`) are no way of
    asking. A way in which one of the two gave no answer is left out.

    Args:
        contrasts: The study's table of that name.
        own: The study's own reading, `raw` or `batch`.

    Returns:
        `SPECIFICATION_COLUMNS`, `settings` as a tuple; alignments with too few ways are left out.
    """
    import pandas as pd

    rows = _comparisons(contrasts)
    rows = rows[~notes_say(rows, MADE_OF_SILENCE)]
    key = ["dimension", "alignment", "backend", "metric"]
    groups = [
        _with_own_settings(group, own).sort_values("improvement", kind="stable")
        for _, group in rows.groupby(key, sort=False)
        if len(group) >= LEAST_SPECIFICATIONS
    ]
    columns = list(SPECIFICATION_COLUMNS)
    return pd.concat(groups)[columns] if groups else pd.DataFrame(columns=columns)


def _comparisons(contrasts: pd.DataFrame) -> pd.DataFrame:
    """Every aligned judge against `none`, asked alike."""
    # Against `none` on the same backend, and not along a learning curve.
    within = contrasts["backend"].eq(contrasts["reference_backend"])
    rows = contrasts[within & contrasts["backend"].ne(NO_BACKEND)]
    rows = rows[rows["alignment"].ne(UNALIGNED) & rows["improvement"].notna()]
    # Cast, since `map` of no rows gives objects, by which pandas would choose columns.
    rows = rows[rows["reference"].map(is_unaligned).astype(bool)]
    return rows[~rows["variant"].map(is_swept).astype(bool)]


def _with_own_settings(group: pd.DataFrame, own_reading: str) -> pd.DataFrame:
    """One alignment's rows with the settings that its variants do not all share."""
    all_settings = [settings_of(variant) for variant in group["variant"]]
    # What all variants set is no way in which they differ.
    shared = frozenset.intersection(*all_settings)
    # Sorted: the order within a set differs from process to process.
    own_settings: list[Any] = [tuple(sorted(settings - shared)) for settings in all_settings]
    readings = group["reading"].tolist()
    headline = [
        not way and read == own_reading for way, read in zip(own_settings, readings, strict=True)
    ]
    return group.assign(settings=own_settings, headline=headline)


def numbers(analysis: Analysis, made: SectionNumbers) -> pd.DataFrame:
    """One row per dimension, alignment, backend and metric: how many ways of asking agree.

    `n_better` and `n_worse` count improvements above and below zero, `..._interval` those whose
    95 % interval leaves it. They are not independent: all answer about the same items.

    Returns:
        `COLUMNS`; no row where no alignment was asked about in at least eight ways.
    """
    import pandas as pd

    ways = specifications(made["contrasts"], analysis.reading)
    key = ["dimension", "alignment", "backend", "metric"]
    lines = [
        dict(zip(key, names, strict=True)) | _summary_row(group)
        for names, group in ways.groupby(key, sort=False)
    ]
    frame = pd.DataFrame(lines, columns=list(COLUMNS))
    frame.attrs = {"silent": _silent_ways(made["contrasts"], frame)}
    return frame


def _silent_ways(contrasts: pd.DataFrame, shown: pd.DataFrame) -> list[str]:
    """Variants left out of the alignments that are shown, since they or `none` gave no answer."""
    rows = _comparisons(contrasts)
    silent = rows[notes_say(rows, MADE_OF_SILENCE)]
    return list(dict.fromkeys(silent[silent["alignment"].isin(shown["alignment"])]["variant"]))


def _summary_row(group: pd.DataFrame) -> dict[str, Any]:
    # Rounded, so that what differs from 0 in the last bits only counts on neither side.
    gain = group["improvement"].round(9)
    headline = group[group["headline"]]
    # The usual way may not be among those that were run.
    row = headline.iloc[0] if len(headline) else None
    better, worse = int((gain > 0).sum()), int((gain < 0).sum())
    return {
        "n_specifications": len(group),
        "n_better": better,
        "n_worse": worse,
        "share_better": better / len(group),
        "n_better_interval": int((group["low"] > 0).sum()),
        "n_worse_interval": int((group["high"] < 0).sum()),
        "median": float(gain.median()),
        "least": float(gain.min()),
        "most": float(gain.max()),
        "headline": float("nan") if row is None else float(row["improvement"]),
        "headline_low": float("nan") if row is None else float(row["low"]),
        "headline_high": float("nan") if row is None else float(row["high"]),
    }


def table(analysis: Analysis, numbers: pd.DataFrame) -> Table:
    """The table for people."""
    columns = [
        dimension_column(analysis.frames.dimensions),
        word("alignment", "alignment"),
        word("backend", "backend"),
        word("metric", lambda row: METRIC_NAMES[row["metric"]]),
        count("ways of asking", "n_specifications"),
        Column("better", lambda row: f"{row['n_better']} ({row['share_better']:.0%})",
               lambda row: float(row["share_better"]), help="ways with an improvement above 0"),
        count("worse", "n_worse"),
        count("interval above 0", "n_better_interval"),
        count("interval below 0", "n_worse_interval"),
        real("median", "median", signed=True, help="of the improvements"),
        real("from", "least", signed=True),
        real("to", "most", signed=True),
        interval("headline", "headline", signed=True, help="the way that was fixed before"),
    ]  # fmt: skip
    notes = [
        "Improvement of an aligned judge over the unaligned one that is asked alike, for every"
        " combination of settings that was run, and for each reading of its distributions; above"
        " zero is better. The headline is the way of asking that was fixed before.",
        "The ways answer about the same items and are not independent: the counts describe, they"
        " test nothing.",
    ]
    if silent := numbers.attrs["silent"]:
        notes.append(f"Left out, since one of the two gave no answer: {'; '.join(silent)}.")
    return Table(numbers, columns, notes)
