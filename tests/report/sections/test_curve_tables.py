"""Learning curves and label noise, against numbers worked out by hand."""

from pathlib import Path

import numpy as np
import pytest
from hand_study import WriteStudy, hand_study
from made_report import MadeReport, report_of

from memalign_bench.report.drawing import panels
from memalign_bench.report.numbers.curves import ALL_DIMENSIONS, find_sweeps, n_training_labels
from memalign_bench.report.numbers.frames import load_study
from memalign_bench.report.numbers.readings import JudgeKey

CASES = "abcdefgh"


@pytest.fixture
def write_study(tmp_path: Path) -> WriteStudy:
    return hand_study(tmp_path / "hand")


def rows(n_wrong: int, dimension: str = "d1", **more: object) -> list[dict[str, object]]:
    """Eight items of eight cases in two folds, the first so many off by two; one does not apply."""
    graded = [
        {
            "item_id": f"{case}1",
            "expert_score": 1 if at % 2 else 3,
            "judge": (3 if at % 2 else 1) if at < n_wrong else (1 if at % 2 else 3),
            "fold": at // 2 % 2,
            "dimension": dimension,
            **more,
        }
        for at, case in enumerate(CASES)
    ]
    absent = {"item_id": "z1", "expert_score": 0, "judge": "not_asked", "fold": 0}
    return [*graded, {**absent, "dimension": dimension, **more}]


