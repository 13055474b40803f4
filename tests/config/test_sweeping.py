"""Jobs of a sweep are what Hydra composes for each of them alone."""

from contextlib import nullcontext
from pathlib import Path

import pytest
from hydra.errors import HydraException
from omegaconf import OmegaConf

from memalign_bench.config import build, composed, kept_files
from memalign_bench.config.compositions import composed_anew
from memalign_bench.config.sweeping import SweepJobs

FEW = ("dataset=planted", "backend=scripted", "study=s")
SWEPT = [
    (*FEW, "alignment=none", "fold_seed=0"),
    (*FEW, "alignment=none", "fold_seed=1"),
    (*FEW, "fold_seed=1", "alignment=full", "alignment.k=2", "memory.k=3"),
    (*FEW, "alignment=full", "memory.k=4", "memory={k: 1}", "memory.metric=cosine"),
    (*FEW, "alignment=full", "dimensions=[a,b]", "backend.seed=${fold_seed}", "fold_seed=7"),
    (*FEW, "alignment=none", "++dataset.rows=3", "dataset.cases=12"),
    (*FEW, "alignment=none", "fold_seed=2", "+rubrics2=[x]"),
    (*FEW, "alignment=none", "fold_seed=2", "~attack"),
    (*FEW, "alignment=none", "hydra.sweep.dir=elsewhere", "fold_seed=3", "limit=null"),
    (*FEW, "experiment=quick", "alignment=none", "fold_seed=3"),
    (*FEW, "tracker=none", "tracker.name=none", "scoring=verdict", "repeats=2"),
    (*FEW, "alignment@other=full"),
    (*FEW, "fold_seed=1,2"),
    ("backend=scripted", "dataset=planted", "alignment=full", "study=s"),
    (*FEW, "alignment=full", "hydra.sweep.dir=elsewhere", "hydra.run.dir=here"),
    (*FEW, "hydra.run.dir=here", "hydra.sweep.dir=elsewhere", "hydra/launcher=basic"),
    (*FEW, "hydra.job.env_copy=[MINE]", "fold_seed=1"),
]


def whole(job):
    told = OmegaConf.to_yaml(job.cfg), OmegaConf.to_yaml(job.hydra)
    return *told, job.choices, OmegaConf.is_struct(job.cfg)


def outcome(compose, words):
    try:
        return whole(compose(words))
    except HydraException as error:
        return type(error), str(error), str(error.__cause__)


def test_each_job_is_what_hydra_composes(monkeypatch):
    monkeypatch.setenv("MINE", "today")
    found = [
        outcome(lambda one: composed("run", one), words) for words in (*SWEPT, *reversed(SWEPT))
    ]
    # By Hydra alone: it reads every file each time.
    monkeypatch.setattr(kept_files, "files_parsed_once", nullcontext)
    alone = [outcome(lambda one: composed_anew("run", one), words) for words in SWEPT]
    assert found == [*alone, *reversed(alone)]
    assert sum(isinstance(one[0], str) for one in alone) >= 8


def test_a_file_is_parsed_once_and_composing_leaves_it_as_it_is(monkeypatch):
    parsed, load = [], OmegaConf.load
    monkeypatch.setattr(OmegaConf, "load", lambda file: parsed.append(file.name) or load(file))
    kept_files.forget_parsed_files()
    first = composed_anew("run", FEW)
    n_files = len(parsed)
    assert n_files == len(set(parsed)) > 10
    first.cfg.memory.k = 99
    again = composed_anew("run", (*FEW, "memory.query=item"))
    assert len(parsed) == n_files
    assert (again.cfg.memory.k, again.cfg.memory.query) == (4, "item")


def test_a_job_of_a_sweep_leaves_the_others_as_they_are():
    one = composed("run", (*FEW, "alignment=full", "fold_seed=1"))
    one.cfg.fold_seed = 99
    one.hydra.overrides.task.append("fold_seed=99")
    other = composed("run", (*FEW, "alignment=full", "fold_seed=1"))
    assert other.cfg.fold_seed == 1
    assert "fold_seed=99" not in other.hydra.overrides.task


def test_a_group_of_ones_own_is_a_choice_although_its_name_is_not_known(tmp_path):
    (tmp_path / "experiment").mkdir()
    (tmp_path / "mine").mkdir()
    for name, k in (("few", 2), ("many", 8)):
        (tmp_path / "mine" / f"{name}.yaml").write_text(f"# @package memory\nk: {k}\n")
    (tmp_path / "experiment" / "own.yaml").write_text(
        "# @package _global_\ndefaults:\n  - /mine: few\n"
    )
    search = f"hydra.searchpath=[file://{tmp_path}]"
    ks = [
        composed("run", (search, *FEW, "experiment=own", f"mine={name}")).cfg.memory.k
        for name in ("few", "many")
    ]
    assert ks == [2, 8]


def test_what_changed_since_the_last_composition_is_seen(tmp_path, monkeypatch):
    words = (f"hydra.searchpath=[file://{tmp_path}]", *FEW, "alignment=mine")
    (tmp_path / "alignment").mkdir()
    file = tmp_path / "alignment" / "mine.yaml"
    for k in (2, 3):
        file.write_text(
            "# @package _global_\ndefaults: [full@alignment]\n"
            f"alignment: {{name: mine}}\nmemory: {{k: {k}}}\n"
        )
        monkeypatch.chdir(tmp_path if k == 2 else tmp_path.parent)
        job = composed("run", (*words, "fold_seed=1"))
        assert (job.cfg.memory.k, job.hydra.runtime.cwd) == (k, str(Path.cwd()))
        # What is usual for it follows the file too: nothing was set away from it.
        search = [f"file://{tmp_path}"]
        assert build(job.cfg, job.choices, search).variant == "mine"
    file.unlink()
    with pytest.raises(HydraException, match="mine"):
        composed("run", words)


def test_jobs_share_a_clock_and_can_be_looked_at_in_any_order():
    words = [(*FEW, "alignment=none", f"fold_seed={seed}", "study=at_${now:%f}") for seed in (0, 1)]
    jobs = SweepJobs(words, lambda one: composed("run", one))
    first = jobs[0].cfg.study
    assert [job.cfg.study for job in reversed(jobs)] == [first, first]
    assert [job.cfg.fold_seed for job in jobs[::-1]] == [1, 0]
    with pytest.raises(IndexError):
        jobs[2]
