"""The corpus as it ships: what is stored must follow from what was planted."""

import csv
import json
import signal
from collections import Counter, defaultdict
from dataclasses import replace

import nbformat
import pytest

from genie_synth.bundle import LABEL_COLUMNS, build, labels, notebook_text, tables
from genie_synth.cases import CASES
from genie_synth.execute import execute_notebook, normalise, notebook
from genie_synth.policy import expert, literal
from genie_synth.sketch.case import DIMENSIONS
from genie_synth.sketch.cells import DraftCell
from memalign_bench.datasets.bundled import bundled_path
from memalign_bench.errors import RequestError

SEEDS = (0, 1)
N_ITEMS = {0: 50, 1: 24}
LARGE = ("model_training", "model_use", "data_imputation", "exploratory_data_analysis")
SMALL = ("library_installation", "metrics_evaluation", "mlflow_logging", "cell_organization")


def _lines(seed, name):
    text = (bundled_path(seed) / name).read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


@pytest.fixture(scope="module")
def evidence():
    return {seed: _lines(seed, "evidence.jsonl") for seed in SEEDS}


@pytest.fixture(scope="module")
def label_rows():
    found = {}
    for seed in SEEDS:
        with (bundled_path(seed) / "labels.csv").open(encoding="utf-8", newline="") as source:
            found[seed] = list(csv.DictReader(source))
    return found


@pytest.fixture(scope="module")
def notebooks():
    return {
        seed: {
            path.stem: nbformat.read(path, as_version=4)
            for path in sorted((bundled_path(seed) / "notebooks").glob("*.ipynb"))
        }
        for seed in SEEDS
    }


@pytest.mark.parametrize("seed", SEEDS)
def test_every_item_has_its_notebook_its_labels_and_its_evidence(
    seed, evidence, label_rows, notebooks
):
    items = _lines(seed, "items.jsonl")
    ids = [item["item_id"] for item in items]
    assert ids == sorted(ids)
    assert len(ids) == N_ITEMS[seed]
    assert set(notebooks[seed]) == set(ids)
    assert {(row["item_id"], row["dimension"]) for row in evidence[seed]} == {
        (item, dimension) for item in ids for dimension in DIMENSIONS
    }
    keys = Counter((row["item_id"], row["dimension"], row["rater"]) for row in label_rows[seed])
    assert len(keys) == N_ITEMS[seed] * 9 * 4
    assert set(keys.values()) == {1}
    assert tuple(label_rows[seed][0]) == LABEL_COLUMNS


@pytest.mark.parametrize("seed", SEEDS)
def test_stored_scores_follow_from_the_planted_facets(seed, evidence, label_rows):
    cases = {case.case_id: case for case in CASES[seed]}
    read = {(r["item_id"], r["dimension"]): int(r["literal_score"]) for r in label_rows[seed]}
    for row in evidence[seed]:
        case = cases[row["item_id"].rsplit("-", 1)[0]]
        ruling = expert(row["dimension"], row["facets"], case)
        assert (row["score"], row["reason"]) == ruling
        assert row["literal_score"] == literal(row["dimension"], row["facets"], case)
        assert read[row["item_id"], row["dimension"]] == row["literal_score"]


@pytest.mark.parametrize("seed", SEEDS)
def test_every_snippet_is_in_its_cell(seed, evidence, notebooks):
    for row in evidence[seed]:
        if row["score"] == 0:
            assert row["evidence"] == []
            continue
        assert row["evidence"], row
        for found in row["evidence"]:
            cell = notebooks[seed][row["item_id"]].cells[found["cell"]]
            assert found["snippet"] in cell.source, row


@pytest.mark.parametrize("seed", SEEDS)
def test_evidence_is_compact(seed, evidence):
    sizes = [sum(len(e["snippet"]) for e in row["evidence"]) for row in evidence[seed]]
    sizes = [size for size in sizes if size]
    assert sum(size <= 600 for size in sizes) >= 0.95 * len(sizes)


