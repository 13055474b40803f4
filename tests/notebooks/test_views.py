import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nbformat import v4

from memalign_bench.notebooks.budget import estimate_tokens
from memalign_bench.notebooks.views import ViewSettings, render_view
from memalign_bench.types import Item, ViewRule


def notebook(*cells, prompt="Predict churn.", context="100 rows, 4 columns."):
    content = json.dumps(v4.new_notebook(cells=list(cells)))
    return Item("n-1", "n", prompt, context, "notebook", content)


def settings_of(max_tokens=200, example_tokens=60, **more):
    return ViewSettings("test", max_tokens, example_tokens, **more)


CELLS = (
    v4.new_markdown_cell("# Churn"),
    v4.new_code_cell("import pandas as pd\ndf = pd.read_csv('churn.csv')"),
    v4.new_code_cell("df['age'] = df['age'].fillna(df['age'].mean())\nprint(df.shape)"),
    v4.new_code_cell("model.fit(X_train, y_train)"),
)


def test_cells_shows_what_matches_and_counts_what_it_drops():
    view = render_view(notebook(*CELLS), ViewRule("cells", ("fillna",)), settings_of())
    assert "fillna(df['age'].mean())" in view.text
    assert "print(df.shape)" in view.text
    assert "model.fit" not in view.text
    assert (view.n_cells, view.n_dropped, view.n_shortened) == (4, 3, 0)


def test_prompt_and_data_line_come_first():
    view = render_view(notebook(*CELLS), ViewRule("whole"), settings_of())
    assert view.text.startswith("Request: Predict churn.\nData: 100 rows, 4 columns.\n")


def test_earlier_patterns_enter_first_and_gaps_are_marked():
    lines = [f"filler_{n} = {n}" for n in range(40)]
    lines[20], lines[30] = "scores = cross_val_score(model)", "model.fit(X)"
    rule = ViewRule("cells", ("cross_val", r"\.fit\("))
    one = render_view(notebook(v4.new_code_cell("\n".join(lines))), rule, settings_of(34))
    assert "cross_val_score" in one.text
    assert "model.fit" not in one.text
    assert "..." in one.text
    both = render_view(notebook(v4.new_code_cell("\n".join(lines))), rule, settings_of(60))
    assert "cross_val_score" in both.text
    assert "model.fit" in both.text
    assert both.n_shortened == 1


def test_absence_is_shown_as_an_outline():
    view = render_view(notebook(*CELLS), ViewRule("cells", ("mlflow",)), settings_of())
    assert "No cell matches" in view.text
    assert "C1 model.fit" in view.text


def test_outline_gives_each_cell_a_line_with_its_count():
    cells = (
        v4.new_code_cell("x = 1", execution_count=9),
        v4.new_markdown_cell("## Data\nThe rows."),
    )
    view = render_view(notebook(*cells), ViewRule("outline"), settings_of())
    assert "C1 In[9] x = 1" in view.text
    assert "T ## Data / The rows." in view.text


def test_an_example_has_no_prompt_and_a_smaller_budget():
    rule = ViewRule("cells", ("fillna",))
    view = render_view(notebook(*CELLS), rule, settings_of(), example=True)
    assert "Predict churn" not in view.text
    assert view.tokens <= 70


def test_a_text_is_cut_at_a_word_and_says_so():
    item = Item("t", "t", "", "", "text", "alpha beta " * 200)
    view = render_view(item, ViewRule(), settings_of(50))
    assert view.text.endswith("...")
    assert view.n_shortened == 1
    assert estimate_tokens(view.text) <= 50
    whole = render_view(item, ViewRule(), settings_of(5000))
    assert whole.text == item.content
    assert whole.n_shortened == 0


def test_outputs_are_limited_to_their_lines():
    printed = v4.new_output("stream", text="\n".join(f"row {n}" for n in range(50)))
    cell = v4.new_code_cell("df.isna()", outputs=[printed])
    view = render_view(notebook(cell), ViewRule("cells", ("isna",)), settings_of(output_lines=2))
    assert "> row 1" in view.text
    assert "row 2" not in view.text


source = st.text(alphabet="abc _.=()\n1X", max_size=300)


@settings(max_examples=60)
@given(st.lists(source, min_size=1, max_size=12), st.integers(40, 400))
def test_a_view_never_goes_far_over_its_budget(sources, budget):
    item = notebook(*(v4.new_code_cell(text) for text in sources))
    for rule in (ViewRule("whole"), ViewRule("cells", ("a",))):
        view = render_view(item, rule, settings_of(budget))
        # A gap mark for each taken line at most, which the rule counts in part.
        assert view.tokens <= max(budget, 40) * 1.25 + 60
        assert 0 <= view.n_dropped + view.n_shortened <= view.n_cells


def test_one_long_statement_is_shown_in_part_rather_than_not_at_all():
    long = "model.fit({\n" + "\n".join(f"    'column_{n}': {n}," for n in range(90)) + "\n})"
    for rule in (ViewRule("cells", (r"\.fit\(",)), ViewRule("whole")):
        view = render_view(notebook(v4.new_code_cell(long)), rule, settings_of(100))
        assert "model.fit({" in view.text
        assert view.tokens <= 110
        assert (view.n_dropped, view.n_shortened) == (0, 1)


def test_an_outline_of_too_many_cells_keeps_its_budget_and_counts_what_is_gone():
    cells = [v4.new_code_cell(f"x = {n}\ny = {n}", execution_count=n + 1) for n in range(300)]
    view = render_view(notebook(*cells), ViewRule("outline"), settings_of(150))
    assert view.tokens <= 155
    assert "C2 C2 C2" in view.text
    assert view.n_dropped > 200
    assert view.n_dropped + view.n_shortened == 300


def test_a_long_prompt_takes_half_of_the_budget_at_most():
    item = notebook(*CELLS, prompt="Predict churn. " * 500)
    view = render_view(item, ViewRule("cells", ("fillna",)), settings_of(200))
    assert view.tokens <= 210
    assert "fillna" in view.text


@pytest.mark.parametrize("text", ["x" * 5000, "\u4e2d\u6587" * 2000])
def test_text_without_spaces_is_cut_too(text):
    view = render_view(Item("t", "t", "", "", "text", text), ViewRule(), settings_of(60))
    assert view.tokens <= 62
    assert len(view.text) > 20


def test_settings_refuse_a_budget_that_shows_nothing():
    with pytest.raises(ValueError, match=r"view.max_tokens must be >= 16, got 3"):
        settings_of(3)


def test_an_example_without_a_budget_of_its_own_is_shown_as_it_would_be_judged():
    rule, whole = ViewRule("whole"), settings_of(example_tokens=None)
    item = notebook(*CELLS)
    assert render_view(item, rule, whole, example=True) == render_view(item, rule, whole)
    assert "Data:" not in render_view(item, rule, settings_of(), example=True).text
