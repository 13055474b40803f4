"""Rater disagreement beside the gain from alignment, against numbers worked out by hand."""

from pathlib import Path

import krippendorff
import numpy as np
import pytest
from hand_study import WriteStudy, hand_study
from made_report import analysis_of, report_of
from scipy.stats import spearmanr

from memalign_bench.report.drawing import panels
from memalign_bench.report.numbers.frames import load_study
from memalign_bench.report.sections.disagreement import tables as disagreement

CASES = "abcdefgh"
WRONG = {"d1": 0, "d2": 2, "d3": 4, "d4": 6}  # of eight: what is left wrong by the full memory


@pytest.fixture
def write_study(tmp_path: Path) -> WriteStudy:
    return hand_study(tmp_path / "hand")


def rows(dimension: str, n_wrong: int) -> list[dict[str, object]]:
    return [
        {
            "item_id": f"{case}-{dimension}",
            "expert_score": 1 if at % 2 else 3,
            "judge": (3 if at % 2 else 1) if at < n_wrong else (1 if at % 2 else 3),
            "dimension": dimension,
        }
        for at, case in enumerate(CASES)
    ]


def study(write_study: WriteStudy) -> Path:
    """Where raters are farther apart, the full memory helps less."""
    raters = {
        f"{case}-{name}": [3, 1, 0] if at < n_wrong else [3, 3, 0]
        for name, n_wrong in WRONG.items()
        for at, case in enumerate(CASES)
    }
    raters["h-d1"] = [2]  # one grade is no disagreement
    none = [row for name in WRONG for row in rows(name, 8)]
    full = [row for name, n_wrong in WRONG.items() for row in rows(name, n_wrong)]
    return write_study({"none": none, "full": full}, raters=raters)


def test_gain_falls_where_raters_differ(write_study: WriteStudy) -> None:
    frames = load_study(study(write_study))
    table = disagreement.numbers(analysis_of(frames, n_resamples=200), {})
    assert list(table.columns) == list(disagreement.COLUMNS)
    table = table.set_index("dimension").loc[list(WRONG)]
    assert table["n_rated"].tolist() == [7, 8, 8, 8]
    assert table["disagreement"].tolist() == pytest.approx([0, 0.5, 1, 1.5])
    assert table["gain_mae"].tolist() == pytest.approx([2, 1.5, 1, 0.5])
    given = [[3, 1]] * 2 + [[3, 3]] * 6
    alpha = krippendorff.alpha(
        np.array(given).T, value_domain=[1, 2, 3], level_of_measurement="ordinal"
    )
    assert table.loc["d2", "alpha"] == pytest.approx(alpha)
    assert table["rho_mae"].tolist() == pytest.approx([-1] * 4)
    assert table["rho_mae_p"].tolist() == pytest.approx([2 / 24] * 4)  # all 24 pairings
    assert table["rho_mae_high"].iloc[0] < 0
    rho = spearmanr(table["disagreement"], table["gain_spearman"]).statistic
    assert table["rho_spearman"].iloc[0] == pytest.approx(rho)
    (finding,) = disagreement.table(analysis_of(frames), table.reset_index()).findings
    assert "Over 4 dimensions, few for a correlation" in finding
    assert "No p below 0.083 was possible" in finding


def test_ranks_are_of_what_both_answered_throughout(write_study: WriteStudy) -> None:
    frames = load_study(study(write_study))
    # What the unaligned judge left unanswered has no rank, least of all the right one.
    silent = frames.predictions["item_id"].isin([f"{case}-d1" for case in "bdf"])
    silent &= frames.predictions["variant"] == "none"
    frames.predictions.loc[silent, ["judge_score", "judge_score_raw"]] = None
    frames.predictions.loc[silent, "status"] = "abstained"
    table = disagreement.numbers(analysis_of(frames, n_resamples=50), {})
    rho = spearmanr(table["disagreement"], table["gain_spearman"]).statistic
    assert table["rho_spearman"].iloc[0] == pytest.approx(rho)


def test_one_rater_shows_no_disagreement(write_study: WriteStudy) -> None:
    path = write_study({"none": rows("d1", 8), "full": rows("d1", 0)})
    assert not len(disagreement.numbers(analysis_of(path, n_resamples=20), {}))


def test_the_figure_has_a_mark_a_dimension(write_study: WriteStudy) -> None:
    report = report_of(study(write_study), n_resamples=50)
    with panels.theme():
        figure = report.draw("disagreement")
    marks = [line for line in figure.axes[0].get_lines() if line.get_marker() != "None"]
    assert sorted(float(mark.get_xdata()[0]) for mark in marks) == pytest.approx([0, 0.5, 1, 1.5])
    assert figure.axes[0].get_title(loc="left").endswith("p = 0.083")
    assert "4 dimensions are few" in report.caption("disagreement")


def test_a_dimension_without_answers_is_in_no_correlation(write_study: WriteStudy) -> None:
    raters = {
        f"{case}-{name}": [3, 1, 0] if at < n_wrong else [3, 3, 0]
        for name, n_wrong in WRONG.items()
        for at, case in enumerate(CASES)
    }
    none = [row for name in WRONG for row in rows(name, 8)]
    full = [row for name, n_wrong in WRONG.items() for row in rows(name, n_wrong)]
    silent = [row | {"judge": "failed"} if row["dimension"] == "d1" else row for row in full]
    path = write_study({"none": none, "full": silent}, raters=raters)
    table = disagreement.numbers(analysis_of(path, n_resamples=100), {}).set_index("dimension")
    assert table.loc["d1", ["gain_mae", "gain_mae_p", "gain_mae_low"]].isna().all()
    assert "full gave no answer: the difference is made of silence" in table.loc["d1", "note"]
    # Of the other three: the more raters differ, the less is gained.
    assert table["rho_mae"].tolist() == pytest.approx([-1] * 4)
