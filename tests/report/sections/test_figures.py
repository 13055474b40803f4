import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hand_study import WriteStudy, hand_study
from made_report import SECTIONS, MadeReport, report_of
from planned_study import planned_study

from memalign_bench.errors import RequestError
from memalign_bench.report.drawing import panels
from memalign_bench.report.drawing.look import Look
from memalign_bench.report.prose import CONSTANT_MARK
from memalign_bench.report.sections.section import chosen_sections
from memalign_bench.study.registered.study_plan import Contrast

EXPERT = {"a1": 3, "a2": 1, "b1": 2, "b2": 3, "c1": 1}
NONE = {"a1": 3, "a2": 3, "b1": 3, "b2": "abstained", "c1": 3}
FULL = {"a1": 3, "a2": 1, "b1": 2, "b2": 3, "c1": 2}
MEDIAN = dict.fromkeys(EXPERT, 2)
LABORATORY = (
    "against", "published", "variance",
    "people", "ladder", "similarity", "learning_curve", "label_noise", "specification",
    "attribution", "disagreement", "injection", "headroom", "sight", "facts_seen", "transfer",
)  # fmt: skip


def rows_of(judge: dict[str, Any], **more: Any) -> list[dict[str, Any]]:
    return [
        {"item_id": item, "expert_score": EXPERT[item], "judge": said, **more}
        for item, said in judge.items()
    ]


@pytest.fixture
def write_study(tmp_path: Path) -> WriteStudy:
    return hand_study(tmp_path / "hand")


def numbers_of(path: Path, name: str, reading: str = "raw") -> tuple[pd.DataFrame, Look]:
    calibration = {"raw": "none"}.get(reading, reading)
    report = report_of(path, calibration, n_resamples=50)
    return report.data(name), report.look


def line(data: pd.DataFrame, **keys: Any) -> dict[str, Any]:
    for name, value in keys.items():
        data = data[data[name] == value]
    (row,) = data.to_dict("records")
    return {str(name): value for name, value in row.items()}


def test_the_figures_of_the_report_are_found() -> None:
    found = list(SECTIONS)
    plain = ["mae", "improvement", "rank", "bias", "frontier", "confusion"]
    assert [name for name in found if name in plain] == plain
    assert set(found) == {*plain, *LABORATORY}


def test_against_another_study_each_pair_stands_in_the_best_reading_it_has(
    small: MadeReport,
) -> None:
    look = replace(small.look, reading="batch")
    common = {"metric": "mae", "backend": "b", "reference_backend": "b in other", "n_items": 9}
    common |= {"dimension": "d1", "improvement": 0.1, "low": 0.0, "high": 0.2, "note": ""}
    pairs = [("full", "raw"), ("full", "batch"), ("semantic", "raw")]
    table = pd.DataFrame([common | {"variant": v, "reading": r, "low": r} for v, r in pairs])
    data = SECTIONS["against"].drawn_data(small.analysis, {"against": table}, look)
    assert data[["variant", "low"]].to_numpy().tolist() == [["full", "batch"], ["semantic", "raw"]]


def test_an_unknown_figure_is_named_with_those_that_there_are() -> None:
    with pytest.raises(RequestError, match=r"figure='mea'.*mae, improvement, rank, bias"):
        chosen_sections(SECTIONS, "mea")
    assert list(chosen_sections(SECTIONS, "mae")) == ["mae"]


@pytest.mark.usefixtures("every_interval")
def test_mae_has_its_median_line_ceiling_and_other_reading(write_study: WriteStudy) -> None:
    full = rows_of(FULL)
    for row in full:
        row["judge_score_batch"] = 1
    runs = {"none": rows_of(NONE), "full": full, "median_label@none": rows_of(MEDIAN)}
    data, _ = numbers_of(write_study(runs, raters={"a1": [3, 1]}), "mae")
    none, best = line(data, variant="none"), line(data, variant="full")
    assert none["value"] == pytest.approx((0 + 2 + 1 + 2 + 2) / 5)
    assert (none["constant"], best["constant"]) == (True, False)
    assert best["value"] == pytest.approx(1 / 5)
    assert best["other"] == pytest.approx((2 + 0 + 1 + 2 + 0) / 5)
    assert pd.isna(none["other"])
    assert best["median"] == pytest.approx(4 / 5)  # always 2
    assert best["ceiling"] == 2  # the raters of a1
    assert best["low"] <= best["value"] <= best["high"]
    assert set(data["backend"]) == {"scripted"}  # the control stands in the judge's panel


