"""Expressions read without running them: what their values hold, and what their calls do."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import NamedTuple

from memalign_bench.notebooks.facts.calls import Call, meaning_of
from memalign_bench.notebooks.facts.kinds import call_kind
from memalign_bench.notebooks.facts.slices import narrowed
from memalign_bench.notebooks.facts.values import UNKNOWN, Value, joined, of_rows, united
from memalign_bench.notebooks.facts.wording import base_name, code_of, dotted

__all__ = ["Evaluation", "Note"]

_DEEPEST_CALL = 4
"""Functions of the notebook are followed into one another so far."""

_MOST_CALLS = 500
"""Calls of the notebook's own functions that are followed; a notebook may call to no end."""

_MASKS = (ast.BitAnd, ast.BitOr, ast.BitXor)


class Note(NamedTuple):
    """What one call says: the kinds it belongs to, and its line; "" where the code says it best."""

    kinds: tuple[str, ...]
    text: str = ""


class Evaluation:
    """Names and what they hold while a notebook is read from top to bottom.

    Attributes:
        names: Name -> what it holds.
        constants: Name -> the text it stands for, where it is a text written out.
        functions: Name -> the notebook's own function.
        notes: What the expressions read since they were last taken say.
        target: The expression that the statement at hand assigns, and what it is assigned to.
    """

    def __init__(self) -> None:
        self.names: dict[str, Value] = {}
        self.constants: dict[str, str] = {}
        self.functions: dict[str, ast.FunctionDef | ast.AsyncFunctionDef] = {}
        self.notes: list[Note] = []
        self.target: tuple[ast.expr | None, str] = (None, "")
        self.run_body: Callable[[Sequence[ast.stmt]], Value] = lambda body: UNKNOWN
        self.stored = UNKNOWN
        self._entered: list[str] = []
        self._entries = 0
        self._making = 0

    def say(self, *kinds: str, text: str = "") -> None:
        """Note what an expression does."""
        self.notes.append(Note(united([kinds]), text))

    def value(self, node: ast.expr | None) -> Value:
        """What is known of an expression's value; its calls are noted on the way."""
        if node is None or isinstance(node, ast.Constant):
            return UNKNOWN
        reader = getattr(self, f"_{type(node).__name__.lower()}", None)
        if reader is not None:
            found: Value = reader(node)
            return found
        return joined(self._children(node))

    def _children(self, node: ast.AST) -> list[Value]:
        found = []
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                found.append(self.value(child))
            else:  # keywords, slices of a format and the like hold expressions of their own
                found += self._children(child)
        return found

    def _name(self, node: ast.Name) -> Value:
        return self.names.get(node.id, Value(alias=node.id))

    def _attribute(self, node: ast.Attribute) -> Value:
        base = self.value(node.value)
        if base == UNKNOWN or (base.alias and not base.data):
            return Value(alias=dotted(node) or node.attr)
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
        return narrowed(node, base, index)

    def _tuple(self, node: ast.Tuple | ast.List) -> Value:
        parts = tuple(self.value(element) for element in node.elts)
        return replace(joined(parts), parts=parts)

    _list = _tuple

    def _lambda(self, node: ast.Lambda, given: Value = UNKNOWN) -> Value:
        with self._bound({argument.arg: given for argument in node.args.args}):
            return self.value(node.body)

    def _listcomp(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp) -> Value:
        return self._comprehended(node, [node.elt])

    _setcomp = _generatorexp = _listcomp

    def _dictcomp(self, node: ast.DictComp) -> Value:
        return self._comprehended(node, [node.key, node.value])

    def _comprehended(self, node: ast.expr, made: Sequence[ast.expr]) -> Value:
        with self._bound({}):
            for part in getattr(node, "generators", ()):
                self.bind(part.target, self.value(part.iter), looped=True)
                for condition in part.ifs:
                    self.value(condition)
            return joined([self.value(element) for element in made])

    def _namedexpr(self, node: ast.NamedExpr) -> Value:
        found = self.value(node.value)
        self.bind(node.target, found)
        return found

    def _unaryop(self, node: ast.UnaryOp) -> Value:
        found = self.value(node.operand)
        return replace(found, mask=found.mask and isinstance(node.op, ast.Invert))

    def _binop(self, node: ast.BinOp) -> Value:
        left, right = self.value(node.left), self.value(node.right)
        both = joined([left, right])
        if isinstance(node.op, _MASKS):
            return replace(both, mask=left.mask or right.mask)
        apart = left.predicted != right.predicted and left.data and right.data
        return replace(both, error=both.error or (isinstance(node.op, ast.Sub) and apart))

    def _compare(self, node: ast.Compare) -> Value:
        left, rights = self.value(node.left), [self.value(other) for other in node.comparators]
        both = joined([left, *rights])
        if left.scored:
            text = f"compares {code_of(node)}, scores on {of_rows(both.scored)}"
            self.say("choices", text=text)
        if both.predicted and all(value.predicted or not value.data for value in (left, *rights)):
            self.say("predictions", text=f"compares predictions: {code_of(node)}")
            return replace(both, mask=True)
        return replace(both, mask=True, error=both.error or both.predicted)

    def _call(self, node: ast.Call) -> Value:
        receiver = self.value(node.func.value) if isinstance(node.func, ast.Attribute) else UNKNOWN
        called = self._called(node.func)
        kind = call_kind(called)
        makes = kind in ("models", "preparation", "fills", "searches", "splits")
        makes = makes and (called[:1].isupper() or "." not in called or receiver.alias != "")
        self._making += makes
        before = len(self.notes)
        arguments = [self._argument(argument, receiver) for argument in node.args]
        named = {
            keyword.arg or "**": self._argument(keyword.value, receiver)
            for keyword in node.keywords
        }
        self._making -= makes
        own = self.functions.get(called)
        if own is not None and called not in self._entered:
            return self._entered_call(own, arguments, named)
        # What is filled may stand deep within: df["a"] = df.groupby("b")["a"].transform(...)
        fills = (kind == "fills" and not makes) or called.endswith((".where", ".mask"))
        target = self.target[1] if fills or node is self.target[0] else ""
        call = Call(node, called, kind, receiver, tuple(arguments), named, target)
        self._bring(call)
        meaning = meaning_of(call, self.constants)
        if meaning.absorbs:
            inner = [note for note in self.notes[before:] if note.kinds[0] not in meaning.absorbs]
            self.notes[before:] = inner
        if meaning.kinds and not (meaning.nests and self._making):
            self.say(*meaning.kinds, text=meaning.text)
        self._fit_name(call, meaning.value)
        return meaning.value

    def _bring(self, call: Call) -> None:
        """What is written to a file and read back is the same thing."""
        tail = call.name.rsplit(".", 1)[-1]
        if tail in ("dump", "dumps", "save_model") and call.arguments:
            self.stored = call.arguments[0]
        elif tail in ("load", "loads", "load_model") and self.stored != UNKNOWN:
            call.named["stored"] = self.stored

    def _called(self, node: ast.expr) -> str:
        """Dotted name of what is called, by the name that it was imported under."""
        name = dotted(node)
        if not name:
            return node.attr if isinstance(node, ast.Attribute) else ""
        first, *rest = name.split(".")
        return ".".join([self.names.get(first, UNKNOWN).alias or first, *rest])

    def _argument(self, node: ast.expr, receiver: Value) -> Value:
        """An argument; a function written in place is taken to get what the method stands on."""
        return self._lambda(node, receiver) if isinstance(node, ast.Lambda) else self.value(node)

    def _fit_name(self, call: Call, found: Value) -> None:
        """A method that fits changes what the name before it holds; so does one that appends."""
        func = call.node.func
        name = base_name(func) if isinstance(func, ast.Attribute) else ""
        if not name:
            return
        held = self.names.get(name, UNKNOWN)
        if call.tail in ("append", "extend", "update", "add"):
            self.names[name] = joined([held, *call.arguments])
        elif found.fitted and not found.rows and held.classes:
            self.names[name] = replace(held, fitted=found.fitted, scored=found.scored)
        elif found.fitted and held.classes:  # what fits and transforms at once gives rows
            self.names[name] = replace(held, fitted=found.fitted)

    def _entered_call(
        self,
        own: ast.FunctionDef | ast.AsyncFunctionDef,
        arguments: Sequence[Value],
        named: dict[str, Value],
    ) -> Value:
        self._entries += 1
        if len(self._entered) >= _DEEPEST_CALL or self._entries > _MOST_CALLS:
            return joined([*arguments, *named.values()])
        names = [argument.arg for argument in (*own.args.posonlyargs, *own.args.args)]
        given = dict.fromkeys((*names, *(one.arg for one in own.args.kwonlyargs)), UNKNOWN)
        given |= dict(zip(names, arguments, strict=False)) | named
        given.pop("**", None)
        self._entered.append(own.name)
        target, self.target = self.target, (None, "")
        try:
            with self._bound(given):
                found = self.run_body(own.body)
        finally:
            self._entered.pop()
            self.target = target
        return found if found != UNKNOWN else joined([*arguments, *named.values()])

    @property
    def inside(self) -> str:
        """Name of the notebook's own function that is being followed; "" for none."""
        return self._entered[-1] if self._entered else ""

    @contextmanager
    def _bound(self, names: dict[str, Value]) -> Iterator[None]:
        """Names that hold within; afterwards all names hold what they held before."""
        before = dict(self.names)
        self.names |= names
        try:
            yield
        finally:
            self.names = before

    def bind(self, target: ast.expr, found: Value, *, looped: bool = False) -> None:
        """Give a target its value; of a tuple each element its own, where they are known apart.

        Args:
            target: What is assigned to.
            found: The value, of a loop that of what is gone through.
            looped: Whether the target takes the elements in turn.
        """
        if isinstance(target, ast.Name):
            self.names[target.id] = self._kept(target.id, found)
        elif isinstance(target, ast.Starred):
            self.bind(target.value, found, looped=looped)
        elif isinstance(target, ast.Tuple | ast.List):
            known = len(found.parts) == len(target.elts) and not looped
            for place, element in enumerate(target.elts):
                one = found.parts[place] if known else self._share(element, found)
                self.bind(element, one, looped=looped)
        elif isinstance(target, ast.Subscript | ast.Attribute):
            self.value(target.value)
            name = base_name(target)
            held = self.names.get(name, UNKNOWN)
            if found.predicted and held.data:
                self.names[name] = replace(held, predicted=True)
            elif found.scored and not held.data and not held.classes:
                self.names[name] = joined([held, found])  # a dict or list that collects

    def _kept(self, name: str, found: Value) -> Value:
        """A name that takes some of its own rows is the same frame, cut down."""
        held = self.names.get(name, UNKNOWN)
        if found.whole and found.whole == held.rows:
            found = replace(found, rows=held.rows)
        kinds = found.kinds if found.classes or found.mask else ()
        return replace(found, kinds=kinds, whole=())

    def _share(self, element: ast.expr, found: Value) -> Value:
        """One of several values known only together: the rows that its name held, if among them."""
        held = self.names.get(element.id, UNKNOWN) if isinstance(element, ast.Name) else UNKNOWN
        same = bool(held.rows) and set(held.rows) <= set(found.rows)
        return replace(found, rows=held.rows, parts=()) if same else replace(found, parts=())
