"""Import lines of a notebook: which are needed, how they are sorted, where they can go."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable, Sequence

from genie_synth.sketch.cells import DraftCell

__all__ = ["bound_names", "needed", "scatter", "tidy"]


def bound_names(line: str) -> list[str]:
    """Names that an import line brings.

    >>> bound_names("from sklearn.metrics import f1_score, log_loss")
    ['f1_score', 'log_loss']
    >>> bound_names("import matplotlib.pyplot as plt")
    ['plt']
    """
    (statement,) = ast.parse(line).body
    if not isinstance(statement, ast.Import | ast.ImportFrom):
        raise ValueError(f"{line!r} is not one import statement.")
    return [alias.asname or alias.name.split(".")[0] for alias in statement.names]


def needed(lines: Iterable[str], cells: Sequence[DraftCell]) -> list[str]:
    """The import lines of which a name is used in a code cell."""
    code = "\n".join(cell.source for cell in cells if cell.kind == "code")
    return [
        line
        for line in lines
        if any(re.search(rf"\b{re.escape(name)}\b", code) for name in bound_names(line))
    ]


def tidy(lines: Iterable[str]) -> list[str]:
    """Import lines merged by module and sorted, the standard library first.

    >>> tidy(["from a import y", "import json", "from a import x"])
    ['import json', '', 'from a import x, y']
    """
    module_imports: set[str] = set()
    from_imports: dict[str, set[str]] = {}
    for line in lines:
        (statement,) = ast.parse(line).body
        if isinstance(statement, ast.ImportFrom):
            names = {ast.unparse(alias) for alias in statement.names}
            from_imports.setdefault(str(statement.module), set()).update(names)
        else:
            module_imports.add(ast.unparse(statement))
    statements = [(line.split()[1], line) for line in module_imports]
    statements += [
        (module, _from_import(module, sorted(names))) for module, names in from_imports.items()
    ]
    groups: tuple[list[str], list[str]] = ([], [])
    for module, line in sorted(statements, key=lambda pair: (pair[1].startswith("from"), pair[0])):
        groups[module.split(".")[0] not in sys.stdlib_module_names].append(line)
    return [*groups[0], *([""] if groups[0] and groups[1] else []), *groups[1]]


def _from_import(module: str, names: Sequence[str]) -> str:
    line = f"from {module} import {', '.join(names)}"
    if len(line) <= 90:
        return line
    return f"from {module} import (\n    " + ",\n    ".join(names) + ",\n)"


def scatter(lines: Iterable[str], cells: Sequence[DraftCell]) -> list[DraftCell]:
    """Put every import line on top of the first code cell that uses it; return those cells."""
    touched: list[DraftCell] = []
    waiting: dict[int, list[str]] = {}
    code = [cell for cell in cells if cell.kind == "code" and cell.role != "install"]
    for line in lines:
        pattern = "|".join(rf"\b{re.escape(name)}\b" for name in bound_names(line))
        first = next(i for i, cell in enumerate(code) if re.search(pattern, cell.source))
        waiting.setdefault(first, []).append(line)
    for first, lines_here in sorted(waiting.items()):
        code[first].source = "\n".join([*tidy(lines_here), "", code[first].source])
        touched.append(code[first])
    return touched
