"""Statements in the order in which they stand: what each does, and to whose rows."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import replace

from memalign_bench.notebooks.facts.evaluation import Evaluation
from memalign_bench.notebooks.facts.kinds import Fact
from memalign_bench.notebooks.facts.values import UNKNOWN, Value, joined, of_rows, united
from memalign_bench.notebooks.facts.wording import code_of

__all__ = ["Dataflow"]

_ROWS_TELL = ("splits", "fills", "drops", "columns", "gaps", "looks", "answers", "plots")
"""Kinds of which it matters whose rows they are about."""


class Dataflow:
    """Reads a notebook's code cell by cell.

    Args:
        trees: Index and statements of each code cell that could be read.
    """

    def __init__(self, trees: Sequence[tuple[int, ast.Module]]) -> None:
        self._trees = trees
        self._cell = 0
        self._facts: list[Fact] = []
        self._loops: list[str] = []
        self._reading = Evaluation()
        self._reading.run_body = self._body

    def facts(self) -> list[Fact]:
        """All facts, in order; of equal ones of a cell the first."""
        for index, tree in self._trees:
            self._cell = index
            try:
                self._body(tree.body)
                self._shown(tree.body[-1:])
            except RecursionError:
                text = "(the rest of this cell is nested too deeply to be followed)"
                self._facts.append(Fact(index, ("calls",), text))
        return list(dict.fromkeys(self._facts))

    def _body(self, body: Sequence[ast.stmt]) -> Value:
        """Run statements; what they return, if anything."""
        returned = []
        for statement in body:
            if isinstance(statement, ast.Return):
                returned.append(self._reading.value(statement.value))
                self._say(statement)
            else:
                returned.append(self._statement(statement))
        return joined(returned)

    def _statement(self, node: ast.stmt) -> Value:
        """Run one statement; gives what a `return` within it gives."""
        reader = getattr(self, f"_{type(node).__name__.lower()}", self._plain)
        found: Value | None = reader(node)
        return found or UNKNOWN

    def _functiondef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        """A function is followed where it is called."""
        self._reading.functions[node.name] = node

    _asyncfunctiondef = _functiondef

    def _with(self, node: ast.With | ast.AsyncWith) -> Value:
        for item in node.items:
            found = self._reading.value(item.context_expr)
            if item.optional_vars is not None:
                self._reading.bind(item.optional_vars, found)
        self._say(node, ", ".join(code_of(item) for item in node.items), lead="with ")
        return self._body(node.body)

    _asyncwith = _with

    def _if(self, node: ast.If | ast.While) -> Value:
        self._reading.value(node.test)
        lead = "if " if isinstance(node, ast.If) else "while "
        self._say(node, code_of(node.test), lead=lead)
        return joined([self._body(node.body), self._body(node.orelse)])

    _while = _if

    def _plain(self, node: ast.stmt) -> Value:
        """Any other statement: its blocks one after the other, or its expressions."""
        parts = [*getattr(node, "handlers", []), *getattr(node, "cases", [])]
        names = ("body", "orelse", "finalbody")
        blocks = [part.body for part in parts] + [getattr(node, name, []) for name in names]
        if any(blocks):
            return joined([self._body(block) for block in blocks])
        found = self._reading.value(node.value) if isinstance(node, ast.Expr) else self._rest(node)
        self._say(node, rows=found.rows)
        return UNKNOWN

    def _rest(self, node: ast.stmt) -> Value:
        return joined(
            [self._reading.value(child) for child in ast.iter_child_nodes(node)
             if isinstance(child, ast.expr)]
        )  # fmt: skip

    def _import(self, node: ast.Import | ast.ImportFrom) -> None:
        for name in node.names:
            whole = name.name if isinstance(node, ast.ImportFrom) else name.name.split(".")[0]
            alias = name.name if name.asname else whole
            self._reading.names[name.asname or whole] = Value(alias=alias)

    _importfrom = _import

    def _for(self, node: ast.For | ast.AsyncFor) -> Value:
        through = self._reading.value(node.iter)
        code = f"{code_of(node.target, 60)} in {code_of(node.iter, 160)}"
        self._say(node, code, lead="for each ")
        if through.classes and "splits" in through.kinds and isinstance(node.target, ast.Tuple):
            rows = of_rows(through.rows)
            inner = f" of {rows}" if rows else ""
            parts = [replace(through, rows=(f"{part}{inner}",)) for part in ("folds", "held fold")]
            through = replace(through, parts=tuple(parts))
            self._reading.bind(node.target, through)
        else:
            self._reading.bind(node.target, through, looped=True)
        self._loops.append(code_of(node.target, 40))
        try:
            return joined([self._body(node.body), self._body(node.orelse)])
        finally:
            self._loops.pop()

    _asyncfor = _for

    def _assign(self, node: ast.Assign | ast.AnnAssign | ast.AugAssign) -> None:
        reading = self._reading
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        if isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            names = [target.id for target in targets if isinstance(target, ast.Name)]
            reading.constants |= dict.fromkeys(names, node.value.value)
        reading.target = (node.value, ", ".join(code_of(target, 120) for target in targets))
        found = reading.value(node.value)
        reading.target = (None, "")
        more: list[str] = []
        rows = found.rows
        for target in targets:
            more += self._target_kinds(target, node.value, found)
            held = (
                reading.names.get(target.id, UNKNOWN) if isinstance(target, ast.Name) else UNKNOWN
            )
            rows = held.rows if found.whole and found.whole == held.rows else rows
            if isinstance(target, ast.Subscript):
                rows = reading.value(target.value).rows or rows
            if isinstance(node, ast.AugAssign):
                found = joined([held, found])
            reading.bind(target, found)
        self._say(node, kinds=more, rows=rows)

    _annassign = _augassign = _assign

    def _target_kinds(self, target: ast.expr, source: ast.expr | None, found: Value) -> list[str]:
        """Kinds that an assignment is of because of what it assigns to."""
        if isinstance(target, ast.Tuple | ast.List) and isinstance(source, ast.Tuple | ast.List):
            pairs = zip(target.elts, source.elts, strict=False)
            values = found.parts or (UNKNOWN,) * len(source.elts)
            return [kind for (one, other), value in zip(pairs, values, strict=False)
                    for kind in self._target_kinds(one, other, value)]  # fmt: skip
        if isinstance(target, ast.Subscript):
            base = self._reading.value(target.value)
            masked = self._reading.value(target.slice)
            if "gaps" in masked.kinds and base.data:
                return ["fills", "gaps"]
            return ["columns"] if base.data else []
        if isinstance(target, ast.Name) and found.whole:
            held = self._reading.names.get(target.id, UNKNOWN)
            if found.whole == held.rows:
                return ["drops"]
            looked = any("looks" in note.kinds for note in self._reading.notes)  # head, sample
            return [] if looked else ["splits"]
        return ["lists"] if isinstance(source, ast.List) and _holds_texts(source) else []

    def _shown(self, last: Sequence[ast.stmt]) -> None:
        """What a cell's last expression shows."""
        if not last or not isinstance(last[0], ast.Expr):
            return
        before = len(self._reading.notes)
        found = self._reading.value(last[0].value)
        del self._reading.notes[before:]
        if found.predicted and not found.error:
            rows = f" ({of_rows(found.rows)})" if found.rows else ""
            text = f"shows predictions: {code_of(last[0])}{rows}"
            self._facts.append(Fact(self._cell, ("answers", "predictions"), text))

    def _say(
        self,
        node: ast.stmt,
        code: str = "",
        *,
        lead: str = "",
        kinds: Sequence[str] = (),
        rows: Sequence[str] = (),
    ) -> None:
        """Turn what was noted since the last statement into facts.

        Calls that have a line of their own give it; the rest is said by the statement itself.
        """
        notes, self._reading.notes = self._reading.notes, []
        place = self._place()
        for note in notes:
            if note.text:
                self._facts.append(Fact(self._cell, note.kinds, f"{place}{note.text}"))
        silent = [note.kinds for note in notes if not note.text]
        own = united([kinds, *silent])
        spoken = any(note.text for note in notes)
        if not own or (spoken and set(own) <= {"calls", "searches"}):
            return
        if len(own) > 1:
            own = tuple(kind for kind in own if kind != "calls")
        shown = of_rows(rows) if set(own).intersection(_ROWS_TELL) else ""
        text = f"{place}{lead}{code or code_of(node)}{f'; {shown}' if shown else ''}"
        self._facts.append(Fact(self._cell, own, text))

    def _place(self) -> str:
        inside = f"in {self._reading.inside}: " if self._reading.inside else ""
        return f"{inside}{f'each {self._loops[-1]}: ' if self._loops else ''}"


def _holds_texts(source: ast.List) -> bool:
    return bool(source.elts) and all(
        isinstance(element, ast.Constant) and isinstance(element.value, str)
        for element in source.elts
    )
