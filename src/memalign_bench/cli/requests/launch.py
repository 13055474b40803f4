"""From the command line to Hydra: check every job of the request first, then run it."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from shlex import join
from typing import TYPE_CHECKING, Any

from memalign_bench.cli.requests.job_checks import check_jobs
from memalign_bench.cli.requests.jobs import complain, is_sweep, launch_jobs, run_jobs
from memalign_bench.cli.requests.typed_words import (
    choice_groups,
    choice_problems,
    choices_of,
    composition_problem,
    grammar_problem,
    options_first,
    quoted_texts,
)
from memalign_bench.config import (
    Composition,
    broken_yaml,
    built_once,
    check_files,
    composed,
    config_dir,
    mapping_problems,
    offer_roles,
    with_open_keys,
)
from memalign_bench.config.searchpath import SEARCHPATH, folders_in, places_in, search_word
from memalign_bench.config.sweeping import SweepJobs
from memalign_bench.errors import MemalignError, RequestError, refuse
from memalign_bench.study.shared_data import data_read_once

if TYPE_CHECKING:
    from hydra.core.override_parser.types import Override

__all__ = ["launch"]

_CHECKED_JOBS = 2000
"""Jobs of one sweep whose configuration is built before the first one runs."""

_REFUSED = 2
"""From this exit code on a command was refused or stopped."""


def launch(command: str, words: Sequence[str]) -> int:
    """Check the request, then hand it to Hydra; returns the exit code."""
    from hydra._internal.utils import get_args_parser

    # Options, and requests that ask for information alone.
    words = options_first(quoted_texts(command, words))
    args = get_args_parser().parse_args(list(words))
    offer_roles([config_dir(), *([Path(args.config_dir)] if args.config_dir else [])])
    if args.help:
        return _print_help(command, args)
    if args.hydra_help or args.cfg or args.info or args.shell_completion:
        try:
            words = _first_job_words(command, words, args)
        except MemalignError as error:
            return complain(error)
        return launch_jobs(command, words, (), ())
    # Checking reads the data and builds the jobs; running uses both again.
    with data_read_once(), built_once():
        try:
            _check_folder(args.config_dir)
            _check_files(args)
            refuse(choice_problems(args.overrides, _own_folders(args)))
            words = _mark_open_keys(command, words, args)
            args = get_args_parser().parse_args(words)
            search = _own_places(args)
            jobs = _compose_jobs(command, args.overrides, multirun=args.multirun, search=search)
            checked = check_jobs(command, jobs, search)
        except MemalignError as error:
            return complain(error)
        # Run the composed jobs ourselves, unless a launcher or a long sweep needs Hydra for it.
        if _runs_here(args, jobs):
            sweep = args.multirun or is_sweep(jobs[0])
            with _forecasts_summed(command, jobs):
                code = run_jobs(command, jobs, checked.rubrics, search, sweep=sweep)
        else:
            code = launch_jobs(command, words, jobs, checked.rubrics)
        if code < _REFUSED:
            _say_how_to_report(checked.studies)
        return code


def _say_how_to_report(studies: Collection[tuple[str, Path]]) -> None:
    """The commands that make tables, figures and page of what was run."""
    for study, results_dir in studies:
        # Of a study whose only run broke off there is nothing to report.
        if not any(Path(results_dir, study, "runs").glob("*/predictions.parquet")):
            continue
        folder = str(results_dir)
        where = [] if folder == "results" else [f"results_dir={folder}"]
        words = join(["memalign-bench", "report", f"study={study}", *where])
        sys.stderr.write(f"To see it: {words}\n")


def _forecasts_summed(command: str, jobs: Sequence[Composition]) -> AbstractContextManager[None]:
    """Within this context the dry runs of a sweep are added up; else it does nothing."""
    if command != "run" or len(jobs) == 1 or not jobs[0].cfg.dry_run:
        return nullcontext()
    from memalign_bench.cli.run import forecast_together

    return forecast_together(len(jobs))


def _print_help(command: str, args: Any) -> int:
    """Print the command's purpose, its groups, and the keys of the request's first job."""
    from omegaconf import OmegaConf

    try:
        _check_folder(args.config_dir)
        _check_files(args)
        overrides = _mark_open_keys(command, args.overrides, args)
        search = _own_places(args)
        job = _compose_jobs(command, overrides, multirun=args.multirun, search=search)[0]
    except MemalignError as error:
        return complain(error)
    folders = _own_folders(args)
    choices = [f"{name}: {', '.join(choices_of(name, folders))}\n" for name in choice_groups(job)]
    if choices:
        choices = ["Choices (group=choice):\n", *choices, "\n"]
    keys = f"Keys and their defaults (key=value):\n\n{OmegaConf.to_yaml(job.cfg)}"
    sys.stdout.write(f"{job.hydra.help.header}\n{''.join(choices)}{keys}")
    return 0


def _first_job_words(command: str, words: Sequence[str], args: Any) -> list[str]:
    """The words of a request's first job, for Hydra to show; wrong ones are refused as in a run."""
    _check_folder(args.config_dir)
    _check_files(args)
    # With -sc the words name a shell ("install=bash") and set no key.
    if args.shell_completion or not args.overrides:
        return list(words)
    overrides = _mark_open_keys(command, args.overrides, args)
    _compose_jobs(command, overrides, multirun=args.multirun, search=_own_places(args))
    # Sweeps become their first value: Hydra shows one configuration, and refuses several.
    flags = [word for word in words if word not in args.overrides]
    return [*flags, *map(_with_first_value, _without_patterns(_parse_overrides(overrides)))]


