"""What a cell's outputs say: against notebooks that were changed at random."""

import json
import os
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.any_text import CHARACTERS, any_text

from memalign_bench.errors import DataError
from memalign_bench.notebooks.html_text import html_text, svg_text
from memalign_bench.notebooks.outputs import output_text
from memalign_bench.notebooks.parse import MAX_OUTPUT_CHARACTERS, read_notebook
from memalign_bench.notebooks.terminal import plain_text, screen_text

N_NOTEBOOKS = int(os.environ.get("MEMALIGN_BENCH_NOTEBOOKS", "200"))
"""How many random notebooks are tried; 10,000 before a release."""


@pytest.mark.parametrize(
    ("printed", "shown"),
    [
        ("\r 0%\r50%\r100%\nfinal 0.93\n", "100%\nfinal 0.93\n"),
        ("a\r\nb\r\n", "a\nb\n"),
        ("\x1b[?25l 0/1\r\x1b[2K 1/1\n\x1b[?25hdone", " 1/1\ndone"),
        ("\x1b]8;;file:///x.py\x1b\\x.py\x1b]8;;\x07 saved", "x.py saved"),
        ("outer 0\ninner 0\x1b[A\router 1\ninner 1", "outer 1\ninner 1"),
        ("ab\x08c", "ac"),
        ("\x1b(B\x1b[0;31mred\x1b[m\x9b1mbold\x07", "redbold"),
        ("x\x1b[" + "9" * 5000 + "Ay", "y"),
        ("cut off \x1b[", "cut off "),
        ("a 1\nb 1\n\x1b[2A\x1b[Ja 2\n", "a 2\n"),
        ("old\n\x1b[H\x1b[2Jnew", "new"),
        ("one\x1b[1Gtwo", "two"),
    ],
)
def test_the_last_state_of_a_screen(printed, shown):
    assert screen_text(printed) == shown


def shown(**data):
    names = {"html": "text/html", "plain": "text/plain", "md": "text/markdown"}
    names |= {"json": "application/json", "svg": "image/svg+xml", "png": "image/png"}
    names |= {"capitals": "TEXT/HTML", "charset": "text/html; charset=utf-8", "xml": "text/xml"}
    names |= {"pdf": "application/pdf", "vega": "application/vnd.vegalite.v5+json"}
    bundle = {names[key]: value for key, value in data.items()}
    return output_text([{"output_type": "display_data", "data": bundle, "metadata": {}}])


STUB = "<IPython.core.display.HTML object>"
TABLE = "<table><tr><th>Step</th><th>Loss</th></tr><tr><td>500</td><td>0.42</td></tr></table>"


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ({"html": TABLE, "plain": STUB}, "Step | Loss\n500 | 0.42"),
        ({"html": ["<p>rmse", " 3.1</p>"]}, "rmse 3.1"),
        ({"html": "<b>a</b>", "plain": "a"}, "a"),
        ({"html": "<p>a 1</p><p>b 2</p>", "plain": "Result a 1"}, "Result a 1\nb 2"),
        ({"md": "**acc 0.9**", "plain": "<IPython.core.display.Markdown object>"}, "**acc 0.9**"),
        ({"json": {"acc": 0.9}}, '{"acc": 0.9}'),
        (
            {"json": [{"n": "x" * 90}, {"n": "y" * 90}]},
            f'{{"n": "{"x" * 90}"}}\n{{"n": "{"y" * 90}"}}',
        ),
        (
            {"svg": "<svg><metadata>tool</metadata><text>yes</text><text>no</text></svg>"},
            "[image]\nyes\nno",
        ),
        ({"png": "AAAA", "plain": "<Figure size 640x480 with 1 Axes>"}, "[image]"),
        ({"html": "<script>x()</script>", "plain": STUB}, ""),
        ({"plain": "<Axes: >"}, "<Axes: >"),
        (
            {"html": "<style>p{}</style><!-- no --><p>a &lt; b</p><pre>c\n  d</pre>"},
            "a < b\nc\n  d",
        ),
        ({"html": "<table><tr><td><p>a</p><p>b</p><td>c<tr><td>d</table>e"}, "a b | c\nd\ne"),
        ({"capitals": "<b>0.91</b>"}, "0.91"),
        ({"charset": "<b>0.91</b>"}, "0.91"),
        ({"pdf": "JVBERi0="}, "[pdf]"),
        ({"xml": "<a>1</a>"}, "<a>1</a>"),
        (
            {"html": "<audio src='x'></audio>", "plain": "<IPython.lib.display.Audio object>"},
            "[audio]",
        ),
        ({"html": "<iframe srcdoc='&lt;p&gt;rows 42&lt;/p&gt;'></iframe>", "plain": ""}, "rows 42"),
        ({"html": "<button>Go</button><button>Stop</button>"}, "Go\nStop"),
        ({"vega": {"mark": "bar"}, "plain": "alt.Chart(...)"}, '{"mark": "bar"}'),
        (
            {
                "vega": {"mark": "bar"},
                "plain": "<VegaLite 5 object>\n\nIf you see this message, so",
            },
            '{"mark": "bar"}',
        ),
    ],
)
def test_the_result_is_shown_and_not_its_stub(data, text):
    assert shown(**data) == text


