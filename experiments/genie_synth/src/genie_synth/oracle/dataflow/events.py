"""What happens in a notebook, and who records it."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from genie_synth.oracle.dataflow.values import NOTHING, Value
from genie_synth.oracle.setting import Setting

__all__ = ["Event", "Walk"]


@dataclass(frozen=True)
class Event:
    """Something that happened.

    Attributes:
        kind: A dotted name ("mlflow.log_metric"), a method (".fit"), or what the interpreter saw:
            "column" (a column was set), "rows" (rows were filtered), "split" (rows were cut in
            two), "choice" (a score decided), "shown" (a value was printed or stood last in a
            cell).
        order: Its place among all events.
        cell: Index of the cell.
        receiver: What the method was called on.
        args: Positional arguments.
        keywords: Named arguments.
        result: What came out.
        in_run: Whether it stands inside `with mlflow.start_run(...)`.
        label: Name of a column, or of a metric.
    """

    kind: str
    order: int
    cell: int
    receiver: Value = NOTHING
    args: tuple[Value, ...] = ()
    keywords: Mapping[str, Value] = field(default_factory=dict)
    result: Value = NOTHING
    in_run: bool = False
    label: str = ""

    def arg(self, place: int, name: str = "") -> Value:
        """A positional argument, or the one of that name; `NOTHING` where there is neither."""
        if place < len(self.args):
            return self.args[place]
        return self.keywords.get(name, NOTHING)


class Walk(Protocol):
    """The walk through a notebook, as far as calls and subscripts need it.

    Attributes:
        setting: What was asked for.
        names: Variables and what they come from.
        stored: What was put into a file, for when it is read again.
    """

    setting: Setting
    names: dict[str, Value]
    stored: Value

    def record(
        self,
        kind: str,
        *,
        receiver: Value = NOTHING,
        args: Sequence[Value] = (),
        keywords: Mapping[str, Value] | None = None,
        result: Value = NOTHING,
        label: str = "",
    ) -> int:
        """Record an event; returns its place."""

    def value(self, node: ast.expr | None) -> Value:
        """Where an expression comes from."""

    def enter(
        self,
        function: ast.FunctionDef | ast.Lambda,
        args: Sequence[Value],
        keywords: Mapping[str, Value] | None = None,
    ) -> Value:
        """Walk a function of the notebook with these arguments; what it returns."""

    def mutate(self, root: str, values: Sequence[Value]) -> None:
        """Put values into what a variable holds."""
