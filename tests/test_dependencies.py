"""What the package imports, it says that it needs; what a module offers, it has."""

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
# The generator of notebooks runs with its extra; what that brings along is its own matter.
SOURCES = [p for p in (ROOT / "src").rglob("*.py") if "corpus" not in p.relative_to(ROOT).parts]


def canonical(requirement):
    name = re.match(r"[\w.-]+", requirement).group()
    return re.sub(r"[-_.]+", "-", name).lower()


def imported(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name.partition(".")[0] for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.module.partition(".")[0]


def test_every_import_is_declared():
    declared = set(map(canonical, PROJECT["dependencies"]))
    for extra in PROJECT["optional-dependencies"].values():
        declared |= set(map(canonical, extra))
    sources = packages_distributions()
    own = {*sys.stdlib_module_names, "memalign_bench"}
    undeclared = {
        f"{name} ({path.relative_to(ROOT)})"
        for path in SOURCES
        for name in set(imported(path)) - own
        if not declared & set(map(canonical, sources.get(name, [name])))
    }
    assert not undeclared


@pytest.mark.parametrize("requirement", PROJECT["dependencies"])
def test_every_dependency_is_locked(requirement):
    lock = (ROOT / "requirements.lock").read_text()
    assert re.search(rf"^{canonical(requirement)}==\S+ ", lock, flags=re.MULTILINE)


def names_of(body):
    """The names that a module's statements make, those for type checkers too."""
    for node in body:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield node.name
            case ast.Import() | ast.ImportFrom():
                yield from (alias.asname or alias.name for alias in node.names)
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                yield name
            case ast.If():
                yield from names_of(node.body)


# Ruff (F822) looks at all modules but these.
PACKAGES = [path for path in SOURCES if path.name == "__init__.py"]


@pytest.mark.parametrize("path", PACKAGES, ids=lambda path: path.parent.name)
def test_what_a_package_offers_is_there(path):
    body = ast.parse(path.read_text()).body
    offered = [
        ast.literal_eval(node.value)
        for node in body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
    ]
    assert set().union(*offered) <= set(names_of(body))
