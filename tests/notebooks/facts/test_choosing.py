import json

import pytest
from nbformat import v4

from memalign_bench.notebooks.budget import estimate_tokens
from memalign_bench.notebooks.views import ViewSettings, facts_text, render_view
from memalign_bench.types import Item, ViewRule

KINDS = {"training": ["fits", "splits", "remarks", "text"], "any": ["plots", "fits"]}


def item_of(*cells, language="python"):
    made = [v4.new_code_cell(cell) if isinstance(cell, str) else cell for cell in cells]
    book = v4.new_notebook(cells=made, metadata={"language_info": {"name": language}})
    return Item("n", "n", "Predict rents.", "9 rows.", "notebook", json.dumps(book))


def settings_of(max_tokens=300, facts=KINDS, **more):
    return ViewSettings("mine", max_tokens, None, facts=facts, **more)


def view_of(*cells, dimension="training", rule=ViewRule(), language="python", **more):  # noqa: B008
    return render_view(
        item_of(*cells, language=language), rule, settings_of(**more), dimension=dimension
    )


CELLS = (
    v4.new_markdown_cell("Some rows are kept aside."),
    "a, b = train_test_split(df)  # at random",
    "m = Ridge().fit(a)  # by default",
    "x = 1  # far from all",
    v4.new_markdown_cell("Rents differ."),
    v4.new_markdown_cell("The end."),
)


def test_request_and_data_stand_before_the_facts_of_the_dimension():
    view = view_of(*CELLS)
    assert view.text.splitlines() == [
        "Request: Predict rents.",
        "Data: 9 rows.",
        "[1] text: Some rows are kept aside.",
        "[2] splits df (train_test_split) into a, b, in turn train part and test part",
        "[2] comment: at random",
        "[3] fits m (Ridge) on train part",
        "[3] comment: by default",
    ]
    assert "far from all" not in view.text
    assert "Rents differ" not in view.text
    assert (view.n_cells, view.n_dropped, view.n_shortened) == (6, 3, 0)


def test_what_the_yaml_names_first_enters_first():
    narrow = {"max_tokens": 50, "dimension": "training"}
    assert "fits m" in view_of(*CELLS, **narrow).text
    assert "splits" not in view_of(*CELLS, **narrow).text
    turned = {"training": ["splits", "fits"]}
    view = view_of(*CELLS, **narrow, facts=turned)
    assert "splits" in view.text
    assert "fits m" not in view.text
    assert "1 more not shown." in view.text
    assert view.tokens <= 50


def test_the_rubrics_late_takes_later_cells_first():
    cells = [f"m{n}.fit(X{n})" for n in range(30)]
    early, late = (
        view_of(*cells, max_tokens=90, rule=ViewRule(late=late)) for late in (False, True)
    )
    assert "m0" in early.text
    assert "m29" not in early.text
    assert "m29" in late.text
    assert "m0 " not in late.text


def test_a_dimension_that_is_not_named_is_shown_what_stands_for_any():
    view = view_of("plt.hist(a)\nm.fit(a)", dimension="style")
    assert "plt.hist(a)" in view.text
    every = view_of("x = go(1)", dimension="style", facts={"training": ["fits"]})
    assert "go(1)" in every.text


def test_kinds_of_which_there_are_none_are_named():
    assert "None found of: splits." in view_of("m.fit(X)").text
    view = view_of("x = 1", "y = 2")
    assert "None of these in the code: fits, splits, remarks, text." in view.text
    assert "C1 x = 1" in view.text  # the outline, so that absence can be seen


def test_code_that_cannot_be_read_stands_as_it_is_and_is_noted():
    view = view_of("m.fit(X)", "for x in", "%%R\nplot(1)")
    assert "[2] (this cell could not be read as Python; shown as it stands)\nfor x in" in view.text
    assert "[3] (this cell starts with %%R; shown as it stands)\n%%R\nplot(1)" in view.text
    assert view.notes == (
        "cell 2 could not be read as Python; shown as it stands",
        "cell 3 could not be read as Python; shown as it stands",
    )
    other = view_of("m.fit(X)", language="julia")
    assert "(this cell is written in julia; shown as it stands)\nm.fit(X)" in other.text


@pytest.mark.parametrize("budget", [20, 40, 80, 200])
def test_the_budget_holds(budget):
    long = "for x in\n" + "\n".join(f"step_{n}(" for n in range(200))
    view = view_of(*CELLS, long, "plt.plot(" + "a, " * 300 + "b)", max_tokens=budget)
    assert estimate_tokens(view.text) <= budget + 16  # the room after a long request, at least


def test_a_text_item_is_shown_as_it_is():
    text = Item("t", "t", "Why?", "", "text", "Because.")
    view = render_view(text, ViewRule(), settings_of(), dimension="training")
    assert view.text == "Request: Why?\nBecause."
    assert facts_text(text, ViewRule(), settings_of(), "training") == "Because."


def test_facts_for_finding_neighbours_hold_no_request():
    text = facts_text(item_of(*CELLS), ViewRule(), settings_of(), "training")
    assert "Predict rents" not in text
    assert text.startswith("[1] text: Some rows")


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        ({"training": ["fit", "splits"], "use": []}, r"training: 'fit'; use: none at all.*fits"),
        (3, "lists of kinds by dimension, got 3"),
        ("fits", "lists of kinds by dimension, got 'fits'"),
    ],
)
def test_kinds_that_do_not_exist_are_refused_with_those_that_do(facts, told):
    with pytest.raises(ValueError, match=told):
        settings_of(facts=facts)


def test_views_of_other_kinds_have_other_labels_and_settings_round_trip():
    one, other = settings_of(), settings_of(facts={"any": ["fits"]})
    assert one.label != other.label
    assert ViewSettings("v", 100, None).label == "v:100t,3x160"  # as in records made before
    assert ViewSettings("mine", 300, None, facts=json.loads(json.dumps(one.facts))) == one
