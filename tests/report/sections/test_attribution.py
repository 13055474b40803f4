"""What entries of memory were worth: by hand, and on labels that are known to be wrong."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hand_study import WriteStudy, hand_study
from made_report import analysis_of, report_of

from memalign_bench.errors import RecordError
from memalign_bench.report.drawing import panels
from memalign_bench.report.numbers.frames import load_study
from memalign_bench.report.sections.attribution import tables as attribution
from memalign_bench.stats.resampling import units
from memalign_bench.study.plan import make_plan
from memalign_bench.study.records import attribution_schema, write_json, write_rows
from memalign_bench.study.running.attribution import FILE
from memalign_bench.study.running.runner import run
from memalign_bench.study.spec import RunSpec

OWN = {"x1": 1, "x2": 1, "x3": 3, "x4": 3, "a1": 1, "b1": 1, "c1": 1, "d1": 1, "e1": 1}
SETTINGS = {"n_resamples": 300}


@pytest.fixture
def write_study(tmp_path: Path) -> WriteStudy:
    return hand_study(tmp_path / "hand")


def answer(
    item: str, entry: str, label: int, given: tuple[float, float | None], expert: int
) -> dict[str, Any]:
    """One row: expected grades with and without the entry."""
    row: dict[str, Any] = dict.fromkeys(attribution_schema().names)
    shown, without = given
    effect = None if without is None else abs(without - expert) - abs(shown - expert)
    row |= {"dimension": "d1", "fold": 0, "fold_seed": 0, "repeat": 0, "case_id": item[0]}
    row |= {"item_id": item, "kind": "example", "place": int(entry[1]), "entry": entry}
    row |= {"sources": [], "label": label, "expert_score": expert, "status": "scored"}
    row |= {"judge_score": round(shown), "judge_expected": shown}
    row |= {"judge_expected_without": without, "effect": effect, "effect_grade": effect}
    return row


MISLED = [answer(f"{case}1", "x1", 3, (2, 1), 1) for case in "abcdf"]
ROWS = [
    *MISLED,
    answer("e1", "x1", 3, (1.5, 1), 1),
    answer("a1", "x2", 1, (1.5, 2), 3),  # the judge would have said 1 of x2 itself
    answer("a1", "x3", 3, (1, 2), 2),  # harm, with the label that the judge gave it
    answer("a1", "x4", 3, (3, 1), 3),
    answer("b1", "x4", 3, (3, None), 3),
    answer("a1", "x5", 1, (1, 1), 1) | {"kind": "guideline", "place": 0, "entry": "1"},
]


def written(write_study: WriteStudy, rows: Sequence[dict[str, Any]], texts: str = "open") -> Path:
    judged = [{"item_id": name, "expert_score": 1, "judge": OWN[name]} for name in OWN]
    path = write_study({"full": judged}, manifests={"full": {"texts": texts}})
    folder = path / "runs" / "full"
    cell = {"dimension": "d1", "fold": 0, "fold_seed": 0, "n_examples": 4}
    cell["guidelines"] = [{"text": "Be fair.", "sources": ["x1"], "grade": 1}]
    write_json(folder / "memory.json", {"cells": [cell | {"distillation": {"status": "ok"}}]})
    digest = write_rows(folder / FILE, rows, attribution_schema())
    named = {"attribution": {"sha256": digest, "rows": len(rows), "status": "complete"}}
    manifest = load_study(path).manifests["full"]
    write_json(folder / "manifest.json", manifest | named)
    return path


def test_a_part_of_a_very_large_study_is_resampled_in_its_groups(
    write_study: WriteStudy, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Seven cases in all, of which the entry was shown on six.
    monkeypatch.setitem(OWN, "f1", 1)
    monkeypatch.setattr(units, "MOST_UNITS", 6)
    table = attribution.numbers(analysis_of(written(write_study, ROWS), **SETTINGS), {})
    first = table.to_dict("records")[0]
    assert (first["entry"], first["n_cases"]) == ("x1", 6)
    assert len(set(units.resampling_units([*"abcdef"], 7))) < 6
    assert np.isnan(first["effect_low"])  # so few groups exclude nothing


def test_suspects_stand_first(write_study: WriteStudy) -> None:
    frames = load_study(written(write_study, ROWS))
    table = attribution.numbers(analysis_of(frames, **SETTINGS), {})
    assert list(table.columns) == list(attribution.COLUMNS)
    assert table["entry"].tolist() == ["x1", "x3", "x2", "fold 0 of seed 0, no. 1", "x4"]
    assert table["rank"].tolist() == [1, 2, 3, 4, 5]
    assert table["suspicion"].tolist() == ["yes", "weak", "weak", "", ""]
    assert table["effect"].tolist() == pytest.approx([-5.5 / 6, -1, -0.5, 0, 2])
    assert table["cost"].tolist() == pytest.approx([5.5, 1, 0.5, 0, -2])
    assert table["n_silent"].tolist() == [0, 0, 0, 0, 1]
    assert table["n_cases"].tolist() == [6, 1, 1, 1, 1]
    first, *others = table.to_dict("records")
    assert -1 <= first["effect_low"] < -0.9 < first["effect_high"] < 0
    assert all(np.isnan(row["effect_low"]) for row in others)  # one case excludes nothing
    assert (first["label"], first["own"]) == (3, 1)
    assert table["text"].tolist() == ["", "", "", "Be fair.", ""]


def test_pooled_over_folds_but_not_over_labels(write_study: WriteStudy) -> None:
    other = [row | {"fold": 1, "place": 9} for row in MISLED[:2]]
    changed = [row | {"fold_seed": 1, "label": 1} for row in MISLED[:1]]
    frames = load_study(written(write_study, [*MISLED, *other, *changed]))
    table = attribution.numbers(analysis_of(frames, **SETTINGS), {})
    assert table[["entry", "label", "n_rows"]].to_numpy().tolist() == [["x1", 3, 7], ["x1", 1, 1]]


def test_verdicts_are_read_by_their_grades(write_study: WriteStudy) -> None:
    none = {"judge_expected": None, "judge_expected_without": None, "effect": None}
    rows = [row | none | {"judge_score": 2, "judge_score_without": 1} for row in MISLED]
    frames = load_study(written(write_study, rows))
    table = attribution.numbers(analysis_of(frames, **SETTINGS), {})
    assert table[["effect", "cost"]].to_numpy().tolist() == [[-1, 5]]


def test_nothing_is_drawn_where_every_question_failed(write_study: WriteStudy) -> None:
    silent = {"judge_expected_without": None, "effect": None, "effect_grade": None}
    path = written(write_study, [row | silent for row in MISLED])
    report = report_of(load_study(path), n_resamples=50)
    assert len(report.made["attribution"]) == 1
    assert not len(report.data("attribution"))


def test_private_texts_are_not_shown(write_study: WriteStudy) -> None:
    frames = load_study(written(write_study, ROWS, texts="private"))
    table = attribution.numbers(analysis_of(frames, **SETTINGS), {})
    assert set(table["text"]) == {""}


def test_another_file_than_the_manifest_names_is_refused(write_study: WriteStudy) -> None:
    path = written(write_study, ROWS)
    write_rows(path / "runs" / "full" / FILE, ROWS[:3], attribution_schema())
    frames = load_study(path)
    with pytest.raises(RecordError, match="not the file that its manifest names"):
        attribution.numbers(analysis_of(frames, **SETTINGS), {})


def test_table_and_figure_are_written_where_there_are_numbers(
    write_study: WriteStudy, tmp_path: Path
) -> None:
    frames = load_study(written(write_study, ROWS))
    report = report_of(frames, n_resamples=50)
    files = report.write(tmp_path / "tables")
    page = next(file for file in files if file.name == "attribution.md").read_text()
    assert "1 and 2 of 4 examples" in page
    data = report.data("attribution")
    assert data["entry"].tolist() == ["x3", "x1", "x2", "x4"]  # what did nothing is left out
    with panels.theme():
        drawn = report.draw("attribution", data)
    assert [text.get_text() for text in drawn.axes[0].get_yticklabels()] == [
        "x3 (label 3)",
        "x1 (label 3)",
        "x2 (label 1)",
        "x4 (label 3)",
    ]
    write_study({"full": [{"item_id": "a1", "expert_score": 1, "judge": 1}]})
    bare = load_study(tmp_path / "hand")
    assert not len(attribution.numbers(analysis_of(bare, **SETTINGS), {}))


def precision_of(spec: RunSpec) -> tuple[float, float, list[bool]]:
    """Average precision of the flipped labels, that of a shuffled ranking, and hits of `yes`."""
    run(spec)
    frames = load_study(spec.study_dir)
    table = attribution.numbers(analysis_of(frames, **SETTINGS), {})
    plan = make_plan(spec)
    flipped = {name for cell in plan.cells(plan.row_keys()) for name in cell.flipped}
    hits = table["entry"].isin(flipped).to_numpy()
    draw = np.random.default_rng(0)
    chance = np.mean([_average(draw.permutation(hits), len(flipped)) for _ in range(500)])
    suspects = hits[(table["suspicion"] == attribution.SURE).to_numpy()]
    return _average(hits, len(flipped)), float(chance), suspects.tolist()


def _average(hits: Any, n_positive: int) -> float:
    """Average precision; what was never shown to anyone counts as missed."""
    places = np.flatnonzero(hits) + 1
    return float(np.sum(np.arange(1, len(places) + 1) / places) / n_positive)


@pytest.mark.parametrize(("effect", "least", "most"), [(1.0, 0.45, 1.0), (0.0, 0.0, 0.3)])
def test_wrong_labels_rank_first_where_the_judge_reads_them(
    spec_of: Callable[..., RunSpec], effect: float, least: float, most: float
) -> None:
    """Six of sixty labels are wrong; a judge that does not read memory cannot tell which."""
    words = ("scoring=logprob", "alignment=episodic", "label_noise=0.1", "attribute=true")
    usual = spec_of(*words, f"backend.effect={effect}", "backend.politeness=0")
    found = [
        precision_of(
            replace(
                usual, study=f"s{seed}", fold_seed=seed, dataset=replace(usual.dataset, seed=seed)
            )
        )
        for seed in range(4)
    ]
    precision, chance = np.mean([one[:2] for one in found], axis=0)
    assert chance < 0.2
    assert least <= precision <= most
    suspects = [hit for one in found for hit in one[2]]
    assert (np.mean(suspects) >= 0.5) == (effect == 1.0)
