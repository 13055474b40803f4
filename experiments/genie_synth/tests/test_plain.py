"""The plain level: what real plants, each set of facets in one way, and said without a verdict."""

import json
import re
from collections import defaultdict

import nbformat
import pyarrow.parquet as pq
import pytest

from genie_synth.bundle import (
    build_plain,
    context_line,
    labels,
    notebook_text,
    plain_tables,
    without_pictures,
)
from genie_synth.card import plain_card
from genie_synth.cases import CASES
from genie_synth.execute import execute_notebook, notebook
from genie_synth.facets import FACETS, complete
from genie_synth.oracle import rulings
from genie_synth.realisations.notes import sentence
from genie_synth.sketch.case import DIMENSIONS
from memalign_bench.config import composed, instance
from memalign_bench.datasets.bundled import bundled_path
from memalign_bench.datasets.folder import FolderSource
from memalign_bench.notebooks.views import render_view
from memalign_bench.types import Item

SEEDS = (0, 1)
BY_OUTPUT = ("exploratory_data_analysis", "metrics_evaluation", "cell_organization")
"""Dimensions that the oracle reads with outputs and counts, which are not executed here."""
VERDICTS = re.compile(
    r"\b(good|bad|proper(ly)?|improper(ly)?|leak(s|age|y)?|correct(ly)?|wrong(ly)?|right(ly)?"
    r"|should|must|ought|poor(ly)?|best|better|worse|worst|careful(ly)?|careless(ly)?|sound"
    r"|unsound|suitable|unsuitable|mis\w+led|mistake(n|s)?|harm\w*|useful|useless|fair"
    r"|honest|clean(ly)?|appropriate(ly)?|merely|just|fail\w*|unfortunately)\b",
    re.I,
)

SILENT = {
    ("exploratory_data_analysis", "finding"): 1,  # wrong or not: outputs contradict the words
    ("feature_engineering", "in_pipeline"): 1,  # of every planted item
    ("model_use", "refit"): 1,
    ("model_use", "threshold_unsaid"): 1,
    ("metrics_evaluation", "zeros_in_target"): 1,
    ("mlflow_logging", "misnamed_metric"): 1,
}
"""(dimension, facet) -> values that are told by the code or the outputs alone."""


@pytest.fixture(scope="module")
def levels(drafts_of):
    return {seed: (drafts_of(seed), drafts_of(seed, plain=True)) for seed in SEEDS}


@pytest.fixture(scope="module")
def settings():
    cfg = composed("corpus").cfg
    return instance(cfg, "rubric"), instance(cfg, "view")


def _item(draft):
    case = draft.case
    text = notebook_text(notebook(draft))
    about = {"prompt": case.prompt, "context": context_line(case), "kind": "notebook"}
    return Item(item_id=draft.item_id, case_id=case.case_id, content=text, **about)


@pytest.mark.parametrize("seed", SEEDS)
def test_facets_and_scores_are_those_of_real_item_by_item(seed, levels):
    for real, plain in zip(*levels[seed], strict=True):
        assert (real.item_id, real.case) == (plain.item_id, plain.case)
        assert real.facets == plain.facets
        assert real.rulings == plain.rulings
        assert real.literal == plain.literal
        assert real.cells != plain.cells


@pytest.mark.parametrize("seed", SEEDS)
def test_every_rater_gives_what_they_give_on_real(seed, levels):
    real, plain = (labels(items, seed) for items in levels[seed])
    told = [[{k: v for k, v in r.items() if k != "rationale"} for r in x] for x in (real, plain)]
    assert told[0] == told[1]


@pytest.mark.parametrize("seed", SEEDS)
def test_the_same_facets_come_from_one_realisation(seed, levels):
    ways = defaultdict(set)
    for draft in levels[seed][1]:
        for dimension, name in draft.realisations.items():
            if name:
                facets = complete(dimension, draft.facets[dimension])
                # Without classes nothing can be stratified: a facet that nobody chose.
                kind = dimension == "model_training" and draft.case.task
                ways[dimension, json.dumps(facets, sort_keys=True), kind].add(name)
    several = {key: found for key, found in ways.items() if len(found) > 1}
    # Tables and series are looked at in other ways, and not every table has a weak column.
    assert {key[0] for key in several} <= {"exploratory_data_analysis"}, several
    assert all(len(found) <= 3 for found in several.values()), several


def test_the_seeds_share_no_realisation(levels):
    used = [
        {name for draft in levels[seed][1] for name in draft.realisations.values()} - {""}
        for seed in SEEDS
    ]
    assert not used[0] & used[1]


@pytest.mark.parametrize("seed", SEEDS)
def test_one_markdown_sentence_a_dimension_says_what_is_done(seed, levels):
    for draft in levels[seed][1]:
        text = "\n".join(cell.source for cell in draft.cells if cell.kind == "markdown")
        for dimension in DIMENSIONS:
            if draft.realisations[dimension]:
                said = sentence(dimension, draft.facets[dimension])
                assert text.count(said) == 1, (draft.item_id, dimension)
                assert not VERDICTS.search(said), said
                assert said in [found.snippet for found in draft.evidence[dimension]]


def test_no_value_of_a_facet_brings_a_verdict():
    for dimension, known in FACETS.items():
        for key, facet in known.items():
            for value in facet.values or ():
                assert not VERDICTS.search(sentence(dimension, {key: value})), (key, value)


