"""Plans on disk: written before a study's first call, and compared with every later command."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from memalign_bench.errors import RequestError
from memalign_bench.study import records
from memalign_bench.study.registered.study_plan import PlanInWords, StudyPlan, plan_of
from memalign_bench.study.spec import RunSpec

__all__ = ["plan_digest", "read_plan", "register"]

_REMEDY = (
    "What was computed stays usable (memalign-bench report study={study}); for another plan begin"
    " another study: study=NAME."
)


def register(specs: Sequence[RunSpec], *, whole: bool = False) -> list[str]:
    """Write the plans of studies that are about to begin; check those that were begun.

    A study is begun once it holds items: from then on its plan is fixed. A study that was begun
    without a plan gets none, since nobody could tell what was known when it was written.

    Args:
        specs: Jobs that are about to run.
        whole: Whether they are all jobs of a command: a plan of a study that was never begun is
            then written anew.

    Returns:
        What to tell of each study.

    Raises:
        RequestError: If a job wants another plan than the study was begun with, or the plan in
            words cannot be read; nothing is written then.
    """
    from filelock import FileLock

    studies: dict[Path, list[RunSpec]] = {}
    for spec in specs:
        studies.setdefault(spec.study_dir, []).append(spec)
    messages = []
    for folder, jobs in studies.items():
        folder.mkdir(parents=True, exist_ok=True)
        # Jobs of a sweep may begin the study at the same time.
        with FileLock(folder / ".plan.lock"):
            messages += _register_study(folder, jobs, whole=whole)
    return messages


def _register_study(folder: Path, jobs: Sequence[RunSpec], *, whole: bool) -> list[str]:
    """Write or check the plan of one study; returns what to tell of it."""
    study, source = jobs[0].study, jobs[0].config.get("plan")
    text, words = b"", None
    if source:
        text = _read_plan_text(source)
        words = PlanInWords(Path(source).name, hashlib.sha256(text).hexdigest())
    wanted, registered = plan_of(jobs, words), read_plan(folder)
    begun = (folder / "items.parquet").is_file()
    # A study that was begun: its plan stands, and the command must agree with it.
    if registered is not None and begun:
        _check_intact(folder, registered, study)
        _check_unchanged(folder, registered, wanted, jobs[0])
        return []
    # Begun without a plan: one written now would prove nothing.
    if begun:
        message = f"study {study!r} was begun without a registered plan, and gets none afterwards"
        return [message] if whole else []
    # Not begun yet: a plan on disk may still be dropped, kept or replaced.
    if not jobs[0].config["register"]:
        (folder / "plan.json").unlink(missing_ok=True)
        return []
    if registered is not None and not whole and not registered.differing(wanted):
        return []
    # A first job without distributions has no say: its command's own reading stands in the plan.
    wanted = replace(wanted, calibration=wanted.calibration or jobs[0].calibration)
    if text:
        records.write_bytes(folder / "plan.md", text)
    records.write_json(folder / "plan.json", wanted.as_json())
    return [f"plan of study {study!r} registered ({wanted.digest[:12]}): {_plan_summary(wanted)}"]


def _plan_summary(plan: StudyPlan) -> str:
    """The plan in a line: its contrasts, where they hold, how they are read."""
    if not plan.contrasts:
        return "no claim, everything is exploratory"
    sides = ", ".join(
        f"{contrast.variant} against {contrast.reference}" for contrast in plan.contrasts
    )
    where = "every labelled dimension" if plan.dimensions is None else ", ".join(plan.dimensions)
    return (
        f"{sides} on {', '.join(plan.backends)}; {where}; {', '.join(plan.metrics)},"
        f" calibration={plan.calibration}; margin {plan.stats['margin']:g}"
    )


def _check_unchanged(folder: Path, registered: StudyPlan, wanted: StudyPlan, job: RunSpec) -> None:
    """Refuse a command that would change the plan of a study that was begun."""
    claims = {key: job.config["claims"][key] for key in ("backends", "dimensions")}
    # Only what the command names itself; what is null follows from its jobs.
    now = {key: sorted(value) for key, value in claims.items() if value is not None}
    # "all" is for people: the plan holds null for every labelled dimension.
    then = {"backends": registered.backends, "dimensions": registered.dimensions or ("all",)}
    differing = registered.differing(wanted) + [
        f"claims.{key} is {', '.join(then[key])} in the plan, {', '.join(value)} here"
        for key, value in now.items()
        if value != sorted(then[key])
    ]
    if differing:
        raise RequestError(
            f"study {job.study!r} was begun with the plan in {folder / 'plan.json'}, which this"
            f" command would change: {'; '.join(differing)}. {_REMEDY.format(study=job.study)}"
        )


def _check_intact(folder: Path, registered: StudyPlan, study: str) -> None:
    """Refuse a `plan.json` other than the one that the study's runs were made under."""
    runs = sorted(folder.glob("runs/*/manifest.json"))
    # A manifest that names no plan says nothing against this one.
    others = {plan_digest(records.read_json(path)) for path in runs} - {None, registered.digest}
    if others:
        raise RequestError(
            f"{folder / 'plan.json'} is not the plan that runs of study {study!r} were made under"
            f" (sha256 {registered.digest[:12]}, their manifests name"
            f" {', '.join(sorted(str(digest)[:12] for digest in others))}); put that file back."
            f" {_REMEDY.format(study=study)}"
        )


def _read_plan_text(source: str) -> bytes:
    """The bytes of a plan in words, which must be UTF-8 and not empty."""
    path = Path(source).expanduser()
    try:
        text = path.read_bytes()
        # Only to refuse what is no text: a plan is kept, and known, by its bytes.
        text.decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RequestError(
            f"plan={source!r} cannot be read as text ({type(error).__name__}): give the file in"
            " which the plan is written (UTF-8), or leave plan= out."
        ) from error
    if not text.strip():
        raise RequestError(f"plan={source!r} is empty: a plan in words has some.")
    return text


def read_plan(folder: Path) -> StudyPlan | None:
    """The plan of a study; None where none was registered.

    Raises:
        RecordError: If the file is no plan.
    """
    path = folder / "plan.json"
    return StudyPlan.from_json(records.read_json(path)) if path.is_file() else None


def plan_digest(manifest: Mapping[str, Any]) -> str | None:
    """The digest of the plan that a run was made under."""
    digest = manifest.get("plan")
    return None if digest is None else str(digest)
