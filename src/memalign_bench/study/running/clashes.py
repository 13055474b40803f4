"""Runs that a study's report could not keep apart, found before the first call.

A row is known by variant, backend and fold seed. Of a backend's own settings none stands in a
variant, so what is asked under two of them needs two studies, or two names.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from memalign_bench.errors import RecordError
from memalign_bench.study import records
from memalign_bench.study.shared_data import data_read_once, load_data
from memalign_bench.study.spec import RunSpec

__all__ = ["indistinct_runs", "runs_of_other_data"]

_REMEDY = (
    "Give each a study (study=NAME) or a name: a copy of the backend's YAML in a folder of yours"
    " (--config-dir)."
)


class _Run(NamedTuple):
    """What names a run's rows, and which backend answers."""

    variant: str
    backend: str
    fold_seed: int
    dimensions: frozenset[str]
    model: str
    settings: Mapping[str, Any]


def indistinct_runs(specs: Iterable[RunSpec]) -> list[str]:
    """Jobs that cannot be told from one another, or from a run of their study, a line each."""
    studies: dict[Path, list[RunSpec]] = {}
    for spec in specs:
        if spec.alignment.needs_model:
            studies.setdefault(spec.study_dir, []).append(spec)
    lines: list[str] = []
    for folder, jobs in studies.items():
        first_of_backend: dict[str, _Run] = {}
        by_name: dict[tuple[str, str, int], list[_Run]] = {}
        for run in [*_stored_runs(folder), *map(_run_of, jobs)]:
            lines += _other_model(folder.name, first_of_backend.setdefault(run.backend, run), run)
            alike = by_name.setdefault(run[:3], [])
            for earlier in alike:
                lines += _other_settings(folder.name, earlier, run)
            if run not in alike:
                alike.append(run)
    return list(dict.fromkeys(lines))


def runs_of_other_data(specs: Iterable[RunSpec]) -> list[str]:
    """Jobs about other data, or another gold, than the rest of their study, a line each.

    Raises:
        DataError: If a data set has problems.
    """
    first: dict[Path, Mapping[str, str]] = {}
    lines = []
    with data_read_once():
        for spec in specs:
            data = load_data(spec)
            asked = {"name": data.name, "gold": spec.gold, "digest": data.digest[:_DIGEST]}
            known = first.setdefault(spec.study_dir, _stored_data(spec.study_dir) or asked)
            differing = [
                f"{what} {known[key]} and {asked[key]}"
                for key, what in _DATA_WORDS.items()
                if known[key] != asked[key]
            ]
            if differing:
                lines.append(
                    f"study {spec.study!r} would hold {', '.join(differing)}. A study has one data"
                    " set and one gold: choose another study=NAME (call_store= shares answers)."
                )
    return list(dict.fromkeys(lines))


_DATA_WORDS = {"name": "data sets", "gold": "gold", "digest": "items and labels of digest"}

_DIGEST = 12
"""Characters of a digest, as validate shows it."""


def _stored_data(folder: Path) -> Mapping[str, str] | None:
    """Name, gold and digest of a study's data as its first run has them; None without a run."""
    for path in sorted(folder.glob("runs/*/manifest.json")):
        # As below: a manifest that is cut is made anew.
        with suppress(RecordError, KeyError):
            data = records.read_json(path)["dataset"]
            return {key: str(data[key]) for key in _DATA_WORDS} | {
                "digest": data["digest"][:_DIGEST]
            }
    return None


def _run_of(spec: RunSpec) -> _Run:
    return _Run(
        spec.variant, spec.backend_name, spec.fold_seed, frozenset(spec.dimensions),
        spec.model_name, _settings(spec.backend.identity()),
    )  # fmt: skip


def _settings(identity: Mapping[str, Any]) -> dict[str, Any]:
    # A server may move to another address between two sittings.
    return {key: value for key, value in identity.items() if key != "base_url"}


def _stored_runs(folder: Path) -> Iterator[_Run]:
    for path in sorted(folder.glob("runs/*/manifest.json")):
        # Without a model there is no such identity; a manifest that is cut is made anew.
        with suppress(RecordError, KeyError):
            manifest = records.read_json(path)
            identity = manifest["identity"]["models"]["backend"]
            yield _Run(
                manifest["variant"], manifest["backend"], manifest["fold_seed"],
                frozenset(manifest["dimensions"]), manifest["model"], _settings(identity),
            )  # fmt: skip


def _other_model(study: str, one: _Run, other: _Run) -> Iterator[str]:
    """Why a backend cannot stand for both models in one study; nothing where there is one."""
    if one.model != other.model:
        yield (
            f"study {study!r}: backend {one.backend!r} would stand for the models {one.model} and"
            f" {other.model}, which its report refuses to pool. {_REMEDY}"
        )


def _other_settings(study: str, one: _Run, other: _Run) -> Iterator[str]:
    """Why two runs of one name cannot be in one study; nothing where they can."""
    keys = sorted({*one.settings, *other.settings})
    pairs = [(key, one.settings.get(key), other.settings.get(key)) for key in keys]
    differing = [f"{key} {here} and {there}" for key, here, there in pairs if here != there]
    if differing and one.model == other.model and not one.dimensions.isdisjoint(other.dimensions):
        yield (
            f"study {study!r}: two runs of {one.variant} on {one.backend} (fold seed"
            f" {one.fold_seed}) differ in the backend's {', '.join(differing)}, which no variant"
            f" names. {_REMEDY}"
        )