def learning(write_study: WriteStudy) -> Path:
    wrong = {"full,n_train=0": 8, "full,n_train=1": 4, "full,n_train=3": 2, "full,n_train=9": 1}
    runs = {name: [*rows(n), *rows(n // 2, "d2")] for name, n in wrong.items()}
    return write_study({**runs, "full": [*rows(1), *rows(0, "d2")], "none": rows(8)})


def test_a_sweep_is_put_together_under_what_it_shares(write_study: WriteStudy) -> None:
    path = write_study(
        {
            "none": rows(8),
            "full": rows(1),
            "full,n_train=2": rows(4),
            "full,label_noise=0.1,n_train=2": rows(5),
            "full,label_noise=0.1": rows(5),
            "semantic,n_train=2": rows(5),
        }
    )
    frames = load_study(path)
    found = {one.variant: dict(one.members) for one in find_sweeps(frames, "n_train", "all")}
    assert found == {
        "full": {"all": "full", "2": "full,n_train=2"},
        "full,label_noise=0.1": {
            "all": "full,label_noise=0.1",
            "2": "full,label_noise=0.1,n_train=2",
        },
    }
    noisy = {one.variant: dict(one.members) for one in find_sweeps(frames, "label_noise", "0")}
    assert noisy["full,n_train=2"] == {
        "0": "full,n_train=2",
        "0.1": "full,label_noise=0.1,n_train=2",
    }


def test_all_labels_are_counted_where_they_can_be_drawn(write_study: WriteStudy) -> None:
    path = write_study({"full": rows(1)}, manifests={"full": {"applicability": "given"}})
    assert n_training_labels(load_study(path), JudgeKey("d1", "full", "scripted")) == 4
    asked = write_study({"full": rows(1)}, manifests={"full": {"applicability": "judge"}})
    mean = n_training_labels(load_study(asked), JudgeKey("d1", "full", "scripted"))
    assert mean == 4.5  # 4 and 5 of the others


def test_a_fold_that_leaves_fewer_labels_than_are_asked_for_is_counted_so(
    write_study: WriteStudy,
) -> None:
    folds = [0] * 6 + [1] * 2 + [2]
    judged = [
        {"item_id": f"{'abcdefghi'[n]}1", "expert_score": 2, "judge": 2, "fold": fold}
        for n, fold in enumerate(folds)
    ]
    path = write_study({"full,n_train=5": judged, "full": judged})
    judge = JudgeKey("d1", "full,n_train=5", "scripted")
    # The folds leave 3, 7 and 8 labels, 6 in the mean.
    assert n_training_labels(load_study(path), judge, 5) == pytest.approx((3 + 5 + 5) / 3)
    table = report_of(path, n_resamples=20).made["learning_curve"]
    assert table["n_labels"].tolist() == pytest.approx([(3 + 5 + 5) / 3, 6])


@pytest.mark.usefixtures("every_interval")
def test_the_learning_curve(write_study: WriteStudy) -> None:
    report = report_of(learning(write_study), n_resamples=200)
    table = report.made["learning_curve"]
    assert list(dict.fromkeys(table["dimension"])) == [ALL_DIMENSIONS, "d2", "d1"]
    one = table[table["dimension"] == "d1"]
    # A fold has four labels: what asks for nine gets four, as all does.
    assert one["n_labels"].tolist() == [0, 1, 3, 4, 4]
    assert set(one["n_train"].tolist()[3:]) == {"9", "all"}
    assert one["mae"].tolist() == pytest.approx([2, 1, 0.5, 0.25, 0.25])
    mean = table[table["dimension"] == ALL_DIMENSIONS]
    assert mean["mae"].tolist()[:3] == pytest.approx([1.5, 0.75, 0.375])
    assert (mean["mae_low"] <= mean["mae"]).all()
    assert mean["spearman"].iloc[0] == pytest.approx((-1 + tables_rho(report, "d2")) / 2)
    # 2 (n + 1)^-1 but for the last point, by hand: close to it.
    fit = one.iloc[0]
    assert (fit["fit_a"], fit["fit_c"]) == pytest.approx((-0.5, 0.7), abs=0.4)
    assert fit["fit_rmse"] < 0.1
    assert fit["fit_note"] == ""


def tables_rho(report: MadeReport, dimension: str) -> float:
    rows_ = report.made["summary"].set_index(["dimension", "variant"])
    return float(rows_.loc[(dimension, "full,n_train=0"), "spearman"])


def test_label_noise_is_a_line(write_study: WriteStudy) -> None:
    wrong = {"full": 1, "full,label_noise=0.25": 3, "full,label_noise=0.5": 5}
    path = write_study({name: rows(n) for name, n in wrong.items()})
    report = report_of(path, n_resamples=50)
    table = report.made["label_noise"]
    assert table["label_noise"].tolist() == [0, 0.25, 0.5]
    assert table["mae"].tolist() == pytest.approx([0.25, 0.75, 1.25])
    assert table["fit_intercept"].tolist() == pytest.approx([0.25] * 3)
    assert table["fit_slope"].tolist() == pytest.approx([2.0] * 3)
    assert "learning_curve" not in report.made
    assert set(table["dimension"]) == {"d1"}  # one dimension is its own mean


@pytest.mark.usefixtures("every_interval")
def test_files_and_page_show_them(write_study: WriteStudy, tmp_path: Path) -> None:
    report = report_of(learning(write_study), n_resamples=50)
    files = {file.name: file.read_text() for file in report.write(tmp_path)}
    assert {"learning_curve.csv", "learning_curve.md", "learning_curve.tex"} <= files.keys()
    assert "label_noise.csv" not in files
    assert not len(report.data("label_noise"))
    first = files["learning_curve.md"].splitlines()[2]
    assert first.startswith("| all dimensions | full | scripted | 0 | 0.0 | 8 | 1.50 [")
    page = report.page()
    assert '<section id="learning_curve">' in page
    assert '<section id="label_noise">' not in page
    assert "1.50 [" in page


def test_the_figure_draws_points_and_fit(write_study: WriteStudy) -> None:
    report = report_of(learning(write_study), n_resamples=50)
    data = report.data("learning_curve")
    with panels.theme():
        figure = report.draw("learning_curve")
    assert len(figure.axes) == 6  # three lines of two panels
    one = data[data["dimension"] == "d1"]
    drawn = figure.axes[4].get_lines()
    assert drawn[-1].get_ydata().tolist() == one["mae"].tolist()
    dashed = [line for line in drawn if line.get_linestyle() == "--"]
    ends = dashed[0].get_ydata()[[0, -1]]
    fit = one.iloc[0]
    law = [fit["fit_a"] + fit["fit_b"] * (n + 1) ** -fit["fit_c"] for n in (0, 4)]
    assert np.asarray(ends) == pytest.approx(law)


def silent(judged: list[dict[str, object]]) -> list[dict[str, object]]:
    return [row if row["judge"] == "not_asked" else row | {"judge": "failed"} for row in judged]


def test_a_point_without_answers_bends_no_curve(write_study: WriteStudy) -> None:
    """Without it the errors rise with labels; the cost of its failures would make them fall."""
    wrong = {"full,n_train=1": 1, "full,n_train=2": 2, "full,n_train=3": 3, "full": 4}
    runs = {name: [*rows(n), *rows(n, "d2")] for name, n in wrong.items()}
    runs["full,n_train=0"] = [*silent(rows(8)), *rows(0, "d2")]
    report = report_of(write_study(runs), n_resamples=50)
    table = report.made["learning_curve"].set_index(["dimension", "n_train"])
    for dimension in ("d1", ALL_DIMENSIONS):
        assert np.isnan(table.loc[(dimension, "0"), ["mae", "mae_low"]].astype(float)).all()
        assert table.loc[(dimension, "1"), "mae"] == pytest.approx(0.25)
        assert table.loc[(dimension, "1"), "fit_b"] < 0
    assert table.loc[("d2", "0"), "mae"] == 0
    note = "there was no answer: full,n_train=0 on scripted (d1)."
    assert report.table("learning_curve").notes[-1].endswith(note)
    with panels.theme():
        report.draw("learning_curve").draw_without_rendering()


def test_a_share_without_answers_bends_no_line(write_study: WriteStudy) -> None:
    runs = {"full": rows(1), "full,label_noise=0.25": rows(2), "full,label_noise=0.75": rows(4)}
    runs["full,label_noise=0.5"] = silent(rows(8))
    report = report_of(write_study(runs), n_resamples=50)
    table = report.made["label_noise"]
    assert table["fit_slope"].tolist() == pytest.approx([1.0] * 4)
    assert "full,label_noise=0.5" in report.table("label_noise").notes[-1]
