"""`memalign-bench cassette`: a study's calls as one file, back into a store, or asked again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from memalign_bench.backends.base import BackendSpec
from memalign_bench.backends.store.call_store import CallStore, StoredCall, canonical_json
from memalign_bench.backends.store.cassette import read_cassette, write_cassette
from memalign_bench.backends.store.drift import Drift, ask_again, sample_calls
from memalign_bench.cli.lines import say
from memalign_bench.config import backend_from, config_dir, instance, study_of
from memalign_bench.errors import RecordError, RequestError
from memalign_bench.study.records import read_json
from memalign_bench.study.whereabouts import known_places
from memalign_bench.types import NO_MODEL

if TYPE_CHECKING:
    from omegaconf import DictConfig

__all__ = ["work"]


def work(cfg: DictConfig, choices: Mapping[str, str], search: Sequence[str]) -> int:
    """Do what `action` says; 1 where verify finds drift."""
    actions = {"export": _export, "import": _import, "verify": _verify}
    if cfg.action not in actions:
        raise RequestError(f"action must be export, import or verify, got {cfg.action!r}.")
    return actions[cfg.action](cfg)


def _folder(cfg: DictConfig) -> Path:
    return Path(cfg.results_dir) / study_of(cfg)


def _cassette(cfg: DictConfig) -> Path:
    return Path(cfg.path) if cfg.path else _folder(cfg) / "cassette.jsonl"


def _store(cfg: DictConfig) -> Path:
    return Path(cfg.call_store) if cfg.call_store else _folder(cfg) / "calls.sqlite"


def _export(cfg: DictConfig) -> int:
    runs = list(_asking_runs(_folder(cfg)))
    path = _store(cfg)
    if not path.is_file():
        raise RequestError(f"no call store at {path}; name the study's with call_store=FILE.")
    with CallStore(path) as store:
        _check_known(store, path, runs)
        calls = store.calls_of(run["run_id"] for run in runs)
        private = any(run["texts"] == "private" for run in runs)
        written = write_cassette(_cassette(cfg), calls, private=private)
    say(f"{written.n_calls} calls, {written.n_bytes:,} bytes: {written.path}")
    if written.n_private:
        say(f"{written.n_private} calls hold private text and were left out: no replay of them.")
    if written.path.suffix == ".gz":
        say("Over 5 MB: compressed; keep it out of git.")
    return 0


def _asking_runs(folder: Path) -> list[dict[str, Any]]:
    """Manifests of the study's runs that asked a model."""
    manifests = sorted((folder / "runs").glob("*/manifest.json"))
    if not manifests:
        raise RequestError(f"no runs in {folder}; name a study that was run with study=NAME.")
    return [run for run in map(read_json, manifests) if run["backend"] != NO_MODEL]


def _check_known(store: CallStore, path: Path, runs: Sequence[Mapping[str, Any]]) -> None:
    unknown = [run["run_id"] for run in runs if not any(store.calls_of([run["run_id"]]))]
    if unknown:
        raise RecordError(
            f"call store {path} does not know which calls the runs {', '.join(unknown)} used."
            " Name the store that they were run with (call_store=FILE); if it is that one, delete"
            " their predictions.parquet and run the same commands again: what is stored is not"
            " asked again."
        )


def _import(cfg: DictConfig) -> int:
    calls = read_cassette(_cassette(cfg))
    path = _store(cfg)
    path.parent.mkdir(parents=True, exist_ok=True)
    with CallStore(path) as store:
        new = store.add(calls)
    say(f"{len(calls)} calls, {new} of them new: {path}. Replay: run ... backend.mode=replay")
    return 0


def _verify(cfg: DictConfig) -> int:
    from memalign_bench.cli.progress import ConsoleProgress

    calls = read_cassette(_cassette(cfg))
    held = sorted({_model_of(call) for call in calls})
    specs = [instance(cfg, "backend")] if cfg.get("backend") else list(_backends(_folder(cfg)))
    by_model: dict[str, BackendSpec] = {canonical_json(spec.identity()): spec for spec in specs}
    known = [model for model in held if model in by_model]
    if len(known) != 1:
        asked = f"; not to {', '.join(by_model)}" if cfg.get("backend") else ""
        raise RequestError(
            f"this cassette holds calls to {'; '.join(held)}{asked}. Choose with backend=NAME the"
            " one that is asked again."
        )
    spec = by_model[known[0]]
    mine = [call for call in calls if _model_of(call) == known[0]]
    chosen = sample_calls(mine, cfg.sample, cfg.seed)
    say(f"asking {spec.name}")
    progress = ConsoleProgress()
    progress.start(len(chosen), "asked again")
    connection = spec.connect()
    found = []
    try:
        for call in chosen:
            found.append(ask_again(call, connection))
            progress.advance(failed=bool(found[-1].error))
    finally:
        progress.finish()
        connection.close()
    return _report(found)


def _backends(folder: Path) -> Iterator[BackendSpec]:
    """Judges' models as the study's runs had them; without runs, every choice as it comes."""
    runs = [read_json(path) for path in sorted((folder / "runs").glob("*/manifest.json"))]
    named: list[tuple[str, dict[str, Any]]] = [
        (run["backend"], run["config"]["backend"] | places.get("backend", {}))
        for run in runs
        for places in [known_places(folder, run["run_id"])["groups"]]
        if run["backend"] != NO_MODEL
    ]
    if not runs:
        named = [(path.stem, {}) for path in sorted((config_dir() / "backend").glob("*.yaml"))]
    for name, settings in named:
        with suppress(RequestError):  # of one's own, or lacking an address: backend= names it
            yield backend_from({"name": name, "settings": settings})


def _model_of(call: StoredCall) -> str:
    return canonical_json((call.request or {}).get("model"))


def _report(found: Sequence[Drift]) -> int:
    drifted = [entry for entry in found if entry.drifted]
    distances = [entry.distance for entry in found if entry.distance is not None]
    say(f"{len(found)} calls asked again, {sum(e.same for e in found)} the same to the bit")
    if distances:
        say(f"largest change of a probability or vector: {max(distances):.3g}")
    for entry in drifted:
        say(f"  drift: {entry.key[:12]} ({entry.kind}): {_what(entry)}")
    return 1 if drifted else 0


def _what(entry: Drift) -> str:
    if entry.error:
        return entry.error
    parts = ["another score"] if entry.decision_changed else []
    if entry.model_then != entry.model_now:
        parts.append(f"model served was {entry.model_then!r}, is {entry.model_now!r}")
    return ", ".join(parts)
