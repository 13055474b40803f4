"""Follows values through the code of a notebook without running it: an abstract interpreter.

Statements are walked in order, loops over known elements are unrolled, functions of the notebook
are entered where they are called, and both branches of a condition are taken. What happened is kept
as events, which the readers of the nine dimensions look through. Nothing is executed, and code that
cannot be followed yields values that come from nowhere.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence

from genie_synth.oracle.dataflow.evaluator import Evaluator, StopWalk
from genie_synth.oracle.dataflow.values import Value, join

__all__ = ["Interpreter"]


class Interpreter(Evaluator):
    """Walks the cells of one notebook."""

    def run(self, cells: Sequence[tuple[int, ast.Module]]) -> None:
        """Walk parsed cells, each with its index in the notebook."""
        try:
            for index, tree in cells:
                self.cell = index
                self.statements(tree.body)
                if tree.body and isinstance(tree.body[-1], ast.Expr):
                    # A notebook shows the last expression of a cell.
                    self.record("shown", args=(self.last,))
        except (StopWalk, RecursionError):
            return

    def statements(self, body: Sequence[ast.stmt]) -> None:
        """Walk statements in order; what is not known is passed over."""
        for statement in body:
            # One method per kind of statement.
            walk = getattr(self, f"_do_{type(statement).__name__.lower()}", None)
            if walk is not None:
                walk(statement)

    def _do_import(self, node: ast.Import) -> None:
        for alias in node.names:
            name = alias.name if alias.asname else alias.name.split(".")[0]
            self.names[alias.asname or name] = Value(name=name)

    def _do_importfrom(self, node: ast.ImportFrom) -> None:
        for alias in node.names:
            self.names[alias.asname or alias.name] = Value(name=f"{node.module}.{alias.name}")

    def _do_functiondef(self, node: ast.FunctionDef) -> None:
        self.names[node.name] = Value(function=node)

    def _do_expr(self, node: ast.Expr) -> None:
        self.last = self.value(node.value)

    def _do_assign(self, node: ast.Assign) -> None:
        value = self.value(node.value)
        for target in node.targets:
            self.bind(target, value)

    def _do_annassign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self.bind(node.target, self.value(node.value))

    def _do_augassign(self, node: ast.AugAssign) -> None:
        self.bind(node.target, join([self.value(node.target), self.value(node.value)]))

    def _do_return(self, node: ast.Return) -> None:
        if node.value is not None:
            self.returned.append(self.value(node.value))

    def _do_if(self, node: ast.If) -> None:
        before = self.deciding
        self.deciding = self.value(node.test).has("score", "candidate") or before
        self.statements(node.body)
        self.deciding = before
        self.statements(node.orelse)

    def _do_for(self, node: ast.For) -> None:
        for element in self.elements(self.value(node.iter)):
            self.bind(node.target, element)
            self.statements(node.body)
        self.statements(node.orelse)

    def _do_while(self, node: ast.While) -> None:
        self.value(node.test)
        self.statements(node.body)

    def _do_with(self, node: ast.With) -> None:
        before = self.in_run
        for item in node.items:
            value = self.value(item.context_expr)
            self.in_run = self.in_run or value.has("run")
            if value.has("run"):
                self.record("run closed")
            if item.optional_vars is not None:
                self.bind(item.optional_vars, value)
        self.statements(node.body)
        self.in_run = before

    def _do_try(self, node: ast.Try) -> None:
        self.statements(node.body)
        for handler in node.handlers:
            self.statements(handler.body)
        self.statements(node.orelse)
        self.statements(node.finalbody)
