"""Fixtures for all layers."""

from __future__ import annotations

import asyncio
import gc
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import pytest
from hypothesis import settings
from tests.mlflow_server import mlflow_server

from memalign_bench.config import Composition, build, composed
from memalign_bench.study.spec import RunSpec

# Both look for a network when they are imported, and LiteLLM waits for it for seconds.
os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")

# Half a million objects of libraries live as long as the tests; looking through them for garbage as
# often as Python does by itself took a sixth of the time.
gc.set_threshold(20_000, 20, 20)

settings.register_profile("unhurried", deadline=None)  # these machines are noisy
settings.load_profile("unhurried")


@pytest.fixture(scope="session", autouse=True)
def event_loop_of_the_main_thread() -> Iterator[None]:
    """LiteLLM asks for a loop outside of asynchronous code; one that it makes is never closed."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    yield
    asyncio.set_event_loop(None)
    loop.close()


@pytest.fixture(scope="session")
def shared_mlflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a server that starts once; each test takes experiments of its own names."""
    with mlflow_server(tmp_path_factory.mktemp("mlflow")) as address:
        yield address


SpecOf = Callable[..., RunSpec]


@lru_cache(maxsize=64)
def _composed(overrides: tuple[str, ...]) -> Composition:
    """Many tests ask for the same job, and none changes it."""
    return composed("run", overrides)


@pytest.fixture
def spec_of(tmp_path: Path) -> SpecOf:
    """Build a run from overrides: planted notes and the scripted judge, unless told otherwise."""

    def make(*overrides: str) -> RunSpec:
        groups = {override.split("=")[0] for override in overrides}
        usual = {"dataset": "planted", "backend": "scripted"}
        given = [f"{key}={value}" for key, value in usual.items() if key not in groups]
        job = _composed((*given, *overrides))
        spec = build(job.cfg, job.choices)
        return spec if "results_dir" in groups else replace(spec, results_dir=tmp_path)

    return make
