"""The oracle reads every bundled notebook, and agrees with the labels without having seen them."""

import json
from dataclasses import replace

import nbformat
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.any_text import any_text

from genie_synth.authors import AUTHORS
from genie_synth.bundle import context_line
from genie_synth.cases import CASES
from genie_synth.compose import compose
from genie_synth.execute import notebook
from genie_synth.oracle import rulings
from genie_synth.oracle.disguise import disguise
from genie_synth.plan import plan
from genie_synth.sketch.case import DIMENSIONS
from memalign_bench.datasets.bundled import bundled_path
from memalign_bench.errors import DataError

PROSE = ("exploratory_data_analysis", "cell_organization")
BY_OUTPUT = ("exploratory_data_analysis", "metrics_evaluation")


def _stored(seed):
    root = bundled_path(seed)
    lines = (root / "items.jsonl").read_text(encoding="utf-8").splitlines()
    for item in map(json.loads, lines):
        yield item, (root / item["path"]).read_text(encoding="utf-8")


def _planted(seed):
    lines = (bundled_path(seed) / "evidence.jsonl").read_text(encoding="utf-8").splitlines()
    return {(e["item_id"], e["dimension"]): e["score"] for e in map(json.loads, lines)}


@pytest.mark.parametrize("seed", [0, 1])
def test_it_arrives_at_the_labels_of_every_bundled_notebook(seed):
    planted = _planted(seed)
    missed = {dimension: [] for dimension in DIMENSIONS}
    for item, content in _stored(seed):
        for dimension, ruling in rulings(content, item["prompt"], item["context"]).items():
            if ruling.score != planted[item["item_id"], dimension]:
                missed[dimension].append(item["item_id"])
    items = len(planted) / len(DIMENSIONS)
    for dimension in PROSE:
        assert len(missed[dimension]) <= items / 10
    assert not [key for key, found in missed.items() if found and key not in PROSE]


@pytest.mark.parametrize("seed", [0, 1])
def test_names_and_comments_do_not_move_it(seed):
    for item, content in _stored(seed):
        other = disguise(content)
        asked = item["prompt"], item["context"]
        assert rulings(content, *asked) == rulings(other, *asked), item["item_id"]


def test_the_disguise_changes_every_name_and_drops_every_comment():
    cell = "# look\nframe = load()  # why\ndef part(n):\n    return frame.head(n)\n# del frame"
    made = json.loads(disguise(_notebook(cell)))
    assert made["cells"][0]["source"] == (
        "# del frame\nv1 = load()\n\ndef v0(v2):\n    return v1.head(v2)"
    )


@pytest.mark.parametrize("seed", [0, 1])
def test_it_reads_notebooks_it_was_not_written_on(seed):
    """Other choices and fresh data, not executed: what outputs decide is left out."""
    n_cases = {1: 60, 0: 100}[seed]
    planned = plan(_again(CASES[seed], n_cases), seed, len(AUTHORS[seed]))
    # Of each case two are planned: no more are composed than are read.
    items = sorted(planned, key=lambda item: item.item_id)[:120]
    missed = [
        (draft.item_id, dimension)
        for draft in map(compose, items)
        for dimension, ruling in rulings(
            _counted(draft), draft.case.prompt, context_line(draft.case)
        ).items()
        if dimension not in BY_OUTPUT and ruling.score != draft.rulings[dimension].score
    ]
    assert not missed


