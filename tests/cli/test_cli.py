"""The command line as a user meets it: exit codes, messages, sweeps, help."""

import os
import re
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from tests.backends.loopback import Provider, serving

from memalign_bench import load_study
from memalign_bench.cli import main
from memalign_bench.config import config_dir

PLANTED = ("dataset=planted", "backend=scripted", "tracker=none")


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["walk"], "unknown command 'walk'; commands: run, headroom, report"),
        (["run", "memory.kk=2"], "unknown key 'memory.kk'. Did you mean memory.k"),
        (["run", "backend=vllm", "backend.base_ur=x"], r"backend.base_url(.|\n)*backend.tries"),
        (["run", "backend=scrpted"], r"Could not find 'backend/scrpted'(.|\n)*scripted"),
        (["run", *PLANTED, "dimensions=[style]"], "unknown dimensions.*planted_quality"),
        (["run", *PLANTED, "memory.k=0"], "memory.k must be a whole number >= 1, got 0"),
        (["run", *PLANTED, "folds=1"], "folds must be a whole number >= 2, got 1"),
        (["run", *PLANTED, "folds=99"], "folds=99 cannot be made from 30 cases"),
        (["run", *PLANTED, "limit=0"], "limit must be a whole number >= 1"),
        (["run", *PLANTED, "n_cases=0"], "n_cases must be a whole number >= 1"),
        (["run", *PLANTED, "limit=abc"], "limit must be a whole number >= 1 or null, got 'abc'"),
        (["run", *PLANTED, "memory.k=2.5"], "memory.k must be a whole number >= 1, got 2.5"),
        (["run", *PLANTED, "dimensions={a: 1}"], "dimensions must be a list of names"),
        (["run", *PLANTED, "explain=maybe"], "explain must be true or false"),
        (["run", *PLANTED, "explain=true"], "explain=true changes nothing of scoring=verdict"),
        (["run", *PLANTED, "explain=true", "scoring=checklist"], "nothing of scoring=checklist"),
        (["run", *PLANTED, "calibration=batch"], "scoring=verdict has none"),
        (["run", *PLANTED, "study=a/b"], "study must be a plain folder name"),
        (["run", *PLANTED, "calibration=some"], "calibration must be one of none, batch"),
        (["run", *PLANTED, "gold=bob"], "gold='bob' is neither a rule nor a rater"),
        (["run", *PLANTED, "backend.politeness=2"], "politeness"),
        (["run", *PLANTED, "prior=trian"], "prior must be one of none, train, content_free"),
        (
            ["run", "dataset=files", "dataset.path=gone", "dataset.texts=privat"],
            "dataset.texts must be one of public, private, got 'privat'",
        ),
        (["run", "backend=openai_compatible"], "backend.model"),
        (["run", "dataset=files", "backend=scripted"], "dataset.path"),
        (["run", "dataset=files", "dataset.path=gone", "backend=scripted"], "no such folder"),
        (["run", "alignment=none,full"], "add --multirun"),
        (
            ["run", "-m", "label_noise=interval(0,1)", "alignment=glob(*)"],
            r"label_noise=interval\(0,1\): intervals(.|\n)*range(.|\n)*alignment=glob\(\*\):",
        ),
        (
            ["run", *PLANTED, "folds=1", "label_noise=3", "memory.k=0"],
            r"folds must(.|\n)*noise must(.|\n)*k must",
        ),
        (["run", *PLANTED, "view.max_tokens=0", "limit=0"], r"limit must(.|\n)*view.max_tokens"),
        (["run", *PLANTED, "--config-dir", "gone"], "there is no folder 'gone'"),
        (["run", "--help", "memory.kk=2"], "unknown key 'memory.kk'. Did you mean memory.k"),
        (["generate", "tracker=none"], "generate takes no tracker=.*: agent, backend, cases"),
        (["forensics", "agent=llm"], "of which it takes a choice: none"),
        (["report", "--help", "figure=pie"], "Could not find 'figure/pie'"),
        (["run", "--help", "alignment=none,full"], "add --multirun"),
        (["validate", *PLANTED[:1], "gold=Jürgen"], "gold='Jürgen' is neither a rule nor a rater"),
        (["validate", "dataset.columns={score: Größe}"], r"quotes of their own(.|\n)*Größe"),
        (["report"], "study must be set"),
        (["label"], "action must be one of push, pull."),
        (["report", "study=x", "figure=pie"], "pie"),
        (["corpus", "action=walk"], "action must be audit, build or export"),
    ],
)
def test_a_wrong_request_is_named_and_exits_2(here, capsys, words, told):
    assert main(words) == 2
    assert re.search(told, capsys.readouterr().err)


