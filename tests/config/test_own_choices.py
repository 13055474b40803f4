"""A backend, data set, alignment of one's own: what is wrong in its YAML, by key, all at once."""

from pathlib import Path

import pytest

from memalign_bench.cli import main
from memalign_bench.config import build_sections, composed, instance
from memalign_bench.config.checking import key_problems
from memalign_bench.errors import DataError, RequestError

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


def test_an_experiment_sets_no_key_that_nothing_reads(capfd):
    written("mine/experiment/mine.yaml", "folds: 3\n")
    words = ("experiment=mine", "backend=scripted")
    assert "mine.yaml:1: write `# @package _global_`" in told_of(capfd, *words)
    written(
        "mine/experiment/mine.yaml",
        "# @package _global_\nfold: 3\nclaims: {metric: mae}\nstats: {n_resample: 5}\n",
    )
    said = told_of(capfd, *words, "+repeat=2")
    for key in ("folds", "repeats", "claims.metrics", "stats.n_resamples"):
        assert f"Did you mean {key}?" in said
    assert "claims must be a mapping" in told_of(capfd, "backend=scripted", "claims=3")


def test_a_choice_that_puts_its_keys_elsewhere_is_told(capfd):
    written("mine/rubric/mine.yaml", "# @package foo\ndefaults: [planted, _self_]\nname: mine\n")
    assert main(["validate", "--config-dir", "mine", "rubric=mine"]) == 2
    assert "rubric has no keys: the YAML of its choice puts them" in capfd.readouterr().err


def test_a_mapping_for_a_choice_is_no_traceback(capfd):
    assert main(["validate", "rubric={a: b}"]) == 2
    assert "unknown key 'rubric.a'" in capfd.readouterr().err


def test_a_wrong_data_set_is_not_passed_over_for_its_rubric(capfd):
    written("mine/dataset/mine.yaml", "defaults: [files, _self_]\nname: mine\npth: labels.csv\n")
    assert main(["validate", "--config-dir", "mine", "rubric=planted", "dataset=mine"]) == 2
    assert "dataset.path must be set" in capfd.readouterr().err


def test_all_keys_are_told_at_once():
    node = {"_target_": TARGET[10:], "name": "mine", "max_concurency": 3, "foo": 1}
    lines = list(key_problems(node, "backend", {}))
    for line, told in zip(
        lines,
        [
            "backend has no key 'max_concurency'. Did you mean max_concurrency? Keys there: ",
            "backend has no key 'foo'. Keys there: model,",
            "backend lacks model, base_url;",
        ],
        strict=True,
    ):
        assert line.startswith(told)


def test_all_kinds_are_told_at_once_in_the_words_of_the_class_where_it_has_some():
    words = ["backend.context=big", "backend.price_input=[1]", "backend.timeout_s=true"]
    job = composed("run", ["backend=openai_compatible", *words, "backend.tries=many"])
    job.cfg.backend.model = job.cfg.backend.base_url = "http://x"
    with pytest.raises(RequestError) as caught:
        instance(job.cfg, "backend")
    told = {line.partition(" must be ")[0]: line for line in str(caught.value).splitlines()}
    assert told["backend.context"].endswith("a whole number or null, got 'big'.")
    assert {"backend.price_input", "backend.timeout_s", "backend.tries"} <= told.keys()
    job = composed("run", ["view=answers", "view.max_tokens=3", "view.example_tokens=1.5"])
    with pytest.raises(RequestError, match=r"view.max_tokens must be >= 16, got 3.(.|\n)*got 1.5"):
        instance(job.cfg, "view")


def test_signs_of_a_reference_are_taken_to_the_letter():
    job = composed("run", ["dataset=files", r"dataset.path='a/\${x}'"])
    assert instance(job.cfg, "dataset").path == "a/${x}"


def test_a_figure_that_is_no_yaml_is_named():
    for broken, told in ((b"5\n", "mine.yaml:1: a figure is a mapping"), (b"a: \xf6", "not UTF-8")):
        written("mine/figure/mine.yaml", broken)
        with pytest.raises((DataError, RequestError), match=told):
            build_sections([f"file://{Path('mine').resolve()}"])


def test_a_tracker_of_ones_own_is_one_yaml(capfd):
    written(
        "mine/tracker/team.yaml", "name: mlflow\nuri: sqlite:///team.sqlite\nexperiment: ours\n"
    )
    words = ["dataset=planted", "backend=scripted", "alignment=none", "limit=8", "dry_run=true"]
    assert main(["run", "--config-dir", "mine", "tracker=team", *words]) == 0, capfd.readouterr()
    written("mine/tracker/team.yaml", "name: mlfow\n")
    assert main(["run", "--config-dir", "mine", "tracker=team", *words]) == 2
    assert "mlflow, none" in capfd.readouterr().err
