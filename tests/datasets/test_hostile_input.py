"""Whatever lies in the files, loaders answer with data or with `DataError`, in bounded time."""

import json
import tracemalloc
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.any_text import any_text

from memalign_bench.datasets.folder import FolderSource
from memalign_bench.datasets.tabular import tables
from memalign_bench.errors import DataError
from memalign_bench.notebooks import parse
from memalign_bench.notebooks.terminal import says_nothing
from memalign_bench.types import DimensionRubric, Rubric, Scale

RUBRIC = Rubric(
    "fives",
    "answer",
    Scale((1, 2, 3), ("bad", "average", "good")),
    {"q": DimensionRubric("q", "Q", "Sound?", {1: "No.", 2: "So.", 3: "Yes."}, "Never.")},
)
KEYS = st.sampled_from(
    ["item_id", "case_id", "content", "dimension", "rater", "score", "rationale", "labels", "fold"]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | any_text(max_size=8) | st.just("q"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=8,
)
PROPERTY = settings(max_examples=80, suppress_health_check=[HealthCheck.too_slow], deadline=None)


def load(path):
    return FolderSource("files", str(path)).load(RUBRIC)


def loads_or_tells(name, content):
    with TemporaryDirectory() as folder:
        path = Path(folder, name)
        path.write_bytes(content)
        try:
            held = load(path).label_list
        except DataError as error:
            held = error.problems
        assert held


@PROPERTY
@given(st.binary(max_size=200), st.sampled_from(tables.SUFFIXES))
def test_any_bytes(content, suffix):
    loads_or_tells(f"mine{suffix}", content)


@PROPERTY
@given(st.lists(st.dictionaries(KEYS, VALUES, max_size=9) | VALUES, max_size=4))
def test_any_json(rows):
    loads_or_tells("mine.jsonl", "\n".join(map(json.dumps, rows)).encode())


@PROPERTY
@given(st.text(alphabet='ab,"\n\r\t\x00;1', max_size=120))
def test_any_csv(text):
    head = "item_id,case_id,content,rater,score,rationale\n"
    loads_or_tells("mine.csv", (head + text).encode())


LABEL = st.fixed_dictionaries(
    {
        "rater": st.text("abc", min_size=1, max_size=2),
        "score": st.integers(1, 3),
        "rationale": any_text(max_size=20).filter(lambda text: "\x00" not in text),
    }
)
ITEMS = st.dictionaries(
    st.text("xyz0", min_size=1, max_size=4),
    st.tuples(
        any_text(min_size=1, max_size=30).filter(
            lambda text: "\x00" not in text and not says_nothing(text)
        ),
        st.lists(LABEL, min_size=1, max_size=3, unique_by=lambda label: label["rater"]),
    ),
    min_size=1,
    max_size=5,
)


@PROPERTY
@given(ITEMS)
def test_what_is_sound_loads_and_comes_back_the_same(items):
    rows = [
        {"item_id": item_id, "case_id": "c", "content": content, "dimension": "q", **label}
        for item_id, (content, labels) in items.items()
        for label in labels
    ]
    digests = set()
    with TemporaryDirectory() as folder:
        path = Path(folder, "mine.jsonl")
        path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
        digests.add(load(path).digest)
        other = Path(folder, "mine.parquet")
        kept = [{key: _storable(value) for key, value in row.items()} for row in rows]
        pd.DataFrame(kept).to_parquet(other)
        digests.add(load(other).digest)
        assert len(load(path).label_list) == len(rows)
    assert len(digests) == 1


def _storable(value):
    """Parquet holds no lone surrogate; the loader writes a question mark for one."""
    return parse.without_surrogates(value) if isinstance(value, str) else value


def folder_of(path, notebook):
    (path / "notebooks").mkdir(parents=True)
    (path / "notebooks" / "n.ipynb").write_bytes(notebook)
    head = "item_id,case_id,dimension,rater,score,rationale\n"
    (path / "labels.csv").write_text(head + "n,c,q,ann,2,So.\n")
    return path


def as_notebook(source="x = 1", **output):
    cell = {"cell_type": "code", "execution_count": 1, "id": "a", "metadata": {}, "outputs": []}
    if output:
        cell["outputs"] = [{"output_type": "stream", "name": "stdout", **output}]
    made = {"cells": [{**cell, "source": source}], "metadata": {}, "nbformat": 4}
    return {**made, "nbformat_minor": 5}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"null",
        b"[]",
        b"{",
        b'{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": 7}',
        b'{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [null]}',
        b'{"nbformat": 3, "worksheets": "x"}',
        json.dumps(as_notebook()).encode()[:-20],
        b"[" * 200_000,
        b'{"a":' * 100_000,
        b"\xff\xfe\x00",
        json.dumps(as_notebook()).encode().replace(b"5}", b"9" * 5000 + b"}"),
    ],
    ids=lambda content: repr(content[:24]),
)
def test_malformed_notebooks_are_refused_by_name(tmp_path, content):
    with pytest.raises(DataError, match=r"notebooks/n.ipynb"):
        load(folder_of(tmp_path / "d", content))


