"""How authors of the reported corpus look at data, and what they see."""

from __future__ import annotations

from genie_synth.realisations.findings import (
    early_stretch,
    outlying_rows,
    target_tail,
    weak,
)
from genie_synth.realisations.looks import (
    all_printed,
    pandas_plots,
    tables_apart,
    two_axes,
)
from genie_synth.realisations.misreadings import (
    wrong_missing,
    wrong_strongest,
    wrong_target,
)
from genie_synth.realisations.parts.exploratory_data_analysis import (
    GOOD,
    TARGET_AND_MISSING,
    WRONG,
    entry,
    finding,
    misread,
    only,
    plain,
    rows_free,
    timed,
)
from genie_synth.realisations.readings import free_columns
from genie_synth.sketch.case import Case

__all__ = ["REALISATIONS", "has_weak"]


def has_weak(case: Case) -> bool:
    """Whether an input can be left out."""
    return len(case.numeric) >= 3 and len(free_columns(case)) >= 1


REALISATIONS = (
    # score 3
    entry("weak_column_left_out", finding(tables_apart, weak), has_weak, **GOOD),
    entry("outlying_rows_dropped", finding(all_printed, outlying_rows), rows_free, **GOOD),
    entry(
        "target_tail_left_out",
        finding(two_axes, target_tail),
        lambda case: case.task == "regression",
        depth="plots",
        **GOOD,
    ),
    entry(
        "early_stretch_left_out",
        finding(pandas_plots, early_stretch),
        timed,
        depth="plots",
        **GOOD,
    ),
    entry(
        "outliers_seen_in_plots",
        finding(two_axes, outlying_rows),
        rows_free,
        depth="plots",
        **GOOD,
    ),
    # score 2
    entry("plots_only", plain(pandas_plots), depth="plots", **TARGET_AND_MISSING),
    entry("tables_only", plain(tables_apart), **TARGET_AND_MISSING),
    entry("plots_and_print", plain(all_printed, two_axes), depth="plots", **TARGET_AND_MISSING),
    entry(
        "weak_column_noted",
        finding(all_printed, weak, act=False),
        has_weak,
        **{**GOOD, "acted_on": False},
    ),
    entry(
        "outliers_without_target",
        finding(tables_apart, outlying_rows, target=False),
        rows_free,
        **{**GOOD, "target_looked": False},
    ),
    # score 1
    entry("head_only", only("$df.head()"), depth="head"),
    entry("describe_only", only("$df.describe()"), depth="describe"),
    entry("missing_misread", misread(tables_apart, wrong_missing), **WRONG),
    entry("strongest_misread", misread(pandas_plots, wrong_strongest), depth="plots", **WRONG),
    entry("target_misread", misread(all_printed, wrong_target), **WRONG),
)
