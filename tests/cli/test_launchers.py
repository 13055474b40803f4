"""A sweep under Hydra's launchers: jobs in other processes, one study, one exit code."""

import subprocess
import sys
from importlib.util import find_spec

import pytest
from tests.backends.loopback import Provider, serving

from memalign_bench.cli import main
from memalign_bench.study import records

SWEEP = ["alignment=none,full", "fold_seed=0,1", "dataset=planted", "limit=16", "tracker=none"]


def sweep(tmp_path, *words):
    return subprocess.run(
        [sys.executable, "-m", "memalign_bench", "run", "-m", *words, *SWEEP, "study=s"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )


def predictions(tmp_path):
    found = {}
    for folder in (tmp_path / "results" / "s" / "runs").iterdir():
        path = folder / "predictions.parquet"
        assert records.read_rows(path, records.predictions_schema())
        found[folder.name] = path.read_bytes()
    return found


LAUNCHERS = [
    pytest.param(["hydra/launcher=joblib", "hydra.launcher.n_jobs=2"], id="joblib"),
    pytest.param(
        ["hydra/launcher=ray", "+hydra.launcher.ray.init.num_cpus=2"],
        id="ray",
        marks=pytest.mark.skipif(find_spec("ray") is None, reason="ray is an extra"),
    ),
]


@pytest.mark.slow
@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_jobs_side_by_side_make_the_same_records(tmp_path, monkeypatch, launcher):
    (tmp_path / "one").mkdir()
    (tmp_path / "many").mkdir()
    monkeypatch.chdir(tmp_path / "one")
    assert main(["run", "-m", "backend=scripted", *SWEEP, "study=s"]) == 0
    many = sweep(tmp_path / "many", "backend=scripted", *launcher)
    assert many.returncode == 0, many.stderr
    assert predictions(tmp_path / "many") == predictions(tmp_path / "one")
    assert len(predictions(tmp_path / "many")) == 4
    left = {path.name for path in (tmp_path / "many" / "results").iterdir()}
    assert left <= {"s", ".sweep"}


@pytest.mark.slow
@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_a_failure_in_another_process_is_the_sweep_s_exit_code(tmp_path, launcher):
    with serving(Provider(faults={"refusal": 0.5})) as served:
        at = ["backend=openai_compatible", "backend.model=m"]
        done = sweep(tmp_path, *launcher, *at, f"backend.base_url={served.base_url}/v1")
    assert done.returncode == 1
    assert len(predictions(tmp_path)) == 4
