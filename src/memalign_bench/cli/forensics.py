"""`memalign-bench forensics`: what published figures can be, and what follows from them."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from memalign_bench.forensics import Audit, audit, read_figures, shipped_figures
from memalign_bench.forensics.findings import any_of
from memalign_bench.report.drawing.panels import render, theme
from memalign_bench.report.tables.columns import word
from memalign_bench.report.tables.files import texts_of
from memalign_bench.report.tables.table import Table as FileTable
from memalign_bench.study.records import write_bytes, write_json

if TYPE_CHECKING:
    from omegaconf import DictConfig
    from rich.table import Table

__all__ = ["work"]

# Verdict of a finding -> its colour.
_COLOURS = {
    "agrees": "green",
    "can reach": "green",
    "does not fit": "red",
    "cannot reach": "red",
    "not printed": "yellow",
    "simulated": "cyan",
}
# Table of an `Audit` -> what stands below it in its file for people; also the files' order.
_NOTES = {
    "findings": (
        "Each holds for the printed figures alone: repeated or dropped answers, or a slip in print,"
        " may lie behind what does not fit.",
    ),
    "sizes": (
        "n: numbers of items at which all printed means of the row hold together, rounded to the"
        " nearest, ties in any one way; the last four columns: with that one rounding.",
        "step: whole where an error is a difference of two grades, half or third where the expert's"
        " grade is a mean of two or three.",
        "n with interval: where both bounds are means of n rows as well, as quantiles of resamples"
        " of n rows mostly are (those of another size need not be).",
    ),
    "means": ("Each printed mean by itself; rounded to the nearest, ties either way.",),
    "agreements": ("Expected: what the other numbers allow, each within its rounding.",),
    "pairs": (
        "Aligned judges in two experiments; errors are sums in grades. p smallest: exact sign-flip"
        " test over items, two-sided, uncorrected, the smallest that any such items give.",
    ),
    "attainable": (
        "Sums in grades. p: the smallest, two-sided, that any items with these sums give; 0 where"
        " all may gain alike. Holm: over the dimensions of the study, every other at its smallest p"
        " over all n that fit, or 1 where it is said not to be significant or nothing is said.",
    ),
    "coverage": (
        "Share of percentile intervals that hold the truth, with its Monte Carlo error. notebooks:"
        " drawn as worded, with the rows that come with them; rows: enlarged likewise; as_many: as"
        " many rows as there are.",
        "normal: gains without lumps; whole: -1, 0 or 1 grade, true shares drawn for every study.",
    ),
}


class _AuditTable(NamedTuple):
    """One table of the audit: its columns, and its rows as text."""

    name: str
    heads: list[str]
    rows: list[list[Any]]


def work(cfg: DictConfig, choices: Mapping[str, str], search: Sequence[str]) -> int:
    """Audit the figures, show what was found, and write it."""
    settings = {"studies": cfg.studies, "resamples": cfg.resamples, "seed": cfg.seed}
    study = shipped_figures() if cfg.figures is None else read_figures(Path(str(cfg.figures)))
    if study.design.bootstrap is not None:
        sys.stderr.write(f"simulating {settings['studies']:,} studies for each coverage\n")
    result = audit(study, **settings)
    _print_audit(result)
    folder = Path(str(cfg.out)) if cfg.out else Path(cfg.results_dir) / _folder_of(cfg.figures)
    count = _write_audit(result, folder)
    sys.stderr.write(f"wrote {count} files under {folder}\n")
    return 0


def _folder_of(figures: object) -> str:
    return "forensics" if figures is None else f"forensics_{Path(str(figures)).stem}"


def _print_audit(result: Audit) -> None:
    from rich.console import Console

    # Without a terminal rich takes 80 columns, too few for these tables.
    console = Console(width=None if sys.stdout.isatty() else 160)
    console.print(result.study.source, markup=False, highlight=False)
    console.print(_dimensions_table(result))
    console.print(_findings_table(result))


def _dimensions_table(result: Audit) -> Table:
    """One line for each dimension: where its numbers hold, and what they can reach."""
    from rich.markup import escape
    from rich.table import Column, Table

    table = Table(
        Column("experiment", overflow="fold"), Column("dimension", overflow="fold"), "printed",
        "n: whole grades", "half", "third", "smallest p", "after Holm", "t-test", "after Holm",
        caption="p: for whole grades and the least n, at best; t: at its best likewise",
        caption_justify="left",
    )  # fmt: skip
    # Reversed, so that the least n of each dimension is the one that stays.
    least = {
        (row.experiment, row.dimension): row
        for row in reversed(result.attainable)
        if row.step == "whole"
    }
    fits = {(row.experiment, row.dimension, row.step): row for row in result.sizes}
    for experiment, dimension in dict.fromkeys((r.experiment, r.dimension) for r in result.sizes):
        rows = [fits[experiment, dimension, step] for step in ("whole", "half", "third")]
        best = least.get((experiment, dimension))
        p = (best.p_sign_flip, best.p_sign_flip_holm, best.p_t, best.p_t_holm) if best else ()
        sizes = [any_of(row.n, ", ") if row.n else "[red]none[/]" for row in rows]
        # Empty cells where no whole-grade sums fit.
        p_values = [f"{value:.2g}" for value in p] or [""] * 4
        named = map(escape, (experiment, dimension, rows[0].printed))
        table.add_row(*named, *sizes, *p_values)
    return table


def _findings_table(result: Audit) -> Table:
    from rich.markup import escape
    from rich.table import Table

    table = Table("check", "where", "verdict", "what can be concluded", show_lines=True)
    for row in result.findings:
        verdict = f"[{_COLOURS[row.verdict]}]{row.verdict}[/]"
        # Names and sentences may hold what rich reads as a style: [red].
        table.add_row(row.check, escape(row.where), verdict, escape(row.sentence))
    return table


def _write_audit(result: Audit, folder: Path) -> int:
    """Tables as csv and md, everything as json, one figure; how many files."""
    from memalign_bench.forensics.drawing import draw_sizes

    tables = [*_filled_tables(result)]
    for table in tables:
        for ending, text in _csv_and_markdown(table).items():
            write_bytes(folder / "tables" / f"{table.name}.{ending}", text.encode())
    content = {
        "source": result.study.source,
        **{
            table.name: [dict(zip(table.heads, row, strict=True)) for row in table.rows]
            for table in tables
        },
    }
    write_json(folder / "forensics.json", content)
    with theme():
        figure = draw_sizes(result.sizes, result.study.design.largest_n)
        drawn = render(figure, folder / "figures", "sizes")
    # Each table as csv and md, the json, and the figure in each of its formats.
    return 2 * len(tables) + 1 + len(drawn)


def _filled_tables(result: Audit) -> Iterable[_AuditTable]:
    """The tables that have rows."""
    for name in _NOTES:
        rows: Sequence[Any] = getattr(result, name)
        if rows:
            yield _AuditTable(name, [*rows[0]._fields], [list(row) for row in rows])


def _csv_and_markdown(table: _AuditTable) -> dict[str, str]:
    import pandas as pd

    rows = [dict(zip(table.heads, row, strict=True)) for row in table.rows]
    frame = pd.DataFrame([[*map(_csv_value, row)] for row in table.rows], columns=table.heads)
    columns = [
        word(head.replace("_", " "), partial(_markdown_cell, rows, head)) for head in table.heads
    ]
    # A cell for people is made of the value itself, which the frame of csv texts does not hold: the
    # row's number leads there.
    for_readers = FileTable(frame.assign(row=range(len(rows))), columns, _NOTES[table.name])
    return {
        "csv": texts_of(FileTable(frame, ()))["csv"],
        "md": texts_of(for_readers)["md"],
    }


def _markdown_cell(rows: Sequence[Mapping[str, Any]], head: str, line: Mapping[str, Any]) -> str:
    return _reader_text(rows[line["row"]][head])


def _csv_value(value: Any) -> str:
    """A value for a machine: six digits, sizes apart by blanks, nothing where missing."""
    if isinstance(value, tuple):
        return " ".join(map(str, value))
    if isinstance(value, float):
        return f"{value:.6g}"
    return "" if value is None else str(value)


def _reader_text(value: Any) -> str:
    """A value for people."""
    if isinstance(value, tuple):
        return any_of(value, ", ") if value else ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.3g}" if isinstance(value, float) else _csv_value(value)
