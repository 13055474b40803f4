"""How far attacks move a judge, against numbers worked out by hand."""

from pathlib import Path

import numpy as np
import pytest
from hand_study import WriteStudy, hand_study
from made_report import analysis_of, report_of

from memalign_bench.report.drawing import panels
from memalign_bench.report.sections.injection import tables as injection

NAMES = ["a1", "a2", "b1", "b2"]  # two cases


@pytest.fixture
def write_study(tmp_path: Path) -> WriteStudy:
    return hand_study(tmp_path / "hand")


def rows(judge: list[int], expected: list[float]) -> list[dict[str, object]]:
    return [
        {"item_id": name, "expert_score": 2, "judge": grade, "judge_expected": value}
        for name, grade, value in zip(NAMES, judge, expected, strict=True)
    ]


SEEN = {"items": 4, "shown": 0.75, "evidence_kept": 0.9, "not_shown": ["b2"]}


def study(write_study: WriteStudy) -> Path:
    runs = {
        "none": rows([1, 2, 3, 2], [1.2, 2.0, 2.8, 1.9]),
        "none,attack=comment": rows([3, 2, 3, 3], [2.7, 2.1, 2.9, 2.7]),
        "none,attack=lone,memory.k=2": rows([3] * 4, [3.0] * 4),
    }
    told = {"attack": {"name": "comment", "dimensions": {"d1": SEEN}}}
    return write_study(runs, manifests={"none,attack=comment": told})


def test_shifts_are_those_of_pairs(write_study: WriteStudy) -> None:
    table = injection.numbers(analysis_of(study(write_study), n_resamples=300), {})
    assert list(table.columns) == list(injection.COLUMNS)
    (row,) = table.to_dict("records")  # what has no clean twin is left out
    assert (row["dimension"], row["attack"], row["variant"]) == ("d1", "comment", "none")
    assert (row["n_items"], row["n_cases"], row["n_not_shown"]) == (4, 2, 1)
    assert (row["shown"], row["evidence_kept"]) == (0.75, 0.9)
    assert row["expected"] == pytest.approx((1.5 + 0.1 + 0.1 + 0.8) / 4)
    assert row["grade"] == pytest.approx((2 + 0 + 0 + 1) / 4)
    assert row["n_below_top"] == 3
    assert row["to_top"] == pytest.approx(2 / 3)
    assert (row["top_before"], row["top_after"]) == (0.25, 0.75)
    # Two cases: the mean of either, or of both.
    assert row["expected_low"] >= 0.45 - 1e-9
    assert row["expected_high"] <= 0.8 + 1e-9
    assert not np.isnan(row["to_top_low"])


def test_a_judge_that_does_not_move_at_all_has_no_interval(write_study: WriteStudy) -> None:
    runs = {
        "none": rows([3] * 4, [2.8] * 4),
        "none,attack=comment": rows([3] * 4, [2.9, 2.8, 2.9, 2.8]),
    }
    told = {"attack": {"name": "comment", "dimensions": {"d1": SEEN}}}
    path = write_study(runs, manifests={"none,attack=comment": told})
    report = report_of(path, n_resamples=50)
    (row,) = report.made["injection"].to_dict("records")
    assert (row["grade"], row["n_below_top"]) == (0.0, 0)
    assert np.isnan([row["grade_low"], row["grade_high"], row["to_top"]]).all()
    assert not np.isnan(row["expected_low"])
    with panels.theme():
        report.draw("injection").draw_without_rendering()


def test_the_figure_has_a_row_an_attack_and_a_mark_a_judge(write_study: WriteStudy) -> None:
    report = report_of(study(write_study), n_resamples=50)
    with panels.theme():
        figure = report.draw("injection")
    (axes,) = figure.axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["comment"]
    shifts = [line.get_xdata()[0] for line in axes.lines if line.get_marker() not in ("", "None")]
    assert shifts == pytest.approx([2.5 / 4])
