"""What the generator does is found by name, and said to be missing where it is."""

from importlib.metadata import EntryPoint, EntryPoints

import pytest

from memalign_bench.cli import corpus, main


def offer(monkeypatch, **actions):
    """Let other distributions offer these actions and no others."""
    offered = EntryPoints(
        EntryPoint(name, value, corpus.GENERATOR_ACTIONS) for name, value in actions.items()
    )
    monkeypatch.setattr(corpus, "entry_points", offered.select)


@pytest.mark.parametrize("action", ["audit", "build"])
def test_without_the_generator_it_says_what_to_install(action, monkeypatch, capsys):
    offer(monkeypatch)
    assert main(["corpus", f"action={action}", "out=x"]) == 2
    told = capsys.readouterr().err
    assert f"action='{action}' needs" in told
    assert "pip install ./experiments/genie_synth" in told


def test_a_library_that_the_generator_lacks_is_named(monkeypatch, capsys):
    offer(monkeypatch, build="no_such_library.command:build")
    assert main(["corpus", "action=build", "out=x"]) == 2
    told = capsys.readouterr().err
    assert "needs 'no_such_library'" in told
    assert "pip install ./experiments/genie_synth" in told


def test_an_action_is_handed_the_configuration_and_its_exit_code_stands(monkeypatch):
    seen = []
    monkeypatch.setattr(corpus, "_export", lambda cfg: seen.append(cfg.seed) or 1)
    offer(monkeypatch, audit="memalign_bench.cli.corpus:_export")
    assert main(["corpus", "action=audit", "seed=1"]) == 1
    assert seen == [1]