@pytest.mark.parametrize("dimension", DIMENSIONS)
def test_every_planted_value_is_to_be_read_in_the_sentence_or_is_silent(dimension):
    beside = {
        "library_installation": {"install": "pinned"},
        "exploratory_data_analysis": {"finding": "stated"},
        "mlflow_logging": {"logged": ["metric"]},
    }.get(dimension, {})
    for key, facet in FACETS[dimension].items():
        values = facet.values or ({"dropped_share": (0.0, 0.08)}.get(key) or ([], ["scratch"]))
        beside |= {"method": "drop_rows"} if key == "dropped_share" else {}
        told = [sentence(dimension, {**beside, key: value}) for value in values]
        silent = SILENT.get((dimension, key), 0)
        assert len(set(told)) == len(told) - silent, (key, told)


def test_the_sentence_of_training_says_on_which_rows_the_score_is():
    facets = {"tuned_on": "train", "scored_on": "train"}
    assert "; scored on the training rows;" in sentence("model_training", facets)


@pytest.mark.parametrize("seed", SEEDS)
def test_compact_shows_nearly_every_sentence_whole(seed, levels, settings):
    rubric, view = settings
    lost, n = [], 0
    for draft in levels[seed][1]:
        for dimension in DIMENSIONS:
            if draft.realisations[dimension] and dimension != "cell_organization":
                n += 1
                said = sentence(dimension, draft.facets[dimension])
                seen = render_view(_item(draft), rubric.dimensions[dimension].view, view).text
                if said not in seen:
                    lost.append((draft.item_id, dimension, said))
    assert len(lost) <= 0.05 * n, lost


@pytest.mark.parametrize("seed", SEEDS)
def test_the_oracle_arrives_at_every_label_that_code_decides(seed, levels):
    for draft in levels[seed][1]:
        item = _item(draft)
        found = rulings(item.content, item.prompt, item.context)
        for dimension in set(DIMENSIONS).difference(BY_OUTPUT):
            score = draft.rulings[dimension].score
            assert found[dimension].score == score, (draft.item_id, dimension)


def _stored(seed, name):
    return pq.read_table(bundled_path(seed, "plain") / f"{name}.parquet").to_pylist()


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_stored_is_what_the_code_plants_today(seed, levels):
    items = levels[seed][1]
    contents = {row["item_id"]: row["content"] for row in _stored(seed, "items")}
    for name, rows in plain_tables(items, seed, contents).items():
        assert _stored(seed, name) == rows, name
    for draft in items:
        stored = nbformat.reads(contents[draft.item_id], as_version=4)
        assert [cell.source for cell in stored.cells] == [cell.source for cell in draft.cells]
    card = (bundled_path(seed, "plain") / "README.md").read_text(encoding="utf-8")
    assert card == plain_card(items, seed)


@pytest.mark.parametrize("seed", SEEDS)
def test_stored_notebooks_were_executed_and_tell_nothing_of_the_machine(seed):
    for row in _stored(seed, "items"):
        made = nbformat.reads(row["content"], as_version=4)
        nbformat.validate(made)
        code = [cell for cell in made.cells if cell.cell_type == "code"]
        assert all(cell.execution_count for cell in code), row["item_id"]
        assert any(cell.outputs for cell in code), row["item_id"]
        assert not any(word in row["content"] for word in ("memalign", "/root", "/work/", "/tmp/"))


@pytest.mark.slow
def test_executing_a_plain_notebook_again_gives_the_same(levels):
    stored = {row["item_id"]: row["content"] for row in _stored(1, "items")}
    # MLflow takes twenty seconds to set up its store.
    quick = [one for one in levels[1][1] if "mlflow" not in "".join(c.source for c in one.cells)]
    draft = min(quick, key=lambda draft: (draft.n_rows, draft.item_id))
    assert notebook_text(without_pictures(execute_notebook(draft))) == stored[draft.item_id]


def test_the_stored_audit_has_both_levels_side_by_side():
    for seed in SEEDS:
        told = (bundled_path(seed, "plain") / "audit.md").read_text(encoding="utf-8")
        assert "Shortcuts on both levels" in told
        assert "nearest neighbours, real | nearest neighbours, plain" in told
        assert "| NO |" not in told
        data = FolderSource("plain", seed=seed, difficulty="plain").load(
            instance(composed("corpus").cfg, "rubric")
        )
        assert f"Digest {data.digest}." in told


def test_a_build_is_read_back_with_the_same_labels(tmp_path, monkeypatch, levels, settings):
    monkeypatch.setattr("genie_synth.bundle.execute_notebook", notebook)
    build_plain(tmp_path, 1)
    held = FolderSource("plain", str(tmp_path)).load(settings[0])
    real = FolderSource("real", seed=1).load(settings[0])
    scores = [
        {(e.item_id, e.dimension, e.rater): e.score for e in data.label_list}
        for data in (held, real)
    ]
    assert scores[0] == scores[1]
    assert held.digest != real.digest
    assert len(held.evidence) == len(real.evidence) == 9 * 2 * len(CASES[1])
    assert "before any judge ran" in (tmp_path / "README.md").read_text(encoding="utf-8")
