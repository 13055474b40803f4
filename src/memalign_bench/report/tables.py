"""The tables of a study, and their files: csv to compute with, md and tex to read."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from memalign_bench.report.backends import BACKEND_COLUMNS, compare_backends
from memalign_bench.report.contrasts import ALPHA, CONTRAST_COLUMNS, contrasts
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

CONSTANT = "†"
"""Marks a judge that gives every item of a dimension the same grade."""

_MISSING = {
    "worst": "An abstention or failure counts as the grade farthest from the expert's.",
    "exclude": "Abstentions and failures are left out, which favours judges that stay silent.",
    "as_zero": "An abstention or failure counts as a score of 0.",
}
_LATEX = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    CONSTANT: r"\textdagger{}",
}


class Tables(NamedTuple):
    """The tables of a study, made with the same settings; `backends` is empty with one backend."""

    summary: pd.DataFrame
    contrasts: pd.DataFrame
    backends: pd.DataFrame


class _Page(NamedTuple):
    """A table for people: heads, cells, and what stands below it."""

    heads: list[str]
    cells: list[list[str]]
    notes: list[str]


def make_tables(
    frames: StudyFrames,
    calibration: str | None = None,
    missing: str = "worst",
    n_resamples: int = 10_000,
    seed: int = 0,
) -> Tables:
    """`summary`, `contrasts` and `compare_backends` with the same arguments."""
    return Tables(
        summary(frames, calibration, missing, n_resamples, seed),
        contrasts(frames, calibration, missing, n_resamples, seed),
        compare_backends(frames, calibration, missing, n_resamples, seed),
    )


def write_tables(frames: StudyFrames, out: Path, tables: Tables | None = None) -> list[Path]:
    """Write the tables as csv, md and tex into a folder, each file atomically.

    `backends` is written where a variant was run on several.

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
    files = []
    for name, (frame, page) in pages.items():
        for ending, text in (("csv", _csv(frame)), ("md", _md(page)), ("tex", _tex(page))):
            files.append(Path(out) / f"{name}.{ending}")
            write_bytes(files[-1], text.encode())
    return files


