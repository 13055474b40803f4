"""Every way in: real files on disk, read back, and a whole study on each."""

import csv
import json
import shutil

import pandas as pd
import pytest

from memalign_bench.cli import main
from memalign_bench.config import composed, instance
from memalign_bench.datasets.dataset import LabelledDataset
from memalign_bench.datasets.export import FORMATS, export
from memalign_bench.datasets.folder import FolderSource
from memalign_bench.datasets.hub import HubSource
from memalign_bench.datasets.tabular.values import whole_number
from memalign_bench.errors import DataError, RequestError
from memalign_bench.report.numbers.frames import load_study
from memalign_bench.types import DimensionRubric, Item, Label, Rubric, Scale

FIVES = Rubric(
    "fives",
    "answer",
    Scale((1, 2, 3, 4, 5), ("useless", "poor", "fair", "good", "perfect")),
    {
        "helpful": DimensionRubric(
            "helpful", "Helpfulness", "Does it help?", {n: f"Level {n}." for n in range(1, 6)}
        )
    },
)
RUBRIC_YAML = """\
# One question about an answer, on a scale of five.
_target_: memalign_bench.types.Rubric
name: fives
artefact: answer
scale:
  _target_: memalign_bench.types.Scale
  grades: [1, 2, 3, 4, 5]
  words: [useless, poor, fair, good, perfect]
dimensions:
  helpful:
    _target_: memalign_bench.types.DimensionRubric
    name: helpful
    title: Helpfulness
    question: Does it help?
    levels: {5: It does., 4: Mostly., 3: In part., 2: Hardly., 1: Not at all.}
"""
NOTEBOOK = {
    "cells": [{"cell_type": "markdown", "id": "a", "metadata": {}, "source": "# Answer"}],
    "metadata": {},
    "nbformat": 4,
    "nbformat_minor": 5,
}


def notebooks_named(*item_ids):
    """A notebook of each id, in a case of its own, graded once."""
    content = json.dumps(NOTEBOOK)
    items = [Item(name, name, "Ask.", "", "notebook", content) for name in item_ids]
    labels = [Label(name, "helpful", "ann", 3, "So so.") for name in item_ids]
    return LabelledDataset.of("named", items, labels)


def long_rows(n_items=12, **more):
    """Two people on each of the items, two items a case."""
    return [
        {
            "item_id": f"answer-{n:02d}",
            "case_id": f"question-{n // 2}",
            "content": f"Turn part {n} {'left' if n % 2 else 'right'} until it clicks.",
            "prompt": f"How do I mend number {n // 2}?",
            "dimension": "helpful",
            "rater": rater,
            "score": 1 + (2 * n + shift) % 5,
            "rationale": f"{rater} says of {n}: it {'fails' if n % 2 else 'works'}.",
            **more,
        }
        for n in range(n_items)
        for shift, rater in enumerate(["ann", "bob"])
    ]


