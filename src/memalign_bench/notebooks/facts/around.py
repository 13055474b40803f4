"""What stands around the code: imports and names, text, comments, outputs, how cells are cut."""

from __future__ import annotations

import ast
import builtins
import io
import re
import tokenize
from collections.abc import Iterator, Sequence

from memalign_bench.notebooks.budget import cut
from memalign_bench.notebooks.facts.cells import CellCode
from memalign_bench.notebooks.facts.kinds import Fact
from memalign_bench.notebooks.facts.wording import listed
from memalign_bench.notebooks.parse import Cell, Notebook

__all__ = ["layout_facts", "name_facts", "output_facts", "text_facts"]

_PREDEFINED = {
    *dir(builtins),
    "get_ipython",
    "display",
    "In",
    "Out",
    "_",
    "__",
    "__name__",
    "__file__",
}
_INSTALL = re.compile(r"\b(pip3?|conda|mamba|uv|apt(-get)?)\b.*\b(install|add|create)\b")
_ERROR = re.compile(r"^\w*(Error|Exception|Interrupt|Warning|Exit): ")
_MAX_CHARACTERS = 400


def name_facts(trees: Sequence[tuple[int, ast.Module]]) -> Iterator[Fact]:
    """Imports of each cell; names without a definition above them; imports whose name stands alone.

    Names within functions are left out: when they are looked up, more may be defined.
    """
    defined, has_star_import = set(_PREDEFINED), False
    loaded = {node.id for _, tree in trees for node in ast.walk(tree) if isinstance(node, ast.Name)}
    first_cell_of_name: dict[str, int] = {}
    for index, tree in trees:
        for _, names in _name_bindings(tree):
            for name in names:
                # Over all cells first, to tell a name defined too late from one never defined.
                first_cell_of_name.setdefault(name, index)
    for index, tree in trees:
        imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
        # After `from x import *` nobody knows which names are defined.
        has_star_import = has_star_import or any(
            name.name == "*" for node in imports for name in node.names
        )
        if imports:
            modules = dict.fromkeys(_module_name(node) for node in imports)
            yield Fact(index, ("imports",), f"imports {listed(list(modules), 16)}")
        for statement in tree.body:
            own_names = {name for _, names in _name_bindings(statement) for name in names}
            # `dict.fromkeys`: each name once, in the order of the code.
            for name in dict.fromkeys(_loaded_names(statement)):
                if name not in defined and name not in own_names and not has_star_import:
                    yield Fact(index, ("names",), _undefined_text(name, index, first_cell_of_name))
                    # Told once.
                    defined.add(name)
            defined |= own_names
        unused = [name for node in imports for name in _imported_names(node) if name not in loaded]
        if unused:
            yield Fact(index, ("names",), f"imported here, and used in no code: {listed(unused)}")


def _undefined_text(name: str, index: int, first_cell_of_name: dict[str, int]) -> str:
    """The line on a name that nothing above it defines."""
    later_cell = first_cell_of_name.get(name, -1)
    definition = (
        f"it is defined in cell {later_cell + 1}" if later_cell > index else "no cell defines it"
    )
    return f"the name {name} stands here and is not defined above; {definition}"


def _module_name(node: ast.Import | ast.ImportFrom) -> str:
    """The module that an import names."""
    if isinstance(node, ast.ImportFrom):
        return node.module or "."
    return ", ".join(name.name for name in node.names)


def _imported_names(node: ast.Import | ast.ImportFrom) -> list[str]:
    """The names that an import defines."""
    return [(name.asname or name.name).split(".")[0] for name in node.names if name.name != "*"]


def _name_bindings(tree: ast.AST) -> Iterator[tuple[ast.AST, list[str]]]:
    """Nodes that define names, with the names."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            yield node, [node.id]
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield node, _imported_names(node)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node, [node.name]
        elif isinstance(node, ast.arg):
            yield node, [node.arg]
        elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name:
            yield node, [node.name]


def _loaded_names(statement: ast.stmt) -> Iterator[str]:
    """Names that a statement looks up when it runs; those in functions are looked up later."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return
    for node in ast.walk(statement):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            yield node.id


def text_facts(notebook: Notebook, codes: dict[int, CellCode]) -> Iterator[Fact]:
    """Text cells, comments and magics, as they stand."""
    for cell in notebook.cells:
        if cell.kind != "code":
            lines = [line.strip() for line in cell.source.splitlines() if line.strip()]
            if lines:
                is_heading_only = len(lines) == 1 and lines[0].startswith(
                    "#"
                )  # a heading tells no more
                kinds = ("all_text",) if is_heading_only else ("text", "all_text")
                yield Fact(cell.index, kinds, _one_line(f"text: {' '.join(lines)}"))
            continue
        for magic in codes[cell.index].magics:
            kind = "installs" if _INSTALL.search(magic) else "calls"
            yield Fact(cell.index, (kind,), _one_line(magic))
        for comment in _comments(cell.source):
            yield Fact(cell.index, ("remarks",), _one_line(f"comment: {comment}"))


