"""From the command line to Hydra: check every job of the request first, then run it."""

from __future__ import annotations

import difflib
import sys
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from memalign_bench.cli import COMMANDS
from memalign_bench.cli.typed_words import options_first, quoted_paths
from memalign_bench.config import (
    Composition,
    broken_yaml,
    build,
    build_generation,
    check_rubric,
    composed,
    config_dir,
    offer_roles,
    rubric_file,
    with_open_keys,
)
from memalign_bench.config.roles import folders_in
from memalign_bench.errors import DataError, MemalignError, RequestError

if TYPE_CHECKING:
    from hydra.core.override_parser.types import Override
    from omegaconf import DictConfig

    from memalign_bench.study.spec import RunSpec

__all__ = ["STOPPED", "launch"]

STOPPED = 130
"""Exit code after Ctrl-C, as shells have it."""

_CHECKED_JOBS = 200
"""Jobs of one sweep whose configuration is built before the first one runs."""

_HERE = ("basic", "joblib", "ray")
"""Launchers whose jobs have the keys and packages of the process that starts them."""


def launch(command: str, words: Sequence[str]) -> int:
    """Check the request, then hand it to Hydra; returns the exit code."""
    from hydra._internal.utils import get_args_parser

    words = options_first(quoted_paths(words))
    args = get_args_parser().parse_args(list(words))
    offer_roles([config_dir(), *([Path(args.config_dir)] if args.config_dir else [])])
    asks = args.help or args.hydra_help or args.cfg or args.info or args.shell_completion
    if asks:
        return _hand_over(command, words, None)
    try:
        _check_rubrics(args)
        words = _opened(command, words, args)
        args = get_args_parser().parse_args(words)
        jobs = _check(command, args.overrides, multirun=args.multirun, config_dir=args.config_dir)
    except MemalignError as error:
        return _complain(error)
    if _is_plain(args, jobs):
        return _run_one(command, jobs[0], args.config_dir)
    with _outcomes(jobs) as folder:
        code = _hand_over(command, [*words, *_rubrics(jobs)], folder)
        return code if code == STOPPED else max(code, _worst(folder, len(jobs)))


def _check_rubrics(args: Any) -> None:
    """Refuse rubrics of one's own that are wrong, by file and line."""
    folders = [Path(args.config_dir)] if args.config_dir else []
    folders += folders_in(args.overrides)
    for word in args.overrides:
        group, _, names = word.partition("=")
        for name in names.split(",") if group == "rubric" else ():
            path = rubric_file(name.strip(" '\""), folders)
            if path is not None:
                check_rubric(path)


def _opened(command: str, words: Sequence[str], args: Any) -> list[str]:
    """The words of a request, with keys of open-ended mappings as Hydra wants them."""
    import yaml
    from hydra.errors import HydraException

    for word in args.overrides:
        if word.count("{") != word.count("}") or word.count("[") != word.count("]"):
            raise RequestError(
                f"{word!r} opens or closes half a bracket; the shell splits at spaces, so put"
                " quotes around the whole: 'dataset.grades={poor: 1, fine: 2}'."
            )
    where = [f"hydra.searchpath={_searchpath(args.config_dir)}"] if args.config_dir else []
    try:
        told = with_open_keys(command, [*where, *args.overrides])[len(where) :]
    except (HydraException, yaml.YAMLError):
        return list(words)  # an unknown choice: told with the others, when jobs are composed
    marked = dict(zip(args.overrides, told, strict=True))
    return [marked.get(word, word) for word in words]


def _searchpath(config_dir: str) -> str:
    return f"[file://{Path(config_dir).resolve()}]"


def _is_plain(args: Any, jobs: Sequence[Composition]) -> bool:
    """Whether a request is one job that Hydra would run here, with none of its own flags."""
    flags = (args.multirun, args.config_path, args.config_name, args.experimental_rerun)
    return len(jobs) == 1 and not any(flags) and not _sweeps(jobs[0])


def _sweeps(job: Composition) -> bool:
    return str(job.hydra.mode).endswith("MULTIRUN")


def _run_one(command: str, job: Composition, config_dir: str | None) -> int:
    """Run one job that is composed already; Hydra's own way in would compose it twice more."""
    from hydra._internal.callbacks import Callbacks
    from hydra._internal.config_loader_impl import ConfigLoaderImpl
    from hydra._internal.utils import create_config_search_path, run_and_report
    from hydra.core.utils import run_job
    from hydra.types import HydraContext, RunMode
    from omegaconf import open_dict

    search = [f"file://{Path(config_dir).resolve()}"] if config_dir else []
    whole = job.cfg.copy()
    with open_dict(whole):
        whole.hydra = job.hydra
        whole.hydra.mode = RunMode.RUN
    loader = ConfigLoaderImpl(create_config_search_path(None))
    context = HydraContext(config_loader=loader, callbacks=Callbacks(whole))

    def started() -> int:
        context.callbacks.on_run_start(config=whole, config_name=command)
        done = run_job(
            task_function=lambda cfg: _job(command, cfg, search),
            config=whole,
            job_dir_key="hydra.run.dir",
            job_subdir_key=None,
            hydra_context=context,
        )
        context.callbacks.on_run_end(config=whole, config_name=command, job_return=done)
        return int(done.return_value)

    with _exits() as left:
        left.code = run_and_report(started)
    return left.code