def test_without_raters_or_control_there_is_no_line(write_study: WriteStudy) -> None:
    data, shown = numbers_of(write_study({"none": rows_of(NONE)}), "mae")
    assert data[["median", "ceiling"]].isna().all(axis=None)
    words = SECTIONS["mae"].caption(shown, data)
    assert "median" not in words
    assert "human" not in words
    assert "Reading: raw" in words


def test_model_free_controls_stand_in_every_panel(write_study: WriteStudy) -> None:
    runs = {"none@a": rows_of(NONE), "none@b": rows_of(FULL), "median_label@none": rows_of(MEDIAN)}
    for name in ("mae", "rank", "bias"):
        data, shown = numbers_of(write_study(runs), name)
        assert shown.backends == ("a", "b")
        both = data[data["variant"] == "median_label"]
        assert set(both["backend"]) == {"a", "b"}


def test_improvement_is_of_the_study_s_own_reading(write_study: WriteStudy) -> None:
    none, full = rows_of(NONE), rows_of(FULL)
    for row in full:
        row["judge_score_batch"] = row["expert_score"]
    path = write_study({"none": none, "full": full, "median_label@none": rows_of(MEDIAN)})
    raw, _ = numbers_of(path, "improvement")
    batch, _ = numbers_of(path, "improvement", "batch")
    assert line(raw, variant="full")["value"] == pytest.approx(7 / 5 - 1 / 5)
    assert line(batch, variant="full")["value"] == pytest.approx(7 / 5)
    median = line(raw, variant="median_label")
    assert median["value"] == pytest.approx(7 / 5 - 4 / 5)
    assert median["backend"] == "scripted"
    assert median["constant"]
    assert len(raw) == len(batch) == 2


def test_a_filled_mark_is_a_significant_one(write_study: WriteStudy) -> None:
    runs = {
        variant: [
            {"item_id": f"{case}1", "expert_score": 3 - n % 2, "judge": judge(3 - n % 2)}
            for n, case in enumerate("abcdefgh")
        ]
        for variant, judge in {
            "none": lambda _: 1,
            "full": lambda grade: grade,
            "semantic": lambda _: 1,
        }.items()
    }
    data, _ = numbers_of(write_study(runs), "improvement")
    full = line(data, variant="full")
    assert full["p_holm"] == pytest.approx(2 / 2**8)
    assert full["filled"]
    assert not line(data, variant="semantic")["filled"]


def test_rank_correlation_stands_beside_the_error(write_study: WriteStudy) -> None:
    data, _ = numbers_of(write_study({"none": rows_of(NONE), "full": rows_of(FULL)}), "rank")
    assert line(data, variant="full", metric="mae")["value"] == pytest.approx(1 / 5)
    # judge 3, 1, 2, 3, 2 and expert 3, 1, 2, 3, 1: ranks 4.5 1 2.5 4.5 2.5 and 4.5 1.5 3 4.5 1.5
    expected = pd.Series([4.5, 1, 2.5, 4.5, 2.5]).corr(pd.Series([4.5, 1.5, 3, 4.5, 1.5]))
    assert line(data, variant="full", metric="spearman")["value"] == pytest.approx(expected)


def test_bias_is_judge_minus_expert(write_study: WriteStudy) -> None:
    data, _ = numbers_of(write_study({"none": rows_of(NONE)}), "bias")
    assert line(data, variant="none")["value"] == pytest.approx((0 + 2 + 1 + 2) / 4)