def write(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".csv":
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    else:
        pd.DataFrame(rows).to_parquet(path)
    return path


def read(path, rubric=FIVES, **more):
    return FolderSource("files", str(path), **more).load(rubric)


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_a_table_of_texts_says_the_same_in_every_format(tmp_path, suffix):
    data = read(write(tmp_path / f"mine{suffix}", long_rows()))
    assert data.digest == read(write(tmp_path / "other.jsonl", long_rows())).digest
    item = data.item["answer-03"]
    assert (item.case_id, item.kind) == ("question-1", "text")
    assert item.content == "Turn part 3 left until it clicks."
    assert [label.score for label in data.label_list if label.item_id == "answer-03"] == [2, 3]


def test_columns_words_and_lists_of_scores(tmp_path):
    words = ["useless", "poor", "fair", "good", "perfect"]
    rows = [
        {
            "id": f"a{n}",
            "group": "g",
            "text": f"t{n}",
            "marks": [words[n], words[4]],
            "why": ["x", "y"],
        }
        for n in range(3)
    ]
    names = {"item_id": "id", "case_id": "group", "score": "marks", "rationale": "why"}
    grades = {word: grade for grade, word in enumerate(words, 1)}
    data = read(write(tmp_path / "wide.parquet", rows), columns=names, grades=grades)
    assert [(label.rater, label.score) for label in data.label_list] == [
        *[("position_1", 1), ("position_2", 5), ("position_1", 2)],
        *[("position_2", 5), ("position_1", 3), ("position_2", 5)],
    ]
    with pytest.raises(DataError, match="column 'item_id' is missing"):
        read(tmp_path / "wide.parquet", columns={"score": "marks"}, grades=grades)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"score": "fine"}, "score 'fine' is not a number"),
        ({"score": 2.5}, "score 2.5 is no grade; a grade is 1, 2, 3, 4 or 5"),
        (
            {"score": [2, "x"], "rater": ["ann", "bob"], "rationale": ["", ""]},
            "score 'x' is not a number",
        ),
        ({"score": [2, 3]}, r"2 scores, 1 rationales, 1 raters; list as many of each"),
        ({"score": "N/A"}, "says N/A, and the rubric does not say when"),
        ({"score": 9}, "score 9 is no grade; a grade is 1, 2, 3, 4 or 5"),
        ({"content": ""}, "there is nothing to judge"),
        ({"content": ["x"]}, "content must be a text"),
        ({"content": "another text"}, "has another content than in its first row"),
        ({"rater": 7.5}, "rater must be a text"),
        ({"rater": None}, "no rater"),
        ({"item_id": [5]}, "item_id must be a text"),
        ({"case_id": ""}, "has another case_id"),
        ({"dimension": "charm"}, "unknown dimension"),
        ({"rater": "bob"}, "has graded this item on it before"),
        ({"fold": "one"}, "fold 'one' is not a whole number"),
        ({"kind": "song"}, "kind 'song' is neither"),
    ],
)
def test_a_wrong_cell_is_told_with_its_row(tmp_path, change, fault):
    rows = long_rows()
    rows[4] = {**rows[4], **change}
    with pytest.raises(DataError) as caught:
        read(write(tmp_path / "mine.jsonl", rows))
    told = "\n".join(caught.value.problems)
    assert fault in told
    assert "mine.jsonl:5" in told or "mine.jsonl:6" in told


def test_all_wrong_cells_are_told_at_once(tmp_path):
    rows = long_rows()
    for number in range(0, 24, 2):
        rows[number]["score"] = "x"
    with pytest.raises(DataError) as caught:
        read(write(tmp_path / "mine.jsonl", rows))
    assert len(caught.value.problems) == 12


def notebooks(folder, n=4, **more):
    for number in range(n):
        (folder / "notebooks").mkdir(parents=True, exist_ok=True)
        (folder / "notebooks" / f"n{number}.ipynb").write_text(json.dumps(NOTEBOOK))
    rows = [
        {
            "item_id": f"n{number}",
            "case_id": f"c{number // 2}",
            "dimension": "helpful",
            "rater": "gold",
            "score": 1 + number,
            "rationale": "So.",
            **more,
        }
        for number in range(n)
    ]
    write(folder / "labels.csv", rows)
    return folder


def test_a_folder_of_notebooks_needs_no_list_of_items(tmp_path):
    data = read(notebooks(tmp_path / "d"))
    assert [(item.item_id, item.case_id, item.kind) for item in data.item.values()] == [
        (f"n{n}", f"c{n // 2}", "notebook") for n in range(4)
    ]


def test_a_label_of_an_absent_notebook_and_a_stray_notebook(tmp_path):
    folder = notebooks(tmp_path / "d")
    (folder / "notebooks" / "n2.ipynb").unlink()
    (folder / "notebooks" / "extra.ipynb").write_text(json.dumps(NOTEBOOK))
    with pytest.raises(DataError, match=r"labels.csv:4: item 'n2'.*there is no such item"):
        read(folder)


