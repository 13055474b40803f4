"""How an error is split into sight and convention, against numbers worked out by hand."""

from pathlib import Path

import pytest
from hand_study import WriteStudy, hand_study
from made_report import analysis_of, report_of

from memalign_bench.errors import RecordError
from memalign_bench.headroom.parts import SHARED, UNSEEN, UNSHARED
from memalign_bench.headroom.records import folder_of, write_headroom
from memalign_bench.report.drawing import panels
from memalign_bench.report.paper.beside import beside
from memalign_bench.report.paper.build import Pages
from memalign_bench.report.sections.headroom import tables as headroom

EXPERT = {"a1": 1, "a2": 3, "b1": 2, "b2": 3}
PARTS = {"a1": UNSHARED, "a2": SHARED, "b1": UNSEEN, "b2": UNSEEN}
SEEN = {"a1": 1, "a2": 3, "b1": 3, "b2": 1}  # errs by 1 and 2 where it does not see


TRUTH = {"a1": True, "a2": False, "b1": True, "b2": False}
CHANCES = {
    "tidy": (dict.fromkeys(EXPERT, 0.5), False),
    "on_test": ({"a1": 0.9, "a2": 0.4, "b1": 0.4, "b2": 0.1}, True),
}
ANSWERS = [
    {"dimension": "d1", "item_id": item, "kind": "facts", "name": name, "chance": chance}
    | {"truth": TRUTH[item], "threshold": 0.5, "answer": chance > 0.5, "seen": seen}
    | {"prompt_tokens": 1}
    for name, (chances, seen) in CHANCES.items()
    for item, chance in chances.items()
] + [
    {"dimension": "d1", "item_id": item, "kind": "criteria", "name": "0", "chance": 0.5}
    | dict.fromkeys(("truth", "threshold", "answer", "seen"))
    | {"prompt_tokens": 1}
    for item in EXPERT
]


@pytest.fixture
def write_study(tmp_path: Path) -> WriteStudy:
    return hand_study(tmp_path / "hand")


def rows(judge: dict[str, object]) -> list[dict[str, object]]:
    return [
        {"item_id": name, "expert_score": EXPERT[name], "judge": grade}
        for name, grade in judge.items()
    ]


def study(write_study: WriteStudy, digest: str = "abc") -> Path:
    runs = {
        "none": rows({"a1": 3, "a2": 3, "b1": 3, "b2": 2}),
        "episodic": rows({"a1": 1, "a2": 2, "b1": 3, "b2": "failed"}),
        "episodic,view=other": rows(dict.fromkeys(EXPERT, 3)),
        "median_label@none": rows(dict.fromkeys(EXPERT, 3)),
    }
    views = {name: {"view_name": "other" if "other" in name else "v", "folds": 2} for name in runs}
    path = write_study(runs, manifests=views)
    head = [
        {"dimension": "d1", "item_id": name, "case_id": name[0], "expert_score": expert}
        for name, expert in EXPERT.items()
    ]
    sight = [
        row
        | {"true_grade": row["expert_score"], "literal_grade": 3, "seen_grade": SEEN[name]}
        | {"part": PARTS[name]}
        for row in head
        for name in [row["item_id"]]
    ]
    bound = [
        row | {"fold": 0, "source": source, "predicted": grade}
        for source, grade in (("nothing", 3), ("facts", 2), ("together", 3))
        for row in head
    ]
    manifest = {"backend": "scripted", "view_name": "v", "thresholds_from": "another corpus"}
    manifest |= {"dataset": {"name": "planted", "digest": digest}, "dimensions": ["d1"]}
    kept = {"answers": ANSWERS, "sight": sight, "bound": bound}
    write_headroom(folder_of(path, "scripted"), kept, {"dimensions": {}}, manifest)
    return path


def test_the_parts_add_up_to_the_measured_error(write_study: WriteStudy) -> None:
    report = report_of(study(write_study), n_resamples=50)
    table = report.made["headroom"].set_index("variant")
    assert list(table.index) == ["none", "episodic"]  # not what read another view, or no model
    measured = report.made["summary"].set_index(["variant", "backend"])["mae"]
    for variant, row in table.iterrows():
        parts = row["shared"] + row["not_shared"] + row["not_seen"]
        assert parts == pytest.approx(row["mae"], abs=1e-12)
        assert row["mae"] == pytest.approx(measured[variant, "scripted"], abs=1e-12)
    plain, aligned = table.loc["none"], table.loc["episodic"]
    assert plain[["shared", "not_shared", "not_seen"]].tolist() == [0, 2 / 4, (1 + 1) / 4]
    assert aligned[["shared", "not_shared", "not_seen"]].tolist() == [1 / 4, 0, (1 + 2) / 4]
    assert plain[["n_shared", "n_not_shared", "n_not_seen"]].tolist() == [1, 1, 2]
    assert (plain["noise"], plain["literal"]) == (0, (2 + 0 + 1 + 0) / 4)
    assert plain["convention_known"] == (1 + 2) / 4
    assert (plain["bound"], plain["bound_nothing"]) == (3 / 4, 3 / 4)
    assert aligned["gainable"] == pytest.approx(1 - 3 / 4)
    assert aligned["gained"] == pytest.approx(0)


