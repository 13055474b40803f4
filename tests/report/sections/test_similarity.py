"""Error by similarity of the nearest neighbour, against numbers worked out by hand."""

from pathlib import Path

import numpy as np
import pytest
from hand_study import WriteStudy, hand_study
from made_report import analysis_of, report_of
from scipy.stats import spearmanr

from memalign_bench.report.drawing import panels
from memalign_bench.report.numbers.pooled import mean_error
from memalign_bench.report.sections.similarity import tables as similarity
from memalign_bench.stats.resampling import units

N = 40
SIMILARITY = np.linspace(0.1, 0.9, N)[np.random.default_rng(3).permutation(N)]
EXPERT = [1 + n % 3 for n in range(N)]
NAMES = [f"{chr(97 + n % 13)}{n}" for n in range(N)]  # 13 cases


@pytest.fixture
def write_study(tmp_path: Path) -> WriteStudy:
    return hand_study(tmp_path / "hand")


def rows(judge: list[object], near: list[float | None]) -> list[dict[str, object]]:
    return [
        {
            "item_id": NAMES[n],
            "expert_score": EXPERT[n],
            "judge": judge[n],
            "neighbour_ids": [] if near[n] is None else ["x", "y"],
            "neighbour_similarities": [] if near[n] is None else [near[n], near[n] / 2],
        }
        for n in range(N)
    ]


def study(write_study: WriteStudy) -> Path:
    """`full` is right where its neighbour is nearer than 0.5, and says 3 else, as `none` does."""
    full = [EXPERT[n] if SIMILARITY[n] > 0.5 else 3 for n in range(N)]
    near = [float(value) for value in SIMILARITY]
    return write_study({"none": rows([3] * N, [None] * N), "full": rows(full, near)})


def test_error_falls_with_similarity_where_it_does(write_study: WriteStudy) -> None:
    table = similarity.numbers(analysis_of(study(write_study), n_resamples=300), {})
    assert list(table.columns) == list(similarity.COLUMNS)
    assert table["bin"].tolist() == [1, 2, 3, 4]
    assert set(table["note"]) == {"4 bins: 40 questions, at least 10 a bin"}
    assert set(table["variant"]) == {"full"}  # the unaligned judge was shown nothing
    order = np.argsort(SIMILARITY)
    polite = np.array([3 - grade for grade in EXPERT], dtype=float)
    error = np.where(SIMILARITY > 0.5, 0.0, polite)
    for at, row in enumerate(table.to_dict("records")):
        inside = order[10 * at : 10 * at + 10]
        assert row["n_rows"] == row["n_items"] == 10
        assert row["mae"] == pytest.approx(error[inside].mean())
        assert row["mae_none"] == pytest.approx(polite[inside].mean())
        assert row["similarity"] == pytest.approx(SIMILARITY[inside].mean())
        assert row["similarity_low"] == pytest.approx(SIMILARITY[inside].min())
        assert row["mae_low"] <= row["mae"] <= row["mae_high"]
    assert table["mae"].tolist()[2:] == [0, 0]
    first = table.iloc[0]
    assert first["rho"] == pytest.approx(spearmanr(SIMILARITY, error).statistic)
    assert first["gain"] == pytest.approx(spearmanr(SIMILARITY, polite - error).statistic)
    assert first["rho_low"] < first["rho"] < first["rho_high"] < 0 < first["gain_low"]


def test_abstaining_retrieval_stands_apart_and_failures_are_left_out(
    write_study: WriteStudy,
) -> None:
    near: list[float | None] = [None if v < 0.3 else float(v) for v in SIMILARITY]
    judge: list[object] = list(EXPERT)
    failed = near.index(None)
    judge[failed] = "failed"
    path = write_study({"full": rows(judge, near)})
    table = similarity.numbers(analysis_of(path, n_resamples=50), {})
    bare = table[table["bin"] == 0].iloc[0]
    assert bare["n_rows"] == near.count(None) - 1
    assert bare["mae"] == 0
    assert np.isnan([bare["similarity"], bare["mae_none"], bare["gain"]]).all()
    assert table[table["bin"] > 0]["n_rows"].sum() == N - near.count(None)


def test_bins_are_those_of_a_dimension_and_correlations_too(write_study: WriteStudy) -> None:
    """An easy dimension with likelier neighbours must not look like an effect of similarity."""
    level = {"d1": 0.0, "d2": 5.0}
    rng = np.random.default_rng(0)
    path = write_study(
        {
            "full": [
                {**row, "dimension": name}
                for name, shift in level.items()
                for row in rows(
                    [EXPERT[n] if shift else 3 for n in range(N)],
                    [float(v) for v in 0.1 * shift + rng.permutation(SIMILARITY) / 10],
                )
            ]
        }
    )
    table = similarity.numbers(analysis_of(path, n_resamples=50), {})
    assert len(table) == 8
    assert table["n_rows"].tolist() == [10] * 8
    assert table["mae"].max() - table["mae"].min() < 0.5  # pooled deciles would give 1 against 0
    assert abs(table["rho"].iloc[0]) < 0.3


