"""Reads what was looked at, what was said of it, whether it is true, and whether it had effect."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from typing import Any

from genie_synth.oracle.dataflow.events import Event
from genie_synth.oracle.dataflow.values import NOTHING, Value
from genie_synth.oracle.readers.claims import Claim, claims
from genie_synth.oracle.trace import Trace
from memalign_bench.notebooks.parse import Cell

__all__ = ["read"]

LONG_CELL = 12
"""Statements of a cell that holds several steps."""

_TABLES = frozenset(
    {
        *("isna", "isnull", "value_counts", "quantile", "corr", "corrwith", "groupby", "nlargest"),
        *("nsmallest", "count", "nunique", "crosstab", "pivot_table", "median", "std", "agg"),
        *("mean", "skew"),
    }
)
_PLOTS = frozenset(
    {
        *("hist", "plot", "bar", "barh", "box", "boxplot", "histplot", "scatter", "heatmap"),
        *("scatterplot", "countplot", "kdeplot", "lineplot", "pairplot", "violinplot", "line"),
    }
)
_GAPS = frozenset({"isna", "isnull", "count", "info", "rsub"})


def read(seen: Trace) -> dict[str, Any]:
    """Facets of exploratory_data_analysis."""
    looks = list(_looks(seen))
    stated = list(claims(_above_the_model(seen)))
    wrong = [claim for claim in stated if claim.holds is False]
    kinds = {_last_part(event) for event in looks}
    depth = "plots" if kinds & _PLOTS else "tables" if kinds & _TABLES else "head"
    return {
        "depth": depth,
        "target_looked": any(_is_of_target(seen, event) for event in looks),
        "missing_looked": any(_counts_gaps(event) for event in looks),
        "finding": "wrong" if wrong else "stated" if stated else "none",
        "acted_on": _acted_on(seen, stated, looks),
    }


def _above_the_model(seen: Trace) -> Sequence[Cell]:
    """Cells up to the split, and the text just below it (a cell may hold all the work)."""
    split = next((event.cell for event in seen.events_of("split")), len(seen.cells))
    below = (i for i in range(split + 1, len(seen.cells)) if seen.cells[i].kind == "code")
    return seen.cells[: next(below, len(seen.cells))]


def _last_part(event: Event) -> str:
    return event.kind.rpartition(".")[2]


def _looks(seen: Trace) -> Iterator[Event]:
    """What happens before the data are changed or split."""
    change = next((e for e in seen.events if _changes(e)), None)
    sizes = {index: _statements(tree) for index, tree in seen.trees}
    for event in seen.events[: change.order if change else None]:
        if change and event.cell == change.cell and sizes[event.cell] < LONG_CELL:
            return
        of_column = _last_part(event) in ("isna", "isnull") and bool(event.receiver.columns)
        if _last_part(event) in _TABLES | _PLOTS | _GAPS and not of_column:
            yield event


def _statements(tree: ast.Module) -> int:
    return sum(isinstance(node, ast.stmt) for node in ast.walk(tree))


def _changes(event: Event) -> bool:
    return event.kind in ("column", "split", "rows") or _drops(event)


def _drops(event: Event) -> bool:
    return (
        event.kind in (".drop", ".dropna")
        and bool(event.receiver.rows)
        and not (event.receiver.columns)
    )


def _values(event: Event) -> Iterator[Value]:
    yield event.receiver
    yield from event.args
    yield from event.keywords.values()


def _is_of_target(seen: Trace, event: Event) -> bool:
    target = seen.setting.target
    if _last_part(event) == "quantile" and event.receiver.rows and not event.receiver.columns:
        return True
    if _last_part(event) in _GAPS - {"count"}:
        return False
    return any(target in value.columns or target in value.strings for value in _values(event))


def _counts_gaps(event: Event) -> bool:
    whole = bool(event.receiver.rows) and not event.receiver.columns
    return whole and _last_part(event) in _GAPS


def _acted_on(seen: Trace, stated: Sequence[Claim], looks: Sequence[Event]) -> bool:
    """Whether something is done to the data that answers a finding."""
    named = {name for claim in stated for name in claim.columns}
    start = looks[-1].order if looks else 0
    return any(_answers_finding(seen, event, named) for event in seen.events if event.order > start)


def _answers_finding(seen: Trace, event: Event, named: set[str]) -> bool:
    if event.receiver.rows != {"all"}:
        return False
    if event.kind == "rows":
        mask = event.args[0]
        about = mask.columns & (named | {seen.setting.time_index or ""})
        return mask.has("comparison") and bool(about)
    if event.kind == ".drop":
        gone = {*event.arg(0).strings, *event.keywords.get("columns", NOTHING).strings}
        return bool(gone & named)
    if event.kind == ".tail":
        return not event.receiver.columns and event.arg(0).number not in (None, *range(20))
    if event.kind == "column":
        value = event.args[0]
        again = event.label in named and not value.marks & {"statistic", "missing"}
        changed = again and event.label not in seen.setting.missing
        return changed or (value.has("plain") and bool(value.columns & named))
    return False
