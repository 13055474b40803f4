"""Tracking to a real MLflow server that keeps its runs in a real PostgreSQL."""

import subprocess
import sys
from importlib.util import find_spec

import pytest
from tests.mlflow_server import mlflow_server
from tests.study.postgres import PASSWORD, cluster, lacking

from memalign_bench.report.numbers.frames import load_study

WHY_NOT = lacking() or ("" if find_spec("psycopg") else "no psycopg (the extra [postgres])")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT),
]


def test_a_sweep_is_tracked_on_a_server_with_postgresql(tmp_path):
    import psycopg
    from mlflow import MlflowClient

    command = [
        *(sys.executable, "-m", "memalign_bench", "run", "-m", "dataset=planted", "limit=12"),
        *("backend=scripted", "alignment=none,full", "study=many", f"results_dir={tmp_path}"),
        *("hydra/launcher=joblib", "hydra.launcher.n_jobs=2"),
    ]
    with cluster(tmp_path) as store, mlflow_server(tmp_path, store) as address:
        done = subprocess.run(
            [*command, f"tracker.uri={address}"],
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
        )
        assert done.returncode == 0, done.stderr
        assert "tracking failed" not in done.stderr
        client = MlflowClient(address)
        runs = client.search_runs([client.get_experiment_by_name("many").experiment_id])
        files = [
            {entry.path for entry in client.list_artifacts(logged.info.run_id, "records")}
            for logged in runs
        ]
        connection = psycopg.connect(store)
        with connection, connection.cursor() as cursor:
            cursor.execute("SELECT run_uuid FROM runs")
            kept = {row[0] for row in cursor.fetchall()}
        connection.close()

    assert kept == {logged.info.run_id for logged in runs}
    tracked = {logged.data.params["alignment"]: logged.data for logged in runs}
    assert set(tracked) == {"none", "full"}
    rows = load_study(tmp_path / "many").predictions
    for alignment, mine in rows.groupby("alignment"):
        assert tracked[alignment].tags["run_id"] == mine["run_id"].iloc[0]
        assert tracked[alignment].metrics["planted_quality/n_scored"] == len(mine) == 12
        error = (mine["judge_score"] - mine["expert_score"]).abs().mean()
        assert tracked[alignment].metrics["planted_quality/mae_scored"] == pytest.approx(error)
    for names in files:
        assert "records/predictions.parquet" in names
    written = [path for path in (tmp_path / "many").rglob("*") if path.is_file()]
    assert not [path for path in written if PASSWORD.encode() in path.read_bytes()]
