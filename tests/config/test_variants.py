"""What stands in a variant's name: what differs within its study, and nothing that it shares."""

import json
from pathlib import Path

import pytest

from memalign_bench.cli import main
from memalign_bench.config import config_dir

RUN = ("run", "dataset=files", "dataset.path=t.jsonl", "gold=median", "backend=scripted")
USUAL = ("alignment=none", "tracker=none", "study=s")


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lines = [
        {"item_id": f"i{n}", "case_id": f"c{n}", "content": f"The {word} note.", "rater": "ann",
         "dimension": "planted_quality", "score": 1 + n % 3, "rationale": "So."}
        for n, word in enumerate(("silk", "jute", "wool", "flax", "hemp", "lace"))
    ]  # fmt: skip
    Path("t.jsonl").write_text("\n".join(map(json.dumps, lines)))
    conf = Path("mine/rubric")
    conf.mkdir(parents=True)
    shipped = (config_dir() / "rubric" / "planted.yaml").read_text()
    for name in ("terse", "wordy"):
        (conf / f"{name}.yaml").write_text(shipped.replace("name: planted\n", f"name: {name}\n"))


def variants():
    paths = Path("results/s/runs").glob("*/manifest.json")
    held = [json.loads(path.read_text()) for path in paths]
    return sorted((one["rubric"]["name"], one["variant"]) for one in held)


def run(*words):
    options = [word for word in words if word == "-m"]
    given = [word for word in words if word != "-m"]
    told = {word.split("=")[0] for word in given}
    usual = [word for word in USUAL if word.split("=")[0] not in told]
    assert main([RUN[0], *options, "--config-dir", "mine", *RUN[1:], *usual, *given]) == 0


def test_a_rubric_that_the_whole_study_shares_is_no_variant():
    run("rubric=terse")
    run("rubric=terse", "prompt.grades=words")
    assert variants() == [("terse", "none"), ("terse", "none,prompt.grades=words")]


def test_a_second_rubric_of_a_study_is_one_and_stays_one():
    for _ in range(2):
        run("rubric=terse")
        run("rubric=wordy")
        assert variants() == [("terse", "none"), ("wordy", "none,rubric=wordy")]


@pytest.mark.parametrize("launcher", ["basic", "joblib"])
def test_a_sweep_over_rubrics_names_each(launcher):
    for _ in range(2):
        run("-m", "rubric=terse,wordy", f"hydra/launcher={launcher}")
        told = [("terse", "none,rubric=terse"), ("wordy", "none,rubric=wordy")]
        assert variants() == told


@pytest.mark.parametrize("content", ["{", "", "[]", "null", '{"a": 1}'])
def test_a_manifest_that_cannot_be_read_is_named(capfd, content):
    words = ["dataset=planted", "backend=scripted", "limit=8", "folds=2", *USUAL]
    assert main(["run", *words]) == 0
    (path,) = Path("results/s/runs").glob("*/manifest.json")
    path.write_text(content)
    capfd.readouterr()
    assert main(["run", *words]) == 1
    said = capfd.readouterr().err
    assert f"{path.name} " in said
    assert "delete it and run again" in said
    assert "Traceback" not in said
    path.unlink()
    assert main(["run", *words]) == 0
