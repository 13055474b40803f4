"""What every sandbox promises: a notebook with its outputs, or why it was stopped, and in time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from memalign_bench.loop.records import MADE

__all__ = ["Execution", "Limits", "Sandbox"]


@dataclass(frozen=True)
class Limits:
    """What one notebook may use.

    Attributes:
        seconds: Wall clock, from the start of its kernel to the end of its last cell.
        memory_mb: Address space of each process (RLIMIT_AS), and memory of all together.
        file_mb: Size of each file (RLIMIT_FSIZE), and of its working folder.
        processes: Processes and threads (RLIMIT_NPROC), and processes that are counted outside.
        output_mb: Outputs of all cells together.

    Raises:
        ValueError: If one is not above 0.
    """

    seconds: float = 300
    memory_mb: int = 4096
    file_mb: int = 512
    processes: int = 128
    output_mb: int = 10

    def __post_init__(self) -> None:
        wrong = [
            f"sandbox.limits.{key} must be a number > 0, got {value!r}."
            for key, value in vars(self).items()
            # Not `value <= 0`, which is false of NaN.
            if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0
        ]
        if wrong:
            raise ValueError(" ".join(wrong))


@dataclass(frozen=True)
class Execution:
    """A notebook after its cells ran.

    Attributes:
        notebook: nbformat 4 JSON with the outputs of every cell that ran.
        status: `made`, `timed_out` or `over_limit`.
        executed: Whether it ran to its end without an error.
        error: "NAME: message" of the first error, or why it was stopped; "" for neither.
        failed_cell: Index of the cell with the error or at which it was stopped; None for none.
        traceback: The error's traceback, without colours; "" for none.
        seconds: Wall clock.
    """

    notebook: Mapping[str, Any]
    status: str = MADE
    executed: bool = False
    error: str = ""
    failed_cell: int | None = None
    traceback: str = ""
    seconds: float = 0.0


class Sandbox(Protocol):
    """What a YAML choice of the group `sandbox` builds."""

    @property
    def name(self) -> str:
        """Name of the YAML choice."""

    @property
    def limits(self) -> Limits:
        """What one notebook may use."""

    def identity(self) -> Mapping[str, Any]:
        """What decides outputs, as JSON values; no places."""

    def missing(self) -> str:
        """Why it cannot be used on this machine, and what to do; "" where it can."""

    def caution(self) -> str:
        """What it does not hold back on this machine; "" for nothing."""

    def execute(self, notebook: Mapping[str, Any], files: Sequence[Path]) -> Execution:
        """Run every code cell in order until one fails; called from several threads at once.

        Args:
            notebook: nbformat 4 JSON.
            files: Data that the notebook finds in its working folder, by their own names.

        Raises:
            BackendError: If no notebook can be executed at all.
        """
