"""No notebook makes the reading raise, and nothing that it adds is a verdict."""

import ast
import json
import re
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nbformat import v4
from tests.any_text import any_text
from tests.notebooks.facts.sheets import notebook_of

import memalign_bench.notebooks.facts as package
from memalign_bench.datasets.bundled import __file__ as bundled
from memalign_bench.notebooks.facts.kinds import KINDS
from memalign_bench.notebooks.facts.reading import fact_sheet
from memalign_bench.notebooks.views import fact_settings, render_view
from memalign_bench.types import Item, ViewRule

NOTEBOOKS = sorted(Path(bundled).parent.glob("genie_synth/seed*/notebooks/*.ipynb"))

VERDICT = re.compile(
    r"\b(good|bad|poor|best|better|worse|wrong\w*|correct\w*|proper\w*|sound|suitab\w*|appropriat\w*"
    r"|leak\w*|missing|lack\w*|fail\w*|mistake\w*|should|must|never|only|unfortunately|careless\w*"
    r"|mislead\w*|unneeded|redundant|insufficient|adequate\w*|clean|messy|valid|invalid)\b",
    re.IGNORECASE,
)

word = st.sampled_from(
    ["df", "X", "y", "m", "fit", "predict", "fillna", "iloc", "mean", "loc", "isna", "append",
     "train_test_split", "max", "score", "read_csv", "lambda", "for", "in", "if", "def", "return",
     "f", "with", "as", "import", "print", "set_params", "class", "match", "case", "'a.csv'", "0.5"]
)  # fmt: skip
sign = st.sampled_from(["(", ")", "[", "]", ".", ",", " = ", ": ", "\n", "\n    ", " ", "%", "!",
                        "==", " - ", "*", "{", "}", "#", "@", "'"])  # fmt: skip
soup = st.lists(st.one_of(word, sign), max_size=60).map("".join)
source = st.one_of(soup, any_text(max_size=200))


@st.composite
def cell(draw):
    text = draw(source)
    if draw(st.booleans()):
        return v4.new_code_cell(text, outputs=[v4.new_output("stream", text=draw(source))])
    return draw(st.sampled_from([v4.new_markdown_cell, v4.new_raw_cell]))(text)


@settings(max_examples=150)
@given(st.lists(cell(), max_size=6), st.integers(16, 300), st.sampled_from(["python", "r", "C++"]))
def test_no_notebook_makes_it_raise(cells, budget, language):
    made = v4.new_notebook(cells=cells, metadata={"language_info": {"name": language}})
    item = Item("n", "n", "Do it.", "3 rows.", "notebook", json.dumps(made))
    view = render_view(item, ViewRule(), fact_settings(max_tokens=budget))
    assert view.tokens <= budget + 60  # as with other views: a few marks the rule counts in part
    assert 0 <= view.n_dropped + view.n_shortened <= view.n_cells == len(cells)


# Programs of statements that parse, so that the dataflow is walked as well.
name = st.sampled_from("abcdfmXy")
call = st.sampled_from(
    ["{a}.fit({b})", "{a}.predict({b})", "train_test_split({a}, {b})", "{a}.iloc[:{b}]", "Ridge()",
     "{a}.fillna({b}.mean())", "pd.read_csv('{a}.csv')", "{a}[{b} > 0]", "{a}.append({b})", "{a}",
     "max({a}, key=lambda r: r[{b}])", "[{a}.score({b}, {b}) for {a} in {b}]", "({a}, {b})",
     "{a}({b})", "GridSearchCV({a}, {b}).fit({b})", "{a}.where({a}.isna(), {b}.mean())",
     "{a}.loc[{a}.isna(), 'x']", "cross_val_score({a}, {b})"]
)  # fmt: skip
statement = st.sampled_from(
    ["{a} = {c}", "{a}, {b} = {c}", "{c}", "{a}['z'] = {c}", "for {a} in {c}:\n    {b} = {c}",
     "def {a}({b}):\n    return {c}", "with {c} as {a}:\n    {c}", "if {c} > {a}:\n    {a} = {b}",
     "{a} += {c}", "try:\n    {c}\nexcept E as {a}:\n    {b} = {c}", "class {a}:\n    {b} = {c}",
     "match {a}:\n    case [{b}, *_]:\n        {c}", "print(f\"{{{c}:.2f}}\")", "import {a} as {b}"]
)  # fmt: skip


@st.composite
def line(draw):
    a, b = draw(name), draw(name)
    return draw(statement).format(a=a, b=b, c=draw(call).format(a=a, b=b))


@settings(max_examples=150)
@given(st.lists(line(), max_size=25))
def test_no_program_makes_it_raise(lines):
    sheet = fact_sheet(notebook_of("\n".join(lines)))
    assert not sheet.unread
    assert all(set(fact.kinds) <= set(KINDS) for fact in sheet.facts)


def test_calls_without_end_take_little_time():
    chain = "a" + ".append(a" * 90 + ")" * 90
    calls = "\n".join(f"def f{n}(x):\n" + f"    f{n + 1}(x); f{n + 1}(x)\n" * 40 for n in range(6))
    began = time.process_time()
    fact_sheet(notebook_of(chain, f"{calls}\nf0(1)"))
    assert time.process_time() - began < 20


def own_words():
    """Every text in the modules that is no docstring and no pattern of calls."""
    for path in Path(package.__file__).parent.glob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        silent = {
            id(node.value)
            for node in ast.walk(tree)
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        }
        for node in ast.walk(tree):
            text = node.value if isinstance(node, ast.Constant) else None
            if isinstance(text, str) and id(node) not in silent and "|" not in text:
                yield path.name, text


def test_nothing_that_it_adds_is_a_verdict():
    words = list(own_words())
    assert len(words) > 200
    said = [(name, text) for name, text in words if VERDICT.search(text)]
    # Refusals to whoever wrote the YAML are no part of a view.
    assert [
        one for one in said if one != ("kinds.py", "view.facts: no such kinds of facts (")
    ] == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: f"{path.parts[-3]}/{path.stem}")
def test_every_bundled_notebook_is_read_whole(path):
    content = path.read_text(encoding="utf-8")
    item = Item("n", "n", "", "", "notebook", content)
    view = render_view(item, ViewRule(), fact_settings(max_tokens=100_000))
    assert view.notes == ()
    for needed in (" fits ", "on train part", "predict"):
        assert needed in view.text or "first part" in view.text
