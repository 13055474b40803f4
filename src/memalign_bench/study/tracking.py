"""MLflow tracking, off the hot path: it reads what a run has written, after it was written."""

from __future__ import annotations

import logging
import os
import re
import sys
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from memalign_bench.datasets.mlflow_server import short_waits, without_userinfo
from memalign_bench.errors import first_line
from memalign_bench.study import records
from memalign_bench.types import Status

__all__ = ["MlflowTracker", "metric_name"]

_MARK = "tracking.json"
"""Says, in a run's folder, under which MLflow run it was logged."""


@dataclass(frozen=True)
class MlflowTracker:
    """Logs finished runs and reports to one MLflow experiment.

    A tracker that fails says so on stderr and loses nothing: the records are on disk before it
    starts.

    Attributes:
        uri: Tracking address.
        experiment: Name of the experiment.
    """

    uri: str
    experiment: str

    def log_run(self, folder: Path) -> None:
        """Log a run's parameters, per-dimension metrics, dataset digest and records.

        A run whose records were logged as they are, to this experiment, is not logged again. One
        of which every question failed ends as FAILED.
        """
        manifest = records.read_json(folder / "manifest.json")
        # A finished run is started again by every repeated command: log only what has changed.
        mark = folder / _MARK
        logged = {"predictions_sha256": manifest["predictions_sha256"], **self._place(folder)}
        before = records.read_json(mark) if mark.is_file() else {}
        # Marks of earlier versions do not say where.
        if before and all(before.get(key, logged[key]) == logged[key] for key in logged):
            return
        rows = records.read_rows(folder / "predictions.parquet", records.predictions_schema())
        with self._failures_to_stderr(), self.opened(manifest["variant"], manifest) as mlflow:
            mlflow.log_params(_parameters(manifest))
            mlflow.log_metrics(_metrics(rows, manifest["rubric"]["grades"]))
            mlflow.log_artifacts(str(folder), "records")
            run_id = mlflow.active_run().info.run_id
            if _all_failed(rows):
                # Left to the end of the context it would be FINISHED, as if it had answers.
                mlflow.end_run("FAILED")
            # Last: what was logged in part has no mark, and is logged again.
            records.write_json(mark, {"mlflow_run_id": run_id, **logged})

    def log_report(self, study_dir: Path, settings: Mapping[str, Any]) -> None:
        """Log a study's tables, figures and report, as a run of its own.

        Args:
            study_dir: The study.
            settings: What decides the report besides the records: the parameters of the run.
        """
        manifests = sorted((study_dir / "runs").glob("*/manifest.json"))
        # Data set and commit are the same for all runs of a study, so any manifest gives the tags.
        manifest = records.read_json(manifests[0])
        # A report is of no single run.
        with self._failures_to_stderr(), self.opened("report", manifest | {"run_id": ""}) as mlflow:
            mlflow.log_params(settings)
            for name in ("tables", "figures"):
                mlflow.log_artifacts(str(study_dir / name), name)
            mlflow.log_artifact(str(study_dir / "report.html"))

    @contextmanager
    def _failures_to_stderr(self) -> Iterator[None]:
        """Turn a failure of MLflow into a line on stderr: the records are complete without it."""
        try:
            yield
        except Exception as error:  # MLflow, its store and its network raise whatever they like
            message = first_line(error)
            message = f"{type(error).__name__}: {without_userinfo(message)}"
            sys.stderr.write(
                f"tracking failed ({message}); the records are complete, and the same command"
                " tracks them once MLflow is there.\n"
            )

    @contextmanager
    def opened(self, name: str, manifest: Mapping[str, Any]) -> Iterator[Any]:
        """An open MLflow run with the tags of a manifest; gives the module `mlflow`.

        Raises:
            Exception: Whatever MLflow, its store and its network raise.
        """
        tags = {
            "run_id": manifest["run_id"],
            "dataset": manifest["dataset"]["name"],
            "dataset_digest": manifest["dataset"]["digest"],
            # A tag is a text: "None" where there is no commit.
            "git_commit": str(manifest["git"]["commit"]),
        }
        with self.connected() as mlflow, mlflow.start_run(run_name=name, tags=tags):
            yield mlflow

    @contextmanager
    def connected(self) -> Iterator[Any]:
        """The module `mlflow`, pointed at the experiment, which is made where it is missing.

        Raises:
            Exception: Whatever MLflow, its store and its network raise.
        """
        import mlflow

        for noisy in ("mlflow", "alembic"):  # after the import, which sets levels of its own
            logging.getLogger(noisy).setLevel(logging.ERROR)
        # Only opening needs the lock; logging into a store that has its tables does not.
        with self._one_job_at_a_time():
            self._set_experiment(mlflow)
        yield mlflow

    def _set_experiment(self, mlflow: Any) -> None:
        from mlflow.exceptions import MlflowException

        mlflow.set_tracking_uri(self.uri)
        # The first request shows whether the server is there: MLflow's own wait is two minutes.
        with short_waits():
            found = mlflow.get_experiment_by_name(self.experiment)
        if found is None:
            try:
                mlflow.create_experiment(
                    self.experiment, artifact_location=self._artifact_location()
                )
            except MlflowException as error:  # another job of the sweep was first
                if error.error_code != "RESOURCE_ALREADY_EXISTS":
                    raise
        mlflow.set_experiment(self.experiment)

    @contextmanager
    def _one_job_at_a_time(self) -> Iterator[None]:
        """Lock a SQLite store while it is opened: the first job to open it creates its tables."""
        from filelock import FileLock

        store = self._sqlite_path()
        if store is None:
            yield
            return
        store.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(store.with_name(f".{store.name}.lock")):
            yield

    def _place(self, folder: Path) -> dict[str, str]:
        """Store and experiment, as the mark in a run's folder names them."""
        store = self._sqlite_path()
        # From the folder, so that results and the store beside them can move together.
        path = store and Path(os.path.relpath(store.resolve(), folder.resolve())).as_posix()
        return {"store": path or without_userinfo(self.uri), "experiment": self.experiment}

    def _artifact_location(self) -> str | None:
        """A folder beside a SQLite store; None for a server, which has its own place."""
        store = self._sqlite_path()
        if store is None:
            return None
        return (store.parent / "mlartifacts" / self.experiment).resolve().as_uri()

    def _sqlite_path(self) -> Path | None:
        """The file of a SQLite store; None for any other tracking address."""
        if not self.uri.startswith("sqlite:///"):
            return None
        return Path(self.uri.removeprefix("sqlite:///"))


