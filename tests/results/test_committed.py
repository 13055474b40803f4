"""Committed studies: what their tables say follows from their records, by lines of our own."""

import csv
import json
import re
from collections import defaultdict
from types import SimpleNamespace

import numpy as np
import pyarrow.parquet as pq
import pytest
from tests.committed import MANIFESTS, ROOT, STUDIES, committed_files

from memalign_bench.config import build, composed, rebuild

SHARED = ROOT.parent / "shared" / "data"
PRIVATE = {
    "feedbackqa": (SHARED / "feedbackqa" / "feedbackqa.jsonl", ("question", "passage")),
    "saf": (SHARED / "saf" / "saf.jsonl", ("question", "reference", "answer", "feedback")),
}
"""Data set whose texts are nobody's to pass on -> its file, and the fields that hold a text."""
THE_SECTION_WAY = (
    "prompt.examples=section",
    "prompt.rationales=true",
    "view.example_tokens=64",
)


def batch_within_folds(rows, grades):
    """Place of a row -> its grade after division by its fold's mean distribution."""
    groups = defaultdict(list)
    for at, row in enumerate(rows):
        if row["status"] == "scored" and row["distribution"] is not None:
            groups[row["dimension"], row["fold"], row["repeat"]].append(at)
    found = {}
    for places in groups.values():
        if len(places) < 10:
            continue
        chances = np.array([rows[at]["distribution"] for at in places])
        ratio = chances / chances.mean(axis=0)
        ratio /= ratio.sum(axis=1, keepdims=True)
        for at, row, raw in zip(places, ratio, chances, strict=True):
            tied = row >= row.max() - 1e-9
            found[at] = grades[int(np.where(tied, raw, -1).argmax())]
    return found


@pytest.mark.parametrize("study", STUDIES, ids=lambda path: path.name)
def test_the_mae_of_every_row_can_be_recomputed(study):
    errors, items = defaultdict(list), defaultdict(set)
    for path in study.glob("runs/*/predictions.parquet"):
        manifest = json.loads(path.with_name("manifest.json").read_text())
        grades = manifest["rubric"]["grades"]
        rows = pq.read_table(path).to_pylist()
        within = batch_within_folds(rows, grades) if manifest["calibration"] == "batch" else {}
        for at, row in enumerate(rows):
            if row["expert_score"] == 0:
                continue
            worst = max(row["expert_score"] - min(grades), max(grades) - row["expert_score"])
            judged = within.get(at, row["judge_score_raw"])
            judged = None if row["status"] != "scored" else judged
            error = worst if judged is None else abs(judged - row["expert_score"])
            key = row["dimension"], row["variant"], row["backend"]
            errors[key].append(error)
            items[key].add(row["item_id"])
    with (study / "tables" / "summary.csv").open() as file:
        told = {
            (row["dimension"], row["variant"], row["backend"]): row for row in csv.DictReader(file)
        }
    assert told.keys() == errors.keys()
    for key, found in errors.items():
        assert float(told[key]["mae"]) == pytest.approx(sum(found) / len(found), abs=1e-6)
        assert int(told[key]["n_items"]) == len(items[key])


@pytest.mark.parametrize("study", STUDIES, ids=lambda path: path.name)
def test_records_tell_nothing_of_the_machine_that_made_them(study):
    places = re.compile(r"/(home|root|tmp|work|Users)/")
    for path in study.rglob("*"):
        if path.suffix in (".json", ".csv", ".md", ".html", ".svg"):
            assert not places.search(path.read_text(encoding="utf-8")), path


@pytest.mark.parametrize("study", STUDIES, ids=lambda path: path.name)
def test_every_committed_study_says_how_it_was_made(study):
    # What was asked before examples became turns is told in the same place as what came after.
    name = study.name.removesuffix("_section").removesuffix("_dev").removesuffix("_plain")
    name = name.split("_by_")[0]
    assert (ROOT / "experiments" / name / "README.md").is_file()
    for path in study.glob("runs/*/manifest.json"):
        manifest = json.loads(path.read_text())
        assert manifest["git"] == {"commit": manifest["git"]["commit"], "dirty": False}


def test_what_one_command_makes_of_the_records_is_not_committed_where_it_is_large():
    """Pages of a few studies take megabytes, most of them figures that lie beside them too."""
    large = [path for path in committed_files() if path.stat().st_size > 2 * 2**20]
    assert large == []


