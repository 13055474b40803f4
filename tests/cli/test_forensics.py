"""`memalign-bench forensics` as a user meets it."""

import csv
import json

import pytest

from memalign_bench.cli import main

QUICK = ("studies=30", "resamples=30")
TABLES = {"findings", "sizes", "means", "agreements", "pairs", "attainable", "coverage"}


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def rows(path):
    with path.open() as file:
        return [*csv.DictReader(file)]


def test_the_shipped_figures_are_audited(here, capsys):
    assert main(["forensics", *QUICK]) == 0
    shown = capsys.readouterr().out
    assert "0.562, 0.125," in shown
    assert "cannot reach" in shown
    folder = here / "results" / "forensics"
    assert {path.stem for path in (folder / "tables").iterdir()} == TABLES
    assert {path.suffix for path in (folder / "tables").iterdir()} == {".csv", ".md"}
    assert {path.name for path in (folder / "figures").iterdir()} == {
        "sizes.png",
        "sizes.svg",
        "sizes.pdf",
    }
    [use] = [
        row
        for row in rows(folder / "tables" / "sizes.csv")
        if row["dimension"] == "model_use" and row["experiment"] == "full_dual_memory"
        if row["step"] == "whole"
    ]
    assert (use["printed"], use["n"], use["half_up"]) == ("0.562, 0.125, 0.438", "16 32 48", "")
    told = json.loads((folder / "forensics.json").read_text())
    assert set(told) == TABLES | {"source"}
    assert told["sizes"][3]["n"] == [16, 32, 48]
    written = {(row["check"], row["where"]): row for row in rows(folder / "tables/findings.csv")}
    same = written["same items", "full_dual_memory, semantic_only: model_use"]
    assert same["verdict"] == "does not fit"
    assert "Databricks" in told["source"]


def test_any_file_of_that_form_works(here, capsys):
    (here / "mine.yaml").write_text(
        "protocol: {notebooks: 30, score_scale: [0, 1]}\n"
        "judge: {'[red]': {unaligned_mae: 0.333, aligned_mae: 0.250}}\n"
    )
    assert main(["forensics", "figures=mine.yaml"]) == 0
    shown = capsys.readouterr().out
    assert "0.333, 0.250" in shown
    assert shown.count("[red]") >= 3, "in both tables, and no colour"
    folder = here / "results" / "forensics_mine"
    sizes = {row["step"]: row["n"] for row in rows(folder / "tables" / "sizes.csv")}
    assert sizes["whole"] == "12 24"
    # No size of a resample is given, and one experiment has no other: no such tables.
    assert not (folder / "tables" / "coverage.csv").exists()
    assert not (folder / "tables" / "pairs.csv").exists()
    assert main(["forensics", "figures=mine.yaml", "out=elsewhere"]) == 0
    assert (here / "elsewhere" / "forensics.json").is_file()


def test_a_bad_file_is_refused_with_every_problem(here, capsys):
    (here / "bad.yaml").write_text(
        "protocol: {notebooks: 50, score_scale: [1, 2, 3]}\n"
        "full: {a: {unaligned_mae: 68, aligned: 0.18}, b: {n_items: 60}}\n"
    )
    assert main(["forensics", "figures=bad.yaml"]) == 2
    told = capsys.readouterr().err
    assert "bad.yaml: 3 problems" in told
    assert "full.a.unaligned_mae: 68 is beyond the largest error" in told
    assert "full.a.aligned: unknown key. Did you mean aligned_mae?" in told
    assert "full.b.n_items: 60 items are more than the 50 notebooks" in told
    assert not (here / "results").exists()


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("figures=gone.yaml", "no figures at 'gone.yaml'"),
        ("figures=5", "no figures at '5'"),
        ("studies=0", "studies must be a whole number >= 1, got 0"),
        ("resamples=many", "resamples must be a whole number >= 1, got 'many'"),
        ("seed=-1", "seed must be a whole number >= 0, got -1"),
        ("figure=x", "figure"),
    ],
)
def test_a_wrong_request_is_named(here, capsys, word, told):
    assert main(["forensics", word]) == 2
    assert told in capsys.readouterr().err


def test_help_teaches_the_form(capfd):
    assert main(["forensics", "--help"]) == 0
    told = capfd.readouterr().out
    assert "protocol: {notebooks: 50, score_scale: [1, 2, 3]" in told
    assert "figures: null" in told
    assert main(["--help"]) == 0
    assert "memalign-bench forensics" in capfd.readouterr().out
