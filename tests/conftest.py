"""Fixtures for all layers."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from memalign_bench.config import build, composed
from memalign_bench.study.spec import RunSpec

# Both look for a network when they are imported, and LiteLLM waits for it for seconds.
os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")

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


SpecOf = Callable[..., RunSpec]


@pytest.fixture
def spec_of(tmp_path: Path) -> SpecOf:
    """Build a run from overrides: planted notes and the scripted judge, unless told otherwise."""

    def make(*overrides: str) -> RunSpec:
        groups = {override.split("=")[0] for override in overrides}
        usual = {"dataset": "planted", "backend": "scripted", "results_dir": str(tmp_path)}
        given = [f"{key}={value}" for key, value in usual.items() if key not in groups]
        job = composed("run", [*given, *overrides])
        return build(job.cfg, job.choices)

    return make
