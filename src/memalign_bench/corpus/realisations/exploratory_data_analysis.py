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

__all__ = ["REALISATIONS"]

Write = Callable[[Sketch], None]
Look = Callable[..., None]
TARGET_AND_MISSING: Mapping[str, Any] = {"target_looked": True, "missing_looked": True}


def _finding(look: Look, found: Callable[[Sketch, bool], None], **how: bool) -> Write:
    act = how.pop("act", True)

    def write(sketch: Sketch) -> None:
        look(sketch, **how)
        found(sketch, act)

    return write


def _misread(look: Look, wrong: Write) -> Write:
    def write(sketch: Sketch) -> None:
        look(sketch)
        wrong(sketch)

    return write


def _only(*lines: str) -> Write:
    def write(sketch: Sketch) -> None:
        for line in lines:
            sketch.code("explore", line, evidence=line)
        sketch.detail(column=sketch.case.target, number=str(len(sketch.frame)))

    return write


def _plain(*looks: Look) -> Write:
    def write(sketch: Sketch) -> None:
        for look in looks:
            look(sketch)
        sketch.detail(column=sketch.case.target, number=str(sketch.frame.shape[1]))

    return write


def _has_weak(case: Case) -> bool:
    return len(case.numeric) >= 3 and len(free_columns(case)) >= 1


def _rows_free(case: Case) -> bool:
    return case.time_index is None


def _timed(case: Case) -> bool:
    return case.time_index is not None


def _has_redundant(case: Case) -> bool:
    pair = strongest_pair(case.data(), case) if len(case.numeric) >= 3 else None
    free = free_columns(case)
    return pair is not None and abs(pair.value) > 0.6 and bool({pair.first, pair.second} & {*free})


def _has_codes(case: Case) -> bool:
    return few_valued(case.data(), case) is not None


def _entry(
    corpus: int,
    name: str,
    write: Write,
    suits: Callable[[Case], bool] = lambda case: True,
    **facets: Any,
) -> Realisation:
    return Realisation(f"explore_{name}", "exploratory_data_analysis", corpus, facets, write, suits)


GOOD: Mapping[str, Any] = {**TARGET_AND_MISSING, "finding": "stated", "acted_on": True}
WRONG: Mapping[str, Any] = {**TARGET_AND_MISSING, "finding": "wrong"}

REALISATIONS = (
    # reported corpus: 3
    _entry(0, "weak_column_left_out", _finding(tables_apart, weak), _has_weak, **GOOD),
    _entry(0, "outlying_rows_dropped", _finding(all_printed, outlying_rows), _rows_free, **GOOD),
    _entry(
        0,
        "target_tail_left_out",
        _finding(two_axes, target_tail),
        lambda case: case.task == "regression",
        depth="plots",
        **GOOD,
    ),
    _entry(
        0,
        "early_stretch_left_out",
        _finding(pandas_plots, early_stretch),
        _timed,
        depth="plots",
        **GOOD,
    ),
    _entry(
        0,
        "outliers_seen_in_plots",
        _finding(two_axes, outlying_rows),
        _rows_free,
        depth="plots",
        **GOOD,
    ),
    # reported corpus: 2
    _entry(0, "plots_only", _plain(pandas_plots), depth="plots", **TARGET_AND_MISSING),
    _entry(0, "tables_only", _plain(tables_apart), **TARGET_AND_MISSING),
    _entry(
        0, "plots_and_print", _plain(all_printed, two_axes), depth="plots", **TARGET_AND_MISSING
    ),
    _entry(
        0,
        "weak_column_noted",
        _finding(all_printed, weak, act=False),
        _has_weak,
        **{**GOOD, "acted_on": False},
    ),
    _entry(
        0,
        "outliers_without_target",
        _finding(tables_apart, outlying_rows, target=False),
        _rows_free,
        **{**GOOD, "target_looked": False},
    ),
    # reported corpus: 1
    _entry(0, "head_only", _only("$df.head()"), depth="head"),
    _entry(0, "describe_only", _only("$df.describe()"), depth="describe"),
    _entry(0, "missing_misread", _misread(tables_apart, wrong_missing), **WRONG),
    _entry(0, "strongest_misread", _misread(pandas_plots, wrong_strongest), depth="plots", **WRONG),
    _entry(0, "target_misread", _misread(all_printed, wrong_target), **WRONG),
    # development corpus: 3
    _entry(1, "redundant_column_dropped", _finding(overview, redundant), _has_redundant, **GOOD),
    _entry(1, "usual_range_kept", _finding(column_loop, usual_range), _rows_free, **GOOD),
    _entry(1, "codes_as_category", _finding(overview, codes), _has_codes, **GOOD),
    _entry(
        1, "recent_part_used", _finding(seaborn_plots, recent_part), _timed, depth="plots", **GOOD
    ),
    _entry(
        1,
        "range_seen_in_plots",
        _finding(scatter_and_gaps, usual_range),
        _rows_free,
        depth="plots",
        **GOOD,
    ),
    # development corpus: 2
    _entry(1, "seaborn_only", _plain(seaborn_plots), depth="plots", **TARGET_AND_MISSING),
    _entry(1, "overview_only", _plain(overview), **TARGET_AND_MISSING),
    _entry(1, "loop_only", _plain(column_loop), **TARGET_AND_MISSING),
    _entry(
        1,
        "range_noted",
        _finding(column_loop, usual_range, act=False),
        **{**GOOD, "acted_on": False},
    ),
    _entry(
        1,
        "range_without_missing",
        _finding(overview, usual_range, missing=False),
        _rows_free,
        **{**GOOD, "missing_looked": False},
    ),
    # development corpus: 1
    _entry(1, "sample_only", _only("$df.sample(5, random_state=0)", "$df.dtypes"), depth="head"),
    _entry(1, "describe_all_only", _only('$df.describe(include="all").T'), depth="describe"),
    _entry(
        1,
        "group_misread",
        _misread(overview, wrong_group),
        lambda case: bool(case.nominal),
        **WRONG,
    ),
    _entry(
        1,
        "pair_misread",
        _misread(column_loop, wrong_pair),
        lambda case: len(case.numeric) > 1,
        **WRONG,
    ),
    _entry(1, "extent_misread", _misread(seaborn_plots, wrong_extent), depth="plots", **WRONG),
)
