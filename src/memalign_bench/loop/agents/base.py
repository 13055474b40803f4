"""What an agent is asked for, and what it hands back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from memalign_bench.loop.cases import Case
from memalign_bench.loop.records import MADE, NO_NOTEBOOK
from memalign_bench.notebooks.parse import read_notebook
from memalign_bench.notebooks.terminal import plain_text
from memalign_bench.types import Rubric, Usage

if TYPE_CHECKING:
    from memalign_bench.backends.base import Backend
    from memalign_bench.loop.sandbox.base import Sandbox

__all__ = [
    "Agent",
    "Author",
    "Draft",
    "FileState",
    "Needs",
    "Order",
    "execution_state",
    "notebook_cells",
    "shorten",
]


class Needs(NamedTuple):
    """What an agent cannot do without.

    Attributes:
        backend: A model to ask.
        sandbox: A place to execute notebooks in.
        data: The data files of the cases.
    """

    backend: bool = False
    sandbox: bool = False
    data: bool = False


@dataclass(frozen=True)
class Order:
    """One notebook that is asked for, and what there is to make it with.

    Attributes:
        case: What the notebook is for.
        repeat: Which of the case's notebooks, from 0.
        run_seed: The seed of the run, for what all its notebooks share.
        seed: Of this notebook alone.
        files: The case's data files; empty for agents that need none.
        sandbox: Where notebooks are executed.
        backend: The model, for agents that need one.
        steps: A folder of its own for what it has done so far; not made yet.
    """

    case: Case
    repeat: int
    run_seed: int
    seed: int
    files: Sequence[Path]
    sandbox: Sandbox
    backend: Backend | None
    steps: Path


@dataclass(frozen=True)
class Draft:
    """What an agent made of an order.

    Attributes:
        content: The notebook as nbformat JSON; None where there is none.
        status: One of `loop.records.STATUSES`.
        executed: Whether it ran to its end without an error.
        error: What went wrong; "" for nothing.
        usage: Tokens and money of its calls.
        seconds: What its calls and its execution took.
    """

    content: str | None
    status: str = MADE
    executed: bool = False
    error: str = ""
    usage: Usage = field(default_factory=Usage)
    seconds: float = 0.0

    @classmethod
    def nothing(cls, error: str, status: str = NO_NOTEBOOK, **more: Any) -> Draft:
        """No notebook, and why."""
        return cls(None, status, error=error, **more)


class Author(NamedTuple):
    """An agent that has read what it needs.

    Attributes:
        write: Makes one notebook; called from several threads at once. Raises BackendError where
            the model cannot serve at all, FailedCallError where a call gave no usable answer.
        reads: Hash of whatever decides its notebooks besides its settings, case, seed and model.
    """

    write: Callable[[Order], Draft]
    reads: str = ""


class Agent(Protocol):
    """What a YAML choice of the group `agent` builds."""

    @property
    def name(self) -> str:
        """Name of the agent, for records and people."""

    @property
    def needs(self) -> Needs:
        """What it cannot do without."""

    def identity(self) -> Mapping[str, Any]:
        """Its settings that decide its notebooks, as JSON values; no places."""

    def ready(self, cases: Sequence[Case], rubric: Rubric) -> Author:
        """Read what there is to read, and say before anything is made what is wrong.

        Raises:
            RequestError: If it cannot serve these cases, with all that is wrong.
            DataError: If what it reads has problems.
        """


class FileState(NamedTuple):
    """Whether a notebook was executed from first to last cell without an error, and the error."""

    executed: bool
    error: str


def notebook_cells(content: str) -> list[Any]:
    """The cells of a notebook of any version, as version 4 has them.

    Raises:
        UnreadableError: If it is nothing that `nbformat` opens.
    """
    import warnings

    import nbformat

    read_notebook(content, "the notebook")  # refuses what is too large or no notebook
    # nbformat warns of every old notebook that it converts.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # json refuses a text that begins with a byte order mark.
        cells: list[Any] = nbformat.reads(content.removeprefix("\ufeff"), as_version=4).cells
    return cells


def execution_state(content: str) -> FileState:
    """What a notebook's own counts and outputs say of its execution.

    Raises:
        UnreadableError: If it is nothing that `nbformat` opens.
    """
    cells = notebook_cells(content)
    # Kernels are never sent a cell of blanks, so it has no count.
    code = [
        cell
        for cell in cells
        if cell.get("cell_type") == "code" and str(cell.get("source") or "").strip()
    ]
    for cell in code:
        for output in cell.get("outputs") or ():
            if output.get("output_type") == "error":
                return FileState(False, shorten(f"{output.get('ename')}: {output.get('evalue')}"))
    # A cell that was never run has no count: the notebook was executed in part, or not at all.
    counts = [cell.get("execution_count") for cell in code]
    if any(count is None for count in counts):
        return FileState(False, "executed in part" if any(counts) else "not executed")
    return FileState(bool(code), "" if code else "no code")


def shorten(text: str, most: int = 500) -> str:
    """A text for one row of a table: printable, and not too long."""
    printable = plain_text(text)
    return printable if len(printable) <= most else f"{printable[: most - 3]}..."
