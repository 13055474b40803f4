"""Random tables over the spellings that people use: the same data set, or refused with the row."""

import csv
import gzip
import io
import json
import os
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memalign_bench.datasets.folder import FolderSource
from memalign_bench.errors import DataError, RequestError
from memalign_bench.types import DimensionRubric, Rubric, Scale

N_TABLES = int(os.environ.get("MEMALIGN_BENCH_TABLES", "200"))
"""How many random tables are tried."""

RUBRIC = Rubric(
    "threes",
    "answer",
    Scale((1, 2, 3), ("bad", "average", "good")),
    {"q": DimensionRubric("q", "Q", "Sound?", {1: "No.", 2: "So.", 3: "Yes."})},
)
TABLES = st.lists(
    st.tuples(st.integers(0, 4), st.integers(7, 9), st.sampled_from([1, 2, 3])),
    min_size=1,
    max_size=8,
    unique_by=lambda row: row[:2],
)
SPELL = {
    "plain": lambda n: n,
    "text": str,
    "float": float,
    "float text": lambda n: f"{n}.0",
    "padded": lambda n: f" {n} ",
    "word": lambda n: ("bad", "Average", "GOOD")[n - 1],
    "both": lambda n: f"{n} ({RUBRIC.scale.words[n - 1]})",
    "excel": lambda n: f'="{n}"',
}
SCORES = st.sampled_from(list(SPELL))
IDS = st.sampled_from(["plain", "text", "float"])
WAYS = st.sampled_from(["jsonl", "json", "csv", ";csv", "tsv", "jsonl.gz", "nested", "wide"])
ENCODINGS = st.sampled_from(["utf-8", "utf-8-sig", "utf-16"])
STRAYS = st.sampled_from(["fine", "3 (bad)", "2.5", [1, "x"], {"a": 1}, "N/A", 9, -1])


def source(folder, name, content):
    path = Path(folder, name)
    path.write_bytes(content)
    return FolderSource("files", str(path)).load(RUBRIC)


def rows_of(table, id_way="plain", score_way="plain"):
    return [
        {
            "item_id": SPELL[id_way](item),
            "content": f"Text number {item}.",
            "rater": SPELL[id_way](rater),
            "score": SPELL[score_way](score),
            "rationale": "",
        }
        for item, rater, score in table
    ]


def written(rows, way):
    if way == "json":
        return "t.json", json.dumps(rows)
    if way in ("csv", ";csv", "tsv"):
        sink = io.StringIO()
        sign = {"csv": ",", ";csv": ";", "tsv": "\t"}[way]
        writer = csv.DictWriter(sink, list(rows[0]), delimiter=sign)
        writer.writeheader()
        writer.writerows(rows)
        return f"t.{way.strip(';')}", sink.getvalue()
    if way == "nested":
        rows = [{**row, "labels": [row, None]} for row in rows]
    return "t.jsonl" + ".gz" * (way == "jsonl.gz"), "".join(json.dumps(row) + "\n" for row in rows)


def wide(rows):
    raters = sorted({str(int(float(row["rater"]))) for row in rows})
    table = {}
    for row in rows:
        one = table.setdefault(
            str(row["item_id"]),
            {"item_id": row["item_id"], "content": row["content"], **dict.fromkeys(raters)},
        )
        one[str(int(float(row["rater"])))] = row["score"]
    return list(table.values()), len(raters)


def load(path, rubric=RUBRIC, **more):
    return FolderSource("files", str(path), **more).load(rubric)


@settings(max_examples=N_TABLES)
@given(TABLES, WAYS, IDS, SCORES, ENCODINGS)
def test_every_spelling_of_a_table_is_the_same_data_set(table, way, ids, scores, encoding):
    if ids == "float" and ("csv" in way or way == "tsv"):
        ids = "text"  # a text is what it is: "7.0" in a csv names another item than "7"
    rows = rows_of(table, ids, scores)
    if way == "wide":
        rows, n_raters = wide(rows)
        if n_raters < 2:
            return
    name, text = written(rows, "jsonl" if way == "wide" else way)
    content = text.encode(encoding)
    with TemporaryDirectory() as folder:
        plain = source(folder, "p.jsonl", written(rows_of(table), "jsonl")[1].encode())
        made = source(folder, name, gzip.compress(content) if name.endswith("gz") else content)
    assert made.digest == plain.digest


