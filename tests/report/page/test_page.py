import base64
import hashlib
import re
import shutil
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from fake_study import fake_study
from made_report import report_of

from memalign_bench.report.notices import notices
from memalign_bench.report.numbers.frames import load_study
from memalign_bench.report.page import cards as module
from memalign_bench.report.page.cards import disagreements
from memalign_bench.report.page.guidelines import memory_cells
from memalign_bench.report.page.page import PageFigure, TitledTable, render_page
from memalign_bench.report.tables.columns import word
from memalign_bench.report.tables.table import Table

EVIL = "<script>alert('x')</script>\"><img src=x onerror=alert(1)> & {{ 7*7 }}</pre></article>"


class Elements(HTMLParser):
    """Start tags with their attributes, and the text outside of style and script."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.inside = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.inside = tag

    def handle_endtag(self, tag: str) -> None:
        self.inside = ""

    def handle_data(self, data: str) -> None:
        if self.inside not in ("script", "style"):
            self.words.append(data)

    def count(self, tag: str) -> int:
        return sum(name == tag for name, _ in self.tags)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))


def page_of(path: Path, **options: Any) -> str:
    report = report_of(fake_study(path, **options), n_resamples=20)
    return report.page([figure_in(path)])


def figure_in(folder: Path, name: str = "mae", under: str = "", points: float = 100) -> PageFigure:
    svg = folder / f"{name}.svg"
    svg.write_text(f'<svg xmlns="http://www.w3.org/2000/svg" width="{points}pt" height="9pt"/>')
    return PageFigure(name, f"The figure {name}", "What is shown.", svg, under)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    return page_of(tmp_path_factory.mktemp("html") / "fake", dimensions=2)


def test_texts_from_data_are_inert(tmp_path: Path) -> None:
    evil = page_of(
        tmp_path / "evil", dimensions=1, view=EVIL, rationale=EVIL, guideline=EVIL,
        scoring="verdict",
    )  # fmt: skip
    plain = page_of(tmp_path / "plain", dimensions=1, scoring="verdict")
    found, expected = Elements(evil), Elements(plain)
    assert [tag for tag, _ in found.tags] == [tag for tag, _ in expected.tags]
    assert found.count("script") == 1
    assert not [name for _, attrs in found.tags for name in attrs if name.startswith("on")]
    assert found.text.count("{{ 7*7 }}") > 3  # shown as it is, not evaluated
    assert "<script>alert('x')</script>" in found.text


def test_the_page_asks_for_nothing(page: str) -> None:
    for tag, attrs in Elements(page).tags:
        for name in ("src", "href", "action", "srcset", "data", "poster"):
            value = attrs.get(name)
            if value is not None and not (tag == "option" or name == "data"):
                assert value.startswith(("#", "data:image/svg+xml;base64,")), (tag, name, value)
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL)
    assert style is not None
    assert "url(" not in style[1]
    assert "@import" not in style[1]


def test_the_policy_names_the_page_s_own_script_and_style(page: str) -> None:
    (policy,) = [
        attrs["content"]
        for tag, attrs in Elements(page).tags
        if tag == "meta" and attrs.get("http-equiv") == "Content-Security-Policy"
    ]
    assert policy is not None
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy
    for tag in ("script", "style"):
        body = re.search(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        assert body is not None
        digest = base64.b64encode(hashlib.sha256(body[1].encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert not [tag for tag, attrs in Elements(page).tags if "style" in attrs]


def test_headings_do_not_skip_levels_and_links_have_targets(page: str) -> None:
    elements = Elements(page)
    levels = [int(tag[1]) for tag, _ in elements.tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(b <= a + 1 for a, b in pairwise(levels))
    ids = [attrs["id"] for _, attrs in elements.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    targets = {a["href"] for tag, a in elements.tags if tag == "a"}
    assert {str(target)[1:].split("?")[0] for target in targets} <= set(ids)
    assert any(str(target).startswith("#memory-") for target in targets)
    assert any(str(target).startswith("#item-") for target in targets)
    assert all(a.get("alt") for tag, a in elements.tags if tag == "img")


def test_a_figure_stands_in_its_section(tmp_path: Path) -> None:
    report = report_of(fake_study(tmp_path / "s", dimensions=1), n_resamples=20)
    figures = [
        figure_in(tmp_path, "improvement"),
        figure_in(tmp_path, "mae", "summary", points=200),
        figure_in(tmp_path, "rank", "summary"),
        figure_in(tmp_path, "lost", "no_such_section"),
    ]
    page = report.page(figures)
    assert 'width="360"' in page  # twice the width of the others
    assert page.count('width="180"') == 3
    parts = re.split(r'<section id="(\w+)"', page)
    sections = dict(zip(parts[1::2], parts[2::2], strict=True))
    shown = {name: re.findall(r'id="figure-(\w+)"', text) for name, text in sections.items()}
    assert {name: here for name, here in shown.items() if here} == {
        "verdict": ["improvement"], "summary": ["mae", "rank"], "lost": ["lost"],
    }  # fmt: skip
    assert sections["summary"].index("figure-mae") < sections["summary"].index("<table")
    assert sections["summary"].index("figure-rank") > sections["summary"].index("</table>")
    assert '<a href="#lost">The figure lost</a>' in page
    assert "<h2>The figure lost</h2>" in page
    assert "<h3>The figure lost</h3>" not in page


def test_long_notes_are_folded_and_long_names_are_not(tmp_path: Path) -> None:
    report = report_of(fake_study(tmp_path / "s", dimensions=1), n_resamples=20)
    name, note = "none,scoring=logprob,view=compact," + "x" * 40, "said at length " * 8
    long = report.made["contrasts"].assign(reference=name, note=note)
    columns = [word(head, head) for head in ("dimension", "reference", "note")]
    tables = {"contrasts": TitledTable("Contrasts", Table(long, columns, ["How to read."]))}
    page = render_page(report.analysis, report.look, tables, ())
    folded = re.findall(r'<summary title="(.*?)">note</summary>', page)
    assert folded == [note] * len(long)


def test_notices_say_what_the_data_are(page: str, tmp_path: Path) -> None:
    words = Elements(page).text
    assert "raters are simulated" in words
    assert "A small judge's numbers hang on how it is asked." in words
    human = Elements(page_of(tmp_path / "h", dimensions=1, dataset="mine")).text
    assert "simulated" not in human
    scripted = page_of(tmp_path / "s", dimensions=1, backends=("scripted",), variants=("none",))
    assert "Simulated judge" in Elements(scripted).text


def test_a_half_done_sweep_is_told(tmp_path: Path) -> None:
    path = fake_study(tmp_path / "s", dimensions=1, fold_seeds=(0, 1))
    assert not any("fold seed" in told for told in notices(load_study(path)))
    shutil.rmtree(path / "runs" / "full-embedded-1")
    shutil.rmtree(path / "runs" / "median_label-none-1")
    told = notices(load_study(path))[-1]
    assert "every fold seed (1 not run for full on embedded; median_label)" in told


def test_a_run_without_its_manifest_is_left_out_and_named(tmp_path: Path) -> None:
    path = fake_study(tmp_path / "study")
    assert not any(text.startswith("Left out") for text in notices(load_study(path)))
    (path / "runs" / "abc").mkdir()
    [told] = [text for text in notices(load_study(path)) if text.startswith("Left out")]
    assert "no manifest.json: runs/abc. Their commands, given again, complete them." in told


def test_a_notice_that_another_goes_on_from_is_said_once(tmp_path: Path) -> None:
    path = fake_study(tmp_path / "s", dimensions=1, dataset="mine")
    frames = load_study(path)
    texts = ["A draw of 4 of 9 cases.", "A draw of 4 of 9 cases (8 of 18 items).", "Of people."]
    for manifest, text in zip(frames.manifests.values(), texts, strict=False):
        manifest["dataset"]["notice"] = text
    assert notices(frames)[:2] == texts[1:]


def test_a_study_of_two_builds_of_llama_cpp_says_so(tmp_path: Path) -> None:
    from memalign_bench.study.records import read_json, write_json

    path = fake_study(tmp_path / "s", dimensions=1, variants=("none", "full"))

    def told(**features: list[str]) -> list[str]:
        for variant, names in features.items():
            [file] = path.glob(f"runs/{variant}-embedded*/manifest.json")
            built = [{"version": "1", "features": names, "calls": 3}]
            write_json(file, read_json(file) | {"llama_cpp": built})
        return [text for text in notices(load_study(path)) if "build of llama.cpp" in text]

    assert told() == []
    [one] = told(none=["AVX2"])
    assert "1 with AVX2; one that is not recorded" in one
    [two] = told(full=["AMX_INT8", "AVX2"])
    assert "1 with AMX_INT8, AVX2; 1 with AVX2)" in two
    assert told(none=["AMX_INT8", "AVX2"]) == []
    for variant, grammar in (("none", "gbnf"), ("full", "llguidance")):
        [file] = path.glob(f"runs/{variant}-embedded*/manifest.json")
        [built] = read_json(file)["llama_cpp"]
        write_json(file, read_json(file) | {"llama_cpp": [built | {"grammar": grammar}]})
    [three] = told()
    assert "otherwise, and whose words may differ (1 with AMX_INT8, AVX2, schemas by gbnf" in three


def test_each_view_stands_once(page: str) -> None:
    views = re.findall(r"# library_installation (\d+)\n", page)
    assert max(views.count(number) for number in set(views)) == 12  # its own twelve lines


def test_private_texts_are_not_shown_even_where_records_hold_them(tmp_path: Path) -> None:
    from memalign_bench.study.records import read_json, write_json

    path = fake_study(tmp_path / "p", dimensions=1, rationale="a secret reason")
    for file in path.glob("runs/*/manifest.json"):
        write_json(file, read_json(file) | {"texts": "private"})
    frames = load_study(path)
    report = report_of(frames, n_resamples=20)
    words = report.page()
    for text in ("secret reason", "predict churn", "test rows are seen", "no usable answer"):
        assert text not in words
    assert "ids and numbers only" in words
    assert "case-00-a" in words


def test_a_study_without_disagreements_has_a_page(tmp_path: Path) -> None:
    page = page_of(
        tmp_path / "p", dimensions=1, perfect=True, failures=0, variants=("none", "full")
    )
    assert "No judge of this study disagrees" in page
    assert "<article" not in page


def test_disagreements_come_by_size_and_name_who_agrees(tmp_path: Path) -> None:
    report = report_of(fake_study(tmp_path / "p", dimensions=2), n_resamples=20)
    frames, look = report.frames, report.look
    found = disagreements(frames, look, memory_cells(frames, look)[1])
    errors = [card.error for card in found.cards]
    assert errors == sorted(errors, reverse=True)
    rows = frames.predictions
    graded = rows[rows["expert_score"] > 0]
    wrong = graded[graded["judge_score_raw"].fillna(-1) != graded["expert_score"]]
    assert found.n_answers == found.n_shown == len(wrong)
    assert sum(len(card.answers) for card in found.cards) == len(wrong)
    for card in found.cards:
        silent = {answer.variant for answer in card.answers}
        assert not silent & set(card.agreeing)
        assert len(silent) + len(card.agreeing) == 4
    full = [a for card in found.cards for a in card.answers if a.variant == "full"]
    assert all(len(answer.neighbours) == 4 and answer.cell for answer in full)
    assert full[0].neighbours[0].similarity == 0.81


def test_a_neighbours_grade_is_told_whether_or_not_it_has_a_card(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_ANSWERS", 12)
    report = report_of(fake_study(tmp_path / "p", dimensions=2), n_resamples=20)
    frames, look = report.frames, report.look
    golds = frames.items.set_index(["dimension", "item_id"])["gold"]
    found = disagreements(frames, look, memory_cells(frames, look)[1])
    near = [
        (card.dimension, one)
        for card in found.cards
        for answer in card.answers
        for one in answer.neighbours
    ]
    assert any(one.card is None for _, one in near)
    assert all(one.grade == golds[name, one.item_id] for name, one in near)


def test_caps_are_stated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_ANSWERS", 3)
    monkeypatch.setattr(module, "MOST_VIEW_CHARACTERS", 10)
    words = Elements(page_of(tmp_path / "p", dimensions=1)).text
    assert "Only the 3 with the largest errors are shown." in words
    assert "views are left out to keep this file small" in words
    assert "it is in items.parquet" in words


def test_an_answer_where_nothing_applies_is_a_disagreement(tmp_path: Path) -> None:
    path = fake_study(
        tmp_path / "p", dimensions=3, applicability="judge", variants=("none",), failures=0
    )
    report = report_of(path, n_resamples=20)
    frames, look = report.frames, report.look
    found = disagreements(frames, look, {})
    free = [a for card in found.cards if card.grade is None for a in card.answers]
    rows = frames.predictions
    expected = rows[(rows["expert_score"].isna()) & (rows["status"] == "scored")]
    assert len(free) == len(expected) > 0
    assert {answer.error for answer in free} == {None}


def test_variants_that_learnt_the_same_share_a_cell(tmp_path: Path) -> None:
    report = report_of(fake_study(tmp_path / "p", dimensions=2), n_resamples=20)
    cells, anchors = memory_cells(report.frames, report.look)
    assert len(cells) == 2 * 4
    assert {cell.variants for cell in cells} == {("semantic", "full")}
    assert {cell.n_examples for cell in cells} == {(0, 18)}
    key = ("library_installation", 0, 0)
    assert anchors["semantic", "embedded", *key] == anchors["full", "embedded", *key]