def test_nothing_is_gained_by_leaving_out_the_hard_items(write_study: WriteStudy) -> None:
    """Both judges give the same grades; one of them fails where they are wrong."""
    path = study(write_study)
    kept = path / "headroom"
    moved = kept.rename(path.with_name("kept"))
    grades = {"a1": 1, "a2": 3, "b1": 3, "b2": 1}
    judged = {"none": rows(grades), "episodic": rows(grades | {"b1": "failed", "b2": "failed"})}
    views = {name: {"view_name": "v", "folds": 2} for name in judged}
    write_study(judged, manifests=views)
    moved.rename(kept)
    report = report_of(path, n_resamples=50, missing="exclude")
    row = report.made["headroom"].set_index("variant").loc["episodic"]
    assert (row["mae"], row["gained"]) == (0, 0)


def test_silence_gains_nothing(write_study: WriteStudy) -> None:
    path = study(write_study)
    failed = rows(dict.fromkeys(EXPERT, "failed"))
    kept = path / "headroom"
    moved = kept.rename(path.with_name("kept"))
    judged = {"none": rows(dict.fromkeys(EXPERT, 3)), "episodic": failed, "semantic": failed}
    views = {name: {"view_name": "v", "folds": 2} for name in judged}
    write_study(judged, manifests=views)
    moved.rename(kept)
    report = report_of(path, n_resamples=50)
    table = report.made["headroom"].set_index("variant")
    assert table["gained"].isna().to_dict() == {"none": False, "episodic": True, "semantic": True}
    assert table["gained_share"].isna()["episodic"]
    assert table["gainable"].notna().all()


def test_the_figure_stacks_three_parts_a_judge(write_study: WriteStudy) -> None:
    report = report_of(study(write_study), n_resamples=50)
    with panels.theme():
        figure = report.draw("headroom")
    (axes,) = figure.axes
    assert len(axes.patches) == 2 * 3
    assert [label.get_text() for label in axes.get_yticklabels()] == [
        "Title of d1: none",
        "Title of d1: episodic",
    ]
    widest = max(patch.get_x() + patch.get_width() for patch in axes.patches)
    assert widest == pytest.approx(1.0)
    assert "add up" in report.caption("headroom")


def test_gain_stands_against_the_share_of_facts_seen(write_study: WriteStudy) -> None:
    report = report_of(study(write_study), n_resamples=50)
    (row,) = report.data("sight").to_dict("records")
    assert (row["variant"], row["gained"]) == ("episodic", pytest.approx(0))
    assert (row["facts_seen"], row["n_facts"], row["items_seen"]) == (0.5, 2, 0.5)
    assert "the grade of 50% of the items follows from these" in report.caption("sight")
    with panels.theme():
        (axes,) = report.draw("sight").axes
    points = [line for line in axes.lines if line.get_marker() not in ("", "None")]
    assert [point.get_xdata()[0] for point in points] == [0.5]


def test_facts_stand_with_how_well_they_are_seen(write_study: WriteStudy) -> None:
    report = report_of(study(write_study), n_resamples=50)
    table = report.made["facts_seen"].set_index("fact")
    assert table.loc["tidy", ["n_items", "n_true", "auc", "seen"]].tolist() == [4, 2, 0.5, False]
    assert table.loc["on_test", "auc"] == 0.875
    assert table.loc["on_test", "chance_true"] == pytest.approx(0.65)
    assert table.loc["on_test", "chance_false"] == pytest.approx(0.25)
    with panels.theme():
        (axes,) = report.draw("facts_seen").axes
    assert [label.get_text() for label in axes.get_yticklabels()] == [
        "Title of d1: tidy",
        "Title of d1: on test",
    ]
    points = [line for line in axes.lines if line.get_marker() == "o"]
    assert [point.get_xdata()[0] for point in points] == [0.5, 0.875]
    assert [point.get_markerfacecolor() for point in points] == ["white", "#0173b2"]
    assert "chance" in report.caption("facts_seen")


def test_the_paper_tells_what_is_seen_and_shows_it(write_study: WriteStudy) -> None:
    path = study(write_study)
    report_of(path, n_resamples=50).write(path / "tables")
    (path / "figures").mkdir()
    (path / "figures" / "sight.svg").write_text("<svg/>")
    page = beside(path)
    assert page["sentences"][-1] == (
        "On d1 the judge on scripted sees 1 of 2 planted facts and 2 of 4 items. Its MAE is 1.00"
        " unaligned and 1.00 with episodic; the experts' convention over what it sees would leave"
        " 0.75."
    )
    assert [one["file"] for one in page["figures"]] == ["generated/hand-sight.svg"]
    pages = Pages(path.parent, beside=[path.name])
    assert pages.figures() == {"hand-sight.svg": path / "figures" / "sight.svg"}


def test_sight_of_other_items_is_refused(write_study: WriteStudy) -> None:
    with pytest.raises(RecordError, match="measured on other items"):
        headroom.numbers(analysis_of(study(write_study, digest="else"), n_resamples=50), {})
