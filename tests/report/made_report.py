"""A study read, counted and tabled, as the report does it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from memalign_bench.config import build_sections
from memalign_bench.report.build import make_numbers, make_tables, write_tables
from memalign_bench.report.drawing import panels
from memalign_bench.report.drawing.look import Look, look_of
from memalign_bench.report.numbers.analysis import Analysis
from memalign_bench.report.numbers.frames import StudyFrames, load_study
from memalign_bench.report.page.page import PageFigure, TitledTable, render_page
from memalign_bench.report.tables.table import Table

SECTIONS = build_sections()


@dataclass(frozen=True)
class MadeReport:
    """All that a report is put together from."""

    frames: StudyFrames
    analysis: Analysis
    made: Mapping[str, pd.DataFrame]
    look: Look

    @property
    def tables(self) -> dict[str, TitledTable]:
        return make_tables(self.analysis, self.made, SECTIONS)

    def table(self, name: str) -> Table:
        return self.tables[name].table

    def write(self, out: Path) -> list[Path]:
        return write_tables(out, self.tables)

    def page(self, figures: Sequence[PageFigure] = ()) -> str:
        return render_page(self.analysis, self.look, self.tables, figures)

    def data(self, name: str) -> Any:
        return SECTIONS[name].drawn_data(self.analysis, self.made, self.look)

    def caption(self, name: str, data: pd.DataFrame | None = None) -> str:
        told = SECTIONS[name].caption
        assert told is not None
        return told(self.look, self.data(name) if data is None else data)

    def draw(self, name: str, data: pd.DataFrame | None = None) -> Figure:
        """Inside `panels.theme`."""
        draw = SECTIONS[name].draw
        assert draw is not None
        return draw(self.data(name) if data is None else data, self.look)


def analysis_of(study: Path | StudyFrames, *args: Any, **options: Any) -> Analysis:
    frames = study if isinstance(study, StudyFrames) else load_study(study)
    return Analysis.of(frames, *args, **options)


def report_of(study: Path | StudyFrames, *args: Any, **options: Any) -> MadeReport:
    analysis = analysis_of(study, *args, **options)
    return MadeReport(
        analysis.frames, analysis, make_numbers(analysis, SECTIONS), look_of(analysis)
    )


__all__ = ["SECTIONS", "MadeReport", "analysis_of", "panels", "report_of"]
