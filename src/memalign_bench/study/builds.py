"""Which builds of llama.cpp answered a study: another build's arithmetic gives other bits.

The call store knows the build of each call, so a run that was stopped and went on with another
build, or took calls of another run, names both.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from memalign_bench.backends.base import BackendSpec
from memalign_bench.backends.local.embedded import EmbeddedModel
from memalign_bench.backends.local.features import Build, build_here
from memalign_bench.study import records
from memalign_bench.study.spec import RunSpec

__all__ = ["build_entries", "builds_in", "mixed_warning"]


def build_entries(
    builds: Mapping[str, int], before: Iterable[Mapping[str, Any]] = ()
) -> list[dict[str, Any]]:
    """Builds as a manifest lists them, under `llama_cpp`: fields of `Build`, calls answered.

    Args:
        builds: Builds, as the call store names them -> calls that each answered.
        before: What the manifest listed before; a build that this call store does not know stays,
            since rows may be kept whose calls lie in another store.
    """
    # The call store names a build by JSON: {"version": ..., "features": [...], ...}.
    entries = [{**json.loads(build), "calls": calls} for build, calls in sorted(builds.items())]
    known = set(map(_build, entries))
    return entries + [dict(entry) for entry in before if _build(entry) not in known]


def builds_in(manifests: Iterable[Mapping[str, Any]]) -> set[Build]:
    """Every build that manifests name."""
    return _told_apart(
        {_build(entry) for manifest in manifests for entry in manifest.get("llama_cpp", [])}
    )


def _build(entry: Mapping[str, Any]) -> Build:
    return Build(entry["version"], tuple(entry["features"]), entry.get("grammar", ""))


def _told_apart(builds: set[Build]) -> set[Build]:
    """The builds without those of old records that may be another one of them."""
    alike = {build._replace(grammar="") for build in builds if build.grammar}
    return builds - alike


def mixed_warning(spec: RunSpec) -> str:
    """A warning before this build's answers join those of another; "" where none do."""
    models: tuple[BackendSpec | None, ...] = (spec.backend, spec.reflection)
    # Replayed answers and runs without a model add nothing of this build.
    if spec.backend.mode == "replay" or not spec.alignment.needs_model:
        return ""
    if not any(isinstance(model, EmbeddedModel) for model in models):
        return ""
    paths = sorted((spec.study_dir / "runs").glob("*/manifest.json"))
    others = builds_in(map(records.read_json, paths))
    if not others:
        return ""
    here = build_here()
    # No other build has answered yet.
    if _told_apart(others | {here}) == {here}:
        return ""
    return (
        f"study {spec.study!r} holds answers of another build of llama.cpp than this one"
        f" ({here.description}); new answers round otherwise, or are worded otherwise, and the"
        " report says so"
    )