def test_confusion_counts_answers_and_silence(write_study: WriteStudy) -> None:
    extra = {"item_id": "d1", "expert_score": 0, "judge": 3}
    path = write_study({"none": [*rows_of(NONE), extra], "full": rows_of(FULL)})
    data, _ = numbers_of(path, "confusion")
    none = data[data["variant"] == "none"].set_index(["expert", "judge"])["count"].to_dict()
    assert none == {(3, "3"): 1, (1, "3"): 2, (2, "3"): 1, (3, "no grade"): 1}
    full = data[data["variant"] == "full"].set_index(["expert", "judge"])["count"].to_dict()
    assert full == {(3, "3"): 2, (1, "1"): 1, (2, "2"): 1, (1, "2"): 1}
    assert data["shown"].all()


def test_confusion_says_what_it_leaves_out(write_study: WriteStudy) -> None:
    names = ["none", "semantic", "full", *(f"full,memory.k={n}" for n in range(2, 8))]
    data, shown = numbers_of(write_study({name: rows_of(FULL) for name in names}), "confusion")
    kept = data.loc[data["shown"], "variant"]
    assert kept.nunique() == 6
    assert {"none", "semantic", "full"} <= set(kept)
    words = SECTIONS["confusion"].caption(shown, data)
    for name in set(names) - set(kept):
        assert f"{name} on scripted" in words


@pytest.mark.parametrize("name", ["confusion", "improvement"])
def test_redrawing_gives_the_same_bytes(name: str, small: MadeReport, tmp_path: Path) -> None:
    drawn = []
    for folder in ("one", "two"):
        with panels.theme():
            drawn.append(panels.render(small.draw(name), tmp_path / folder, name))
    first, second = drawn
    assert set(first) == {"png", "svg", "pdf"}
    for kind in first:
        assert first[kind].read_bytes() == second[kind].read_bytes()
    assert b"<dc:date>" not in first["svg"].read_bytes()


@pytest.mark.parametrize("name", sorted({*SECTIONS} - {"frontier", *LABORATORY}))
def test_a_caption_names_reading_and_n(name: str, small: MadeReport) -> None:
    words = small.caption(name)
    assert "Reading: raw" in words
    assert "n counts" in words
    assert CONSTANT_MARK in words  # the unaligned judge of one dimension is constant


@pytest.mark.parametrize("name", ["bias", "improvement"])
def test_labels_of_panels_side_by_side_do_not_meet(name: str, write_study: WriteStudy) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    runs = {
        f"{variant}@{backend}": rows_of(judge)
        for variant, judge in (("none", NONE), ("full", FULL))
        for backend in ("a", "b")
    }
    with panels.theme():
        figure = report_of(write_study(runs), n_resamples=50).draw(name)
        figure.set_dpi(150)  # as it is saved
        renderer = FigureCanvasAgg(figure).get_renderer()
        figure.draw(renderer)
        left, right = (axes.xaxis.label.get_window_extent(renderer) for axes in figure.axes)
    assert left.x1 < right.x0
    assert right.x1 <= figure.bbox.x1


@pytest.mark.parametrize("name", ["bias", "confusion", "improvement", "mae", "rank"])
def test_a_long_dimension_and_a_long_variant_are_whole(name: str, write_study: WriteStudy) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.text import Text

    long = "Says what happens next and when, in a sentence that every customer understands"
    titles = [{"name": "d1", "title": long}, {"name": "d2", "title": "OK"}]
    grades = {"grades": [1, 2, 3], "words": ["bad", "average", "good"]}
    rubric = {"name": "hand", "digest": "def", **grades, "dimensions": titles}
    runs = {
        f"{variant},prompt.grades=words": [*rows_of(judge), *rows_of(judge, dimension="d2")]
        for variant, judge in (("none", NONE), ("semantic", FULL), ("full", FULL))
    }
    more = {run: {"rubric": rubric} for run in runs}
    with panels.theme():
        figure = report_of(write_study(runs, manifests=more), n_resamples=50).draw(name)
        figure.set_dpi(150)
        renderer = FigureCanvasAgg(figure).get_renderer()
        figure.draw(renderer)
        texts = [
            (text.get_text(), text.get_window_extent(renderer))
            for text in figure.findobj(Text)
            # Numbers of an axis exist beyond its ends, where they are not drawn.
            if text.get_visible() and re.search("[a-zA-Z]", text.get_text())
        ]
    words = " ".join(text for text, _ in texts).replace("\n", " ")
    assert long in words
    for text, box in texts:
        inside = box.x0 >= 0 and box.x1 <= figure.bbox.x1 + 1 and box.y1 <= figure.bbox.y1 + 1
        assert inside, text
    # Names of dimensions do not run into one another.
    named = [box for text, box in texts if text.startswith(("Says what", "OK"))]
    assert len(named) >= 2
    assert not any(a.overlaps(b) for n, a in enumerate(named) for b in named[:n])


