"""The code of a cell as Python, where it is Python.

Lines that IPython adds to the language are set aside by a small rule, where a cell is no Python
as it stands: a line that starts with `!` or `%` (or assigns from one, `files = !ls`) is a shell
line or a magic, of `%time` and `%timeit` the rest is Python; so is the rest of a cell that starts
with `%%time`, `%%timeit`, `%%capture`, `%%prun` or `%%python`, any other `%%` names a language of
its own. A line that asks for help (`df.head?`) is left out.
"""

from __future__ import annotations

import ast
import json
import re
from functools import lru_cache
from typing import NamedTuple

from memalign_bench.notebooks.parse import Cell
from memalign_bench.notebooks.units import parse_or_none

__all__ = ["CellCode", "notebook_language", "read_cell"]

_SHELL_OR_MAGIC = re.compile(r"^(\s*)(?:[\w, ]+=\s*)?([!%]{1,2}\s*[\w/.-].*)$")
_HELP_LINE = re.compile(r"^\s*\??[\w.]+\?{1,2}\s*$")
_PYTHON_MAGICS = ("%%time", "%%timeit", "%%capture", "%%prun", "%%python", "%%python3")
_TIMED_LINE = re.compile(r"^(\s*)%time(?:it)?\s+(?![-])(.*)$")
_MAX_DEPTH = 100
"""Code nested deeper is shown as it stands, so that no reading runs out of stack."""


class CellCode(NamedTuple):
    """A cell's code.

    Attributes:
        tree: Its statements; None where it could not be read.
        magics: Its shell lines and magics, as they stand.
        problem: Why it could not be read; "" where it could.
    """

    tree: ast.Module | None
    magics: tuple[str, ...] = ()
    problem: str = ""


@lru_cache(maxsize=4096)
def read_cell(cell: Cell, language: str = "python") -> CellCode:
    """Read a cell's code; never raises.

    Args:
        cell: A code cell.
        language: What the notebook says it is written in.
    """
    if language != "python":
        return CellCode(None, (), f"is written in {language}")
    # A cell magic counts only on the first line.
    first = cell.source.lstrip().split("\n", 1)[0].strip()
    if first.startswith("%%") and first.split()[0] not in _PYTHON_MAGICS:
        return CellCode(None, (), f"starts with {first.split()[0]}")
    magics: tuple[str, ...] = ()
    tree = parse_or_none(cell.source)
    if tree is None:  # a "%" may begin a line of plain Python, so magics are looked for only here
        plain, magics = _without_magics(cell.source)
        tree = parse_or_none(plain)
    if tree is None:
        return CellCode(None, magics, "could not be read as Python")
    if _too_deep(tree):
        return CellCode(None, magics, "is nested too deeply to be read")
    return CellCode(tree, magics)


def _too_deep(tree: ast.AST) -> bool:
    """Whether the tree is deeper than a recursive reading should follow."""
    level: list[ast.AST] = [tree]
    for _ in range(_MAX_DEPTH):
        # Level by level: recursion is what must be avoided.
        level = [child for node in level for child in ast.iter_child_nodes(node)]
        if not level:
            return False
    return True


def _without_magics(source: str) -> tuple[str, tuple[str, ...]]:
    """The source with shell lines and magics replaced, and those lines."""
    lines: list[str] = []
    magics: list[str] = []
    for line in source.splitlines():
        match = _SHELL_OR_MAGIC.match(line)
        if timed := _TIMED_LINE.match(line):
            lines.append(f"{timed[1]}{timed[2]}")
        elif match:
            magics.append(match[2].strip())
            # `pass` keeps the line count, and a block that holds nothing else stays a block.
            lines.append(f"{match[1]}pass")
        elif _HELP_LINE.match(line):
            lines.append("")
        else:
            lines.append(line)
    return "\n".join(lines), tuple(magics)


# Asked once for each dimension and example.
@lru_cache(maxsize=256)
def notebook_language(content: str) -> str:
    """What a notebook's metadata call its language, in small letters; "python" where they do not.

    >>> notebook_language('{"metadata": {"kernelspec": {"language": "R"}}}')
    'r'
    """
    try:
        metadata = json.loads(content)["metadata"]
        language_entries = [metadata.get(key, {}) for key in ("language_info", "kernelspec")]
        names = [language_entries[0].get("name"), language_entries[1].get("language")]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return "python"
    name = next((name for name in names if isinstance(name, str) and name), "python").lower()
    return "python" if name.startswith(("python", "ipython")) else name[:40]
