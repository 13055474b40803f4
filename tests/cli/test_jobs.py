"""Jobs of a sweep in one process: each composed once, their data read once, one after the other."""

import json
from pathlib import Path

import pytest

from memalign_bench.cli import main, progress
from memalign_bench.cli import run as run_command
from memalign_bench.config import build, building, composed, composing, compositions, config_dir
from memalign_bench.datasets.folder import FolderSource
from memalign_bench.datasets.planted import PlantedSource
from memalign_bench.study.shared_data import data_read_once, load_data

PLANTED = ("dataset=planted", "backend=scripted", "tracker=none", "dataset.cases=12")


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def counted(monkeypatch, owner, name):
    """Calls of a function, counted."""
    calls, plain = [], getattr(owner, name)

    def counting(*args, **kwargs):
        calls.append(args)
        return plain(*args, **kwargs)

    monkeypatch.setattr(owner, name, counting)
    return calls


def manifests(study: Path):
    return [json.loads(path.read_bytes()) for path in sorted(study.glob("runs/*/manifest.json"))]


def test_a_sweep_reads_its_data_once_and_composes_what_jobs_choose_once(here, monkeypatch):
    loads = counted(monkeypatch, PlantedSource, "load")
    composers = counted(monkeypatch, compositions, "_hydra_composer")
    composing._default_config.cache_clear()
    compositions._KEPT.forget()
    words = ["run", "-m", *PLANTED, "alignment=none,full", "fold_seed=0,1", "study=s"]
    assert main(words) == 0
    assert len(loads) == 1
    # Two alignments for four jobs; what is usual for each says nothing that they do not.
    assert len(composers) == 2
    assert len(manifests(here / "results" / "s")) == 4


def test_what_is_read_once_is_read_anew_afterwards(here):
    rows = [
        {"item_id": f"i{at}", "case_id": f"c{at}", "content": f"text {at}", "score": 3}
        for at in range(4)
    ]
    table = here / "items.json"
    table.write_text(json.dumps(rows))
    job = composed("run", ["dataset=planted", "backend=scripted"])
    spec = build(job.cfg, job.choices)
    source = FolderSource("files", str(table))
    object.__setattr__(spec, "dataset", source)
    with data_read_once():
        first = load_data(spec)
        table.write_text(json.dumps(rows[:2]))
        with data_read_once():  # a job within a sweep
            assert load_data(spec) is first
    assert len(load_data(spec).item_list) == 2


def test_a_source_that_does_not_tell_itself_from_others_is_never_taken_for_another(here):
    class Own:
        """As somebody may write one: every object of it looks alike."""

        name = "own"

        def __init__(self, source):
            self.load = source.load

        def __repr__(self):
            return "Own()"

    jobs = [composed("run", [*PLANTED[:2], f"dataset.cases={n}"]) for n in (12, 14)]
    specs = [build(job.cfg, job.choices) for job in jobs]
    for spec in specs:
        object.__setattr__(spec, "dataset", Own(spec.dataset))
    with data_read_once():
        assert [len(load_data(spec).item_list) for spec in specs] == [24, 28]
        object.__setattr__(specs[0], "config", {})  # built by hand: nothing said, nothing shared
        assert load_data(specs[0]) is not load_data(specs[0])


def test_what_a_sweep_reads_off_the_clock_is_the_same_for_its_jobs(here):
    words = ["run", "-m", *PLANTED, "alignment=none,median_label,full", "study=at_${now:%f}"]
    assert main(words) == 0
    (study,) = (here / "results").glob("at_*")
    assert len(manifests(study)) == 3
    assert (study / "plan.json").is_file()


def test_callbacks_of_ones_own_are_called(here, monkeypatch):
    (here / "told.py").write_text(
        "from hydra.experimental.callback import Callback\n"
        "class Told(Callback):\n"
        "    def on_multirun_start(self, config, **kwargs): print('sweep begins')\n"
        "    def on_job_start(self, config, **kwargs): print('job', config.hydra.job.num)\n"
        "    def on_multirun_end(self, config, **kwargs): print('sweep ends')\n"
    )
    monkeypatch.syspath_prepend(str(here))
    with pytest.MonkeyPatch.context() as patch:
        lines = []
        patch.setattr("builtins.print", lambda *words: lines.append(" ".join(map(str, words))))
        told = "++hydra.callbacks.own={_target_: told.Told}"
        words = ["run", "-m", *PLANTED, "alignment=none,median_label", "study=s", told]
        assert main(words) == 0
    assert lines == ["sweep begins", "job 0", "job 1", "sweep ends"]


def test_a_job_that_breaks_off_leaves_the_others_their_turn(here, monkeypatch, capsys):
    plain = run_command.run

    def breaking(spec, progress):
        if spec.alignment.name == "none":
            raise ZeroDivisionError("a mistake of ours")
        return plain(spec, progress)

    monkeypatch.setattr(run_command, "run", breaking)
    assert main(["run", "-m", *PLANTED, "alignment=none,median_label", "study=s"]) == 1
    assert "a mistake of ours" in capsys.readouterr().err
    assert [one["alignment"] for one in manifests(here / "results" / "s")] == ["median_label"]


def test_what_was_checked_is_what_runs(here, monkeypatch):
    built = counted(monkeypatch, building, "_build_run")
    assert main(["run", "-m", *PLANTED, "alignment=none", "fold_seed=0,1", "study=s"]) == 0
    assert len(built) == 2
    assert main(["run", *PLANTED, "alignment=none", "fold_seed=0", "study=s"]) == 0
    assert len(built) == 3


