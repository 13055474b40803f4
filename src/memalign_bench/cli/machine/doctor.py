"""`memalign-bench doctor`: what is installed, reachable and configured."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from memalign_bench.backends.base import BackendSpec
from memalign_bench.backends.http.capabilities import Probe, answers_at, load_probe, probe
from memalign_bench.backends.http.providers import HostedModel
from memalign_bench.backends.local.embedded import EmbeddedModel
from memalign_bench.backends.local.features import (
    Build,
    build_here,
    processor_flags,
    unused_features,
)
from memalign_bench.backends.local.weights import cache_path
from memalign_bench.backends.proxies import proxy_hint
from memalign_bench.backends.simulated.scripted_judge import Scripted
from memalign_bench.config import composed, config_dir, instance
from memalign_bench.errors import RequestError
from memalign_bench.judging.probing import probing_questions
from memalign_bench.loop.sandbox.bubblewrap import namespaces_fault, unbounded_forks

if TYPE_CHECKING:
    from omegaconf import DictConfig

__all__ = ["work"]

_PACKAGES = (
    "memalign-bench", "hydra-core", "mlflow", "dspy", "litellm", "scikit-learn", "scipy",
    "seaborn", "datasets", "faiss-cpu", "xllamacpp",
)  # fmt: skip
# Package -> what wants it, and how it is had.
_OPTIONAL = {
    "boto3": "backend=bedrock: pip install boto3",
    "ray": "hydra/launcher=ray: pip install 'memalign-bench[ray]'",
    "submitit": "hydra/launcher=submitit_slurm: pip install 'memalign-bench[slurm]'",
    "psycopg": "tracking on PostgreSQL: pip install 'memalign-bench[postgres]'",
}

_NOT_PROBED = "structured output, seed, prefix cache not probed, unverified live"


class _Finding(NamedTuple):
    """One backend: whether it can be used now, and what is known of it."""

    name: str
    model: str
    state: str
    ready: bool
    known: str


def work(cfg: DictConfig, choices: Mapping[str, str], search: Sequence[str]) -> int:
    """Show the machine and its backends; 1 where the one asked for is not ready."""
    if cfg.get("backend") is not None:
        return _check_backend(cfg)
    _say_machine()
    _say_backends()
    return 0


def _check_backend(cfg: DictConfig) -> int:
    spec: BackendSpec = instance(cfg, "backend")
    found = _finding_of(spec)
    _say(f"{found.name}: {found.model}: {found.state}")
    # What is about to be probed is not said to be unknown.
    probing = cfg.probe and found.ready
    known = found.known.removesuffix(_NOT_PROBED).rstrip(", ") if probing else found.known
    if known:
        _say(f"  {known}")
    if not found.ready:
        return 1
    if not cfg.probe:
        _say("  not asked; probe=true sends four short questions")
        return 0
    _say_probe(probe(spec, probing_questions()))
    return 0


def _say_probe(probed: Probe) -> None:
    _say(f"  answered as {probed.model} in {probed.latency_s:.2f} s")
    _say(
        f"  structured output {probed.structured_output}, logprobs {probed.logprobs}, same answer"
        f" twice {probed.repeats}, prefix cache {probed.prefix_cache}"
    )
    _say(f"  used {probed.prompt_tokens} prompt and {probed.completion_tokens} generated tokens")
    for problem in probed.problems:
        _say(f"  {problem}")


def _say_machine() -> None:
    _say(f"Python {sys.version.split()[0]}, {len(os.sched_getaffinity(0))} processors")
    free = shutil.disk_usage(Path.home()).free / 1e9
    _say(f"{free:.0f} GB free in the home folder")
    _say("\nPackages")
    for name in _PACKAGES:
        _say(f"  {name:16} {_version(name) or 'MISSING: run make install'}")
    for name, why in _OPTIONAL.items():
        _say(f"  {name:16} {_version(name) or f'not installed ({why})'}")
    _say(f"\nSandbox for notebooks that agents write\n  bubblewrap       {_sandbox_state()}")
    _say(_build_line(build_here(), processor_flags()))


def _sandbox_state() -> str:
    fault = namespaces_fault()
    caution = "" if fault else unbounded_forks()
    return fault or (f"works; but {caution}" if caution else "works")


def _build_line(build: Build, flags: Collection[str]) -> str:
    """What llama.cpp is built with, and what of the processor it leaves lying."""
    built = f"\nllama.cpp is built with {', '.join(build.features)}"
    built += f", schemas by {build.grammar}" if build.grammar else ""
    unused = ", ".join(unused_features(build, flags))
    return (
        f"{built}; this processor also has {unused}: `make native` uses them." if unused else built
    )


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _say_backends() -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("backend", "model", "state", "known of it", box=None, pad_edge=False)
    # Endpoints get a plain GET at their address; hosted models are told by keys and packages alone.
    for found in _all_findings():
        colour = "green" if found.ready else "yellow"
        table.add_row(found.name, found.model, f"[{colour}]{found.state}[/]", found.known)
    _say("\nBackends (nothing was sent to a provider)")
    # In a file or pipe a line may be as long as it has to be.
    Console(width=None if sys.stdout.isatty() else 240).print(table)
    _say("\nmemalign-bench doctor backend=NAME probe=true asks one, for a few hundred tokens.")


def _all_findings() -> Iterator[_Finding]:
    for path in sorted((config_dir() / "backend").glob("*.yaml")):
        choice = f"backend={path.stem}"
        try:
            yield _finding_of(instance(composed("doctor", [choice]).cfg, "backend"))
        except RequestError:  # its model is the user's to name
            # Any name will do: keys, packages and address are the same for every model of it.
            spec = instance(composed("doctor", [choice, "backend.model=NAME"]).cfg, "backend")
            found = _finding_of(spec)
            state = f"set backend.model=NAME; {found.state}"
            yield found._replace(model="-", state=state, ready=False)


def _finding_of(spec: BackendSpec) -> _Finding:
    state, ready = _readiness(spec)
    return _Finding(spec.name, spec.model_name, state, ready, _capabilities(spec))


def _readiness(spec: BackendSpec) -> tuple[str, bool]:
    if isinstance(spec, Scripted):
        return "ready", True
    if isinstance(spec, EmbeddedModel):
        has_weights = spec.model_path is not None or cache_path(spec.weights).is_file()
        return ("ready" if has_weights else "ready; weights are fetched at first use"), True
    if isinstance(spec, HostedModel):
        missing = spec.missing()
        return ("; ".join(missing) if missing else "configured"), not missing
    # An endpoint: short of asking its model, whether its address answers is all that can be told.
    address = str(getattr(spec, "base_url", "") or "")
    if not address:  # a class of the user's own
        return "no address to try; probe=true asks it", True
    answers = answers_at(address)
    silent = f"nothing answers at {address}{proxy_hint(address)}"
    return (f"answers at {address}" if answers else silent), answers


def _capabilities(spec: BackendSpec) -> str:
    if isinstance(spec, Scripted):
        return "simulated; exact probabilities"
    if isinstance(spec, EmbeddedModel):
        return f"exact probabilities, structured output, prefix cache, {spec.context} tokens"
    parts = [] if spec.context_tokens is None else [f"{spec.context_tokens:,} tokens of context"]
    if spec.gives_logprobs is not None:
        parts.append("logprobs" if spec.gives_logprobs else "no logprobs")
    if spec.price is not None:
        parts.append(f"{spec.price.input:g} / {spec.price.output:g} USD a million tokens")
    return ", ".join([*parts, _probe_summary(spec)])


def _probe_summary(spec: BackendSpec) -> str:
    probed = load_probe(spec)
    if probed is None:
        return _NOT_PROBED
    day = time.strftime("%Y-%m-%d", time.gmtime(probed.asked_at))
    return (
        f"probed {day}: structured output {probed.structured_output}, logprobs {probed.logprobs},"
        f" seed (same answer twice) {probed.repeats}, prefix cache {probed.prefix_cache}"
    )


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
