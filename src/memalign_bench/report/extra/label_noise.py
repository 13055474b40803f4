"""Error against the share of training labels that are wrong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from memalign_bench.report.curves import ALL_DIMENSIONS, CURVE_COLUMNS, curve_rows, swept
from memalign_bench.report.extra import Made, Settings
from memalign_bench.report.pages import Page, make_page, number, with_interval
from memalign_bench.stats.curves import Line, fit_line

if TYPE_CHECKING:
    import pandas as pd

    from memalign_bench.report.frames import StudyFrames

__all__ = ["COLUMNS", "NAME", "PLACE", "TITLE", "curve_of", "page", "table"]

NAME = "label_noise"
PLACE = 3
TITLE = "Error against the share of wrong labels"

_NAMES = {"x": "label_noise"}
_FIT = ("fit_intercept", "fit_slope", "fit_rmse", "fit_note")
_KEY = ["dimension", "variant", "backend"]
COLUMNS = (*(_NAMES.get(name, name) for name in CURVE_COLUMNS if name != "setting"), *_FIT)


def table(frames: StudyFrames, made: Made, settings: Settings) -> pd.DataFrame:
    """One row per dimension, judge and share of wrong labels, and the mean over dimensions.

    The fit is the least-squares line of the MAE over the shares; it stands in each row of its
    curve.

    Returns:
        `COLUMNS`; no row where no judge was run with two shares.
    """
    sweeps = swept(frames, "label_noise", "0")
    rows = curve_rows(frames, made.summary, settings, sweeps, lambda value, *_: float(value))
    rows = rows.drop(columns="setting").rename(columns=_NAMES)
    fits = {key: fit_line(group["label_noise"], group["mae"]) for key, group in rows.groupby(_KEY)}
    found = [fits[key] for key in rows[_KEY].itertuples(index=False, name=None)]
    rows[list(_FIT)] = np.array([[*fit] for fit in found], dtype=object).reshape(-1, len(_FIT))
    return rows.astype(dict.fromkeys(_FIT[:-1], "float64"))


def curve_of(row: Mapping[str, Any]) -> Line:
    """The fit that a row of the table names."""
    return Line(*(row[name] for name in _FIT))


def page(frames: StudyFrames, table: pd.DataFrame) -> Page:
    """The table for people."""
    titles = {**frames.dimensions, ALL_DIMENSIONS: ALL_DIMENSIONS}
    columns = {
        "dimension": lambda row: titles[row["dimension"]],
        "variant": lambda row: row["variant"],
        "backend": lambda row: row["backend"],
        "wrong labels": lambda row: f"{row['label_noise']:.0%}",
        "items": lambda row: str(row["n_items"]),
        "MAE [95 %]": lambda row: with_interval(row, "mae", "mae_low", "mae_high"),
        "rank corr. [95 %]": lambda row: with_interval(
            row, "spearman", "spearman_low", "spearman_high"
        ),
        "MAE at 0": lambda row: number(row["fit_intercept"]),
        "more for every 10 %": lambda row: number(row["fit_slope"] / 10, 3, signed=True),
        "residual": lambda row: number(row["fit_rmse"], 3),
        "note": lambda row: row["fit_note"],
    }
    notes = [
        "Wrong labels: that share of a dimension's grades was changed, in training copies only, to"
        " another grade of the scale, all equally likely; rationales stayed as they were. What is"
        " wrong at a small share is wrong at a larger. Intervals by bootstrap over cases (BCa),"
        " given the labels that were changed.",
        "The line is fitted to the MAE by least squares.",
        f"{ALL_DIMENSIONS.capitalize()}: the mean over those that have every share.",
    ]
    return make_page(columns, table, notes)