def _check_folder(config_dir: str | None) -> None:
    """Refuse a folder of one's own that is not there: nothing in it would be found."""
    if config_dir and not Path(config_dir).is_dir():
        raise RequestError(f"--config-dir: there is no folder {config_dir!r} here ({Path.cwd()}).")


def _check_files(args: Any) -> None:
    """Refuse chosen YAMLs of one's own that are wrong, by file and line."""
    check_files(args.overrides, _own_folders(args))


def _own_folders(args: Any) -> list[Path]:
    """The user's folders of configuration."""
    return [*([Path(args.config_dir)] if args.config_dir else []), *folders_in(args.overrides)]


def _mark_open_keys(command: str, words: Sequence[str], args: Any) -> list[str]:
    """The words of a request, with keys of open-ended mappings as Hydra wants them."""
    for word in args.overrides:
        if word.count("{") != word.count("}") or word.count("[") != word.count("]"):
            raise RequestError(
                f"{word!r} opens or closes half a bracket; the shell splits at spaces, so put"
                " quotes around the whole: 'dataset.grades={poor: 1, fine: 2}'."
            )
    # Composing needs the user's folders as a word in front, which is none of the request.
    overrides = _searched_first(_own_places(args), args.overrides)
    try:
        with _hydra_errors_explained(command, []):
            opened = with_open_keys(command, overrides)
    except RequestError:
        return list(words)  # an unknown choice: told with the others, when jobs are composed
    # Options and their values are no overrides, and stay as they are.
    marked = dict(zip(overrides, opened, strict=True))
    return [marked.get(word, word) for word in words]


def _own_places(args: Any) -> list[str]:
    """The user's folders of configuration, as Hydra looks through them: `--config-dir` first."""
    own = [f"file://{Path(args.config_dir).resolve()}"] if args.config_dir else []
    return [*own, *places_in(args.overrides)]


def _searched_first(search: Sequence[str], overrides: Sequence[str]) -> list[str]:
    """Overrides with one word in front for all folders: of two such words Hydra heeds the first."""
    others = [word for word in overrides if not word.startswith(SEARCHPATH)]
    return [search_word(search), *others] if search else others


def _runs_here(args: Any, jobs: Sequence[Composition]) -> bool:
    """Whether the jobs, all of them composed, would run here, with none of Hydra's own flags."""
    if args.config_path or args.config_name or args.experimental_rerun:
        return False
    # Another launcher or sweeper has ways of its own to run jobs, which only Hydra can start.
    plugins = {name: jobs[0].choices.get(f"hydra/{name}") for name in ("launcher", "sweeper")}
    return len(jobs) < _CHECKED_JOBS and set(plugins.values()) == {"basic"}