def data_set_of(study):
    manifest = next((study / "runs").glob("*/manifest.json"))
    return json.loads(manifest.read_text())["dataset"]["name"]


@pytest.mark.parametrize(
    "study", [study for study in STUDIES if data_set_of(study) in PRIVATE], ids=lambda p: p.name
)
def test_no_sentence_of_private_data_is_committed(study):
    sample, fields = PRIVATE[data_set_of(study)]
    if not sample.is_file():
        pytest.skip(f"{sample.name} is not here")
    rows = [json.loads(line) for line in sample.read_text(encoding="utf-8").split("\n") if line]
    texts = [line for row in rows for name in fields for line in row[name].split("\n")]
    texts += [text for row in rows for text in row.get("explanations", ())]
    needles = {text[:60] for text in texts if len(text) >= 30}
    files = [path for path in study.rglob("*") if path.is_file() and path.suffix != ".png"]
    assert any(path.suffix == ".parquet" for path in files)
    for path in files:
        if path.suffix == ".parquet":
            held = json.dumps(pq.read_table(path).to_pylist(), ensure_ascii=False)
        else:
            held = path.read_text(encoding="utf-8", errors="replace")
        assert not any(needle in held for needle in needles), path


def test_the_committed_runs_are_still_found_by_their_command():
    """New keys leave the names of old runs as they are: asked the old way, all are found."""
    names = {"full": ("none", "semantic", "full", "median_label"), "ladder": ("ridge", "knn_vote")}
    data = None
    for experiment, alignments in names.items():
        runs = sorted((ROOT / "results" / f"{experiment}_section" / "runs").glob("*/manifest.json"))
        first = {m["alignment"]: m for m in (json.loads(path.read_text()) for path in runs)}
        assert set(alignments) <= set(first)
        for name in alignments:
            manifest = first[name]
            choice = (f"alignment={name}", f"fold_seed={manifest['fold_seed']}")
            job = composed("run", [f"experiment={experiment}", *choice, *THE_SECTION_WAY])
            spec = build(job.cfg, job.choices)
            data = data or spec.dataset.load(spec.rubric)
            assert spec.run_id(data) == manifest["run_id"]
            # What was usual then is set away from its default now, and the variant says so.
            assert spec.variant.split(",")[0] == manifest["alignment"]


@pytest.fixture(scope="module")
def job():
    return composed("export_judge", ["study=any"])


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: f"{path.parts[-4]}/{path.parts[-2]}")
def test_every_committed_run_can_be_built_again_under_its_name(path, job):
    """Its manifest names classes as they were called then; modules have moved since."""
    manifest = json.loads(path.read_text())
    spec = rebuild(manifest, job.cfg, job.choices)
    data = SimpleNamespace(digest=manifest["identity"]["data"])
    assert spec.identity(data) == manifest["identity"]
    assert spec.run_id(data) == manifest["run_id"] == path.parts[-2]


def test_a_run_of_every_committed_alignment_is_among_them():
    recorded = {json.loads(path.read_text())["alignment"] for path in MANIFESTS}
    assert len(MANIFESTS) > 150
    assert {"full", "ridge", "length_filler", "median_label"} <= recorded


def test_the_committed_runs_are_of_the_bundled_data():
    """What is bundled is what was judged, item by item and label by label."""
    seen = set()
    for path in MANIFESTS:
        manifest = json.loads(path.read_text())
        config, told = manifest["config"], manifest["config"]["dataset"]
        is_whole = config["limit"] is config.get("n_cases") is None
        if told["name"] == "genie_synth" and is_whole:
            level = told.get(
                "difficulty", "real"
            )  # which runs of before there were two do not name
            seen.add((told["seed"], level, manifest["identity"]["data"]))
    for seed, level, digest in seen:
        words = [f"dataset.seed={seed}", f"dataset.difficulty={level}", "backend=scripted"]
        job = composed("run", words)
        spec = build(job.cfg, job.choices)
        assert spec.dataset.load(spec.rubric).digest == digest, (seed, level)
    assert {(seed, level) for seed, level, _ in seen} == {
        (seed, level) for seed in (0, 1) for level in ("real", "plain")
    }
