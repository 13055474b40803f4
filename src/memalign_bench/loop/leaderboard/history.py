"""How agents did over time: each scored run once in MLflow, and all of them read back."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from memalign_bench.loop.leaderboard.standings import OVERALL, Standings
from memalign_bench.study.tracking import metric_name

if TYPE_CHECKING:
    import pandas as pd

    from memalign_bench.loop.scoring.records import ScoredRun
    from memalign_bench.study.tracking import MlflowTracker

__all__ = ["logged_history"]

_KIND = "agent scores"
_VALUES = ("opinion", "mean", "low", "high")
_PARAMETERS = ("agent", "backend", "model", "n", "seed", "cases_digest")


def logged_history(
    tracker: MlflowTracker, runs: list[ScoredRun], standings: Standings
) -> pd.DataFrame:
    """Log runs that are not there yet; all that one judge ever scored, oldest first.

    Args:
        tracker: Where.
        runs: Scored runs, by one judge.
        standings: Their standings.

    Returns:
        Columns `finished agent run dimension opinion mean low high`, a row a run and dimension.

    Raises:
        Exception: Whatever MLflow, its store and its network raise.
    """
    import pandas as pd

    judge = str(runs[0].judge["digest"])
    with tracker.connected() as mlflow:
        experiment = mlflow.get_experiment_by_name(tracker.experiment).experiment_id
        wanted = f"tags.kind = '{_KIND}' and tags.judge = '{judge}'"

        def read() -> list[Any]:
            return list(
                mlflow.search_runs([experiment], wanted, output_format="list", max_results=10_000)
            )

        # By the scores' hash: a run that is scored anew is logged anew.
        known = {logged.data.tags["scores_sha256"] for logged in read()}
        for run in runs:
            if run.manifest["scores_sha256"] not in known:
                _log_run(mlflow, run, standings, judge)
        # Read again, with what has just been logged.
        rows = [row for logged in read() for row in _history_rows(logged.data)]
    table = pd.DataFrame(rows, columns=["finished", "agent", "run", "dimension", *_VALUES])
    return table.sort_values(["finished", "run", "dimension"], ignore_index=True)


def _log_run(mlflow: Any, run: ScoredRun, standings: Standings, judge: str) -> None:
    tags = {
        "kind": _KIND,
        "judge": judge,
        "generated_run": run.name,
        "finished": str(run.generated["finished"]),
        "scores_sha256": run.manifest["scores_sha256"],
    }
    # All dimensions together are logged as if they were one more.
    tables = [standings.overall.assign(dimension=OVERALL), standings.dimensions]
    with mlflow.start_run(run_name=run.name, tags=tags):
        mlflow.log_params({key: run.generated.get(key) for key in _PARAMETERS})
        for table in tables:
            for row in table[table["run"] == run.name].to_dict("records"):
                values = (row["opinion"], row["mean"], row["mean_low"], row["mean_high"])
                mlflow.log_metrics(
                    {
                        f"{metric_name(row['dimension'])}/{name}": value
                        for name, value in zip(_VALUES, values, strict=True)
                        if not math.isnan(value)  # MLflow takes none
                    }
                )


def _history_rows(data: Any) -> list[dict[str, Any]]:
    # Metrics are called DIMENSION/VALUE.
    names = sorted({key.partition("/")[0] for key in data.metrics})
    return [
        {
            "finished": data.tags["finished"],
            "agent": data.params["agent"],
            "run": data.tags["generated_run"],
            "dimension": name,
            **{value: data.metrics.get(f"{name}/{value}", float("nan")) for value in _VALUES},
        }
        for name in names
    ]
