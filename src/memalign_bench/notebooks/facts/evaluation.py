"""Expressions read without running them: what their values hold, and what their calls do."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import NamedTuple

from memalign_bench.notebooks.facts.calls import Call, meaning_of
from memalign_bench.notebooks.facts.kinds import call_kind
from memalign_bench.notebooks.facts.slices import taken_rows
from memalign_bench.notebooks.facts.values import UNKNOWN, Value, joined, of_rows, united
from memalign_bench.notebooks.facts.wording import base_name, code_of, dotted

__all__ = ["Evaluation", "Note"]

_MAX_CALL_DEPTH = 4
"""Functions of the notebook are followed into one another so far."""

_MAX_CALLS = 500
"""Calls of the notebook's own functions that are followed; a notebook may call to no end."""

_MASK_OPERATORS = (ast.BitAnd, ast.BitOr, ast.BitXor)


class Note(NamedTuple):
    """What is noted of one call: its kinds of facts, and its line ("" where its code says it)."""

    kinds: tuple[str, ...]
    text: str = ""


class Evaluation:
    """Names and what they hold while a notebook is read from top to bottom.

    Attributes:
        names: Name -> what it holds.
        constants: Name -> the text it stands for, where it is a text written out.
        functions: Name -> the notebook's own function.
        notes: What the expressions read since they were last taken say.
        target: The expression that the current statement assigns, and what it is assigned to.
    """

    def __init__(self) -> None:
        self.names: dict[str, Value] = {}
        self.constants: dict[str, str] = {}
        self.functions: dict[str, ast.FunctionDef | ast.AsyncFunctionDef] = {}
        self.notes: list[Note] = []
        self.target: tuple[ast.expr | None, str] = (None, "")
        # Set by `Dataflow`, which follows statements and cannot be imported here.
        self.run_body: Callable[[Sequence[ast.stmt]], Value] = lambda body: UNKNOWN
        self.stored = UNKNOWN
        self._call_stack: list[str] = []
        self._n_followed = 0
        self._making_depth = 0

    def say(self, *kinds: str, text: str = "") -> None:
        """Note what an expression does."""
        self.notes.append(Note(united([kinds]), text))

    def value(self, node: ast.expr | None) -> Value:
        """What is known of an expression's value; its calls are noted on the way."""
        if node is None or isinstance(node, ast.Constant):
            return UNKNOWN
        # Methods are named after the classes of `ast`: `_call` reads an `ast.Call`.
        reader = getattr(self, f"_{type(node).__name__.lower()}", None)
        if reader is not None:
            known: Value = reader(node)
            return known
        return joined(self._children(node))

    def _children(self, node: ast.AST) -> list[Value]:
        """Values of all expressions directly inside a node."""
        values = []
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                values.append(self.value(child))
            else:  # keywords, slices of a format and the like hold expressions of their own
                values += self._children(child)
        return values

    def _name(self, node: ast.Name) -> Value:
        # An unknown name may be a builtin, so it stands for itself.
        return self.names.get(node.id, Value(alias=node.id))

    def _attribute(self, node: ast.Attribute) -> Value:
        base = self.value(node.value)
        # `np.random`: still the name of a thing to be called, of which nothing else is known.
        if base == UNKNOWN or (base.alias and not base.data):
            return Value(alias=dotted(node) or node.attr)
        # Asking for these is a way of looking at the data.
        if node.attr in ("shape", "dtypes", "size", "columns"):
            self.say("looks")
        return replace(base, parts=(), alias="")

    def _subscript(self, node: ast.Subscript) -> Value:
        base = self.value(node.value)
        before = len(self.notes)
        index = self.value(node.slice)
        if index.scored:  # one line for the whole way to the place that is picked
            self.notes[before:] = [
                note for note in self.notes[before:] if "choices" not in note.kinds
            ]
            self.say("choices", text=f"picks {code_of(node)} by scores on {of_rows(index.scored)}")
        return taken_rows(node, base, index)

    def _tuple(self, node: ast.Tuple | ast.List) -> Value:
        parts = tuple(self.value(element) for element in node.elts)
        return replace(joined(parts), parts=parts)

    _list = _tuple

    def _lambda(self, node: ast.Lambda, argument_value: Value = UNKNOWN) -> Value:
        # Every argument gets the same value: which is which cannot be told without running it.
        with self._temporary_names({argument.arg: argument_value for argument in node.args.args}):
            return self.value(node.body)

    def _listcomp(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp) -> Value:
        return self._comprehension(node, [node.elt])

    _setcomp = _generatorexp = _listcomp

    def _dictcomp(self, node: ast.DictComp) -> Value:
        return self._comprehension(node, [node.key, node.value])

    def _comprehension(self, node: ast.expr, result_nodes: Sequence[ast.expr]) -> Value:
        # The names of a comprehension end with it.
        with self._temporary_names({}):
            for part in getattr(node, "generators", ()):
                self.bind(part.target, self.value(part.iter), looped=True)
                # For the calls in it; its value says nothing of the elements.
                for condition in part.ifs:
                    self.value(condition)
            return joined([self.value(element) for element in result_nodes])

    def _namedexpr(self, node: ast.NamedExpr) -> Value:
        value = self.value(node.value)
        self.bind(node.target, value)
        return value

    def _unaryop(self, node: ast.UnaryOp) -> Value:
        operand = self.value(node.operand)
        # `~mask` is a mask; a minus sign before one makes numbers of it.
        return replace(operand, mask=operand.mask and isinstance(node.op, ast.Invert))

    def _binop(self, node: ast.BinOp) -> Value:
        left, right = self.value(node.left), self.value(node.right)
        both = joined([left, right])
        if isinstance(node.op, _MASK_OPERATORS):
            return replace(both, mask=left.mask or right.mask)
        # `y - model.predict(X)`: just one side holds predictions, so the difference is an error.
        prediction_and_other = left.predicted != right.predicted and left.data and right.data
        return replace(
            both, error=both.error or (isinstance(node.op, ast.Sub) and prediction_and_other)
        )

    def _compare(self, node: ast.Compare) -> Value:
        left, rights = self.value(node.left), [self.value(other) for other in node.comparators]
        both = joined([left, *rights])
        if left.scored:
            text = f"compares {code_of(node)}, scores on {of_rows(both.scored)}"
            self.say("choices", text=text)
        # `proba > 0.5` cuts predictions; `y == prediction` below compares them with the truth.
        if both.predicted and all(value.predicted or not value.data for value in (left, *rights)):
            self.say("predictions", text=f"compares predictions: {code_of(node)}")
            return replace(both, mask=True)
        return replace(both, mask=True, error=both.error or both.predicted)

    def _call(self, node: ast.Call) -> Value:
        receiver = self.value(node.func.value) if isinstance(node.func, ast.Attribute) else UNKNOWN
        called = self._imported_name(node.func)
        kind = call_kind(called)
        makes_object = kind in ("models", "preparation", "fills", "searches", "splits")
        makes_object = makes_object and (
            # A class, a plain function, or one of an imported module; not a method of some data.
            called[:1].isupper() or "." not in called or receiver.alias != ""
        )
        # Calls inside one that makes something are told with it. A bool counts as 0 or 1.
        self._making_depth += makes_object
        before = len(self.notes)
        arguments = [self._argument(argument, receiver) for argument in node.args]
        named = {
            keyword.arg or "**": self._argument(keyword.value, receiver)
            for keyword in node.keywords
        }
        self._making_depth -= makes_object
        function = self.functions.get(called)
        # A function that calls itself is not followed a second time.
        if function is not None and called not in self._call_stack:
            return self._follow_function(function, arguments, named)
        # What is filled may stand deep within: df["a"] = df.groupby("b")["a"].transform(...)
        fills = (kind == "fills" and not makes_object) or called.endswith((".where", ".mask"))
        target = self.target[1] if fills or node is self.target[0] else ""
        stored = self._read_back(called, arguments)
        call = Call(node, called, kind, receiver, tuple(arguments), named, target, stored)
        meaning = meaning_of(call, self.constants)
        if meaning.absorbs:
            inner = [note for note in self.notes[before:] if note.kinds[0] not in meaning.absorbs]
            self.notes[before:] = inner
        if meaning.kinds and not (meaning.nests and self._making_depth):
            self.say(*meaning.kinds, text=meaning.text)
        self._update_receiver(call, meaning.value)
        return meaning.value

    def _read_back(self, called: str, arguments: Sequence[Value]) -> Value:
        """What a call reads back from a file; of one that writes, that is remembered."""
        tail = called.rsplit(".", 1)[-1]
        if tail in ("dump", "dumps", "save_model") and arguments:
            # One place for all files: which file is read back is mostly no text written out.
            self.stored = arguments[0]
        return self.stored if tail in ("load", "loads", "load_model") else UNKNOWN

    def _imported_name(self, node: ast.expr) -> str:
        """Dotted name of what is called, by the name that it was imported under."""
        name = dotted(node)
        if not name:
            return node.attr if isinstance(node, ast.Attribute) else ""
        first, *rest = name.split(".")
        return ".".join([self.names.get(first, UNKNOWN).alias or first, *rest])

    def _argument(self, node: ast.expr, receiver: Value) -> Value:
        """An argument; a function written in place is taken to get what the method stands on."""
        return self._lambda(node, receiver) if isinstance(node, ast.Lambda) else self.value(node)

    def _update_receiver(self, call: Call, result: Value) -> None:
        """Fitting or appending changes what the name before the method holds."""
        func = call.node.func
        name = base_name(func) if isinstance(func, ast.Attribute) else ""
        if not name:
            return
        previous = self.names.get(name, UNKNOWN)
        if call.tail in ("append", "extend", "update", "add"):
            self.names[name] = joined([previous, *call.arguments])
        elif result.fitted and not result.rows and previous.classes:
            self.names[name] = replace(previous, fitted=result.fitted, scored=result.scored)
        elif result.fitted and previous.classes:  # what fits and transforms at once gives rows
            self.names[name] = replace(previous, fitted=result.fitted)

    def _follow_function(
        self,
        function: ast.FunctionDef | ast.AsyncFunctionDef,
        arguments: Sequence[Value],
        named: dict[str, Value],
    ) -> Value:
        """Follow a call of one of the notebook's own functions; gives what it returns."""
        # Counted over the whole notebook: calls within calls multiply, however flat they are.
        self._n_followed += 1
        if len(self._call_stack) >= _MAX_CALL_DEPTH or self._n_followed > _MAX_CALLS:
            return joined([*arguments, *named.values()])
        names = [argument.arg for argument in (*function.args.posonlyargs, *function.args.args)]
        given = dict.fromkeys(
            (*names, *(argument_node.arg for argument_node in function.args.kwonlyargs)), UNKNOWN
        )
        given |= dict(zip(names, arguments, strict=False)) | named
        # What `**settings` holds is bound to no name.
        given.pop("**", None)
        self._call_stack.append(function.name)
        # What the call is assigned to is nothing to the statements inside the function.
        target, self.target = self.target, (None, "")
        try:
            with self._temporary_names(given):
                returned = self.run_body(function.body)
        finally:
            self._call_stack.pop()
            self.target = target
        # A function of which no result is known may give back what it got.
        return returned if returned != UNKNOWN else joined([*arguments, *named.values()])

    @property
    def inside(self) -> str:
        """Name of the notebook's own function that is being followed; "" for none."""
        return self._call_stack[-1] if self._call_stack else ""

    @contextmanager
    def _temporary_names(self, names: dict[str, Value]) -> Iterator[None]:
        """Bind names for a block; afterwards all names hold what they held before."""
        before = dict(self.names)
        self.names |= names
        try:
            yield
        finally:
            self.names = before

    def bind(self, target: ast.expr, bound_value: Value, *, looped: bool = False) -> None:
        """Give a target its value; of a tuple each element its own, where they are known apart.

        Args:
            target: What is assigned to.
            bound_value: The value, of a loop that of what is gone through.
            looped: Whether the target takes the elements in turn.
        """
        if isinstance(target, ast.Name):
            self.names[target.id] = self._value_for_name(target.id, bound_value)
        elif isinstance(target, ast.Starred):
            self.bind(target.value, bound_value, looped=looped)
        elif isinstance(target, ast.Tuple | ast.List):
            # A loop takes apart its elements, of which the parts of the whole say nothing.
            known = len(bound_value.parts) == len(target.elts) and not looped
            for place, element in enumerate(target.elts):
                part = (
                    bound_value.parts[place] if known else self._part_for_name(element, bound_value)
                )
                self.bind(element, part, looped=looped)
        elif isinstance(target, ast.Subscript | ast.Attribute):
            self.value(target.value)
            name = base_name(target)
            previous = self.names.get(name, UNKNOWN)
            # `df["prediction"] = ...`: the frame now also holds predictions.
            if bound_value.predicted and previous.data:
                self.names[name] = replace(previous, predicted=True)
            elif bound_value.scored and not previous.data and not previous.classes:
                self.names[name] = joined([previous, bound_value])  # a dict or list that collects

    def _value_for_name(self, name: str, new_value: Value) -> Value:
        """The value that a name gets: one that takes some of its own rows stays the same frame."""
        previous = self.names.get(name, UNKNOWN)
        # `df = df[df.a > 0]`: called by its own name again, it need not be told apart.
        if new_value.whole and new_value.whole == previous.rows:
            new_value = replace(new_value, rows=previous.rows)
        kinds = new_value.kinds if new_value.classes or new_value.mask else ()
        return replace(new_value, kinds=kinds, whole=())

    def _part_for_name(self, element: ast.expr, whole_value: Value) -> Value:
        """The value of one target of several: the rows it held before, if they are among these."""
        previous = self.names.get(element.id, UNKNOWN) if isinstance(element, ast.Name) else UNKNOWN
        holds_same_rows = bool(previous.rows) and set(previous.rows) <= set(whole_value.rows)
        return (
            replace(whole_value, rows=previous.rows, parts=())
            if holds_same_rows
            else replace(whole_value, parts=())
        )
