"""The profile of start-up: limits, tables, and that phases are told apart."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

FOLDER = Path(__file__).resolve().parents[1] / "experiments" / "benchmarks" / "startup"


@pytest.fixture(scope="module")
def measure() -> ModuleType:
    spec = importlib.util.spec_from_file_location("startup_measure", FOLDER / "measure.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_limits_are_multiples_of_the_floor_and_seconds(measure: ModuleType) -> None:
    subject = measure.Subject(["x"], 1.5, 1.0)
    assert subject.limit(2.0) == 4.0
    assert measure.Subject(["x"]).limit(2.0) is None
    found = {
        "a": measure.Found(2.0, measure.Spent(3.0, 9.0)),
        "b": measure.Found(2.0, measure.Spent(5.0, 5.0)),
    }
    table = measure.whole_table(found, {"a": subject, "b": measure.Subject(["y"])})
    assert "| a | 3.00 | 2.00 | 1.5 | 9.0 | 4.00 | 0.75 |" in table
    assert "| b | 5.00 | 2.00 | 2.5 | 5.0 |  |  |" in table


def test_small_phases_are_added_up(measure: ModuleType) -> None:
    table = measure.phase_table({"a": {"views": 1.0, "store": 0.01}, "b": {"store": 0.008}})
    assert table.splitlines()[2:] == ["| views | 1.00 |  |", "| all under 0.02 s | 0.01 | 0.01 |"]


def test_what_runs_inside_a_phase_is_not_charged_to_it(tmp_path: Path) -> None:
    """Composition imports Hydra; its own seconds and Hydra's are told apart."""
    out = tmp_path / "phases.json"
    words = ["report", "study=there_is_none", f"results_dir={tmp_path}", "tracker=none"]
    done = subprocess.run(
        [sys.executable, str(FOLDER / "phases.py"), str(out), *words],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "there_is_none holds no run" in done.stderr
    spent = json.loads(out.read_text())
    assert {"composition", "import hydra", "import memalign_bench", "records read"} <= spent.keys()
    assert all(seconds >= 0 for seconds in spent.values())