@pytest.mark.parametrize("seed", SEEDS)
def test_scores_come_about_equally_often(seed, evidence):
    counts = defaultdict(Counter)
    for row in evidence[seed]:
        counts[row["dimension"]][row["score"]] += 1
    for dimension, found in counts.items():
        graded = N_ITEMS[seed] - found[0]
        assert graded >= 12, dimension
        assert min(found[1], found[2], found[3]) >= graded / 3 - 2, (dimension, found)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_two_notebooks_of_a_case_differ_in_quality(seed, evidence):
    scores = defaultdict(list)
    for row in evidence[seed]:
        scores[row["item_id"].rsplit("-", 1)[0], row["dimension"]].append(row["score"])
    assert all(a != b or a == b == 0 for a, b in scores.values())


@pytest.mark.parametrize("seed", SEEDS)
def test_distance_of_literal_and_expert_scores(seed, evidence):
    distances, stricter = defaultdict(list), defaultdict(int)
    for row in evidence[seed]:
        if row["score"]:
            gap = row["literal_score"] - row["score"]
            distances[row["dimension"]].append(abs(gap))
            stricter[row["dimension"]] += gap
    means = {key: sum(values) / len(values) for key, values in distances.items()}
    for dimension in LARGE:
        assert 0.4 <= means[dimension] <= 0.7, (dimension, means[dimension])
        assert stricter[dimension] > 0
    for dimension in SMALL:
        assert means[dimension] <= 0.1, (dimension, means[dimension])
    assert 0.1 <= means["feature_engineering"] <= 0.7


@pytest.mark.parametrize("seed", SEEDS)
def test_raters_stay_close_to_gold(seed, label_rows):
    gold = {
        (r["item_id"], r["dimension"]): int(r["score"])
        for r in label_rows[seed]
        if r["rater"] == "gold"
    }
    gaps = defaultdict(list)
    for row in label_rows[seed]:
        target = gold[row["item_id"], row["dimension"]]
        if row["rater"] != "gold" and target:
            gaps[row["rater"], row["dimension"]].append(abs(int(row["score"]) - target))
    means = {key: sum(values) / len(values) for key, values in gaps.items()}
    for (rater, dimension), mean in means.items():
        bound = 0.35 if dimension == "exploratory_data_analysis" else 0.15
        assert mean < bound, (rater, dimension, mean)
    by_dimension = {
        d: sum(mean for (_, key), mean in means.items() if key == d) for d in DIMENSIONS
    }
    assert max(by_dimension, key=by_dimension.__getitem__) == "exploratory_data_analysis"


@pytest.mark.parametrize("seed", SEEDS)
def test_no_rationale_repeats_and_none_has_an_open_slot(seed, label_rows):
    texts = [row["rationale"] for row in label_rows[seed]]
    assert len(set(texts)) == len(texts)
    for text in texts:
        assert text[0].isupper() or text[0].isdigit() or text[0] == "`"
        assert text.endswith(".")
        assert len(text) <= 400
        assert not any(f"{{{slot}}}" in text for slot in ("where", "code", "target", "column"))


def test_the_corpora_share_no_realisation(evidence):
    used = [{row["realisation"] for row in evidence[seed] if row["realisation"]} for seed in SEEDS]
    assert not used[0] & used[1]


@pytest.mark.parametrize("seed", SEEDS)
def test_notebooks_are_valid_executed_and_tell_nothing_of_the_machine(seed, notebooks):
    for item, made in notebooks[seed].items():
        nbformat.validate(made)
        code = [cell for cell in made.cells if cell.cell_type == "code"]
        assert sum(bool(cell.outputs) for cell in code) >= 1, item
        assert all(cell.execution_count for cell in code), item
        text = nbformat.writes(made)
        assert "memalign" not in text, item
        assert "/root" not in text, item
        assert "/work/" not in text, item


@pytest.mark.parametrize("seed", SEEDS)
def test_notebooks_have_ten_to_thirty_cells_unless_they_are_one(seed, notebooks, evidence):
    single = {row["item_id"] for row in evidence[seed] if row["facets"].get("layout") == "one_cell"}
    for item, made in notebooks[seed].items():
        if item in single:
            assert len(made.cells) <= 6, item
        else:
            assert 10 <= len(made.cells) <= 31, (item, len(made.cells))


