"""The committed audit of published figures is what the shipped figures give today."""

import csv
import json
from pathlib import Path

import pytest

from memalign_bench.cli import main

FOLDER = Path(__file__).parents[2] / "results" / "forensics"
EXACT = ("sizes", "means", "agreements", "pairs", "attainable")


@pytest.fixture(scope="module")
def again(tmp_path_factory):
    folder = tmp_path_factory.mktemp("forensics")
    assert main(["forensics", f"out={folder}", "studies=30", "resamples=30"]) == 0
    return folder


@pytest.mark.parametrize("name", EXACT)
@pytest.mark.parametrize("ending", ["csv", "md"])
def test_tables_without_a_simulation_are_the_same_to_the_byte(again, name, ending):
    path = Path("tables") / f"{name}.{ending}"
    assert (again / path).read_bytes() == (FOLDER / path).read_bytes()


def test_findings_are_the_same_but_for_the_simulated_ones(again):
    def told(folder):
        held = json.loads((folder / "forensics.json").read_text())
        return [row for row in held["findings"] if row["verdict"] != "simulated"]

    assert told(again) == told(FOLDER)
    assert len(told(FOLDER)) > 20


def test_committed_coverage_is_that_of_ten_thousand_studies():
    with (FOLDER / "tables" / "coverage.csv").open() as file:
        rows = [*csv.DictReader(file)]
    assert {row["studies"] for row in rows} == {"10000"}
    worded = [row for row in rows if row["resample"] != "as_many"]
    for row in worded:
        n, coverage = int(row["n"]), float(row["coverage"])
        assert float(row["mc_error"]) < 0.005
        low, high = (0.81, 0.85) if n >= 48 else (0.76, 0.83)
        assert low < coverage < high, row
    assert {"16", "19", "48", "50"} <= {row["n"] for row in worded}