@settings(max_examples=N_TABLES)
@given(TABLES, st.sampled_from(["jsonl", "json", "csv", ";csv", "tsv"]), STRAYS, st.data())
def test_a_stray_score_is_refused_with_its_row_and_a_remedy(table, way, stray, data):
    rows = rows_of(table)
    place = data.draw(st.integers(0, len(rows) - 1))
    rows[place]["score"] = stray
    with TemporaryDirectory() as folder:
        name, text = written(rows, way)
        try:
            source(folder, name, text.encode())
        except DataError as error:
            told = "\n".join(error.problems)
        else:
            raise AssertionError(f"{stray!r} was taken")
    row = f"{name}, row {place + 1}" if way == "json" else f"{name}:{place + 1 + (way != 'jsonl')}"
    assert row in told
    assert (
        "dataset.grades=" in told
        or "a grade is 1, 2 or 3" in told
        or "leave the score empty" in told
    )


TABLE = "item_id,content,case_id,rater,score\na,One text.,1,ann,3\nb,Another text.,2,bob,1\n"


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text + " , , , , \n" * 3,
        lambda text: text + ",,,,,,,\n" * 3,
        lambda text: "SEP=;\r\n" + text.replace(",", ";"),
        lambda text: '"sep=;"\n' + text.replace(",", ";"),
        lambda text: "".join(
            f"{row},{more}\n"
            for row, more in zip(text.splitlines(), ("dimension", "Q", "Q"), strict=True)
        ),
    ],
    ids=["blank rows", "long empty rows", "sep in capitals", "sep in quotes", "dimension's case"],
)
def test_what_spreadsheets_leave_around_a_table_changes_nothing(tmp_path, change):
    plain, changed = tmp_path / "plain.csv", tmp_path / "changed.csv"
    plain.write_text(TABLE)
    changed.write_text(change(TABLE))
    expected, found = (FolderSource("files", str(path)).load(RUBRIC) for path in (plain, changed))
    assert (found.item_list, found.label_list) == (expected.item_list, expected.label_list)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda text: text.replace("bob", "Ann"), "raters 'Ann', 'ann' are read as 2 people"),
        (
            lambda text: text.replace("ann", "1").replace("bob", "1.0"),
            "raters '1', '1.0' are read as 2 people",
        ),
        (
            lambda text: text.replace("score", "score,Score").replace(",3\n", ",3,1\n"),
            "column 'Score' is not read, since there is 'score'",
        ),
        (lambda text: text.replace(",3\n", ",3 - Good\n"), "1 score in the scale's words"),
        (
            lambda text: text.replace("ann", "Ann Lee").replace("bob", "ann  lee\u200b"),
            "raters 'Ann Lee', 'ann  lee\\u200b' are read as 2 people",
        ),
        (
            lambda text: text.replace(",1,ann", ",C1,ann").replace(",2,bob", ",c1,bob"),
            "cases 'C1', 'c1' are read as 2 cases",
        ),
        (
            lambda text: text.replace("a,One", "007,One").replace("b,A", "7,A"),
            "items '007', '7' are read as 2 items",
        ),
        (
            lambda text: text.replace(",1,ann", ",NA,ann").replace(",2,bob", ",NA,bob"),
            "2 items of the case 'NA': if that stands for none, leave case_id empty",
        ),
        (
            lambda text: text.replace("score", "score,note").replace(",3\n", ",3,x\n"),
            "columns not read: 'note'",
        ),
        (
            lambda text: text.replace("score", "score,text").replace(",3\n", ",3,x\n"),
            "column 'text' is not read, since another is the content",
        ),
    ],
    ids=[
        *("case", "float", "column", "word", "blanks", "case of cases", "zeros", "placeholder"),
        *("unread", "text"),
    ],
)
def test_what_may_be_meant_otherwise_is_told(tmp_path, change, told):
    path = tmp_path / "t.csv"
    path.write_text(change(TABLE))
    found = FolderSource("files", str(path)).load(RUBRIC)
    assert [label.score for label in found.label_list] == [3, 1]
    assert told in " ".join(found.told)


@pytest.mark.parametrize("score", ["\uff13", "\u0663", "3\u200b", "\u00a03"])
def test_digits_of_any_script_are_a_grade(tmp_path, score):
    path = tmp_path / "t.csv"
    path.write_text(TABLE.replace(",3\n", f",{score}\n"))
    assert [label.score for label in load(path).label_list] == [3, 1]
    path.write_text(TABLE.replace(",3\n", ",\u00b3\n"))  # a footnote's number
    with pytest.raises(DataError, match="leave it empty"):
        load(path)


