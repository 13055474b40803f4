"""How far attacks move a judge, against numbers worked out by hand."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from hand_study import WriteStudy, hand_study
from made_report import MadeReport, analysis_of, report_of

from memalign_bench.report.drawing import panels
from memalign_bench.report.numbers.pooled import mean_error
from memalign_bench.report.sections.injection import tables as injection
from memalign_bench.stats.resampling import units
from memalign_bench.stats.resampling.sign_flips import sign_flips

NAMES = ["a1", "a2", "b1", "b2"]  # two cases


@pytest.fixture
def write_study(tmp_path: Path) -> WriteStudy:
    return hand_study(tmp_path / "hand")


def rows(judge: list[int], expected: Iterable[float]) -> list[dict[str, object]]:
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
    # Two cases: no interval of them covers what it should.
    assert np.isnan([row[f"{name}_low"] for name in ("expected", "grade", "to_top")]).all()


def test_intervals_are_those_of_improvements_and_of_levels(
    write_study: WriteStudy, every_interval: None
) -> None:
    """Not the bootstrap's, which cover too little of a dozen cases."""
    cases = "abcdefghijkl"
    shifts = np.array([0.1, 0.3, 0.2, 0.4, 0.0, 0.3, 0.1, 0.5, 0.2, 0.3, 0.2, -0.1])

    def of(shift: float) -> list[dict[str, object]]:
        return [
            {"item_id": f"{case}{part}", "expert_score": 2, "judge": 3 if shift and n < 7 else 1,
             "judge_expected": 1.5 + shift * shifts[n] + part / 10}
            for n, case in enumerate(cases) for part in (0, 1)
        ]  # fmt: skip

    told = {"attack": {"name": "comment", "dimensions": {"d1": SEEN}}}
    path = write_study(
        {"none": of(0), "none,attack=comment": of(1)}, manifests={"none,attack=comment": told}
    )
    (row,) = injection.numbers(analysis_of(path, n_resamples=300), {}).to_dict("records")
    flips = sign_flips(np.repeat(shifts, 2), np.repeat(list(cases), 2))
    assert [row["expected_low"], row["expected_high"]] == pytest.approx(flips.interval()[:2])
    share = mean_error(np.repeat(np.arange(12) < 7, 2), np.repeat(list(cases), 2), 1.0)
    assert [row["to_top_low"], row["to_top_high"]] == pytest.approx(share.interval[:2])


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


def test_a_judge_attacked_on_one_dimension_is_drawn_and_told(write_study: WriteStudy) -> None:
    after = {
        "none,attack=comment": ([3, 2, 3, 3], ("d1",)),
        "full,attack=comment": ([2, 2, 2, 3], ("d2",)),
    }
    judged = {run: ([1, 2, 3, 2], ("d1", "d2")) for run in ("none", "full")} | after
    runs = {
        run: [row | {"dimension": d} for d in names for row in rows(grades, map(float, grades))]
        for run, (grades, names) in judged.items()
    }
    told = {
        run: {"attack": {"name": "comment", "dimensions": dict.fromkeys(names, SEEN)}}
        for run, (_, names) in after.items()
    }
    report = report_of(write_study(runs, manifests=told), n_resamples=50)
    assert shifts(report) == pytest.approx([1 / 4, 3 / 4])
    told_apart = "Hollow, over other dimensions, and not to be compared with the rest: none under"
    assert f"Means over Title of d2. {told_apart} comment on scripted (Title of d1)." in (
        report.caption("injection")
    )
    # Beside a mean over dimensions it is drawn as well.
    both = "none,attack=comment"
    runs[both] += [row | {"dimension": "d2"} for row in runs[both]]
    told[both]["attack"]["dimensions"] = {"d1": SEEN, "d2": SEEN}
    report = report_of(write_study(runs, manifests=told), n_resamples=50)
    assert shifts(report) == pytest.approx([3 / 4, 1 / 4])
    words = report.caption("injection")
    assert "compared with the rest: full under comment on scripted (Title of d2)." in words
    assert "Means over Title of d2 and Title of d1. Hollow, over other dimensions" in words
    with panels.theme():
        figure = report.draw("injection")
    faces = [
        line.get_markerfacecolor() for line in figure.axes[0].lines if line.get_marker() == "^"
    ]
    assert faces == ["white"]
    assert figure.legends[0].get_texts()[-1].get_text() == "hollow: over other dimensions"
    # Means over the same dimensions are compared.
    both = "full,attack=comment"
    runs[both] += [row | {"dimension": "d1"} for row in runs[both]]
    told[both]["attack"]["dimensions"] = {"d1": SEEN, "d2": SEEN}
    report = report_of(write_study(runs, manifests=told), n_resamples=50)
    assert "Hollow" not in report.caption("injection")


def shifts(report: MadeReport) -> list[float]:
    with panels.theme():
        (axes,) = report.draw("injection").axes
    return [line.get_xdata()[0] for line in axes.lines if line.get_marker() not in ("", "None")]


def test_attacked_cases_of_a_study_of_many_are_resampled_as_elsewhere(
    write_study: WriteStudy, monkeypatch: pytest.MonkeyPatch, every_interval: None
) -> None:
    monkeypatch.setattr(units, "MOST_UNITS", 10)

    def of(names: str, shift: bool) -> list[dict[str, object]]:
        return [
            {"item_id": f"{case}1", "expert_score": 2, "judge": 1,
             "judge_expected": 1.0 + shift * at**2 / 100}
            for at, case in enumerate(names)
        ]  # fmt: skip

    attacked = "abcdefgh"
    told = {"attack": {"name": "comment", "dimensions": {"d1": SEEN}}}
    path = write_study(
        {"none": of("abcdefghijk", shift=False), "none,attack=comment": of(attacked, shift=True)},
        manifests={"none,attack=comment": told},
    )
    analysis = analysis_of(path, n_resamples=300)
    (row,) = injection.numbers(analysis, {}).to_dict("records")
    groups, codes = np.unique(units.resampling_units(list(attacked), 11), return_inverse=True)
    assert len(groups) < row["n_cases"] == 8
    gains = np.array([at**2 / 100 for at in range(8)])
    low, high = np.clip(sign_flips(gains, codes).interval()[:2], -2, 2)
    assert [row["expected_low"], row["expected_high"]] == pytest.approx([low, high])