@pytest.mark.parametrize(
    "made",
    [
        as_notebook("<script>alert(1)</script>"),
        as_notebook("x = '\ud800'"),
        as_notebook(text="NaN " * 1000),
        as_notebook(text="y" * 5_000_000),
    ],
    ids=["script", "surrogate", "nan", "long output"],
)
def test_odd_but_valid_notebooks_are_read(tmp_path, made):
    data = load(folder_of(tmp_path / "d", json.dumps(made).encode()))
    assert list(data.item) == ["n"]
    data.item["n"].content.encode("utf-8")


def test_a_link_that_leads_to_itself_is_told_and_the_others_go_on(tmp_path):
    folder = folder_of(tmp_path / "d", json.dumps(as_notebook()).encode())
    (folder / "notebooks" / "loop.ipynb").symlink_to("loop.ipynb")
    (folder / "notebooks" / "gone.ipynb").symlink_to("nowhere.ipynb")
    told = " ".join(load(folder).told)
    assert "notebooks/gone.ipynb: a link to a file that is not there." in told
    assert "notebooks/loop.ipynb: a link that leads to itself." in told


def test_a_huge_notebook_is_refused_without_being_read(tmp_path):
    folder = folder_of(tmp_path / "d", b"")
    with (folder / "notebooks" / "n.ipynb").open("wb") as file:
        file.truncate(200_000_000)
    tracemalloc.start()
    with pytest.raises(DataError, match=r"200,000,000 bytes; the limit is 20,000,000"):
        load(folder)
    assert tracemalloc.get_traced_memory()[1] < 50_000_000
    tracemalloc.stop()


def test_huge_tables_are_refused_without_being_read(tmp_path, monkeypatch):
    path = tmp_path / "mine.jsonl"
    with path.open("wb") as file:
        file.truncate(tables.MAX_TABLE_BYTES + 1)
    with pytest.raises(DataError, match="the limit is"):
        load(path)
    packed = tmp_path / "packed.parquet"
    pd.DataFrame({"item_id": ["x" * 100_000] * 50}).to_parquet(packed)
    monkeypatch.setattr(tables, "MAX_TABLE_BYTES", 20_000)
    with pytest.raises(DataError, match="the limit is"):
        load(packed)


@pytest.mark.parametrize(
    ("name", "content", "fault"),
    [
        ("mine.csv", b"item_id,case_id\n", "holds no rows"),
        ("mine.jsonl", b"\n\n", "holds no rows"),
        ("mine.parquet", b"PAR1 is not enough", "not a Parquet file"),
        ("mine.txt", b"x", "not one of .csv, .jsonl, .parquet"),
        ("mine.csv", b'item_id,score\n"a,1\n', "mine.csv:2: not a table (unexpected end of data"),
        (
            "mine.csv",
            b"item_id,case_id,content,rater,score,rationale\na,b,c,d,1,e,f\n",
            "more cells",
        ),
        ("mine.csv", b"score,score\n1,2\n", "column 'score' stands twice"),
    ],
)
def test_files_that_are_no_table_are_told(tmp_path, name, content, fault):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError) as caught:
        load(tmp_path / name)
    assert fault in "\n".join(caught.value.problems)


def test_a_folder_in_place_of_a_file(tmp_path):
    folder = folder_of(tmp_path / "d", json.dumps(as_notebook()).encode())
    (folder / "labels.csv").unlink()
    (folder / "labels.csv").mkdir()
    with pytest.raises(DataError, match=r"labels\.csv: there is no such file"):
        load(folder)
    with pytest.raises(DataError, match="no such folder or file"):
        load(tmp_path / "nowhere")


def test_many_problems_are_counted_and_the_first_are_shown(tmp_path):
    rows = [
        {
            "item_id": f"i{n}",
            "case_id": "c",
            "content": "t",
            "rater": "a",
            "score": 9,
            "rationale": "",
        }
        for n in range(5_000)
    ]
    path = tmp_path / "mine.jsonl"
    rows = [{**row, "rationale": ""} for row in rows]
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    with pytest.raises(DataError) as caught:
        load(path)
    assert len(caught.value.problems) == 5_000
    assert "and 4950 more" in str(caught.value)
