"""Tables of a leaderboard: one row an agent, one row an agent and dimension, and over time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from memalign_bench.loop.leaderboard.standings import OVERALL, Standings
from memalign_bench.report.page.page import TitledTable
from memalign_bench.report.tables.columns import (
    count,
    dimension_column,
    interval,
    real,
    share,
    word,
)
from memalign_bench.report.tables.table import Table

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["leaderboard_tables"]

_CLAIMS: Mapping[str, str] = {
    "response": (
        "The mean is read by how the judge's grades answer to the experts' on held-out labelled"
        " notebooks, and its interval carries the judge's error; it supposes that notebooks of one"
        " true grade are graded alike, whoever wrote them."
    ),
    "ppi": (
        "The mean is prediction-powered (PPI++), and its interval carries the judge's error; it"
        " supposes that the labelled notebooks are like the agents' own."
    ),
    "opinion": "The mean is the judge's opinion: its error is in no interval.",
}


def leaderboard_tables(
    standings: Standings, claim: str, history: pd.DataFrame | None
) -> dict[str, TitledTable]:
    """Name -> heading and table, in the order of the page.

    Args:
        standings: The standings.
        claim: How means were read.
        history: `leaderboard.history.logged_history`; None without a tracker.
    """
    # Columns that several of the tables share.
    mean = interval("mean grade", "mean", help=_CLAIMS[claim])
    opinion = interval("the judge's opinion", "opinion", help="the judge's mean as it stands")
    agent = [word("agent", "agent"), word("run", "run")]
    overall = Table(
        # The number is for sorting; `rank` has it with the mark of a tie.
        standings.overall.drop(columns="rank_number"),
        [
            word("rank", "rank", help="=: not told apart from others"),
            *agent,
            word("backend", "backend"),
            mean,
            opinion,
            word("not told apart from", "tied_with"),
            count("cases", "n_cases"),
            count("notebooks", "n_notebooks"),
            share("ran to the end", "executed"),
            real("cost", "cost_usd", 4, unit="USD"),
            real("time", "seconds_a_notebook", 1, unit="seconds a notebook"),
            real("tokens", "tokens_a_notebook", 0, unit="tokens a notebook"),
        ],
        notes=[
            "Means over dimensions.",
            _CLAIMS[claim],
            "An agent's rank is one more than the number of agents confirmed to be better (paired"
            " by case and dimension, corrected over all pairs); = marks one that is not told apart"
            " from others, which does not say that they are equal.",
        ],
        findings=standings.notes,
    )
    dimensions = Table(
        standings.dimensions,
        [
            *agent,
            dimension_column(standings.titles),
            mean,
            opinion,
            count("cases", "n_cases"),
            word("note", "note"),
        ],
        notes=["Means by dimension.", _CLAIMS[claim]],
        filters={"dimension": ""},
    )
    tables = {
        "leaderboard": TitledTable("Leaderboard", overall),
        "leaderboard_dimensions": TitledTable("By dimension", dimensions),
    }
    # Without a tracker there is nothing over time.
    if history is not None and len(history):
        # Under the names by which the column of means finds its ends.
        shown = history[history["dimension"] == OVERALL].rename(
            columns={"low": "mean_low", "high": "mean_high"}
        )
        # The tracker keeps no interval of opinions.
        logged = interval("mean grade", "mean", help="as it was read when the run was logged")
        columns = [word("made", "finished"), *agent, logged, real("the judge's opinion", "opinion")]
        notes = [
            "Every run that this judge has scored, as the tracker keeps them, oldest first.",
            "A run is logged once: its mean is read as claim= said then, which may be otherwise"
            " than in the other tables.",
        ]
        tables["leaderboard_history"] = TitledTable("Over time", Table(shown, columns, notes))
    return tables