@dataclass
class _Exit:
    code: int = 0


@contextmanager
def _exits() -> Iterator[_Exit]:
    """The exit code of what runs in here, stopped or broken off as it may be."""
    left = _Exit()
    try:
        yield left
    except KeyboardInterrupt:
        sys.stderr.write("\nStopped. Start the same command again to go on where it stopped.\n")
        left.code = STOPPED
    except SystemExit as error:
        left.code = int(error.code or 0) if not isinstance(error.code, str) else 1


def _hand_over(command: str, words: Sequence[str], outcomes: Path | None) -> int:
    import hydra

    def job(cfg: DictConfig) -> int:
        # It may run in another process, or on another machine: only files come back.
        code = _job(command, cfg, _searched())
        if outcomes is not None:
            (outcomes / uuid.uuid4().hex).write_text(str(code))
        return code

    held, sys.argv = sys.argv, [f"memalign-bench {command}", *words]
    main = hydra.main(version_base="1.3", config_path=str(config_dir()), config_name=command)
    try:
        with _exits() as left:
            main(job)()
    finally:
        sys.argv = held
    return left.code


def _rubrics(jobs: Sequence[Composition]) -> list[str]:
    """The override that tells each job of a sweep over rubrics of the others."""
    names = sorted({str(job.choices["rubric"]) for job in jobs if "rubrics" in job.cfg})
    return [f"rubrics=[{','.join(names)}]"] if len(names) > 1 else []


@contextmanager
def _outcomes(jobs: Sequence[Composition]) -> Iterator[Path]:
    """A folder that every job can reach, for its exit code: below the results, where there are."""
    results = jobs[0].cfg.get("results_dir") if len(jobs) > 1 else None
    if results is not None:
        Path(results).mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".outcomes-", dir=results) as folder:
        yield Path(folder).resolve()


def _worst(folder: Path, n_jobs: int) -> int:
    """The worst exit code of the jobs; 1 where one left none, as when its machine went down."""
    codes = [int(path.read_text()) for path in folder.iterdir()]
    if len(codes) < min(n_jobs, _CHECKED_JOBS):
        sys.stderr.write(
            f"memalign-bench: {len(codes)} of {n_jobs} jobs came to an end; start the same command"
            " again for the others.\n"
        )
        return max([1, *codes])
    return max(codes, default=0)


def _searched() -> list[str]:
    """The folders of configuration that the running job was given with `--config-dir`."""
    from hydra.core.hydra_config import HydraConfig

    return [
        f"{source.schema}://{source.path}"
        for source in HydraConfig.get().runtime.config_sources
        if source.provider == "command-line"
    ]


def _job(command: str, cfg: DictConfig, search: Sequence[str]) -> int:
    """Run one job of a command; its exit code."""
    from hydra.core.hydra_config import HydraConfig

    try:
        work = import_module(f"memalign_bench.cli.{COMMANDS[command]}").work
        return int(work(cfg, dict(HydraConfig.get().runtime.choices), search))
    except MemalignError as error:
        return _complain(error)


def _complain(error: MemalignError) -> int:
    sys.stderr.write(f"memalign-bench: {error}\n")
    return 2 if isinstance(error, RequestError | DataError) else 1


def _check(
    command: str, overrides: Sequence[str], *, multirun: bool, config_dir: str | None
) -> list[Composition]:
    """Compose and build every job, so that what is wrong stops a sweep before its first job."""
    jobs = list(_jobs(command, overrides, multirun=multirun, config_dir=config_dir))
    if command == "run":
        search = [f"file://{Path(config_dir).resolve()}"] if config_dir else []
        specs = [build(job.cfg, job.choices, search) for job in jobs]
        _check_founded(specs)
        _check_callable(spec for spec, job in zip(specs, jobs, strict=True) if _calls_here(job))
        _register([spec for spec, job in zip(specs, jobs, strict=True) if not job.cfg.dry_run])
    if command == "generate":
        _check_generations(jobs)
    return jobs


def _register(specs: Sequence[RunSpec]) -> None:
    """Write the plan that all jobs share, before the first of them asks anything."""
    from memalign_bench.study.registered.registering import register

    for line in register(specs, whole=True):
        sys.stderr.write(f"{line}\n")


def _check_generations(jobs: Iterable[Composition]) -> None:
    """Refuse a sweep of which a job is sure to fail: cases, agents, sandboxes, keys."""
    from memalign_bench.loop.generate_spec import check_ready

    for job in jobs:
        check_ready(build_generation(job.cfg))