def _compose_jobs(
    command: str, overrides: Sequence[str], *, multirun: bool, search: Sequence[str]
) -> Sequence[Composition]:
    """Compose the jobs of a request; of a long sweep the first `_CHECKED_JOBS`."""
    from hydra._internal.core_plugins.basic_sweeper import BasicSweeper

    def compose(words: Sequence[str]) -> Composition:
        with _hydra_errors_explained(command, words):
            job = composed(command, words)
        refuse(mapping_problems(command, job.cfg))
        return job

    # The first job shows whether the configuration itself asks for a sweep.
    overrides = _searched_first(search, overrides)
    parsed = _parse_overrides(overrides)
    first = compose([*map(_with_first_value, _without_patterns(parsed))])
    if not multirun and not is_sweep(first):
        if any(override.is_sweep_override() for override in parsed):
            with _hydra_errors_explained(command, overrides):
                composed(command, overrides)  # refuses a sweep without -m
        return (first,)
    # An experiment's YAML may name a sweep of its own; the command line goes before it.
    params = first.hydra.sweeper.params or {}
    configured = quoted_texts(
        command, ["-m", *(f"{key}={value}" for key, value in params.items())]
    )[1:]
    typed = {override.key_or_group for override in parsed}
    swept = [word for word in configured if word.split("=")[0] not in typed]
    swept_overrides = _parse_overrides([*swept, *overrides])
    _check_enumerable(swept_overrides)
    # Without a bound on its size one batch holds all jobs, in the order in which Hydra runs them.
    batches = BasicSweeper.split_arguments(swept_overrides, None)
    requests = [job for batch in batches for job in batch]
    return SweepJobs(requests[:_CHECKED_JOBS], compose)


def _check_enumerable(overrides: Iterable[Override]) -> None:
    """Refuse sweeps that do not say their values: every job is checked before the first runs."""
    from hydra.core.override_parser.types import ValueType

    unsaid = (ValueType.INTERVAL_SWEEP, ValueType.GLOB_CHOICE_SWEEP)
    wrong = [
        f"{override.input_line}: intervals and patterns do not say which values are meant; list"
        f" them ({override.key_or_group}=A,B), or of numbers say range(FROM,TO,STEP)."
        for override in overrides
        if override.value_type in unsaid
    ]
    refuse(wrong)


def _parse_overrides(overrides: Sequence[str]) -> list[Override]:
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    try:
        return OverridesParser.create().parse_overrides(list(overrides))
    except HydraException as error:
        raise RequestError(grammar_problem(error)) from error


def _without_patterns(parsed: Sequence[Override]) -> list[Override]:
    """Overrides without ranges and patterns: those choose nothing that brings other keys along."""
    from hydra.core.override_parser.types import ValueType

    enumerated = (ValueType.SIMPLE_CHOICE_SWEEP, ValueType.CHOICE_SWEEP)
    return [
        override
        for override in parsed
        if override.value_type in enumerated or not override.is_sweep_override()
    ]


def _with_first_value(override: Override) -> str:
    """An override as the first job of a sweep has it."""
    if not override.is_sweep_override():
        return override.input_line or ""
    return f"{override.get_key_element()}={next(override.sweep_string_iterator())}"


@contextmanager
def _hydra_errors_explained(command: str, overrides: Sequence[str]) -> Iterator[None]:
    """Turn Hydra's errors into ours: what was wrong, and what there is instead."""
    import yaml
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    try:
        yield
    except yaml.YAMLError as error:
        raise RequestError(broken_yaml(error)) from error
    # Before OSError: Hydra's error for a YAML that is not there is one of those too.
    except (HydraException, OmegaConfBaseException) as error:
        raise RequestError(composition_problem(command, overrides, error)) from error
    except (UnicodeDecodeError, RecursionError) as error:
        raise RequestError(
            f"a YAML that another one builds on cannot be read ({error}); save it as UTF-8, without"
            " aliases (*) that stand inside of what they name."
        ) from error
    except (ValueError, OSError) as error:  # Hydra's words for a list or number that is no choice
        raise RequestError(f"a YAML that another one builds on: {error}.") from error