def test_labels_of_absent_notebooks_are_told_the_nearest(tmp_path):
    folder = notebooks(tmp_path / "d", n=1)
    (folder / "notebooks" / "n0.ipynb").rename(folder / "notebooks" / "0N.IPYNB")
    for called in ("n", "0n", "/home/me/0n.ipynb"):
        write(folder / "labels.csv", [{"item_id": called, "score": 3}])
        with pytest.raises(DataError, match=r"there is no such item; the nearest: '0N'\."):
            read(folder)
    write(folder / "labels.csv", [{"item_id": "0N.ipynb", "score": 3}])
    assert list(read(folder).item) == ["0N"]


def test_a_folder_without_notebooks_says_what_to_do(tmp_path):
    folder = notebooks(tmp_path / "d", n=1)
    (folder / "notebooks" / "n0.ipynb").rename(folder / "notebooks" / "n0.py")
    with pytest.raises(DataError, match=r"notebooks: holds no .ipynb \(jupytext --to ipynb"):
        read(folder)
    (folder / "labels.csv").rename(folder / "mine.csv")
    with pytest.raises(DataError, match=r"Where 'mine.csv' holds .*: dataset.path=.*mine.csv"):
        read(folder)


def test_a_second_table_of_labels_is_told_and_not_read(tmp_path):
    folder = notebooks(tmp_path / "d")
    write(folder / "labels.jsonl", [{"item_id": "n0", "rater": "bob", "score": 1}])
    found = read(folder)
    assert len(found.label_list) == 4
    assert "labels.jsonl is not read, since there is labels.csv." in found.told


def test_a_path_as_windows_writes_it(tmp_path):
    folder = notebooks(tmp_path / "d", n=1)
    write(folder / "items.csv", [{"item_id": "n0", "path": "notebooks\\n0.ipynb"}])
    assert read(folder).item["n0"].kind == "notebook"


def test_labels_of_a_row_whose_notebook_cannot_be_read_are_counted(tmp_path):
    rows = [{"item_id": f"n{n}", "content": text, "kind": "notebook", "score": 3}
            for n, text in enumerate((json.dumps(NOTEBOOK), "{"))]  # fmt: skip
    told = " ".join(read(write(tmp_path / "t.jsonl", rows)).told)
    assert "left out: 1 item that cannot be read, with 1 label " in told


def test_links_out_of_the_folder_are_not_followed(tmp_path):
    secret = tmp_path / "secret.ipynb"
    secret.write_text(json.dumps(NOTEBOOK))
    folder = notebooks(tmp_path / "d")
    (folder / "notebooks" / "n2.ipynb").unlink()
    (folder / "notebooks" / "n2.ipynb").symlink_to(secret)
    with pytest.raises(DataError, match=r"n2.ipynb: lies outside the data set's folder"):
        read(folder)


def test_folds_of_the_data(tmp_path):
    rows = [{**row, "fold": int(row["case_id"][-1]) % 3} for row in long_rows()]
    path = write(tmp_path / "mine.jsonl", rows)
    splits = instance(composed("run", ["splits=predefined"]).cfg, "splits")
    items = list(read(path).item.values())
    assert splits.assign(items, 3, 0) == {item.item_id: int(item.case_id[-1]) % 3 for item in items}
    for folds, seed, fault in [(4, 0, "folds=4, but the data names folds 0, 1, 2"), (3, 1, "seed")]:
        with pytest.raises(RequestError, match=fault):
            splits.assign(items, folds, seed)
    rows[0]["fold"] = rows[1]["fold"] = 2
    divided = list(read(write(tmp_path / "divided.jsonl", rows)).item.values())
    with pytest.raises(RequestError, match="case 'question-0' lies in folds 0, 2"):
        splits.assign(divided, 3, 0)
    none = list(read(write(tmp_path / "none.jsonl", long_rows())).item.values())
    with pytest.raises(RequestError, match="item 'answer-00' names no fold"):
        splits.assign(none, 3, 0)


def test_a_fold_in_the_labels_of_a_folder_holds_for_the_item(tmp_path):
    data = read(notebooks(tmp_path / "d", fold=1))
    assert {item.fold for item in data.item.values()} == {1}


