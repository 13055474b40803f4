"""Looking at the data: what is shown, what is said of it, and whether anything follows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from memalign_bench.corpus.findings import (
    codes,
    early_stretch,
    outlying_rows,
    recent_part,
    redundant,
    target_tail,
    usual_range,
    weak,
)
from memalign_bench.corpus.looks import (
    all_printed,
    column_loop,
    overview,
    pandas_plots,
    scatter_and_gaps,
    seaborn_plots,
    tables_apart,
    two_axes,
)
from memalign_bench.corpus.misreadings import (
    wrong_extent,
    wrong_group,
    wrong_missing,
    wrong_pair,
    wrong_strongest,
    wrong_target,
)
from memalign_bench.corpus.readings import few_valued, free_columns, strongest_pair
from memalign_bench.corpus.sketch import Case, Realisation, Sketch

__all__ = [
    "GOOD",
    "REALISATIONS",
    "TARGET_AND_MISSING",
    "WRONG",
    "entry",
    "finding",
    "has_weak",
    "misread",
    "only",
    "plain",
    "rows_free",
    "timed",
]

Write = Callable[[Sketch], None]
Look = Callable[..., None]
TARGET_AND_MISSING: Mapping[str, Any] = {"target_looked": True, "missing_looked": True}


def finding(look: Look, found: Callable[[Sketch, bool], None], **how: bool) -> Write:
    """A look, and something true that is said of it; acted on unless `act` is false."""
    act = how.pop("act", True)

    def write(sketch: Sketch) -> None:
        look(sketch, **how)
        found(sketch, act)

    return write


def misread(look: Look, wrong: Write) -> Write:
    """A look, and something that its output contradicts."""

    def write(sketch: Sketch) -> None:
        look(sketch)
        wrong(sketch)

    return write


def only(*lines: str) -> Write:
    """Bare lines and no word."""

    def write(sketch: Sketch) -> None:
        for line in lines:
            sketch.code("explore", line, evidence=line)
        sketch.detail(column=sketch.case.target, number=str(len(sketch.frame)))

    return write


def plain(*looks: Look) -> Write:
    """Looks without a word."""

    def write(sketch: Sketch) -> None:
        for look in looks:
            look(sketch)
        sketch.detail(column=sketch.case.target, number=str(sketch.frame.shape[1]))

    return write


def has_weak(case: Case) -> bool:
    """Whether an input can be left out."""
    return len(case.numeric) >= 3 and len(free_columns(case)) >= 1


def rows_free(case: Case) -> bool:
    """Whether rows have no order."""
    return case.time_index is None


def timed(case: Case) -> bool:
    """Whether rows are ordered in time."""
    return case.time_index is not None


def _has_redundant(case: Case) -> bool:
    pair = strongest_pair(case.data(), case) if len(case.numeric) >= 3 else None
    free = free_columns(case)
    return pair is not None and abs(pair.value) > 0.6 and bool({pair.first, pair.second} & {*free})


def _has_codes(case: Case) -> bool:
    return few_valued(case.data(), case) is not None


def entry(
    corpus: int,
    name: str,
    write: Write,
    suits: Callable[[Case], bool] = lambda case: True,
    **facets: Any,
) -> Realisation:
    """A realisation of exploratory_data_analysis; the keywords are its facets."""
    return Realisation(f"explore_{name}", "exploratory_data_analysis", corpus, facets, write, suits)


GOOD: Mapping[str, Any] = {**TARGET_AND_MISSING, "finding": "stated", "acted_on": True}
WRONG: Mapping[str, Any] = {**TARGET_AND_MISSING, "finding": "wrong"}

REALISATIONS = (
    # reported corpus: 3
    entry(0, "weak_column_left_out", finding(tables_apart, weak), has_weak, **GOOD),
    entry(0, "outlying_rows_dropped", finding(all_printed, outlying_rows), rows_free, **GOOD),
    entry(
        0,
        "target_tail_left_out",
        finding(two_axes, target_tail),
        lambda case: case.task == "regression",
        depth="plots",
        **GOOD,
    ),
    entry(
        0,
        "early_stretch_left_out",
        finding(pandas_plots, early_stretch),
        timed,
        depth="plots",
        **GOOD,
    ),
    entry(
        0,
        "outliers_seen_in_plots",
        finding(two_axes, outlying_rows),
        rows_free,
        depth="plots",
        **GOOD,
    ),
    # reported corpus: 2
    entry(0, "plots_only", plain(pandas_plots), depth="plots", **TARGET_AND_MISSING),
    entry(0, "tables_only", plain(tables_apart), **TARGET_AND_MISSING),
    entry(0, "plots_and_print", plain(all_printed, two_axes), depth="plots", **TARGET_AND_MISSING),
    entry(
        0,
        "weak_column_noted",
        finding(all_printed, weak, act=False),
        has_weak,
        **{**GOOD, "acted_on": False},
    ),
    entry(
        0,
        "outliers_without_target",
        finding(tables_apart, outlying_rows, target=False),
        rows_free,
        **{**GOOD, "target_looked": False},
    ),
    # reported corpus: 1
    entry(0, "head_only", only("$df.head()"), depth="head"),
    entry(0, "describe_only", only("$df.describe()"), depth="describe"),
    entry(0, "missing_misread", misread(tables_apart, wrong_missing), **WRONG),
    entry(0, "strongest_misread", misread(pandas_plots, wrong_strongest), depth="plots", **WRONG),
    entry(0, "target_misread", misread(all_printed, wrong_target), **WRONG),
    # development corpus: 3
    entry(1, "redundant_column_dropped", finding(overview, redundant), _has_redundant, **GOOD),
    entry(1, "usual_range_kept", finding(column_loop, usual_range), rows_free, **GOOD),
    entry(1, "codes_as_category", finding(overview, codes), _has_codes, **GOOD),
    entry(1, "recent_part_used", finding(seaborn_plots, recent_part), timed, depth="plots", **GOOD),
    entry(
        1,
        "range_seen_in_plots",
        finding(scatter_and_gaps, usual_range),
        rows_free,
        depth="plots",
        **GOOD,
    ),
    # development corpus: 2
    entry(1, "seaborn_only", plain(seaborn_plots), depth="plots", **TARGET_AND_MISSING),
    entry(1, "overview_only", plain(overview), **TARGET_AND_MISSING),
    entry(1, "loop_only", plain(column_loop), **TARGET_AND_MISSING),
    entry(
        1,
        "range_noted",
        finding(column_loop, usual_range, act=False),
        **{**GOOD, "acted_on": False},
    ),
    entry(
        1,
        "range_without_missing",
        finding(overview, usual_range, missing=False),
        rows_free,
        **{**GOOD, "missing_looked": False},
    ),
    # development corpus: 1
    entry(1, "sample_only", only("$df.sample(5, random_state=0)", "$df.dtypes"), depth="head"),
    entry(1, "describe_all_only", only('$df.describe(include="all").T'), depth="describe"),
    entry(
        1,
        "group_misread",
        misread(overview, wrong_group),
        lambda case: bool(case.nominal),
        **WRONG,
    ),
    entry(
        1,
        "pair_misread",
        misread(column_loop, wrong_pair),
        lambda case: len(case.numeric) > 1,
        **WRONG,
    ),
    entry(1, "extent_misread", misread(seaborn_plots, wrong_extent), depth="plots", **WRONG),
)