def test_correlations_of_few_cases_have_no_interval(write_study: WriteStudy) -> None:
    """Of six cases a jackknife-t interval of a rank correlation does not cover what it should."""
    near = [float(value) for value in SIMILARITY]
    judged = rows([EXPERT[n] if SIMILARITY[n] > 0.5 else 3 for n in range(N)], near)
    few = [row | {"item_id": f"{'abcdef'[n % 6]}{n}"} for n, row in enumerate(judged)]
    table = similarity.numbers(analysis_of(write_study({"full": few}), n_resamples=50), {})
    assert table["rho"].notna().all()
    assert table[["rho_low", "rho_high"]].isna().all(axis=None)


def test_few_or_equal_similarities_give_no_table(write_study: WriteStudy) -> None:
    flat = write_study({"full": rows(list(EXPERT), [0.5] * N)})
    assert not len(similarity.numbers(analysis_of(flat, n_resamples=20), {}))
    few = write_study({"full": rows(list(EXPERT), [0.1, 0.2, *[None] * (N - 2)])})
    assert not len(similarity.numbers(analysis_of(few, n_resamples=20), {}))


def test_the_figure_has_a_panel_a_judge(write_study: WriteStudy) -> None:
    report = report_of(study(write_study), n_resamples=50)
    data = report.data("similarity")
    with panels.theme():
        figure = report.draw("similarity")
    (axes,) = figure.axes
    title = axes.get_title(loc="left").splitlines()
    assert title[0] == "full"
    assert title[1].startswith("error: \N{MINUS SIGN}0.")
    assert "4 bins: 40 questions" in report.caption("similarity")
    assert axes.get_lines()[1].get_ydata().tolist() == data["mae"].tolist()


def test_an_unaligned_judge_asked_once_stands_beside_every_repeat(write_study: WriteStudy) -> None:
    near = [float(value) for value in SIMILARITY]
    full = [EXPERT[n] if SIMILARITY[n] > 0.5 else 3 for n in range(N)]
    repeats = [row | {"repeat": repeat} for repeat in (0, 1) for row in rows(full, near)]
    once = similarity.numbers(analysis_of(study(write_study), n_resamples=20), {})
    path = write_study({"none": rows([3] * N, [None] * N), "full": repeats})
    twice = similarity.numbers(analysis_of(path, n_resamples=20), {})
    assert twice["n_rows"].tolist() == [20] * 4
    assert twice["mae_none"].tolist() == pytest.approx(once["mae_none"].tolist())
    assert twice["gain"].tolist() == pytest.approx(once["gain"].tolist())


def test_a_judge_of_few_cases_is_resampled_as_its_study_of_many(
    write_study: WriteStudy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(units, "MOST_UNITS", 10)
    asked = [n for n in range(N - 1) if n % 13 < 8]  # 24 items of 8 of the 13 cases
    judged = rows([3] * N, [float(value) for value in SIMILARITY])
    path = write_study({"none": rows([3] * N, [None] * N), "full": [judged[n] for n in asked]})
    first, _ = similarity.numbers(analysis_of(path, n_resamples=20), {}).to_dict("records")
    inside = sorted(asked, key=lambda n: SIMILARITY[n])[:12]
    cases = [NAMES[n][0] for n in inside]
    assert first["n_cases"] == len(set(cases))
    groups = units.resampling_units(cases, 13)
    assert len(set(groups)) < len(set(cases))
    expected = mean_error([3.0 - EXPERT[n] for n in inside], groups, 2.0)
    told = [first["mae"], first["mae_low"], first["mae_high"]]
    assert told == pytest.approx([expected.point, *expected.interval[:2]])


def test_what_abstaining_costs_goes_with_no_similarity(write_study: WriteStudy) -> None:
    near: list[float | None] = [float(value) for value in SIMILARITY]
    judged = rows([EXPERT[n] if SIMILARITY[n] > 0.5 else 3 for n in range(N)], near)
    silent = rows(["abstained"] * N, near)
    plain = rows([3] * N, [None] * N)
    report = report_of(
        write_study({"none": plain, "full": judged, "episodic": silent}), n_resamples=20
    )
    assert set(report.made["similarity"]["variant"]) == {"full"}
    assert report.table("similarity").notes[-1].endswith("no answer: episodic on d1.")
    # Against a silent reference there is an error, and no gain.
    mute = rows(["abstained"] * N, [None] * N)
    table = similarity.numbers(
        analysis_of(write_study({"none": mute, "full": judged}), n_resamples=20), {}
    )
    assert table["rho"].notna().all()
    assert table[["gain", "mae_none"]].isna().all(axis=None)
