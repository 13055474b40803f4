"""A backend, data set, alignment of one's own: what is wrong in its YAML, by key, all at once."""

from pathlib import Path

import pytest

from memalign_bench.cli import main
from memalign_bench.config import composed, instance
from memalign_bench.config.checking import wrong_keys

BACKEND = """\
defaults: [dialect/openai_compatible@_here_, _self_]
name: mine
base_url: http://localhost:1/v1
model: m
api_key_env: KEY
"""
ALIGNMENT = """\
_target_: memalign_bench.alignment.dual.DualMemory
name: mine
semantic: true
episodic: true
memory: ${memory}
distiller: ${distiller}
embedder: ${embedder}
"""
SCORING = "_target_: memalign_bench.judging.scoring.VerdictScoring\nname: mine\n"
BASES = {"backend": BACKEND, "alignment": ALIGNMENT, "scoring": SCORING}
MODEL = "model: m\napi_key_env: KEY"
TARGET = "_target_: memalign_bench.backends.http.openai_compatible.OpenAICompatible"


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def written(path, text):
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())


def told_of(capfd, *words):
    code = main(["run", "--config-dir", "mine", "study=s", "tracker=none", "dataset=planted",
                 "rubric=planted", *words])  # fmt: skip
    said = capfd.readouterr().err
    assert code == 2, said
    assert "Traceback" not in said
    return said


@pytest.mark.parametrize(
    ("group", "old", "new", "told"),
    [
        (
            "backend",
            MODEL,
            "model: ${oc.env:NO_A}\napi_key_env: ${oc.env:NO_B}",
            ["backend.model: the environment variable NO_A is not set", "variable NO_B is not set"],
        ),
        ("backend", "m\n", "${x}\n", ["backend.model refers to something", r"are written \${"]),
        ("backend", "m\n", "'${x'\n", ["cannot be read", r"are written \${"]),
        ("backend", "model: m", "model: m\nmodel: n", ["mine.yaml:5: the key model stands here"]),
        ("backend", BACKEND, b"name: gr\xf6\xdfe\n", ["mine.yaml: not UTF-8"]),
        ("backend", BACKEND, "5", ["mine.yaml:1: a backend is a mapping"]),
        ("backend", "[dialect/openai_compatible@_here_, _self_]", "x", ["defaults must be a list"]),
        ("backend", "compatible@", "compatble@", ["Did you mean openai_compatible?"]),
        ("backend", BACKEND, "", ["backend has no _target_"]),
        ("backend", BACKEND, f"{TARGET}s\n", [f"Did you mean {TARGET[10:]}?"]),
        ("backend", BACKEND, "_target_: collections.Counter", ["is no backend, it has no name"]),
        ("backend", "name: mine", "name: other", ["mine.yaml:2: name is 'other'"]),
        ("scoring", "", "", ["applicability, calibration must be set"]),
        ("alignment", "${memory}", "{k: 2}", ["alignment.memory must be a mapping with the _targ"]),
        ("alignment", "semantic:", "semantc:", ["no key 'semantc'. Did you mean semantic?"]),
    ],
)
def test_what_is_wrong_in_a_choice_is_told_with_its_key(group, old, new, told, capfd):
    whole = new if old == BASES[group] else BASES[group].replace(old, new)
    written(f"mine/{group}/mine.yaml", whole)
    words = [f"{group}=mine", *(["backend=scripted"] if group != "backend" else [])]
    said = told_of(capfd, *words)
    for line in told:
        assert line in said


@pytest.mark.parametrize(
    ("path", "choice"),
    [
        ("mine/backend/mine.yml", "backend=mine"),
        ("mine/backends/mine.yaml", "backend=mine"),
        ("mine/mine.yaml", "backend=mine"),
        ("backend/mine.yaml", "backend=mine"),
    ],
)
def test_a_file_in_the_wrong_place_is_found(path, choice, capfd):
    Path("mine").mkdir()
    written(path, BACKEND)
    said = told_of(capfd, choice)
    assert f"{Path(path).resolve()} is there; it is looked for as" in said


def test_what_a_choice_builds_on_is_no_traceback_either(capfd):
    written("mine/backend/mine.yaml", "defaults: [base, _self_]\nname: mine\n")
    for broken in (b"name: gr\xf6\xdfe\n", b"5\n"):
        written("mine/backend/base.yaml", broken)
        assert "a YAML that another one builds on" in told_of(capfd, "backend=mine")


def test_a_wrong_data_set_is_not_passed_over_for_its_rubric(capfd):
    written("mine/dataset/mine.yaml", "defaults: [files, _self_]\nname: mine\npth: labels.csv\n")
    assert main(["validate", "--config-dir", "mine", "rubric=planted", "dataset=mine"]) == 2
    assert "dataset.path must be set" in capfd.readouterr().err


def test_all_keys_and_kinds_are_told_at_once():
    node = {
        "_target_": TARGET[10:],
        "name": "mine",
        "base_url": None,
        "max_concurency": 3,
        "context": "big",
        "price_input": [1],
        "timeout_s": True,
    }
    lines = list(wrong_keys(node, "backend", {}))
    for line, told in zip(
        lines,
        [
            "backend has no key 'max_concurency'. Did you mean max_concurrency? Keys there: ",
            "backend lacks model;",
            "backend.base_url must be a text, got None.",
            "backend.context must be a whole number or null, got 'big'.",
            "backend.price_input must be a number or null, got [1].",
            "backend.timeout_s must be a number, got True.",
        ],
        strict=True,
    ):
        assert line.startswith(told)


def test_signs_of_a_reference_are_taken_to_the_letter():
    job = composed("run", ["dataset=files", r"dataset.path='a/\${x}'"])
    assert instance(job.cfg, "dataset").path == "a/${x}"
