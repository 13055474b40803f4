"""`memalign-bench run`: one job."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from memalign_bench.cli.lines import say, say_some
from memalign_bench.cli.progress import ConsoleProgress
from memalign_bench.config import build, build_tracker
from memalign_bench.config.composing import plain_values
from memalign_bench.study.running.attribution import AttributionOutcome
from memalign_bench.study.running.runner import RunOutcome, run
from memalign_bench.study.spec import RunSpec
from memalign_bench.study.whereabouts import note_places
from memalign_bench.types import NO_MODEL
from memalign_bench.wording import counted

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from memalign_bench.study.running.rehearsal import Forecast

__all__ = ["forecast_together", "say_forecast", "work"]


def work(cfg: DictConfig, choices: Mapping[str, str], search: Sequence[str]) -> int:
    """Run the job and track it; 1 if a question failed."""
    spec = build(cfg, choices, search)
    if cfg.dry_run:
        return _say_dry_run(spec)
    where = "" if spec.backend_name == NO_MODEL else f" on {spec.backend_name} ({spec.model_name})"
    say(f"{spec.study}: {spec.variant}{where}, fold seed {spec.fold_seed}")
    outcome = run(spec, ConsoleProgress())
    # Records hold no places; exporting the judge needs them on this machine.
    places = {**spec.config, "tracker": plain_values(cfg.tracker)}
    note_places(spec.study_dir, outcome.run_id, places, search)
    _say_outcome(spec, outcome)
    tracker = build_tracker(cfg)
    if tracker:
        tracker.log_run(spec.study_dir / "runs" / outcome.run_id)
    attributed = outcome.attributed
    return 1 if outcome.failures or (attributed and attributed.failures) else 0


def _say_dry_run(spec: RunSpec) -> int:
    """Say what the run would ask and cost; nothing is sent, nothing written."""
    from memalign_bench.study.running.rehearsal import forecast

    say(f"{spec.study}: {spec.variant}, fold seed {spec.fold_seed}: a dry run, nothing is sent")
    doubts: list[str] = []
    entries = forecast(spec, doubts.append)
    for doubt in doubts:
        say(f"  warning: {doubt}")
    say_forecast(entries)
    return 0


@contextmanager
def forecast_together(n_jobs: int) -> Iterator[None]:
    """Within this context dry runs are one sweep; at its end say what they ask together."""
    from memalign_bench.study.running.rehearsal import rehearsed_together, sum_by_model

    with rehearsed_together() as jobs:
        yield
    # A job that was refused on the way has left no forecast.
    which = f"all {n_jobs} jobs" if len(jobs) == n_jobs else f"{len(jobs)} of {n_jobs} jobs"
    say(f"{which} together, a call that several share sent once:")
    say_forecast(sum_by_model(entry for job in jobs for entry in job))


def say_forecast(entries: Sequence[Forecast]) -> None:
    """Say what would be asked of each backend, and what it would cost."""
    for entry in entries:
        say(
            f"  {entry.backend} ({entry.model}): {counted(entry.n_calls, 'call')} to send,"
            f" {entry.n_stored:,} stored{_shared_calls(entry)}{_size(entry)}"
        )
        if entry.n_unread:
            say(
                f"  {entry.n_unread} distillations are still to be made, and count as if each wrote"
                " as many guidelines as it may"
            )
    if not entries:
        say("  asks no model")


def _size(entry: Forecast) -> str:
    if not entry.n_calls:
        return ""
    return (
        f"; about {entry.prompt_tokens:,} prompt tokens, at most {entry.completion_tokens:,}"
        f" generated; {_cost(entry)}"
    )


def _shared_calls(entry: Forecast) -> str:
    return f", {entry.n_shared:,} of jobs before it" if entry.n_shared else ""


def _cost(entry: Forecast) -> str:
    # Measured when this model last ran here; without it nothing can be said of time.
    if entry.is_local and entry.prompt_rate and entry.prompt_tokens:
        minutes = max(1, round(entry.prompt_tokens / entry.prompt_rate / 60))
        duration = f"{minutes} min" if minutes < 120 else f"{minutes / 60:.1f} h"
        rate = f"{entry.prompt_rate:.0f}"
        return f"runs here, about {duration} at the {rate} tokens a second of last time"
    if entry.is_local:
        return "runs here, costs nothing"
    if entry.cost_usd is None:
        return "price unknown (set backend.price_input= and backend.price_output=)"
    return f"at most about {entry.cost_usd:.4f} USD"


def _say_outcome(spec: RunSpec, outcome: RunOutcome) -> None:
    parts = [f"{count} {name}" for name, count in outcome.counts.items() if count]
    state = "was complete" if not outcome.asked else f"asked {outcome.asked}"
    say(f"run {outcome.run_id} {state}: {', '.join(parts)}")
    _say_failures(outcome.failures)
    if outcome.attributed is not None:
        _say_attribution(spec, outcome.attributed)


def _say_attribution(spec: RunSpec, attributed: AttributionOutcome) -> None:
    if not attributed.n_rows and not attributed.failures:
        say(
            f"  attribute=true: nothing to attribute, since no graded answer of {spec.variant} was"
            " shown a guideline or an example"
        )
        return
    state = "was complete" if not attributed.asked else f"asked {attributed.asked}"
    n_answers = counted(attributed.n_rows, "answer")
    say(f"  attribution {state}: {n_answers} without one entry of memory each")
    _say_failures(attributed.failures)


def _say_failures(failures: Sequence[str]) -> None:
    """Say what failed, questions with one reason in one line."""
    by_reason: dict[str, list[str]] = {}
    for line in failures:
        # "model_use, fold 2, nb_07: no usable answer" -> what comes before the colon, and why.
        place, _, reason = line.partition(": ")
        by_reason.setdefault(reason, []).append(place)
    lines = [
        f"{places[0]}{f' and {len(places) - 1} more' if places[1:] else ''}: {reason}"
        for reason, places in by_reason.items()
    ]
    say_some(lines, "failed: ")
    if failures:
        say("Failed questions are recorded as failed; the same command asks them again.")
