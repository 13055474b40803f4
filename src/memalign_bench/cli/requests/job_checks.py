"""Checks of all jobs of a request before the first of them runs."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from memalign_bench.cli.requests.claims import unknown_claims
from memalign_bench.config import (
    Composition,
    build,
    build_generation,
    settled_values,
    value_problems,
)
from memalign_bench.errors import RequestError, refuse
from memalign_bench.study.running.clashes import indistinct_runs, runs_of_other_data

if TYPE_CHECKING:
    from memalign_bench.study.spec import RunSpec

__all__ = ["CheckedJobs", "check_jobs"]

_MANY_JOBS = 20
"""Checking so many takes a second or more: progress is shown."""

_BUILDS_ARE_CHECKED = ("run", "headroom", "generate", "label", "rubric")
"""Commands that check values where they read them, together with all else that may be wrong."""

_LOCAL_LAUNCHERS = ("basic", "joblib", "ray")
"""Launchers whose jobs have the keys and packages of the process that starts them."""


class CheckedJobs(NamedTuple):
    """What checking found out about the jobs.

    Attributes:
        rubrics: Names of those that a sweep takes in turn, if it takes several: each of its jobs
            must know of the others.
        studies: Study and results folder of what is no dry run, each once.
    """

    rubrics: Sequence[str] = ()
    studies: Collection[tuple[str, Path]] = ()


def check_jobs(command: str, jobs: Sequence[Composition], search: Sequence[str]) -> CheckedJobs:
    """Check and build every job, so that what is wrong stops a sweep before its first one.

    Args:
        command: What the jobs are of.
        jobs: Their configurations.
        search: Further places of configuration, as `file://` addresses.

    Raises:
        MemalignError: With all that is wrong; nothing was sent and no plan registered.
    """
    if command not in _BUILDS_ARE_CHECKED:
        problems = (value_problems(command, settled_values(job.cfg)) for job in jobs)
        refuse(dict.fromkeys(line for lines in problems for line in lines))
    if command == "generate":
        _check_generations(jobs)
    if command != "run":
        return CheckedJobs()
    from memalign_bench.cli.progress import ConsoleProgress

    # Build every job; those that are no dry run also need keys, packages and a plan.
    specs, sent_from_here, started, rubrics = [], [], [], set()
    progress = ConsoleProgress()
    progress.start(len(jobs) if len(jobs) >= _MANY_JOBS else 0, "checking jobs")
    try:
        for job in jobs:
            specs.append(build(job.cfg, job.choices, search))
            rubrics.add(str(job.choices["rubric"]))
            if not job.cfg.dry_run:
                started.append(specs[-1])
                # Elsewhere other keys and packages are there than here.
                if job.choices.get("hydra/launcher", "basic") in _LOCAL_LAUNCHERS:
                    sent_from_here.append(specs[-1])
            progress.advance(failed=False)
    finally:
        progress.finish()
    # What fails only once data are read or models are called is foreseen here.
    _check_labels(specs)
    _check_requirements(sent_from_here)
    # A plan is registered once: not by a request that data or folds refuse, nor of unknown names.
    _check_folds(sent_from_here)
    _check_data(sent_from_here)
    folders = [Path(place.removeprefix("file://")) for place in search]
    refuse([*unknown_claims(started, folders), *indistinct_runs(started)])
    _register_plan(started)
    studies = dict.fromkeys((spec.study, spec.results_dir) for spec in started)
    return CheckedJobs(sorted(rubrics) if len(rubrics) > 1 else (), studies)


def _register_plan(specs: Sequence[RunSpec]) -> None:
    """Write the plan that all jobs share, before the first of them asks anything."""
    from memalign_bench.study.registered.registering import register

    for line in register(specs, whole=True):
        sys.stderr.write(f"{line}\n")


def _check_generations(jobs: Iterable[Composition]) -> None:
    """Refuse a sweep of which a job is sure to fail: cases, agents, sandboxes, keys."""
    from memalign_bench.loop.generate_spec import check_ready

    for job in jobs:
        check_ready(build_generation(job.cfg))


def _check_labels(specs: Iterable[RunSpec]) -> None:
    """Refuse a sweep with a job that is sure to fail because its labels do not suffice."""
    from memalign_bench.study.running.foreseeing import runs_sure_to_fail

    if lines := runs_sure_to_fail(specs):
        raise RequestError("\n".join([*lines, "Nothing was sent."]))


def _check_data(specs: Iterable[RunSpec]) -> None:
    """Refuse what a study's report would refuse for its data, before anything is paid for."""
    if lines := runs_of_other_data(specs):
        raise RequestError("\n".join([*lines, "Nothing was sent."]))


def _check_folds(specs: Iterable[RunSpec]) -> None:
    """Refuse a sweep with a job whose data have problems, or too few cases for its folds."""
    from memalign_bench.study.running.foreseeing import unfoldable_runs

    if lines := unfoldable_runs(specs):
        raise RequestError("\n".join([*lines, "Nothing was sent."]))


def _check_requirements(specs: Iterable[RunSpec]) -> None:
    """Refuse a sweep with a job that has calls to make and lacks a key or package for them."""
    from memalign_bench.study.running.rehearsal import unmet_requirements

    if unmet := list(dict.fromkeys(line for spec in specs for line in unmet_requirements(spec))):
        raise RequestError("\n".join([*unmet, "Nothing was sent."]))
