"""The certification as a table for programs, and as one for people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from memalign_bench.certify.design import N_CASES
from memalign_bench.certify.simulation import HEADLINE, Tally

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["TITLES", "frame_of", "markdown"]

TITLES = {
    "improvement": "Improvement of the mean absolute error",
    "level": "Mean absolute error",
    "rank": "Rank correlation of one judge",
    "rank_difference": "Difference of two rank correlations",
    "reading": "Improvement in the batch reading within folds",
    "memories": "Improvement of a judge that learns",
}
"""Quantity -> its name for people."""

_INTRODUCTION = """\
# What the intervals and tests hold

Simulated studies of known truth, up to {draws} a cell; `memalign-bench certify` draws them again.

Each entry is the share of 95 % intervals that hold the truth, and in brackets the share of tests
with p <= 0.05: their size where there is no effect, their power where there is one. A star marks
the method that tables show; the others are there to compare. Targets: `memories` is the truth given
the memories learnt, `method` that of the same method on other labels. In `coverage.csv`,
`least_changed` says what holds in studies in which at least so many cases changed.
"""


def frame_of(tallies: Iterable[Tally]) -> pd.DataFrame:
    """All tallies, with the Monte Carlo standard error of the coverage."""
    import pandas as pd

    table = pd.DataFrame(list(tallies), columns=list(Tally._fields))
    # Of a share: sqrt(p (1 - p) / n).
    spread = np.sqrt(table["coverage"] * (1 - table["coverage"]) / table["draws"].clip(lower=1))
    table.insert(Tally._fields.index("coverage") + 1, "coverage_error", spread)
    numbers = ["coverage", "coverage_error", "width", "rejects"]
    return table.assign(**{name: table[name].round(4) for name in numbers})


def markdown(table: pd.DataFrame) -> str:
    """One table a quantity: a row per regime, effect and method, a column per number of cases."""
    max_draws = int(table["draws"].max())
    parts = [_INTRODUCTION.format(draws=f"{max_draws:,}")]
    for quantity, title in TITLES.items():
        rows = table[(table["quantity"] == quantity) & (table["least_changed"] == 0)]
        # The method with the fewest studies: the note gives the largest error among all.
        few = int(rows.groupby("method")["draws"].min().min())
        note = (
            f"{few:,} studies or more a cell and method: Monte Carlo standard error of a coverage"
        )
        # 0.0475 is 0.95 (1 - 0.95).
        parts.append(f"## {title}\n\n{note} of .95 at most {np.sqrt(0.0475 / few):.3f}.\n")
        parts.append("\n".join(_markdown_rows(rows)) + "\n")
    return "\n".join(parts)


def _markdown_rows(rows: pd.DataFrame) -> Iterator[str]:
    """Coverage, then rejections in brackets."""
    yield _markdown_row(["regime", "effect", "method", "target", *map(str, N_CASES)])
    yield _markdown_row(["---"] * 4 + ["---:"] * len(N_CASES))
    keys = ["regime", "effect", "method", "target"]
    for (regime, effect, method, target), group in rows.groupby(keys, sort=False):
        star = "*" if method == HEADLINE[group["quantity"].iloc[0]] else ""
        numbers = zip(group["n_cases"], group["coverage"], group["rejects"], strict=True)
        shown = {n: _cell_text(coverage, rejects) for n, coverage, rejects in numbers}
        names = [regime, effect, f"{method}{star}", target]
        yield _markdown_row([*map(str, names), *(shown.get(n, "") for n in N_CASES)])


def _cell_text(coverage: float, rejects: float) -> str:
    parts = ["" if np.isnan(coverage) else _share(coverage)]
    if not np.isnan(rejects):
        parts.append(f"({_share(rejects)})")
    return " ".join(filter(None, parts))


def _share(value: float) -> str:
    return f"{value:.3f}".removeprefix("0")


def _markdown_row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
