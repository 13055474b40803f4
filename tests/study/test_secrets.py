"""A key that is planted in the environment is found in nothing that a study writes or says."""

import gzip

import pytest
from tests.backends.loopback import Provider, serving

from memalign_bench.cli import main

KEY = "sk-planted-7f3a9c51e2"


@pytest.mark.filterwarnings("ignore")  # MLflow's own
def test_a_key_reaches_no_file_and_no_message(tmp_path, monkeypatch, capfdbinary):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("MEMALIGN_BENCH_CACHE", str(tmp_path / "cache"))
    said = []

    def call(*words, codes=(0,)):
        returned = main(words)
        out, err = capfdbinary.readouterr()
        said.append(out + err)
        assert returned in codes, err.decode()

    with serving(Provider(keys=(KEY,), faults={"rate_limit": 0.1, "refusal": 0.1})) as served:
        at = [f"backend.base_url={served.base_url}/v1", "backend=openai"]
        study = ["study=s", "results_dir=results", "dataset=planted", "limit=16", *at]
        tracked = ["tracker.uri=sqlite:///mlflow.sqlite", "tracker=mlflow"]
        call("doctor", *at, "probe=true", codes=(0, 1))  # this provider refuses now and then
        call("run", *study, *tracked, "backend.requests_per_minute=1000", codes=(1,))
        call("cassette", "action=export", "study=s", "results_dir=results")
        call("report", "study=s", "results_dir=results", "tracker=none")
        monkeypatch.setenv("OPENAI_API_KEY", f"{KEY}-wrong")  # the provider quotes it
        call("run", *study, "tracker=none", "alignment=none", codes=(1,))
    headers = [headers.get("authorization") for _, _, headers in served.requests]
    assert f"Bearer {KEY}" in headers  # it was used
    said += [_bytes(path) for path in tmp_path.rglob("*") if path.is_file()]
    assert len(said) > 20
    assert any(b"gpt-4.1-mini" in text for text in said)  # the search finds what is there
    assert not any(KEY.encode() in text for text in said)


def _bytes(path):
    data = path.read_bytes()
    return gzip.decompress(data) if path.suffix == ".gz" else data
