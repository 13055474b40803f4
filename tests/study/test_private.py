"""Words of private texts that a server quotes back at us stay out of all records."""

import json
from pathlib import Path

import httpx
import pyarrow.parquet as pq
import pytest
from tests.backends.loopback import Provider, serving

from memalign_bench.backends.http.faults import Endpoint, explain
from memalign_bench.backends.http.llamacpp import LlamaCppServer
from memalign_bench.cli import main
from memalign_bench.errors import FailedCallError, without_server_words

WORDS = ("zanzibar", "quokka")
"""In every text, and in every rationale."""


def quoting(body):
    """A server that says in its error what it was sent, as validators of requests do."""
    return "cannot read this: " + json.dumps(body["messages"]).replace("\\n", " ")[-900:]


@pytest.mark.parametrize("alignment", ["none", "full"])
def test_what_a_server_quotes_of_a_private_text_reaches_no_record(tmp_path, monkeypatch, alignment):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MEMALIGN_BENCH_CACHE", str(tmp_path / "cache"))
    rows = [
        {"item_id": f"i{n}", "case_id": f"c{n}", "content": f"The zanzibar note {n}.",
         "rater": "ann", "dimension": "planted_quality", "score": 1 + n % 3,
         "rationale": f"A quokka {n}."}
        for n in range(8)
    ]  # fmt: skip
    Path("t.jsonl").write_text("\n".join(map(json.dumps, rows)))
    data = ["dataset=files", "dataset.path=t.jsonl", "dataset.texts=private", "rubric=planted"]
    with serving(Provider(refuses=quoting)) as served:
        at = ["backend=openai_compatible", "backend.model=m", f"backend.base_url={served.base_url}"]
        words = ["run", *data, *at, f"alignment={alignment}", "study=s", "tracker=none"]
        assert main([*words, "results_dir=out", "gold=median", "folds=2"]) == 1
        assert any(word in str(served.requests).lower() for word in WORDS)
    told = {path: _text(path) for path in Path("out").rglob("*") if path.is_file()}
    assert any("HTTP 400" in text for text in told.values())
    for path, text in told.items():
        assert not [word for word in WORDS if word in text.lower()], path


def _text(path):
    if path.suffix == ".parquet":
        return json.dumps(pq.read_table(path).to_pylist())
    return path.read_bytes().decode(errors="replace")


@pytest.mark.parametrize("status", [400, 422, 429, 500, None])
def test_the_error_of_every_failed_call_can_be_told_without_the_server_s_words(status):
    from dspy.utils.exceptions import LMInvalidRequestError, LMRateLimitError

    kind = LMRateLimitError if status == 429 else LMInvalidRequestError
    error = kind("I cannot read the zanzibar note")
    error.status = status
    told = explain(error, Endpoint("http://here/v1", "KEY", 1.0, 3))
    assert isinstance(told, FailedCallError)
    assert "zanzibar" in str(told)
    # Also where a distillation passes it on.
    for said in (str(told), f"distillation failed: {told}"):
        assert "answered with an error" in without_server_words(said)
        assert "zanzibar" not in without_server_words(said)


def test_so_can_that_of_a_llama_cpp_server():
    answer = httpx.Response(400, json={"error": {"message": "no zanzibar here"}})
    server = LlamaCppServer("http://here", timeout_s=1.0)
    told = str(server._error_of("/completion", answer))
    server.close()
    assert "zanzibar" in told
    assert "zanzibar" not in without_server_words(told)
    assert "answered 400" in without_server_words(told)
