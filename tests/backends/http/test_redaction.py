"""A key is struck out of what servers say, and nothing else is."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from tests.backends.loopback import Provider, serving

from memalign_bench.backends.http.openai_compatible import OpenAICompatible
from memalign_bench.cli import main
from memalign_bench.errors import RequestError

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


@pytest.mark.parametrize(
    "body", [{"api_key": "x"}, {"extra_headers": {"Authorization": "x"}}, {"a": [{"X-API-Key": 1}]}]
)
def test_a_secret_among_further_parameters_is_refused_and_not_quoted(body):
    with pytest.raises(RequestError, match=r"extra_body must hold no secret.*variable MY_KEY"):
        OpenAICompatible(base_url="http://x", model="m", api_key_env="MY_KEY", extra_body=body)
    kept = {"max_tokens": 5, "stop_token_ids": [1], "key_events": True, "tokenizer": "a"}
    OpenAICompatible(base_url="http://x", model="m", extra_body=kept)
