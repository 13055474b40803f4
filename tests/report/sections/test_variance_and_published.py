"""Sections on where uncertainty comes from, and on a published protocol beside the suite's."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fake_study import fake_study
from hand_study import hand_study
from made_report import MadeReport, panels, report_of

from memalign_bench.report.numbers.frames import load_study
from memalign_bench.report.sections.variance import tables as variance
from memalign_bench.stats.clusters import case_mean
from memalign_bench.stats.published import PublishedBootstrap

PUBLISHED = PublishedBootstrap(100, 50, 500, 0.95)


@pytest.fixture(scope="module")
def seeds(tmp_path_factory: pytest.TempPathFactory) -> MadeReport:
    path = tmp_path_factory.mktemp("seeds") / "fake"
    fake_study(path, dimensions=1, fold_seeds=(0, 1), variants=("none", "semantic", "full"))
    return report_of(path, n_resamples=100, published=PUBLISHED)


def test_one_fold_seed_and_repeat_have_no_components(small: MadeReport) -> None:
    assert "variance" not in small.made
    assert "published" not in small.made
    assert not len(small.data("variance"))
    assert not len(small.data("published"))


def test_components_say_what_is_known_and_why_not(seeds: MadeReport) -> None:
    table = seeds.made["variance"]
    full = table[table["variant"] == "full"].set_index("component")
    assert list(full["n_levels"]) == [12, 24, 2, 8, 24, 48, 48]
    assert np.isnan(full.loc["repeat", "variance"])
    assert "part of item by fold seed" in full.loc["repeat", "note"]
    assert "2 levels: uncertain" in full.loc["fold_seed", "note"]
    known = full[full["variance"].notna()]
    assert known["share"].sum() == pytest.approx(1)
    doubled = full["se_doubled"].dropna()
    assert (doubled <= full["se_now"].iloc[0] + 1e-12).all()
    # Twice the cases halve all that hangs on cases; seeds and folds stay.
    stays = known.loc[known.index.isin(["fold_seed", "distillation"]), "share"].sum()
    expected = full["se_now"].iloc[0] * np.sqrt((1 + stays) / 2)
    assert full.loc["case", "se_doubled"] == pytest.approx(expected)
    text = seeds.table("variance").findings
    assert any(line.startswith("full: standard error") and "twice the cases" in line
               for line in text)  # fmt: skip


def test_what_doubling_buys_is_told_of_all_dimensions_or_not_at_all(tmp_path: Path) -> None:
    """Where a case has one item, twice the items a case cannot be told."""
    fake_study(tmp_path / "fake", dimensions=2, fold_seeds=(0, 1), variants=("none", "full"))
    frames = load_study(tmp_path / "fake")
    rows = frames.predictions
    single = (rows["dimension"] == "library_installation") & rows["item_id"].str.endswith("b")
    part = replace(frames, predictions=rows[~single].reset_index(drop=True))
    for given, told in ((frames, True), (part, False)):
        (line,) = report_of(given, n_resamples=50).table("variance").findings
        assert "twice the cases" in line
        assert ("twice the items a case" in line) == told


def test_marks_that_come_to_the_same_stand_above_one_another(seeds: MadeReport) -> None:
    data = seeds.data("variance").assign(se_doubled=0.1)
    with panels.theme():
        (axes,) = seeds.draw("variance", data).axes
    marks = [line for line in axes.lines if line.get_linestyle() == "None"]
    places = [(float(line.get_xdata()[0]), float(line.get_ydata()[0])) for line in marks]
    assert len(places) == len(set(places)) == len(data)


def test_what_silence_made_is_not_split(tmp_path: Path) -> None:
    def rows(judge: Any) -> list[dict[str, Any]]:
        return [
            {"item_id": f"{case}1", "expert_score": 1 + n % 3, "fold_seed": seed, "fold": n % 2,
             "judge": judge(1 + n % 3, n + seed)}
            for seed in (0, 1)
            for n, case in enumerate("abcdefghijkl")
        ]  # fmt: skip

    runs = {
        "none": rows(lambda expert, n: 1 + n % 3),
        "full": rows(lambda expert, n: "failed"),
        "semantic": rows(lambda expert, n: expert if n % 4 else 2),
    }
    report = report_of(hand_study(tmp_path / "s")(runs), n_resamples=50, published=PUBLISHED)
    assert set(report.made["variance"]["variant"]) == {"semantic"}
    assert any("gave no answer: full on Title of d1" in n for n in report.table("variance").notes)
    assert set(report.data("variance")["variant"]) == {"semantic"}
    # Nor is it called anything by the published protocol: withheld, and no exploration.
    published = report.made["published"].set_index("variant")
    assert not published.loc["full", "published_significant"]
    assert np.isnan(published.loc["full", "published_low"])
    assert (
        "Exploratory in this suite: 1. Not tested in either: 1."
        in (report.table("published").findings[0])
    )


def test_variances_of_a_part_of_the_gains_are_called_so(
    seeds: MadeReport, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = seeds.made["variance"]
    assert not any("drawn at random" in note for note in seeds.table("variance").notes)
    table.attrs["sampled"] = True
    assert any("drawn at random" in note for note in seeds.table("variance").notes)
    table.attrs["sampled"] = False
    monkeypatch.setattr(variance, "MAX_ROWS", 20)
    assert variance.numbers(seeds.analysis, seeds.made).attrs["sampled"]


def test_the_error_of_cases_alone_is_that_of_the_interval(seeds: MadeReport) -> None:
    """Without fold effects the components make about the error that is clustered by case."""
    row = seeds.made["variance"].query("variant == 'full'")
    rows = seeds.frames.predictions.query("expert_score > 0")
    errors = {}
    for variant in ("none", "full"):
        mine = rows[rows["variant"] == variant].set_index(["item_id", "fold_seed"])
        errors[variant] = (mine["judge_score_raw"] - mine["expert_score"]).abs().astype(float)
    gains = (errors["none"] - errors["full"]).fillna(0)
    clustered = case_mean(gains, [item[:7] for item, _ in gains.index]).error
    assert row["se_now"].iloc[0] == pytest.approx(clustered, rel=0.6)


def test_the_published_protocol_stands_beside_and_changes_no_claim(seeds: MadeReport) -> None:
    table, own = seeds.made["published"], seeds.made["contrasts"]
    plain = report_of(seeds.frames, n_resamples=100).made["contrasts"]
    assert own.equals(plain)
    assert list(table["variant"]) == ["semantic", "full"]
    assert (table["published_low"] < table["improvement"]).all()
    assert (table["improvement"] < table["published_high"]).all()
    words = " ".join(seeds.table("published").notes)
    assert "no claim of this report is taken from it" in words
    assert "(here 48 of 24)" in words
    assert not table.loc[0, "claim_holds"]  # semantic is exploratory


def test_both_are_drawn(seeds: MadeReport, tmp_path: Path) -> None:
    with panels.theme():
        for name in ("variance", "published"):
            files = panels.render(seeds.draw(name), tmp_path, name)
            assert files["png"].stat().st_size > 5_000
            assert seeds.caption(name)


def test_a_judge_without_a_model_stands_apart_on_each_backend(tmp_path: Path) -> None:
    fake_study(
        tmp_path / "fake", dimensions=1, fold_seeds=(0, 1), backends=("one", "two"),
        variants=("none", "full", "median_label"),
    )  # fmt: skip
    report = report_of(tmp_path / "fake", n_resamples=50)
    table = report.made["variance"]
    keys = ["dimension", "variant", "backend", "reference", "component"]
    assert not table.duplicated(keys).any()
    median = table[table["variant"] == "median_label"]
    errors = median.groupby("reference")["se_now"].first().to_dict()
    assert list(errors) == ["none on one", "none on two"]
    assert errors["none on one"] != pytest.approx(errors["none on two"])
    assert set(table.loc[table["variant"] == "full", "reference"]) == {"none"}
    mean = np.sqrt(np.mean(np.square(list(errors.values()))))
    (told,) = [line for line in report.table("variance").findings if line.startswith("median")]
    assert told.startswith(f"median_label: standard error {mean:.3f} grades; it would be ")
    assert "twice the cases" in told
    drawn = report.data("variance")
    drawn = drawn[drawn["variant"] == "median_label"].groupby("reference")["se_now"].first()
    assert drawn.to_dict() == pytest.approx(errors)
    with panels.theme():
        (axes,) = report.draw("variance").axes
    assert [label.get_text() for label in axes.get_yticklabels()] == [
        "full (one)",
        "full (two)",
        "median_label (over none on one)",
        "median_label (over none on two)",
    ]
