"""From stored records to tables, figures and page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from memalign_bench.report import drawing
from memalign_bench.report.figures import FigureModule, choose_figures
from memalign_bench.report.frames import StudyFrames, load_study
from memalign_bench.report.html import PageFigure, render_page
from memalign_bench.report.look import Look, look_of
from memalign_bench.report.tables import Tables, make_tables, write_tables
from memalign_bench.study.records import write_bytes

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["DrawnFigure", "ReportFiles", "build_report", "draw_figures"]


@dataclass(frozen=True)
class ReportFiles:
    """What a report wrote: tables, figures (name -> format -> file), and the page if made."""

    tables: tuple[Path, ...]
    figures: Mapping[str, Mapping[str, Path]]
    page: Path | None


@dataclass(frozen=True)
class DrawnFigure:
    """A figure on disk, with the numbers it shows."""

    name: str
    title: str
    caption: str
    data: pd.DataFrame
    files: Mapping[str, Path]


def build_report(
    study_path: str | Path,
    *,
    figure: str | None = None,
    calibration: str | None = None,
    missing: str = "worst",
    n_resamples: int = 10_000,
    seed: int = 0,
) -> ReportFiles:
    """Write a study's `tables/`, `figures/` and `report.html` from its stored records alone.

    Args:
        study_path: The study's folder.
        figure: Redraw this figure only; tables and page stay as they are.
        calibration: `none` or `batch`, how distributions are read; by default as the study says.
        missing: What a missing answer costs: `worst`, `exclude` or `as_zero`.
        n_resamples: Bootstrap resamples of cases.
        seed: Root seed of resamples and permutations.

    Raises:
        RequestError: If there is no such figure, or calibration or missing is no choice.
        RecordError: If the records cannot be read or contradict one another.
    """
    chosen = choose_figures(figure)
    frames = load_study(study_path)
    tables = make_tables(frames, calibration, missing, n_resamples, seed)
    look = look_of(frames, tables.summary, tables.summary.attrs["reading"])
    drawn = draw_figures(frames, tables, look, chosen, frames.path / "figures")
    files = {one.name: one.files for one in drawn}
    if figure is not None:
        return ReportFiles((), files, None)
    written = write_tables(frames, frames.path / "tables", tables)
    shown = [PageFigure(one.name, one.title, one.caption, one.files["svg"]) for one in drawn]
    page = frames.path / "report.html"
    text = render_page(frames, tables, look, shown)
    write_bytes(page, text.encode())
    return ReportFiles(tuple(written), files, page)


def draw_figures(
    frames: StudyFrames,
    tables: Tables,
    look: Look,
    modules: Mapping[str, FigureModule],
    folder: Path,
) -> list[DrawnFigure]:
    """Draw figures and save them; a figure without data is left out.

    Returns:
        What was drawn, in the order of `modules`.
    """
    drawn = []
    with drawing.theme():
        for name, module in modules.items():
            data = module.data(frames, tables, look)
            if not len(data):
                continue
            files = drawing.render(module.draw(data, look), folder, name)
            drawn.append(DrawnFigure(name, module.TITLE, module.caption(look, data), data, files))
    return drawn
