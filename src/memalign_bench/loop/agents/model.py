"""A language model as an agent: it plans, writes, has cells executed, reads errors, repairs.

Every call goes through the call store. What was executed is kept with the notebook by what its
cells say, so that a run which was killed puts the very same questions when it goes on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from memalign_bench.backends.base import Backend, ChatRequest, Message
from memalign_bench.errors import FailedCallError, refuse
from memalign_bench.judging.structured import cost_of
from memalign_bench.loop.agents.base import Author, Draft, Needs, Order
from memalign_bench.loop.agents.cells import as_text, cells_in
from memalign_bench.loop.agents.running import draft_from_execution, notebook_without_outputs
from memalign_bench.loop.cases import Case
from memalign_bench.loop.sandbox.base import Execution
from memalign_bench.notebooks.budget import estimate_tokens
from memalign_bench.study.records import read_json, write_json
from memalign_bench.study.spec import digest_of
from memalign_bench.types import CallCost, Rubric

__all__ = ["ModelAgent", "Prompts"]

_PREVIEW_LINES = 4
_PREVIEW_CHARACTERS = 300
_TRACEBACK_CHARACTERS = 2_000
_TEMPLATE_TOKENS = 64
"""What a chat template puts around four messages, at most."""


@dataclass(frozen=True)
class Prompts:
    """The prompts of the agent.

    Attributes:
        system: Who it is and in which form it answers.
        plan: Asks for a plan.
        write: Asks for the notebook.
        repair: Asks for a cell that failed; `{number}`, `{source}` and `{error}` are filled in.
    """

    system: str
    plan: str
    write: str
    repair: str


@dataclass(frozen=True)
class ModelAgent:
    """Writes a notebook with a language model.

    Attributes:
        name: Name of the agent.
        prompts: What the model is told.
        skills: Name -> text that is told with every case.
        plan: Ask for a plan first.
        max_repairs: How often an error is shown to the model, at most.
        max_tokens: What one answer may write; half the context where that is less.
        temperature: Of every call.
    """

    name: str
    prompts: Prompts
    skills: Mapping[str, str] = field(default_factory=dict)
    plan: bool = True
    max_repairs: int = 3
    max_tokens: int = 4096
    temperature: float = 0.0

    needs = Needs(backend=True, sandbox=True, data=True)

    def identity(self) -> Mapping[str, Any]:
        """Everything that it is told, and how."""
        return asdict(self)

    def ready(self, cases: Sequence[Case], rubric: Rubric) -> Author:
        """Check the settings."""
        problems = [
            f"agent.{key} must be a number >= {least}, got {getattr(self, key)!r}."
            for key, least in (("max_repairs", 0), ("max_tokens", 16), ("temperature", 0))
            if isinstance(getattr(self, key), bool) or not getattr(self, key) >= least
        ]
        try:
            # A brace of code in the prompt would only fail at the first repair.
            self.prompts.repair.format(number=1, source="", error="")
        except (KeyError, IndexError, ValueError) as error:
            problems.append(f"agent.prompts.repair: {error!r}; write a brace as {{{{ or }}}}.")
        refuse(problems)
        return Author(lambda order: _NotebookWriter(self, order).draft())


class _NotebookWriter:
    """Writes one notebook: plan, write, execute, repair."""

    def __init__(self, agent: ModelAgent, order: Order) -> None:
        self.agent = agent
        self.order = order
        # `needs` asks for one.
        assert order.backend is not None
        self.backend: Backend = order.backend
        self.cost = CallCost()
        self.executed: list[float] = []
        context = self.backend.context_tokens
        # Half of the context stays for the question.
        self.max_tokens = min(agent.max_tokens, context // 2) if context else agent.max_tokens
        # What a question may take; None where the context's length is not known.
        self.room = context - self.max_tokens - _TEMPLATE_TOKENS if context else None

    def draft(self) -> Draft:
        """Write, execute, and repair up to the limit."""
        cells = cells_in(self._ask(self._write_messages()))
        if not _has_code(cells):
            return Draft.nothing("the model wrote no code", **self._cost_so_far())
        execution = self._execute(cells)
        for _ in range(self.agent.max_repairs):
            failed = execution.failed_cell
            if failed is None:
                break
            try:
                repaired = cells_in(self._ask(self._repair_messages(execution, failed)))
            except FailedCallError as error:
                # There is a notebook: it is kept, and says why it was not repaired.
                self.cost += error.cost or CallCost()
                message = f"{execution.error}; not repaired: {error}"
                return replace(
                    draft_from_execution(execution, **self._cost_so_far()), error=message
                )
            if not _has_code(repaired):
                break
            # The repaired cells take the place of the one that failed; all are executed again.
            cells = [*cells[:failed], *repaired, *cells[failed + 1 :]]
            execution = self._execute(cells)
        return draft_from_execution(execution, **self._cost_so_far())

    def _cost_so_far(self) -> dict[str, Any]:
        # The last execution counts its own seconds.
        return {"usage": self.cost.usage, "seconds": self.cost.latency_s + sum(self.executed[:-1])}

    def _ask(self, messages: Sequence[Message]) -> str:
        request = ChatRequest(
            tuple(messages),
            self.max_tokens,
            temperature=self.agent.temperature,
            repeat=self.order.repeat,
        )
        try:
            answer = self.backend.chat(request)
        except FailedCallError as error:
            # What was paid before the call that failed counts too.
            raise error.after(self.cost) from error
        self.cost += cost_of(answer)
        return answer.text

    def _write_messages(self) -> list[Message]:
        prompts = self.agent.prompts
        if not self.agent.plan:
            return self._opening_messages(prompts.write)
        opening = self._opening_messages(prompts.plan)
        planned = Message("assistant", self._ask(opening))
        return [*opening, planned, Message("user", prompts.write)]

    def _repair_messages(self, execution: Execution, failed: int) -> list[Message]:
        cells = execution.notebook["cells"]
        # The end of a traceback names the error.
        error = execution.traceback[-_TRACEBACK_CHARACTERS:] or execution.error
        opening = self._opening_messages(self.agent.prompts.write)
        room = None
        if self.room is not None:
            room = self.room - sum(estimate_tokens(message.content) for message in opening)
        # A model that goes round in circles writes cells as long as an answer may be; it stands in
        # the notebook and in the question.
        source = _shorten_source(cells[failed]["source"], None if room is None else room // 4)
        repair = self.agent.prompts.repair.format(number=failed + 1, source=source, error=error)
        if room is not None:
            room -= estimate_tokens(repair)
        shown = _text_up_to_failure([*cells[:failed], {**cells[failed], "source": source}], room)
        return [*opening, Message("assistant", shown), Message("user", repair)]

    def _opening_messages(self, ask: str) -> list[Message]:
        """The system's words, then the case, its data, skills and what is asked."""
        case = self.order.case
        parts = [f"# Request\n{case.prompt}", f"# Data\n{case.context}".rstrip()]
        parts += [
            f"`{file.name}` begins:\n```\n{_first_lines(file)}\n```" for file in self.order.files
        ]
        # Sorted, since the call store finds an answer by the whole text of its question.
        skills = sorted(self.agent.skills.items())
        parts += [f"# Skill: {name}\n{text}" for name, text in skills]
        system = Message("system", self.agent.prompts.system.strip())
        return [system, Message("user", "\n\n".join([*parts, ask.strip()]))]

    def _execute(self, cells: Sequence[Mapping[str, Any]]) -> Execution:
        """Run the cells, or take what running the same ones came to before."""
        notebook = notebook_without_outputs(cells)
        # By kind and text: ids of cells only count them.
        key = digest_of([[cell["cell_type"], cell["source"]] for cell in notebook["cells"]])
        path = self.order.steps / f"{key[:32]}.json"
        if path.is_file():
            execution = Execution(**read_json(path))
        else:
            execution = self.order.sandbox.execute(notebook, self.order.files)
            write_json(path, asdict(execution))
        self.executed.append(execution.seconds)
        return execution


