"""Scoring by a shipped judge: every notebook accounted for, nothing asked twice, one at a time."""

import json
import math
from collections import Counter
from pathlib import Path

import nbformat
import pytest

from memalign_bench.cli import main
from memalign_bench.config import composed, instance
from memalign_bench.errors import DataError
from memalign_bench.loop.labelling.opinions import GeneratedSource
from memalign_bench.loop.records import notebooks_schema
from memalign_bench.loop.scoring.judges import read_folder
from memalign_bench.loop.scoring.records import load_scored
from memalign_bench.study import records

JUDGE = "results/s/judges/full,scripted"
MARBLE = "Note: the harbour listed its marble. The column and the quarry are described."


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A study of planted notes with two judges exported, and a generated run of six notebooks."""
    folder = tmp_path_factory.mktemp("scoring")
    words = ["dataset=planted", "backend=scripted", "backend.effect=1", "study=s", "tracker=none"]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for alignment in ("full", "none"):
            assert main(["run", *words, f"alignment={alignment}"]) == 0
        export = ["export_judge", "study=s", "register=false", "stats.n_resamples=200"]
        assert main([*export, "alignment=full"]) == 0
        _generated(folder / "results" / "loop" / "generated" / "hand-1")
    return folder


def _notebook(*texts):
    cells = [nbformat.v4.new_markdown_cell(text, id=f"c{n}") for n, text in enumerate(texts)]
    return nbformat.writes(nbformat.v4.new_notebook(cells=cells))


def _generated(path):
    contents = {
        "marble": _notebook(MARBLE),
        "tallow": _notebook("Note: the market sold its tallow. The candle and the wick are sold."),
        "empty": _notebook(),
        "broken": "{ no notebook",
        "none": None,
        "crashed": _notebook("Note: the mill weighed its walnut.", "Traceback: KeyError"),
    }
    rows = []
    for name, content in sorted(contents.items()):
        file = path / "notebooks" / f"{name}-0.ipynb"
        sha256 = ""
        if content is not None:
            records.write_bytes(file, content.encode())
            sha256 = records.sha256_of(file)
        rows.append({
            "case_id": name, "case_hash": f"hash-{name}", "domain": "", "task_type": "",
            "dimensions": ["planted_quality"], "repeat": 0, "agent": "hand",
            "path": f"notebooks/{file.name}" if sha256 else "", "notebook_sha256": sha256,
            "status": "made" if sha256 else "no_notebook", "executed": False, "error": "",
            "prompt_tokens": 0, "completion_tokens": 0, "cost": math.nan, "seconds": 0.0,
        })  # fmt: skip
    sha256 = records.write_rows(path / "notebooks.parquet", rows, notebooks_schema())
    cases = [{"case_id": n, "prompt": "Write a note.", "context": "", "hash": f"hash-{n}"}
             for n in contents]  # fmt: skip
    manifest = {"run_id": path.name, "agent": "hand", "cases": cases, "notebooks_sha256": sha256}
    records.write_json(path / "manifest.json", manifest)


def test_every_notebook_is_accounted_for_and_no_agent_runs_again(place, monkeypatch, capsys):
    monkeypatch.chdir(place)
    assert main(["score", "run=hand", f"judge={JUDGE}"]) == 0
    said = capsys.readouterr().err
    assert "1 no_notebook, 3 scored, 2 unreadable" in said
    run = load_scored(place / "results" / "loop" / "generated" / "hand-1")
    table = run.scores.set_index("case_id")
    assert table["outcome"].to_dict() == {
        "broken": "unreadable", "crashed": "scored", "empty": "unreadable", "marble": "scored",
        "none": "no_notebook", "tallow": "scored",
    }  # fmt: skip
    assert "empty" in table.loc["empty", "error"]
    assert table.loc["marble", "score"] == 3
    assert table.loc["tallow", "score"] == 1
    assert table.loc["marble", "rationale"]
    assert run.graded("worst")["grade"].notna().all()
    assert len(run.graded("exclude")) == 3
    assert run.labelled["planted_quality"].n_items > 20
    assert run.labelled["planted_quality"].correlation > 0.5
    scores = next(run.path.glob("scores/*/scores.parquet"))
    before, asked = scores.read_bytes(), _calls(place)
    scores.unlink()  # as if it had been killed
    assert main(["score", "run=hand", f"judge={JUDGE}"]) == 0
    assert scores.read_bytes() == before
    assert _calls(place) == asked


def _calls(place):
    import sqlite3

    with sqlite3.connect(place / "results" / "loop" / "calls.sqlite") as db:
        return db.execute("select count(*) from calls").fetchone()[0]


def test_another_judge_stands_beside_and_the_best_of_a_study_is_found(
    place, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(place)
    elsewhere = tmp_path / "ann's, too"
    elsewhere.symlink_to(place / "results")
    assert main(["score", "run=hand", "study=s", f"results_dir={elsewhere}"]) == 0
    said = capsys.readouterr().err
    assert "best judge of s: full on scripted" in said
    assert main(["export_judge", "study=s", "register=false", "stats.n_resamples=200",
                 "alignment=none"]) == 0  # fmt: skip
    assert main(["score", "run=hand", "judge=results/s/judges/none,scripted"]) == 0
    folders = list((place / "results/loop/generated/hand-1/scores").iterdir())
    assert len(folders) == 2
    assert main(["gate", "baseline=hand", "candidate=hand"]) == 2


def test_a_single_notebook_prints_its_grades_with_reasons(place, monkeypatch, capsys):
    monkeypatch.chdir(place)
    path = "path=results/loop/generated/hand-1/notebooks/marble-0.ipynb"
    assert main(["score", path, f"judge={JUDGE}"]) == 0
    line = capsys.readouterr().out
    assert line.startswith("Planted quality  3 (good)")
    assert "Judged 3" in line
    assert main(["score", path, f"judge={JUDGE}", "format=json"]) == 0
    value = json.loads(capsys.readouterr().out)
    assert [(one["dimension"], one["score"]) for one in value["scores"]] == [("planted_quality", 3)]
    other = json.loads(Path(path.removeprefix("path=")).read_text())
    other["metadata"]["kernelspec"] = {"language": "R", "name": "ir", "display_name": "R"}
    Path("other.ipynb").write_text(json.dumps(other))
    assert main(["score", "path=other.ipynb", f"judge={JUDGE}"]) == 0
    assert "other.ipynb is written in r;" in capsys.readouterr().err
    assert main(["score", path.replace("marble", "empty"), f"judge={JUDGE}"]) == 2
    assert "the item is empty" in capsys.readouterr().err


def test_a_notebook_that_the_judge_was_aligned_on_is_met_without_its_own_example(place):
    from memalign_bench import load_judge
    from memalign_bench.loop.scoring.asking import _prepare
    from memalign_bench.types import Item

    record = json.loads((place / JUDGE / "planted_quality.json").read_text())
    example = record["judge"]["memory"]["examples"][0]
    item = Item("new", "new", "Write a note.", "", "text", example["text"])
    with load_judge(Path(place / JUDGE / "planted_quality.json")) as judge:
        prepared = _prepare(judge, item)
        shown = [one.item_id for one in prepared.reader.score(prepared.shown).examples]
        usual = [one.item_id for one in judge.reader().score(prepared.shown).examples]
    assert prepared.remembered
    assert example["item_id"] in usual
    assert example["item_id"] not in shown


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "set one of run=RUN"),
        (["run=x", "path=y", "judge=z", "study=s"], "set one of judge=FOLDER"),
        (["run=hand", "judge=nowhere"], "no judge in nowhere"),
        (["run=hand", f"judge={JUDGE}", "dimensions=[planted_qualty]"], "planted_qualty"),
        (["run=nobody", f"judge={JUDGE}"], "names no run; generated in results/loop: hand-1"),
        (["run=hand", f"judge={JUDGE}", "backend=scripted", "backend.seed=5"], "aligned for"),
        (["path=x.ipynb", f"judge={JUDGE}", "format=xml"], "format must be text or json"),
        (["path=nowhere.ipynb", f"judge={JUDGE}"], "no item can be read at nowhere.ipynb"),
        (["path=results", f"judge={JUDGE}"], "agent=folder agent.path=results` makes a run"),
        (["run=hand", "judge=results/s"], "no judge in results/s; there are results/s/judges/"),
        (["run=hand", "judge=results/s/plan.json"], "no judge that export_judge wrote"),
        (["path=bare.ipynb", f"judge={JUDGE}"], "bare.ipynb: 1 problem"),
    ],
)
def test_what_cannot_be_scored_is_refused(place, monkeypatch, capsys, words, told):
    monkeypatch.chdir(place)
    (place / "bare.ipynb").write_text("{}")
    assert main(["score", *words]) == 2
    assert told in capsys.readouterr().err


def test_two_judges_of_one_dimension_are_refused(place, tmp_path):
    [file] = (place / JUDGE).glob("*.json")
    for name in ("a.json", "b.json"):
        (tmp_path / name).write_bytes(file.read_bytes())
    with pytest.raises(DataError, match=r"b\.json: another file of it judges planted_quality too"):
        read_folder(tmp_path)


@pytest.mark.parametrize(
    ("place_in_file", "value"),
    [
        (("held_out", "rows"), [1]),
        (("held_out",), "x"),
        (("judge", "rubric", "scale"), None),
        (("judge", "rubric", "scale", "grades"), "xx"),
        (("judge", "rubric", "dimension"), {"name": "q"}),
        (("backend", "identity"), "x"),
    ],
)
def test_a_judge_that_was_damaged_is_refused_by_its_file(place, tmp_path, place_in_file, value):
    """A score that cannot be read by a gate afterwards is money lost."""
    [file] = (place / JUDGE).glob("*.json")
    record = part = json.loads(file.read_bytes())
    for key in place_in_file[:-1]:
        part = part[key]
    part[place_in_file[-1]] = value
    (tmp_path / "q.json").write_text(json.dumps(record))
    with pytest.raises(DataError, match=r"q\.json: "):
        read_folder(tmp_path)


def test_what_cannot_be_read_of_a_run_is_left_out_of_what_experts_label(place):
    path = place / "results" / "loop" / "generated" / "hand-1"
    rubric = instance(composed("run", ["dataset=planted"]).cfg, "rubric")
    data = GeneratedSource("generated", str(path)).load(rubric)
    assert {item.case_id for item in data.item_list} == {"crashed", "marble", "tallow"}
    assert len(data.told) == 2
    assert all(line.startswith("left out: ") for line in data.told)


def test_a_judges_held_out_answers_are_those_of_the_study(place):
    record = json.loads((place / JUDGE / "planted_quality.json").read_text())
    rows = record["held_out"]["rows"]
    assert record["held_out"]["columns"][-1] == "judge_score_raw"
    assert len(rows) == record["scores"]["n_scored"]
    errors = [abs(expert - judge) for *_, expert, judge in rows]
    if record["scores"]["n_scored"] == record["scores"]["n_items"]:
        assert sum(errors) / len(errors) == pytest.approx(record["scores"]["mae"])
    assert Counter(item for item, *_ in rows).most_common(1)[0][1] == 1