def test_large_numbers_name_items(tmp_path):
    path = tmp_path / "t.jsonl"
    rows = [{"item_id": 2**62 + n, "content": f"t{n}", "score": 3} for n in range(2)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert list(load(path).item) == [str(2**62), str(2**62 + 1)]


def test_what_r_writes_for_missing_values(tmp_path):
    apart = DimensionRubric("q", "Q", "Sound?", RUBRIC.dimensions["q"].levels, "None of it.")
    path = tmp_path / "t.csv"
    path.write_text(TABLE.replace("score", "score,rationale").replace(",3\n", ",NA,NA\n"))
    found = load(path, rubric=replace(RUBRIC, dimensions={"q": apart}))
    assert [label.rationale for label in found.label_list] == ["", ""]
    assert "1 score 'NA' read as not applicable" in " ".join(found.told)


def test_columns_are_ours_whatever_cannot_be_seen_in_their_names(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("\ufeff\ufeff" + TABLE.replace("score", "Score\u200b"))
    assert [label.score for label in load(path).label_list] == [3, 1]


def test_a_score_beside_labels_is_told(tmp_path):
    row = {"item_id": "a", "content": "One.", "score": 3, "labels": [{"rater": "r", "score": 1}]}
    (tmp_path / "t.jsonl").write_text(json.dumps(row))
    found = load(tmp_path / "t.jsonl")
    assert [label.score for label in found.label_list] == [1]
    assert "1 row with labels and a score beside them, which is not read." in found.told


def test_numbers_of_unlabelled_items_are_no_raters(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text(WIDE.replace("2,3,2", "2,9,2"))
    assert {label.rater for label in load(path, unlabelled=True).label_list} == {"ann", "bob"}
    with pytest.raises(DataError, match="holds grades but for '9'"):
        load(path)


def test_two_columns_that_may_be_one_of_ours_are_refused(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text(TABLE.replace("score", "Score,SCORE").replace(",3\n", ",3,1\n"))
    with pytest.raises(DataError, match=r"columns 'SCORE', 'Score' may each be score"):
        load(path)
    assert [one.score for one in load(path, columns={"score": "Score"}).label_list] == [3, 1]


@pytest.mark.parametrize("columns", [{"rater": "score"}, {"score": "rationale"}])
def test_a_column_of_scores_holds_nothing_else(tmp_path, columns):
    (tmp_path / "t.csv").write_text(TABLE)
    with pytest.raises(RequestError, match="as score and as"):
        load(tmp_path / "t.csv", columns=columns)


WIDE = "item_id,content,ann,bob,cy,mean\na,One,3,2,1,2\nb,Two,1,2,3,2\nc,Three,2,2,2,2\n"


def test_a_rater_is_not_lost_to_one_stray_cell_and_a_mean_is_none(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text(WIDE)
    assert {label.rater for label in load(path).label_list} == {"ann", "bob", "cy"}
    path.write_text(WIDE.replace("2,3,2", "2,2.5,2"))
    with pytest.raises(DataError, match=r"t.csv:3: column 'cy' holds grades but for '2.5'"):
        load(path)
    assert len(load(path, raters=["ann", "bob"]).label_list) == 6


def test_of_very_many_columns_the_first_are_named(tmp_path):
    names = [f"r{number}" for number in range(300)]
    path = tmp_path / "t.csv"
    path.write_text(f"item_id,content,{','.join(names)}\na,One{',1' * 300}\nb,Two{',2' * 300}\n")
    data = load(path)
    assert len(data.label_list) == 600
    [told] = [line for line in data.told if "are read as raters" in line]
    assert "'r19', ... (300) are read as raters" in told


def test_one_column_a_dimension(tmp_path):
    other = replace(RUBRIC.dimensions["q"], name="tone")
    both = replace(RUBRIC, dimensions={**RUBRIC.dimensions, "tone": other})
    path = tmp_path / "t.csv"
    path.write_text("item_id,content,rater,Q,tone\na,One,ann,3,2\nb,Two,ann,,1\n")
    found = load(path, rubric=both)
    assert [(one.item_id, one.dimension, one.score) for one in found.label_list] == [
        *[("a", "q", 3), ("a", "tone", 2), ("b", "tone", 1)]
    ]
    assert "scores of dimensions are read from columns 'Q', 'tone'" in " ".join(found.told)
    # A column that is no dimension of the rubric is no rater either.
    assert [one.score for one in load(path).label_list] == [3]


@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz"])
@pytest.mark.parametrize("packed", [True, False])
def test_a_file_is_unpacked_where_it_is_packed_whatever_its_name(tmp_path, name, packed):
    path = tmp_path / name
    path.write_bytes(gzip.compress(TABLE.encode()) if packed else TABLE.encode())
    assert len(load(path).label_list) == 2


def test_a_word_of_the_scale_is_a_grade_unless_the_data_set_says_otherwise(tmp_path):
    scale = Scale((1, 2, 3), ("none", "some", "all"))
    rubric = replace(RUBRIC, scale=scale)
    path = tmp_path / "t.csv"
    path.write_text(TABLE.replace(",3\n", ",none\n").replace(",1\n", ",Some\n"))
    for grades, scores in (({}, [1, 2]), ({"some": 3}, [1, 3])):
        found = FolderSource("files", str(path), grades=grades).load(rubric)
        assert [label.score for label in found.label_list] == scores
