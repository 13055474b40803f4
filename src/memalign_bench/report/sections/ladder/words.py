"""The ablation ladder in words, put together from its numbers alone."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from memalign_bench.report.numbers.contrasts import ALPHA
from memalign_bench.report.numbers.curves import ALL_DIMENSIONS
from memalign_bench.report.numbers.frames import rows_of
from memalign_bench.report.numbers.missing_answers import MADE_OF_SILENCE, UNEQUAL
from memalign_bench.report.numbers.paired_answers import NO_CLAIM_POSSIBLE
from memalign_bench.report.numbers.pairs import alignment_of
from memalign_bench.report.prose import listed, number, p_value, with_interval
from memalign_bench.report.sections.ladder.steps import COMPLETE_DIMENSIONS, comparison_head

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ladder_conclusions", "ladder_sentences"]

_WORDS = {"mae": "error", "spearman": "rank correlation"}

Row = Mapping[str, Any]


class _ToldLadder(NamedTuple):
    """A ladder that is put in words: its name, and the rows of each step by metric."""

    name: str
    steps: tuple[Mapping[str, Row], ...]


def ladder_conclusions(
    table: pd.DataFrame, titles: Mapping[str, str], controls: Container[str]
) -> list[str]:
    """A line on each ladder: against which of its controls both memories are told apart.

    Args:
        table: The numbers of the section `ladder`.
        titles: Dimension -> name for people.
        controls: The alignments that their own YAML calls controls.
    """
    lines = []
    for ladder in _told_ladders(table, titles):
        against = [step for step in ladder.steps if step["mae"]["alignment"] in controls]
        parts = [
            f"in the {word}, {told}"
            for metric, word in _WORDS.items()
            if (told := _outcomes([step[metric] for step in against if metric in step]))
        ]
        if parts:
            told = "; ".join(parts)
            lines.append(f"{ladder.name}. Both memories against their controls: {told}.")
    return lines


def _outcomes(rows: Iterable[Row]) -> str:
    """How `full` compares with controls in one metric; empty where it was compared with none."""
    names: dict[str, list[str]] = {}
    for row in rows:
        # `p_equivalent_full` is of errors alone; a missing p compares false.
        if np.isnan(p := row["p_full"]):
            continue
        is_equal = row["metric"] == "mae" and row["p_equivalent_full"] <= ALPHA
        # Of missing answers the notes speak for errors alone.
        hangs = row["metric"] == "mae" and (
            _on_missing_answers(row, "full") or (is_equal and UNEQUAL in row["note"])
        )
        if hangs:
            outcome = "left open by missing answers against"
        elif p <= ALPHA:
            outcome = "better than" if row["gain_full"] > 0 else "worse than"
        elif is_equal:
            outcome = "equal within the margin to"
        else:
            outcome = "not told apart from"
        names.setdefault(outcome, []).append(str(row["alignment"]))
    return ", ".join(f"{outcome} {listed(here)}" for outcome, here in names.items())


def ladder_sentences(
    table: pd.DataFrame, titles: Mapping[str, str], controls: Container[str]
) -> dict[str, list[str]]:
    """A head for each ladder -> a line on each of its steps.

    Args:
        table: The numbers of the section `ladder`.
        titles: Dimension -> name for people.
        controls: The alignments that their own YAML calls controls.
    """
    return {
        f"{ladder.name}. Improvements, positive is better, with 95 % intervals; two judges are told"
        f" apart where p is at most {ALPHA} (uncorrected, exploratory).": [
            _step_sentence(step, control=step["mae"]["alignment"] in controls)
            for step in ladder.steps
        ]
        for ladder in _told_ladders(table, titles)
    }


def _told_ladders(table: pd.DataFrame, titles: Mapping[str, str]) -> Iterator[_ToldLadder]:
    """Each mean over dimensions, or the first dimension where there is no mean."""
    names = ["settings", "backend"]
    for (settings, backend), rows in table.groupby(names, sort=False):
        known = dict.fromkeys(rows["dimension"])
        means = [name for name in (COMPLETE_DIMENSIONS, ALL_DIMENSIONS) if name in known]
        # Where both means stand: first that of all steps, then that of all dimensions.
        for dimension in means or [next(iter(known))]:
            where = f"mean over {dimension}" if means else titles[dimension]
            here = rows[rows["dimension"] == dimension]
            # Unsorted, so that steps stay in their order; each has a row a metric.
            steps = [
                {str(row["metric"]): row for row in rows_of(pair)}
                for _, pair in here.groupby("variant", sort=False)
            ]
            name = f"{backend}, {settings}" if settings else backend
            yield _ToldLadder(f"{name}; {where}", tuple(steps))


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
    parts += _comparison_clause(by_metric, reference, f"Against {alignment_of(first[reference])}")
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
    sides = [row["alignment"], alignment_of(row[name])]
    reference, judge = sides if name == "full" else sides[::-1]
    head = comparison_head(reference, judge)
    told = [part.removeprefix(head) for part in row["note"].split("; ") if part.startswith(head)]
    other = (NO_CLAIM_POSSIBLE, UNEQUAL)
    return next((text for text in told if not any(words in text for words in other)), "")


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
        # Only comparisons with `full` are noted as these.
        unsure = ", which hangs on missing answers" * (UNEQUAL in by_metric["mae"]["note"])
        lines.append(
            "The error of this control equals that of the memories within the margin"
            f" (p = {p_value(equivalent_p)}){unsure}"
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