def _again(cases, n):
    """So many cases: those that there are, over and over, each time with fresh data."""
    rounds = range(1, n // len(cases) + 2)
    again = [
        case if turn == 1 else replace(case, case_id=f"{case.case_id}-r{turn:02d}")
        for turn in rounds
        for case in cases
    ]
    assert not again[0].data().equals(again[len(cases)].data())
    return again[:n]


def _counted(draft):
    made = notebook(draft)
    for index, cell in enumerate(made["cells"]):
        if cell["cell_type"] == "code":
            cell["execution_count"] = draft.count_of(index)
    return json.dumps(made)


def _notebook(*sources):
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    return nbformat.writes(nbformat.v4.new_notebook(cells=cells))


PROMPT = "Predict y for new.csv."
CONTEXT = "a.csv: 100 rows, 3 columns; missing: x 12.0 %; target y; time index: none."
HEAD = """
import pandas as pd
from sklearn.dummy import DummyRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.metrics import mean_absolute_error, r2_score
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
df = pd.read_csv("a.csv")
"""
SPLIT = """
X, y = df[["x", "z"]], df["y"]
a, b, c, d = train_test_split(X, y)
"""
SEARCH = """
search = GridSearchCV(make_pipeline(SimpleImputer(), Ridge()), {"ridge__alpha": [1, 2]}, cv=4)
"""


@pytest.mark.parametrize(
    ("dimension", "cells", "score", "reason"),
    [
        ("model_training", [SPLIT, SEARCH, "search.fit(a, c)"], 2, "no_baseline"),
        ("model_training", [SPLIT, SEARCH, "search.fit(X, y)"], 1, "tuned_on_test"),
        (
            "model_training",
            [SPLIT, SEARCH, "search.fit(a, c)\nDummyRegressor().fit(a, c)"],
            3,
            "search_and_baseline",
        ),
        (
            "model_training",
            [SPLIT, "best = max([1, 2], key=lambda v: Ridge(alpha=v).fit(a, c).score(b, d))"],
            2,
            "default_model",
        ),
        (
            "model_training",
            [SPLIT, "for v in [1, 2]:\n    s = Ridge(alpha=v).fit(a, c).score(b, d)\n    s > 0.5"],
            1,
            "tuned_on_test",
        ),
        ("data_imputation", ["df['x'] = df['x'].fillna(0)", SPLIT], 1, "sentinel_value"),
        (
            "data_imputation",
            ["m = df['x'].mean()\ndf['x'] = df['x'].fillna(m)", SPLIT],
            1,
            "full_frame_statistics",
        ),
        (
            "data_imputation",
            [SPLIT, "a['x'] = a['x'].fillna(a['x'].mean())"],
            2,
            "no_indicator",
        ),
        ("data_imputation", ["df = df.dropna()", SPLIT], 1, "many_rows_dropped"),
        (
            "metrics_evaluation",
            [SPLIT, "m = Ridge().fit(a, c)\nprint(r2_score(c, m.predict(a)))"],
            1,
            "metrics_on_train",
        ),
        (
            "metrics_evaluation",
            [SPLIT, "m = Ridge().fit(a, c)\nprint(r2_score(d, m.predict(b)))"],
            2,
            "r2_alone",
        ),
        (
            "model_use",
            [
                SPLIT,
                "m = Ridge().fit(a, c)",
                "n = pd.read_csv('new.csv')\nn['p'] = m.predict(n[['x', 'z']])\nn[['row_id', 'p']]",
            ],
            3,
            "pipeline_reused",
        ),
        (
            "model_use",
            [SPLIT, "m = Ridge().fit(a, c)", "n = pd.read_csv('new.csv')\nm.predict(n[['x']])"],
            2,
            "raw_answer",
        ),
    ],
)
def test_what_hand_written_cells_show(dimension, cells, score, reason):
    found = rulings(_notebook(HEAD, *cells), PROMPT, CONTEXT)[dimension]
    assert (found.score, found.reason) == (score, reason)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(
        st.one_of(
            any_text(max_size=60),
            st.sampled_from(
                [
                    *("x[", "%pip install", "while True: pass", "def f(): return f()\nf()"),
                    *(
                        "a, b = 1",
                        "df = pd.read_csv()",
                        "df[df] = df",
                        "x = [1, [2, [3]]]\nx[0][9]",
                    ),
                    *("for a in b:\n  for c in a: c.fit(c)", "lambda: 0", "(y := 3)", "f'{x!r}'"),
                    *("train_test_split()", "max()", "df.loc[:, 'a'] = 1", "class A: pass"),
                    *("import numpy as np\nnp.where()", "df.iloc[-1:]", "x.fit_transform()"),
                ]
            ),
        ),
        max_size=6,
    ),
    any_text(max_size=80),
    any_text(max_size=80),
)
def test_it_grades_whatever_it_is_given(sources, prompt, context):
    found = rulings(_notebook(*sources), prompt, context)
    assert set(found) == set(DIMENSIONS)
    assert {ruling.score for ruling in found.values()} <= {0, 1, 2, 3}


def test_a_loop_that_grows_without_end_is_left():
    cell = "def f(x):\n    return [f(x) for _ in (1, 2, 3, 4, 5, 6, 7, 8)]\nf(1)"
    assert rulings(_notebook(cell), PROMPT, CONTEXT)


def test_what_is_no_notebook_is_refused():
    with pytest.raises(DataError):
        rulings("{}", PROMPT, CONTEXT)
