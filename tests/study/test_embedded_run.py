"""A whole run on a real model: SmolLM2 in this process, and the same behind an address."""

import re
import shutil
from dataclasses import replace
from importlib.metadata import version

import pytest

from memalign_bench.backends.local import rates
from memalign_bench.backends.local.server import ALIAS, serve
from memalign_bench.backends.local.weights_cache import require_weights
from memalign_bench.cli import main
from memalign_bench.study import records
from memalign_bench.study.running.runner import run

SHORT = ("backend=embedded_smollm2", "limit=4", "folds=2", "memory.k=2", "view.max_tokens=64")


def distributions(spec):
    outcome = run(spec)
    assert not outcome.failures
    path = spec.study_dir / "runs" / outcome.run_id / "predictions.parquet"
    rows = records.read_rows(path, records.predictions_schema())
    return {row["item_id"]: row["distribution"] for row in rows}


@pytest.mark.model
def test_a_run_gives_the_same_distributions_at_any_concurrency(spec_of, tmp_path):
    spec = spec_of(*SHORT, "alignment=none")
    first = distributions(spec)
    backend = replace(spec.backend, max_concurrency=3)
    second = distributions(replace(spec, backend=backend, results_dir=tmp_path / "again"))
    assert first == second
    assert all(sum(found) == pytest.approx(1) for found in first.values())
    assert len({tuple(found) for found in first.values()}) > 1


@pytest.mark.model
def test_the_manifest_names_the_build_that_answered(spec_of):
    spec = spec_of(*SHORT, "alignment=none")
    path = spec.study_dir / "runs" / run(spec).run_id / "manifest.json"
    [entry] = records.read_json(path)["llama_cpp"]
    assert entry["version"] == version("xllamacpp")
    assert entry["features"] == sorted(entry["features"])
    assert "OPENMP" in entry["features"]
    assert entry["grammar"] in ("llguidance", "gbnf")
    assert entry["calls"] == 4


@pytest.mark.model
def test_the_same_model_behind_an_address(spec_of):
    spec = spec_of(*SHORT, "alignment=none")
    server = serve(require_weights(spec.backend.weights), 4096)
    other = spec_of(
        *("backend=openai_compatible", f"backend.base_url={server.listening_address}/v1"),
        *(f"backend.model={ALIAS}", "scoring=logprob", "view=compact", "alignment=none"),
        *("limit=4", "folds=2", "view.max_tokens=64"),
    )
    near, far = distributions(spec), distributions(other)
    assert near.keys() == far.keys()
    for item_id, found in near.items():
        # Another way through the prefix cache, so not to the bit.
        assert far[item_id] == pytest.approx(found, abs=0.1)


@pytest.mark.model
def test_a_context_too_small_fails_the_question_and_says_why(spec_of):
    whole = ("dataset=genie_synth", "dimensions=[model_training]", "limit=8")
    spec = spec_of(*whole, "backend=embedded_smollm2", "backend.context=256", "alignment=none")
    outcome = run(spec)
    assert len(outcome.failures) == 8
    assert all("does not fit the context of 256" in line for line in outcome.failures)
    assert all("lower view.max_tokens=" in line for line in outcome.failures)


@pytest.mark.model
def test_verdicts_are_written_and_understood(spec_of):
    outcome = run(spec_of(*SHORT, "scoring=verdict", "alignment=none"))
    assert outcome.counts["scored"] == 4, outcome.failures


@pytest.mark.model
def test_a_dry_run_says_how_long_the_model_would_take_as_fast_as_it_last_was(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(rates, "cache_dir", lambda: tmp_path / "cache")
    words = ["run", "dataset=planted", "backend=embedded_smollm2", "view.max_tokens=64"]
    words += ["limit=12", "folds=2", "memory.k=2", "tracker=none", "study=s"]

    def told(alignment):
        assert main([*words, f"alignment={alignment}", "dry_run=true"]) == 0
        return capsys.readouterr().err

    assert "runs here, costs nothing" in told("episodic")
    assert main([*words, "alignment=none"]) == 0
    assert re.search(r"runs here, about \d+ min at the \d+ tokens a second", told("episodic"))
    assert "0 calls to send, 0 stored\n" in told("none"), "its records stand"
    [kept] = (tmp_path / "cache" / "rates").iterdir()
    kept.write_text("{")
    assert "runs here, costs nothing" in told("episodic")


@pytest.mark.model
def test_a_cassette_replays_a_real_model_to_the_byte(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    words = ["run", "dataset=planted", *SHORT, "tracker=none", "study=a", "alignment=full"]
    assert main(words) == 0
    [before] = [path.read_bytes() for path in tmp_path.glob("results/a/runs/*/pred*.parquet")]
    assert main(["cassette", "study=a"]) == 0
    shutil.rmtree(tmp_path / "results/a/runs")
    (tmp_path / "results/a/calls.sqlite").unlink()
    assert main(["cassette", "study=a", "action=import"]) == 0
    assert main([*words, "backend.mode=replay"]) == 0
    [after] = [path.read_bytes() for path in tmp_path.glob("results/a/runs/*/pred*.parquet")]
    assert before == after
    verify = ["cassette", "study=a", "action=verify", "backend=embedded_smollm2", "sample=3"]
    assert main(verify) == 0
    assert "3 calls asked again" in capsys.readouterr().err
