"""Names and paths are the text that was typed, whatever numbers they look like to Hydra."""

import pytest

from memalign_bench.cli import main
from memalign_bench.cli.requests.typed_words import quoted_texts
from memalign_bench.config import CONFIG_NAMES, composed
from memalign_bench.report.numbers.frames import load_study

PLANTED = ("dataset=planted", "backend=scripted", "alignment=none", "limit=8", "folds=2")


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", ["2026_11_30", "1e3", "007", "1.10", "true", "nan", "-5"])
@pytest.mark.parametrize(
    ("command", "key"),
    [
        *(("run", key) for key in ("study", "results_dir", "call_store", "gold", "plan")),
        *(("run", key) for key in ("dataset.difficulty", "tracker.experiment")),
        *(("gate", key) for key in ("baseline", "candidate", "judge", "out", "loop")),
        *(("score", key) for key in ("run", "path", "judge", "study", "request", "context")),
        *(("label", key) for key in ("run", "out", "server.experiment")),
        *(("cassette", key) for key in ("path", "call_store", "study")),
        *(("paper", key) for key in ("paper_dir", "out", "certify")),
        *(("rubric", key) for key in ("name", "out", "artefact")),
        *(("export_judge", key) for key in ("variant", "out")),
        *(("corpus", "path"), ("corpus", "out"), ("report", "against"), ("forensics", "figures")),
    ],
)
def test_a_name_that_looks_like_a_number_stays_as_it_was_typed(command, key, name):
    cfg = composed(command, quoted_texts(command, [f"{key}={name}"])).cfg
    for part in key.split("."):
        cfg = cfg[part]
    assert cfg == name


@pytest.mark.parametrize("command", CONFIG_NAMES)
def test_null_and_what_is_quoted_already_are_left_alone(command):
    words = ["results_dir=null", "study='1e3'", 'out="5"', "seed=1", "folds=3", "dataset=5"]
    assert quoted_texts(command, words) == words


def test_a_number_stays_a_number():
    words = ["backend.max_concurrency=3", "dataset.seed=1", "backend.context=8192", "n_train=4",
             "dataset.grades={poor: 1}", "view.max_tokens=288", "explain=true"]  # fmt: skip
    assert quoted_texts("run", words) == words
    assert quoted_texts("rubric", ["scale=[0,0.5,1]"]) == ["scale=[0,0.5,1]"]


@pytest.mark.parametrize(
    ("typed", "names"),
    [
        ("1e3,2026_11_30", {"1e3", "2026_11_30"}),
        ("choice(5e1,b)", {"5e1", "b"}),
        ("range(1,3)", {"1", "2"}),
    ],
)
def test_the_names_of_a_sweep_are_as_they_were_typed(here, typed, names):
    assert main(["run", "-m", *PLANTED, f"study={typed}", "results_dir=2026", "tracker=none"]) == 0
    assert {path.parent.name for path in here.glob("2026/*/runs")} == names
    assert len(load_study(here / "2026" / min(names)).predictions) == 8


def test_a_sweep_of_an_experiment_of_ones_own_too(here):
    (here / "conf/experiment").mkdir(parents=True)
    (here / "conf/experiment/mine.yaml").write_text(
        "# @package _global_\nhydra: {mode: MULTIRUN, sweeper: {params: {study: '1e3,5'}}}\n"
    )
    words = ["--config-dir", "conf", "experiment=mine", "tracker=none"]
    assert main(["run", *words, *PLANTED]) == 0
    assert {path.parent.name for path in here.glob("results/*/runs")} == {"1e3", "5"}


def test_what_is_not_there_is_named_as_it_was_typed(here, capsys):
    for words, told in [
        (["leaderboard", "judge=5e8"], "no run was scored by judge=5e8"),
        (["leaderboard", "runs=[1e3]"], "1e3"),
        (["report", "study=1e3", "results_dir=5"], "5/1e3 holds no run"),
        (["cassette", "study=s", "action=verify", "path=5"], "no cassette at 5"),
        (["cassette", "study=s", "action=import", "path=05", "call_store=5"], "no cassette at 05"),
        (["gate", "baseline=1e3", "candidate=2", "out=2026"], "baseline=1e3"),
        (["score", "path=5", "judge=7"], "no judge in 7"),
        (["export_judge", "study=s", "out=2026", "results_dir=7"], "7/s"),
    ]:
        assert main(words) == 2
        assert told in capsys.readouterr().err.replace(" in results/loop", "")
    assert [*here.iterdir()] == []


def test_an_export_goes_to_a_folder_named_by_digits(here):
    assert main(["corpus", "action=export", "out=2026"]) == 0
    assert (here / "2026" / "labels.csv").is_file()
