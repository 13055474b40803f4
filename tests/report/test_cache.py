"""Numbers of a report are kept for the next one, and made anew where anything is another."""

from __future__ import annotations

import json
import os
import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from fake_study import fake_study
from made_report import SECTIONS, analysis_of

from memalign_bench.report.build import build_report
from memalign_bench.report.cache import NumbersCache
from memalign_bench.report.numbers.analysis import Analysis


@pytest.fixture(autouse=True)
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a cache of this test's own."""
    monkeypatch.setenv("MEMALIGN_BENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "numbers"


@pytest.fixture
def study(tmp_path: Path) -> Path:
    return fake_study(tmp_path / "fake", dimensions=1)


def made_anew(analysis: Analysis, sections: dict = SECTIONS) -> bool:
    """Whether numbers are made, where the cache has what another analysis left there."""
    made = []

    def make() -> pd.DataFrame:
        made.append(True)
        return pd.DataFrame({"number": [0.5]})

    numbers = NumbersCache(analysis, sections).made("summary", make)
    assert numbers["number"].tolist() == [0.5]
    return bool(made)


def test_numbers_are_made_once(study: Path) -> None:
    assert made_anew(analysis_of(study))
    assert not made_anew(analysis_of(study))
    assert made_anew(analysis_of(study, n_resamples=20))
    assert made_anew(analysis_of(study, seed=1))
    assert made_anew(analysis_of(study, missing="exclude"))


def test_a_cache_that_may_only_be_read_is_used(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert made_anew(analysis_of(study))

    def refuse(path: Path) -> None:  # root, as whom tests may run, is refused nothing
        raise PermissionError(path)

    monkeypatch.setattr(os, "utime", refuse)
    assert not made_anew(analysis_of(study))


def rewritten_manifest(study: Path) -> None:
    path = next(study.glob("runs/*/manifest.json"))
    path.write_text(json.dumps({**json.loads(path.read_text()), "comment": "another file"}))


def file_beside(study: Path) -> None:
    """Sections read files of runs and of the study by name: any that is new counts."""
    (study / "headroom").mkdir()
    (study / "headroom" / "answers.csv").write_text("")


@pytest.mark.parametrize("change", [rewritten_manifest, file_beside])
def test_other_records_have_other_numbers(study: Path, change: Callable[[Path], None]) -> None:
    made_anew(analysis_of(study))
    change(study)
    assert made_anew(analysis_of(study))


def test_a_study_of_another_name_has_its_own(study: Path) -> None:
    made_anew(analysis_of(study))
    assert made_anew(analysis_of(study.rename(study.with_name("renamed"))))


def test_what_a_report_writes_and_the_call_store_change_no_number(study: Path) -> None:
    made_anew(analysis_of(study))
    for name in ("tables/mae.csv", "figures/mae.png", "report.html", "calls.sqlite-wal"):
        (study / name).parent.mkdir(exist_ok=True)
        (study / name).write_text("written")
    assert not made_anew(analysis_of(study))


def test_numbers_that_hang_on_more_than_records_are_always_made(study: Path) -> None:
    made_anew(analysis_of(study))
    analysis = analysis_of(study)
    fewer = replace(analysis.frames, predictions=analysis.frames.predictions.iloc[:20])
    assert made_anew(replace(analysis, frames=fewer))
    own = replace(SECTIONS["bias"], numbers=lambda *_: pd.DataFrame(), table=lambda *_: None)
    assert made_anew(analysis, {**SECTIONS, "bias": own})
    assert not made_anew(analysis)


def test_a_report_shows_what_is_kept(study: Path, kept: Path) -> None:
    build_report(analysis_of(study, n_resamples=20), SECTIONS)
    table, page = study / "tables" / "summary.csv", study / "report.html"
    before = table.read_bytes(), page.read_bytes()
    for path in kept.iterdir():
        numbers = pickle.loads(path.read_bytes())
        if "mae" in numbers:
            path.write_bytes(pickle.dumps(numbers.assign(mae=0.123456)))
    build_report(analysis_of(study, n_resamples=20), SECTIONS)
    assert b"0.123456" in table.read_bytes()
    # A file that was cut is made anew.
    for path in kept.iterdir():
        path.write_bytes(path.read_bytes()[:-9])
    build_report(analysis_of(study, n_resamples=20), SECTIONS)
    assert (table.read_bytes(), page.read_bytes()) == before
