"""The page in a real browser, where there is one: state in the address, and no error."""

import base64
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for chromium
from chromium import CHROMIUM, Browser, browsing
from fake_study import fake_study
from made_report import SECTIONS, analysis_of

from memalign_bench.report.build import build_report

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = fake_study(
        tmp_path_factory.mktemp("browser") / "fake",
        dimensions=2,
        backends=("embedded", "embedded_smollm2"),
        left_out=True,
    )
    found = build_report(analysis_of(path, n_resamples=20), SECTIONS).page
    assert found is not None
    return found


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browsing(tmp_path_factory.mktemp("profile")) as one:
        yield one


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
    return [
        re.sub(r"<[^>]+>", "|", text.replace("<wbr>", ""))
        for head, text in rows
        if "hidden" not in head
    ]


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


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_is_cut_and_the_verdict_stands_first(
    page: Path, browser: Browser, width: int, scheme: str
) -> None:
    browser.said.clear()
    browser.open(page, width=width, scheme=scheme)
    assert browser.ask("document.documentElement.scrollWidth") <= width
    top = browser.ask("document.querySelector('.tally').getBoundingClientRect().bottom")
    assert 0 < top < 844
    if width == 1280:
        cut = browser.ask(
            "[...document.querySelectorAll('.wide')].filter(w => w.scrollWidth > w.clientWidth)"
            ".map(w => w.firstElementChild.id).join()"
        )
        assert cut == ""
    paper, ink = (
        browser.ask(f"getComputedStyle(document.body).{name}")
        for name in ("backgroundColor", "color")
    )
    light = [sum(map(int, re.findall(r"\d+", colour))) for colour in (paper, ink)]
    assert light == sorted(light, reverse=scheme == "light")
    assert browser.said == []


def test_keys_alone_sort_a_table(page: Path, browser: Browser) -> None:
    browser.open(page)
    browser.ask("document.querySelector('#contrasts-table th:nth-child(4) button').focus()")
    browser.press("Tab", 9)
    head = "document.activeElement.closest('th')"
    assert browser.ask(f"{head}.cellIndex") == 4
    browser.press("Enter", 13, "\r")
    assert browser.ask(f"{head}.getAttribute('aria-sort')") == "ascending"
    assert "contrasts-table.sort=4%2Cup" in browser.ask("location.hash")
    browser.press("Enter", 13, "\r")
    assert browser.ask(f"{head}.getAttribute('aria-sort')") == "descending"


def test_worst_first_whatever_is_filtered(page: Path, browser: Browser) -> None:
    browser.open(page, "disagreements?cards.variant=none")
    worst = browser.ask(
        "[...document.querySelectorAll('article')].filter(a => !a.hidden).map(a => Math.max("
        "...[...a.querySelectorAll('[data-part]')].filter(p => !p.hidden)"
        ".map(p => Number(p.dataset.error))))"
    )
    assert len(worst) > 5
    assert worst == sorted(worst, reverse=True)


def test_one_link_a_judgement_leads_to_it(page: Path, browser: Browser) -> None:
    browser.open(page)
    places = browser.ask("[...document.querySelectorAll('[data-part] h4 a')].map(a => a.hash)")
    assert (
        len(places)
        == len(set(places))
        == browser.ask("document.querySelectorAll('[data-part]').length")
    )
    browser.open(page, places[-1][1:])
    assert browser.ask("location.hash") == places[-1]
    seen = f"document.getElementById('{places[-1][1:]}').getBoundingClientRect()"
    assert -5 <= browser.ask(f"{seen}.top") <= 800


def test_items_with_fewer_examples_are_one_click_away(page: Path, browser: Browser) -> None:
    browser.open(page)
    link = "[...document.querySelectorAll('#verdict a')].find(a => a.hash.includes('fewer'))"
    number = int(browser.ask(f"{link}.textContent").split()[0])
    browser.ask(f"{link}.click()")
    browser.call("Page.getFrameTree")  # the change of the address is told after the click
    kept = "[...document.querySelectorAll('article')].filter(a => !a.hidden)"
    assert browser.ask(f"{kept}.length") == number
    assert browser.ask(
        f"{kept}.every(a => [...a.querySelectorAll('[data-part]')]"
        ".filter(p => !p.hidden).every(p => p.dataset.fewer === 'yes'))"
    )


def test_it_prints(page: Path, browser: Browser) -> None:
    browser.open(page)
    printed = base64.b64decode(browser.call("Page.printToPDF")["data"])
    assert printed.startswith(b"%PDF")
    browser.call("Emulation.setEmulatedMedia", media="print")
    assert browser.ask("getComputedStyle(document.querySelector('.filters')).display") == "none"
    assert browser.ask("getComputedStyle(document.querySelector('.wide')).overflowX") == "visible"
    browser.call("Emulation.setEmulatedMedia", media="")
