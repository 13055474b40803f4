"""What ships with the package is data, and reading it takes nothing of what wrote it."""

import subprocess
import sys

import pytest

from memalign_bench.datasets.bundled import bundled_path
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


def test_other_seeds_are_refused():
    assert (bundled_path(1) / "labels.csv").is_file()
    with pytest.raises(RequestError, match="seed 7; there are 0"):
        bundled_path(7)
