"""Retrieval settings in whole runs: what is embedded, by which model, and how it is recorded."""

from dataclasses import replace

import numpy as np

from memalign_bench.backends.simulated.scripted_judge import SimulatedJudge
from memalign_bench.notebooks.parse import read_notebook
from memalign_bench.notebooks.views import whole_text
from memalign_bench.study import records
from memalign_bench.study.plan import make_plan
from memalign_bench.study.running.rehearsal import forecast
from memalign_bench.study.running.runner import run


def rows(spec):
    path = spec.study_dir / "runs" / run(spec).run_id / "predictions.parquet"
    return records.read_rows(path, records.predictions_schema())


def test_an_item_knows_its_whole_text_and_its_request(spec_of):
    spec = spec_of("dataset=genie_synth", "dimensions=[model_use,model_training]", "limit=8")
    plan = make_plan(spec)
    for (item_id, _), shown in plan.shown.items():
        item = plan.data.item[item_id]
        cells = read_notebook(item.content, item_id).cells
        assert all(cell.source in shown.whole for cell in cells)
        assert any(cell.output and cell.output in shown.whole for cell in cells)
        assert shown.request == item.prompt
        assert shown.whole == whole_text(item)


def test_the_case_alone_can_decide_who_is_near(spec_of):
    # All planted notes answer one and the same request: neighbours are all alike, taken by id.
    found = rows(spec_of("alignment=episodic", "memory.query=case", "limit=24"))
    assert {similarity for row in found for similarity in row["neighbour_similarities"]} == {1.0}
    assert all(row["neighbour_ids"] == sorted(row["neighbour_ids"]) for row in found)


def test_diverse_neighbours_are_others_and_less_alike(spec_of):
    spec = spec_of("alignment=episodic", "limit=24")
    memory = replace(spec.alignment.memory, diversity=0.7)
    diverse = replace(spec, alignment=replace(spec.alignment, memory=memory), study="diverse")
    near, far = rows(spec), rows(diverse)
    assert [row["neighbour_ids"][0] for row in near] == [row["neighbour_ids"][0] for row in far]

    def mean(some):
        return np.mean([row["neighbour_similarities"] for row in some])

    assert mean(far) < mean(near)


def test_what_embeds_is_chosen_apart_from_the_judge(spec_of, monkeypatch):
    embed, asked = SimulatedJudge.embed, set()

    def listened(self, texts):
        asked.add(self.settings.seed)
        return embed(self, texts)

    monkeypatch.setattr(SimulatedJudge, "embed", listened)
    overrides = ("alignment=episodic", "embedder=backend", "limit=12")
    own = spec_of(*overrides)
    apart = spec_of(*overrides, "embedding=scripted", "embedding.seed=7", "study=apart")
    data = own.dataset.load(own.rubric)
    assert apart.run_id(data) != own.run_id(data)
    assert apart.identity(data)["models"]["embedding"]["seed"] == 7
    told = {(entry.backend, entry.n_calls) for entry in forecast(apart)}
    assert told == {("scripted", 12)}  # twelve verdicts of one, twelve vectors of the other
    run(own)
    assert asked == {0}
    run(apart)
    assert asked == {0, 7}
