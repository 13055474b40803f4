"""The commands, as `memalign-bench corpus` finds and runs them."""

from importlib.metadata import entry_points

import pytest

from genie_synth import command
from memalign_bench.cli import main, progress
from memalign_bench.cli.corpus import GENERATOR_ACTIONS


def test_the_distribution_offers_what_the_command_looks_for():
    offered = {entry.name: entry.load() for entry in entry_points(group=GENERATOR_ACTIONS)}
    assert offered == {
        "audit": command.audit, "build": command.build, "data": command.data,
    }  # fmt: skip


def test_a_build_says_how_far_it_is(tmp_path, monkeypatch, capsys):
    def build(out, seed, *, track):
        assert list(track(["a", "b"], "composing notebooks")) == ["a", "b"]

    monkeypatch.setattr("genie_synth.bundle.build", build)
    monkeypatch.setattr(progress, "_LOG_EVERY_S", -1.0)
    assert main(["corpus", "action=build", f"out={tmp_path}"]) == 0
    told = capsys.readouterr().err
    assert "composing notebooks: 2 of 2, 0.0 min left" in told


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
