import pickle
import shutil
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from fake_study import fake_study
from made_report import SECTIONS, analysis_of, report_of
from matplotlib.figure import Figure

from memalign_bench.errors import RequestError
from memalign_bench.report import cache
from memalign_bench.report.build import build_report
from memalign_bench.report.drawing import panels
from memalign_bench.report.drawing.look import Look, look_of
from memalign_bench.report.sections.section import Section

# What is kept of figures does not hang on how many there are, and drawing takes long.
FEW = {
    name: section if name in ("bias", "mae", "rank") else replace(section, draw=None)
    for name, section in SECTIONS.items()
}


def contents(path: Path) -> dict[str, bytes]:
    kept = [path / "report.html", *(path / "tables").glob("*"), *(path / "figures").glob("*")]
    return {str(file.relative_to(path)): file.read_bytes() for file in kept if file.is_file()}


@pytest.fixture(autouse=True)
def _cache_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEMALIGN_BENCH_CACHE", str(tmp_path / "cache"))


def test_a_report_is_tables_figures_and_one_page(tmp_path: Path) -> None:
    path = fake_study(tmp_path / "fake", dimensions=2)
    files = build_report(analysis_of(path, n_resamples=50), SECTIONS)
    assert files.page == path / "report.html"
    assert sorted(files.figures) == [
        "bias", "confusion", "disagreement", "improvement", "mae", "people", "rank",
    ]  # fmt: skip
    written = contents(path)
    assert len(written) == 1 + 12 + 7 * 3
    page = written["report.html"].decode()
    assert page.count("data:image/svg+xml;base64,") == 7
    before = contents(path)
    shutil.rmtree(tmp_path / "cache")  # drawn again, not taken from there
    build_report(analysis_of(path, n_resamples=50), SECTIONS)
    assert contents(path) == before


def drawn_by(
    monkeypatch: pytest.MonkeyPatch, path: Path, sections: dict[str, Section] = FEW
) -> list[str]:
    """Names of the figures that a report draws, in their order."""
    plain, names = panels.render, []

    def render(figure: Figure, folder: Path, name: str) -> dict[str, Path]:
        names.append(name)
        return plain(figure, folder, name)

    with monkeypatch.context() as patch:
        patch.setattr(panels, "render", render)
        build_report(analysis_of(path, n_resamples=20), sections)
    return names


def test_a_figure_is_drawn_again_only_when_its_numbers_are_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = fake_study(tmp_path / "fake", dimensions=1)
    assert "mae" in drawn_by(monkeypatch, path)
    before = contents(path)
    (path / "figures" / "mae.png").write_bytes(b"somebody's own")
    assert drawn_by(monkeypatch, path) == []
    assert contents(path) == before
    data = SECTIONS["mae"].data
    assert data is not None
    shifted = replace(SECTIONS["mae"], data=lambda *given: data(*given).assign(mae=0.25))
    assert drawn_by(monkeypatch, path, {**FEW, "mae": shifted}) == ["mae"]


def test_a_figure_is_known_by_its_numbers_and_not_by_how_they_lie_in_memory(tmp_path: Path) -> None:
    """The first report makes its numbers, a second one reads them."""
    look = look_of(analysis_of(fake_study(tmp_path / "fake", dimensions=1), n_resamples=20))
    made = pd.DataFrame({"variant": ["full", "none"], "mae": [0.5, 0.25]})
    cut = pd.concat([made, made]).iloc[2:].reset_index(drop=True)
    assert pickle.dumps(cut) != pickle.dumps(made)
    known = cache.figure_digest(SECTIONS["mae"], made, look)
    assert known == cache.figure_digest(SECTIONS["mae"], cut, look)
    for other in (
        made.assign(mae=[0.5, 0.5]),
        made.iloc[::-1],
        made.rename(columns={"mae": "bias"}),
        made.astype({"mae": "object"}),
    ):
        assert cache.figure_digest(SECTIONS["mae"], other, look) != known


def test_figures_of_ones_own_are_always_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def draw(data: pd.DataFrame, look: Look) -> Figure:
        return Figure()

    path = fake_study(tmp_path / "fake", dimensions=1)
    own = {**FEW, "mae": replace(SECTIONS["mae"], draw=draw)}
    assert len(drawn_by(monkeypatch, path, own)) > 1
    assert drawn_by(monkeypatch, path, own) == ["mae"]


