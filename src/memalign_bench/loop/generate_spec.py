"""The settings of one job of `generate`, and a check that this machine can run it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from memalign_bench.backends.base import BackendSpec
from memalign_bench.backends.http.providers import HostedModel
from memalign_bench.errors import RequestError, refuse
from memalign_bench.loop.agents.base import Agent, Author
from memalign_bench.loop.cases import CaseSet
from memalign_bench.loop.records import RunFolder
from memalign_bench.loop.sandbox.base import Sandbox
from memalign_bench.study.spec import digest_of
from memalign_bench.types import Rubric

__all__ = ["GenerationSpec", "check_ready"]


@dataclass(frozen=True)
class GenerationSpec:
    """What one job of `generate` makes.

    Attributes:
        loop: Name of the loop, a folder below `results_dir`.
        results_dir: Where loops lie.
        agent: Who writes.
        cases: For what.
        rubric: The dimensions that cases name.
        n: Notebooks a case.
        seed: Root of all random choices.
        sandbox: Where notebooks are executed.
        backend: The model of agents that need one.
        workers: Notebooks under way at once; None for one a processor, at most eight.
        call_store: File of every call; None for `calls.sqlite` in the loop's folder.
        budget_usd: Stop before the calls in the store cost more than this together.
        max_minutes: Begin no notebook after so long.
    """

    loop: str
    results_dir: Path
    agent: Agent
    cases: CaseSet
    rubric: Rubric
    n: int
    seed: int
    sandbox: Sandbox
    backend: BackendSpec
    workers: int | None = None
    call_store: Path | None = None
    budget_usd: float | None = None
    max_minutes: float | None = None

    @property
    def asks(self) -> BackendSpec | None:
        """The model, where the agent asks one."""
        return self.backend if self.agent.needs.backend else None

    @property
    def store_path(self) -> Path:
        """The call store's file."""
        return self.call_store or self.results_dir / self.loop / "calls.sqlite"

    # Read once, since `identity`, and with it every path of the run, asks for what was read.
    @cached_property
    def author(self) -> Author:
        """The agent, having read what it needs; refused where it cannot serve."""
        return self.agent.ready(self.cases.cases, self.rubric)

    def identity(self) -> dict[str, Any]:
        """Everything that decides the notebooks, as JSON values."""
        needs = self.agent.needs
        return {
            "agent": {"name": self.agent.name, **self.agent.identity()},
            "reads": self.author.reads,
            "backend": self.asks.identity() if self.asks else None,
            "sandbox": dict(self.sandbox.identity()) if needs.sandbox else None,
            "cases": self.cases.digest,
            "n": self.n,
            "seed": self.seed,
        }

    @property
    def run_id(self) -> str:
        """The agent's name and eight hex digits of what decides the notebooks."""
        return f"{self.agent.name}-{digest_of(self.identity())[:8]}"

    @property
    def folder(self) -> RunFolder:
        """Where its records go."""
        return RunFolder(self.results_dir / self.loop / "generated" / self.run_id)


def check_ready(spec: GenerationSpec) -> None:
    """Refuse what is sure to fail, before anything is made.

    Raises:
        RequestError: With all that is wrong.
    """
    problems = []
    if spec.agent.needs.sandbox and (reason := spec.sandbox.missing()):
        problems.append(reason)
    try:
        is_complete = spec.folder.manifest.is_file()  # reads what the agent needs
    except RequestError as error:
        is_complete = False
        problems.append(str(error))
    model = spec.asks
    # A complete run asks for nothing, so it needs no key.
    if (
        isinstance(model, HostedModel)
        and model.mode == "live"
        and not is_complete
        and model.missing()
    ):
        problems.append(f"backend={model.name} cannot be called: {'; '.join(model.missing())}.")
    refuse(problems)
