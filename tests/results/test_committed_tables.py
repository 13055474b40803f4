"""Committed tables are what their study's records give today, to the last digit that is printed."""

import re

import pytest
from tests.committed import RESULTS, STUDIES

from memalign_bench.config import build_analysis, build_sections, composed
from memalign_bench.report.build import make_numbers, make_tables
from memalign_bench.report.tables.files import texts_of

NUMBER = re.compile(r"\d+(?:\.\d+)?")
LATEST_AND_EARLIER = [
    pytest.param(
        study,
        id=study.name,
        # Asked the section way: kept for comparison, and made by the same lines as the others.
        marks=[pytest.mark.archive] if study.name.endswith("_section") else [],
    )
    for study in STUDIES
]


def unit(number: str) -> float:
    """One of the last digit; sums differ in their last bit from processor to processor."""
    return 10.0 ** -len(number.partition(".")[2]) if "." in number else 0.0


def differing(one: str, other: str) -> list[tuple[str, str]]:
    """Numbers that differ by more than their last digit; words must be the same."""
    assert NUMBER.split(one) == NUMBER.split(other)
    return [
        (mine, theirs)
        for mine, theirs in zip(NUMBER.findall(one), NUMBER.findall(other), strict=True)
        if mine != theirs and abs(float(mine) - float(theirs)) > 1.01 * unit(mine)
    ]


def test_a_changed_number_would_be_found():
    assert differing("mae 0.40 of 12", "mae 0.41 of 12") == []
    assert differing("mae 0.40 of 12", "mae 0.42 of 13") == [("0.40", "0.42"), ("12", "13")]


@pytest.mark.slow
@pytest.mark.parametrize("study", LATEST_AND_EARLIER)
def test_the_tables_of_a_committed_study_are_made_again(study):
    job = composed("report", [f"study={study.name}", f"results_dir={RESULTS}", "tracker=none"])
    analysis, sections = build_analysis(job.cfg), build_sections()
    tables = make_tables(analysis, make_numbers(analysis, sections), sections)
    made = {
        f"{name}.{ending}": text
        for name, titled in tables.items()
        for ending, text in texts_of(titled.table).items()
    }
    kept = {path.name: path.read_text() for path in (study / "tables").iterdir()}
    assert made.keys() == kept.keys()
    assert {name: found for name in made if (found := differing(made[name], kept[name]))} == {}
