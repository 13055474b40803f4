"""Fixtures for all layers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

from memalign_bench.config import build, composed
from memalign_bench.study.spec import RunSpec

settings.register_profile("unhurried", deadline=None)  # these machines are noisy
settings.load_profile("unhurried")

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
