import json
from dataclasses import replace

import pytest

from memalign_bench.config import build, composed
from memalign_bench.datasets.dataset import LabelledDataset
from memalign_bench.datasets.folder import FolderSource
from memalign_bench.datasets.gold import gold_labels
from memalign_bench.errors import DataError
from memalign_bench.study.shared_data import load_data
from memalign_bench.types import NOT_APPLICABLE, Item, Label

CELL = {
    "cell_type": "code",
    "id": "one",
    "metadata": {},
    "source": "x = 1",
    "outputs": [],
    "execution_count": 1,
}
NOTEBOOK = json.dumps({"cells": [CELL], "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
HEADER = "item_id,case_id,dimension,rater,score,rationale\n"


@pytest.fixture(scope="module")
def rubric():
    job = composed("run", ["backend=scripted"])
    return build(job.cfg, job.choices).rubric


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks" / "a.ipynb").write_text(NOTEBOOK)
    row = {"item_id": "a", "case_id": "c", "kind": "notebook", "path": "notebooks/a.ipynb"}
    (tmp_path / "items.jsonl").write_text(json.dumps(row) + "\n")
    (tmp_path / "labels.csv").write_text(HEADER + "a,c,model_use,gold,3,Fine.\n")
    return tmp_path


def load(folder, rubric, **more):
    return FolderSource("files", str(folder), **more).load(rubric)


def test_a_folder_is_held_as_tables_with_declared_features(folder, rubric):
    data = load(folder, rubric)
    assert data.items.features["content"].dtype == "string"
    assert data.labels.features["score"].dtype == "float64"
    assert data.item["a"].content == NOTEBOOK
    assert data.label_list == (Label("a", "model_use", "gold", 3, "Fine."),)


def test_the_digest_follows_content_and_nothing_else(folder, rubric, tmp_path):
    before = load(folder, rubric).digest
    moved = folder.rename(tmp_path.with_name("moved"))
    assert load(moved, rubric).digest == before
    (moved / "labels.csv").write_text(HEADER + "a,c,model_use,gold,2,Fine.\n")
    assert load(moved, rubric).digest != before


def test_every_problem_is_told_at_once(folder, rubric):
    (folder / "notebooks" / "b.ipynb").write_text("{broken")
    items = [
        {"item_id": "a", "case_id": "c", "kind": "notebook", "path": "notebooks/a.ipynb"},
        {"item_id": "b", "case_id": "c", "kind": "notebook", "path": "notebooks/b.ipynb"},
        {"item_id": "d", "case_id": "", "kind": "text", "content": "x"},
        {"item_id": "e", "case_id": "c", "kind": "notebook", "path": "../../secret.ipynb"},
        {"item_id": "f", "case_id": "c", "kind": "notebook", "path": "notebooks/gone.ipynb"},
    ]
    (folder / "items.jsonl").write_text("\n".join(map(json.dumps, items)) + "\nnot json\n")
    (folder / "labels.csv").write_text(
        HEADER
        + "a,c,model_use,gold,3,Fine.\n"
        + "a,c,model_use,gold,2,Again.\n"
        + "a,c,model_use,r1,7,Off.\n"
        + "a,c,model_use,r2,fine,Text.\n"
        + "a,c,style,gold,3,Unknown.\n"
        + "z,c,model_use,gold,3,Absent.\n"
        + "a,other,model_use,r3,3,Case.\n"
    )
    with pytest.raises(DataError) as caught:
        load(folder, rubric, strict=True)
    told = "\n".join(caught.value.problems)
    for part in (
        "items.jsonl:2: notebooks/b.ipynb: not valid JSON",
        "lies outside the data set's folder",
        "gone.ipynb: there is no such file",
        "items.jsonl:6",
        "has graded this item on it before",
        "labels.csv:4: item 'a', 'model_use', rater 'r1': score 7 is no grade",
        "labels.csv:5: score 'fine' is not a number (map words",
        "unknown dimension",
        "labels.csv:8: case 'other', but item 'a' belongs to case 'c'",
    ):
        assert part in told


def test_not_applicable_is_off_the_scale_where_the_rubric_has_none(folder, rubric):
    (folder / "labels.csv").write_text(HEADER + "a,c,cell_organization,gold,0,Never.\n")
    with pytest.raises(DataError, match="has scores 0 and none of 3: is 0 N/A"):
        load(folder, rubric)


def test_a_label_of_an_absent_item_is_named_with_its_line(folder, rubric):
    (folder / "labels.csv").write_text(HEADER + "z,c,model_use,gold,3,Absent.\n")
    with pytest.raises(DataError, match=r"labels.csv:2: item 'z'.*there is no such item"):
        load(folder, rubric)


def test_nothing_to_judge_is_refused_and_null_is_no_word(folder, rubric):
    rows = [
        {"item_id": "a", "case_id": "c", "kind": "text", "content": "x", "prompt": None},
        {"item_id": "b", "case_id": "c", "kind": "text", "content": None},
        {"item_id": "d", "case_id": "c", "kind": "text", "content": 7},
    ]
    # What cannot be seen is nothing: escape codes, controls, signs without a shape.
    rows += [{**rows[1], "content": text} for text in ("\x1b[0m", "\x07", "\u200b\ufeff\n")]
    (folder / "items.jsonl").write_text(json.dumps(rows[0]))
    assert load(folder, rubric).item["a"].prompt == ""
    (folder / "items.jsonl").write_text("\n".join(map(json.dumps, rows)))
    with pytest.raises(
        DataError, match=r"nothing to judge(.|\n)*content must be a text, got 7"
    ) as told:
        load(folder, rubric)
    assert str(told.value).count("nothing to judge") == 5


@pytest.mark.parametrize("nothing", ["", " \n", "\u200b\n", "\x1b[31m\x1b[0m"])
def test_an_empty_file_of_text_is_left_out_as_an_empty_notebook_is(folder, rubric, nothing):
    (folder / "labels.csv").write_text(HEADER + "a,c,model_use,gold,3,x\nb,d,model_use,gold,2,y\n")
    (folder / "items.csv").write_text("item_id,case_id,path\na,c,a.txt\nb,d,b.txt\n")
    (folder / "a.txt").write_text(nothing, encoding="utf-8")
    (folder / "b.txt").write_text("fine")
    data = load(folder, rubric)
    assert set(data.item) == {"b"}
    assert any("a.txt: it is empty; there is nothing to judge" in line for line in data.told)


def test_files_as_spreadsheets_and_editors_write_them(folder, rubric):
    text = (folder / "labels.csv").read_text().replace("Fine.", "x" * 200_000)
    (folder / "labels.csv").write_text("\ufeff" + text, encoding="utf-8")
    row = {"item_id": "a", "case_id": "c", "kind": "text", "content": "one\u2028two\ud800"}
    line = json.dumps(row, ensure_ascii=False).encode("utf-8", "surrogatepass")
    (folder / "items.jsonl").write_bytes(line)
    with pytest.raises(DataError, match=r"items.jsonl: line 1: not UTF-8"):
        load(folder, rubric)
    (folder / "items.jsonl").write_text(json.dumps(row) + "\n")
    assert load(folder, rubric).item["a"].content == "one\u2028two?"


@pytest.mark.parametrize("name", ["labels.csv", "items.jsonl"])
def test_another_encoding_is_named(folder, rubric, name):
    (folder / name).write_bytes((folder / name).read_bytes() + "caf\u00e9\n".encode("latin-1"))
    with pytest.raises(DataError, match=rf"{name}: line \d: not UTF-8"):
        load(folder, rubric)


def test_broken_evidence_is_named(folder, rubric):
    (folder / "evidence.jsonl").write_text('{"item_id": "a"}\n')
    with pytest.raises(DataError, match=r"evidence.jsonl:1: KeyError: 'evidence'"):
        load(folder, rubric)


def test_missing_columns_are_named(folder, rubric):
    (folder / "labels.csv").write_text("item_id,score\na,3\n")
    with pytest.raises(DataError, match="column 'dimension' is missing"):
        load(folder, rubric)


def dataset(*scores, raters=("r1", "r2", "r3")):
    labels = [
        Label("a", "q", rater, score, f"{rater}!")
        for rater, score in zip(raters, scores, strict=False)
    ]
    return LabelledDataset.of("d", [Item("a", "c", "", "", "text", "x")], labels)


@pytest.mark.parametrize(
    ("rule", "scores", "score", "rationale"),
    [
        ("median", (1, 3, 3), 3, "r2!"),
        ("median", (1, 3), 1, "r1!"),
        ("majority", (2, 3, 2), 2, "r1!"),
        ("majority", (1, 3), 1, "r1!"),
        ("majority", (NOT_APPLICABLE, NOT_APPLICABLE, 3), NOT_APPLICABLE, "r1!"),
        ("majority", (NOT_APPLICABLE, 3), 3, "r2!"),
        ("consensus", (2, 2, 2), 2, "r1!"),
        ("r2", (1, 3, 3), 3, "r2!"),
    ],
)
def test_gold_rules(rule, scores, score, rationale):
    [gold] = gold_labels(dataset(*scores), rule, ["q"]).values()
    assert (gold.score, gold.rationale) == (score, rationale)


def test_consensus_keeps_only_agreed_items():
    with pytest.raises(DataError, match="no label on 'q' with gold='consensus'"):
        gold_labels(dataset(1, 2, 2), "consensus", ["q"])


def test_an_unknown_gold_names_the_choices():
    with pytest.raises(DataError, match=r"neither a rule nor a rater: adjudicated.*r1, r2, r3"):
        gold_labels(dataset(1, 2, 3), "r9", ["q"])


def test_where_nobody_has_the_last_word_the_rules_that_do_are_named():
    told = r"a rater 'gold'.*there is none; raters are r1, r2, r3. Say gold=median.*gold=r1"
    with pytest.raises(DataError, match=told):
        gold_labels(dataset(1, 2, 3), "adjudicated", ["q"])


def dataset_of_strata(sizes, parts=3):
    """Cases by stratum, each with `parts` items that have a label of one dimension."""
    items = [
        Item(f"{stratum}-{case:02}-{part}", f"{stratum}-{case:02}", "", "", "text", "x", stratum)
        for stratum, size in sizes.items()
        for case in range(size)
        for part in range(parts)
    ]
    labels = [Label(item.item_id, "model_use", "gold", 3, "Fine.") for item in items]
    return LabelledDataset.of("mine", items, labels, notice="Mine.")


def test_cases_are_drawn_whole_evenly_over_strata_and_nested():
    data = dataset_of_strata({"a": 20, "b": 10, "c": 10})
    of_twelve, of_four = data.part(n_cases=12), data.part(n_cases=4)
    for drawn, n_cases in ((of_twelve, 12), (of_four, 4)):
        cases = {item.case_id for item in drawn.item_list}
        assert len(cases) == n_cases
        assert len(drawn.item_list) == len(drawn.label_list) == 3 * n_cases
        by_stratum = [sum(case[0] == stratum for case in cases) for stratum in "abc"]
        assert by_stratum == [n_cases // 2, n_cases // 4, n_cases // 4]
        told = f"Mine. A draw of {n_cases} of 40 cases ({3 * n_cases} of 120 items)."
        assert drawn.notice == told
    assert set(of_four.item) < set(of_twelve.item)
    # Not the first ones of each stratum.
    assert {item.case_id for item in of_twelve.item_list if item.stratum == "a"} != {
        f"a-{case:02}" for case in range(6)
    }


def test_the_draw_hangs_on_the_cases_alone():
    data = dataset_of_strata({"a": 9, "b": 9})
    regraded = [replace(label, score=1, rationale="No.") for label in data.label_list]
    other = LabelledDataset.of("other", [replace(i, content="y") for i in data.item_list], regraded)
    assert set(data.part(n_cases=5).item) == set(other.part(n_cases=5).item)


def test_a_part_that_is_all_is_the_data_set_itself():
    data = dataset_of_strata({"": 4})
    assert data.part() is data.part(n_cases=4) is data.part(limit=12) is data
    assert len(data.part(n_cases=2, limit=5).item_list) == 5


def test_a_run_of_some_cases_is_one_of_other_data(rubric):
    words = ["backend=scripted", "dataset=planted", "alignment=none"]

    def loaded(*more):
        job = composed("run", [*words, *more])
        spec = build(job.cfg, job.choices)
        data = load_data(spec)
        return data, spec.run_id(data)

    (whole, whole_id), (some, some_id) = loaded(), loaded("n_cases=5")
    assert len({item.case_id for item in some.item_list}) == 5
    assert set(some.item) < set(whole.item)
    assert some_id != whole_id
    assert "A draw of 5 of" in some.notice
