"""Error against the share of training labels that are wrong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from memalign_bench.report.numbers.analysis import Analysis
from memalign_bench.report.numbers.curves import (
    ALL_DIMENSIONS,
    CURVE_COLUMNS,
    curve_rows,
    find_sweeps,
    silent_note,
)
from memalign_bench.report.sections.section import SectionNumbers
from memalign_bench.report.tables.columns import count, interval, judge_columns, real, share, word
from memalign_bench.report.tables.table import Table
from memalign_bench.stats.curves import Line, fit_line

if TYPE_CHECKING:
    import pandas as pd


__all__ = ["COLUMNS", "curve_of", "numbers", "table"]


_NAMES = {"x": "label_noise"}
_FIT = ("fit_intercept", "fit_slope", "fit_rmse", "fit_note")
_KEY = ["dimension", "variant", "backend"]
COLUMNS = (*(_NAMES.get(name, name) for name in CURVE_COLUMNS if name != "setting"), *_FIT)


def numbers(analysis: Analysis, made: SectionNumbers) -> pd.DataFrame:
    """One row per dimension, judge and share of wrong labels, and the mean over dimensions.

    The fit is the least-squares line of the MAE over the shares; it stands in each row of its
    curve.

    Returns:
        `COLUMNS`; no row where no judge was run with two shares.
    """
    # A variant that does not name the setting has the share 0.
    sweeps = find_sweeps(analysis.frames, "label_noise", "0")
    points = curve_rows(analysis, made["summary"], sweeps, lambda value, *_: float(value))
    rows = points.drop(columns="setting").rename(columns=_NAMES)
    fits = {}
    for key, group in rows.groupby(_KEY):
        known = group[["label_noise", "mae"]].dropna()
        fits[key] = fit_line(known["label_noise"], known["mae"])
    fitted = [fits[key] for key in rows[_KEY].itertuples(index=False, name=None)]
    # Objects, as the note is text; the reshape keeps four columns where there is no row.
    rows[list(_FIT)] = np.array([[*fit] for fit in fitted], dtype=object).reshape(-1, len(_FIT))
    rows = rows.astype(dict.fromkeys(_FIT[:-1], "float64"))
    rows.attrs = points.attrs
    return rows


def curve_of(row: Mapping[str, Any]) -> Line:
    """The fit that a row of the table names."""
    return Line(*(row[name] for name in _FIT))


def table(analysis: Analysis, numbers: pd.DataFrame) -> Table:
    """The table for people."""
    columns = [
        *judge_columns(analysis.frames.dimensions),
        share("wrong labels", "label_noise"),
        count("items", "n_items"),
        interval("MAE", "mae", unit="grades"),
        interval("rank corr.", "spearman"),
        real("MAE at 0", "fit_intercept", help="of the fitted line", unit="grades"),
        real("more for every 10 %", lambda row: row["fit_slope"] / 10, 3, signed=True,
             help="of the fitted line", unit="grades"),
        real("residual", "fit_rmse", 3, help="root mean square error of the fitted line"),
        word("note", "fit_note"),
    ]  # fmt: skip
    notes = [
        "Wrong labels: that share of a dimension's grades was changed, in training copies only, to"
        " another grade of the scale, all equally likely; rationales stayed as they were. What is"
        " wrong at a small share is wrong at a larger. Intervals over cases (logit-t, of ranks"
        " jackknife-t),"
        " given the labels that were changed.",
        "The line is fitted to the MAE by least squares.",
        f"{ALL_DIMENSIONS.capitalize()}: the mean over those that have every share.",
        *silent_note(numbers),
    ]
    return Table(numbers, columns, notes)
