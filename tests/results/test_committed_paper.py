"""The committed paper's values are what its study and pages give today, to the byte."""

import csv
import json
import shutil
from collections import Counter
from pathlib import Path

import pytest

from memalign_bench.cli import main

ROOT = Path(__file__).parents[2]
PAPER = ROOT / "paper"
RESULTS = ROOT / "results"


@pytest.fixture(scope="module")
def values():
    return json.loads((PAPER / "generated" / "values.json").read_text())


@pytest.mark.slow
def test_all_that_the_paper_reads_is_made_again(tmp_path):
    """The study's own figure is left to the eye: it hangs on fonts, its numbers on `tables/`."""
    for name in ("paper.typ", "references.bib"):
        shutil.copy(PAPER / name, tmp_path)
    assert main(["paper", f"paper_dir={tmp_path}", f"results_dir={RESULTS}"]) == 0
    made = {path.relative_to(tmp_path) for path in (tmp_path / "generated").rglob("*.*")}
    kept = {path.relative_to(PAPER) for path in (PAPER / "generated").rglob("*.*")}
    assert made == kept
    for path in made - {Path("generated/figure.svg")}:
        assert (tmp_path / path).read_bytes() == (PAPER / path).read_bytes(), path
    assert (tmp_path / "paper.pdf").read_bytes().startswith(b"%PDF")


def test_every_finding_of_the_audit_stands_in_the_paper(values):
    audit = json.loads((RESULTS / "forensics" / "forensics.json").read_text())
    told = [row[2] for group in values["published"]["groups"] for row in group["rows"]]
    assert sorted(told) == sorted(row["sentence"].replace("_", " ") for row in audit["findings"])
    assert len(told) > 20


def test_the_certified_coverages_of_the_paper_are_those_of_the_committed_table(values):
    with (RESULTS / "certify" / "coverage.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["least_changed"] == "0"]
    level = [
        float(row["coverage"])
        for row in rows
        if row["quantity"] == "level" and row["method"] == "logit_t"
    ]
    bca = [
        float(row["coverage"])
        for row in rows
        if row["quantity"] == "level" and row["method"] == "bca"
    ]
    table = values["certification"]["intervals"]
    (line,) = [row for row in table["rows"] if row[0] == "Mean absolute error"]
    assert line[table["head"].index("coverage")] == f"{min(level):.3f}\N{EN DASH}{max(level):.3f}"
    assert line[table["head"].index("BCa")] == f"{min(bca):.3f}"


def test_the_figures_of_the_pages_are_the_committed_ones():
    pairs = {"coverage.svg": "certify/coverage.svg", "sizes.svg": "forensics/figures/sizes.svg"}
    for name, source in pairs.items():
        assert (PAPER / "generated" / name).read_bytes() == (RESULTS / source).read_bytes(), name


def test_further_studies_of_the_paper_say_what_their_tables_say(values):
    assert len(values["beside"]) > 1
    for page in values["beside"]:
        study = page["caption"].split(":")[0].removeprefix("Study ")
        with (RESULTS / study / "tables" / "summary.csv").open() as file:
            rows = list(csv.DictReader(file))
        judges = Counter((row["variant"], row["backend"]) for row in rows)
        complete = [judge for judge, n in judges.items() if n == max(judges.values())]
        assert len(page["rows"]) == len(complete)
        assert ("Not shown" in page["caption"]) == (len(complete) < len(judges))
        place = page["head"].index("MAE, raw")
        if len({row["dimension"] for row in rows}) == 1:
            told = [float(row[place]) for row in page["rows"]]
            assert told == pytest.approx([float(row["mae_raw"]) for row in rows], abs=0.0051)
