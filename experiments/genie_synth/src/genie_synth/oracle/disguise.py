"""The same notebook under other names and without comments: the oracle has to say the same."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterable, Mapping
from typing import Any

from genie_synth.oracle.readers.organization import is_commented_code

__all__ = ["disguise"]


def disguise(content: str) -> str:
    """Rename all variables, functions and arguments of a notebook, and strip its comments.

    Names that are imported or read from libraries stay, and so do strings (columns, files).
    Commented-out code stays too: it is what shows a leftover.
    """
    notebook = json.loads(content)
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    trees = [_parse_cell(_source(cell)) for cell in cells]
    names = _new_names(tree for tree in trees if tree is not None)
    for cell, tree in zip(cells, trees, strict=True):
        if tree is not None:
            cell["source"] = _rewritten_source(_source(cell), _Renamer(names).visit(tree))
    return json.dumps(notebook, ensure_ascii=False)


def _source(cell: Mapping[str, Any]) -> str:
    source = cell["source"]
    return source if isinstance(source, str) else "".join(source)


def _is_magic(line: str) -> bool:
    return line.lstrip().startswith(("%", "!"))


def _parse_cell(source: str) -> ast.Module | None:
    code = "\n".join(line for line in source.split("\n") if not _is_magic(line))
    try:
        return ast.parse(code)
    except SyntaxError:
        return None


def _rewritten_source(source: str, tree: ast.Module) -> str:
    lines = source.split("\n")
    magics = [line for line in lines if _is_magic(line)]
    switched_off = [
        line for line in lines if line.strip().startswith("#") and is_commented_code(line.strip())
    ]
    return "\n".join([*magics, *switched_off, ast.unparse(tree)])


def _new_names(trees: Iterable[ast.Module]) -> dict[str, str]:
    """Every name that the notebook itself binds, and what it is called now."""
    bound: dict[str, None] = {}
    imported: set[str] = set()
    for tree in trees:
        for node in ast.walk(tree):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                bound[node.id] = None
            elif isinstance(node, ast.FunctionDef):
                bound[node.name] = None
            elif isinstance(node, ast.arg):
                bound[node.arg] = None
            elif isinstance(node, ast.Import | ast.ImportFrom):
                imported |= {alias.asname or alias.name.split(".")[0] for alias in node.names}
    return {name: f"v{place}" for place, name in enumerate(bound) if name not in imported}


class _Renamer(ast.NodeTransformer):
    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = names

    def visit_Name(self, node: ast.Name) -> ast.Name:
        node.id = self._names.get(node.id, node.id)
        return node

    def visit_arg(self, node: ast.arg) -> ast.arg:
        node.arg = self._names.get(node.arg, node.arg)
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        node.name = self._names.get(node.name, node.name)
        self.generic_visit(node)
        return node
