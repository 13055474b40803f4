"""From standings to files: tables, figure, and one self-contained page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from memalign_bench.loop.leaderboard.standings import Standings
from memalign_bench.report.build import write_tables
from memalign_bench.report.drawing import panels
from memalign_bench.report.leaderboard.figure import CAPTION, draw_leaderboard
from memalign_bench.report.leaderboard.tables import leaderboard_tables
from memalign_bench.report.page.page import PageFigure, asset, policy, template
from memalign_bench.report.prose import typographic
from memalign_bench.study.records import write_bytes

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["write_leaderboard"]


def write_leaderboard(
    standings: Standings,
    out: Path,
    *,
    name: str,
    claim: str,
    scale: tuple[float, float],
    facts: Sequence[tuple[str, str]],
    history: pd.DataFrame | None = None,
) -> list[Path]:
    """Write `leaderboard*.csv|md|tex`, `leaderboard.png|svg|pdf` and `leaderboard.html`.

    Args:
        standings: The standings.
        out: The folder.
        name: Of the loop.
        claim: How means were read.
        scale: Lowest and highest grade.
        facts: What the page says of judge, cases and code.
        history: Runs over time; None without a tracker.

    Returns:
        The files written, the page last.
    """
    from markupsafe import Markup

    tables = leaderboard_tables(standings, claim, history)
    files = write_tables(out, tables)
    # Before the page, which holds the figure itself.
    with panels.theme():
        figure_files = panels.render(draw_leaderboard(standings, scale), out, "leaderboard")
    # The policy names both by their hashes, so they go into the page unchanged.
    style, script = asset("report.css"), asset("report.js")
    text = template("leaderboard.html.j2").render(
        policy=policy(style, script),
        # Of this package, hence not escaped; everything else is.
        style=Markup(style),
        script=Markup(script),
        name=name,
        facts=facts,
        tables=tables,
        figure=PageFigure("leaderboard", "Leaderboard", CAPTION, figure_files["svg"]),
        typographic=typographic,
        dimensions=standings.titles,
    )
    page = out / "leaderboard.html"
    write_bytes(page, text.encode())
    return [*files, *figure_files.values(), page]
