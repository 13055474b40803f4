"""The examples in docstrings say what the code gives."""

import doctest
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = (ROOT / "src", ROOT / "experiments" / "genie_synth" / "src")


def modules_with_examples():
    for source in SOURCES:
        for path in sorted(source.rglob("*.py")):
            if ">>> " in path.read_text(encoding="utf-8"):
                parts = path.relative_to(source).with_suffix("").parts
                yield ".".join(part for part in parts if part != "__init__")


@pytest.mark.parametrize("name", [*modules_with_examples()])
def test_examples_hold(name):
    found = doctest.testmod(import_module(name))
    assert found.attempted
    assert not found.failed