def _comments(source: str) -> Iterator[str]:
    """The texts of a source's comments, as far as it can be cut into tokens."""
    try:
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            if token.type == tokenize.COMMENT and token.string.strip("# "):
                yield token.string.lstrip("# ").strip()
    except (tokenize.TokenError, SyntaxError, ValueError):
        return


def output_facts(notebook: Notebook, kinds: dict[int, tuple[str, ...]]) -> Iterator[Fact]:
    """What each code cell printed or showed, on one line; errors that it ended in.

    Args:
        notebook: The notebook.
        kinds: Cell index -> kinds of what the cell shows.
    """
    for cell in notebook.cells:
        lines = [line.strip() for line in cell.output.splitlines() if line.strip()]
        if errors := [line for line in lines if _ERROR.match(line)]:
            yield Fact(cell.index, ("errors",), _one_line(f"output: {errors[-1]}"))
        elif lines:
            text = _one_line(f"output: {' / '.join(lines)}")
            yield Fact(cell.index, ("outputs", *kinds.get(cell.index, ("prints",))), text)


def layout_facts(notebook: Notebook) -> Iterator[Fact]:
    """How the notebook is cut: counts, order of execution, each cell in a line."""
    code = [cell for cell in notebook.cells if cell.kind == "code"]
    others = len(notebook.cells) - len(code)
    # -1: of the notebook as a whole.
    yield Fact(-1, ("layout",), f"{len(code)} code cells, {others} text cells")
    order = [cell.execution_count for cell in code if cell.execution_count is not None]
    # Without a count no cell was run, or the counts were cleared.
    if order:
        order_text = "in the order of the cells" if order == sorted(order) else "in another order"
        counts = " ".join(map(str, order))
        yield Fact(-1, ("layout",), _one_line(f"executed {order_text}: {counts}"))
    empty = [str(cell.index + 1) for cell in notebook.cells if not cell.source.strip()]
    if empty:
        yield Fact(-1, ("layout",), f"empty cells: {listed(empty)}")
    if with_quoted_code := [str(cell.index + 1) for cell in code if _holds_quoted_code(cell)]:
        yield Fact(
            -1, ("layout",), f"comments that read as code in cells {listed(with_quoted_code)}"
        )
    for lines, cells in _repeated_cells(code):
        yield Fact(-1, ("layout",), _one_line(f"stands more than once (cells {cells}): {lines}"))
    sizes = [len([line for line in cell.source.splitlines() if line.strip()]) for cell in code]
    if sizes:
        text = f"lines of code a cell: {min(sizes)} to {max(sizes)}, together {sum(sizes)}"
        yield Fact(-1, ("layout",), text)
    yield from map(_outline_fact, notebook.cells)


def _outline_fact(cell: Cell) -> Fact:
    """A cell in a line: what it is and how long."""
    lines = [line.strip() for line in cell.source.splitlines() if line.strip()]
    words = len(cell.source.split())
    if cell.kind == "code":
        text = f"code, {len(lines)} lines"
    elif lines and lines[0].startswith("#"):
        below = len(" ".join(lines[1:]).split())
        text = f"{lines[0][:48]}{f', {below} words below' if below else ''}"
    else:
        text = f"text, {words} words"
    return Fact(cell.index, ("outline",), text)


def _holds_quoted_code(cell: Cell) -> bool:
    """Whether a comment is an assignment or a call."""
    for comment in _comments(cell.source):
        # Meets `df["a"] = 1` and `model.fit(X)`, not `a == b`.
        if re.match(r"^[\w.\[\]'\"]+\s*(=[^=]|\()", comment):
            return True
    return False


def _repeated_cells(code: Sequence[Cell]) -> Iterator[tuple[str, str]]:
    """Cells of one short line that stand more than once, with their numbers."""
    places: dict[str, list[str]] = {}
    for cell in code:
        source = cell.source.strip()
        if source and "\n" not in source:
            places.setdefault(source, []).append(str(cell.index + 1))
    yield from ((text, listed(cells)) for text, cells in places.items() if len(cells) > 1)


def _one_line(text: str) -> str:
    """A text on one line, cut where it is long."""
    return cut(" ".join(text.split()), _MAX_CHARACTERS)
