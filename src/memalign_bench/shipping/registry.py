"""Exported judges in an MLflow registry, with what tells where they come from.

`register` takes no tags. Scores, data digest and study stand in three places that last: in the
judge's description (which MLflow loads with it), in a tag of the experiment named
`memalign_bench.judge.NAME` (what the newest version is made of), and in an MLflow run of the same
experiment, with the scores as metrics and the judge's JSON file as artifact.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from memalign_bench.alignment.mlflow.guest_judge import PassedAs
from memalign_bench.judging.judge import Judge
from memalign_bench.shipping.mlflow_judge import mlflow_judge
from memalign_bench.study import records
from memalign_bench.study.tracking import MlflowTracker

__all__ = ["RegistryEntry", "origin_text", "register_judge", "tag_of"]

_METRICS = ("mae", "mae_low", "mae_high", "spearman", "spearman_low", "spearman_high")


class RegistryEntry(NamedTuple):
    """A judge's place in the registry; `is_new` is false where it had been registered before."""

    name: str
    version: int
    is_new: bool


def tag_of(name: str) -> str:
    """The experiment's tag that tells of a judge."""
    return f"memalign_bench.judge.{name}"


def origin_text(record: Mapping[str, Any]) -> str:
    """A judge's origin and scores in one line.

    >>> scores = {"mae": 0.5, "mae_low": 0.25, "mae_high": 0.75, "spearman": None, "n_items": 8}
    >>> data = {"name": "planted", "digest": "abcdef0123456789"}
    >>> origin_text({"variant": "full", "study": "s", "data": data, "scores": scores, "runs": ["r"]})
    'full of study s (runs r) on planted, sha256 abcdef0123456789; cross-validated on 8 items: MAE 0.500 (0.250 to 0.750)'
    """  # noqa: E501
    scores, data = record["scores"], record["data"]
    score_texts = [
        f"{title} {scores[key]:.3f} ({_bound(scores, key, 'low')} to {_bound(scores, key, 'high')})"
        for key, title in (("mae", "MAE"), ("spearman", "rank correlation"))
        if scores.get(key) is not None
    ]
    return (
        f"{record['variant']} of study {record['study']} (runs {', '.join(record['runs'])}) on"
        f" {data['name']}, sha256 {data['digest']}; cross-validated on {scores['n_items']} items:"
        f" {', '.join(score_texts) or 'no score'}"
    )


def _bound(scores: Mapping[str, Any], key: str, end: str) -> str:
    """A limit of a score's interval, "?" where there is none."""
    value = scores.get(f"{key}_{end}")
    return "?" if value is None else f"{value:.3f}"


def register_judge(
    tracker: MlflowTracker,
    record: Mapping[str, Any],
    path: Path,
    judge: Judge,
    wanted: tuple[str, PassedAs],
) -> RegistryEntry:
    """Register one judge, unless the newest version was made from the same file.

    Args:
        tracker: Where; the study's experiment.
        record: What the file says.
        path: The judge's file.
        judge: The judge.
        wanted: MLflow's name of the model, and the field that holds an item's text.

    Raises:
        Exception: Whatever MLflow, its store and its network raise.
    """
    fingerprint = {"sha256": records.sha256_of(path), "model": wanted[0], "passed_as": wanted[1]}
    name = str(record["name"])
    # Without a run first: it may be registered already.
    with tracker.connected() as mlflow:
        experiment = mlflow.get_experiment_by_name(tracker.experiment)
        newest = json.loads(experiment.tags.get(tag_of(name), "{}"))
        # Registering the same judge again would only make another version of it.
        if all(newest.get(key) == value for key, value in fingerprint.items()):
            return RegistryEntry(name, int(newest["version"]), is_new=False)
    # The run holds scores and file, for which `register` has no place.
    with _judge_run(tracker, record, path) as (mlflow, run_id):
        guest_judge = mlflow_judge(judge, *wanted, origin_text(record))
        # What it says itself: the newest version may be another process's by now.
        version = int(guest_judge.register(name=name).scorer_version)
        mlflow.set_tag("judge_version", str(version))
        tag_values = {"version": version, "mlflow_run_id": run_id, "origin": origin_text(record)}
        # Last: a registration that broke off has left no mark, and is made again.
        mlflow.set_experiment_tag(
            tag_of(name), json.dumps(fingerprint | tag_values, sort_keys=True)
        )
    return RegistryEntry(name, version, is_new=True)


@contextmanager
def _judge_run(
    tracker: MlflowTracker, record: Mapping[str, Any], path: Path
) -> Iterator[tuple[Any, str]]:
    """The judge's own run in MLflow: tags, scores and file."""
    manifest = {"run_id": ",".join(record["runs"]), "dataset": record["data"], "git": record["git"]}
    with tracker.opened(f"judge {record['name']}", manifest) as mlflow:
        tag_keys = ("name", "study", "variant", "alignment")
        mlflow.set_tags({f"judge_{key}": str(record[key]) for key in tag_keys})
        scores = record["scores"]
        mlflow.log_metrics({k: scores[k] for k in _METRICS if scores.get(k) is not None})
        mlflow.log_artifact(str(path), "judge")
        yield mlflow, mlflow.active_run().info.run_id