@pytest.mark.parametrize("seed", SEEDS)
def test_the_corpus_is_small(seed):
    size = sum(path.stat().st_size for path in bundled_path(seed).rglob("*") if path.is_file())
    assert size < 6_000_000


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_stored_is_what_the_code_plants_today(
    seed, label_rows, evidence, notebooks, drafts_of
):
    items = drafts_of(seed)
    rows = [{key: str(value) for key, value in row.items()} for row in labels(items, seed)]
    assert rows == label_rows[seed]
    for item in items:
        stored = [cell.source for cell in notebooks[seed][item.item_id].cells]
        assert stored == [cell.source for cell in item.cells], item.item_id
    planted = {(i.item_id, d): i.realisations[d] for i in items for d in DIMENSIONS}
    assert planted == {(r["item_id"], r["dimension"]): r["realisation"] for r in evidence[seed]}


def test_a_build_writes_what_is_stored_and_clears_what_is_not(tmp_path, monkeypatch):
    # Execution takes minutes; without it everything but the outputs is the same to the byte.
    monkeypatch.setattr("genie_synth.bundle.execute_notebook", notebook)
    stale = tmp_path / "notebooks" / "of-before-a.ipynb"
    stale.parent.mkdir()
    stale.write_text("{}")
    seen = {}

    def track(items, label):
        seen[label] = [item.item_id for item in items]
        return items

    build(tmp_path, 1, track=track)
    built = sorted(path.name for path in (tmp_path / "notebooks").iterdir())
    assert len(built) == 24
    # Composing is told of as well: it takes a while before the first notebook is there.
    for label in ("composing notebooks", "running notebooks"):
        assert built == [f"{item}.ipynb" for item in seen[label]]
    for name in ("items.jsonl", "labels.csv", "evidence.jsonl", "README.md"):
        assert (tmp_path / name).read_bytes() == (bundled_path(1) / name).read_bytes(), name


@pytest.mark.parametrize("seed", SEEDS)
def test_every_stored_table_is_what_the_code_writes_today(seed, drafts_of):
    written = tables(drafts_of(seed), seed)
    names = {"items.jsonl", "labels.csv", "evidence.jsonl", "cases.jsonl", "README.md"}
    assert set(written) == names
    for name, text in written.items():
        assert text.encode() == (bundled_path(seed) / name).read_bytes(), name


def test_impossible_requests_are_refused(tmp_path):
    with pytest.raises(RequestError, match="seed=5"):
        build(tmp_path, 5)


@pytest.mark.slow
def test_executing_a_notebook_again_gives_the_same_bytes(drafts_of):
    items = drafts_of(0)
    quick = [i for i in items if "mlflow" not in "".join(c.source for c in i.cells)]
    item = min(quick, key=lambda item: (item.n_rows, item.item_id))
    path = bundled_path(0) / "notebooks" / f"{item.item_id}.ipynb"
    assert notebook_text(execute_notebook(item)) == path.read_text(encoding="utf-8")


def test_a_signal_amid_a_notebook_reaches_the_command_and_not_the_kernels_client(drafts_of):
    def stop(*_):
        raise KeyboardInterrupt

    source = "import os, signal, time\nos.kill(os.getppid(), signal.SIGTERM)\ntime.sleep(1)"
    draft = replace(drafts_of(1)[0], cells=(DraftCell("code", "", source),), counts="in_order")
    kept = signal.signal(signal.SIGTERM, stop)
    try:
        with pytest.raises(KeyboardInterrupt):
            execute_notebook(draft)
        assert signal.getsignal(signal.SIGTERM) is stop
    finally:
        signal.signal(signal.SIGTERM, kept)


def test_every_score_is_planted_in_eight_ways(evidence):
    ways = defaultdict(set)
    for row in evidence[0]:
        if row["score"]:
            ways[row["dimension"], row["score"]].add(row["realisation"])
    assert len(ways) == 27
    assert min(len(found) for found in ways.values()) >= 8


def test_outputs_are_normalised():
    path = "/home/me/.venv/lib/python3.11/site-packages/sklearn/base.py:12: UserWarning"
    assert normalise(path) == "/opt/python/lib/site-packages/sklearn/base.py:12: UserWarning"
    assert normalise("run " + "a1" * 16) == "run 0123456789abcdef0123456789abcdef"
    logged = normalise("2026/01/02 03:04:05 WARNING mlflow.sklearn: done")
    assert logged == "2025-03-14 09:26:53 WARNING mlflow.sklearn: done"
    assert normalise("min    2021-01-01 00:00:00") == "min    2021-01-01 00:00:00"
    slow = "Matplotlib is building the font cache; this may take a moment.\n"
    assert normalise(f"a\n{slow}b") == "a\nb"