def test_a_fold_is_part_of_what_the_data_says_and_its_absence_is_not(tmp_path):
    plain = read(write(tmp_path / "a.jsonl", long_rows())).digest
    assert read(write(tmp_path / "b.jsonl", long_rows(fold=None))).digest == plain
    assert read(write(tmp_path / "c.jsonl", long_rows(fold=0))).digest != plain


@pytest.fixture(scope="module")
def bundled():
    job = composed("run", ["dataset=genie_synth"])
    rubric = instance(job.cfg, "rubric")
    return rubric, instance(job.cfg, "dataset").load(rubric)


@pytest.mark.parametrize("kind", FORMATS)
def test_what_is_exported_comes_back_unchanged(bundled, tmp_path, kind):
    rubric, data = bundled
    export(data, kind, tmp_path / "out")
    if kind == "hub":
        back = HubSource("hub", path=str(tmp_path / "out")).load(rubric)
    else:
        path = tmp_path / "out"
        back = read(path if kind == "files" else path / f"data.{kind}", rubric)
    assert back.digest == data.digest
    assert back.item == data.item
    literal = {(e.item_id, e.dimension): e.literal_score for e in data.evidence}
    assert {(e.item_id, e.dimension): e.literal_score for e in back.evidence} == literal


def test_files_are_those_that_people_open(bundled, tmp_path):
    _, data = bundled
    export(data, "files", tmp_path / "out")
    with (tmp_path / "out" / "labels.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["rater"] for row in rows} == {"gold", "rater_1", "rater_2", "rater_3"}
    assert all(row["literal_score"] for row in rows)
    assert len(list((tmp_path / "out" / "notebooks").glob("*.ipynb"))) == len(data.item)


def test_export_overwrites_nothing_and_gives_no_private_text(bundled, tmp_path):
    from dataclasses import replace

    _, data = bundled
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(RequestError, match="holds something already"):
        export(data, "jsonl", tmp_path)
    with pytest.raises(RequestError, match="private"):
        export(replace(data, texts="private"), "jsonl", tmp_path / "out")
    with pytest.raises(RequestError, match="format='xml'; there are files, jsonl, parquet, hub"):
        export(data, "xml", tmp_path / "out")


def test_notebooks_of_one_name_in_several_folders_are_exported(tmp_path):
    data = notebooks_named("ann/answer", "bob/answer", "/answer")
    export(data, "files", tmp_path / "out")
    assert read(tmp_path / "out", FIVES).item == data.item


def test_no_id_leads_out_of_the_folder_that_is_exported_to(tmp_path):
    with pytest.raises(RequestError, match=r"item '\.\./\.\./answer' cannot be a file in "):
        export(notebooks_named("good", "../../answer"), "files", tmp_path / "deep" / "out")
    assert not list(tmp_path.rglob("*.ipynb"))


def test_a_folder_that_was_changed_is_read_anew(tmp_path):
    source = HubSource("hub", path=str(tmp_path / "hub"))
    for n_items in (12, 8):
        data = read(write(tmp_path / f"{n_items}.jsonl", long_rows(n_items)))
        shutil.rmtree(tmp_path / "hub", ignore_errors=True)
        export(data, "hub", tmp_path / "hub")
        assert source.load(FIVES).digest == data.digest


def test_a_data_set_that_was_saved_to_disk_is_read(tmp_path):
    import datasets

    saved = datasets.Dataset.from_list(long_rows())
    saved.save_to_disk(tmp_path / "one")
    datasets.DatasetDict({"test": saved}).save_to_disk(tmp_path / "splits")
    digest = read(write(tmp_path / "same.jsonl", long_rows())).digest
    for name in ("one", "splits"):
        assert HubSource("hub", path=str(tmp_path / name)).load(FIVES).digest == digest
    with pytest.raises(DataError, match=r"train.*dataset\.split=.* say what is read"):
        HubSource("hub", path=str(tmp_path / "splits"), split="train").load(FIVES)


def test_a_class_is_the_number_that_it_is_called_and_not_its_place(tmp_path):
    import datasets

    rows = long_rows()
    names = datasets.ClassLabel(names=["1", "2", "3", "4", "5"])
    saved = datasets.Dataset.from_list(rows).cast_column("score", datasets.Value("string"))
    saved = saved.cast_column("score", names)
    assert saved[0]["score"] == rows[0]["score"] - 1
    saved.save_to_disk(tmp_path / "one")
    digest = read(write(tmp_path / "same.jsonl", rows)).digest
    assert HubSource("hub", path=str(tmp_path / "one")).load(FIVES).digest == digest


def test_the_hub_is_read_at_a_full_commit_only():
    for source, fault in [
        (HubSource("hub", repo="a/b"), "revision=None is no full commit"),
        (HubSource("hub", repo="a/b", revision="main"), "revision='main' is no full commit"),
        (HubSource("hub"), "set one of"),
    ]:
        with pytest.raises(RequestError, match=fault):
            source.load(FIVES)
    with pytest.raises(DataError, match="no such folder"):
        HubSource("hub", path="/nowhere/at/all").load(FIVES)


def test_a_hub_that_cannot_be_reached_is_told(monkeypatch, tmp_path):
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(DataError, match="cannot be read"):
        HubSource("hub", repo="nobody/nothing", revision="0" * 40).load(FIVES)


def ways(folder):
    write(folder / "one" / "mine.jsonl", long_rows())
    rows = [{**row, "fold": int(row["case_id"][-1]) % 2} for row in long_rows()]
    write(folder / "cut" / "mine.parquet", rows)
    write(folder / "hub" / "data" / "test.parquet", long_rows())
    notebooks(folder / "many", n=12)
    labels = [{**row, "rater": "bob"} for row in read_rows(folder / "many" / "labels.csv")]
    for row in labels:
        row["score"] = 1 + int(row["score"]) % 5
    both = [{**row, "rater": rater} for row in labels for rater in ("ann", "bob")]
    write(folder / "many" / "labels.csv", both)
    return {
        "one": ["dataset=files", f"dataset.path={folder / 'one' / 'mine.jsonl'}"],
        "cut": [
            "dataset=files",
            f"dataset.path={folder / 'cut' / 'mine.parquet'}",
            "splits=predefined",
        ],
        "hub": ["dataset=hub", f"dataset.path={folder / 'hub'}"],
        "many": ["dataset=files", f"dataset.path={folder / 'many'}"],
    }


def read_rows(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("way", ["one", "cut", "hub", "many"])
def test_the_study_runs_unchanged_on_each_way_in(tmp_path, way):
    (tmp_path / "rubric").mkdir()
    (tmp_path / "rubric" / "fives.yaml").write_text(RUBRIC_YAML, encoding="utf-8")
    words = [
        *("run", "-m", "--config-dir", str(tmp_path), "alignment=none,full", "gold=median"),
        *("rubric=fives", "backend=scripted"),
        *("folds=2", "study=mine", f"results_dir={tmp_path}", "tracker=none", "memory.k=2"),
        *ways(tmp_path)[way],
    ]
    assert main(words) == 0
    frames = load_study(tmp_path / "mine")
    assert len(frames.predictions) == 24
    assert set(frames.predictions["status"]) == {"scored"}
    assert frames.grades == (1, 2, 3, 4, 5)
    if way == "one":
        assert main(["report", "study=mine", f"results_dir={tmp_path}", "tracker=none"]) == 0
        assert (tmp_path / "mine" / "report.html").is_file()
        drawn = {path.stem for path in (tmp_path / "mine" / "figures").glob("*.png")}
        assert drawn >= {"mae", "improvement", "rank", "bias", "confusion"}


@pytest.mark.parametrize(
    ("value", "found"),
    [
        *[(2, 2), (2.0, 2), ("2", 2), (" 2 ", 2), ("2.0", 2), ("2,0", 2), ("2,000", None)],
        *[(True, None), (None, None), (2.5, None), ("2.5", None), ("", None)],
        *[(float("nan"), None), (float("inf"), None), (1e300, None)],
        *[(10**400, None), ("1_0", None), ("9" * 5000, None), ([], None)],
    ],
)
def test_whole_numbers(value, found):
    assert whole_number(value) == found
