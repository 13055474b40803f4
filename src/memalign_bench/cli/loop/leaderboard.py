"""`memalign-bench leaderboard`: agents side by side."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from memalign_bench.config import build_tracker
from memalign_bench.config.checking import names_in
from memalign_bench.errors import RequestError, first_line
from memalign_bench.loop.leaderboard.history import logged_history
from memalign_bench.loop.leaderboard.standings import Standings, standings
from memalign_bench.loop.places import run_path, run_paths
from memalign_bench.loop.scoring.records import ScoredRun, load_scored
from memalign_bench.report.leaderboard.build import write_leaderboard
from memalign_bench.report.prose import with_interval
from memalign_bench.wording import counted

if TYPE_CHECKING:
    import pandas as pd
    from omegaconf import DictConfig

__all__ = ["work"]


def work(cfg: DictConfig, choices: Mapping[str, str], search: Sequence[str]) -> int:
    """Rank the runs, write the leaderboard, and print it."""
    place = Path(cfg.results_dir) / str(cfg.loop)
    runs = _scored_runs(cfg, place)
    ranking = standings(
        runs,
        claim=cfg.claim,
        missing=cfg.missing,
        level=float(cfg.level),
        common=cfg.common_cases,
    )
    files = write_leaderboard(
        ranking,
        place / "leaderboard",
        name=str(cfg.loop),
        claim=cfg.claim,
        scale=(runs[0].grades[0], runs[0].grades[-1]),
        facts=_facts_of_judge(runs),
        history=_tracked_history(cfg, runs, ranking),
    )
    for row in ranking.overall.to_dict("records"):
        mean = with_interval(row["mean"], row["mean_low"], row["mean_high"])
        opinion = (
            f"opinion {with_interval(row['opinion'], row['opinion_low'], row['opinion_high'])}"
        )
        sys.stdout.write(f"{row['rank']:<3} {row['run']:<28} {mean or '-':<20} {opinion}\n")
    for line in ranking.notes:
        sys.stdout.write(f"note: {line}\n")
    sys.stderr.write(f"open {files[-1]}\n")
    return 0


def _scored_runs(cfg: DictConfig, place: Path) -> list[ScoredRun]:
    """The runs that one judge has scored; those that it has not are named."""
    listed = names_in(cfg.runs)
    if listed is None:
        paths = run_paths(place)
    else:
        paths = [run_path(place, name, "runs") for name in listed]
    judges_of_run = {
        path: {manifest.parent.name for manifest in path.glob("scores/*/manifest.json")}
        for path in paths
    }
    # A digest may be cut short; every digest begins with "".
    wanted = "" if cfg.judge is None else str(cfg.judge)
    counts = Counter(
        judge for judges in judges_of_run.values() for judge in judges if judge.startswith(wanted)
    )
    if not counts:
        told = f" by judge={wanted}" if wanted else ""
        raise RequestError(
            f"no run in {place} was scored{told}; memalign-bench score run=RUN judge=FOLDER does."
        )
    if len(counts) > 1:
        told = ", ".join(f"{name} ({counted(n, 'run')})" for name, n in counts.most_common())
        raise RequestError(f"several judges have scored these runs; name one with judge=: {told}.")
    # The one key: a Counter is a dictionary.
    [judge] = counts
    if unscored := [path.name for path, judges in judges_of_run.items() if judge not in judges]:
        # Runs asked for by name must all be there; of a whole loop, those not scored are left out.
        if listed is not None:
            raise RequestError(f"judge {judge} has not scored {', '.join(unscored)}.")
        sys.stderr.write(f"not scored by judge {judge}, left out: {', '.join(unscored)}\n")
    return [load_scored(path, judge) for path, judges in judges_of_run.items() if judge in judges]


def _facts_of_judge(runs: Sequence[ScoredRun]) -> list[tuple[str, str]]:
    # One judge has scored all of them, so the first speaks for all.
    judge, generated = runs[0].judge, runs[0].generated
    scale = zip(judge["scale"]["grades"], judge["scale"]["words"], strict=True)
    git: Mapping[str, Any] = runs[0].manifest.get("git") or {}
    return [
        (
            "Judge",
            f"{judge['variant']} on {judge['backend']} ({judge['model']}), {judge['digest']}",
        ),
        ("Aligned on", f"study {judge['study']}, data {(judge.get('data') or {}).get('name')}"),
        ("Scale", ", ".join(f"{grade} ({word})" for grade, word in scale)),
        ("Cases", f"{generated.get('cases_name')}, {str(generated.get('cases_digest'))[:12]}"),
        ("Code", str(git.get("commit") or "")[:12]),
    ]


def _tracked_history(
    cfg: DictConfig, runs: list[ScoredRun], ranking: Standings
) -> pd.DataFrame | None:
    tracker = build_tracker(cfg)
    if tracker is None:
        return None
    try:
        return logged_history(tracker, runs, ranking)
    except Exception as error:  # MLflow, its store and its network raise whatever they like
        from memalign_bench.datasets.mlflow_server import without_userinfo

        reason = without_userinfo(first_line(error))
        sys.stderr.write(f"no history ({type(error).__name__}: {reason}); the rest is complete.\n")
        return None
