"""The two tables as a page shows them: cells of text, each with what it is sorted by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from memalign_bench.report.drawing import table_rows
from memalign_bench.report.look import CONSTANT_MARK, Look

if TYPE_CHECKING:
    import pandas as pd

    from memalign_bench.report.pages import Page

__all__ = [
    "Cell",
    "Column",
    "Row",
    "TableView",
    "backends_view",
    "contrasts_view",
    "number",
    "page_view",
    "summary_view",
]


@dataclass(frozen=True)
class Column:
    """Head of a column; `help` explains it where a pointer rests."""

    name: str
    number: bool = True
    help: str = ""


@dataclass(frozen=True)
class Cell:
    """Text of a cell, and its value where it is a number (NaN sorts last)."""

    text: str
    sort: float = float("nan")
    number: bool = True


@dataclass(frozen=True)
class Row:
    """Cells of a row, the keys that it is filtered by, and whether it is emphasised."""

    cells: tuple[Cell, ...]
    keys: Mapping[str, str]
    sure: bool = False


@dataclass(frozen=True)
class TableView:
    """A table, the words above it, and what it says, a line each."""

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    findings: tuple[str, ...] = ()


def number(value: Any, digits: int = 2, *, signed: bool = False) -> str:
    """A number for people; a dash where it is missing.

    >>> number(-0.4567), number(None), number(0.5, signed=True)
    ('\N{MINUS SIGN}0.46', '\N{EN DASH}', '+0.50')
    """
    if value is None or np.isnan(value):
        return "\N{EN DASH}"
    text = f"{round(float(value), digits) + 0.0:{'+' if signed else ''}.{digits}f}"
    return text.replace("-", "\N{MINUS SIGN}")


def _word(text: str) -> Cell:
    return Cell(text, number=False)


def _real(value: Any, digits: int = 2, *, signed: bool = False) -> Cell:
    return Cell(number(value, digits, signed=signed), float(value))


def _span(row: Mapping[str, Any], names: tuple[str, str, str], *, signed: bool = False) -> Cell:
    value, low, high = (row[name] for name in names)
    if np.isnan(value):
        return _real(value)
    ends = f" [{number(low, signed=signed)}, {number(high, signed=signed)}]"
    text = number(value, signed=signed) + ("" if np.isnan(low) else ends)
    return Cell(text, float(value))


def _p(value: float) -> Cell:
    if np.isnan(value):
        return _real(value)
    return Cell("< 0.001" if value < 0.001 else f"{value:.3f}", float(value))


_SUMMARY = (
    Column("Dimension", number=False),
    Column("Variant", number=False),
    Column("Backend", number=False),
    Column("n", help="items that experts graded"),
    Column("s / a / f", help="answers scored, abstained and failed, over all fold seeds"),
    Column("MAE [95 %]", help="mean absolute error in the study's reading, with its interval"),
    Column("MAE raw"),
    Column("MAE batch", help="after dividing by the mean distribution of the held-out answers"),
    Column("MAE loo", help="against the median of all raters but one, as the ceiling is"),
    Column("Ceiling", help="each human rater against the median of the others"),
    Column("Bias", help="judge minus expert, over the answers given"),
    Column("Exact", help="share of answers equal to the expert's"),
    Column("Kappa", help="quadratic weighted kappa"),
    Column("Rank corr. [95 %]", help="Spearman's correlation within folds, averaged by size"),
    Column("N/A recall", help="share of items that do not apply on which the judge says so"),
    Column("False N/A", help="share of items that apply on which the judge abstains"),
)


def summary_view(table: pd.DataFrame, look: Look) -> TableView:
    """`summary` for a page; constant judges carry a dagger."""
    caption = (
        f"One row per dimension and judge, over the items that experts graded. Reading:"
        f" {look.reading}. Intervals are 95 % bootstrap intervals over cases."
    )
    if (table["n_distinct_grades"] == 1).any():
        caption += f" {CONSTANT_MARK}: a constant judge, which gave every item the same grade."
    return TableView(caption, _SUMMARY, tuple(_summary_row(r, look) for r in table_rows(table)))


def _summary_row(row: Mapping[str, Any], look: Look) -> Row:
    counts = [int(row[name]) for name in ("n_scored", "n_abstained", "n_failed")]
    mark = f"\N{NO-BREAK SPACE}{CONSTANT_MARK}" if row["n_distinct_grades"] == 1 else ""
    cells = (
        _word(look.title(row["dimension"])),
        _word(row["variant"] + mark),
        _word(row["backend"]),
        Cell(str(row["n_items"]), float(row["n_items"])),
        Cell(" / ".join(map(str, counts)), float(counts[0])),
        _span(row, ("mae", "mae_low", "mae_high")),
        *(_real(row[name]) for name in ("mae_raw", "mae_batch", "mae_loo", "ceiling_loo")),
        _real(row["bias"], signed=True),
        _real(row["exact_agreement"]),
        _real(row["kappa_quadratic"]),
        _span(row, ("spearman", "spearman_low", "spearman_high")),
        _real(row["na_recall"]),
        _real(row["na_false_rate"]),
    )
    return Row(cells, {name: row[name] for name in ("dimension", "variant", "backend")})


_BACKENDS = (
    Column("Variant", number=False),
    Column("Backend", number=False),
    Column("Model", number=False),
    Column("Dimensions"),
    Column("n", help="items that experts graded"),
    Column("MAE [95 %]", help="mean over dimensions of the mean absolute error"),
    Column("Best in %", help="resamples of cases in which its error is the least of its variant"),
    Column("Mean rank", help="over resamples of cases; 1 is best"),
    Column("Prompt tokens", help="a question"),
    Column("Generated", help="tokens a question"),
    Column("USD", help="a question"),
    Column("Seconds", help="a question's calls when they were made, under that concurrency"),
    Column("Aligning, tokens", help="of all distilling"),
    Column("Aligning, seconds", help="of all distilling calls when they were made"),
    Column("Failed"),
)


def backends_view(table: pd.DataFrame) -> TableView:
    """`compare_backends` for a page."""
    caption = (
        "Backends on the same items, over the dimensions that all backends of a variant have;"
        " contrasts between them, paired by item, stand in the table of contrasts."
    )
    return TableView(caption, _BACKENDS, tuple(map(_backend_row, table_rows(table))))


def _backend_row(row: Mapping[str, Any]) -> Row:
    cells = (
        *(_word(row[name]) for name in ("variant", "backend", "model")),
        *(_real(row[name], 0) for name in ("n_dimensions", "n_items")),
        _span(row, ("mae", "mae_low", "mae_high")),
        _real(100 * row["best_share"], 0),
        _real(row["mean_rank"]),
        *(_real(row[name], 0) for name in ("prompt_tokens", "completion_tokens")),
        _real(row["cost_usd"], 6),
        _real(row["latency_s"]),
        _real(row["alignment_tokens"], 0),
        _real(row["alignment_s"]),
        _real(row["n_failed"], 0),
    )
    return Row(cells, {name: row[name] for name in ("variant", "backend")})


def page_view(page: Page) -> TableView:
    """A table that is text already, its notes as the caption."""
    columns = tuple(Column(head, number=False) for head in page.heads)
    rows = tuple(Row(tuple(map(_word, cells)), {}) for cells in page.cells)
    return TableView(" ".join(page.notes), columns, rows, tuple(page.findings))


_CONTRASTS = (
    Column("Dimension", number=False),
    Column("Variant", number=False),
    Column("Backend", number=False),
    Column("Reference", number=False),
    Column("Metric", number=False),
    Column("Reading", number=False),
    Column("n"),
    Column("Before"),
    Column("After"),
    Column("Improvement [95 %]", help="positive is better"),
    Column("Reduction %", help="of the mean absolute error"),
    Column("p", help="paired permutation test over cases"),
    Column("p (Holm)", help="corrected over the dimensions"),
    Column("Significant", number=False),
    Column("Note", number=False),
)


def contrasts_view(table: pd.DataFrame, look: Look) -> TableView:
    """`contrasts` for a page; claims that hold are emphasised."""
    caption = (
        "Each judge against the unaligned judge of the same backend, paired by item; improvement"
        " is positive when it is better. The claims are the dimensions of the full memory in mean"
        f" absolute error and the {look.reading} reading, corrected after Holm (bold where"
        " significant); every other row is exploratory, those between backends too. Intervals hold"
        " given the memories learnt."
    )
    if not len(table):
        caption = "Nothing to compare: this study has no unaligned judge beside another variant."
    return TableView(caption, _CONTRASTS, tuple(_contrast_row(r, look) for r in table_rows(table)))


def _contrast_row(row: Mapping[str, Any], look: Look) -> Row:
    metric = {"mae": "MAE", "spearman": "rank corr."}.get(row["metric"], row["metric"])
    place = row["reference_backend"]
    cells = (
        _word(look.title(row["dimension"])),
        _word(row["variant"]),
        _word(row["backend"]),
        _word(row["reference"] if row["backend"] == place else f"{row['reference']} on {place}"),
        _word(metric),
        _word(row["reading"]),
        Cell(str(row["n_items"]), float(row["n_items"])),
        _real(row["value_reference"]),
        _real(row["value"]),
        _span(row, ("improvement", "low", "high"), signed=True),
        _real(row["reduction_pct"], 0),
        _p(row["p_value"]),
        _p(row["p_holm"]),
        _word("yes" if row["significant"] else "no"),
        _word(row["note"]),
    )
    names = ("dimension", "variant", "metric", "reading")
    return Row(
        cells,
        {name: row[name] for name in names},
        sure=bool(row["significant"] and not np.isnan(row["p_holm"])),
    )
