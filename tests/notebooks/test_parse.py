import json

import pytest
from hypothesis import given
from nbformat import v4
from tests.any_text import any_text

from memalign_bench.errors import DataError
from memalign_bench.notebooks.parse import MAX_BYTES, read_notebook


def content(*cells):
    return json.dumps(v4.new_notebook(cells=list(cells)))


def test_reads_source_output_and_count():
    output = [v4.new_output("stream", text="\x1b[31m12 rows\x1b[0m\n")]
    cell = v4.new_code_cell("df.shape", outputs=output, execution_count=7)
    [read] = read_notebook(content(cell), "a.ipynb").cells
    assert (read.source, read.output, read.execution_count) == ("df.shape", "12 rows", 7)


def test_images_never_come_along():
    data = {"image/png": "iVBORw0KGgo" * 1000, "text/plain": "<Figure>"}
    cell = v4.new_code_cell("plot()", outputs=[v4.new_output("display_data", data=data)])
    [read] = read_notebook(content(cell), "a.ipynb").cells
    assert read.output == "[image]"


FRAMES = [
    "\x1b[31m------\x1b[39m",
    "KeyError       Traceback (most recent call last)",
    "File ~/x.py:3, in get(key)\n      2 def get(key):\n----> 3     return df[key]",
    "Cell In[2], line 1\n----> 1 get('age')",
    "\x1b[31mKeyError\x1b[39m: 'age'",
]


@pytest.mark.parametrize(
    ("traceback", "more"),
    [(FRAMES, ""), ([*FRAMES, "columns are: years"], "\ncolumns are: years"), (["x 7"], "\nx 7")],
)
def test_an_error_shows_name_and_message_and_no_frames(traceback, more):
    output = v4.new_output("error", ename="KeyError", evalue="'age'", traceback=traceback)
    [read] = read_notebook(content(v4.new_code_cell("df['age']", outputs=[output])), "a").cells
    assert read.output == f"KeyError: 'age'{more}"


def test_huge_output_is_bounded():
    output = v4.new_output("stream", text="x" * 1_000_000)
    [read] = read_notebook(content(v4.new_code_cell("p()", outputs=[output])), "a").cells
    assert len(read.output) == 20_000


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "not valid JSON"),
        ("", "not valid JSON"),
        ("[1, 2]", "not a notebook"),
        ('{"cells": [{"cell_type": "code"}], "metadata": {}, "nbformat": 4}', "not a"),
        ('{"a": ' * 100_000, "nested too deeply|not valid JSON"),
        (" " * (MAX_BYTES + 1), "the limit is"),
    ],
)
def test_what_is_no_notebook_is_named(text, told):
    with pytest.raises(DataError, match=told) as caught:
        read_notebook(text, "case-a.ipynb")
    assert caught.value.where == "case-a.ipynb"


CELL = {"cell_type": "code", "execution_count": 1, "metadata": {}, "outputs": []}
WHOLE = {"cells": [{**CELL, "source": "x = 1"}], "metadata": {}, "nbformat": 4, "nbformat_minor": 2}


def cell(**changes):
    return {**WHOLE["cells"][0], **changes}


@pytest.mark.parametrize(
    "changes",
    [
        {"metadata": ...},
        {"nbformat": ...},
        {"nbformat": "4"},
        {"nbformat": 4.0},
        {"cells": [{"cell_type": "code", "source": "x = 1"}]},
        {"cells": [cell(metadata=None)]},
        {"cells": [cell(source=["x = 1", None])]},
        {"cells": [cell(outputs=["?", {"output_type": "display_data", "data": None}])]},
        {"cells": [cell(outputs=5)]},
        {"cells": [None, cell()]},
    ],
)
def test_what_a_notebook_lacks_keeps_nobody_from_reading_its_cells(changes):
    changed = {key: value for key, value in {**WHOLE, **changes}.items() if value is not ...}
    read = read_notebook(json.dumps(changed), "x")
    assert [cell.source for cell in read.cells if cell.source] == ["x = 1"]
    assert read.mended


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("null", "is an object with a list of cells"),
        ("{}", "nbformat is missing"),
        (json.dumps({**WHOLE, "nbformat": 5}), "Unsupported nbformat version 5"),
        (json.dumps({**WHOLE, "cells": None}), "is an object with a list of cells"),
        (" \n", "the file is empty"),
        ("{\n<<<<<<<\n=======\n>>>>>>>\n}", "line 2: the marks of a merge conflict"),
        ('{\n "cells": [],\n=======\n}', r"line 3, at '.*======="),
    ],
)
def test_what_cannot_be_read_is_told_in_the_words_of_the_format(text, told):
    with pytest.raises(DataError, match=told):
        read_notebook(text, "x")


def test_a_pasted_picture_leaves_room_for_the_text_beside_it():
    pasted = f"![a](data:image/png;base64,{'QUJD' * 5000}) Loss falls."
    [read] = read_notebook(content(v4.new_markdown_cell(pasted)), "x").cells
    assert read.source == "![a](data:image/png;base64,...) Loss falls."


@given(any_text())
def test_any_text_is_read_or_refused(text):
    try:
        read_notebook(text, "x")
    except DataError:
        return


@given(any_text(), any_text())
def test_any_cell_text_can_be_written_as_utf8(source, printed):
    cell = v4.new_code_cell(source, outputs=[v4.new_output("stream", text=printed)])
    [read] = read_notebook(content(cell), "x").cells
    assert (read.source + read.output).encode("utf-8") is not None
    assert "\x00" not in read.source + read.output
