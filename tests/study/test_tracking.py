"""MLflow tracking against a real SQLite store."""

import socket
import subprocess
import sys
import time

import pytest

from memalign_bench.cli import main
from memalign_bench.study import records
from memalign_bench.study.running.runner import run
from memalign_bench.study.tracking import MlflowTracker

# MLflow's tables are set up once a process, by whichever test comes first: the warnings of that
# must stop neither.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


@pytest.mark.slow
def test_a_run_is_logged_with_its_records(spec_of, tmp_path, monkeypatch):
    import mlflow

    spec = spec_of("limit=12", "study=tracked")
    outcome = run(spec)
    # What a store missed is logged the next time.
    (tmp_path / "broken.sqlite").write_bytes(b"this is no database at all, whatever its name")
    MlflowTracker(f"sqlite:///{tmp_path}/broken.sqlite", "tracked").log_run(
        spec.study_dir / "runs" / outcome.run_id
    )
    uri = f"sqlite:///{tmp_path}/tracking/mlflow.sqlite"
    MlflowTracker(uri, "tracked").log_run(spec.study_dir / "runs" / outcome.run_id)
    # Logged as it is: not again, not even where the same store is named another way.
    monkeypatch.chdir(tmp_path)
    for same in (uri, "sqlite:///tracking/mlflow.sqlite"):
        MlflowTracker(same, "tracked").log_run(spec.study_dir / "runs" / outcome.run_id)
    [logged] = mlflow.MlflowClient(uri).search_runs(
        [mlflow.MlflowClient(uri).get_experiment_by_name("tracked").experiment_id]
    )
    assert logged.info.status == "FINISHED"
    assert logged.data.params["alignment"] == "full"
    assert logged.data.params["decides.memory.k"] == "4"
    assert logged.data.params["models.backend.politeness"]
    assert logged.data.tags["run_id"] == outcome.run_id
    assert len(logged.data.tags["dataset_digest"]) == 64
    assert logged.data.metrics["planted_quality/n_scored"] == 12
    assert 0 <= logged.data.metrics["planted_quality/mae_scored"] <= 2
    artifacts = mlflow.MlflowClient(uri).list_artifacts(logged.info.run_id, "records")
    assert {entry.path for entry in artifacts} == {
        f"records/{name}"
        for name in ("manifest.json", "memory.json", "predictions.parquet", "timings.parquet")
    }
    # Another store or experiment has none of it.
    other = f"sqlite:///{tmp_path}/other.sqlite"
    MlflowTracker(other, "tracked").log_run(spec.study_dir / "runs" / outcome.run_id)
    client = mlflow.MlflowClient(other)
    assert client.search_runs([client.get_experiment_by_name("tracked").experiment_id])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("statuses", "told"),
    [
        (["failed"], "FAILED"),
        (["failed", "not_asked"], "FAILED"),
        (["failed", "abstained"], "FINISHED"),
        (["not_asked"], "FINISHED"),
    ],
)
def test_a_run_of_which_every_question_failed_is_no_success(spec_of, tmp_path, statuses, told):
    import mlflow

    spec = spec_of("limit=12", "study=mute", "alignment=none")
    folder = spec.study_dir / "runs" / run(spec).run_id
    schema = records.predictions_schema()
    rows = records.read_rows(folder / "predictions.parquet", schema)
    mute = [
        row | {"status": statuses[n % len(statuses)], "judge_score": None}
        for n, row in enumerate(rows)
    ]
    records.write_rows(folder / "predictions.parquet", mute, schema)
    uri = f"sqlite:///{tmp_path}/mute.sqlite"
    MlflowTracker(uri, "mute").log_run(folder)
    client = mlflow.MlflowClient(uri)
    [logged] = client.search_runs([client.get_experiment_by_name("mute").experiment_id])
    assert logged.info.status == told
    assert logged.data.metrics["planted_quality/n_scored"] == 0
    # Logged whole: with its records, and a mark that keeps it from being logged again.
    assert client.list_artifacts(logged.info.run_id, "records")
    mark = records.read_json(folder / "tracking.json")
    assert mark["mlflow_run_id"] == logged.info.run_id
    assert mlflow.active_run() is None


@pytest.mark.slow
def test_reports_in_other_readings_are_told_apart(spec_of, tmp_path):
    import mlflow

    for name in ("none", "full"):
        spec = spec_of("limit=12", "study=read", f"alignment={name}")
        run(spec)
    uri = f"sqlite:///{tmp_path}/read.sqlite"
    words = ["report", "study=read", f"results_dir={spec.study_dir.parent}", f"tracker.uri={uri}"]
    words += ["tracker.experiment=read", "stats.n_resamples=20"]
    assert main(words) == 0
    assert main([*words, "stats.missing=as_zero", "stats.seed=3"]) == 0
    client = mlflow.MlflowClient(uri)
    logged = client.search_runs([client.get_experiment_by_name("read").experiment_id])
    told = [report.data.params for report in logged][::-1]
    assert told[0] == {
        "study": "read",
        "reading": "raw",
        "stats.missing": "worst",
        "stats.margin": "0.1",
        "stats.n_resamples": "20",
        "stats.seed": "0",
        "stats.published": "False",
        "against": "none",
        "against_shared": "False",
    }
    assert (told[-1]["stats.missing"], told[-1]["stats.seed"]) == ("as_zero", "3")