def _calls_here(job: Composition) -> bool:
    return not job.cfg.dry_run and job.choices.get("hydra/launcher", "basic") in _HERE


def _check_founded(specs: Iterable[RunSpec]) -> None:
    """Refuse a sweep of which a job is sure to fail for want of what its labels do not hold."""
    from memalign_bench.study.running.foreseeing import unfounded

    if lines := unfounded(specs):
        raise RequestError("\n".join([*lines, "Nothing was sent."]))


def _check_callable(specs: Iterable[RunSpec]) -> None:
    """Refuse a sweep of which a job has calls to make and no key or package for them."""
    from memalign_bench.study.running.rehearsal import unmet

    if lacks := list(dict.fromkeys(line for spec in specs for line in unmet(spec))):
        raise RequestError("\n".join([*lacks, "Nothing was sent."]))


def _jobs(
    command: str, overrides: Sequence[str], *, multirun: bool, config_dir: str | None
) -> Iterator[Composition]:
    from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.core.override_parser.types import ValueType
    from hydra.errors import HydraException

    search = []
    if config_dir:
        search = [f"hydra.searchpath={_searchpath(config_dir)}"]
    try:
        parsed = OverridesParser.create().parse_overrides(list(overrides))
    except HydraException as error:
        raise RequestError(f"{_first_lines(error)}") from error
    # Ranges and patterns name no choice on which other keys could hang.
    chosen = (ValueType.SIMPLE_CHOICE_SWEEP, ValueType.CHOICE_SWEEP)
    said = [o for o in parsed if o.value_type in chosen or not o.is_sweep_override()]
    words = [*search, *map(_first_value, said)]
    first = _composed(command, words)
    if not multirun and not _sweeps(first):
        if any(override.is_sweep_override() for override in parsed):
            _composed(command, [*search, *overrides])  # refuses a sweep without -m
        yield first
        return
    params = [f"{key}={value}" for key, value in (first.hydra.sweeper.params or {}).items()]
    given = {override.key_or_group for override in parsed}
    swept = [word for word in params if word.split("=")[0] not in given] + list(overrides)
    batches = BasicSweeper.split_arguments(OverridesParser.create().parse_overrides(swept), None)
    for number, job in enumerate(job for batch in batches for job in batch):
        if number == _CHECKED_JOBS:
            return
        yield first if [*search, *job] == words else _composed(command, [*search, *job])


def _first_value(override: Override) -> str:
    """An override as a sweep's first job has it: other keys may hang on its choice."""
    if not override.is_sweep_override():
        return override.input_line or ""
    return f"{override.get_key_element()}={next(override.sweep_string_iterator())}"


def _composed(command: str, overrides: Sequence[str]) -> Composition:
    with _told(command, overrides):
        return composed(command, overrides)


@contextmanager
def _told(command: str, overrides: Sequence[str]) -> Iterator[None]:
    """Hydra's complaints as ours: what was wrong, and what there is instead."""
    import yaml
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    try:
        yield
    except yaml.YAMLError as error:
        raise RequestError(broken_yaml(error)) from error
    except (HydraException, OmegaConfBaseException) as error:
        raise RequestError(_explained(command, overrides, error)) from error


def _explained(command: str, overrides: Sequence[str], error: Exception) -> str:
    cause: Any = error.__cause__
    key = getattr(cause, "full_key", None) or getattr(error, "full_key", None)
    if key and "not in struct" in f"{error}{cause}":
        known = _known_keys(command, overrides)
        close = difflib.get_close_matches(key, known, n=3, cutoff=0.5)
        siblings = [name for name in known if name.rpartition(".")[0] == key.rpartition(".")[0]]
        hint = f" Did you mean {' or '.join(close)}?" if close else ""
        return f"unknown key {key!r}.{hint} Keys there: {', '.join(siblings or known)}."
    return _first_lines(error)


def _first_lines(error: Exception) -> str:
    lines = [line.rstrip() for line in str(error).splitlines() if line.strip()]
    kept = [line for line in lines if not line.startswith(("Config search path", "\tprovider"))]
    return "\n".join(kept)


def _known_keys(command: str, overrides: Sequence[str]) -> list[str]:
    """Keys of the command with the choices made (backend=vllm), whose keys differ."""
    from omegaconf import OmegaConf

    made = [
        word
        for word in overrides
        for group in [word.partition("=")[0]]
        if (config_dir() / group).is_dir() or group == "hydra.searchpath"
    ]
    plain = OmegaConf.to_container(composed(command, made).cfg, resolve=False)
    return list(_key_names(plain, ""))


def _key_names(node: Any, lead: str) -> Iterator[str]:
    for key, value in node.items():
        if str(key).startswith("_"):
            continue
        yield f"{lead}{key}"
        if isinstance(value, dict) and not lead:
            yield from _key_names(value, f"{key}.")
