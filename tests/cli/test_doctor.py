from types import SimpleNamespace

import pytest
from tests.backends.loopback import Provider, serving

from memalign_bench.backends.local.features import Build
from memalign_bench.cli import main
from memalign_bench.cli.machine import doctor
from memalign_bench.config import config_dir
from memalign_bench.loop.sandbox import bubblewrap

KEY = "sk-planted-in-doctor"


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MEMALIGN_BENCH_CACHE", str(tmp_path / "cache"))


def test_every_backend_is_listed_and_no_secret_is_shown(monkeypatch, capfd):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    assert main(["doctor"]) == 0
    out = capfd.readouterr().out
    for path in (config_dir() / "backend").glob("*.yaml"):
        assert path.stem in out
    rows = {line.split()[0]: line for line in out.splitlines() if line.strip()}
    assert "configured" in rows["openai"]
    assert "set ANTHROPIC_API_KEY" in rows["anthropic"]
    assert "set backend.model=NAME" in rows["ollama"]
    assert "weights are fetched at first use" in rows["embedded"]
    assert out.count("unverified live") >= 7
    assert "structured output, seed, prefix cache not probed" in " ".join(out.split())
    assert "bubblewrap  " in out
    assert "llama.cpp is built with " in out
    for name in ("ray", "submitit", "psycopg"):
        assert name in rows
    assert KEY not in out


@pytest.mark.parametrize(("fault", "said"), [("", "works"), ("no namespaces.", "no namespaces.")])
def test_it_says_whether_notebooks_can_be_run_in_a_sandbox(monkeypatch, capfd, fault, said):
    monkeypatch.setattr(doctor, "namespaces_fault", lambda: fault)
    doctor._say_machine()
    assert f"bubblewrap       {said}" in capfd.readouterr().out


def test_it_says_where_nothing_bounds_a_fork_bomb(monkeypatch, capfd):
    monkeypatch.setattr(doctor, "namespaces_fault", lambda: "")
    monkeypatch.setattr(bubblewrap, "is_root", lambda: True)
    monkeypatch.setattr(bubblewrap, "as_nobody", lambda words, files: ["/bin/false"])
    bubblewrap.unbounded_forks.cache_clear()
    doctor._say_machine()
    bubblewrap.unbounded_forks.cache_clear()
    assert "works; but root may start any number of processes" in capfd.readouterr().out


def test_a_backend_that_cannot_be_called_is_exit_code_1(monkeypatch, capfd):
    monkeypatch.delenv("MISTRAL_API_KEY", raising=False)
    assert main(["doctor", "backend=mistral"]) == 1
    assert "set MISTRAL_API_KEY" in capfd.readouterr().out


def test_a_probe_is_told_where_it_cannot_be_remembered(monkeypatch, tmp_path, capfd):
    (tmp_path / "file").touch()
    monkeypatch.setenv("MEMALIGN_BENCH_CACHE", str(tmp_path / "file" / "cache"))
    with serving(Provider()) as served:
        words = ["doctor", "backend=openai_compatible", "backend.model=m", "probe=true"]
        assert main([*words, f"backend.base_url={served.base_url}/v1"]) == 0
    assert "answered as" in capfd.readouterr().out


def test_a_probe_says_what_an_endpoint_can_do_and_is_remembered(monkeypatch, capfd):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with serving(Provider(keys=(KEY,), model="served-name")) as served:
        words = ["doctor", "backend=openai", f"backend.base_url={served.base_url}/v1"]
        assert main([*words, "probe=true"]) == 0
        out = capfd.readouterr().out
        assert "answered as served-name" in out
        assert "not probed" not in out
        assert "unverified live" not in out
        assert "structured output yes, logprobs yes, same answer twice yes" in out
        assert len(served.requests) == 4
        assert main(words) == 0
        told = capfd.readouterr().out
        assert "not probed" not in told
        assert "unverified live" not in told
        assert "seed (same answer twice) yes, prefix cache yes" in told
        assert len(served.requests) == 4
        monkeypatch.setenv("OPENAI_API_KEY", "wrong")
        assert main([*words, "probe=true"]) == 1
        assert "OPENAI_API_KEY" in capfd.readouterr().err


def test_a_server_that_is_not_there_is_said(capfd):
    words = ["doctor", "backend=vllm", "backend.model=m", "backend.base_url=http://127.0.0.1:9/v1"]
    assert main(words) == 1
    assert "nothing answers at http://127.0.0.1:9/v1" in capfd.readouterr().out


def test_speed_that_the_wheel_leaves_lying_is_said(monkeypatch, capfd):
    build = Build("1", ("AVX", "AVX2", "OPENMP"))
    flags = {"avx", "avx2", "amx_bf16", "amx_tile", "amx_int8"}
    monkeypatch.setattr(doctor, "build_here", lambda: build)
    monkeypatch.setattr(doctor, "processor_flags", lambda: flags)
    doctor._say_machine()
    line = (
        "llama.cpp is built with AVX, AVX2, OPENMP; this processor also has AMX_INT8:"
        " `make native` uses them."
    )
    assert line in capfd.readouterr().out.splitlines()
    native = doctor._build_line(Build("1", ("AMX_INT8", "AVX", "AVX2")), flags)
    assert native.strip() == "llama.cpp is built with AMX_INT8, AVX, AVX2"


def test_a_backend_of_ones_own_that_has_no_address_is_not_silent():
    spec = SimpleNamespace(name="mine", model_name="m")
    assert doctor._readiness(spec) == ("no address to try; probe=true asks it", True)