def test_a_sweep_with_one_wrong_job_runs_none(here, capsys):
    assert main(["run", "-m", *PLANTED, "alignment=none,ful", "study=s"]) == 2
    assert "Could not find 'alignment/ful'" in capsys.readouterr().err
    assert not (here / "results").exists()


def test_a_sweep_then_a_report(here, capsys):
    sweep = ["alignment=none,full", "fold_seed=0,1", "study=demo"]
    assert main(["run", "-m", *PLANTED, *sweep]) == 0
    assert [path.name for path in here.iterdir()] == ["results"], "nothing else is left behind"
    assert len(list((here / "results/demo/runs").iterdir())) == 4
    frames = load_study("results/demo")
    assert len(frames.predictions) == 4 * 60
    assert set(frames.predictions.variant) == {"none", "full"}
    assert main(["report", "study=demo", "tracker=none", "stats.n_resamples=200"]) == 0
    assert (here / "results/demo/report.html").stat().st_size > 10_000
    assert main(["run", "-m", *PLANTED, *sweep]) == 0
    assert "was complete" in capsys.readouterr().err


def test_a_set_key_stands_in_the_variant(here):
    assert main(["run", *PLANTED, "memory.k=2", "study=k"]) == 0
    assert set(load_study("results/k").predictions.variant) == {"full,memory.k=2"}
    assert main(["run", *PLANTED, "alignment=none", "memory.k=2", "study=n"]) == 0
    assert set(load_study("results/n").predictions.variant) == {"none"}


def test_a_report_without_runs_says_what_to_do(here, capsys):
    assert main(["report", "study=empty"]) == 2
    assert "memalign-bench run study=empty" in capsys.readouterr().err


def test_a_failed_run_exits_1_and_says_what_failed(here, capsys):
    assert main(["run", *PLANTED, "memory.k=50", "study=small"]) == 1
    told = capsys.readouterr().err
    assert "60 failed" in told
    assert "planted_quality, fold 0, note-" in told
    assert "memory.k=50 neighbours, but only" in told


def test_an_endpoint_that_is_not_there_is_named(here, capsys):
    place = ["backend.base_url=http://127.0.0.1:9/v1", "backend.model=m", "backend.tries=1"]
    words = ["run", "dataset=planted", "backend=openai_compatible", "tracker=none", *place]
    assert main([*words, "alignment=none", "study=none"]) == 1
    assert "http://127.0.0.1:9/v1" in capsys.readouterr().err


def test_an_older_call_store_is_a_wrong_request(here, capsys):
    with sqlite3.connect(here / "old.sqlite") as db:
        db.execute("CREATE TABLE calls (key TEXT, request TEXT, answer TEXT)")
    db.close()
    words = ["run", *PLANTED, "alignment=none", "study=s", "call_store=old.sqlite"]
    assert main(words) == 2
    told = capsys.readouterr().err
    assert "of another version of memalign-bench" in told
    assert "call_store=" in told