def test_row_labels_name_the_items(small: MadeReport) -> None:
    with panels.theme():
        figure = small.draw("mae")
    labels = [text.get_text().split("\n") for text in figure.axes[0].get_yticklabels()]
    assert labels[0] == ["Library installation", "(n = 24)"]
    assert " ".join(labels[1]) == "Exploratory data analysis (n = 24)"


def test_drawing_leaves_the_settings_of_others_alone(small: Any) -> None:
    import matplotlib as mpl

    before = dict(mpl.rcParams)
    with panels.theme():
        assert mpl.rcParams["svg.hashsalt"] == "memalign-bench"
    assert dict(mpl.rcParams) == before


def test_a_variant_has_one_mark_in_all_studies(write_study: WriteStudy) -> None:
    names = ["ridge@none", "full,memory.k=2", "mine", "full", "none", "median_label@none"]
    shown = report_of(write_study({name: rows_of(FULL) for name in names}), n_resamples=20).look
    assert shown.variants == ("none", "full", "full,memory.k=2", "mine", "median_label", "ridge")
    alone = report_of(write_study({"full": rows_of(FULL)}), n_resamples=20).look
    assert shown.marks["full"] == alone.marks["full"]
    assert len(set(shown.marks.values())) == len(names)


def test_an_alignment_s_own_yaml_says_how_it_looks(write_study: WriteStudy) -> None:
    told = {"step": 1, "order": 5, "colour": "#123456", "shape": "*"}
    settings = {"_target_": "my_alignments.Mine", "ladder": told}
    path = write_study(
        {name: rows_of(FULL) for name in ("none", "mine", "semantic")},
        manifests={"mine": {"config": {"alignment": settings}}},
    )
    shown = report_of(path, n_resamples=20).look
    assert shown.variants == ("none", "mine", "semantic")
    assert (shown.marks["mine"].colour, shown.marks["mine"].shape) == ("#123456", "*")


@pytest.mark.parametrize("others", [{}, {"semantic": FULL}])
def test_no_mark_stands_for_what_silence_made(
    write_study: WriteStudy, others: dict[str, Any]
) -> None:
    judges = {"none": NONE, "full": dict.fromkeys(EXPERT, "failed"), **others}
    path = write_study({name: rows_of(judge) for name, judge in judges.items()})
    report = report_of(path, n_resamples=20)
    data = report.data("improvement").set_index("variant")
    assert pd.isna(data.loc["full", "value"])
    assert data["value"].notna().sum() == len(others)
    assert "No mark stands where one of the two gave no answer" in report.caption("improvement")
    with panels.theme():
        report.draw("improvement").draw_without_rendering()


def test_the_caption_names_what_a_plan_claims(tmp_path: Path) -> None:
    planned = {"contrasts": (Contrast("semantic", "none"), Contrast("median_label", "none"))}
    report = report_of(planned_study(tmp_path / "fake", **planned), n_resamples=50)
    assert "claims that hold: semantic and median_label, signif" in report.caption("improvement")
    usual = report_of(planned_study(tmp_path / "usual"), n_resamples=50)
    assert "claims that hold: the full memory, significant" in usual.caption("improvement")
