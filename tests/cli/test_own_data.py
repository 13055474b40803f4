"""Tables and notebooks as people have them, through the command line."""

import contextlib
import gzip
import io
import json
import re
from decimal import Decimal

import pandas as pd
import pytest

from memalign_bench.cli import main
from memalign_bench.report.numbers.analysis import Analysis
from memalign_bench.report.numbers.frames import load_study
from memalign_bench.report.numbers.summary import summary

WORDS = ["sun", "rain", "wind", "snow", "hail", "fog", "frost", "storm", "cloud", "thaw"]


VALIDATE = ["validate", "rubric=planted", "dataset=files", "gold=median"]


def rows(n_items=10, **more):
    return [
        {
            "item_id": f"i{n}",
            "case_id": f"c{n}",
            "content": f"The {WORDS[n]} came and note {n} says what of it was seen by whom.",
            "rater": rater,
            "score": 1 + (n + (rater == "bob" and n == 4)) % 3,
            "rationale": f"Because {rater} saw {WORDS[n]}.",
            **more,
        }
        for n in range(n_items)
        for rater in ("ann", "bob")
    ]


def twice():
    """Rows, each with whether it is an item's second."""
    return [(n % 2, row) for n, row in enumerate(rows())]


def without(column, table=None):
    return [{k: v for k, v in row.items() if k != column} for row in table or rows()]


def jsonl(table):
    return "".join(json.dumps(row) + "\n" for row in table)


def separated(table, sign=","):
    head = list(table[0])
    cells = [head, *([row[name] for name in head] for row in table)]
    return "".join(sign.join("" if c is None else str(c) for c in line) + "\n" for line in cells)


def validate(capsys, path, *more):
    code = main([*VALIDATE, f"dataset.path={path}", *more])
    told = capsys.readouterr()
    return code, told.out + told.err


@pytest.mark.parametrize("nothing", ["", "null"])
def test_an_empty_path_is_no_bundled_corpus(capsys, nothing):
    code, told = validate(capsys, nothing)
    assert code == 2
    assert "dataset.path must name a folder or a file; it names none" in told


