"""The ablation ladder in words, put together from its numbers alone."""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from memalign_bench.report.numbers.contrasts import ALPHA
from memalign_bench.report.numbers.curves import ALL_DIMENSIONS
from memalign_bench.report.numbers.frames import rows_of
from memalign_bench.report.prose import listed, number, p_value, with_interval
from memalign_bench.report.sections.ladder.steps import COMPLETE_DIMENSIONS

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ladder_sentences"]

_WORDS = {"mae": "error", "spearman": "rank correlation"}

Row = Mapping[str, Any]


def ladder_sentences(
    table: pd.DataFrame, titles: Mapping[str, str], controls: Container[str]
) -> list[str]:
    """A line on each ladder and one on each of its steps.

    They speak of each mean over dimensions, or of the first dimension where there is no mean.

    Args:
        table: `report.extra.ladder.table`.
        titles: Dimension -> name for people.
        controls: The alignments that their own YAML calls controls.
    """
    lines = []
    names = ["settings", "backend"]
    for (settings, backend), rows in table.groupby(names, sort=False):
        known = dict.fromkeys(rows["dimension"])
        means = [name for name in (COMPLETE_DIMENSIONS, ALL_DIMENSIONS) if name in known]
        for dimension in means or [next(iter(known))]:
            where = f"mean over {dimension}" if means else titles[dimension]
            ladder = f"{backend}, {settings}" if settings else backend
            lines.append(
                f"{ladder}; {where}. Improvements, positive is better, with 95 % intervals; two"
                f" judges are told apart where p is at most {ALPHA} (uncorrected, exploratory)."
            )
            here = rows[rows["dimension"] == dimension]
            for _, pair in here.groupby("variant", sort=False):
                by_metric = {str(row["metric"]): row for row in rows_of(pair)}
                control = by_metric["mae"]["alignment"] in controls
                lines.append(_sentence(by_metric, control=control))
    return lines


def _sentence(by_metric: Mapping[str, Row], *, control: bool) -> str:
    first = by_metric["mae"]
    levels = [
        f"{_WORDS[metric]} {number(row['value'])}"
        for metric, row in by_metric.items()
        if not np.isnan(row["value"])
    ]
    parts = [f"{first['alignment']} ({first['isolates']}): {', '.join(levels)}"]
    if first["constant"]:
        parts[0] += ", the same grade for every item"
    reference = "before" if first["before"] else "none"
    parts += _told(by_metric, reference, f"Against {str(first[reference]).partition(',')[0]}")
    parts += _told(by_metric, "full", "full against it")
    if control:
        parts += _match(by_metric)
    return ". ".join(parts) + "."


def _told(by_metric: Mapping[str, Row], name: str, head: str) -> list[str]:
    """Which of the two measures tell a step from another."""
    told = []
    for metric, row in by_metric.items():
        p, gain = row[f"p_{name}"], row[f"gain_{name}"]
        if not np.isnan(p):
            apart = (
                ("told apart, better" if gain > 0 else "told apart, worse")
                if p <= ALPHA
                else ("not told apart")
            )
            told.append(f"{_WORDS[metric]} {_amount(row, name)}, {apart}")
    return [f"{head}: {'; '.join(told)}"] if told else []


def _match(by_metric: Mapping[str, Row]) -> list[str]:
    """Whether a control does as much as both memories, or more."""
    tested = {m: row for m, row in by_metric.items() if not np.isnan(row["p_full"])}
    close = by_metric["mae"]["p_equivalent_full"]
    beats = [
        _WORDS[m] for m, row in tested.items() if row["p_full"] <= ALPHA and row["gain_full"] < 0
    ]
    lines = []
    if close <= ALPHA:
        lines.append(
            "The error of this control equals that of the memories within the margin"
            f" (p = {p_value(close)})"
        )
    elif "mae" in tested and tested["mae"]["p_full"] > ALPHA:
        lines.append(
            "Whether the memories have a smaller error than this control, these data leave open"
        )
    if beats:
        lines.append(f"This control does better than the memories in the {listed(beats)}")
    return lines


def _amount(row: Row, name: str) -> str:
    gain = (row[f"gain_{name}{end}"] for end in ("", "_low", "_high"))
    text = with_interval(*gain, signed=True)
    shown = p_value(row[f"p_{name}"])
    return f"{text}, p {shown if shown.startswith('<') else f'= {shown}'}"
