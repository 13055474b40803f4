"""What a published protocol would say of each improvement, beside what this suite says."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from memalign_bench.report.drawing.look import look_of, own_contrasts
from memalign_bench.report.numbers.analysis import Analysis
from memalign_bench.report.numbers.contrasts import ALPHA
from memalign_bench.report.numbers.frames import rows_of
from memalign_bench.report.numbers.paired_answers import paired_rows
from memalign_bench.report.numbers.readings import JudgeKey
from memalign_bench.report.sections.section import SectionNumbers
from memalign_bench.report.tables.columns import (
    NumberRow,
    count,
    interval,
    judge_columns,
    p_value,
    real,
    word,
)
from memalign_bench.report.tables.table import BY_JUDGE, Table
from memalign_bench.stats.published import PublishedBootstrap, published_interval

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["COLUMNS", "numbers", "table"]

COLUMNS = (
    "dimension",
    "variant",
    "backend",
    "reference",
    "reference_backend",
    "n_items",
    "improvement",
    "low",
    "high",
    "p_value",
    "p_holm",
    "claim_holds",
    "published_low",
    "published_high",
    "published_significant",
    "width_ratio",
)


def numbers(analysis: Analysis, made: SectionNumbers) -> pd.DataFrame:
    """One row per improvement of MAE over the unaligned judge, in the study's own reading.

    `published_significant` is what the protocol calls so: its interval leaves out 0, whatever else
    was compared. `width_ratio` is its width over that of the suite's interval.

    Returns:
        `COLUMNS`; no row without `stats=published`.
    """
    import pandas as pd

    if analysis.published is None:
        return pd.DataFrame(columns=list(COLUMNS))
    rows = [
        {
            **row,
            **_published_columns(analysis, analysis.published, row),
            "claim_holds": row["significant"],
        }
        for row in rows_of(own_contrasts(made["contrasts"], look_of(analysis), "mae"))
        # Without an answer of both there is nothing to resample.
        if row["n_items"]
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _published_columns(
    analysis: Analysis, protocol: PublishedBootstrap, row: NumberRow
) -> dict[str, float | bool | None]:
    names = row["reference"], row["variant"]
    before = JudgeKey(row["dimension"], row["reference"], row["reference_backend"])
    after = JudgeKey(row["dimension"], row["variant"], row["backend"])
    pair = paired_rows(analysis.answers[before], analysis.answers[after], names)
    # Items of the whole study: the protocol also draws those to which the dimension does not apply.
    # The draw is named by the dimension alone, so that its variants share it.
    bounds = published_interval(
        pair.before.error - pair.after.error, pair.before.items,
        analysis.frames.predictions["item_id"].nunique(), protocol,
        seed=analysis.resampler.seed, names=(row["dimension"],),
    )  # fmt: skip
    suite_width = row["high"] - row["low"]
    if math.isnan(row["p_value"]):  # one of the two never answered: nothing was measured
        bounds = bounds._replace(low=math.nan, high=math.nan)
    return {
        "published_low": bounds.low,
        "published_high": bounds.high,
        "published_significant": bounds.low > 0 or bounds.high < 0,
        # No ratio where this suite shows no interval: a width of NaN is not above 0.
        "width_ratio": (bounds.high - bounds.low) / suite_width if suite_width > 0 else np.nan,
    }


def table(analysis: Analysis, numbers: pd.DataFrame) -> Table:
    """The table for people; bold where the two disagree."""
    protocol = analysis.published
    assert protocol is not None  # a section without rows is left out
    columns = [
        *judge_columns(analysis.frames.dimensions),
        count("items", "n_items"),
        interval("improvement, this suite", "improvement", ("low", "high"), signed=True),
        p_value("p", "p_value"),
        p_value("p (Holm)", "p_holm", help="corrected over the claims of the study"),
        word("claim holds", lambda row: "yes" if row["claim_holds"] else "no"),
        interval("improvement, as published", "improvement",
                 ("published_low", "published_high"), signed=True),
        word("called significant", lambda row: "yes" if row["published_significant"] else "no"),
        real("width", "width_ratio", help="of the published interval over the suite's"),
    ]  # fmt: skip
    return Table(
        numbers,
        columns,
        _notes(analysis, protocol),
        findings=_findings(numbers),
        filters=BY_JUDGE,
        bold=lambda row: bool(row["published_significant"] != row["claim_holds"]),
    )


def _notes(analysis: Analysis, protocol: PublishedBootstrap) -> list[str]:
    rows, manifests = analysis.frames.predictions, analysis.frames.manifests.values()
    n_items = rows["item_id"].nunique()
    folds = ", ".join(sorted({str(m["folds"]) for m in manifests if "folds" in m})) or "unknown"
    return [
        "For comparison only; no claim of this report is taken from it. As published: each resample"
        f" draws {protocol.drawn} of {protocol.of} items with replacement (here"
        f" {protocol.size(n_items)} of {n_items}), {protocol.resamples:,} times, and a change is"
        f" significant where the {100 * protocol.level:g} % interval leaves out 0; items of one"
        " case count as apart, and nothing is corrected for the number of dimensions. It has 4"
        f" folds drawn once and one answer an item (here folds: {folds}, fold seeds:"
        f" {rows['fold_seed'].nunique()}, repeats: {rows['repeat'].nunique()}); an item that is"
        " drawn brings all its answers along.",
        "Drawing more items than there are makes the interval too narrow by the root of the ratio"
        f" ({np.sqrt(protocol.drawn / protocol.of):.2f}); `memalign-bench forensics` simulates what"
        " it covers.",
    ]


def _findings(numbers: pd.DataFrame) -> list[str]:
    n_called, n_holding = numbers["published_significant"].sum(), numbers["claim_holds"].sum()
    # Only claims have a corrected p.
    claims = numbers[numbers["p_holm"].notna()]
    # What could not be tested is neither: one of the two gave no answer.
    n_untested = int(numbers["p_value"].isna().sum())
    n_exploratory = len(numbers) - len(claims) - n_untested
    only_published = int((claims["published_significant"] & ~claims["claim_holds"]).sum())
    return [
        f"The published protocol calls {n_called} of {len(numbers)} changes significant. Of the"
        f" suite's own claims ({len(claims)}) {n_holding} hold at {ALPHA} after Holm; the protocol"
        f" calls {only_published} more of them significant. Exploratory in this suite:"
        f" {n_exploratory}." + (f" Not tested in either: {n_untested}." if n_untested else "")
    ]
