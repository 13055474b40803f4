"""`memalign-bench generate`, as a user types it."""

import json
import random
import sqlite3
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
from tests.backends.loopback import Provider, serving, settled
from tests.loop.notebooks import printed, write
from tests.loop.test_sandbox import needs_namespaces
from tests.programs import completed, prepared, started

from memalign_bench.cli import main
from memalign_bench.config import build_generation, composed, config_dir, with_open_keys
from memalign_bench.errors import RecordError, RequestError
from memalign_bench.loop.records import STATUSES, load_generated

CASES = "- {case_id: one, prompt: Do it., domain: retail}\n- {case_id: two, prompt: Do that.}\n"


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("cases.yaml").write_text(CASES)


def generate(*words):
    return main(["generate", *words])


def own(*words):
    return generate("cases=files", "cases.path=cases.yaml", *words)


def loaded(name="*"):
    [path] = Path("results/loop/generated").glob(name)
    return load_generated(path)


def test_known_notebooks_without_a_model(capfd):
    assert generate("agent=oracle", "only.task_types=[forecasting]", "n=2") == 0
    manifest, frame = loaded()
    assert len(frame) == 2 * len(manifest["cases"])
    assert set(frame["task_type"]) == {"forecasting"}
    assert set(frame["status"]) == {"made"}
    assert frame["cost"].isna().all()
    assert list(frame["repeat"][:2]) == [0, 1]
    assert all(len(case["hash"]) == 64 and case["prompt"] for case in manifest["cases"])
    assert dict(zip(frame["case_id"], frame["case_hash"], strict=True)) == {
        case["case_id"]: case["hash"] for case in manifest["cases"]
    }
    assert set(manifest["counts"]) == {"notebooks", "executed", *STATUSES}
    said = capfd.readouterr().err
    assert "agent oracle" in said
    assert "synthetic" in said
    before = {path: path.read_bytes() for path in Path("results").rglob("*") if path.is_file()}
    assert generate("agent=oracle", "only.task_types=[forecasting]", "n=2") == 0
    assert "was complete" in capfd.readouterr().err
    assert {p: p.read_bytes() for p in Path("results").rglob("*") if p.is_file()} == before


def test_a_sweep_is_checked_before_its_first_job(capfd):
    assert generate("-m", "agent=empty,folder", "agent.path=nowhere", "limit=2") == 2
    assert not Path("results").exists()
    assert generate("-m", "agent=empty,oracle", "limit=2") == 0
    assert {path.name.split("-")[0] for path in Path("results/loop/generated").iterdir()} == {
        "empty", "oracle",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["n=0"], "n must be a whole number >= 1, got 0"),
        (["loop=../x"], "loop must be a plain folder name, got '../x'"),
        (["agent=bundeld"], "bundeld"),
        (["agent.plan=x"], "unknown key 'agent.plan'"),
        (["agent=command"], "agent.command must be set on the command line"),
        (["only.ids=[nowhere]"], "only.ids: no case has ['nowhere']"),
        (["cases=files", "cases.path=none.yaml"], "none.yaml: 1 problem"),
        (["agent=llm", "sandbox.limits.seconds=0"], "limits.seconds must be a number > 0"),
        (["agent.name=a/b"], "agent.name must be letters"),
    ],
)
def test_a_wrong_request_says_what_is_wrong(words, said, capfd):
    assert generate(*words) == 2
    assert said in capfd.readouterr().err
    assert not Path("results").exists()


@pytest.mark.parametrize(
    "choice",
    [
        f"{group}={path.stem}"
        for group in ("agent", "cases", "sandbox")
        for path in sorted((config_dir() / group).glob("*.yaml"))
    ],
)
def test_every_choice_builds(choice):
    needs = {"agent=command": "agent.command=cat", "agent=folder": "agent.path=x",
             "cases=files": "cases.path=cases.yaml"}  # fmt: skip
    spec = build_generation(composed("generate", [choice, *filter(None, [needs.get(choice)])]).cfg)
    group, name = choice.split("=")
    made = spec.cases.source if group == "cases" else getattr(spec, group)
    assert made.name == name


def test_a_skill_is_part_of_what_a_run_is_called(monkeypatch):
    def run_id(*words):
        words = with_open_keys("generate", ["agent=llm", *words])
        return build_generation(composed("generate", words).cfg).run_id

    names = [run_id(), run_id("agent.skills.leakage=Split first."), run_id("agent.plan=false"),
             run_id("seed=1"), run_id("backend=scripted"), run_id("limit=3"),
             run_id("sandbox.limits.seconds=9")]  # fmt: skip
    assert len(set(names)) == len(names)
    assert run_id("workers=3", "loop=other", "budget_usd=1") == names[0]


