"""`memalign-bench generate`: an agent writes notebooks for test cases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from memalign_bench.cli.lines import say, say_some
from memalign_bench.cli.progress import ConsoleProgress
from memalign_bench.config import build_generation
from memalign_bench.loop.generate import GenerationOutcome, generate
from memalign_bench.loop.records import CRASHED, OVER_BUDGET, STATUSES
from memalign_bench.wording import counted

if TYPE_CHECKING:
    from omegaconf import DictConfig

__all__ = ["work"]


def work(cfg: DictConfig, choices: Mapping[str, str], search: Sequence[str]) -> int:
    """Make the notebooks of one agent; 1 if one is still to be made."""
    spec = build_generation(cfg)
    on = f" on {spec.asks.name} ({spec.asks.model_name})" if spec.asks else ""
    n_cases = len(spec.cases.cases)
    say(f"{spec.loop}: agent {spec.agent.name}{on}, {counted(n_cases, 'case')}, {spec.n} a case")
    if spec.cases.source.notice:
        say(f"  {spec.cases.source.notice}")
    outcome = generate(spec, ConsoleProgress())
    _say_outcome(outcome)
    return 1 if outcome.counts[CRASHED] or outcome.counts[OVER_BUDGET] else 0


def _say_outcome(outcome: GenerationOutcome) -> None:
    counts = outcome.counts
    # `counts` also holds "executed", which is no status: it is said of notebooks that were made.
    parts = [f"{counts[name]} {name}" for name in STATUSES if counts[name]]
    state = f"made {outcome.made}" if outcome.made else "was complete"
    say(f"run {outcome.run_id} {state}: {', '.join(parts)}; {counts['executed']} executed")
    say_some(outcome.failures)
    if outcome.not_executed:
        say(
            f"{counted(outcome.not_executed, 'notebook')} did not run to the end: kept with the"
            " traceback, to be scored as written."
        )
    if counts[CRASHED] or counts[OVER_BUDGET]:
        say("What crashed or had no money left is made once more by the same command.")
    say(f"Records: {outcome.path}")