def saved(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def digest(told):
    return told.split("digest ")[1].split(",")[0]


@pytest.fixture(scope="module")
def plain_digest(tmp_path_factory):
    """The digest of the rows as they are."""
    path = saved(tmp_path_factory.mktemp("plain"), "plain.jsonl", jsonl(rows()))
    with contextlib.redirect_stdout(io.StringIO()) as told:
        assert main([*VALIDATE, f"dataset.path={path}"]) == 0
    return digest(told.getvalue())


def quoted_names():
    """Rows whose first one names the columns, too."""
    return [{f' "{key}"': value for key, value in row.items()} for row in rows()]


def listed():
    """One row an item, with lists of scores, rationales and raters."""
    table = rows()
    names = ("rater", "score", "rationale")
    pairs = zip(table[::2], table[1::2], strict=True)
    return [{**one, **{name: [one[name], other[name]] for name in names}} for one, other in pairs]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.json", json.dumps(rows())),
        ("t.json", json.dumps({"version": 1, "data": rows()})),
        ("t.json", jsonl(rows())),
        ("t.tsv", separated(rows(), "\t")),
        ("t.csv", separated(rows(), ";")),
        ("t.csv", "sep=;\n" + separated(rows(), ";")),
        ("t.csv", "\ufeff" + separated(rows())),
        ("t.csv", separated(rows()).encode("utf-16")),
        ("t.csv", separated(rows()).replace("\n", "\r\n")),
        ("t.jsonl", jsonl(rows()).encode("utf-16-le")),
        ("t.csv.gz", gzip.compress(separated(rows()).encode())),
        ("t.jsonl.gz", gzip.compress(jsonl(rows()).encode())),
        ("t.jsonl", jsonl({**row, "score": str(row["score"])} for row in rows())),
        ("t.csv", separated([{**row, "score": f"{row['score']}.0"} for row in rows()])),
        ("t.csv", separated([{**row, "score": f"{row['score']},0"} for row in rows()], ";")),
        ("t.csv", "\n \nsep=;\n" + separated(rows(), ";")),
        ("t.csv", separated([{k: f' "{v}"' for k, v in row.items()} for row in quoted_names()])),
        ("t.tsv", separated(rows())),
        ("t.jsonl", json.dumps(rows(), indent=1)),
        ("t.json", json.dumps({key: [row[key] for row in rows()] for key in rows()[0]})),
        ("t.csv", separated(rows()).replace("item_id,case_id,", "Item ID,Case-ID,")),
        ("t.json", json.dumps([{f" {k.title()}": v for k, v in row.items()} for row in rows()])),
        ("t.csv", separated([{**row, "rater": f"{row['rater']} "} for row in rows()])),
        ("t.jsonl", jsonl({**r, "item_id": f" {r['item_id']}"} for r in rows())),
        ("t.jsonl", jsonl({**r, "dimension": " planted_quality"} for r in rows())),
        ("t.json", json.dumps(listed())),
    ],
)
def test_one_table_in_many_formats_is_one_data_set(tmp_path, capsys, plain_digest, name, content):
    code, told = validate(capsys, saved(tmp_path, name, content))
    assert code == 0, told
    assert digest(told) == plain_digest
    assert "It supports claims on planted_quality" in told


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (without("case_id"), "10 items without case_id, each a case of its own"),
        (rows(case_id=""), "10 items without case_id, each a case of its own"),
        (without("rationale"), "no label has a rationale"),
        ([{**row, "rationale": ""} for row in rows()[:3]] + rows()[3:], "3 of 20 labels have no"),
        (without("rater", rows()[::2]), "no rater is named: all labels are read as one rater's"),
        ([{**rows()[0], "score": None}, *rows()[1:]], "1 score missing"),
        ([{**rows()[0], "score": float("nan")}, *rows()[1:]], "1 score missing"),
        ([{**row, "rationale": float("nan")} for row in rows()], "no label has a rationale"),
        (
            [{**row, "score": row["score"] > 1} for row in rows()],
            "true and false are read as 3 and 1",
        ),
        ([{**row, "score": str(row["score"] > 1)} for row in rows()], "read as 3 and 1"),
        ([{**row, "rater": 7} for row in rows()[::2]], "one rater only"),
        (
            [{**row, "rater": "", "score": [3, None, 2], "rationale": None} for row in rows()[::2]],
            "10 scores missing",
        ),
        ([{**row, "score": []} if not n else row for n, row in enumerate(rows())], "1 score miss"),
        ([{**rows()[0], "score": "<NA>"}, *rows()[1:]], "1 score missing"),
        (rows(case_id="nan"), "10 items without case_id, each a case of its own"),
        (rows(rationale="None"), "no label has a rationale"),
        ([{**row, "rater": "NaN"} for row in rows()[::2]], "no rater is named"),
        (
            [{**r, "item_id": ("e\u0301" if n else "\u00e9") + r["item_id"]} for n, r in twice()],
            "10 rows with an item_id in other blanks or another Unicode form",
        ),
        (
            [{key.upper(): v for key, v in row.items()} for row in rows()],
            "'SCORE' is read as score",
        ),
    ],
)
def test_what_may_be_left_out_is_told(tmp_path, capsys, table, said):
    code, told = validate(capsys, saved(tmp_path, "t.jsonl", jsonl(table)))
    assert code == 0, told
    assert said in " ".join(told.split())


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        (
            "t.csv",
            separated(rows()).replace("rationale", "score", 1),
            "column 'score' stands twice",
        ),
        ("t.csv", "", "holds no rows"),
        ("t.json", " ", "holds no rows"),
        ("t.csv", separated(rows()[:1]).split("\n")[0], "holds no rows"),
        ("t.csv", b"PK\x03\x04 and more", "a workbook; save its sheet as CSV"),
        ("t.xlsx", b"anything", "a workbook; save its sheet as CSV"),
        ("t.csv", "# mine\n" + separated(rows()), "t.csv:1: every row below has more cells"),
        ("t.csv", separated(rows()).replace("The wind", '"The wind'), r"t.csv:7: not a table"),
        (
            "t.jsonl",
            jsonl(rows()) + "null\n",
            "t.jsonl:21: not an object {COLUMN: VALUE, ...} but null",
        ),
        (
            "t.json",
            json.dumps([*rows(), None]),
            "row 21: not an object {COLUMN: VALUE, ...} but null",
        ),
        ("t.jsonl", jsonl(rows()).replace("}", ', "score": 9}', 1), "key 'score' stands twice"),
        ("t.jsonl", json.dumps(rows()[0], indent=1) * 2, "An object a line is looked for"),
        (
            "t.jsonl",
            jsonl([{**rows()[0], "labels": {"ann": 1, "bob": 2}}]),
            "column 'score' is missing; there are 'ann', 'bob'",
        ),
        (
            "t.jsonl",
            jsonl([{**rows()[0], "content": ["x"]}, *rows()[1:]]),
            "name the column that holds what is judged: dataset.columns={content: NAME}",
        ),
        (
            "t.jsonl",
            jsonl([{**rows()[0], "rater": ""}, *rows()[1:]]),
            "no rater is named, and others are; name each label's rater, or none",
        ),
    ],
)
def test_what_is_wrong_with_a_table_is_told_once(tmp_path, capsys, name, content, said):
    code, told = validate(capsys, saved(tmp_path, name, content))
    assert code == 2
    assert ": 1 problem\n" in told
    assert said in told


