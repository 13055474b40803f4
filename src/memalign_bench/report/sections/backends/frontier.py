"""What a question costs against the error, and the judges that nothing else beats in both."""

from __future__ import annotations

from typing import TYPE_CHECKING

from memalign_bench.report.drawing import panels
from memalign_bench.report.drawing.look import Look
from memalign_bench.report.numbers.frames import rows_of
from memalign_bench.report.sections.backends.tables import compare_backends, pareto_front

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from memalign_bench.report.numbers.analysis import Analysis
    from memalign_bench.report.sections.section import SectionNumbers

__all__ = ["caption", "data", "draw"]

# Matplotlib's fill styles: which half of a mark is filled.
_FILLS = ("full", "none", "left", "right", "top", "bottom")
_APART = 1.012
"""Factor between backends: where they read the same prompts, their intervals would be one line."""


def caption(look: Look, data: pd.DataFrame) -> str:
    """What is shown, and what the line joins."""
    priced = data["unit"].iloc[0] == "usd"
    unit = "money for a question, in USD" if priced else "prompt tokens of a question"
    why = "" if priced else " (not all backends have a price above zero)"
    return (
        "Mean absolute error over the dimensions that all of these judges were asked on, with 95 %"
        f" intervals over cases, against {unit}{why}. The line joins the judges that no other beats"
        f" in both. Backends that read the same stand side by side. Reading: {look.reading}."
        " Variants that were run on one backend only are left out."
    )


def data(analysis: Analysis, made: SectionNumbers, look: Look) -> pd.DataFrame:
    """One row per variant and backend: `variant backend effort unit mae mae_low mae_high front`."""
    import pandas as pd

    table = made.get("backends")
    if table is None:
        return pd.DataFrame()
    if table["n_dimensions"].nunique() > 1:
        table = compare_backends(analysis, on_one_axis=True)
    silent = set(table.attrs["silent"])
    # One axis cannot hold both: tokens, where a single price is missing.
    # A logarithmic axis has no place for what costs nothing; NaN is not above 0 either.
    priced = bool((table["cost_usd"] > 0).all())
    effort = table["cost_usd"] if priced else table["prompt_tokens"]
    # Over all variants; what comes back are places of rows.
    judges = list(zip(table["variant"], table["backend"], strict=True))
    # Failing may cost little: silence is on no front.
    answering = [at for at, judge in enumerate(judges) if judge not in silent]
    spent, errors = effort.to_numpy()[answering], table["mae"].to_numpy()[answering]
    front = [answering[at] for at in pareto_front(spent.tolist(), errors.tolist())]
    return table[["variant", "backend", "mae", "mae_low", "mae_high"]].assign(
        effort=effort,
        unit="usd" if priced else "tokens",
        front=[at in front for at in range(len(table))],
    )


def draw(data: pd.DataFrame, look: Look) -> Figure:
    """One point a judge: colour and shape by variant, filling by backend."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter

    variants, backends = look.ordered(data["variant"]), sorted(set(data["backend"]))
    fill = {name: _FILLS[at % len(_FILLS)] for at, name in enumerate(backends)}
    # Backends that read the same stand side by side: shifted by a factor, the axis is logarithmic.
    middle = (len(backends) - 1) / 2
    aside = {name: _APART ** (at - middle) for at, name in enumerate(backends)}
    data = data.assign(place=data["effort"] * data["backend"].map(aside))
    figure = Figure(figsize=(6.3, 4.2), layout="constrained")
    axes = figure.subplots()
    # The line of judges that no other beats in both.
    front = data[data["front"]].sort_values("effort")
    axes.plot(front["place"], front["mae"], color="0.6", linewidth=1, zorder=1)
    for row in rows_of(data):
        mark = look.marks[row["variant"]]
        axes.errorbar(
            row["place"],
            row["mae"],
            # Lengths from the point, not ends.
            yerr=[[row["mae"] - row["mae_low"]], [row["mae_high"] - row["mae"]]],
            marker=mark.shape,
            color=mark.colour,
            fillstyle=fill[row["backend"]],
            markersize=7,
            linewidth=1.1,
        )
    # Prices and tokens span orders of magnitude.
    axes.set_xscale("log")
    # Multiples too: the range may hold no power of ten.
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 1.5, 2, 3, 5, 7)))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,g}"))
    axes.xaxis.set_minor_locator(NullLocator())
    priced = data["unit"].iloc[0] == "usd"
    axes.set_xlabel("USD a question" if priced else "prompt tokens a question")
    axes.set_ylabel("mean absolute error (grades)")
    entries = panels.variant_handles(look, variants)
    entries += [
        panels.handle(name, marker="o", color="0.3", fillstyle=fill[name]) for name in backends
    ]
    figure.legend(handles=entries, loc="outside lower center", ncols=4, frameon=False)
    return figure
