"""Mean absolute error by dimension and variant, with intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING

from memalign_bench.report.drawing import panels
from memalign_bench.report.drawing.look import Look, Mark
from memalign_bench.report.numbers.alignments import MEDIAN
from memalign_bench.report.prose import CONSTANT_MARK

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    from memalign_bench.report.numbers.analysis import Analysis
    from memalign_bench.report.sections.section import SectionNumbers

__all__ = ["caption", "data", "draw"]

# Drawn as lines: where points have a shape stands the line's style.
_CEILING = Mark("#b8860b", ":")
_MEDIAN_LINE = Mark("#000000", "-")


def caption(look: Look, data: pd.DataFrame) -> str:
    """What is shown, how to read the marks, and in which reading."""
    parts = [
        f"Mean absolute error between judge and expert by dimension, in grades of the scale"
        f" {look.grades[0]} to {look.grades[-1]} (lower is better); n counts items that experts"
        f" graded. Reading: {look.reading}. Lines are 95 % intervals over cases."
    ]
    if data["other"].notna().any():
        other = "batch" if look.reading == "raw" else "raw"
        parts.append(f"Small rings show the {other} reading of the same answers.")
    if data["median"].notna().any():
        parts.append("Black line: always answering the median training label.")
    if data["ceiling"].notna().any():
        parts.append(
            "Dotted line: each human rater against the median of the others (a target of its own,"
            " compare with mae_loo in the table)."
        )
    if data.loc[data["variant"] != MEDIAN, "constant"].any():
        parts.append(f"{CONSTANT_MARK}: a judge that gave every item the same grade.")
    return " ".join(parts)


def data(analysis: Analysis, made: SectionNumbers, look: Look) -> pd.DataFrame:
    """One row per dimension, variant and panel; `median` and `ceiling` hold for the dimension.

    Columns: `dimension variant backend n_items value low high other median ceiling constant`.
    """
    table = panels.with_model_free_rows(made["summary"], look)
    medians = table[table["variant"] == MEDIAN].set_index("dimension")["mae"]
    # Without a model the median label stands in every backend's panel, so its rows repeat.
    medians = medians[~medians.index.duplicated()]
    rows = table.assign(
        value=table["mae"],
        low=table["mae_low"],
        high=table["mae_high"],
        other=table["mae_batch" if look.reading == "raw" else "mae_raw"],
        median=table["dimension"].map(medians),
        ceiling=table["ceiling_loo"],
        constant=table["n_distinct_grades"] == 1,
    )
    columns = ["dimension", "variant", "backend", "n_items", "value", "low", "high", "other"]
    return rows[[*columns, "median", "ceiling", "constant"]].reset_index(drop=True)


def draw(data: pd.DataFrame, look: Look) -> Figure:
    """Points with intervals; the median label and the human ceiling as lines through each row."""
    variants = [name for name in look.ordered(data["variant"]) if name != MEDIAN]
    legend = [*panels.variant_handles(look, variants), *_line_handles(data)]
    figure, grid = panels.dimension_panels(data, look, legend)
    for panel in grid:
        here = data[data["backend"] == panel.backend]
        # Lines first: points are drawn over them.
        for column, mark, style in (("median", _MEDIAN_LINE, "-"), ("ceiling", _CEILING, ":")):
            values = here.groupby("dimension")[column].first()
            names = look.dimensions(data["dimension"])
            places = {names.index(str(name)): value for name, value in values.items()}
            panels.draw_ticks(panel.axes, places, mark, style)
        _draw_variants(panel, data, look, variants)
        panel.axes.set_xlabel("mean absolute error (grades)")
        # Last: setting a limit ends the fitting of the other end to what is drawn.
        panel.axes.set_xlim(left=0)
    return figure


def _draw_variants(
    panel: panels.Panel, data: pd.DataFrame, look: Look, variants: list[str]
) -> None:
    # Of all panels, so that a dimension stands at one height in each.
    names = look.dimensions(data["dimension"])
    here = data[(data["backend"] == panel.backend) & data["variant"].isin(variants)]
    panels.draw_points(panel.axes, here, look, variants, names)


def _line_handles(data: pd.DataFrame) -> list[Line2D]:
    entries = []
    if data["median"].notna().any():
        entries.append(panels.handle("median label", linestyle="-", color=_MEDIAN_LINE.colour))
    if data["ceiling"].notna().any():
        entries.append(panels.handle("human ceiling", linestyle=":", color=_CEILING.colour))
    if data["other"].notna().any():
        entries.append(
            panels.handle(
                "other reading", marker="o", color="0.3", fillstyle="none", markersize=2.6
            )
        )
    # The median label is constant by design, and drawn as a line without a dagger.
    return entries + panels.constant_handle(data[data["variant"] != MEDIAN])
