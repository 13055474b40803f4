"""The recipe of the gate and the steps of the workflow work as they stand."""

import re
import shlex
import shutil
from pathlib import Path

import pandas as pd
import pytest
import yaml
from tests.loop.scored_runs import read

from memalign_bench.cli import main

LOOP = Path(__file__).parents[2] / "experiments" / "loop"


@pytest.fixture
def clone(tmp_path, monkeypatch):
    """A folder with `experiments/loop` as a clone has it."""
    shutil.copytree(LOOP, tmp_path / "experiments" / "loop")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path / "experiments" / "loop"))
    return tmp_path


def _run(line):
    program, *words = shlex.split(line)
    assert program == "memalign-bench"
    return main(words)


@pytest.mark.slow
def test_the_recipe_catches_what_it_says(clone):
    blocks = re.findall(r"```\n(.*?)```", (LOOP / "gate.md").read_text(), flags=re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    assert [_run(line) for line in lines] == [0, 0, 0, 0, 0, 0, 1, 1, 0, 0]
    gates = {path.name.split("-")[0] + ".." + path.name.split("..")[1].split("-")[0]: path
             for path in (clone / "results/loop/gates").iterdir()}  # fmt: skip
    leaky = read(gates["honest..leaky"] / "gate.json")
    assert [one["call"] for one in leaky["dimensions"]] == ["worse"]
    assert leaky["flips"]
    empty = read(gates["honest..empty"] / "gate.json")
    assert {one["call"] for one in empty["dimensions"]} == {"worse"}
    board = pd.read_csv(clone / "results/loop/leaderboard/leaderboard.csv")
    assert board["agent"].iloc[0] == "oracle"
    assert board["rank"].iloc[0] in ("1", "1=")
    assert board["agent"].iloc[-1] == "empty"


@pytest.mark.slow
def test_the_workflow_of_github_actions_passes_an_unchanged_agent_without_a_key(clone):
    jobs = yaml.safe_load((LOOP / "gate.yml").read_text())["jobs"]
    assert "secrets" not in (LOOP / "gate.yml").read_text()
    scripts = [step["run"] for step in jobs["gate"]["steps"] if "run" in step]
    lines = [line for script in scripts for line in script.splitlines()]
    ours = [line for line in lines if line.startswith("memalign-bench")]
    assert [_run(line) for line in ours] == [0] * 6
    assert (clone / "gate" / "junit.xml").is_file()
    assert read(clone / "gate" / "gate.json")["passed"] is True
