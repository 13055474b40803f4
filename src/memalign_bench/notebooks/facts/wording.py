"""Code as a part of a sentence."""

from __future__ import annotations

import ast

from memalign_bench.notebooks.budget import cut

__all__ = ["base_name", "code_of", "dotted", "listed"]

_MAX_CHARACTERS = 400


def code_of(node: ast.AST, characters: int = _MAX_CHARACTERS) -> str:
    """Code on one line, cut where it is long.

    >>> code_of(ast.parse("f( 1,2 )").body[0])
    'f(1, 2)'
    """
    return cut(" ".join(ast.unparse(node).split()), characters)


def dotted(node: ast.expr) -> str:
    """`a.b.c` of names and attributes; "" of anything else."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else ""


def listed(names: list[str], max_names: int = 8) -> str:
    """Names with commas, the first few of many."""
    rest = len(names) - max_names
    return ", ".join(names[:max_names]) + (f" and {rest} more" if rest > 0 else "")


def base_name(node: ast.expr) -> str:
    """The name at which a chain of methods begins; "" where it begins with none.

    >>> base_name(ast.parse("model.set_params(a=1).fit", mode="eval").body)
    'model'
    """
    called = False
    while isinstance(node, ast.Attribute | ast.Call | ast.Subscript):
        called = isinstance(node, ast.Call)
        # Down the chain: of a call to what is called, of the others to what they are taken from.
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) and not called else ""
