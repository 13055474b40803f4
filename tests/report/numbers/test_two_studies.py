"""A study held against another of the same items."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fake_study import fake_study
from hand_study import hand_study
from made_report import analysis_of

from memalign_bench.cli import main
from memalign_bench.errors import RequestError
from memalign_bench.report.numbers.analysis import Analysis
from memalign_bench.report.numbers.contrasts import contrasts
from memalign_bench.report.numbers.frames import load_study
from memalign_bench.report.numbers.two_studies import combine_studies, pair_similar_judges
from memalign_bench.report.sections.against import numbers

SMALL: dict[str, Any] = {"dimensions": 2, "n_cases": 8, "variants": ("none", "full")}


def against(path: Path, other: Path, **options: Any) -> Any:
    frames = load_study(path)
    held = combine_studies(frames, load_study(other), shared_only=options.pop("shared_only", False))
    analysis = Analysis.of(frames, n_resamples=500)  # all 256 sign sets of 8 cases
    return numbers(Analysis(**{**vars(analysis), "against": held}), {})


def test_gains_are_paired_by_item(tmp_path: Path) -> None:
    expert = {"a1": 3, "a2": 1, "b1": 2, "b2": 3, "c1": 1}
    said = (
        {"a1": 3, "a2": 3, "b1": 3, "b2": 2, "c1": 3},
        {"a1": 3, "a2": 1, "b1": 3, "b2": 2, "c1": 2},
    )
    folders = []
    for name, judge in zip(("theirs", "mine"), said, strict=True):
        rows = [{"item_id": i, "expert_score": expert[i], "judge": g} for i, g in judge.items()]
        folders.append(hand_study(tmp_path / name)({"none": rows}))
    table = against(folders[1], folders[0])
    mae = table[table["metric"] == "mae"].iloc[0]
    gains = [abs(said[0][i] - expert[i]) - abs(said[1][i] - expert[i]) for i in expert]
    assert mae["improvement"] == pytest.approx(np.mean(gains))
    assert (mae["n_items"], mae["n_changed"]) == (5, 2)
    assert mae["reference_backend"].endswith("in theirs")
    assert not table["significant"].any()


def test_the_same_numbers_as_within_one_study(tmp_path: Path) -> None:
    """Two backends in one study, or each in its own: one comparison, one interval, one p."""
    fake_study(tmp_path / "one", **SMALL, backends=("a", "b"))
    fake_study(tmp_path / "mine", **SMALL, backends=("b",))
    fake_study(tmp_path / "theirs", **SMALL, backends=("a",))
    apart = against(tmp_path / "mine", tmp_path / "theirs")
    itself = against(tmp_path / "one", tmp_path / "one")
    key = ["dimension", "metric", "reading", "variant"]
    shown = ["n_items", "improvement", "low", "high", "p_value", "p_equivalent", "n_changed"]
    left, right = (
        t.sort_values(key)[[*key, *shown]].reset_index(drop=True) for t in (apart, itself)
    )
    assert len(left) == 2 * 2 * 2
    assert left.equals(right)
    within = contrasts(analysis_of(tmp_path / "one", n_resamples=500))
    within = within[within["reference"].eq(within["variant"])].sort_values(key)
    assert np.allclose(within["p_value"], right["p_value"], equal_nan=True)
    # One backend alone has nothing to be held against.
    with pytest.raises(
        RequestError, match=r"against=mine is the study itself.*no second one \(b\)"
    ):
        against(tmp_path / "mine", tmp_path / "mine")


def test_other_labels_are_refused_unless_only_the_shared_are_wanted(tmp_path: Path) -> None:
    fake_study(tmp_path / "mine", **SMALL)
    fake_study(tmp_path / "theirs", **SMALL, seed=1)
    for file in (tmp_path / "theirs").glob("runs/*/manifest.json"):
        held = json.loads(file.read_text())
        held["dataset"]["digest"] = "f" * 64
        file.write_text(json.dumps(held))
    with pytest.raises(RequestError) as caught:
        against(tmp_path / "mine", tmp_path / "theirs")
    assert "dataset.digest is dddddddddddd here and ffffffffffff there" in str(caught.value)
    frames = [load_study(tmp_path / name) for name in ("mine", "theirs")]
    gold = [
        {(d, i): g for d, i, g in f.items[["dimension", "item_id", "gold"]].itertuples(index=False)}
        for f in frames
    ]
    shared = sum(gold[1][key] == grade for key, grade in gold[0].items())
    assert f"{shared} of 32 pairs of item and dimension are shared" in str(caught.value)
    table = against(tmp_path / "mine", tmp_path / "theirs", shared_only=True)
    first = table[table["metric"].eq("mae") & table["reading"].eq("raw")]
    assert 0 < first.groupby("variant")["n_items"].sum().max() <= shared


@pytest.mark.parametrize("grades", [[1, 2, 3], [0.5, 1, 1.5]])
def test_what_does_not_apply_is_a_label_like_any_other(tmp_path: Path, grades: list[float]) -> None:
    frames = []
    for name, labels in (
        ("mine", {"a1": 1, "b1": 0, "c1": 0, "d1": 1}),
        ("theirs", {"a1": 1, "b1": 0, "c1": 1, "d1": 0}),
    ):
        rows = [{"item_id": item, "expert_score": g, "judge": 1} for item, g in labels.items()]
        rubric = {"name": "hand", "digest": "d", "grades": grades, "words": ["bad", "ok", "good"]}
        rubric |= {"dimensions": [{"name": "d1", "title": "First"}]}
        path = hand_study(tmp_path / name)({"none": rows}, manifests={"none": {"rubric": rubric}})
        frames.append(load_study(path))
    held = combine_studies(*frames, shared_only=True)
    assert set(held.frames.predictions["item_id"]) == {"a1", "b1"}


def test_another_scale_or_fold_seed_is_refused(tmp_path: Path) -> None:
    fake_study(tmp_path / "mine", **SMALL)
    fake_study(tmp_path / "wide", **SMALL, grades=(1, 2, 3, 4))
    fake_study(tmp_path / "later", **SMALL, fold_seeds=(1,))
    with pytest.raises(RequestError, match="grades of two scales"):
        against(tmp_path / "mine", tmp_path / "wide", shared_only=True)
    with pytest.raises(RequestError, match="shares no fold seed"):
        against(tmp_path / "mine", tmp_path / "later")


def test_the_likest_judge_of_the_same_alignment_is_taken(tmp_path: Path) -> None:
    ways = ("none", "full,prompt.examples=turns", "full,memory.k=2")
    fake_study(tmp_path / "mine", **SMALL | {"variants": ("none", "full,memory.k=2,view=x")})
    fake_study(tmp_path / "theirs", **SMALL | {"variants": ways}, backends=("a", "b"))
    other = combine_studies(
        load_study(tmp_path / "mine"), load_study(tmp_path / "theirs"), shared_only=False
    )
    pairs = pair_similar_judges([("full,memory.k=2,view=x", "full", "embedded")], other)
    assert [(pair.reference, pair.reference_backend) for pair in pairs] == [
        ("full,memory.k=2", "a in theirs"),
        ("full,memory.k=2", "b in theirs"),
    ]


def test_the_report_shows_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    fake_study(tmp_path / "results/mine", **SMALL)
    fake_study(tmp_path / "results/theirs", **SMALL, backends=("other",))
    words = ["report", "study=mine", "tracker=none", "stats.n_resamples=50"]
    assert main([*words, "against=theirs"]) == 0
    page = (tmp_path / "results/mine/report.html").read_text()
    assert "Against another study" in page
    assert "none on other in theirs" in page
    for name in ("tables/against.csv", "tables/against.md", "figures/against.svg"):
        assert (tmp_path / "results/mine" / name).is_file()
    assert main([*words, "against=gone"]) == 2
    assert "gone holds no run" in capsys.readouterr().err
    assert main(words) == 0
    assert "Against another study" not in (tmp_path / "results/mine/report.html").read_text()
