"""From stored records to tables, figures and page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from memalign_bench.errors import RequestError
from memalign_bench.report.drawing import panels
from memalign_bench.report.drawing.look import Look, look_of
from memalign_bench.report.drawn_before import figure_digest, keep, take
from memalign_bench.report.numbers.analysis import Analysis
from memalign_bench.report.page.page import PageFigure, TitledTable, render_page
from memalign_bench.report.sections.agreement.tables import SUMMARY
from memalign_bench.report.sections.backends.tables import BACKENDS
from memalign_bench.report.sections.contrasts.tables import CONTRASTS
from memalign_bench.report.sections.section import Section, chosen_sections
from memalign_bench.report.tables.files import texts_of
from memalign_bench.study.records import write_bytes

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "DrawnFigure",
    "ReportFiles",
    "build_report",
    "draw_figures",
    "make_numbers",
    "make_tables",
    "write_tables",
]


@dataclass(frozen=True)
class ReportFiles:
    """What a report wrote: tables, figures (name -> format -> file), and the page if made."""

    tables: tuple[Path, ...]
    figures: Mapping[str, Mapping[str, Path]]
    page: Path | None


@dataclass(frozen=True)
class DrawnFigure:
    """A figure on disk, with the numbers it shows."""

    section: Section
    caption: str
    data: pd.DataFrame
    files: Mapping[str, Path]


def build_report(
    analysis: Analysis, sections: Mapping[str, Section], figure: str | None = None
) -> ReportFiles:
    """Write a study's `tables/`, `figures/` and `report.html` from its stored records alone.

    Args:
        analysis: The records, and how they are read.
        sections: The report's topics (`config.build_sections`).
        figure: Redraw this figure only; tables and page stay as they are.

    Raises:
        RequestError: If there is no such figure, or nothing that it could show.
    """
    chosen = chosen_sections(sections, figure)
    path = analysis.frames.path
    look = look_of(analysis)
    made = make_numbers(analysis, sections) if figure is None else _Numbers(analysis, sections)
    drawn = draw_figures(analysis, made, look, chosen.values(), path / "figures")
    files = {one.section.name: one.files for one in drawn}
    if figure is not None:
        if not files:
            needs = chosen[figure].needs
            raise RequestError(f"figure={figure} has nothing to show of {path}: it needs {needs}.")
        return ReportFiles((), files, None)
    tables = make_tables(analysis, made, sections)
    written = write_tables(path / "tables", tables)
    shown = [
        PageFigure(one.section.name, one.section.title, one.caption, one.files["svg"])
        for one in drawn
    ]
    page = path / "report.html"
    write_bytes(page, render_page(analysis, look, tables, shown).encode())
    return ReportFiles(tuple(written), files, page)


def make_numbers(analysis: Analysis, sections: Mapping[str, Section]) -> dict[str, pd.DataFrame]:
    """Section name -> its numbers; those that every report has first, others if they have rows."""
    return dict(_Numbers(analysis, sections))


class _Numbers(Mapping[str, "pd.DataFrame"]):
    """`make_numbers` of the sections that are asked for: a single figure needs few of them."""

    def __init__(self, analysis: Analysis, sections: Mapping[str, Section]) -> None:
        every = (SUMMARY, CONTRASTS, BACKENDS, *sections.values())
        self._analysis = analysis
        self._makers = {one.name: one.numbers for one in every if one.numbers}
        self._made: dict[str, pd.DataFrame | None] = {}

    def __getitem__(self, name: str) -> pd.DataFrame:
        if name not in self._made:
            self._made[name] = None  # a section has no numbers while they are being made
            found = self._makers[name](self._analysis, self)
            always = name in (SUMMARY.name, CONTRASTS.name)
            self._made[name] = found if always or len(found) else None
        made = self._made[name]
        if made is None:
            raise KeyError(name)
        return made

    def __iter__(self) -> Iterator[str]:
        return (name for name in self._makers if name in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def make_tables(
    analysis: Analysis, made: Mapping[str, pd.DataFrame], sections: Mapping[str, Section]
) -> dict[str, TitledTable]:
    """Section name -> its table for people, in the order of the page."""
    tabled = sorted((SUMMARY, CONTRASTS, BACKENDS, *sections.values()), key=lambda one: one.place)
    return {
        one.name: TitledTable(one.title, one.table(analysis, made[one.name]))
        for one in tabled
        if one.table and one.name in made
    }


def write_tables(out: Path, tables: Mapping[str, TitledTable]) -> list[Path]:
    """Write tables as csv, md and tex into a folder, each file atomically.

    Returns:
        The files written.
    """
    files = []
    for name, titled in tables.items():
        for ending, text in texts_of(titled.table).items():
            files.append(out / f"{name}.{ending}")
            write_bytes(files[-1], text.encode())
    return files


def draw_figures(
    analysis: Analysis,
    made: Mapping[str, pd.DataFrame],
    look: Look,
    sections: Iterable[Section],
    folder: Path,
) -> list[DrawnFigure]:
    """Draw figures and save them; a figure without data is left out.

    Returns:
        What was drawn, in the order of `sections`.
    """
    drawn = []
    for section in sections:
        data = section.drawn_data(analysis, made, look)
        if section.draw and section.caption and len(data):
            digest = figure_digest(section, data, look)
            files = take(digest, folder, section.name)
            if files is None:
                with panels.theme():
                    files = panels.render(section.draw(data, look), folder, section.name)
                keep(digest, files)
            drawn.append(DrawnFigure(section, section.caption(look, data), data, files))
    return drawn