def test_a_cache_that_cannot_be_written_is_done_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    path = fake_study(tmp_path / "fake", dimensions=1)
    assert drawn_by(monkeypatch, path) == drawn_by(monkeypatch, path) != []


def test_figures_that_nobody_asks_for_make_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = fake_study(tmp_path / "fake", dimensions=1)
    drawn_by(monkeypatch, path)
    figures = tmp_path / "cache" / "figures"
    assert len([*figures.iterdir()]) >= 3
    whole = sum(one.stat().st_size for one in figures.iterdir())
    shutil.rmtree(figures)
    monkeypatch.setattr(cache, "_MAX_FIGURE_BYTES", whole // 2)
    drawn_by(monkeypatch, path)
    assert 0 < sum(one.stat().st_size for one in figures.iterdir()) <= whole // 2


def test_one_figure_is_redrawn_and_nothing_else(tmp_path: Path) -> None:
    path = fake_study(tmp_path / "fake", dimensions=1)
    files = build_report(analysis_of(path, n_resamples=20), SECTIONS, "bias")
    assert list(files.figures) == ["bias"]
    assert (files.page, files.tables) == (None, ())
    assert sorted(contents(path)) == [f"figures/bias.{kind}" for kind in ("pdf", "png", "svg")]
    with pytest.raises(RequestError, match="bais"):
        build_report(analysis_of(path), SECTIONS, "bais")


def test_a_figure_with_nothing_to_show_says_what_it_needs(tmp_path: Path) -> None:
    analysis = analysis_of(fake_study(tmp_path / "fake", dimensions=1), n_resamples=20)
    with pytest.raises(RequestError, match=r"figure=learning_curve .* two values of n_train="):
        build_report(analysis, SECTIONS, "learning_curve")
    needs = [section.needs for section in SECTIONS.values() if section.draw]
    assert Section.needs not in needs


def test_one_figure_makes_the_numbers_that_it_draws_and_no_others(tmp_path: Path) -> None:
    def refused(analysis: object, made: object) -> pd.DataFrame:
        raise AssertionError("nobody asked for this section")

    others = {
        name: replace(section, numbers=refused if section.numbers and name != "variance" else None,
                      table=section.table if section.numbers and name != "variance" else None)
        for name, section in SECTIONS.items()
    }  # fmt: skip
    path = fake_study(tmp_path / "fake", dimensions=1)
    files = build_report(analysis_of(path, n_resamples=20), others, "improvement")
    assert list(files.figures) == ["improvement"]


def test_the_other_reading_needs_no_new_run(tmp_path: Path) -> None:
    path = fake_study(tmp_path / "fake", dimensions=1, n_cases=24)
    build_report(analysis_of(path, "batch", n_resamples=20), FEW)
    assert "Reading: batch" in (path / "report.html").read_text()


@pytest.mark.parametrize(
    "options",
    [
        {"variants": ("none",), "dimensions": 1, "grades": (1, 2)},
        {"variants": ("median_label",), "dimensions": 1},
        {"variants": ("semantic", "full"), "dimensions": 1, "n_raters": 1},
        {"grades": (1, 2, 3, 4, 5), "dimensions": 1, "scoring": "verdict", "fold_seeds": (0, 1)},
        {"backends": ("a", "b", "c"), "dimensions": 1, "applicability": "judge"},
    ],
)
def test_studies_of_other_shapes_have_reports(tmp_path: Path, options: dict[str, object]) -> None:
    report = report_of(fake_study(tmp_path / "fake", **options), n_resamples=20)
    drawn = set()
    with panels.theme():
        for name in SECTIONS:
            if len(data := report.data(name)):
                report.draw(name, data).draw_without_rendering()
                drawn.add(name)
    assert drawn >= {"bias", "confusion", "mae", "rank"}
    page = report.page()
    assert ("Nothing to compare" in page) == (not len(report.made["contrasts"]))


def test_a_study_without_runs_is_refused(tmp_path: Path) -> None:
    fake_study(tmp_path / "nothing_new", dimensions=1)
    with pytest.raises(RequestError, match=r"memalign-bench run.*Did you mean nothing_new\?"):
        build_report(analysis_of(tmp_path / "nothing"), SECTIONS)
