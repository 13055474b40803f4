"""Where the value of an expression comes from.

Functions of the notebook are entered where they are called. What calls do to values stands in
`calls.py` and `methods.py`, what subscripts do in `selecting.py`.
"""

from __future__ import annotations

import ast
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from genie_synth.oracle.dataflow.calls import call_result
from genie_synth.oracle.dataflow.events import Event
from genie_synth.oracle.dataflow.methods import method_result
from genie_synth.oracle.dataflow.relations import (
    comparison_of,
    inverted_mask,
    is_trivial,
    root_name,
    truth_and_guess,
)
from genie_synth.oracle.dataflow.selecting import loc_result, subscript_result
from genie_synth.oracle.dataflow.values import NOTHING, Value, join
from genie_synth.oracle.setting import Setting

__all__ = ["Evaluator", "StopWalk"]

MAX_TURNS = 12
"""Loops over more elements than this are walked once."""

MAX_DEPTH = 8
"""Functions nested more deeply are not entered."""

MAX_EVENTS = 20_000
MAX_STEPS = 100_000
"""A notebook that makes more events, or takes more steps, is followed no further."""


class StopWalk(Exception):  # noqa: N818 - ends the walk, no error
    """Too many events or steps."""


class Evaluator(ABC):
    """Follows expressions and the calls in them; keeps variables and events.

    Attributes:
        setting: What was asked for.
        names: Variables and what they come from.
        events: What happened, in order.
        stored: What was put into a file, for when it is read again.
    """

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.names: dict[str, Value] = {}
        self.events: list[Event] = []
        self.stored: Value = NOTHING
        self.cell = 0
        self._depth = 0
        self._steps = 0
        self.in_run = False
        self.deciding = False
        self.returned: list[Value] = []
        self.last: Value = NOTHING

    @abstractmethod
    def statements(self, body: Sequence[ast.stmt]) -> None:
        """Walk statements in order."""

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
        order = len(self.events)
        if order >= MAX_EVENTS:
            raise StopWalk
        self.events.append(
            Event(
                *(kind, order, self.cell, receiver, tuple(args), keywords or {}, result),
                *(self.in_run, label),
            )
        )
        return order

    # Binding

    def bind(self, target: ast.expr, value: Value) -> None:
        """Let a target of an assignment hold a value."""
        # What is bound where a score decides was decided on.
        if self.deciding:
            value = value.without("candidate", "tried")
        if isinstance(target, ast.Name):
            self.names[target.id] = value
        elif isinstance(target, ast.Tuple | ast.List):
            self._unpack(target.elts, value)
        elif isinstance(target, ast.Subscript):
            self._assign_item(target, value)

    def _unpack(self, targets: Sequence[ast.expr], value: Value) -> None:
        known = value.entries is not None and len(value.entries) == len(targets)
        entries = value.entries if known else [value.derived] * len(targets)
        for target, entry in zip(targets, entries or (), strict=True):
            self.bind(target, entry)

    def _assign_item(self, target: ast.Subscript, value: Value) -> None:
        """`frame["column"] = value`, `frame.loc[mask, "column"] = value`, `table[key] = value`."""
        index = self.value(target.slice)
        root = root_name(target)
        current = self.names.get(root, NOTHING) if root else NOTHING
        by_place = isinstance(target.value, ast.Attribute) and target.value.attr in ("loc", "iloc")
        if current.rows and not current.has("score") and (strings := index.strings):
            where = index.entries[0] if by_place and index.entries else NOTHING
            for column in strings:
                self.record("column", receiver=current, args=(value, where), label=column)
            marks = value.marks & {"prediction"}
            self.names[root] = replace(current, marks=current.marks | marks)
        elif root:
            self.mutate(root, [index, value])

    def mutate(self, root: str, values: Sequence[Value]) -> None:
        """Put values into what a variable holds."""
        current = self.names.get(root, NOTHING)
        joined = join([current, *values])
        if current.entries is not None and len(values) == 1:
            joined = replace(joined, entries=(*current.entries, values[0]))
        self.names[root] = joined

    # Expressions

    def value(self, node: ast.expr | None) -> Value:
        """Where an expression comes from."""
        if node is None:
            return NOTHING
        self._steps += 1
        if self._steps > MAX_STEPS:
            raise StopWalk
        # One method per kind of node; what has none is as much as its parts.
        walk = getattr(self, f"_of_{type(node).__name__.lower()}", None)
        if walk is not None:
            result: Value = walk(node)
            return result
        parts = [part for part in ast.iter_child_nodes(node) if isinstance(part, ast.expr)]
        return join(self.value(part) for part in parts)

    def _of_constant(self, node: ast.Constant) -> Value:
        return Value(constant=node.value)

    def _of_name(self, node: ast.Name) -> Value:
        return self.names.get(node.id, Value(name=f"builtins.{node.id}"))

    def _of_attribute(self, node: ast.Attribute) -> Value:
        base = self.value(node.value)
        if base.name:
            return Value(name=f"{base.name}.{node.attr}")
        if node.attr == "index":
            return base.derived.marked("index")
        if node.attr == "best_estimator_":
            # What a search found is the estimator inside of it.
            inner = {n for n in base.classes if not n.endswith(("SearchCV", "Fold", "Split"))}
            estimator = replace(base.derived, classes=frozenset(inner))
            return estimator.without("candidate", "tried")
        return base.derived

    def _of_subscript(self, node: ast.Subscript) -> Value:
        if isinstance(node.value, ast.Attribute) and node.value.attr in ("loc", "iloc"):
            return loc_result(self, self.value(node.value.value), node.slice)

        base = self.value(node.value)
        if isinstance(node.slice, ast.Slice):
            step = self.value(node.slice.step).number
            return base.derived.marked("ahead") if step is not None and step < 0 else base.derived
        return subscript_result(self, base, self.value(node.slice))

    def _of_slice(self, node: ast.Slice) -> Value:
        return join(self.value(part) for part in (node.lower, node.upper, node.step))

    def _of_tuple(self, node: ast.Tuple | ast.List | ast.Set) -> Value:
        entries = tuple(entry for part in node.elts for entry in self._spread(part))
        return replace(join(entries), entries=entries)

    _of_list = _of_tuple
    _of_set = _of_tuple

    def _spread(self, node: ast.expr) -> tuple[Value, ...]:
        if isinstance(node, ast.Starred):
            value = self.value(node.value)
            return value.entries if value.entries is not None else (value,)
        return (self.value(node),)

    def _of_dict(self, node: ast.Dict) -> Value:
        pairs = [
            (self.value(key), self.value(value))
            for key, value in zip(node.keys, node.values, strict=True)
        ]
        keys = {key.constant: value for key, value in pairs if isinstance(key.constant, str)}
        return replace(join(value for pair in pairs for value in pair), keys=keys)

    def _of_joinedstr(self, node: ast.JoinedStr) -> Value:
        parts = (part for part in node.values if isinstance(part, ast.FormattedValue))
        return join(self.value(part.value) for part in parts)

    def _of_unaryop(self, node: ast.UnaryOp) -> Value:
        value = self.value(node.operand)
        if isinstance(node.op, ast.USub) and value.number is not None:
            return Value(constant=-value.number)
        if isinstance(node.op, ast.Invert):
            return inverted_mask(value)
        return value.derived

    def _of_binop(self, node: ast.BinOp) -> Value:
        left, right = self.value(node.left), self.value(node.right)
        # Lists put together keep their elements.
        if left.entries is not None and right.entries is not None and isinstance(node.op, ast.Add):
            return replace(join([left, right]), entries=(*left.entries, *right.entries))
        joined = join([left, right])
        if isinstance(node.op, ast.Sub) and truth_and_guess(left, right):
            return comparison_of(left, right, "residual")
        if isinstance(node.op, ast.Pow) and left.has("residual"):
            return joined.marked("squared")
        # Anything times zero is a constant guess, written in a roundabout way.
        if isinstance(node.op, ast.Mult) and 0.0 in (left.number, right.number):
            return joined.without("prediction").marked("trivial")
        return joined

    def _of_compare(self, node: ast.Compare) -> Value:
        values = [self.value(node.left), *map(self.value, node.comparators)]
        joined = join(values).marked("comparison")
        if joined.has("score", "candidate"):
            self.record("choice", args=(joined,))
        if joined.has("prediction") and any(value.number == 0.5 for value in values):
            self.record("half", args=(joined,))
        if isinstance(node.ops[0], ast.Eq) and truth_and_guess(values[0], values[1]):
            return comparison_of(values[0], values[1], "correct")
        return joined

    def _of_lambda(self, node: ast.Lambda) -> Value:
        return Value(function=node)

    def _of_namedexpr(self, node: ast.NamedExpr) -> Value:
        value = self.value(node.value)
        self.bind(node.target, value)
        return value

    def _of_listcomp(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp) -> Value:
        entries = tuple(self.value(node.elt) for _ in self._comprehension_turns(node.generators))
        return replace(join(entries), entries=entries)

    _of_setcomp = _of_listcomp
    _of_generatorexp = _of_listcomp

    def _of_dictcomp(self, node: ast.DictComp) -> Value:
        return join(
            join([self.value(node.key), self.value(node.value)])
            for _ in self._comprehension_turns(node.generators)
        )

    def _comprehension_turns(self, generators: Sequence[ast.comprehension]) -> Iterator[None]:
        """One turn for each element of nested comprehensions, the names bound."""
        if not generators:
            yield None
            return
        first, *rest = generators
        for element in self.elements(self.value(first.iter)):
            self.bind(first.target, element)
            for condition in first.ifs:
                self.value(condition)
            yield from self._comprehension_turns(rest)

    def elements(self, value: Value) -> list[Value]:
        """What a loop over a value meets: its elements where they are known, one for all else."""
        entries = value.entries
        if entries is None or not 0 < len(entries) <= MAX_TURNS:
            return [value.derived if entries is None else join(entries)]
        # A loop over numbers tries out a setting, one over estimators tries out models.
        if all(entry.number is not None for entry in entries) and len(entries) > 1:
            return [entry.marked("tried") for entry in entries]
        rivals = all(entry.classes for entry in entries) and len(entries) > 1
        if rivals and not any(is_trivial(entry) for entry in entries):
            return [entry.marked("candidate") for entry in entries]
        return list(entries)

    # Calls

    def _of_call(self, node: ast.Call) -> Value:

        if isinstance(node.func, ast.Attribute):
            base = self.value(node.func.value)
            if not base.name and not (base.keys and node.func.attr in base.keys):
                args, keywords = self._arguments(node)
                return method_result(self, base, node.func, (args, keywords))
        callee = self.value(node.func)
        args, keywords = self._arguments(node)
        if callee.function is not None:
            return self.enter(callee.function, args, keywords)
        return call_result(self, callee, args, keywords)

    def _arguments(self, node: ast.Call) -> tuple[list[Value], dict[str, Value]]:
        args = [entry for part in node.args for entry in self._spread(part)]
        keywords: dict[str, Value] = {}
        for keyword in node.keywords:
            value = self.value(keyword.value)
            keywords.update({keyword.arg: value} if keyword.arg else value.keys)
            if keyword.arg is None and not value.keys:
                keywords["**"] = value
        return args, keywords

    def enter(
        self,
        function: ast.FunctionDef | ast.Lambda,
        args: Sequence[Value],
        keywords: Mapping[str, Value] | None = None,
    ) -> Value:
        """Walk a function of the notebook with these arguments; what it returns."""
        if self._depth >= MAX_DEPTH:
            return join([*args, *(keywords or {}).values()])
        outer, returned = self.names, self.returned
        self.names, self.returned = (
            {**outer, **self._bind_arguments(function, args, keywords or {})},
            [],
        )
        self._depth += 1
        try:
            if isinstance(function, ast.Lambda):
                return self.value(function.body)
            self.statements(function.body)
            single = len(self.returned) == 1
            return self.returned[0] if single else join(self.returned)
        finally:
            self._depth -= 1
            self.names, self.returned = outer, returned

    def _bind_arguments(
        self,
        function: ast.FunctionDef | ast.Lambda,
        args: Sequence[Value],
        keywords: Mapping[str, Value],
    ) -> dict[str, Value]:
        spec = function.args
        names = [arg.arg for arg in (*spec.posonlyargs, *spec.args)]
        # Defaults belong to the last of the names.
        bound = dict(zip(names[::-1], map(self.value, spec.defaults[::-1]), strict=False))
        bound |= dict(zip(names, args, strict=False))
        known = {*names, *(arg.arg for arg in spec.kwonlyargs)}
        return bound | {name: value for name, value in keywords.items() if name in known}