def test_a_number_or_null_in_place_of_a_choice_is_refused_all_at_once(here, capsys):
    assert main(["run", "-m", "alignment=null,full", "backend=1.5", "reflection=", "study=s"]) == 2
    told = capsys.readouterr().err
    assert "alignment=null: alignment is chosen by name: criteria, " in told
    assert "backend=1.5: backend is chosen by name: anthropic, " in told
    assert "reflection=: reflection is chosen by name: anthropic, " in told
    assert not (here / "results").exists()


def test_a_number_in_place_of_a_choice_is_refused_with_the_choices_of_ones_own(here, capsys):
    (here / "conf" / "rubric").mkdir(parents=True)
    planted = (config_dir() / "rubric" / "planted.yaml").read_text()
    for name in ("5", "own"):
        rubric = planted.replace("name: planted\n", f"name: '{name}'\n")
        (here / "conf" / "rubric" / f"{name}.yaml").write_text(rubric)
    validate = ["validate", "--config-dir", "conf", "dataset=planted"]
    assert main([*validate, "rubric=7"]) == 2
    offered = "is chosen by name: 5, feedbackqa, ml_notebooks, own, planted, saf."
    assert f"rubric=7: rubric {offered}\n" in capsys.readouterr().err
    assert main([*validate, "rubric=5"]) == 2
    assert "is quoted: \"rubric='5'\"." in capsys.readouterr().err
    assert main([*validate, "rubric=1e3"]) == 2
    assert f"rubric=1e3: rubric {offered}" in capsys.readouterr().err
    assert main(["validate", "dataset=planted", "rubric=7"]) == 2
    assert "A YAML of your own is found with --config-dir FOLDER." in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["run", *PLANTED, "alignment=none", "study=s", "memory=4"], "memory.k, "),
        (["certify", "certify=5"], "certify.draws, "),
        (["gate", "gate=5", "baseline=a", "candidate=b"], "gate.margin, "),
    ],
)
def test_a_value_in_place_of_a_mapping_of_keys_is_refused(here, capsys, words, told):
    assert main(words) == 2
    refused = capsys.readouterr().err
    assert "must be a mapping of its keys, got" in refused
    assert f"; set one of {told}" in refused
    assert not (here / "results").exists()


def test_a_list_in_place_of_a_choice_is_refused(here, capsys):
    assert main(["run", *PLANTED, "alignment=[none,full]", "study=s"]) == 2
    assert "take each in turn: -m alignment=none,full." in capsys.readouterr().err
    assert main(["validate", "dataset=planted", "rubric=[5]"]) == 2
    assert "rubric=[5] would mix them" in capsys.readouterr().err
    assert not (here / "results").exists()


def test_a_long_sweep_says_how_far_its_check_is(here, monkeypatch, capsys):
    monkeypatch.setattr(progress, "_LOG_EVERY_S", 0.0)
    seeds = ",".join(map(str, range(20)))
    words = ["run", "-m", *PLANTED, "alignment=median_label", f"fold_seed={seeds}", "study=s"]
    assert main([*words, "dry_run=true"]) == 0
    assert "checking jobs: 19 of 20, 0.0 min left" in capsys.readouterr().err


def test_more_neighbours_than_training_items_are_refused_before_anything_is_asked(here, capsys):
    words = ["run", "-m", *PLANTED, "alignment=none,episodic,knn_vote", "study=s"]
    assert main([*words, "memory.k=24"]) == 2
    told = capsys.readouterr().err
    assert "memory.k=24 neighbours, but at most 23 training items" in told
    assert "alignment=episodic" in told
    assert "alignment=knn_vote" in told
    assert "Nothing was sent." in told
    assert not (here / "results").exists()
    assert main([*words[:-2], "alignment=episodic", "study=s", "n_train=3", "memory.k=4"]) == 2
    assert "at most 3 training items" in capsys.readouterr().err


def test_questions_that_failed_for_one_reason_are_told_in_one_line(here, capsys):
    # 24 notes, of which a fold leaves 18: not known before the folds are dealt.
    assert main(["run", *PLANTED, "alignment=episodic", "memory.k=20", "study=s"]) == 1
    (line,) = [one for one in capsys.readouterr().err.splitlines() if "failed: " in one]
    assert line.startswith("  failed: planted_quality, fold 0, note-")
    assert " and 23 more: alignment failed: memory.k=20 neighbours, but only 18" in line


def test_data_that_cannot_be_read_are_told_once_and_leave_no_plan(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    words = ["dataset=files", "dataset.path=gone", "backend=scripted", "study=s", "tracker=none"]
    assert main(["run", "-m", *words, "alignment=none,median_label"]) == 2
    assert capsys.readouterr().err.count("there is no such folder or file") == 1
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize("other", ["gold=gold", "dataset.seed=1", "limit=12", "n_cases=4"])
def test_a_study_has_one_data_set_and_one_gold(tmp_path, monkeypatch, capfd, other):
    monkeypatch.chdir(tmp_path)
    words = ["dataset=planted", "backend=scripted", "alignment=none", "study=s", "tracker=none"]
    assert main(["run", *words, "folds=2"]) == 0
    before = sorted(Path("results/s").rglob("*"))
    for more in ([other], [other, "alignment=median_label"]):
        capfd.readouterr()
        assert main(["run", *words, "folds=2", *more]) == 2
        said = capfd.readouterr().err
        assert "A study has one data set and one gold: choose another study=NAME" in said
        assert "Nothing was sent." in said
    assert sorted(Path("results/s").rglob("*")) == before
    assert main(["run", *words, "folds=2", "alignment=median_label"]) == 0
    assert main(["run", "-m", *words, "folds=2", "study=t", "gold=median,majority"]) == 2
