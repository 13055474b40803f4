"""What ships with the package is data, and reading it takes nothing of what wrote it."""

import json
import subprocess
import sys

import pytest

from memalign_bench.cli import main
from memalign_bench.config import composed, instance
from memalign_bench.datasets.bundled import bundled_path
from memalign_bench.datasets.folder import FolderSource
from memalign_bench.errors import RequestError

STUDY = """
import pkgutil, sys
from importlib import import_module

import memalign_bench.datasets as datasets
from memalign_bench.cli import main

for module in pkgutil.walk_packages(datasets.__path__, "memalign_bench.datasets."):
    import_module(module.name)
words = ["dataset=genie_synth", "dimensions=[model_use]", "backend=scripted", "limit=8"]
assert main(["run", *words, "study=s", "tracker=none"]) == 0
assert main(["corpus", "action=export", "format=files", "out=mine"]) == 0
print(sorted(name for name in sys.modules if name.split(".")[0] == "genie_synth"))
"""


def test_a_study_and_an_export_load_nothing_of_the_generator(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", STUDY], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("seed", [0, 1])
def test_the_plain_level_has_the_same_grades_of_other_notebooks_under_another_name(seed):
    rubric = instance(composed("run").cfg, "rubric")
    real = FolderSource("genie_synth", seed=seed).load(rubric)
    plain = FolderSource("genie_synth", seed=seed, difficulty="plain").load(rubric)
    assert (real.name, plain.name) == ("genie_synth", "genie_synth_plain")
    scores, facets = (
        [
            {(e.item_id, e.dimension, getattr(e, "rater", "")): what(e) for e in part(data)}
            for data in (real, plain)
        ]
        for part, what in (
            (lambda data: data.label_list, lambda e: e.score),
            (lambda data: data.evidence, lambda e: (e.facets, e.score, e.literal_score)),
        )
    )
    assert scores[0] == scores[1]
    assert facets[0] == facets[1]
    assert real.digest != plain.digest
    for item_id, item in real.item.items():
        other = plain.item[item_id]
        assert (item.prompt, item.context, item.stratum) == (
            *(other.prompt, other.context),
            other.stratum,
        )
        assert item.content != other.content


def test_levels_are_never_pooled_in_a_study(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    words = ["dimensions=[model_use]", "backend=scripted", "tracker=none", "dataset.seed=1"]
    run, plain = ["run", *words, "limit=8"], "dataset.difficulty=plain"
    assert main([*run, "study=real"]) == 0
    assert main([*run, "study=plain", plain]) == 0
    manifests = {
        name: json.loads(path.read_text())
        for name in ("real", "plain")
        for path in (tmp_path / "results" / name).glob("runs/*/manifest.json")
    }
    assert manifests["plain"]["dataset"]["name"] == "genie_synth_plain"
    assert manifests["plain"]["run_id"] != manifests["real"]["run_id"]
    capsys.readouterr()
    assert main([*run, "study=real", plain]) != 0
    assert "study=NAME" in capsys.readouterr().err
    # Were the runs brought together by hand, the report names what differs.
    for path in (tmp_path / "results/plain/runs").iterdir():
        path.rename(tmp_path / "results/real/runs" / path.name)
    assert main(["report", "study=real", "tracker=none"]) == 1
    assert "dataset.name: 'genie_synth' in" in capsys.readouterr().err


def test_an_unknown_level_is_refused():
    with pytest.raises(RequestError, match="difficulty='easy'; there are real and plain"):
        bundled_path(1, "easy")


def test_other_seeds_are_refused():
    assert (bundled_path(1) / "labels.csv").is_file()
    with pytest.raises(RequestError, match="seed 7; there are 0"):
        bundled_path(7)