def test_a_stream_that_was_cut_up_is_one():
    parts = ["\r 1%", "\r 2%", "\r100%\n"]
    cells = [{"output_type": "stream", "name": "stderr", "text": part} for part in parts]
    assert output_text(cells) == "100%"


def stream(text, name="stderr"):
    return {"output_type": "stream", "name": name, "text": text}


@pytest.mark.parametrize(
    ("bar", "told"),
    [
        (["0%", "\r 50%", "\r100%\n"], "epoch 1\nepoch 2\n100%"),
        (["0%\r", " 50%\r", "100%\n"], "epoch 1\nepoch 2\n100%"),
        (["warned\n0%", "\r 50%", "\r100%\n"], "warned\nepoch 1\nepoch 2\n100%"),
        (["a\n", "\rb\n", "\r\nc"], "a\nepoch 1\nb\nepoch 2\n\nc"),
    ],
)
def test_a_bar_between_whose_states_something_is_printed_ends_in_its_last(bar, told):
    one, two, three = map(stream, bar)
    epochs = [stream(f"epoch {n}\n", "stdout") for n in (1, 2)]
    assert output_text([one, epochs[0], two, epochs[1], three]) == told


def test_an_error_in_colours_is_told_once():
    error = {"output_type": "error", "ename": "ValueError", "evalue": "\x1b[31mbad\x1b[0m"}
    error["traceback"] = ["\x1b[31mValueError\x1b[0m: bad"]
    assert output_text([error]) == "ValueError: bad"


WIDGETS = {
    "bar": {"state": {"_model_name": "HBoxModel", "children": ["IPY_MODEL_a", "IPY_MODEL_b"]}},
    "a": {"state": {"value": "train: 100%", "children": ["IPY_MODEL_bar"]}},
    "b": {"state": {"value": " 10/10 [00:01&lt;00:00]"}},
    "out": {"state": {"outputs": [stream("accuracy 0.9")]}},
}
STATE = "application/vnd.jupyter.widget-state+json"


@pytest.mark.parametrize(
    ("name", "metadata", "told"),
    [
        ("bar", {"widgets": {STATE: {"state": WIDGETS}}}, "train: 100%  10/10 [00:01<00:00]"),
        ("bar", {"widgets": {STATE: WIDGETS}}, "train: 100%  10/10 [00:01<00:00]"),
        ("out", {"widgets": {STATE: WIDGETS}}, "accuracy 0.9"),
        ("gone", {"widgets": {STATE: WIDGETS}}, "  0%"),
        ("bar", {"widgets": None}, "  0%"),
    ],
)
def test_a_widget_is_shown_as_it_ended(name, metadata, told):
    view = {"application/vnd.jupyter.widget-view+json": {"model_id": name}, "text/plain": "  0%"}
    output = {"output_type": "display_data", "metadata": {}, "data": view}
    cell = {"cell_type": "code", "execution_count": 1, "metadata": {}, "source": "x"}
    whole = {"cells": [{**cell, "outputs": [output]}], "metadata": metadata, "nbformat": 4}
    [read] = read_notebook(json.dumps({**whole, "nbformat_minor": 4}), "x").cells
    assert read.output == told


@pytest.mark.parametrize("html", ["<!--" * 9000, "</" * 20_000, "<a b='" * 9000, "<![x" * 9000])
def test_broken_html_takes_no_time(html):
    assert isinstance(html_text(html + "<p>end"), str)
    assert isinstance(svg_text(html), str)


WORD = st.from_regex(r"[a-z]{3,8}[0-9]", fullmatch=True, alphabet=CHARACTERS)
ESCAPED = st.sampled_from(["", "\x1b[31m", "\x1b[0m", "\x1b]0;title\x07", "\x1b[K"])
LINE = st.tuples(ESCAPED, WORD, ESCAPED, st.sampled_from(["", "\n", "\r\n"])).map("".join)