def test_a_model_without_its_key_is_refused_before_anything_runs(monkeypatch, capfd):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    assert own("agent=llm", "backend=openai", "sandbox=none") == 2
    assert "backend=openai cannot be called: set OPENAI_API_KEY" in capfd.readouterr().err


def test_help_teaches(capfd):
    assert generate("--help") == 0
    out = capfd.readouterr().out
    for part in ("agent=command", "only.task_types", "sandbox:", "prefer=data_imputation"):
        assert part in out


def test_without_namespaces_no_sandbox_must_be_asked_for_by_name(monkeypatch, capfd):
    fault = "bubblewrap cannot make namespaces (No permissions)."
    monkeypatch.setattr("memalign_bench.loop.sandbox.bubblewrap.namespaces_fault", lambda: fault)
    assert own("agent=llm", "backend=scripted") == 2
    said = capfd.readouterr().err
    assert "cannot make namespaces" in said
    assert "sandbox=none" in said


def test_a_changed_notebook_or_an_unfinished_run_is_not_loaded():
    assert generate("agent=empty", "limit=1") == 0
    [path] = Path("results/loop/generated").iterdir()
    [file] = path.glob("notebooks/*.ipynb")
    file.write_text("{}")
    with pytest.raises(RecordError, match="is not what was recorded"):
        load_generated(path)
    assert generate("agent=empty", "limit=1") == 0  # mends it
    load_generated(path)
    (path / "manifest.json").unlink()
    with pytest.raises(RequestError, match="start the same command again to finish it"):
        load_generated(path)


@pytest.mark.parametrize("held", ["{}", '{"cost": nul'])
def test_a_row_of_an_earlier_sitting_that_was_damaged_is_named(capfd, held):
    assert generate("agent=bundled", "only.ids=[bakery-sales]") == 0
    [row] = Path("results").glob("loop/generated/*/.rows/bakery-sales-0.json")
    row.write_text(held)
    capfd.readouterr()
    assert generate("agent=bundled", "only.ids=[bakery-sales]") == 1
    said = capfd.readouterr().err
    assert "bakery-sales-0.json " in said
    assert "delete it and run again" in said
    assert "Traceback" not in said


def test_a_folder_of_notebooks_and_a_case_without_one(capfd):
    write(Path("mine/one.ipynb"), "x = 1")
    assert own("agent=folder", "agent.path=mine", "agent.name=mine") == 0
    _, frame = loaded("mine-*")
    assert list(frame["status"]) == ["made", "no_notebook"]
    assert list(frame["path"]) == ["notebooks/one-0.ipynb", ""]
    assert "two, 0: no_notebook" in capfd.readouterr().err


@needs_namespaces
@pytest.mark.slow
def test_a_command_whose_notebooks_run_in_the_sandbox(capfd):
    script = """
import json, sys
case = json.load(sys.stdin)["case"]["case_id"]
if case == "two":
    sys.exit("no idea")
cells = [{"cell_type": "code", "id": "a", "metadata": {}, "source": s, "outputs": [], "execution_count": None}
         for s in ("print(6 * 7)", "1 / 0")]
json.dump({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}, open("notebook.ipynb", "w"))
"""  # noqa: E501
    Path("my agent.py").write_text(script)
    word = f"agent.command={sys.executable} 'my agent.py'"
    assert own("agent=command", word) == 1
    manifest, frame = loaded()
    assert list(frame["status"]) == ["made", "crashed"]
    assert frame["error"][0] == "ZeroDivisionError: division by zero"
    assert not frame["executed"].any()
    held = json.loads(
        (Path("results/loop/generated") / manifest["run_id"] / frame["path"][0]).read_text()
    )
    assert "42" in printed(held)
    assert "no idea" in frame["error"][1]
    said = capfd.readouterr().err
    assert "made once more by the same command" in said
    assert "1 notebook did not run to the end: kept with the traceback" in said
    Path("my agent.py").write_text(script.replace('"two"', '"none"'))
    assert own("agent=command", word) == 0
    assert "made 1: 2 made" in capfd.readouterr().err


TINY = "```python\nprint('{}')\n```"


def tiny(text):
    """The simulated author's notebooks, small: the first draft fails, the repair works."""
    if "1 / 0" in text:
        return TINY.format("mended")
    return "```python\n1 / 0\n```" if "```python" in text else text


