"""Jobs that have been checked, run: in this process as they were composed, or by a launcher."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from memalign_bench.cli import COMMANDS, READER_GONE, is_reader_gone
from memalign_bench.config import Composition, config_dir
from memalign_bench.errors import DataError, MemalignError, RequestError, of_files

if TYPE_CHECKING:
    from omegaconf import DictConfig

__all__ = ["complain", "is_sweep", "launch_jobs", "run_jobs"]


def complain(error: MemalignError) -> int:
    """Say what is wrong; the exit code: 2 for what was asked or given, 1 for what happened."""
    sys.stderr.write(f"memalign-bench: {error}\n")
    return 2 if isinstance(error, RequestError | DataError) else 1


def is_sweep(job: Composition) -> bool:
    """Whether the configuration itself asks for a sweep."""
    return str(job.hydra.mode).endswith("MULTIRUN")


def run_jobs(
    command: str,
    jobs: Sequence[Composition],
    rubrics: Sequence[str],
    search: Sequence[str],
    *,
    sweep: bool,
) -> int:
    """Run jobs one after the other in this process; the worst exit code.

    It does what Hydra's basic sweeper and launcher do, with their callbacks, settings and folders,
    but runs the jobs as they were composed for the check: those would compose every job again.

    Args:
        command: The command.
        jobs: As composed, all of them.
        rubrics: Names of those that a sweep takes in turn.
        search: Further places of configuration, as `file://` addresses.
        sweep: Whether they are a sweep, even of one job.
    """
    from hydra._internal.callbacks import Callbacks
    from hydra._internal.config_loader_impl import ConfigLoaderImpl
    from hydra._internal.utils import create_config_search_path, run_and_report
    from hydra.core.utils import run_job, setup_globals
    from hydra.types import HydraContext

    first_config = _numbered_config(jobs[0], 0, rubrics, sweep=sweep)
    # A context must have a loader; with all jobs composed it is not asked for anything.
    loader = ConfigLoaderImpl(create_config_search_path(None))
    context = HydraContext(config_loader=loader, callbacks=Callbacks(first_config))

    def run_all() -> int:
        # Callbacks see a sweep as one multirun, a single job as one run.
        setup_globals()
        kind = "multirun" if sweep else "run"
        event = {"config": first_config, "config_name": command}
        getattr(context.callbacks, f"on_{kind}_start")(**event)
        done = [
            run_job(
                task_function=lambda cfg: _run_job(command, cfg, search),
                config=_numbered_config(job, number, rubrics, sweep=sweep),
                job_dir_key="hydra.sweep.dir" if sweep else "hydra.run.dir",
                job_subdir_key="hydra.sweep.subdir" if sweep else None,
                hydra_context=context,
            )
            for number, job in enumerate(jobs)
        ]
        # Hydra hands the job's return to `on_run_end` alone.
        last = {} if sweep else {"job_return": done[0]}
        getattr(context.callbacks, f"on_{kind}_end")(**event, **last)
        # `return_value` raises for a job that broke off, so it is read after all have run.
        return max(int(job_return.return_value) for job_return in done)

    # Hydra's own report of an error: the stack without its frames, then exit code 1.
    return _exit_code_of(lambda: run_and_report(run_all))


def _numbered_config(
    job: Composition, number: int, rubrics: Sequence[str], *, sweep: bool
) -> DictConfig:
    """A job's configuration with Hydra's node, numbered as a launcher numbers it."""
    from hydra.types import RunMode
    from omegaconf import OmegaConf, open_dict

    # A copy: composed jobs are used again, and this one is opened and added to.
    config = job.cfg.copy()
    OmegaConf.copy_cache(job.cfg, config)  # `${now:}` stays as the check resolved it
    with open_dict(config):
        config.hydra = job.hydra
        config.hydra.mode = RunMode.MULTIRUN if sweep else RunMode.RUN
        if sweep:
            config.hydra.job.id, config.hydra.job.num = str(number), number
        if rubrics:
            config.rubrics = list(rubrics)
    return config


def _exit_code_of(work: Callable[[], int]) -> int:
    """The exit code of some work, even if it ends by `SystemExit`."""
    try:
        return work()
    except SystemExit as error:
        # A text as code is a message, which Python ends with 1 for.
        return int(error.code or 0) if not isinstance(error.code, str) else 1


def launch_jobs(
    command: str,
    words: Sequence[str],
    jobs: Sequence[Composition],
    rubrics: Sequence[str],
) -> int:
    """Hand a request to Hydra, whose launcher may run its jobs anywhere; the worst exit code.

    Args:
        command: The command.
        words: The request.
        jobs: Its first jobs as composed, of which there may be more; none where it only asks Hydra
            for information.
        rubrics: Names of those that its jobs take in turn.
    """
    if not jobs:
        return _run_hydra(command, words, None)
    shared = [f"rubrics=[{','.join(rubrics)}]"] if rubrics else []
    with _exit_code_folder(jobs) as folder:
        code = _run_hydra(command, [*words, *shared], folder)
        return max(code, _worst_exit_code(folder, len(jobs)))


def _run_hydra(command: str, words: Sequence[str], exit_codes: Path | None) -> int:
    import hydra

    def job(cfg: DictConfig) -> int:
        # It may run in another process, or on another machine: only files come back.
        code = _run_job(command, cfg, _search_places())
        if exit_codes is not None:
            # No two jobs may write one file, wherever they run.
            (exit_codes / uuid.uuid4().hex).write_text(str(code))
        return code

    # Hydra reads its words there, and takes the first for the program's name.
    argv_before, sys.argv = sys.argv, [f"memalign-bench {command}", *words]
    main: Any = hydra.main(version_base="1.3", config_path=str(config_dir()), config_name=command)
    try:
        # `main` returns None whatever the jobs did; their codes come by the folder.
        return _exit_code_of(lambda: main(job)() or 0)
    finally:
        sys.argv = argv_before


@contextmanager
def _exit_code_folder(jobs: Sequence[Composition]) -> Iterator[Path]:
    """A folder for exit codes that every job can reach: below the results, if there are any."""
    results = jobs[0].cfg.get("results_dir") if len(jobs) > 1 else None
    if results is not None:
        Path(results).mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".outcomes-", dir=results) as folder:
        # Absolute: hydra.job.chdir=true takes a job elsewhere.
        yield Path(folder).resolve()


def _worst_exit_code(folder: Path, n_jobs: int) -> int:
    """The worst exit code of the jobs; at least 1 if one left none (its machine went down)."""
    # A job that ended in an error of its own, or was killed, has left no file.
    codes = [int(path.read_text()) for path in folder.iterdir()]
    if len(codes) < n_jobs:
        sys.stderr.write(
            f"memalign-bench: {len(codes)} of {n_jobs} jobs came to an end; start the same command"
            " again for the others.\n"
        )
        return max([1, *codes])
    return max(codes, default=0)


def _search_places() -> list[str]:
    """The folders of configuration that the running job was given."""
    from hydra.core.hydra_config import HydraConfig

    return [
        f"{source.schema}://{source.path}"
        for source in HydraConfig.get().runtime.config_sources
        # Hydra's names for where --config-dir and hydra.searchpath= come from.
        if source.provider.endswith("command-line")
    ]


def _run_job(command: str, cfg: DictConfig, search: Sequence[str]) -> int:
    """Run one job of a command; its exit code."""
    from hydra.core.hydra_config import HydraConfig

    try:
        work = import_module(f"memalign_bench.cli.{COMMANDS[command]}").work
        return int(work(cfg, dict(HydraConfig.get().runtime.choices), search))
    except MemalignError as error:
        return complain(error)
    except BrokenPipeError as error:
        if not is_reader_gone():
            raise
        raise SystemExit(READER_GONE) from error  # an exit passes Hydra without a stack
    except OSError as error:
        file_error = of_files(error)
        if file_error is None:
            raise
        return complain(file_error)
