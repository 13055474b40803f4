"""The page in a real browser, where there is one: state in the address, and no error."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from fake_study import fake_study
from made_report import SECTIONS, analysis_of

from memalign_bench.report.build import build_report

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = fake_study(tmp_path_factory.mktemp("browser") / "fake", dimensions=2)
    found = build_report(analysis_of(path, n_resamples=20), SECTIONS).page
    assert found is not None
    return found


def opened(page: Path, address: str) -> str:
    """The page's elements after its script has run; fails on a console error."""
    words = ["--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--dump-dom"]
    done = subprocess.run(
        [str(CHROMIUM), *words, f"file://{page}#{address}"],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    assert "CONSOLE" not in done.stderr, done.stderr
    return done.stdout


def shown_rows(dom: str, table: str) -> list[str]:
    rows = re.findall(r"<tr data-row([^>]*)>(.*?)</tr>", dom.split(f'id="{table}"')[1], re.DOTALL)
    return [re.sub(r"<[^>]+>", "|", text) for head, text in rows if "hidden" not in head]


def test_an_address_shows_what_its_sender_saw(page: Path) -> None:
    dom = opened(page, "contrasts?contrasts-table.metric=spearman&contrasts-table.sort=7,down")
    rows = [row for row in shown_rows(dom, "contrasts-table") if "rank corr." in row]
    assert rows
    assert not any("MAE" in row for row in shown_rows(dom, "contrasts-table")[: len(rows)])
    assert len(re.findall(r'<th[^>]*aria-sort="descending"', dom)) == 1


def test_a_count_leads_to_its_items(page: Path) -> None:
    dom = opened(page, "disagreements?cards.status=failed&cards.variant=none")
    parts = re.findall(r"<div data-part[^>]*>", dom)
    kept = [part for part in parts if "hidden" not in part]
    assert kept
    assert all('data-status="failed"' in part and 'data-variant="none"' in part for part in kept)


def test_only_items_that_two_variants_grade_differently(page: Path) -> None:
    every = opened(page, "disagreements")
    same = opened(page, "disagreements?cards.first=none&cards.second=none")
    apart = opened(page, "disagreements?cards.first=none&cards.second=full")

    def n_cards(dom: str) -> int:
        return sum("hidden" not in head for head in re.findall(r"<article[^>]*>", dom))

    assert n_cards(same) == 0
    assert 0 < n_cards(apart) < n_cards(every)