def test_a_table_of_tabs_may_hold_quotes_as_they_are(tmp_path, capsys):
    table = separated(rows(), "\t").replace("The wind", '"The" wind')
    assert validate(capsys, saved(tmp_path, "t.tsv", table))[0] == 0


def test_decimals_of_a_database_are_numbers(tmp_path, capsys):
    table = pd.DataFrame([{**row, "score": Decimal(row["score"])} for row in rows()])
    table.to_parquet(tmp_path / "t.parquet")
    code, told = validate(capsys, tmp_path / "t.parquet")
    assert code == 0, told
    assert digest(told) == digest(validate(capsys, saved(tmp_path, "p.jsonl", jsonl(rows())))[1])


def test_a_parquet_file_is_read_under_another_ending(tmp_path, capsys):
    pd.DataFrame(rows()).to_parquet(tmp_path / "export.csv")
    code, told = validate(capsys, tmp_path / "export.csv")
    assert code == 0, told
    assert digest(told) == digest(validate(capsys, saved(tmp_path, "p.jsonl", jsonl(rows())))[1])


def test_ids_that_look_the_same_are_of_one_item(tmp_path, capsys):
    table = [{**row, "item_id": ("e\u0301", "\u00e9")[n // 2]} for n, row in enumerate(rows()[:4])]
    code, told = validate(capsys, saved(tmp_path, "t.jsonl", jsonl(table)))
    assert code == 2
    assert "has another content than in its first row (t.jsonl:1, as 'e\\u0301')" in told


@pytest.mark.parametrize(
    ("key", "said"),
    [
        (
            "grades={1: good}",
            "dataset.grades={1: good}: a word stands for one grade, which is 1, 2 or",
        ),
        ("grades={1: 9}", "dataset.grades={1: 9}: a word stands for one grade"),
        ("grades={1: true}", "a word stands for one grade"),
        ("grades={Poor: 1, poor: 2}", "dataset.grades={poor: 2}: a word stands for one grade"),
        ("grades=poor", "dataset.grades must be {WORD: GRADE, ...}, got 'poor'"),
        ("grades=[1,2]", "Cannot merge DictConfig with ListConfig"),
        ("grades={'a': 1}", "a name takes no quotes"),
        ("columns={rater: nobody}", "column 'nobody' is missing"),
        ("columns=score", "dataset.columns must be {OURS: YOURS}, got 'score'"),
        ("raters=score", "dataset.raters must be a list of columns"),
        ("raters=[score,score]", "dataset.raters must be a list of columns, each once"),
    ],
)
def test_what_is_said_of_a_table_is_checked(tmp_path, capsys, key, said):
    path = saved(tmp_path, "t.jsonl", jsonl(rows()))
    code, told = validate(capsys, path, f"dataset.{key}")
    assert code == 2
    assert said in " ".join(told.split())
    assert "Traceback" not in told


def test_words_and_columns_are_known_however_they_are_written(tmp_path, capsys):
    words = [" Poor", "FINE", "great "]
    table = [{**without("score", [row])[0], "1": words[row["score"] - 1]} for row in rows()]
    path = saved(tmp_path, "t.csv", separated(table))
    keys = ["dataset.columns={score: 1}", "dataset.grades={poor: 1, fine: 2, Great: 3}"]
    code, told = validate(capsys, path, *keys)
    assert code == 0, told
    assert digest(told) == digest(validate(capsys, saved(tmp_path, "p.jsonl", jsonl(rows())))[1])


def test_one_column_a_rater(tmp_path, capsys):
    wide = [
        {
            **{k: row[k] for k in ("item_id", "case_id", "content")},
            "ann": row["score"],
            "bob": row["score"] if n else None,
        }
        for n, row in enumerate(rows()[::2])
    ]
    path = saved(tmp_path, "t.csv", separated(wide))
    code, told = validate(capsys, path)
    assert code == 0, told
    assert "columns 'ann', 'bob' are read as raters" in told
    assert "19 labels by 2 raters" in told
    wide[2]["bob"] = "maybe"
    path = saved(tmp_path, "t.csv", separated(wide))
    told = validate(capsys, path)[1]
    assert "t.csv:4: column 'bob' holds grades but for 'maybe'" in told
    assert "the raters' columns: dataset.raters=[NAME, NAME]" in told
    assert "no items at all" not in told  # which follows from it
    code, told = validate(capsys, path, "dataset.raters=[ann,bob]")
    assert code == 2
    assert "t.csv:4, column 'bob': score 'maybe' is not a number" in told


def test_a_later_grade_replaces_an_earlier_one_where_that_is_said(tmp_path, capsys):
    again = [*rows(), {**rows()[0], "score": 3}]
    path = saved(tmp_path, "t.jsonl", jsonl(again))
    code, told = validate(capsys, path)
    assert code == 2
    assert "t.jsonl:21" in told
    assert "(t.jsonl:1: 1, here 3)" in told
    assert "dataset.repeated=latest" in told
    code, told = validate(capsys, path, "dataset.repeated=latest")
    assert code == 0
    assert "1 grade replaced by a later one" in told
    assert validate(capsys, path, "dataset.repeated=first")[0] == 2


@pytest.mark.parametrize("name", ["a=b", "my data (1)", "ä,b", "[x]", "it's"])
def test_paths_as_people_have_them(tmp_path, capsys, name):
    (tmp_path / name).mkdir()
    path = saved(tmp_path / name, "t.jsonl", jsonl(rows()))
    assert validate(capsys, path)[0] == 0


def test_the_home_folder(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    saved(tmp_path, "t.jsonl", jsonl(rows()))
    assert validate(capsys, "~/t.jsonl")[0] == 0


def test_other_bytes_are_refused_with_their_line(tmp_path, capsys):
    table = separated(rows()).replace("note 3", "naïve 3").encode("latin-1")
    code, told = validate(capsys, saved(tmp_path, "t.csv", table))
    assert code == 2
    assert "t.csv: line 8: not UTF-8" in told
    assert "as Windows-1252 it reads 'naïve'; save it as UTF-8" in told


@pytest.mark.parametrize(
    ("table", "why"),
    [
        ([{**row, "score": 2} for row in rows()], "every gold score is 2"),
        (
            [{**row, "content": "Yes, it is."} for row in rows()],
            "1 case, near-duplicates counted once",
        ),
        (
            [
                {**row, "content": "Paris is the capital of the country of France."}
                for row in rows()
            ],
            "10 items of different cases are near-duplicates",
        ),
        (rows(7), "7 applicable items; under 8"),
        (
            [row for n, row in enumerate(rows()) if n % 4 in (0, 3)],
            "no two raters share an item",
        ),
        (
            [
                {**row, "score": 2 if (row["item_id"], row["rater"]) == ("i3", "ann") else 3}
                for row in rows()
            ],
            "raters agree hardly beyond chance",
        ),
    ],
)
def test_the_verdict_is_drawn_from_what_was_found(tmp_path, capsys, table, why):
    code, told = validate(capsys, saved(tmp_path, "t.jsonl", jsonl(table)))
    assert code == 0
    assert why in told
    assert "supports claims" not in told
    assert "supports no claim" in told


def test_agreement_is_that_of_all_rated_items(tmp_path, capsys):
    table = [
        {**row, "score": 1 + (n // 2 + (n % 2) * (n % 3 == 0)) % 3} for n, row in enumerate(rows())
    ]
    path = saved(tmp_path, "t.jsonl", jsonl(table))

    def agreement(gold):
        told = validate(capsys, path, f"gold={gold}")[1]
        line = next(line for line in told.splitlines() if "planted_quality" in line)
        return line.split()[-4:]

    assert agreement("consensus") == agreement("median")


NOTEBOOK = {
    "cells": [
        {
            "cell_type": "code",
            "execution_count": 1,
            "metadata": {},
            "outputs": [],
            "source": "model.fit(X, y)",
        }
    ],
    "metadata": {},
    "nbformat": 4,
    "nbformat_minor": 2,
}


def notebooks(folder, extra=None, labelled=()):
    """Ten sound notebooks with labels on one of nine dimensions, and others beside them."""
    (folder / "notebooks").mkdir(parents=True)
    names = [f"ok{n}" for n in range(10)]
    for n, name in enumerate(names):
        cell = {**NOTEBOOK["cells"][0], "source": f"{WORDS[n]} = model_{n}.fit(data_{n}, y_{n})"}
        made = json.dumps({**NOTEBOOK, "cells": [cell]})
        (folder / "notebooks" / f"{name}.ipynb").write_text(made)
    for name, content in (extra or {}).items():
        path = folder / "notebooks" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    labels = ["item_id,dimension,rater,score,rationale"]
    for n, name in enumerate([*names, *labelled]):
        labels += [f"{name},model_training,{rater},{1 + n % 3},So." for rater in ("ann", "bob")]
    (folder / "labels.csv").write_text("\n".join(labels), encoding="utf-8")
    return folder


def check_folder(capsys, folder, *more):
    words = ["validate", "dataset=files", f"dataset.path={folder}", "gold=median", *more]
    code = main(words)
    told = capsys.readouterr()
    return code, told.out + told.err


def mutated(**changes):
    return json.dumps({**NOTEBOOK, **changes}).encode()


SOUND = json.dumps(NOTEBOOK).encode()
MARKDOWN = {"cell_type": "markdown", "metadata": {}, "source": "# t", "outputs": []}
NO_MINOR = {key: value for key, value in NOTEBOOK.items() if key != "nbformat_minor"}


@pytest.mark.parametrize(
    "case",
    [
        ("x.ipynb", b"\xef\xbb\xbf" + SOUND, "x", "begins with a byte order mark"),
        ("x.ipynb", SOUND.decode().encode("utf-16"), "x", "was saved as UTF-16"),
        ("x.ipynb", SOUND.replace(b'", "', b'",\r\n"'), "x", "22 labels"),
        ("x.IPYNB", SOUND, "x", "22 labels"),
        ("team/x.ipynb", SOUND, "x", "22 labels"),
        ("team/x.ipynb", SOUND, "team/x.ipynb", "22 labels"),
        ("e\u0301.ipynb", SOUND, "\u00e9", "22 labels"),
        ("my nb (1).ipynb", SOUND, "my nb (1)", "22 labels"),
        ("007.ipynb", SOUND, "007", "22 labels"),
        ("team/x.ipynb", SOUND, "team\\x.ipynb", "22 labels"),
        ("team/x.ipynb", SOUND, "./team/x", "22 labels"),
        ("x.ipynb/y.ipynb", SOUND, " y ", "22 labels"),
        ("none.ipynb", SOUND, "none", "22 labels"),
        ("x.ipynb", mutated(cells=[MARKDOWN]), "x", "cell 1: Additional properties"),
        ("x.ipynb", json.dumps(NO_MINOR).encode(), "x", "'nbformat_minor' is a required"),
    ],
)
def test_notebooks_that_jupyter_opens_are_read(tmp_path, capsys, case):
    name, content, label, said = case
    code, told = check_folder(capsys, notebooks(tmp_path / "d", {name: content}, [label]))
    assert code == 0, told
    assert said in told
    assert "11 items" in told
    assert "no label on library_installation, exploratory_data_analysis" in told


CONFLICT = b'{"cells": [\n<<<<<<< HEAD\n{}\n=======\n{}\n>>>>>>> b\n]}'


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (CONFLICT, "the marks of a merge conflict"),
        (mutated(cells=[]), "no cell says anything"),
        (mutated(cells=[{**NOTEBOOK["cells"][0], "source": " \n"}]), "no cell says anything"),
        (SOUND.replace(b"fit", b"f\xefit"), "not UTF-8"),
        (SOUND[:-9], "not valid JSON"),
    ],
)
def test_one_unreadable_notebook_stops_that_item_only(tmp_path, capsys, content, said):
    folder = notebooks(tmp_path / "d", {"bad.ipynb": content}, ["bad"])
    code, told = check_folder(capsys, folder)
    assert code == 0, told
    assert re.search(rf"notebooks/bad.ipynb: (line \d+: )?{said}", told)
    assert "left out: 1 item that cannot be read, with 2 labels" in told
    assert "10 items" in told
    code, told = check_folder(capsys, folder, "strict=true")
    assert code == 2
    assert said in told
    assert check_folder(capsys, folder, "dataset.strict=true")[0] == 2
    assert check_folder(capsys, folder, "strict=perhaps")[0] == 2


@pytest.mark.parametrize(
    ("names", "label", "said"),
    [
        (["x.ipynb", "x.IPYNB"], "x", "'x.ipynb' has the name of 'notebooks/x.IPYNB'"),
        (["e\u0301.ipynb", "\u00e9.ipynb"], "\u00e9", r"has the name of 'notebooks/e\u0301.ipynb'"),
        (
            ["a/x.ipynb", "b/x.ipynb"],
            "x",
            "item_id 'x' names several notebooks; write 'a/x' or 'b/x'",
        ),
    ],
)
def test_notebooks_of_one_name_are_refused(tmp_path, capsys, names, label, said):
    code, told = check_folder(
        capsys, notebooks(tmp_path / "d", dict.fromkeys(names, SOUND), [label])
    )
    assert code == 2
    assert said in told


def test_a_folder_is_told_of_in_one_line(tmp_path, capsys):
    folder = notebooks(tmp_path / "d")
    (folder / "labels.csv").rename(folder / "Labels.CSV")
    assert check_folder(capsys, folder)[0] == 0
    (folder / "Labels.CSV").rename(folder / "labels.xlsx")
    assert "labels.xlsx: a workbook" in check_folder(capsys, folder)[1]
    (folder / "labels.xlsx").rename(folder / "labels.csv")
    for path in (folder / "notebooks").iterdir():
        path.unlink()
    code, told = check_folder(capsys, folder)
    assert code == 2
    assert "1 problem\n  notebooks: holds no .ipynb" in told


def test_what_lies_beside_notebooks_is_passed_over(tmp_path, capsys):
    extra = {"._ok0.ipynb": b"\x00\x05", ".ipynb_checkpoints/ok0-checkpoint.ipynb": SOUND}
    code, told = check_folder(capsys, notebooks(tmp_path / "d", extra))
    assert code == 0
    assert "10 items" in told


def test_a_notebook_that_nobody_graded_is_told(tmp_path, capsys):
    code, told = check_folder(capsys, notebooks(tmp_path / "d", {"extra.ipynb": SOUND}))
    assert code == 0
    assert "1 item that nobody graded, and no judge is asked about: 'extra'" in told


def test_size_is_counted_without_images(tmp_path, capsys):
    picture = {
        "output_type": "display_data",
        "metadata": {},
        "data": {"image/png": "A" * 21_000_000},
    }
    cell = {**NOTEBOOK["cells"][0], "outputs": [picture]}
    folder = notebooks(tmp_path / "d", {"big.ipynb": mutated(cells=[cell])}, ["big"])
    code, told = check_folder(capsys, folder)
    assert code == 0, told
    assert "11 items" in told
    wordy = mutated(cells=[{**NOTEBOOK["cells"][0], "source": "# " + "A b" * 7_000_000}])
    (folder / "notebooks" / "big.ipynb").write_bytes(wordy)
    assert "the limit is 20,000,000, images not counted" in check_folder(capsys, folder)[1]


def test_what_follows_from_a_problem_is_not_counted(tmp_path, capsys):
    path = saved(tmp_path, "t.jsonl", jsonl(rows(dimension="charm")))
    code, told = validate(capsys, path)
    assert code == 2
    assert "t.jsonl: 1 problem\n" in told
    assert "t.jsonl:1: unknown dimension 'charm' of 20 labels" in told
    told = validate(capsys, saved(tmp_path, "t.jsonl", jsonl(without("rationale"))))[1]
    assert "warnings: 1." in told
    table = [{**row, "content": "Yes."} for row in rows()[::2]]
    told = validate(capsys, saved(tmp_path, "t.jsonl", jsonl(table)))[1]
    assert "10 labels by 1 rater, digest" in told
    assert "1 case, near-duplicates counted once" in told


def test_the_ceiling_of_a_study_is_that_of_all_rated_items(tmp_path, capsys):
    table = [
        {**row, "score": 1 + (n // 2 + (n % 2) * (n % 3 == 0)) % 3} for n, row in enumerate(rows())
    ]
    path = saved(tmp_path, "t.jsonl", jsonl(table))
    ceilings = {}
    for gold in ("median", "consensus"):
        words = ["run", "rubric=planted", "dataset=files", f"dataset.path={path}", f"gold={gold}"]
        place = [f"results_dir={tmp_path}", f"study={gold}", "tracker=none"]
        assert main([*words, *place, "alignment=median_label", "folds=2"]) == 0
        table = summary(Analysis.of(load_study(tmp_path / gold), n_resamples=200))
        ceilings[gold] = table["ceiling_loo"].item()
    assert ceilings["consensus"] > 0
    assert ceilings["consensus"] == ceilings["median"]


def test_a_notebook_whose_cells_were_never_counted_is_in_order(tmp_path, capsys):
    def counted(*numbers):
        cells = [{**NOTEBOOK["cells"][0], "execution_count": number} for number in numbers]
        return mutated(cells=cells)

    extra = {"dbx.ipynb": counted(0, 0), "apart.ipynb": counted(2, 1)}
    folder = notebooks(tmp_path / "d", extra, ["dbx", "apart"])
    path = folder / "labels.csv"
    path.write_text(path.read_text().replace("model_training", "cell_organization"))
    words = ["run", "dataset=files", f"dataset.path={folder}", "gold=ann", "alignment=none"]
    place = [f"results_dir={tmp_path}", "study=s", "backend=scripted", "tracker=none", "folds=2"]
    assert main([*words, *place]) == 0
    items = pd.read_parquet(tmp_path / "s" / "items.parquet").set_index("item_id")["view"]
    assert ["In[" in items[name] for name in ("dbx", "apart")] == [False, True]


@pytest.mark.parametrize("backend", ["vllm", "ollama"])
def test_a_key_that_a_choice_needs_is_named_with_the_choice(capsys, backend):
    assert main(["run", "-m", f"backend={backend}", "alignment=none,full", "study=s"]) == 2
    told = capsys.readouterr().err
    assert f"backend.model must be set on the command line (backend={backend} needs it" in told


def test_a_run_tells_what_it_took_for_granted_and_needs_no_gold(tmp_path, capsys):
    path = saved(tmp_path, "t.jsonl", jsonl(without("case_id", rows()[::2])))
    words = ["run", "rubric=planted", "dataset=files", f"dataset.path={path}", "alignment=none"]
    place = [f"results_dir={tmp_path}", "study=s", "backend=scripted", "tracker=none", "folds=2"]
    assert main([*words, *place]) == 0
    assert "10 items without case_id" in capsys.readouterr().err