def words(served, folder, *more):
    return [
        "generate", "agent=llm", "cases=files", "cases.path=cases.yaml", "n=2", "workers=2",
        "backend=openai_compatible", "backend.model=simulated",
        f"backend.base_url={served.base_url}/v1", f"results_dir={folder / 'results'}", *more,
    ]  # fmt: skip


def finish(served, folder):
    said = folder / "said.txt"
    assert completed(started(words(served, folder), said)) == 0, said.read_text()


def notebooks(folder):
    paths = sorted((folder / "results").glob("loop/generated/*/notebooks/*.ipynb"))
    return {path.name: path.read_text() for path in paths}


def stored(folder):
    path = folder / "results" / "loop" / "calls.sqlite"
    if not path.is_file():
        return 0
    with closing(sqlite3.connect(path)) as store:
        try:
            return int(store.execute("SELECT COUNT(*) FROM calls").fetchone()[0])
        except sqlite3.OperationalError:  # killed before it made its tables
            return 0


def killed_and_resumed(n_kills, folder, seed=0):
    """Kill one run so often at random moments, and hold it against an undisturbed one."""
    rng = random.Random(seed)
    prepared(folder)
    with serving(Provider(delay_s=0.05, reworded=tiny)) as served:
        whole, broken = folder / "whole", folder / "broken"
        for place in (whole, broken):
            place.mkdir()
            (place / "cases.yaml").write_text(CASES)
        finish(served, whole)
        n_calls, lost, killed = sum(served.answered.values()), 0, 0
        # A moment is so many answers and up to a second: how fast the machine is does not matter.
        for answers in sorted(rng.choices(range(n_calls - 2), k=n_kills)):
            before, had = sum(served.answered.values()), stored(broken)
            process = started(words(served, broken), broken / "said.txt")
            while sum(served.answered.values()) < n_calls + answers and process.is_alive():
                time.sleep(0.01)
            time.sleep(rng.uniform(0, 1))
            process.kill()
            killed += completed(process) != 0
            settled(served)
            lost += sum(served.answered.values()) - before - (stored(broken) - had)
        finish(served, broken)
        paid = sum(served.answered.values()) - n_calls
    return {
        "killed": killed, "calls": n_calls, "twice": paid - n_calls, "under_way": lost,
        "same": notebooks(whole) == notebooks(broken), "notebooks": len(notebooks(broken)),
    }  # fmt: skip


@needs_namespaces
@pytest.mark.slow
def test_a_run_killed_at_random_moments_ends_the_same_and_pays_nothing_twice(tmp_path):
    found = killed_and_resumed(3, tmp_path)
    assert found["killed"] >= 2
    assert (found["notebooks"], found["calls"]) == (4, 12)
    assert found["same"]
    # A call whose answer was on its way when the process died cannot be kept by it.
    assert found["twice"] <= found["under_way"]


@needs_namespaces
@pytest.mark.slow
def test_money_runs_out_by_case_and_more_money_goes_on(tmp_path, capfd):
    with serving(Provider(reworded=tiny)) as served:
        price = ["backend.price_input=1000", "backend.price_output=1000", "agent.max_tokens=100"]
        assert main(words(served, tmp_path, *price, "budget_usd=3", "workers=1")) == 1
        _, frame = loaded()
        assert "over_budget" in set(frame["status"])
        assert "raise budget_usd=" in frame["error"][frame["status"] == "over_budget"].iloc[0]
        spent = frame["cost"].sum()
        assert main(words(served, tmp_path, *price, "budget_usd=400", "workers=1")) == 0
        asked = sum(served.answered.values())
    _, frame = loaded()
    assert set(frame["status"]) == {"made"}
    assert frame["executed"].all()
    assert frame["cost"].sum() > spent
    assert asked == 12


@needs_namespaces
@pytest.mark.slow
def test_a_model_end_to_end_on_bundled_cases_with_a_fault_to_repair(capfd):
    words = ["only.ids=[ad-clicks]", "sandbox.limits.seconds=900"]
    assert generate("agent=llm", "backend=scripted", "backend.faults=1", *words) == 0
    manifest, frame = loaded()
    assert frame["executed"].all(), list(frame["error"])
    assert (manifest["backend"], manifest["sandbox"]["name"]) == ("scripted", "bubblewrap")
    assert manifest["totals"]["completion_tokens"] == frame["completion_tokens"].sum() > 0
    folder = Path("results/loop/generated") / manifest["run_id"]
    (path,) = frame["path"]
    assert "average precision" in printed(json.loads((folder / path).read_text()))
