"""The committed run of study `quick` is made again from its cassette: no model, the same bytes."""

from pathlib import Path

import pytest

from memalign_bench.cli import main

REFERENCE = Path(__file__).parents[2] / "results" / "quick_reference"


@pytest.mark.slow
def test_the_cassette_replays_to_identical_records(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MEMALIGN_BENCH_CACHE", str(tmp_path / "no-weights-here"))
    place = ["study=quick_reference", f"results_dir={tmp_path}"]
    cassette = f"path={REFERENCE / 'cassette.jsonl'}"
    assert main(["cassette", "action=import", *place, cassette]) == 0
    words = ["run", "experiment=quick", *place, "backend.mode=replay", "tracker=none"]
    assert main(words) == 0
    committed = sorted((REFERENCE / "runs").glob("*/predictions.parquet"))
    assert len(committed) == 3
    for path in committed:
        twin = tmp_path / "quick_reference" / "runs" / path.parent.name / path.name
        assert twin.read_bytes() == path.read_bytes()
        memory = path.with_name("memory.json")
        assert twin.with_name("memory.json").read_bytes() == memory.read_bytes()