def bundle(kind, word):
    """One form of an output that says a word, as `nbconvert` would show it."""
    return {
        "text/plain": f"value {word}",
        "text/html": f"<div><style>p</style><table><tr><td>{word}</td></tr></table></div>",
        "text/markdown": f"**{word}**",
        "text/latex": f"$${word}$$",
        "image/svg+xml": f"<svg><g><text>{word}</text></g></svg>",
    }[kind]


RANKED = ("text/html", "text/markdown", "image/svg+xml", "text/latex", "text/plain")
"""Forms as `nbconvert` ranks them; it shows the first that there is."""
FORMS = st.dictionaries(st.sampled_from(RANKED), WORD, min_size=1, max_size=5)


@st.composite
def outputs(draw):
    """An output, and the words that nbconvert shows of it."""
    if draw(st.booleans()):
        words = draw(st.lists(WORD, min_size=1, max_size=4))
        ends = [draw(st.sampled_from(["\n", "\r\n", "\x1b[0m\n"])) for _ in words]
        text = "".join(f"{draw(ESCAPED)}{word}{end}" for word, end in zip(words, ends, strict=True))
        name = draw(st.sampled_from(["stdout", "stderr"]))
        made = {"output_type": "stream", "name": name, "text": draw(as_lines(text))}
        return made, words
    forms = draw(FORMS)
    data = {kind: draw(as_lines(bundle(kind, word))) for kind, word in forms.items()}
    first = next(kind for kind in RANKED if kind in forms)
    return {"output_type": "display_data", "metadata": {}, "data": data}, [forms[first]]


def as_lines(text):
    return st.sampled_from([text, text.splitlines(keepends=True)])


@st.composite
def changed_notebooks(draw):
    """A valid notebook changed in ways that Jupyter lives with or not, and its words."""
    made = draw(st.lists(outputs(), max_size=4))
    cell = {"cell_type": "code", "execution_count": 1, "metadata": {}, "source": "x"}
    cell["outputs"] = [output for output, _ in made]
    notebook = {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 4}
    words = [word for _, shown in made for word in shown]
    places = {"notebook": notebook, "cell": cell, **dict(enumerate(cell["outputs"]))}
    for place, key, value in draw(st.lists(CHANGES, max_size=3)):
        places.get(place, {})[key] = value
        if place == 0 or key in ("cells", "cell_type", "outputs"):
            words = []  # what nbconvert would show is another matter then
    return json.dumps(notebook), words


VALUES = (
    st.none() | st.integers() | any_text(max_size=5) | st.just([]) | st.just({}) | st.just([{}])
)
CHANGES = st.tuples(
    st.sampled_from(["notebook", "cell", "cell", 0]),
    st.sampled_from(
        [
            *("id", "outputExpanded", "metadata", "source", "outputs", "cell_type", "data", "text"),
            *("nbformat_minor", "cells", "execution_count", "output_type", "attachments"),
        ]
    ),
    VALUES,
)


@settings(max_examples=N_NOTEBOOKS)
@given(changed_notebooks())
def test_a_changed_notebook_is_refused_or_loses_nothing_that_is_shown(made):
    content, words = made
    try:
        notebook = read_notebook(content, "x")
    except DataError:
        return
    text = "\n".join(cell.output for cell in notebook.cells)
    assert "\x1b" not in text
    if len(text) < MAX_OUTPUT_CHARACTERS:
        assert [word for word in words if word not in text] == []


@settings(max_examples=N_NOTEBOOKS)
@given(st.text(st.sampled_from("ab1;[]()?KAm\r\n\x08\x07\x1b\x9b\\"), max_size=60))
def test_no_escape_and_no_control_is_left_of_any_text(text):
    for cleaned in (plain_text(text), screen_text(text)):
        assert not re.search(r"[\x00-\x08\x0e-\x1f\x7f\x9b]", cleaned)
    assert "\r" not in screen_text(text)


def test_an_object_among_the_lines_of_a_text_is_shown():
    told = shown(plain=["frame of\n", {"accuracy": [0.5]}, None])
    assert told == 'frame of\n{"accuracy": [0.5]}'


def test_what_follows_the_error_in_its_traceback_is_no_frame():
    lines = ["Cell In[1], line 2", "    1 / 0", "ValueError: bad", "  in column 7"]
    error = {"output_type": "error", "ename": "ValueError", "evalue": "bad", "traceback": lines}
    assert output_text([error]) == "ValueError: bad\n  in column 7"
