"""The table of first and present numbers is what the tables of today give."""

import csv
import importlib.util
import re
from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "experiments" / "reading_anew"


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("reading_anew", FOLDER / "reading_anew.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_committed_table_is_that_of_the_committed_results(script):
    assert (FOLDER / "tables.md").read_text() == script.tables()


def test_every_claim_of_today_stands_there_with_its_number():
    lines = (FOLDER / "tables.md").read_text().splitlines()
    studies = set(pd.read_parquet(FOLDER / "first_reading.parquet")["study"])
    claims = 0
    for study in studies:
        with (ROOT / "results" / study / "tables" / "contrasts.csv").open() as file:
            rows = [row for row in csv.DictReader(file) if row["p_holm"]]
        for row in rows:
            claims += 1
            head = f"| {study} | {row['reference_backend']} | {row['dimension']} | "
            (line,) = [line for line in lines if line.startswith(head)]
            now = line.split(" | ")[5]
            assert float(now.split()[0]) == pytest.approx(float(row["improvement"]), abs=0.0051)
            assert (row["significant"] == "true") == (line.split(" | ")[8] in ("better", "worse"))
    assert claims > 40


def test_no_interval_of_today_contradicts_its_p(script):
    table = script.contrasts(ROOT / "results")
    told = table[table["low"].notna() & table["p_value"].notna()]
    apart = (told["low"] > 1e-9) | (told["high"] < -1e-9)
    assert len(told) > 500
    assert not (apart & (told["p_value"] > 0.05 + 1e-9)).any()


@pytest.mark.parametrize(
    ("then", "now", "told"),
    [
        ({}, {"seen": "left_only"}, "under ten answers"),
        ({"improvement": 0.1}, {"improvement": 0.2}, "the reading within folds"),
        ({"p_value": 0.04}, {"p_value": 0.06}, "interval and p from one method"),
        ({"p_value": 0.04}, {"p_value": 0.04}, "the family"),
    ],
)
def test_what_changed_a_contrast_is_told_from_what_differs(script, then, now, told):
    same = {"own": "raw", "improvement": 0.1, "p_value": 0.01}
    row = {"seen": "both", **{f"{name}_then": value for name, value in {**same, **then}.items()}}
    row |= {f"{name}_now": value for name, value in {**same, **now}.items() if name != "seen"}
    row |= {"seen": now["seen"]} if "seen" in now else {}
    assert re.search(told, script.why(pd.Series(row)))
