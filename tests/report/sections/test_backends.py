"""Backends side by side, against numbers worked out by hand."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from fake_study import fake_study
from hand_study import WriteStudy, hand_study
from made_report import SECTIONS, analysis_of, report_of

from memalign_bench.report.build import build_report
from memalign_bench.report.drawing import panels
from memalign_bench.report.numbers.frames import load_study
from memalign_bench.report.sections.backends.tables import compare_backends, pareto_front
from memalign_bench.study.records import write_json

GOLD = {"a1": 3, "a2": 1, "b1": 2, "b2": 1, "c1": 3}


@pytest.fixture
def write_study(tmp_path: Path) -> WriteStudy:
    return hand_study(tmp_path / "hand")


def rows(said: Mapping[str, object], **more: object) -> list[dict[str, object]]:
    return [
        {"item_id": item, "expert_score": GOLD[item], "judge": grade, **more}
        for item, grade in said.items()
    ]


def test_error_effort_and_order(write_study: WriteStudy) -> None:
    polite = dict.fromkeys(GOLD, 3)  # errors 0 2 1 2 0
    path = write_study(
        {
            "none@good": rows(GOLD, prompt_tokens=100, completion_tokens=4, cost_usd=0.002),
            "none@polite": rows(polite, prompt_tokens=50, completion_tokens=2),
            "full@good": rows(GOLD),  # on one backend only: no comparison
        }
    )
    table = compare_backends(analysis_of(path, n_resamples=500)).set_index("backend")
    assert list(table.index) == ["good", "polite"]
    assert set(table["variant"]) == {"none"}
    assert table["mae"].to_dict() == {"good": 0, "polite": pytest.approx(1)}
    # Case c alone is answered alike: only a resample of nothing but c ties, with odds (1/3)^3.
    assert table.loc["good", "best_share"] == pytest.approx(1 - 0.5 / 27, abs=0.02)
    assert table.loc["good", "mean_rank"] == pytest.approx(1 + 0.5 / 27, abs=0.02)
    assert table["best_share"].sum() == pytest.approx(1)
    assert table.loc["good", ["n_items", "n_rows", "n_failed"]].tolist() == [5, 5, 0]
    assert table.loc["good", ["prompt_tokens", "completion_tokens"]].tolist() == [100, 4]
    assert table.loc["good", "cost_usd"] == pytest.approx(0.002)
    assert np.isnan(table.loc["polite", "cost_usd"])


def test_seconds_of_aligning_are_summed_over_cells_where_all_are_known(
    write_study: WriteStudy,
) -> None:
    def cells(*seconds: float | None) -> dict[str, object]:
        told = [{"dimension": "d1", "fold": n, "latency_s": s} for n, s in enumerate(seconds)]
        return {"alignment_seconds": told}

    runs = {f"semantic@{name}": rows(GOLD) for name in ("known", "imported", "older")}
    told = {"semantic@known": cells(1.5, 0.25), "semantic@imported": cells(1.5, None)}
    path = write_study(runs, manifests=told)
    frames = load_study(path)
    table = compare_backends(analysis_of(frames, n_resamples=20)).set_index("backend")
    assert table.loc["known", "alignment_s"] == 1.75
    assert table.loc[["imported", "older"], "alignment_s"].isna().all()
    report_of(frames, n_resamples=20).write(path / "tables")
    shown = (path / "tables" / "backends.md").read_text()
    assert "aligning, seconds" in shown
    assert "| 1.75 |" in shown


def test_cells_that_runs_share_are_counted_once(write_study: WriteStudy) -> None:
    told = {"alignment_seconds": [{"dimension": "d1", "fold": 0, "latency_s": 1.5}]}
    runs = ("semantic@one", "semantic@one#again", "semantic@two")
    path = write_study({run: rows(GOLD) for run in runs}, manifests=dict.fromkeys(runs, told))
    cell = {"dimension": "d1", "fold": 0, "fold_seed": 0}
    cell["distillation"] = {"prompt_tokens": 90, "completion_tokens": 10}
    for run in runs:
        write_json(path / "runs" / run / "memory.json", {"cells": [cell]})
    table = compare_backends(analysis_of(path, n_resamples=20)).set_index("backend")
    assert table["alignment_s"].to_dict() == {"one": 1.5, "two": 1.5}
    assert table["alignment_tokens"].to_dict() == {"one": 100, "two": 100}


def test_what_costs_nothing_stands_by_its_tokens(write_study: WriteStudy) -> None:
    path = write_study(
        {
            "none@free": rows(GOLD, prompt_tokens=80, cost_usd=0.0),
            "none@paid": rows(GOLD, prompt_tokens=90, cost_usd=0.002),
        }
    )
    data = report_of(path, n_resamples=20).data("frontier").set_index("backend")
    assert data["effort"].to_dict() == {"free": 80, "paid": 90}
    assert set(data["unit"]) == {"tokens"}


def test_effort_is_of_the_dimensions_that_are_compared(write_study: WriteStudy) -> None:
    long = rows(dict.fromkeys(GOLD, "failed"), dimension="d2", prompt_tokens=900)
    path = write_study(
        {
            "semantic@one": [*rows(GOLD, prompt_tokens=100), *long],
            "semantic@two": rows(GOLD, prompt_tokens=100),
        }
    )
    cells = [
        {"dimension": name, "fold": 0, "fold_seed": 0}
        | {"distillation": {"prompt_tokens": tokens, "completion_tokens": 0}}
        for name, tokens in (("d1", 10), ("d2", 90))
    ]
    write_json(path / "runs" / "semantic@one" / "memory.json", {"cells": cells})
    table = compare_backends(analysis_of(path, n_resamples=20)).set_index("backend")
    one = table.loc["one", ["n_dimensions", "n_rows", "n_failed", "prompt_tokens"]]
    assert one.tolist() == [1, 5, 0, 100]
    assert table.loc["one", "alignment_tokens"] == 10


def test_only_dimensions_that_all_have_are_compared(write_study: WriteStudy) -> None:
    wrong = {item: 4 - grade for item, grade in GOLD.items()}
    path = write_study(
        {
            "none@one": [*rows(GOLD), *rows(wrong, dimension="d2")],
            "none@two": rows(GOLD),
        }
    )
    table = compare_backends(analysis_of(path, n_resamples=50))
    assert table["n_dimensions"].tolist() == [1, 1]
    assert table["mae"].tolist() == [0, 0]
    assert table["best_share"].tolist() == [0.5, 0.5]
    assert table["mean_rank"].tolist() == [1.5, 1.5]


def test_one_axis_shows_the_dimensions_that_all_variants_have(write_study: WriteStudy) -> None:
    wrong = {item: 4 - grade for item, grade in GOLD.items()}
    both = [*rows(GOLD), *rows(wrong, dimension="d2")]
    path = write_study(
        {"none@one": both, "none@two": both, "full@one": rows(GOLD), "full@two": rows(GOLD)}
    )
    report = report_of(path, n_resamples=50)
    table = report.made["backends"].set_index("variant")
    assert table.loc["none", "n_dimensions"].tolist() == [2, 2]
    assert table.loc["none", "mae"].min() > 0
    assert report.data("frontier")["mae"].tolist() == [0, 0, 0, 0]


def test_silence_is_in_no_ranking_and_on_no_front(write_study: WriteStudy) -> None:
    polite, failed = dict.fromkeys(GOLD, 3), dict.fromkeys(GOLD, "failed")
    runs = {"none@good": rows(GOLD, prompt_tokens=100), "none@mute": rows(failed, prompt_tokens=1)}
    report = report_of(write_study(runs), n_resamples=50)
    table = report.made["backends"].set_index("backend")
    # Against silence alone nothing is best.
    assert table[["best_share", "mean_rank"]].isna().all(axis=None)
    assert table.loc["mute", "n_failed"] == 5
    assert report.table("backends").notes[-1].endswith("answer on a dimension: none on mute.")
    assert report.data("frontier").set_index("backend")["front"].to_dict() == {
        "good": True,
        "mute": False,
    }
    three = report_of(write_study({**runs, "none@polite": rows(polite)}), n_resamples=50)
    ranked = three.made["backends"].set_index("backend")
    assert np.isnan(ranked.loc["mute", "mean_rank"])
    assert ranked.loc[["good", "polite"], "best_share"].sum() == pytest.approx(1)
    assert ranked["mean_rank"].max() <= 2


def test_the_pareto_front_keeps_what_nothing_beats_in_both() -> None:
    assert pareto_front([3, 1, 2, 2], [0.1, 0.5, 0.5, 0.2]) == [1, 3, 0]
    assert pareto_front([1, 1], [0.4, 0.4]) == [0]


def test_table_page_and_figure_show_them(tmp_path: Path) -> None:
    path = fake_study(tmp_path / "two", dimensions=2, backends=("embedded", "other"))
    files = build_report(analysis_of(path, n_resamples=50), SECTIONS)
    names = {file.name for file in files.tables}
    assert {"backends.csv", "backends.md", "backends.tex"} <= names
    page = files.page.read_text() if files.page else ""
    assert '<section id="backends">' in page
    assert "aligning, tokens" in page
    text = {file.name: file.read_text() for file in files.tables}
    assert ",alignment_s" in text["backends.csv"].splitlines()[0]
    assert "aligning, seconds" not in text["backends.md"]  # older records, as these, do not say
    assert "frontier" in files.figures
    report = report_of(path, n_resamples=50)
    data = report.data("frontier")
    assert data["front"].any()
    assert "prompt tokens" in report.caption("frontier")
    with panels.theme():
        figure = report.draw("frontier")
    assert figure.axes[0].get_xlabel() == "prompt tokens a question"
    between = report.made["contrasts"]
    between = between[between["reference_backend"].ne(between["backend"])]
    between = between[between["backend"].ne("none")]
    assert set(between["reference"]) == set(between["variant"])
    assert between["note"].str.contains("exploratory").all()


def test_one_backend_makes_no_comparison(small) -> None:  # type: ignore[no-untyped-def]
    assert "backends" not in small.made
