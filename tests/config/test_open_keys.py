"""Mappings whose keys are the user's are written as the documentation writes them."""

import json
import re
from pathlib import Path

import pytest
from tests.test_docs import EXPERIMENTS

from memalign_bench import load_study
from memalign_bench.cli import main
from memalign_bench.config import config_dir

README = EXPERIMENTS.parent / "README.md"
PAGES = [
    README,
    README.parent / "experiments" / "README.md",
    *sorted((config_dir() / "dataset").glob("*.yaml")),
]
SNIPPETS = sorted(
    {found for page in PAGES for found in re.findall(r"'(\w+\.\w+=\{[^'}]*\})'", page.read_text())}
)
WORDS = {3: "good", 2: "fine", 1: "poor"}


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def table(**named):
    """Twelve notes whose columns are called as `named` says and graded by `grade_of`."""
    lines = []
    for number in range(12):
        row = {
            "item_id": f"i{number}",
            "case_id": f"c{number}",
            "content": f"A note on {['silk', 'jute', 'wool'][number % 3]}, number {number}.",
            "dimension": "planted_quality",
            "rater": "ann",
            "score": 1 + number % 3,
            "rationale": "So.",
        }
        change = named.get("score_as", lambda grade: grade)
        row["score"] = change(row["score"])
        lines.append(json.dumps({named.get(key, key): value for key, value in row.items()}))
    Path("t.jsonl").write_text("\n".join(lines))
    return ["dataset=files", "dataset.path=t.jsonl", "rubric=planted", "gold=median"]


def columns_of(snippet):
    return dict(re.findall(r"(\w+): (\w+)", snippet))


def test_the_documentation_names_every_open_mapping_of_a_data_set():
    assert {snippet.split("=")[0] for snippet in SNIPPETS} == {
        "dataset.columns",
        "dataset.grades",
        "dataset.dimensions",
    }


@pytest.mark.parametrize("snippet", SNIPPETS)
def test_every_mapping_of_the_documentation_works_as_it_is_written(snippet, capsys):
    if snippet.startswith("dataset.columns"):
        words = table(**columns_of(snippet))
    elif snippet.startswith("dataset.grades"):
        told = columns_of(snippet).items()
        known = {int(grade): word for word, grade in told if grade.lstrip("-").isdigit()}
        words = table(score_as=lambda grade: known.get(grade, grade))
    else:
        words = ["dataset=mlflow", "dataset.experiment=e", "rubric=feedbackqa"]
        words += ["dataset.tracking_uri=sqlite:///none.sqlite"]
        assert main(["validate", *words, snippet]) != 0
        told = capsys.readouterr().err
        assert "no MLflow store at sqlite:///none.sqlite" in told, "it came as far as the store"
        assert not Path("none.sqlite").exists()
        return
    if snippet != "dataset.grades={0: N/A}":  # of which the table has none
        assert main(["validate", *words]) == 2, "without the mapping it cannot be read"
    assert main(["validate", *words, snippet]) == 0
    run = ["run", *words, snippet, "backend=scripted", "alignment=none", "tracker=none", "study=s"]
    assert main(run) == 0
    rows = load_study("results/s").predictions
    assert sorted(rows.expert_score) == sorted(1 + number % 3 for number in range(12))


@pytest.mark.parametrize(
    "more",
    [
        ["dataset.grades.good=3", "dataset.grades.fine=2", "dataset.grades.poor=1"],
        ["+dataset.grades={good: 3, fine: 2, poor: 1}"],
        ["dataset.grades={good: 3}", "dataset.grades={fine: 2}", "dataset.grades.poor=1"],
    ],
)
def test_an_open_mapping_can_be_written_key_by_key(more):
    assert main(["validate", *table(score_as=WORDS.get), *more]) == 0


def test_words_with_spaces_and_numbers_are_keys_too():
    words = table(score_as={3: "Very good", 2: "2nd", 1: "0"}.get)
    mapping = "dataset.grades={Very good: 3, 2nd: 2, 0: 1}"
    assert main(["validate", *words, mapping]) == 0
    sweep = ["alignment=none,median_label", "backend=scripted", "tracker=none", "study=s"]
    assert main(["run", "-m", *words, mapping, *sweep]) == 0
    assert set(load_study("results/s").predictions.variant) >= {"median_label"}


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ("dataset.grade={poor: 1}", "unknown key 'dataset.grade'. Did you mean dataset.grades"),
        ("memory.kk={a: 1}", "unknown key 'memory.kk"),
        ("dataset.grades={poor:", "put quotes around the whole"),
    ],
)
def test_other_unknown_keys_stay_refused(more, told, capsys):
    assert main(["run", *table(), more]) == 2
    assert told in capsys.readouterr().err


def test_a_request_parameter_of_ones_own_is_an_open_key_too(capsys):
    words = ["doctor", "backend=vllm", "backend.model=m", "backend.base_url=http://127.0.0.1:9/v1"]
    assert main([*words, "backend.extra_body={seed: 7}"]) == 1
    assert "nothing answers" in capsys.readouterr().out


def test_columns_that_a_yaml_of_ones_own_names_can_be_added_to(capsys):
    own = Path("mine") / "dataset"
    own.mkdir(parents=True)
    own.joinpath("notes.yaml").write_text("defaults: [files, _self_]\ncolumns: {item_id: note}\n")
    words = [*table(item_id="note", rationale="why")[1:], "dataset=notes", "--config-dir", "mine"]
    assert main(["validate", *words, "dataset.columns={rationale: why}"]) == 0
    assert "no label has a rationale" not in capsys.readouterr().out
    assert main(["validate", *words, "dataset.columns.rational=why"]) == 2
    assert "dataset.columns names ['rational']" in capsys.readouterr().err