def _csv(frame: pd.DataFrame) -> str:
    """Six decimals for reals (six digits for p-values), true or false, nothing where missing."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(frame.columns)
    for row in frame.itertuples(index=False):
        writer.writerow(_plain(name, v) for name, v in zip(frame.columns, row, strict=True))
    return out.getvalue()


def _plain(name: str, value: Any) -> str:
    if isinstance(value, float):
        if math.isnan(value):
            return ""
        return f"{value:.6g}" if name.startswith("p_") else f"{round(value, 6) + 0.0:.6f}"
    return str(value).lower() if str(value) in ("True", "False") else str(value)


def _summary_page(frames: StudyFrames, table: pd.DataFrame) -> _Page:
    constant = _constant_judges(table)

    def variant(row: Mapping[str, Any]) -> str:
        return str(row["variant"]) + (CONSTANT if _judge(row) in constant else "")

    columns: dict[str, Callable[[Mapping[str, Any]], str]] = {
        "dimension": lambda row: frames.dimensions[row["dimension"]],
        "variant": variant,
        "backend": lambda row: row["backend"],
        "items": lambda row: str(row["n_items"]),
        "MAE [95 %]": lambda row: _with_interval(row, "mae", "mae_low", "mae_high"),
        "MAE raw": lambda row: _number(row["mae_raw"]),
        "MAE batch": lambda row: _number(row["mae_batch"]),
        "MAE, others' median": lambda row: _number(row["mae_loo"]),
        "raters, same": lambda row: _number(row["ceiling_loo"]),
        "bias": lambda row: _number(row["bias"], signed=True),
        "exact": lambda row: _number(row["exact_agreement"]),
        "kappa": lambda row: _number(row["kappa_quadratic"]),
        "rank corr. [95 %]": lambda row: _with_interval(
            row, "spearman", "spearman_low", "spearman_high"
        ),
        "abstained": lambda row: str(row["n_abstained"]),
        "failed": lambda row: str(row["n_failed"]),
        "N/A recall": lambda row: _number(row["na_recall"]),
        "N/A false": lambda row: _number(row["na_false_rate"]),
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
    return _page(columns, table, [*notes, *_constant_note(constant), *table.attrs["notes"]])


def _contrasts_page(frames: StudyFrames, tables: Tables) -> _Page:
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
        "before": lambda row: _number(row["value_reference"]),
        "after": lambda row: _number(row["value"]),
        "improvement [95 %]": lambda row: _with_interval(
            row, "improvement", "low", "high", signed=True
        ),
        "reduction %": lambda row: _number(row["reduction_pct"], 0),
        "p": lambda row: _p_value(row["p_value"]),
        "p (Holm)": lambda row: _p_value(row["p_holm"]),
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
    return _page(columns, table, [*notes, *_constant_note(dagger)])


def _backends_page(tables: Tables) -> _Page:
    columns: dict[str, Callable[[Mapping[str, Any]], str]] = {
        "variant": lambda row: row["variant"],
        "backend": lambda row: row["backend"],
        "model": lambda row: row["model"],
        "dimensions": lambda row: str(row["n_dimensions"]),
        "items": lambda row: str(row["n_items"]),
        "MAE [95 %]": lambda row: _with_interval(row, "mae", "mae_low", "mae_high"),
        "best in": lambda row: f"{row['best_share']:.0%}",
        "mean rank": lambda row: _number(row["mean_rank"]),
        "prompt tokens": lambda row: _number(row["prompt_tokens"], 0),
        "generated": lambda row: _number(row["completion_tokens"], 0),
        "USD": lambda row: _number(row["cost_usd"], 6),
        "seconds": lambda row: _number(row["latency_s"]),
        "aligning, tokens": lambda row: str(row["alignment_tokens"]),
        "failed": lambda row: str(row["n_failed"]),
    }
    notes = [
        "MAE is the mean over dimensions, on those that all backends of a variant have; best in:"
        " share of bootstrap resamples of cases in which its MAE is the least of its variant.",
        "Tokens, USD and seconds are means a question; seconds are those of the calls when they"
        " were made, under that run's concurrency.",
    ]
    return _page(columns, tables.backends, notes)


def _marked(row: Mapping[str, Any], name: str) -> str:
    return name + (CONSTANT if f"constant judge ({name})" in row["note"] else "")


def _judge(row: Mapping[str, Any]) -> tuple[str, str, str]:
    return row["dimension"], row["variant"], row["backend"]


def _constant_judges(table: pd.DataFrame) -> set[tuple[str, str, str]]:
    return {_judge(row) for row in _records(table) if row["n_distinct_grades"] == 1}


def _constant_note(constant: object) -> list[str]:
    text = f"{CONSTANT} Constant: this judge gives every item of the dimension the same grade."
    return [text] if constant else []


def _page(
    columns: Mapping[str, Callable[[Mapping[str, Any]], str]],
    table: pd.DataFrame,
    notes: Sequence[str],
) -> _Page:
    """Cells of a table without the columns that are empty throughout."""
    rows = _records(table)
    filled = {head: [show(row) for row in rows] for head, show in columns.items()}
    filled = {head: cells for head, cells in filled.items() if any(cells)}
    return _Page(list(filled), [list(row) for row in zip(*filled.values(), strict=True)], [*notes])


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): v for name, v in row.items()} for row in table.to_dict("records")]


def _number(value: float, decimals: int = 2, *, signed: bool = False) -> str:
    if math.isnan(value):
        return ""
    rounded = round(value, decimals) + 0.0
    return f"{rounded:+.{decimals}f}" if signed and rounded else f"{rounded:.{decimals}f}"


def _with_interval(
    row: Mapping[str, Any], name: str, low: str, high: str, *, signed: bool = False
) -> str:
    point = _number(row[name], signed=signed)
    if not point or math.isnan(row[low]):
        return point
    return f"{point} [{_number(row[low])}, {_number(row[high])}]"


def _p_value(value: float) -> str:
    if math.isnan(value):
        return ""
    return "<0.001" if value < 0.001 else f"{value:.3f}"


def _md(page: _Page) -> str:
    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(_md_escape(cell) for cell in cells) + " |"

    table = [line(page.heads), "|" + " --- |" * len(page.heads), *map(line, page.cells)]
    return "\n".join([*table, "", *(f"- {_md_escape(note)}" for note in page.notes), ""])


def _md_escape(text: str) -> str:
    text = " ".join(text.split())
    for char in "\\|*_`":
        text = text.replace(char, f"\\{char}")
    return text.replace("<", "&lt;").replace(">", "&gt;")


def _tex(page: _Page) -> str:
    def line(cells: Sequence[str]) -> str:
        return " & ".join(_tex_escape(cell) for cell in cells) + r" \\"

    return "\n".join(
        [
            "% needs \\usepackage{booktabs}",
            rf"\begin{{tabular}}{{{'l' * len(page.heads)}}}",
            r"\toprule",
            line(page.heads),
            r"\midrule",
            *map(line, page.cells),
            r"\bottomrule",
            r"\end{tabular}",
            *(rf"\par\footnotesize {_tex_escape(note)}" for note in page.notes),
            "",
        ]
    )


def _tex_escape(text: str) -> str:
    # A cell that begins with a bracket would be taken for an argument of the line before it.
    escaped = "".join(_LATEX.get(char, char) for char in " ".join(text.split()))
    return "{}" + escaped if escaped.startswith("[") else escaped
