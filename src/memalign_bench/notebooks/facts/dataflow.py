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

_KINDS_WITH_ROWS = ("splits", "fills", "drops", "columns", "gaps", "looks", "answers", "plots")
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
        self._evaluation = Evaluation()
        # Ties both together: expressions call functions, whose bodies are statements.
        self._evaluation.run_body = self._body

    def facts(self) -> list[Fact]:
        """All facts, in order; of equal ones of a cell the first."""
        for index, tree in self._trees:
            self._cell = index
            try:
                self._body(tree.body)
                # Jupyter shows the value of a cell's last expression.
                self._note_shown_predictions(tree.body[-1:])
            except RecursionError:
                text = "(the rest of this cell is nested too deeply to be followed)"
                self._facts.append(Fact(index, ("calls",), text))
        # A function that is called often says the same each time.
        return list(dict.fromkeys(self._facts))

    def _body(self, body: Sequence[ast.stmt]) -> Value:
        """Follow statements in order; gives what they return, if anything."""
        returned = []
        for statement in body:
            if isinstance(statement, ast.Return):
                returned.append(self._evaluation.value(statement.value))
                self._add_facts(statement)
            else:
                returned.append(self._statement(statement))
        return joined(returned)

    def _statement(self, node: ast.stmt) -> Value:
        """Follow one statement; gives what a `return` inside it gives."""
        # Methods are named after the classes of `ast`, as in `Evaluation`.
        reader = getattr(self, f"_{type(node).__name__.lower()}", self._plain)
        returned: Value | None = reader(node)
        return returned or UNKNOWN

    def _functiondef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        """A function is followed where it is called."""
        self._evaluation.functions[node.name] = node

    _asyncfunctiondef = _functiondef

    def _with(self, node: ast.With | ast.AsyncWith) -> Value:
        for item in node.items:
            value = self._evaluation.value(item.context_expr)
            if item.optional_vars is not None:
                self._evaluation.bind(item.optional_vars, value)
        self._add_facts(node, ", ".join(code_of(item) for item in node.items), lead="with ")
        return self._body(node.body)

    _asyncwith = _with

    def _if(self, node: ast.If | ast.While) -> Value:
        self._evaluation.value(node.test)
        lead = "if " if isinstance(node, ast.If) else "while "
        self._add_facts(node, code_of(node.test), lead=lead)
        return joined([self._body(node.body), self._body(node.orelse)])

    _while = _if

    def _plain(self, node: ast.stmt) -> Value:
        """Any other statement: its blocks one after the other, or its expressions."""
        # `try` has handlers, `match` has cases; class bodies come here too.
        parts = [*getattr(node, "handlers", []), *getattr(node, "cases", [])]
        names = ("body", "orelse", "finalbody")
        blocks = [part.body for part in parts] + [getattr(node, name, []) for name in names]
        if any(blocks):
            return joined([self._body(block) for block in blocks])
        value = (
            self._evaluation.value(node.value)
            if isinstance(node, ast.Expr)
            else self._expressions_value(node)
        )
        self._add_facts(node, rows=value.rows)
        return UNKNOWN

    def _expressions_value(self, node: ast.stmt) -> Value:
        """The value of a statement's expressions together."""
        return joined(
            [self._evaluation.value(child) for child in ast.iter_child_nodes(node)
             if isinstance(child, ast.expr)]
        )  # fmt: skip

    def _import(self, node: ast.Import | ast.ImportFrom) -> None:
        for name in node.names:
            whole = name.name if isinstance(node, ast.ImportFrom) else name.name.split(".")[0]
            # `import a.b` binds `a`, `import a.b as c` binds `c` to `a.b`.
            alias = name.name if name.asname else whole
            self._evaluation.names[name.asname or whole] = Value(alias=alias)

    _importfrom = _import

    def _for(self, node: ast.For | ast.AsyncFor) -> Value:
        iterated = self._evaluation.value(node.iter)
        code = f"{code_of(node.target, 60)} in {code_of(node.iter, 160)}"
        self._add_facts(node, code, lead="for each ")
        if iterated.classes and "splits" in iterated.kinds and isinstance(node.target, ast.Tuple):
            rows = of_rows(iterated.rows)
            inner = f" of {rows}" if rows else ""
            # Cross-validation by hand: the splitter's loop gives the other folds and the held one.
            parts = [replace(iterated, rows=(f"{part}{inner}",)) for part in ("folds", "held fold")]
            iterated = replace(iterated, parts=tuple(parts))
            self._evaluation.bind(node.target, iterated)
        else:
            self._evaluation.bind(node.target, iterated, looped=True)
        self._loops.append(code_of(node.target, 40))
        try:
            return joined([self._body(node.body), self._body(node.orelse)])
        finally:
            self._loops.pop()

    _asyncfor = _for

    def _assign(self, node: ast.Assign | ast.AnnAssign | ast.AugAssign) -> None:
        reading = self._evaluation
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        if isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            names = [target.id for target in targets if isinstance(target, ast.Name)]
            reading.constants |= dict.fromkeys(names, node.value.value)
        # So that a call in it can say what it is assigned to.
        reading.target = (node.value, ", ".join(code_of(target, 120) for target in targets))
        value = reading.value(node.value)
        reading.target = (None, "")
        target_kinds: list[str] = []
        rows = value.rows
        for target in targets:
            target_kinds += self._target_kinds(target, node.value, value)
            previous = (
                reading.names.get(target.id, UNKNOWN) if isinstance(target, ast.Name) else UNKNOWN
            )
            rows = previous.rows if value.whole and value.whole == previous.rows else rows
            if isinstance(target, ast.Subscript):
                rows = reading.value(target.value).rows or rows
            if isinstance(node, ast.AugAssign):
                value = joined([previous, value])
            reading.bind(target, value)
        self._add_facts(node, kinds=target_kinds, rows=rows)

    _annassign = _augassign = _assign

    def _target_kinds(
        self, target: ast.expr, source: ast.expr | None, value_assigned: Value
    ) -> list[str]:
        """Kinds that an assignment is of because of what it assigns to."""
        if isinstance(target, ast.Tuple | ast.List) and isinstance(source, ast.Tuple | ast.List):
            pairs = zip(target.elts, source.elts, strict=False)
            values = value_assigned.parts or (UNKNOWN,) * len(source.elts)
            return [kind for (sub_target, sub_source), value in zip(pairs, values, strict=False)
                    for kind in self._target_kinds(sub_target, sub_source, value)]  # fmt: skip
        if isinstance(target, ast.Subscript):
            base = self._evaluation.value(target.value)
            index = self._evaluation.value(target.slice)
            # `df.loc[df.a.isna(), "a"] = ...` fills what is absent.
            if "gaps" in index.kinds and base.data:
                return ["fills", "gaps"]
            return ["columns"] if base.data else []
        if isinstance(target, ast.Name) and value_assigned.whole:
            # The target is not bound yet: what the name held before.
            previous = self._evaluation.names.get(target.id, UNKNOWN)
            if value_assigned.whole == previous.rows:
                return ["drops"]
            only_looks = any(
                "looks" in note.kinds for note in self._evaluation.notes
            )  # head, sample
            return [] if only_looks else ["splits"]
        return ["lists"] if isinstance(source, ast.List) and _holds_texts(source) else []

    def _note_shown_predictions(self, last: Sequence[ast.stmt]) -> None:
        """Note predictions that a cell's last expression shows."""
        if not last or not isinstance(last[0], ast.Expr):
            return
        before = len(self._evaluation.notes)
        shown = self._evaluation.value(last[0].value)
        # The expression was noted when its statement was followed.
        del self._evaluation.notes[before:]
        if shown.predicted and not shown.error:
            rows = f" ({of_rows(shown.rows)})" if shown.rows else ""
            text = f"shows predictions: {code_of(last[0])}{rows}"
            self._facts.append(Fact(self._cell, ("answers", "predictions"), text))

    def _add_facts(
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
        # Taken and emptied at once, so that each note is told by one statement.
        notes, self._evaluation.notes = self._evaluation.notes, []
        place = self._where()
        for note in notes:
            if note.text:
                self._facts.append(Fact(self._cell, note.kinds, f"{place}{note.text}"))
        unsaid = [note.kinds for note in notes if not note.text]
        own_kinds = united([kinds, *unsaid])
        has_line = any(note.text for note in notes)
        # A line of a call has said it all.
        if not own_kinds or (has_line and set(own_kinds) <= {"calls", "searches"}):
            return
        # `calls` is for what nothing else claims.
        if len(own_kinds) > 1:
            own_kinds = tuple(kind for kind in own_kinds if kind != "calls")
        rows_text = of_rows(rows) if set(own_kinds).intersection(_KINDS_WITH_ROWS) else ""
        text = f"{place}{lead}{code or code_of(node)}{f'; {rows_text}' if rows_text else ''}"
        self._facts.append(Fact(self._cell, own_kinds, text))

    def _where(self) -> str:
        """Where the statement stands, in words: the function and the loop around it."""
        inside = f"in {self._evaluation.inside}: " if self._evaluation.inside else ""
        return f"{inside}{f'each {self._loops[-1]}: ' if self._loops else ''}"


def _holds_texts(source: ast.List) -> bool:
    return bool(source.elts) and all(
        isinstance(element, ast.Constant) and isinstance(element.value, str)
        for element in source.elts
    )