def _all_failed(rows: Sequence[Mapping[str, Any]]) -> bool:
    """Whether there were questions, and none of them has an answer."""
    asked = {row["status"] for row in rows} - {Status.NOT_ASKED.value}
    return asked == {Status.FAILED.value}


def _parameters(manifest: Mapping[str, Any]) -> dict[str, Any]:
    names = (
        *("study", "variant", "alignment", "backend", "model", "scoring", "applicability"),
        *("calibration", "folds", "fold_seed", "repeats", "view_name"),
    )
    settings = {key: manifest[key] for key in names}
    data = {f"dataset.{key}": manifest["dataset"][key] for key in ("name", "digest", "gold")}
    identity = manifest["identity"]
    # What a backend's answers hang on, which no variant names; one without a model has none.
    models = {
        f"models.{role}.{key}": value
        for role, settings_of_model in identity["models"].items()
        for key, value in settings_of_model.items()
        if key != "base_url" and value not in (None, {})
    }
    decides = {f"decides.{key}": value for key, value in identity["decides"].items()}
    return settings | data | models | decides


def _metrics(rows: list[dict[str, Any]], grades: Sequence[float]) -> dict[str, float]:
    """Per dimension: rows by status, MAE and bias of what was scored (report.html has the rest)."""
    metrics: dict[str, float] = {}
    for dimension in sorted({row["dimension"] for row in rows}):
        in_dimension = [row for row in rows if row["dimension"] == dimension]
        shown = metric_name(dimension)
        for status in Status:
            metrics[f"{shown}/n_{status.value}"] = sum(
                row["status"] == status.value for row in in_dimension
            )
        errors = [
            row["judge_score"] - row["expert_score"]
            for row in in_dimension
            # What the expert calls N/A may be stored as a number that is no grade.
            if row["status"] == Status.SCORED.value and row["expert_score"] in grades
        ]
        if errors:
            metrics[f"{shown}/mae_scored"] = sum(map(abs, errors)) / len(errors)
            metrics[f"{shown}/bias_scored"] = sum(errors) / len(errors)
    return metrics


def metric_name(dimension: str) -> str:
    """A dimension's name without the signs that MLflow takes in no name of a metric.

    >>> metric_name("Is it right? (mostly)")
    'Is it right_ _mostly_'
    """
    # An accent that is a sign of its own is no letter to MLflow, one with its letter is.
    return re.sub(r"[^\w. :-]", "_", unicodedata.normalize("NFC", dimension))