def _has_code(cells: Sequence[Mapping[str, Any]]) -> bool:
    return any(cell["cell_type"] == "code" for cell in cells)


def _text_up_to_failure(cells: Sequence[Mapping[str, Any]], room: int | None) -> str:
    """The notebook up to the cell that failed; its first cells give way where there is no room."""
    shown = list(cells)
    # The last cell, which failed, is always shown.
    while len(shown) > 1 and room is not None and estimate_tokens(as_text(shown)) > room:
        del shown[0]
    left_out = len(cells) - len(shown)
    lead = [f"({left_out} earlier cells are not shown.)"] if left_out else []
    return "\n\n".join([*lead, as_text(shown)])


def _shorten_source(source: str, room: int | None) -> str:
    """A cell's source; of one that is too long its beginning and its end."""
    n_tokens = 0 if room is None else estimate_tokens(source)
    if room is None or n_tokens <= room:
        return source
    # A tenth is left for the line between the halves.
    # In characters, at as many a token as the whole source has.
    half = int(0.45 * len(source) * max(0, room) / n_tokens)
    left_out = f"# ({len(source) - 2 * half} characters are not shown)"
    return "\n".join([source[:half], left_out, source[len(source) - half :]])


def _first_lines(path: Path) -> str:
    """The first lines of a data file."""
    with path.open(encoding="utf-8", errors="replace") as file:
        # At most so many characters; what is left of a longer line counts as the next.
        lines = [file.readline(_PREVIEW_CHARACTERS).rstrip("\n") for _ in range(_PREVIEW_LINES)]
    return "\n".join(line for line in lines if line)
