"""`memalign-bench cassette`: a study's calls as one file, back into a store, or asked again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from memalign_bench.backends.base import BackendSpec
from memalign_bench.backends.store.call_store import CallStore, StoredCall, canonical_json
from memalign_bench.backends.store.cassette import check_answers, read_cassette, write_cassette
from memalign_bench.backends.store.drift import Drift, ask_again, calls_with_request, sample_calls
from memalign_bench.cli.lines import say
from memalign_bench.config import backend_from, config_dir, instance, study_of
from memalign_bench.errors import RecordError, RequestError
from memalign_bench.study.records import read_json
from memalign_bench.study.whereabouts import known_places
from memalign_bench.types import NO_MODEL
from memalign_bench.wording import counted

if TYPE_CHECKING:
    from omegaconf import DictConfig

__all__ = ["work"]


def work(cfg: DictConfig, choices: Mapping[str, str], search: Sequence[str]) -> int:
    """Do what `action` says; 1 where verify finds drift."""
    actions = {"export": _export, "import": _import, "verify": _verify}
    if cfg.action not in actions:
        raise RequestError(f"action must be export, import or verify, got {cfg.action!r}.")
    return actions[cfg.action](cfg)


def _study_folder(cfg: DictConfig) -> Path:
    return Path(cfg.results_dir) / study_of(cfg)


def _cassette_path(cfg: DictConfig) -> Path:
    path = Path(cfg.path) if cfg.path else _study_folder(cfg) / "cassette.jsonl"
    if path.is_dir():
        raise RequestError(f"path={path} is a folder; name a file in it: path={path}/NAME.jsonl.")
    return path


def _store_path(cfg: DictConfig) -> Path:
    return Path(cfg.call_store) if cfg.call_store else _study_folder(cfg) / "calls.sqlite"


def _export(cfg: DictConfig) -> int:
    runs = list(_asking_runs(_study_folder(cfg)))
    path = _store_path(cfg)
    # Opening a store that is not there would make an empty one.
    if not path.is_file():
        raise RequestError(f"no call store at {path}; name the study's with call_store=FILE.")
    with CallStore(path) as store:
        _check_known(store, path, runs)
        calls = store.calls_of(run["run_id"] for run in runs)
        # A cassette does not tell calls apart by run: one private data set makes all of it private.
        private = any(run["texts"] == "private" for run in runs)
        written = write_cassette(_cassette_path(cfg), calls, private=private)
    say(f"{counted(written.n_calls, 'call')}, {written.n_bytes:,} bytes: {written.path}")
    if written.n_private:
        say(f"{counted(written.n_private, 'call')} with private text left out: no replay of them.")
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
    calls = read_cassette(_cassette_path(cfg))
    check_answers(calls)
    path = _store_path(cfg)
    path.parent.mkdir(parents=True, exist_ok=True)
    with CallStore(path) as store:
        new = store.add(calls)
    n_calls = counted(len(calls), "call")
    say(f"{n_calls}, {new:,} of them new: {path}. Replay: run ... backend.mode=replay")
    return 0


def _verify(cfg: DictConfig) -> int:
    from memalign_bench.cli.progress import ConsoleProgress

    calls = calls_with_request(read_cassette(_cassette_path(cfg)))
    check_answers(calls)
    models = sorted({_model_of(call) for call in calls})
    specs = (
        [instance(cfg, "backend")]
        if cfg.get("backend")
        else list(_candidate_backends(_study_folder(cfg)))
    )
    # By identity: runs that differ in other keys have one model between them.
    by_model: dict[str, BackendSpec] = {canonical_json(spec.identity()): spec for spec in specs}
    # A cassette holds calls to models that distil or embed too; the candidates are the judges.
    matching = [model for model in models if model in by_model]
    if len(matching) != 1:
        not_asked = f"; not to {', '.join(by_model)}" if cfg.get("backend") else ""
        raise RequestError(
            f"this cassette holds calls to {'; '.join(models)}{not_asked}. Choose with backend=NAME"
            " the one that is asked again."
        )
    spec = by_model[matching[0]]
    of_model = [call for call in calls if _model_of(call) == matching[0]]
    chosen = sample_calls(of_model, cfg.sample, cfg.seed)
    say(f"asking {spec.name}")
    progress = ConsoleProgress()
    progress.start(len(chosen), "asked again")
    # Past the call store, which would give the stored answers.
    connection = spec.connect()
    drifts = []
    try:
        for call in chosen:
            drifts.append(ask_again(call, connection))
            progress.advance(failed=bool(drifts[-1].error))
    finally:
        progress.finish()
        connection.close()
    return _say_drift(drifts)


def _candidate_backends(folder: Path) -> Iterator[BackendSpec]:
    """Judges' models as the study's runs had them; without runs, every choice as it comes."""
    runs = [read_json(path) for path in sorted((folder / "runs").glob("*/manifest.json"))]
    choices: list[tuple[str, dict[str, Any]]] = [
        (run["backend"], run["config"]["backend"] | places.get("backend", {}))
        for run in runs
        # A list of one gives its value a name within the comprehension.
        for places in [known_places(folder, run["run_id"])["groups"]]
        if run["backend"] != NO_MODEL
    ]
    if not runs:
        choices = [(path.stem, {}) for path in sorted((config_dir() / "backend").glob("*.yaml"))]
    for name, settings in choices:
        with suppress(RequestError):  # of one's own, or lacking an address: backend= names it
            yield backend_from({"name": name, "settings": settings})


def _model_of(call: StoredCall) -> str:
    return canonical_json((call.request or {}).get("model"))


def _say_drift(drifts: Sequence[Drift]) -> int:
    drifted = [entry for entry in drifts if entry.drifted]
    distances = [entry.distance for entry in drifts if entry.distance is not None]
    same = sum(entry.same for entry in drifts)
    say(f"{counted(len(drifts), 'call')} asked again, {same} the same to the bit")
    if distances:
        say(f"largest change of a probability or vector: {max(distances):.3g}")
    for entry in drifted:
        say(f"  drift: {entry.key[:12]} ({entry.kind}): {_drift_text(entry)}")
    return 1 if drifted else 0


def _drift_text(entry: Drift) -> str:
    if entry.error:
        return entry.error
    parts = ["another score"] if entry.decision_changed else []
    if entry.model_then != entry.model_now:
        parts.append(f"model served was {entry.model_then!r}, is {entry.model_now!r}")
    return ", ".join(parts)
