"""From stored records to tables, figures and page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from memalign_bench.errors import RequestError
from memalign_bench.report.cache import NumbersCache, figure_digest, restore_figure, store_figure
from memalign_bench.report.drawing import panels
from memalign_bench.report.drawing.look import Look, look_of
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
    # First, so that a misspelt figure is refused before anything is computed.
    to_draw = chosen_sections(sections, figure)
    path = analysis.frames.path
    look = look_of(analysis)
    cache = NumbersCache(analysis, sections)
    make = make_numbers if figure is None else _Numbers  # a single figure needs few sections
    numbers = make(analysis, sections, cache)
    drawn = draw_figures(analysis, numbers, look, to_draw.values(), path / "figures")
    files = {item.section.name: item.files for item in drawn}
    if figure is not None:
        if not files:
            needs = to_draw[figure].needs
            raise RequestError(f"figure={figure} has nothing to show of {path}: it needs {needs}.")
        return ReportFiles((), files, None)
    tables = make_tables(analysis, numbers, sections)
    table_files = write_tables(path / "tables", tables)
    shown = [
        PageFigure(
            item.section.name,
            item.section.title,
            item.caption,
            item.files["svg"],
            under=item.section.under,
        )
        for item in drawn
    ]
    # Last: the page holds the figures as they lie on disk.
    page = path / "report.html"
    write_bytes(page, render_page(analysis, look, tables, shown).encode())
    return ReportFiles(tuple(table_files), files, page)


def make_numbers(
    analysis: Analysis, sections: Mapping[str, Section], cache: NumbersCache | None = None
) -> Mapping[str, pd.DataFrame]:
    """Section name -> its numbers; those that every report has first, others if they have rows."""
    return dict(_Numbers(analysis, sections, cache))


class _Numbers(Mapping[str, "pd.DataFrame"]):
    """`make_numbers`, computed lazily."""

    def __init__(
        self,
        analysis: Analysis,
        sections: Mapping[str, Section],
        cache: NumbersCache | None = None,
    ) -> None:
        every = (SUMMARY, CONTRASTS, BACKENDS, *sections.values())
        self._analysis = analysis
        self._cache = cache
        self._makers = {one.name: one.numbers for one in every if one.numbers}
        self._made: dict[str, pd.DataFrame | None] = {}

    def __getitem__(self, name: str) -> pd.DataFrame:
        if name not in self._made:
            self._made[name] = None  # so that a section that asks for itself finds nothing
            make = partial(self._makers[name], self._analysis, self)
            table = make() if self._cache is None else self._cache.made(name, make)
            # An empty table of another section is left out of the report.
            always_shown = name in (SUMMARY.name, CONTRASTS.name)
            self._made[name] = table if always_shown or len(table) else None
        numbers = self._made[name]
        if numbers is None:
            raise KeyError(name)
        return numbers

    def __iter__(self) -> Iterator[str]:
        # `in` asks `__getitem__`, where a KeyError means no: whoever iterates makes every table.
        return (name for name in self._makers if name in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def make_tables(
    analysis: Analysis, numbers: Mapping[str, pd.DataFrame], sections: Mapping[str, Section]
) -> dict[str, TitledTable]:
    """Section name -> its table for people, in the order of the page."""
    with_table = sorted(
        (SUMMARY, CONTRASTS, BACKENDS, *sections.values()), key=lambda section: section.place
    )
    return {
        section.name: TitledTable(section.title, section.table(analysis, numbers[section.name]))
        for section in with_table
        if section.table and section.name in numbers
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
    numbers: Mapping[str, pd.DataFrame],
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
        data = section.drawn_data(analysis, numbers, look)
        if section.draw and section.caption and len(data):
            # Drawing takes most of a report's time: reuse a figure of the same numbers.
            digest = figure_digest(section, data, look)
            files = restore_figure(digest, folder, section.name)
            if files is None:
                # Saved inside the theme as well: the SVG's hash salt and the fonts' types are read
                # when a file is written.
                with panels.theme():
                    files = panels.render(section.draw(data, look), folder, section.name)
                store_figure(digest, files)
            drawn.append(DrawnFigure(section, section.caption(look, data), data, files))
    return drawn
