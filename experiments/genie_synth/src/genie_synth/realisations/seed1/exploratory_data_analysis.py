"""How authors of the development corpus look at data, and what they see."""

from __future__ import annotations

from genie_synth.realisations.findings import (
    codes,
    recent_part,
    usual_range,
)
from genie_synth.realisations.looks import (
    column_loop,
    overview,
    scatter_and_gaps,
    seaborn_plots,
)
from genie_synth.realisations.misreadings import (
    wrong_extent,
    wrong_group,
    wrong_pair,
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
from genie_synth.realisations.readings import few_valued
from genie_synth.sketch.case import Case

__all__ = ["REALISATIONS"]


def _has_codes(case: Case) -> bool:
    return few_valued(case.data(), case) is not None


REALISATIONS = (
    # score 3
    entry("usual_range_kept", finding(column_loop, usual_range), rows_free, **GOOD),
    entry("codes_as_category", finding(overview, codes), _has_codes, **GOOD),
    entry("recent_part_used", finding(seaborn_plots, recent_part), timed, depth="plots", **GOOD),
    entry(
        "range_seen_in_plots",
        finding(scatter_and_gaps, usual_range),
        rows_free,
        depth="plots",
        **GOOD,
    ),
    # score 2
    entry("seaborn_only", plain(seaborn_plots), depth="plots", **TARGET_AND_MISSING),
    entry("overview_only", plain(overview), **TARGET_AND_MISSING),
    entry("loop_only", plain(column_loop), **TARGET_AND_MISSING),
    entry(
        "range_noted",
        finding(column_loop, usual_range, act=False),
        **{**GOOD, "acted_on": False},
    ),
    entry(
        "range_without_missing",
        finding(overview, usual_range, missing=False),
        rows_free,
        **{**GOOD, "missing_looked": False},
    ),
    # score 1
    entry("sample_only", only("$df.sample(5, random_state=0)", "$df.dtypes"), depth="head"),
    entry("describe_all_only", only('$df.describe(include="all").T'), depth="describe"),
    entry(
        "group_misread",
        misread(overview, wrong_group),
        lambda case: bool(case.nominal),
        **WRONG,
    ),
    entry(
        "pair_misread",
        misread(column_loop, wrong_pair),
        lambda case: len(case.numeric) > 1,
        **WRONG,
    ),
    entry("extent_misread", misread(seaborn_plots, wrong_extent), depth="plots", **WRONG),
)
