"""Reads what is installed, where imports stand, and which names come from nowhere."""

from __future__ import annotations

import ast
import builtins
import re
import sys
from collections.abc import Iterator
from typing import Any, NamedTuple

from genie_synth.oracle.trace import Trace, works

__all__ = ["read"]

_INSTALL = re.compile(r"^\s*[%!]\s*(?:\S*pip3?|conda|mamba|uv pip)\b(.*?)\binstall\b(.*)$", re.M)
_PACKAGE = re.compile(r"^[A-Za-z][\w.\[\]-]*(?P<pin>==[\w.*]+)?")
_KNOWN = {*dir(builtins), "__name__", "__file__", "display", "get_ipython", "In", "Out", "_"}


class _Import(NamedTuple):
    cell: int
    alias: str
    package: str


def read(seen: Trace) -> dict[str, Any]:
    """Facets of library_installation."""
    installs = {
        cell.index: _INSTALL.findall(cell.source) for cell in seen.cells if cell.kind == "code"
    }
    installs = {index: found for index, found in installs.items() if found}
    imports = list(_imports(seen))
    used = next((index for index, tree in seen.trees if _does_something(tree)), None)
    return {
        "install": _install_kind(installs),
        "install_place": _install_place(installs, imports, used),
        "imports": "scattered" if _late_imports(seen) > 1 else "top",
        "missing_import": bool(_undefined_names(seen)),
        "unused_large": any(_unused_packages(seen, imports)),
    }


def _install_kind(installs: dict[int, list[tuple[str, str]]]) -> str:
    words = [word for found in installs.values() for _, rest in found for word in rest.split()]
    matches = [_PACKAGE.match(word) for word in words if not word.startswith("-")]
    pins = [match.group("pin") is not None for match in matches if match]
    if not pins:
        return "none"
    if all(pins):
        return "pinned"
    return "partly_pinned" if any(pins) else "unpinned"


def _install_place(
    installs: dict[int, list[tuple[str, str]]], imports: list[_Import], used: int | None
) -> str:
    last = max(installs, default=0)
    if installs and used is not None and last > used:
        return "after_use"
    after = bool(installs) and any(entry.cell < last for entry in imports)
    return "after_imports" if after else "first"


def _imports(seen: Trace) -> Iterator[_Import]:
    for index, tree in seen.trees:
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    package = alias.name.split(".")[0]
                    yield _Import(index, alias.asname or package, package)
            elif isinstance(node, ast.ImportFrom) and node.module:
                for alias in node.names:
                    package = node.module.split(".")[0]
                    yield _Import(index, alias.asname or alias.name, package)


def _late_imports(seen: Trace) -> int:
    """Blocks of imports below the first work; none in a notebook that is one cell."""
    working = [index for index, tree in seen.trees if works(tree)]
    blocks, before = 0, False
    for index, tree in seen.trees if len(working) > 1 else ():
        in_block = False
        for node in tree.body:
            imports = isinstance(node, ast.Import | ast.ImportFrom)
            blocks += imports and before and not in_block
            in_block = imports
            before = before or (not imports and index >= working[0])
    return blocks


def _does_something(tree: ast.Module) -> bool:
    passive = (ast.Import, ast.ImportFrom)
    return any(not isinstance(node, passive) and not _is_text(node) for node in tree.body)


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _undefined_names(seen: Trace) -> set[str]:
    """Names that are read and never bound."""
    read: set[str] = set()
    bound: set[str] = set(_KNOWN)
    for _, tree in seen.trees:
        for node in ast.walk(tree):
            if isinstance(node, ast.Name):
                (read if isinstance(node.ctx, ast.Load) else bound).add(node.id)
            else:
                bound |= _names_bound_by(node)
    return read - bound


def _names_bound_by(node: ast.AST) -> set[str]:
    if isinstance(node, ast.Import | ast.ImportFrom):
        return {alias.asname or alias.name.split(".")[0] for alias in node.names}
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {node.name}
    if isinstance(node, ast.arg):
        return {node.arg}
    if isinstance(node, ast.ExceptHandler):
        return {node.name} if node.name else set()
    return set()


def _unused_packages(seen: Trace, imports: list[_Import]) -> Iterator[str]:
    """Packages beyond the standard library of which no name is ever read."""
    read = {
        node.id
        for _, tree in seen.trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    }
    packages = {entry.package for entry in imports} - set(sys.stdlib_module_names)
    for package in sorted(packages):
        if not any(entry.alias in read for entry in imports if entry.package == package):
            yield package
