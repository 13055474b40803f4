"""One row a comparison: every judge against the unaligned one, paired by item."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from memalign_bench.report.numbers.analysis import Analysis
from memalign_bench.report.numbers.pairs import Pair, claimed_pairs, pairs_of
from memalign_bench.report.numbers.pooled import PairedAnswers, compare, paired_rows
from memalign_bench.report.numbers.readings import NOTHING, Reading, places_by_judge
from memalign_bench.stats.multiplicity import holm

if TYPE_CHECKING:
    import pandas as pd


__all__ = ["ALPHA", "CONTRAST_COLUMNS", "contrasts"]

ALPHA = 0.05
"""Level of significance."""

CONTRAST_COLUMNS = (
    "dimension",
    "metric",
    "reading",
    "variant",
    "alignment",
    "backend",
    "reference",
    "reference_backend",
    "n_items",
    "value_reference",
    "value",
    "improvement",
    "low",
    "high",
    "p_value",
    "p_holm",
    "significant",
    "reduction_pct",
    "note",
)

_REALS = ("value_reference", "value", "improvement", "low", "high", "p_value", "p_holm")


def contrasts(analysis: Analysis) -> pd.DataFrame:
    """Every judge against `none` of the same backend (without a model: of every backend).

    Where a study has several backends, every judge also stands against the same variant on the
    first of them (`reference` is then the variant itself).

    A variant with settings of its own (`full,scoring=verdict`) is held against the `none` that
    shares most of them. Improvements are paired by item, fold seed and repeat; their intervals are
    95 % BCa intervals over cases, their p-values paired permutation tests over cases. The Holm
    family, one a backend, is the dimensions of `full` against `none` in the study's own reading
    and MAE; every other row is marked exploratory.

    Returns:
        `CONTRAST_COLUMNS`, missing values as NaN.
    """
    import pandas as pd

    frames = analysis.frames
    pairs = list(pairs_of(analysis.variants))
    family = claimed_pairs(pairs)
    present = set(places_by_judge(frames.predictions))
    lines: list[dict[str, Any]] = []
    for dimension in frames.dimensions:
        for pair in pairs:
            if {pair.judge(dimension), pair.reference_judge(dimension)} <= present:
                lines += _lines(analysis, dimension, pair, in_family=pair in family)
    _decide(lines)
    frame = pd.DataFrame(lines, columns=list(CONTRAST_COLUMNS))
    kinds = dict.fromkeys((*_REALS, "reduction_pct"), "float64")
    return frame.astype(kinds | {"n_items": "int64", "significant": "bool"})


def _lines(
    analysis: Analysis, dimension: str, pair: Pair, *, in_family: bool
) -> Iterator[dict[str, Any]]:
    """The rows of one comparison, unfinished: readings x metrics."""
    judges = pair.reference_judge(dimension), pair.judge(dimension)
    calibrated = analysis.calibrated & set(judges)
    readings: tuple[Reading, ...] = ("raw", "batch") if calibrated else ("raw",)
    for reading in readings:
        sides = [analysis.both[reading].get(judge, NOTHING) for judge in judges]
        paired = paired_rows(sides[0], sides[1], (pair.reference, pair.variant))
        if reading == "batch" and len(calibrated) < 2:
            paired.notes.append("one side has a single reading")
        claimed = (
            reading == (analysis.reading if analysis.reading in readings else "raw") and in_family
        )
        for metric in ("mae", "spearman"):
            yield {
                "dimension": dimension,
                "reading": reading,
                "family": pair.reference_backend if claimed and metric == "mae" else "",
                **pair._asdict(),
                **_line(analysis, paired, metric, (dimension, *pair)),
            }


def _line(
    analysis: Analysis, paired: PairedAnswers, metric: str, names: tuple[str, ...]
) -> dict[str, Any]:
    if not len(paired.before.items):
        empty: dict[str, Any] = dict.fromkeys(_REALS, None)
        notes = [*paired.notes, "no row in common"]
        return empty | {"metric": metric, "n_items": 0, "notes": notes}
    before, after, improvement, test = compare([paired], metric, analysis.resampler, names)
    interval = improvement.interval
    undefined = np.isnan(improvement.point)
    return {
        "metric": metric,
        "n_items": len(set(paired.before.items)),
        "value_reference": before,
        "value": after,
        "improvement": improvement.point,
        "low": interval.low,
        "high": interval.high,
        "p_value": None if undefined else test.p_value,
        "reduction_pct": 100 * (before - after) / before if metric == "mae" and before else None,
        "smallest_p": test.smallest_p,
        "notes": [*paired.notes, *([interval.note] if interval.note else [])],
    }


def _decide(lines: list[dict[str, Any]]) -> None:
    """Fill in `p_holm`, `significant` and `note`, which hang on the rows together."""
    for backend in {line["family"] for line in lines if line["family"]}:
        claims = [line for line in lines if line["family"] == backend and line["n_items"]]
        adjusted = holm([line["p_value"] for line in claims])
        attainable = holm([line["smallest_p"] for line in claims])
        for line, p_holm, smallest in zip(claims, adjusted, attainable, strict=True):
            line |= {"p_holm": float(p_holm), "smallest_p": float(smallest)}
    for line in lines:
        decisive = line.get("p_holm") if line["family"] else line["p_value"]
        line["significant"] = decisive is not None and decisive <= ALPHA
        notes = line["notes"] if line["family"] else ["exploratory", *line["notes"]]
        if decisive is not None and line["smallest_p"] > ALPHA:
            after = " after Holm" if line["family"] else ""
            notes = [
                *notes,
                f"smallest attainable p{after} is {line['smallest_p']:.3g}:"
                " the data cannot support a claim",
            ]
        line["note"] = "; ".join(notes)
