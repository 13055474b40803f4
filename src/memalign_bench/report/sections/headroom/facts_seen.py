"""Which planted facts does a judge see? One row and one point a fact that it was asked about."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from memalign_bench.headroom.records import HeadroomRecords, read_headroom
from memalign_bench.headroom.sight import ONE_SIDED, area_and_error
from memalign_bench.report.drawing import panels
from memalign_bench.report.drawing.look import Look
from memalign_bench.report.numbers.analysis import Analysis
from memalign_bench.report.numbers.curves import by_dimension
from memalign_bench.report.numbers.frames import rows_of
from memalign_bench.report.sections.section import SectionNumbers
from memalign_bench.report.tables.columns import count, dimension_column, real, word
from memalign_bench.report.tables.table import Table

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

__all__ = ["COLUMNS", "caption", "draw", "numbers", "table"]

COLUMNS = (
    "dimension",
    "backend",
    "fact",
    "n_items",
    "n_true",
    "auc",
    "auc_se",
    "chance_true",
    "chance_false",
    "seen",
)

_SEEN, _UNSEEN = "#0173b2", "0.55"


def numbers(analysis: Analysis, made: SectionNumbers) -> pd.DataFrame:
    """One row per dimension, backend and fact that holds of some items and not of others.

    `auc` is the area under the ROC curve of the judge's probability of yes, `auc_se` its standard
    error; `chance_true` and `chance_false` are that probability in the mean over items of which the
    fact holds and does not; `seen` says whether it counted as seen when items were read.

    Returns:
        `COLUMNS`; no row where `memalign-bench headroom` was not run.
    """
    import pandas as pd

    lines = [
        line
        for records in read_headroom(analysis.frames.path)
        for line in _fact_rows(records, list(analysis.frames.dimensions))
    ]
    table = pd.DataFrame(lines, columns=list(COLUMNS)).astype({"seen": "bool"})
    return by_dimension(table, analysis.frames.dimensions)


def _fact_rows(records: HeadroomRecords, dimensions: list[str]) -> Iterator[dict[str, Any]]:
    facts: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in records["answers"]:
        # Planted facts only: answers to criteria and grades, in the same file, have no truth.
        if row["truth"] is not None and row["dimension"] in dimensions:
            facts.setdefault((row["dimension"], row["name"]), []).append(row)
    for (dimension, name), rows in facts.items():
        truth = np.array([row["truth"] for row in rows], dtype=bool)
        chances = np.array([row["chance"] for row in rows], dtype=np.float64)
        # A ROC curve needs items of both kinds.
        if truth.all() or not truth.any():
            continue
        area, error = area_and_error(chances, truth)
        yield {
            **{"dimension": dimension, "backend": records.manifest["backend"], "fact": name},
            **{"n_items": len(rows), "n_true": int(truth.sum()), "auc": area, "auc_se": error},
            **{"chance_true": chances[truth].mean(), "chance_false": chances[~truth].mean()},
            # A verdict on the fact, the same in each of its rows.
            "seen": any(row["seen"] for row in rows),
        }


def table(analysis: Analysis, numbers: pd.DataFrame) -> Table:
    """The table for people."""
    columns = [
        dimension_column(analysis.frames.dimensions),
        word("backend", "backend"),
        word("fact", lambda row: _fact_name(row["fact"])),
        count("items", "n_items"),
        count("it holds of", "n_true"),
        real("AUC", "auc", help="how often an item of which it holds has the larger probability of"
             " yes: 0.5 is chance"),
        real("+-", "auc_se", help="standard error"),
        real("yes where so", "chance_true", help="mean probability of yes where it holds"),
        real("yes where not", "chance_false", help="mean probability of yes where it does not"),
        word("seen", lambda row: "yes" if row["seen"] else "no"),
    ]  # fmt: skip
    notes = [
        "Seen: AUC less 1.645 standard errors above one half and not the same answer to all items,"
        " where the thresholds were chosen (the development corpus, for a study of the reported"
        " one). An item counts as seen only if the facts that are seen give its grade whatever the"
        " others may be, so a judge that sees some facts may see no item."
    ]
    return Table(numbers, columns, notes)


def _fact_name(fact: str) -> str:
    return fact.replace("_", " ")


def caption(look: Look, data: pd.DataFrame) -> str:
    """What a point is."""
    return (
        "Area under the ROC curve of the judge's probability that a planted fact holds, with 1.645"
        " standard errors to either side; filled where the fact counts as seen. One half (line) is"
        f" chance. Facts of {data['n_items'].min()} to {data['n_items'].max()} items; exploratory."
    )


def draw(data: pd.DataFrame, look: Look) -> Figure:
    """One panel a backend, one row a fact."""
    names = list(dict.fromkeys(zip(data["dimension"], data["fact"], strict=True)))
    legend = [
        panels.handle("seen", marker="o", color=_SEEN),
        panels.handle("not seen", marker="o", color=_UNSEEN, markerfacecolor="white"),
    ]
    height = 0.85 + 0.22 * len(names)
    figure, places = panels.side_by_side(data, height, legend, "AUC", left=0.38)
    for axes, rows in places:
        # Chance.
        axes.axvline(0.5, color="0.4", linewidth=0.8)
        for row in rows_of(rows):
            at, reach = names.index((row["dimension"], row["fact"])), ONE_SIDED * row["auc_se"]
            colour = _SEEN if row["seen"] else _UNSEEN
            # An area lies between 0 and 1, its normal interval need not.
            ends = np.clip([row["auc"] - reach, row["auc"] + reach], 0, 1)
            axes.plot(ends, [at, at], color=colour, linewidth=1)
            axes.plot(
                row["auc"], at, "o", color=colour, markersize=4,
                markerfacecolor=colour if row["seen"] else "white",
            )  # fmt: skip
        axes.grid(axis="y", visible=False)
        axes.set_xlim(-0.03, 1.03)
    labels = [f"{look.title(dimension)}: {_fact_name(fact)}" for dimension, fact in names]
    # Panels share the axis: set on the first, upside down, it holds for all.
    first, _ = places[0]
    first.set_yticks(range(len(names)), labels)
    first.set_ylim(len(names) - 0.5, -0.5)
    return figure
