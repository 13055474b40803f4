"""The tables of a study, and their files: csv to compute with, md and tex to read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from memalign_bench.report.backends import BACKEND_COLUMNS, compare_backends
from memalign_bench.report.contrasts import ALPHA, CONTRAST_COLUMNS, contrasts
from memalign_bench.report.extra import Made, Settings, discover_tables
from memalign_bench.report.pages import (
    CONSTANT,
    Page,
    make_page,
    number,
    p_value,
    rows_of,
    texts_of,
    with_interval,
)
from memalign_bench.report.summaries import SUMMARY_COLUMNS, summary
from memalign_bench.study.records import write_bytes

if TYPE_CHECKING:
    import pandas as pd

    from memalign_bench.report.frames import StudyFrames

__all__ = [
    "BACKEND_COLUMNS",
    "CONTRAST_COLUMNS",
    "SUMMARY_COLUMNS",
    "Tables",
    "compare_backends",
    "contrasts",
    "make_tables",
    "summary",
    "write_tables",
]

_MISSING = {
    "worst": "An abstention or failure counts as the grade farthest from the expert's.",
    "exclude": "Abstentions and failures are left out, which favours judges that stay silent.",
    "as_zero": "An abstention or failure counts as a score of 0.",
}


class Tables(NamedTuple):
    """The tables of a study, made with the same settings; `backends` is empty with one backend.

    `extra` holds those of `report.extra` for which the study has what they need.
    """

    summary: pd.DataFrame
    contrasts: pd.DataFrame
    backends: pd.DataFrame
    extra: Mapping[str, pd.DataFrame] = MappingProxyType({})


def make_tables(
    frames: StudyFrames,
    calibration: str | None = None,
    missing: str = "worst",
    n_resamples: int = 10_000,
    seed: int = 0,
) -> Tables:
    """`summary`, `contrasts`, `compare_backends` and the extra tables, with the same arguments."""
    settings = Settings(calibration, missing, n_resamples, seed)
    made = Made(summary(frames, *settings), contrasts(frames, *settings))
    extra = {
        name: module.table(frames, made, settings) for name, module in discover_tables().items()
    }
    filled = {name: table for name, table in extra.items() if len(table)}
    return Tables(*made, compare_backends(frames, *settings), filled)


def write_tables(frames: StudyFrames, out: Path, tables: Tables | None = None) -> list[Path]:
    """Write the tables as csv, md and tex into a folder, each file atomically.

    `backends` is written where a variant was run on several, the extra tables where they have rows.

    Args:
        frames: The records.
        out: The folder (`results/NAME/tables`).
        tables: What to write; by default made afresh with default settings.

    Returns:
        The files written.
    """
    tables = tables or make_tables(frames)
    pages = {
        "summary": (tables.summary, _summary_page(frames, tables.summary)),
        "contrasts": (tables.contrasts, _contrasts_page(frames, tables)),
    }
    if len(tables.backends):
        pages["backends"] = (tables.backends, _backends_page(tables))
    modules = discover_tables()
    for name, table in tables.extra.items():
        pages[name] = (table, modules[name].page(frames, table))
    files = []
    for name, (frame, page) in pages.items():
        for ending, text in texts_of(frame, page).items():
            files.append(Path(out) / f"{name}.{ending}")
            write_bytes(files[-1], text.encode())
    return files


def _summary_page(frames: StudyFrames, table: pd.DataFrame) -> Page:
    constant = _constant_judges(table)

    def variant(row: Mapping[str, Any]) -> str:
        return str(row["variant"]) + (CONSTANT if _judge(row) in constant else "")

    columns: dict[str, Callable[[Mapping[str, Any]], str]] = {
        "dimension": lambda row: frames.dimensions[row["dimension"]],
        "variant": variant,
        "backend": lambda row: row["backend"],
        "items": lambda row: str(row["n_items"]),
        "MAE [95 %]": lambda row: with_interval(row, "mae", "mae_low", "mae_high"),
        "MAE raw": lambda row: number(row["mae_raw"]),
        "MAE batch": lambda row: number(row["mae_batch"]),
        "MAE, others' median": lambda row: number(row["mae_loo"]),
        "raters, same": lambda row: number(row["ceiling_loo"]),
        "bias": lambda row: number(row["bias"], signed=True),
        "exact": lambda row: number(row["exact_agreement"]),
        "kappa": lambda row: number(row["kappa_quadratic"]),
        "rank corr. [95 %]": lambda row: with_interval(
            row, "spearman", "spearman_low", "spearman_high"
        ),
        "abstained": lambda row: str(row["n_abstained"]),
        "failed": lambda row: str(row["n_failed"]),
        "N/A recall": lambda row: number(row["na_recall"]),
        "N/A false": lambda row: number(row["na_false_rate"]),
    }
    notes = [
        f"Reading: {table.attrs['reading']} grades. {_MISSING[table.attrs['missing']]}",
        "MAE in grades, lower is better; rank correlation within folds, averaged by size; intervals"
        " by bootstrap over cases (BCa), given the memories learnt.",
    ]
    if table["mae_loo"].notna().any():
        notes.append(
            "The judge against the median of all raters but one, beside that rater against the same"
            " (what people reach)."
        )
    return make_page(columns, table, [*notes, *_constant_note(constant), *table.attrs["notes"]])


def _contrasts_page(frames: StudyFrames, tables: Tables) -> Page:
    table = tables.contrasts
    columns: dict[str, Callable[[Mapping[str, Any]], str]] = {
        "dimension": lambda row: frames.dimensions[row["dimension"]],
        "metric": lambda row: {"mae": "MAE", "spearman": "rank corr."}[row["metric"]],
        "reading": lambda row: row["reading"],
        "variant": lambda row: _marked(row, row["variant"]),
        "backend": lambda row: row["backend"],
        "reference": lambda row: _marked(row, row["reference"]),
        "its backend": lambda row: row["reference_backend"],
        "items": lambda row: str(row["n_items"]),
        "before": lambda row: number(row["value_reference"]),
        "after": lambda row: number(row["value"]),
        "improvement [95 %]": lambda row: with_interval(
            row, "improvement", "low", "high", signed=True
        ),
        "reduction %": lambda row: number(row["reduction_pct"], 0),
        "p": lambda row: p_value(row["p_value"]),
        "p (Holm)": lambda row: p_value(row["p_holm"]),
        "significant": lambda row: "yes" if row["significant"] else "no",
        "note": lambda row: row["note"],
    }
    notes = [
        "Improvement is positive where it is better; intervals by bootstrap over cases (BCa), given"
        " the memories learnt; p by paired permutation over cases.",
        f"Significant at {ALPHA}: after Holm for full against none in the study's own reading"
        f" ({table.attrs['reading']}) and MAE; every other row is exploratory and uncorrected.",
        _MISSING[table.attrs["missing"]],
    ]
    dagger = table["note"].str.contains("constant judge").any()
    return make_page(columns, table, [*notes, *_constant_note(dagger)])


def _backends_page(tables: Tables) -> Page:
    columns: dict[str, Callable[[Mapping[str, Any]], str]] = {
        "variant": lambda row: row["variant"],
        "backend": lambda row: row["backend"],
        "model": lambda row: row["model"],
        "dimensions": lambda row: str(row["n_dimensions"]),
        "items": lambda row: str(row["n_items"]),
        "MAE [95 %]": lambda row: with_interval(row, "mae", "mae_low", "mae_high"),
        "best in": lambda row: f"{row['best_share']:.0%}",
        "mean rank": lambda row: number(row["mean_rank"]),
        "prompt tokens": lambda row: number(row["prompt_tokens"], 0),
        "generated": lambda row: number(row["completion_tokens"], 0),
        "USD": lambda row: number(row["cost_usd"], 6),
        "seconds": lambda row: number(row["latency_s"]),
        "aligning, tokens": lambda row: str(row["alignment_tokens"]),
        "aligning, seconds": lambda row: number(row["alignment_s"]),
        "failed": lambda row: str(row["n_failed"]),
    }
    notes = [
        "MAE is the mean over dimensions, on those that all backends of a variant have; best in:"
        " share of bootstrap resamples of cases in which its MAE is the least of its variant.",
        "Tokens, USD and seconds are means a question; seconds are those of the calls when they"
        " were made, under that run's concurrency. Aligning: all distilling of the variant.",
    ]
    return make_page(columns, tables.backends, notes)


def _marked(row: Mapping[str, Any], name: str) -> str:
    return name + (CONSTANT if f"constant judge ({name})" in row["note"] else "")


def _judge(row: Mapping[str, Any]) -> tuple[str, str, str]:
    return row["dimension"], row["variant"], row["backend"]


def _constant_judges(table: pd.DataFrame) -> set[tuple[str, str, str]]:
    return {_judge(row) for row in rows_of(table) if row["n_distinct_grades"] == 1}


def _constant_note(constant: object) -> list[str]:
    text = f"{CONSTANT} Constant: this judge gives every item of the dimension the same grade."
    return [text] if constant else []
