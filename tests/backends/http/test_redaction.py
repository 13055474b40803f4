"""A key is struck out of what servers say, and nothing else is."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from tests.backends.loopback import Provider, serving

from memalign_bench.cli import main

SAID = (
    "This model's maximum context length is 32 tokens, however you requested 90 tokens"
    " (token sk-a-real-key-1234)"
)


def errors_of(served, monkeypatch, tmp_path, key):
    tmp_path.mkdir(exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPENAI_API_KEY", key)
    place = ["backend=openai_compatible", "backend.model=m", f"backend.base_url={served.base_url}"]
    usual = ["dataset=planted", "limit=8", "alignment=none", "study=s", "tracker=none"]
    assert main(["run", *usual, *place]) == 1
    (path,) = Path("results/s/runs").glob("*/predictions.parquet")
    return {row["error"] for row in pq.read_table(path).to_pylist()}


@pytest.mark.parametrize("key", ["token", "tokens", "32", "sk-a-real-key-1234"])
def test_numbers_are_read_before_anything_is_struck_out(monkeypatch, tmp_path, key):
    with serving(Provider(refuses=lambda body: SAID)) as served:
        (error,) = errors_of(served, monkeypatch, tmp_path, key)
    assert "90" in error
    assert "32" in error
    assert "***" not in error
    assert "sk-a-real-key" not in error


def test_a_short_placeholder_stays_and_a_key_does_not(monkeypatch, tmp_path):
    said = "the token sk-a-real-key-1234 met a full queue of tokens"
    with serving(Provider(refuses=lambda body: said)) as served:
        (error,) = errors_of(served, monkeypatch, tmp_path / "a", "token")
        assert said in error
        (error,) = errors_of(served, monkeypatch, tmp_path / "b", "sk-a-real-key-1234")
    assert "the token *** met a full queue of tokens" in error


@pytest.mark.parametrize("backend", ["openai_compatible", "openai"])
def test_a_key_that_an_answer_shows_is_struck_out_before_it_is_stored(
    monkeypatch, tmp_path, backend
):
    key = "sk-a-real-key-1234"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPENAI_API_KEY", key)
    answer = json.dumps({"rationale": f"You sent Bearer {key} along.", "score": "2"})
    with serving(Provider(reworded=lambda text: answer)) as served:
        place = [f"backend={backend}", "backend.model=m", f"backend.base_url={served.base_url}/v1"]
        usual = ["dataset=planted", "limit=8", "alignment=none", "study=s", "tracker=none"]
        assert main(["run", *usual, *place]) == 0
    (path,) = Path("results/s/runs").glob("*/predictions.parquet")
    assert {row["rationale"] for row in pq.read_table(path).to_pylist()} == {
        "You sent Bearer *** along."
    }
    assert key.encode() not in Path("results/s/calls.sqlite").read_bytes()
