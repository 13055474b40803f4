"""The commands, as `memalign-bench corpus` finds and runs them."""

from importlib.metadata import entry_points

import pytest

from genie_synth import command
from memalign_bench.cli import main
from memalign_bench.cli.corpus import GENERATOR_ACTIONS


def test_the_distribution_offers_what_the_command_looks_for():
    offered = {entry.name: entry.load() for entry in entry_points(group=GENERATOR_ACTIONS)}
    assert offered == {
        "audit": command.audit, "build": command.build, "data": command.data,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["action=build"], "action=build needs out=FOLDER"),
        (["action=build", "out=x", "seed=5"], "there are cases for seeds 0, 1 only"),
    ],
)
def test_impossible_builds_are_refused(words, told, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["corpus", *words]) == 2
    assert told in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