def test_a_sweep_with_a_key_missing_is_refused_before_the_first_call(here, capsys, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-some")
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    with serving(Provider()) as served:
        place = f"backend.base_url={served.base_url}/v1"
        words = ["run", "-m", "dataset=planted", "tracker=none", "study=two", place]
        some = ["alignment=none", "limit=8", "backend.tries=1"]
        assert main([*words, *some, "backend=openai,anthropic"]) == 2
        assert "backend=anthropic cannot be called: set ANTHROPIC_API_KEY" in (
            capsys.readouterr().err
        )
        assert not served.requests
        # What the call store answers, or nobody is asked, needs no key.
        assert main([*words, *some, "backend=openai"]) == 0
        assert len(served.requests) == 8
        monkeypatch.delenv("OPENAI_API_KEY")
        for held in (here / "results/two/runs").glob("*/predictions.parquet"):
            held.unlink()
        assert main([*words, *some, "backend=openai"]) == 0
        assert main([*words, "limit=8", "alignment=median_label", "backend=anthropic"]) == 0
        assert main([*words, "limit=10", "alignment=none", "backend=openai"]) == 2
        assert "set OPENAI_API_KEY" in capsys.readouterr().err
        assert len(served.requests) == 8


def test_a_folder_of_configuration_may_have_any_name(here):
    """Commas and quotes are signs of Hydra's own grammar; the variant's name is looked up too."""
    folder = here / "ann's conf, all"
    (folder / "alignment").mkdir(parents=True)
    shipped = (config_dir() / "alignment" / "semantic.yaml").read_text()
    (folder / "alignment" / "mine.yaml").write_text(shipped.replace("name: semantic", "name: mine"))
    words = ["run", "--config-dir", str(folder), *PLANTED, "alignment=mine", "study=s"]
    assert main(words) == 0
    assert set(load_study("results/s").predictions["variant"]) == {"mine"}
    assert main(["export_judge", *words[1:3], "study=s", "alignment=mine", "register=false"]) == 0


def test_configuration_of_ones_own_is_found(here, capsys):
    folder = here / "mine" / "alignment"
    folder.mkdir(parents=True)
    shipped = (config_dir() / "alignment" / "semantic.yaml").read_text()
    (folder / "my_own.yaml").write_text(shipped.replace("name: semantic", "name: my_own"))
    shipped = (config_dir() / "view" / "answers.yaml").read_text()
    (here / "theirs" / "view").mkdir(parents=True)
    (here / "theirs" / "view" / "lab.yaml").write_text(shipped.replace("answers", "lab"))
    also = f"hydra.searchpath=[file://{here / 'theirs'}]"
    words = ["run", "--config-dir", "mine", also, *PLANTED, "alignment=my_own", "view=lab"]
    assert main([*words, "study=own"]) == 0
    assert set(load_study("results/own").predictions.variant) == {"my_own,view=lab"}
    # Without the option Hydra's own word does.
    assert main([*words[:1], also.replace("theirs", "mine"), *words[4:-1], "dry_run=true"]) == 0


def test_help_loads_nothing_heavy_and_teaches():
    command = [sys.executable, "-X", "importtime", "-m", "memalign_bench", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "memalign-bench run experiment=quick" in done.stdout
    heavy = {"hydra", "mlflow", "dspy", "numpy", "pandas", "sklearn", "datasets"}
    loaded = {line.rsplit("|", 1)[-1].strip() for line in done.stderr.splitlines()}
    assert "memalign_bench.cli" in loaded
    assert not heavy & loaded


@pytest.mark.parametrize(
    "words", [("run", *PLANTED, "study=light"), ("validate", "dataset=planted")]
)
def test_a_command_loads_no_client_that_it_does_not_use(here, words):
    command = [sys.executable, "-X", "importtime", "-m", "memalign_bench", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    loaded = {line.rsplit("|", 1)[-1].strip() for line in done.stderr.splitlines()}
    assert "memalign_bench.cli.requests.launch" in loaded
    assert not {"dspy", "litellm", "mlflow", "seaborn"} & loaded


def test_help_of_a_command_lists_its_choices(capfd):
    assert main(["run", "--help"]) == 0
    told = capfd.readouterr().out
    names = sorted(path.stem for path in (config_dir() / "alignment").glob("*.yaml"))
    assert f"alignment: {', '.join(names)}" in " ".join(told.split())
    assert "fold_seed: 0" in told
    assert "agent:" not in told, "no group of another command"


def test_help_lists_choices_of_a_folder_of_ones_own(here, capfd):
    (here / "mine" / "backend").mkdir(parents=True)
    (here / "mine" / "backend" / "lab.yaml").write_text("defaults: [scripted@_here_]\n")
    assert main(["run", "--help", "--config-dir", "mine"]) == 0
    told = capfd.readouterr().out
    assert "lab" in re.search("^backend: .*", told, re.MULTILINE)[0]
    assert "lab" in re.search("^reflection: .*", told, re.MULTILINE)[0]


@pytest.mark.parametrize("words", ["doctor backend=scripted", "run --help", "--help"])
def test_output_that_nobody_reads_any_more_ends_it_quietly(words):
    unread, write = os.pipe()
    os.close(unread)
    command = [sys.executable, "-m", "memalign_bench", *words.split()]
    done = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, text=True, check=False)
    os.close(write)
    assert (done.returncode, done.stderr) == (141, "")


def test_a_pipe_that_breaks_elsewhere_is_a_fault_and_not_passed_over(monkeypatch):
    def broken(*_):
        raise BrokenPipeError("a server hung up")

    monkeypatch.setattr("memalign_bench.cli.requests.job_checks.build", broken)
    with pytest.raises(BrokenPipeError, match="hung up"):
        main(["run", *PLANTED])


def test_stopped_while_jobs_are_checked_it_says_so(monkeypatch, capsys):
    def stopped(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("memalign_bench.cli.requests.job_checks.build", stopped)
    assert main(["run", *PLANTED]) == 130
    assert "Stopped." in capsys.readouterr().err


def test_help_of_a_sweep_is_that_of_its_first_job(capfd):
    words = ["-m", "backend=openai,scripted", "fold_seed=range(0,2)", "dataset=files"]
    assert main(["run", "--help", *words, "dataset.grades={a: 1}"]) == 0
    told = capfd.readouterr().out
    assert "name: openai" in told
    assert "a: 1" in told


@pytest.mark.parametrize("path", sorted(config_dir().rglob("*.yaml")), ids=lambda path: path.stem)
def test_every_yaml_begins_by_saying_what_it_is(path: Path):
    lines = [line for line in path.read_text().splitlines() if not line.startswith("# @package")]
    assert re.match(r"# [\w`].*\.$", lines[0]), f"{path} should begin with a sentence of comment"


@pytest.mark.parametrize("where", ["results_dir", "call_store"])
def test_a_place_where_nothing_can_be_written_is_told_without_a_stack(where, tmp_path, capfd):
    (tmp_path / "taken").write_text("a file")
    place = tmp_path / "taken" / "calls.sqlite"
    assert main(["run", *PLANTED, f"results_dir={tmp_path}", f"{where}={place}"]) != 0
    told = capfd.readouterr().err
    assert str(tmp_path / "taken") in told
    assert f"{where}=" in told
    assert "Traceback" not in told


def test_sums_hang_on_no_number_of_cores_unless_the_user_says_so(monkeypatch, capfd):
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    assert main(["validate", "--help"]) == 0
    assert os.environ.pop("OPENBLAS_NUM_THREADS") == "1"
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "3")
    assert main(["validate", "--help"]) == 0
    assert os.environ["OPENBLAS_NUM_THREADS"] == "3"


def test_a_run_ends_with_the_commands_that_report_its_studies(here, capsys):
    assert main(["run", "-m", *PLANTED, "study=a,b", "results_dir=my out"]) == 0
    told = capsys.readouterr().err.splitlines()
    assert told[-2:] == [
        f"To see it: memalign-bench report study={study} 'results_dir=my out'" for study in "ab"
    ]
    assert main(["run", *PLANTED, "study=a", "dry_run=true"]) == 0
    assert "To see it" not in capsys.readouterr().err