LOG = """
import sys
from pathlib import Path

import mlflow

from memalign_bench.study.tracking import MlflowTracker

print("ready", flush=True)
sys.stdin.readline()
MlflowTracker(sys.argv[1], "joined").log_run(Path(sys.argv[2]))
"""


@pytest.mark.slow
def test_jobs_that_open_a_new_store_at_the_same_moment_are_all_logged(spec_of, tmp_path):
    import mlflow

    uri = f"sqlite:///{tmp_path}/mlflow.sqlite"
    jobs = []
    for seed in range(2):
        spec = spec_of("limit=12", "alignment=none", f"fold_seed={seed}")
        folder = spec.study_dir / "runs" / run(spec).run_id
        jobs.append(_job(uri, str(folder)))
    for job in jobs:
        assert job.stdout.readline() == "ready\n"
    for job in jobs:
        job.stdin.write("go\n")
        job.stdin.flush()
    assert [job.communicate(timeout=300)[1] for job in jobs] == ["", ""]
    client = mlflow.MlflowClient(uri)
    runs = client.search_runs([client.get_experiment_by_name("joined").experiment_id])
    assert {logged.data.params["fold_seed"] for logged in runs} == {"0", "1"}


def _job(*words):
    piped = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen([sys.executable, "-c", LOG, *words], text=True, **piped)


@pytest.mark.slow
def test_a_dimension_of_any_name_is_logged(spec_of, tmp_path, capsys):
    """Accents that are signs of their own, and marks that MLflow takes in no name."""
    import mlflow

    spec = spec_of("limit=12", "study=named", "alignment=median_label")
    folder = spec.study_dir / "runs" / run(spec).run_id
    schema = records.predictions_schema()
    rows = records.read_rows(folder / "predictions.parquet", schema)
    named = [{**row, "dimension": "Clarte\u0301 (100 %)?"} for row in rows]
    records.write_rows(folder / "predictions.parquet", named, schema)
    uri = f"sqlite:///{tmp_path}/named.sqlite"
    MlflowTracker(uri, "named").log_run(folder)
    client = mlflow.MlflowClient(uri)
    [logged] = client.search_runs([client.get_experiment_by_name("named").experiment_id])
    assert logged.data.metrics["Clart\u00e9 _100 ___/n_scored"] == 12
    assert "tracking failed" not in capsys.readouterr().err


def test_a_store_that_fails_loses_no_record_and_says_so(spec_of, tmp_path, capsys):
    spec = spec_of("limit=12")
    outcome = run(spec)
    folder = spec.study_dir / "runs" / outcome.run_id
    before = sorted(path.name for path in folder.iterdir())
    (tmp_path / "broken.sqlite").write_bytes(b"this is no database at all, whatever its name")
    MlflowTracker(f"sqlite:///{tmp_path}/broken.sqlite", "x").log_run(folder)
    assert "the records are complete" in capsys.readouterr().err
    assert sorted(path.name for path in folder.iterdir()) == before


def test_a_server_that_is_away_holds_nothing_up(spec_of, capsys, monkeypatch):
    monkeypatch.delenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", raising=False)
    monkeypatch.setattr("urllib3.util.Retry.sleep", waits := Waits())
    spec = spec_of("limit=12")
    folder = spec.study_dir / "runs" / run(spec).run_id
    MlflowTracker("http://127.0.0.1:9", "x").log_run(folder)
    assert "the records are complete" in capsys.readouterr().err
    assert waits.count == 2


def test_a_server_that_never_answers_is_not_waited_for_long(spec_of, capsys, monkeypatch):
    """MLflow's own wait is two minutes, three times, after each job of a sweep."""
    monkeypatch.delenv("MLFLOW_HTTP_REQUEST_TIMEOUT", raising=False)
    monkeypatch.setattr("urllib3.util.Retry.sleep", Waits())
    monkeypatch.setattr("memalign_bench.datasets.mlflow_server._FIRST_WAIT_S", "1")
    spec = spec_of("limit=12")
    folder = spec.study_dir / "runs" / run(spec).run_id
    with socket.create_server(("127.0.0.1", 0)) as silent:
        began = time.monotonic()
        MlflowTracker(f"http://127.0.0.1:{silent.getsockname()[1]}", "x").log_run(folder)
        assert time.monotonic() - began < 60
    told = capsys.readouterr().err
    assert "timeout" in told
    assert "the same command tracks them once MLflow is there" in told


class Waits:
    count = 0

    def __call__(self, _response=None):
        self.count += 1
