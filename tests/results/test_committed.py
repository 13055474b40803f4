"""Committed studies: what their tables say follows from their records, by lines of our own."""

import csv
import json
import re
from collections import defaultdict
from pathlib import Path

import pyarrow.parquet as pq
import pytest

ROOT = Path(__file__).parents[2]
STUDIES = sorted(path.parents[1] for path in (ROOT / "results").glob("*/tables/summary.csv"))


@pytest.mark.parametrize("study", STUDIES, ids=lambda path: path.name)
def test_the_mae_of_every_row_can_be_recomputed(study):
    errors = defaultdict(list)
    for path in study.glob("runs/*/predictions.parquet"):
        for row in pq.read_table(path).to_pylist():
            if row["expert_score"] == 0:
                continue
            worst = max(row["expert_score"] - 1, 3 - row["expert_score"])
            judged = row["judge_score"]
            error = worst if judged is None else abs(judged - row["expert_score"])
            errors[row["dimension"], row["variant"], row["backend"]].append(error)
    with (study / "tables" / "summary.csv").open() as file:
        told = {
            (row["dimension"], row["variant"], row["backend"]): row for row in csv.DictReader(file)
        }
    assert told.keys() == errors.keys()
    for key, found in errors.items():
        assert float(told[key]["mae"]) == pytest.approx(sum(found) / len(found), abs=1e-6)
        assert int(told[key]["n_items"]) == len(found)


@pytest.mark.parametrize("study", STUDIES, ids=lambda path: path.name)
def test_records_tell_nothing_of_the_machine_that_made_them(study):
    places = re.compile(r"/(home|root|tmp|work|Users)/")
    for path in study.rglob("*"):
        if path.suffix in (".json", ".csv", ".md", ".html", ".svg"):
            assert not places.search(path.read_text(encoding="utf-8")), path


@pytest.mark.parametrize("study", STUDIES, ids=lambda path: path.name)
def test_every_committed_study_says_how_it_was_made(study):
    assert (ROOT / "experiments" / study.name / "README.md").is_file()
    for path in study.glob("runs/*/manifest.json"):
        manifest = json.loads(path.read_text())
        assert manifest["git"] == {"commit": manifest["git"]["commit"], "dirty": False}
