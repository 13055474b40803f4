"""The ablation ladder in words, put together from its numbers alone."""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from memalign_bench.report.numbers.contrasts import ALPHA, NO_CLAIM_POSSIBLE
from memalign_bench.report.numbers.curves import ALL_DIMENSIONS
from memalign_bench.report.numbers.frames import rows_of
from memalign_bench.report.numbers.missing_answers import MADE_OF_SILENCE
from memalign_bench.report.prose import listed, number, p_value, with_interval
from memalign_bench.report.sections.ladder.steps import COMPLETE_DIMENSIONS, comparison_head

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
        table: The numbers of the section `ladder`.
        titles: Dimension -> name for people.
        controls: The alignments that their own YAML calls controls.
    """
    lines = []
    names = ["settings", "backend"]
    for (settings, backend), rows in table.groupby(names, sort=False):
        known = dict.fromkeys(rows["dimension"])
        means = [name for name in (COMPLETE_DIMENSIONS, ALL_DIMENSIONS) if name in known]
        # Where both means stand: first that of all steps, then that of all dimensions.
        for dimension in means or [next(iter(known))]:
            where = f"mean over {dimension}" if means else titles[dimension]
            ladder = f"{backend}, {settings}" if settings else backend
            lines.append(
                f"{ladder}; {where}. Improvements, positive is better, with 95 % intervals; two"
                f" judges are told apart where p is at most {ALPHA} (uncorrected, exploratory)."
            )
            here = rows[rows["dimension"] == dimension]
            # Unsorted, so that steps stay in their order; each has a row a metric.
            for _, pair in here.groupby("variant", sort=False):
                by_metric = {str(row["metric"]): row for row in rows_of(pair)}
                control = by_metric["mae"]["alignment"] in controls
                lines.append(_step_sentence(by_metric, control=control))
    return lines


def _step_sentence(by_metric: Mapping[str, Row], *, control: bool) -> str:
    first = by_metric["mae"]
    levels = [
        f"{_WORDS[metric]} {number(row['value'])}"
        for metric, row in by_metric.items()
        if not np.isnan(row["value"])
    ]
    parts = [f"{first['alignment']} ({first['isolates']}): {', '.join(levels)}"]
    if first["constant"]:
        parts[0] += ", the same grade for every item"
    # The lowest step is held against `none`; if it is `none` itself, p is missing and so is the
    # clause.
    reference = "before" if first["before"] else "none"
    # The alignment alone: what is set stands in the line on the ladder.
    parts += _comparison_clause(
        by_metric, reference, f"Against {str(first[reference]).partition(',')[0]}"
    )
    parts += _comparison_clause(by_metric, "full", "full against it")
    if control:
        parts += _control_clauses(by_metric)
    return ". ".join(parts) + "."


def _comparison_clause(by_metric: Mapping[str, Row], name: str, heading: str) -> list[str]:
    """Which of the two measures tell a step from another, or why none can."""
    on_missing = _on_missing_answers(by_metric["mae"], name)
    if MADE_OF_SILENCE in on_missing:
        return [f"{heading}: {on_missing}, and nothing is told"]
    clauses = []
    for metric, row in by_metric.items():
        p, gain = row[f"p_{name}"], row[f"gain_{name}"]
        if not np.isnan(p):
            outcome = (
                ("told apart, better" if gain > 0 else "told apart, worse")
                if p <= ALPHA
                else ("not told apart")
            )
            hangs = f" ({on_missing})" if on_missing and metric == "mae" else ""
            clauses.append(f"{_WORDS[metric]} {_gain_text(row, name)}, {outcome}{hangs}")
    return [f"{heading}: {'; '.join(clauses)}"] if clauses else []


def _on_missing_answers(row: Row, name: str) -> str:
    """What the row's note says of missing answers in one of its comparisons; else empty."""
    sides = [row["alignment"], str(row[name]).partition(",")[0]]
    reference, judge = sides if name == "full" else sides[::-1]
    head = comparison_head(reference, judge)
    told = [part.removeprefix(head) for part in row["note"].split("; ") if part.startswith(head)]
    return next((text for text in told if NO_CLAIM_POSSIBLE not in text), "")


def _control_clauses(by_metric: Mapping[str, Row]) -> list[str]:
    """Whether a control does as much as both memories, or more."""
    tested = {m: row for m, row in by_metric.items() if not np.isnan(row["p_full"])}
    # Equivalence is tested of errors alone; a missing p compares false below.
    equivalent_p = by_metric["mae"]["p_equivalent_full"]
    # What missing answers could turn is no feat of a control; the clause before says of it.
    hangs = {"mae"} if _on_missing_answers(by_metric["mae"], "full") else set()
    beats = [
        _WORDS[m]
        for m, row in tested.items()
        if row["p_full"] <= ALPHA and row["gain_full"] < 0 and m not in hangs
    ]
    lines = []
    if equivalent_p <= ALPHA:
        lines.append(
            "The error of this control equals that of the memories within the margin"
            f" (p = {p_value(equivalent_p)})"
        )
    elif "mae" in tested and tested["mae"]["p_full"] > ALPHA:
        lines.append(
            "Whether the memories have a smaller error than this control, these data leave open"
        )
    if beats:
        lines.append(f"This control does better than the memories in the {listed(beats)}")
    return lines


def _gain_text(row: Row, name: str) -> str:
    gain = (row[f"gain_{name}{end}"] for end in ("", "_low", "_high"))
    text = with_interval(*gain, signed=True)
    p_text = p_value(row[f"p_{name}"])
    # "p <0.001", but "p = 0.012".
    return f"{text}, p {p_text if p_text.startswith('<') else f'= {p_text}'}"
