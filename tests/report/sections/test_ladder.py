"""The ablation ladder, against numbers worked out by hand and the study's own contrasts."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hand_study import WriteStudy, hand_study
from made_report import analysis_of, report_of

from memalign_bench.report.drawing import panels
from memalign_bench.report.numbers.curves import ALL_DIMENSIONS
from memalign_bench.report.numbers.frames import load_study
from memalign_bench.report.sections.ladder import figure as ladder_figure
from memalign_bench.report.sections.ladder import tables as ladder
from memalign_bench.report.sections.ladder.steps import COMPLETE_DIMENSIONS, ladders

CASES = "abcdefgh"
STEPS = {
    "median_label": (1, "label frequencies"),
    "none": (20, "the judge"),
    "empty_wrapper": (40, "the frame"),
    "episodic": (115, "examples"),
    "full": (120, "both"),
}


@pytest.fixture
def write_study(tmp_path: Path) -> WriteStudy:
    return hand_study(tmp_path / "hand")


def rows(n_wrong: int, dimension: str = "d1") -> list[dict[str, object]]:
    """Eight items of eight cases in two folds, the first so many off by two."""
    return [
        {
            "item_id": f"{case}1",
            "expert_score": 1 if at % 2 else 3,
            "judge": (3 if at % 2 else 1) if at < n_wrong else (1 if at % 2 else 3),
            "fold": at // 2 % 2,
            "dimension": dimension,
        }
        for at, case in enumerate(CASES)
    ]


def rung(run: str, decides: dict[str, Any] | None = None) -> dict[str, Any]:
    step, isolates = STEPS[run.partition(",")[0].partition("@")[0]]
    config = {"alignment": {"ladder": {"step": step, "isolates": isolates}}}
    return {"config": config, "identity": {"decides": decides or {}}}


def study(write_study: WriteStudy) -> Path:
    """None errs on all eight, the wrapper too, examples on one and none, both on none."""
    median = [{**row, "judge": 2, "dimension": d} for d in ("d1", "d2") for row in rows(0)]
    runs = {
        "full": [*rows(0), *rows(0, "d2")],
        "none": [*rows(8), *rows(8, "d2")],
        "empty_wrapper": [*rows(8), *rows(7, "d2")],
        "episodic": [*rows(1), *rows(0, "d2")],
        "median_label@none": median,
        "semantic": [*rows(2), *rows(2, "d2")],  # its run names no ladder
    }
    manifests = {run: rung(run) for run in runs if run != "semantic"}
    return write_study(runs, manifests=manifests)


def line(table: pd.DataFrame, alignment: str, metric: str, dimension: str) -> dict[str, Any]:
    here = table[(table["alignment"] == alignment) & (table["metric"] == metric)]
    (row,) = here[here["dimension"] == dimension].to_dict("records")
    return {str(name): value for name, value in row.items()}


def test_steps_stand_in_order_with_their_contrasts(write_study: WriteStudy) -> None:
    frames = load_study(study(write_study))
    table = ladder.numbers(analysis_of(frames, n_resamples=100), {})
    assert list(table.columns) == list(ladder.COLUMNS)
    assert list(dict.fromkeys(table["alignment"])) == list(STEPS)
    assert list(dict.fromkeys(table["dimension"])) == [ALL_DIMENSIONS, "d2", "d1"]
    one = line(table, "episodic", "mae", "d1")
    assert (one["value"], one["before"], one["full"]) == (0.25, "empty_wrapper", "full")
    assert (one["gain_before"], one["gain_none"], one["gain_full"]) == (1.75, 1.75, 0.25)
    assert one["p_before"] == pytest.approx(2 / 2**7)  # seven cases differ
    assert one["p_full"] == 1
    assert "episodic against" not in one["note"]
    assert "full against episodic: smallest attainable p is 1" in one["note"]
    wrapper = line(table, "empty_wrapper", "mae", ALL_DIMENSIONS)
    assert wrapper["value"] == pytest.approx((2 + 1.75) / 2)
    assert wrapper["gain_before"] == wrapper["gain_none"] == pytest.approx(0.125)
    assert wrapper["gain_full"] == pytest.approx(1.875)
    assert wrapper["p_full"] == pytest.approx(2 / 2**8)  # a case is exchanged in both dimensions
    rank = line(table, "episodic", "spearman", "d2")
    assert (rank["value"], rank["gain_none"], rank["gain_full"]) == pytest.approx((1, 2, 0))
    median = line(table, "median_label", "mae", "d1")
    assert (median["before"], median["none"], median["constant"]) == ("", "none", True)
    assert (median["gain_none"], median["gain_full"]) == (1, 1)
    none = line(table, "none", "mae", "d1")
    assert (none["before"], none["none"]) == ("", "")
    assert pd.isna(none["gain_none"])


def test_both_tables_show_one_number(write_study: WriteStudy) -> None:
    report = report_of(study(write_study), n_resamples=100)
    contrasts = report.made["contrasts"].set_index(["dimension", "metric", "alignment"])
    for metric in ladder.METRICS:
        for alignment in ("full", "episodic", "empty_wrapper", "median_label"):
            mine = line(report.made["ladder"], alignment, metric, "d1")
            other = contrasts.loc[("d1", metric, alignment)]
            columns = ("gain_none", "gain_none_low", "gain_none_high", "p_none", "value")
            theirs = [other[name] for name in ("improvement", "low", "high", "p_value", "value")]
            assert [mine[name] for name in columns] == pytest.approx(theirs, nan_ok=True)


def test_a_setting_has_a_ladder_of_its_own(write_study: WriteStudy) -> None:
    keys = {"none": {}, "empty_wrapper": {}, "episodic": {"memory.k": 4}, "full": {"memory.k": 4}}
    two = {"episodic,memory.k=2": {"memory.k": 2}, "full,memory.k=2": {"memory.k": 2}}
    eight = {"full,memory.k=8": {"memory.k": 8}}
    curve = {"full,n_train=8": {"memory.k": 4, "n_train": 8}}
    every = {**keys, **two, **eight, **curve}
    path = write_study(
        {run: rows(1) for run in every}, manifests={run: rung(run, d) for run, d in every.items()}
    )
    found = ladders(load_study(path))
    assert [one.settings for one in found.ladders] == ["", "memory.k=2"]
    assert [[step.variant for step in one.steps] for one in found.ladders] == [
        ["none", "empty_wrapper", "episodic", "full"],
        ["none", "empty_wrapper", "episodic,memory.k=2", "full,memory.k=2"],
    ]
    (note,) = found.notes
    assert "memory.k=8: it has fewer than 4 steps" in note


def test_ladders_that_share_steps_have_means_over_their_own_dimensions(
    write_study: WriteStudy,
) -> None:
    """The wrapper helps on the third dimension alone, which the second setting was not asked on."""
    three, two = ("d1", "d2", "d3"), ("d1", "d2")
    runs = {
        "none": [row for d in three for row in rows(8, d)],
        "empty_wrapper": [row for d in three for row in rows(0 if d == "d3" else 8, d)],
        "full": [row for d in three for row in rows(0, d)],
        "full,memory.k=2": [row for d in two for row in rows(0, d)],
    }
    keys = {"full": {"memory.k": 4}, "full,memory.k=2": {"memory.k": 2}}
    path = write_study(runs, manifests={run: rung(run, keys.get(run)) for run in runs})
    table = ladder.numbers(analysis_of(path, n_resamples=20), {})
    wrapper = table[(table["alignment"] == "empty_wrapper") & (table["metric"] == "mae")]
    means = wrapper[wrapper["dimension"] == ALL_DIMENSIONS].set_index("settings")
    assert means["value"].to_dict() == pytest.approx({"": 4 / 3, "memory.k=2": 2})
    for gain in ("gain_before", "gain_none"):
        assert means[gain].to_dict() == pytest.approx({"": 2 / 3, "memory.k=2": 0})
    assert means["p_none"].to_dict() == pytest.approx({"": 2 / 2**8, "memory.k=2": 1})


def test_runs_that_name_no_ladder_have_none(write_study: WriteStudy) -> None:
    path = write_study({"none": rows(8), "empty_wrapper": rows(8), "full": rows(0)})
    assert not len(ladder.numbers(analysis_of(path, n_resamples=20), {}))


def test_words_say_what_is_told_apart(write_study: WriteStudy) -> None:
    frames = load_study(study(write_study))
    table = ladder.numbers(analysis_of(frames, n_resamples=50), {})
    told = ladder.table(analysis_of(frames), table)
    ((head, lines),) = told.in_words.items()
    median, none, wrapper, episodic, full = lines
    assert head.startswith("scripted; mean over all dimensions.")
    assert "label frequencies" in median
    assert "the same grade for every item. Against none: error +1.00" in median
    assert "full against it: error +2.00" in none
    assert "told apart, better" in none
    assert "matches" not in none + wrapper + full
    assert "Against none: error +0.12" in wrapper
    assert "p = 1.000, not told apart" in wrapper
    assert "Against empty_wrapper" in episodic
    assert full.startswith("full (both): error 0.00")
    # What full does not beat is said of a control, and of nothing else.
    control = table.assign(alignment=table["alignment"].replace("episodic", "length_filler"))
    told = ladder.table(analysis_of(frames), control)
    ((_, lines),) = told.in_words.items()
    # Not to be told apart is not the same as equal: eight cases leave it open.
    assert "these data leave open" in lines[3]
    (concluded,) = told.findings
    assert concluded == (
        "scripted; mean over all dimensions. Both memories against their controls: in the error,"
        " better than median_label and empty_wrapper, not told apart from length_filler;"
        " in the rank correlation, better than empty_wrapper, not told apart from length_filler."
    )
    assert control["p_equivalent_full"].min() > 0.05
    close = control.assign(p_equivalent_full=0.01)
    told = ladder.table(analysis_of(frames), close)
    ((_, lines),) = told.in_words.items()
    assert "equals that of the memories within the margin (p = 0.010)" in lines[3]
    assert "equal within the margin to length_filler" in told.findings[0]
    unknown = table.assign(alignment=table["alignment"].replace("episodic", "my_memory"))
    told = ladder.table(analysis_of(frames), unknown)
    ((_, lines),) = told.in_words.items()
    assert not any("control" in text for text in lines)
    assert "my_memory" not in told.findings[0]


def test_files_page_and_figure_show_it(write_study: WriteStudy, tmp_path: Path) -> None:
    report = report_of(study(write_study), n_resamples=50)
    files = {file.name: file.read_text() for file in report.write(tmp_path)}
    assert "scripted; mean over all dimensions" in files["ladder.md"]
    page = report.page()
    assert "<li>full (both): error 0.00" in page
    with panels.theme():
        figure = report.draw("ladder")
    first = figure.axes[0]
    assert len(figure.axes) == 6
    marks = [text for text in first.texts if text.get_text() == "\N{DAGGER}"]
    assert [mark.xy[1] for mark in marks] == [0]  # the median label alone is constant
    texts = [text.get_text() for text in first.texts if text not in marks]
    assert texts[::2] == list(STEPS)
    assert texts[1::2] == [isolates for _, isolates in STEPS.values()]
    shapes = [one.get_marker() for one in first.get_lines()]
    assert shapes.count("^") == 3  # full is better than all but the examples
    assert "v" not in shapes
    assert "told apart" in report.caption("ladder")


def test_dimensions_that_were_asked_in_few_steps_have_a_mean_of_these(
    write_study: WriteStudy,
) -> None:
    three = ("d1", "d2", "d3")
    runs = {
        "full": [row for d in three for row in rows(0, d)],
        "none": [row for d in three for row in rows(8 if d == "d3" else 4, d)],
        "episodic": [*rows(2), *rows(2, "d2")],
    }
    path = write_study(runs, manifests={run: rung(run) for run in runs})
    report = report_of(load_study(path).path, n_resamples=100)
    table = report.made["ladder"]
    means = [COMPLETE_DIMENSIONS, ALL_DIMENSIONS]
    assert list(dict.fromkeys(table["dimension"]))[:2] == means
    here = table[(table["dimension"] == ALL_DIMENSIONS) & (table["metric"] == "mae")]
    assert list(here["alignment"]) == ["none", "full"]
    # Off by two on four, four and eight of eight items; the other mean is of the first two.
    assert list(here["value"]) == pytest.approx([(1 + 1 + 2) / 3, 0])
    assert here["before"].tolist() == ["", "none"]
    assert line(table, "none", "mae", COMPLETE_DIMENSIONS)["value"] == pytest.approx(1)
    told = report.table("ladder")
    text = " ".join([*told.notes, *told.in_words])
    assert "mean over dimensions with every step" in text
    assert "All dimensions: the mean of the steps that all of them have" in text
    with panels.theme():
        report.draw("ladder").draw_without_rendering()


def test_a_dimension_that_the_highest_step_lacks_has_no_ladder(write_study: WriteStudy) -> None:
    runs = {
        "full": rows(0),
        "episodic": rows(1),
        "none": [*rows(4), *rows(4, "d2")],
        "median_label@none": [*rows(2), *rows(2, "d2")],
    }
    path = write_study(runs, manifests={run: rung(run) for run in runs})
    table = report_of(load_study(path).path, n_resamples=50).made["ladder"]
    assert list(dict.fromkeys(table["dimension"])) == ["d1"]


def test_a_long_variant_in_a_title_is_broken_at_its_commas() -> None:
    settings = "memory.k=2,reflection=embedded_1_5b,scoring=logprob,view=compact"
    lines = ladder_figure._wrapped(f"Model training (scripted, {settings})", 4.0).splitlines()
    assert lines == [
        "Model training (scripted, memory.k=2,reflection=embedded_1_5b,",
        "scoring=logprob,view=compact)",
    ]


def test_titles_of_panels_side_by_side_do_not_meet(write_study: WriteStudy) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    report = report_of(study(write_study), n_resamples=50)
    long = "Says what happens next and when, in a sentence that every customer understands"
    titles = {name: f"{long} ({name})" for name in report.look.titles}
    look = replace(report.look, titles=titles)
    with panels.theme():
        figure = ladder_figure.draw(report.data("ladder"), look)
        renderer = FigureCanvasAgg(figure).get_renderer()
        figure.draw(renderer)
        titled = [axes for axes in figure.axes if axes.get_title(loc="left")]
        boxes = [axes._left_title.get_window_extent(renderer) for axes in titled]
    assert len(boxes) > 2
    assert all(box.x1 <= figure.bbox.x1 and box.y1 <= figure.bbox.y1 for box in boxes)
    assert not any(a.overlaps(b) for n, a in enumerate(boxes) for b in boxes[:n])


def silent(judged: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [row | {"judge": "failed"} for row in judged]


@pytest.mark.parametrize("failed", ["full", "none"])
def test_a_step_without_answers_is_told_from_nothing(write_study: WriteStudy, failed: str) -> None:
    runs = {
        "full": rows(0),
        "none": rows(1),
        "empty_wrapper": rows(1),
        "median_label@none": [row | {"judge": 2} for row in rows(0)],
    }
    runs[failed] = silent(rows(0))
    path = write_study(runs, manifests={run: rung(run) for run in runs})
    report = report_of(path, n_resamples=100)
    table, contrasts = report.made["ladder"], report.made["contrasts"]
    mae = table[table["metric"] == "mae"].set_index("alignment")
    other = "none" if failed == "full" else "full"
    against = mae.loc[other, ["p_full", "gain_full_low"] if failed == "full" else ["p_none"]]
    assert against.isna().all()
    assert mae.loc["empty_wrapper", ["p_full", "p_none"]].isna().sum() == 1
    # The improvement is shown, as in the table of contrasts, which withholds the same p-values.
    theirs = contrasts[contrasts["metric"] == "mae"].set_index("variant")
    for step in ("full", "empty_wrapper", "median_label"):
        assert mae.loc[step, "gain_none"] == pytest.approx(theirs.loc[step, "improvement"])
        assert pd.isna(mae.loc[step, "p_none"]) == pd.isna(theirs.loc[step, "p_value"])
    said = f"{failed} gave no answer: the difference is made of silence"
    assert f"full against empty_wrapper: {said}" in mae.loc["empty_wrapper", "note"] or (
        f"empty_wrapper against none: {said}" in mae.loc["empty_wrapper", "note"]
    )
    told = report.table("ladder")
    ((_, lines),) = told.in_words.items()
    heading = "full against it" if failed == "full" else "Against none"
    assert f"{heading}: {said}, and nothing is told" in lines[0]  # of the median label
    assert not any("does better than the memories" in text for text in lines)
    assert not any("worse than" in text for text in told.findings)
    with panels.theme():
        figure = report.draw("ladder")
    shapes = [one.get_marker() for axes in figure.axes for one in axes.get_lines()]
    assert "v" not in shapes
    assert "gave no answer, nothing is told" in report.caption("ladder")


def test_a_mean_with_a_silent_dimension_is_told_from_nothing(write_study: WriteStudy) -> None:
    runs = {
        "none": [*rows(8), *rows(8, "d2")],
        "empty_wrapper": [*rows(8), *rows(8, "d2")],
        "full": [*rows(0), *silent(rows(0, "d2"))],
    }
    path = write_study(runs, manifests={run: rung(run) for run in runs})
    table = ladder.numbers(analysis_of(path, n_resamples=50), {})
    mean = line(table, "full", "mae", ALL_DIMENSIONS)
    assert pd.isna(mean["p_none"])
    assert "full against none: full gave no answer on 1 of 2 dimensions" in mean["note"]
    assert line(table, "full", "mae", "d1")["p_none"] == pytest.approx(2 / 2**8)


def test_one_grade_of_every_item_tells_nothing_apart(write_study: WriteStudy) -> None:
    runs = {
        name: [{**row, "expert_score": 3, "judge": judge} for row in rows(0)]
        for name, judge in {"none": 1, "empty_wrapper": 1, "full": 3}.items()
    }
    path = write_study(runs, manifests={run: rung(run) for run in runs})
    report = report_of(path, n_resamples=50)
    full = line(report.made["ladder"], "full", "mae", "d1")
    assert full["gain_none"] == 2
    assert pd.isna([full["p_none"], full["p_before"]]).all()
    assert "full against none: the experts give one grade to every item (3)" in full["note"]
    told = report.table("ladder")
    assert not told.findings
    assert "told apart, better" not in str(told.in_words)


def test_one_grade_of_every_item_and_a_missing_answer_are_both_told(
    write_study: WriteStudy,
) -> None:
    right = [{**row, "expert_score": 3, "judge": 3} for row in rows(0)]
    part = [*right[:-1], right[-1] | {"judge": "abstained"}]
    runs = {"none": right, "empty_wrapper": part, "full": right}
    path = write_study(runs, manifests={run: rung(run) for run in runs})
    table = ladder.numbers(analysis_of(path, n_resamples=50), {})
    mae = line(table, "empty_wrapper", "mae", "d1")
    assert pd.isna([mae["p_full"], mae["p_equivalent_full"]]).all()
    assert "full against empty_wrapper: the experts give one grade to every item" in mae["note"]
    assert "full against empty_wrapper: missing answers leave the improvement" in mae["note"]


def test_what_missing_answers_could_turn_is_said_with_it(write_study: WriteStudy) -> None:
    """The wrapper fails on six of eight items, on which nobody errs."""
    part = [row | {"judge": "failed"} if n < 6 else row for n, row in enumerate(rows(0))]
    runs = {"none": rows(0), "empty_wrapper": part, "full": rows(0)}
    path = write_study(runs, manifests={run: rung(run) for run in runs})
    report = report_of(path, n_resamples=50)
    mae = line(report.made["ladder"], "empty_wrapper", "mae", "d1")
    assert mae["p_full"] == pytest.approx(2 / 2**6)
    bounds = "missing answers leave the improvement between"
    assert f"empty_wrapper against none: {bounds} -1.50 and 0.00" in mae["note"]
    assert f"full against empty_wrapper: {bounds} 0.00 and +1.50: they could be all" in mae["note"]
    told = report.table("ladder")
    ((_, lines),) = told.in_words.items()
    assert "left open by missing answers against empty_wrapper" in told.findings[0]
    assert f"told apart, better ({bounds} 0.00 and +1.50: they could be all of it)" in lines[1]
    assert "hangs on missing answers" in report.caption("ladder")


def test_a_control_that_is_equal_by_missing_answers_is_said_to_be_so(write_study) -> None:
    """Wrapper and memories fail on the same six of eight items, and nobody errs on the others."""
    part = [row | {"judge": "failed"} if n < 6 else row for n, row in enumerate(rows(0))]
    runs = {"none": rows(1), "empty_wrapper": part, "full": part}
    path = write_study(runs, manifests={run: rung(run) for run in runs})
    report = report_of(path, n_resamples=50, margin=1.0)
    mae = line(report.made["ladder"], "empty_wrapper", "mae", "d1")
    assert mae["p_equivalent_full"] <= 0.05
    unequal = "missing answers could carry the improvement beyond the margin, to -1.50 or +1.50"
    assert f"full against empty_wrapper: {unequal}" in mae["note"]
    table = report.table("ladder")
    ((_, lines),) = table.in_words.items()
    assert "left open by missing answers against empty_wrapper" in table.findings[0]
    (told,) = [text for text in lines if "this control" in text]
    assert "within the margin (p = 0.004), which hangs on missing answers" in told
