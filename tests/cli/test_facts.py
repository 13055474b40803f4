"""Facts from the command line to the records: as what judges read, and as what finds neighbours."""

import csv
import json

import pytest
from nbformat import v4

from memalign_bench import load_judge, load_study
from memalign_bench.cli import main
from memalign_bench.config import build, composed
from memalign_bench.notebooks.views import facts_text, render_view
from memalign_bench.study.plan import make_plan

WORDS = ("dataset=genie_synth", "dataset.seed=1", "backend=scripted", "dimensions=[model_use]")
RUN = ("run", *WORDS, "tracker=none")


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    folder = tmp_path_factory.mktemp("facts")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert main([*RUN, "view=facts", "alignment=episodic", "study=read"]) == 0
        assert main([*RUN, "view=compact", "alignment=episodic", "study=near"]) == 0
        near = ["view=compact", "alignment=episodic", "memory.query=facts", "study=near"]
        assert main([*RUN, *near]) == 0
        yield folder


def items_of(study):
    return load_study(f"results/{study}").items.set_index("item_id")


def manifests_of(study, here):
    paths = (here / "results" / study / "runs").glob("*/manifest.json")
    return {told["variant"]: told for told in (json.loads(path.read_text()) for path in paths)}


def test_judges_read_facts_and_the_records_say_so(here):
    told = manifests_of("read", here)
    assert set(told) == {"episodic,view=facts"}
    (manifest,) = told.values()
    assert manifest["counts"]["scored"] > 0
    assert "view_notes" not in manifest  # everything could be read
    items = items_of("read")
    assert items.view_name.str.startswith("facts:352t").all()
    assert items.view.str.contains("predicts ").any()
    assert (items.view_tokens <= 352).all()


def test_neighbours_by_facts_are_a_variant_and_leave_what_is_read_alone(here):
    told = manifests_of("near", here)
    facts, usual = told["episodic,memory.query=facts,view=compact"], told["episodic,view=compact"]
    assert facts["run_id"] != usual["run_id"]
    kinds = "facts.facts.model_use"
    assert "answers" in facts["identity"]["decides"][kinds]
    assert not [key for key in usual["identity"]["decides"] if key.startswith("facts")]
    assert not items_of("near").view.str.contains("predicts ").any()
    rows = load_study("results/near").predictions.set_index(["item_id", "variant"])
    shown = {
        name: rows.xs(variant["variant"], level="variant").neighbour_similarities.map(tuple)
        for name, variant in (("facts", facts), ("usual", usual))
    }
    assert not shown["facts"].equals(shown["usual"])


def test_what_is_embedded_is_the_facts_view_without_the_request():
    job = composed("run", [*WORDS, "alignment=knn_vote", "memory.query=facts", "limit=8"])
    plan = make_plan(build(job.cfg, job.choices))
    rule = plan.spec.rubric.dimensions["model_use"].view
    settings = composed("run", ["view=facts"])
    facts = build(settings.cfg, settings.choices).view
    for (item_id, dimension), shown in plan.shown.items():
        item = plan.data.item[item_id]
        assert shown.facts == facts_text(item, rule, facts, dimension)
        assert shown.facts != render_view(item, rule, facts, dimension=dimension).text
        assert item.prompt not in shown.facts
    usual = composed("run", [*WORDS, "alignment=knn_vote", "limit=8"])
    assert {one.facts for one in make_plan(build(usual.cfg, usual.choices)).shown.values()} == {""}


def test_an_exported_judge_finds_neighbours_by_facts_too(here):
    words = ["variant='episodic,memory.query=facts,view=compact'", "register=false"]
    assert main(["export_judge", "study=near", "tracker=none", *words]) == 0
    (path,) = (here / "results/near/judges").rglob("model_use.json")
    job = composed("run", [*WORDS, "view=compact", "alignment=episodic", "memory.query=facts"])
    plan = make_plan(build(job.cfg, job.choices))
    with load_judge(path) as judge:
        shown = plan.shown["motor-claims-b", "model_use"]
        assert judge.shown(plan.data.item["motor-claims-b"]) == shown
        found = judge.judge.judge.retriever.nearest(shown)
        assert len(found) == 4
        assert found[0].similarity < 1  # by facts that differ, not by the request that they share


@pytest.fixture
def folder(tmp_path):
    """Eight notebooks of eight cases, one of them in R and one that does not parse."""
    (tmp_path / "notebooks").mkdir()
    items, rows = [], []
    for n in range(8):
        code = "for x in" if n == 3 else f"m = Ridge(alpha={n})\nm.fit(X)"
        language = "R" if n == 5 else "python"
        book = v4.new_notebook(
            cells=[v4.new_code_cell(code)], metadata={"language_info": {"name": language}}
        )
        (tmp_path / f"notebooks/i{n}.ipynb").write_text(json.dumps(book), encoding="utf-8")
        items.append({"item_id": f"i{n}", "case_id": f"c{n}", "kind": "notebook", "prompt": "Go.",
                      "path": f"notebooks/i{n}.ipynb"})  # fmt: skip
        rows.append((f"i{n}", f"c{n}", "model_training", "ann", 1 + n % 3, "x"))
    (tmp_path / "items.jsonl").write_text("\n".join(map(json.dumps, items)), encoding="utf-8")
    with (tmp_path / "labels.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["item_id", "case_id", "dimension", "rater", "score", "rationale"])
        writer.writerows(rows)
    return tmp_path


def test_what_could_not_be_read_is_shown_as_it_stands_and_noted(folder, monkeypatch):
    monkeypatch.chdir(folder)
    words = ["dataset=files", f"dataset.path={folder}", "gold=median", "backend=scripted"]
    more = ["dimensions=[model_training]", "view=facts", "alignment=none", "tracker=none"]
    assert main(["run", *words, *more, "study=mixed"]) == 0
    (manifest,) = manifests_of("mixed", folder).values()
    assert manifest["view_notes"] == [
        "i3: cell 1 could not be read as Python; shown as it stands",
        "i5: cell 1 could not be read as Python; shown as it stands",
    ]
    items = items_of("mixed")
    assert (
        "(this cell could not be read as Python; shown as it stands)\nfor x in"
        in (items.view["i3"])
    )
    assert "(this cell is written in r; shown as it stands)" in items.view["i5"]
    assert "fits m (Ridge) on X" in items.view["i1"]


def test_a_kind_that_does_not_exist_is_a_wrong_request(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main([*RUN, "view=facts", "view.facts.model_use=[fit]"]) == 2
    assert "model_use: 'fit'" in capsys.readouterr().err
