"""What memory of one model is worth to another, against numbers worked out by hand."""

from pathlib import Path

import pandas as pd
import pytest
from hand_study import WriteStudy, hand_study
from made_report import report_of

from memalign_bench.report.drawing import panels

EXPERT = {"a1": 1, "a2": 3, "b1": 2, "b2": 3}


@pytest.fixture
def write_study(tmp_path: Path) -> WriteStudy:
    return hand_study(tmp_path / "hand")


def rows(*judge: int | str) -> list[dict[str, object]]:
    return [
        {"item_id": name, "expert_score": expert, "judge": grade}
        for (name, expert), grade in zip(EXPERT.items(), judge, strict=True)
    ]


def config(reflection: str = "", distiller: str = "llm", **memories: bool) -> dict[str, object]:
    return {
        "config": {
            "alignment": memories,
            "reflection": {"name": reflection} if reflection else {},
            "embedding": {},
            "distiller": {"name": distiller},
            "embedder": {"name": "tfidf"},
        }
    }


def study(write_study: WriteStudy, foreign: str) -> Path:
    runs = {
        "none@small": rows(3, 3, 3, 3),
        "none@large": rows(2, 3, 2, 3),
        f"semantic,reflection={foreign}@small": rows(1, 3, 3, 3),
        "semantic@large": rows(3, 3, 2, 3),
        "full@large": rows(1, 3, 2, 3),
    }
    told = {
        f"semantic,reflection={foreign}@small": config(foreign, semantic=True, episodic=False),
        "semantic@large": config(semantic=True, episodic=False),
        "full@large": config(distiller="extractive", semantic=True, episodic=True),
    }
    return write_study(runs, manifests=told)


def test_each_memory_is_held_against_the_judge_without_one(write_study: WriteStudy) -> None:
    report = report_of(study(write_study, "large"), n_resamples=50)
    table = report.made["transfer"].set_index(["distilled_by", "examples_by", "backend"])
    gained = table["gained"].to_dict()
    assert gained == {
        ("large", "none", "small"): pytest.approx((2 + 1) / 4 - 1 / 4),
        ("large", "none", "large"): pytest.approx(1 / 4 - 2 / 4),
        ("the experts' own words", "tfidf", "large"): pytest.approx(1 / 4),
    }
    with panels.theme():
        (axes,) = report.draw("transfer").axes
    assert [label.get_text() for label in axes.get_xticklabels()] == ["large", "small"]
    assert [label.get_text() for label in axes.get_yticklabels()] == [
        "guidelines by large",
        "guidelines by the experts' own words, examples by tfidf",
    ]
    assert {text.get_text() for text in axes.texts} == {"+0.50", "-0.25", "+0.25"}


def test_variants_with_memories_of_the_same_makers_have_a_row_each(
    write_study: WriteStudy,
) -> None:
    judged = {
        "full@large": rows(1, 3, 2, 3),
        "full,reflection=large@small": rows(1, 3, 2, 3),
        "full,n_train=8,reflection=large@small": rows(1, 3, 3, 3),
        "random_neighbours,reflection=large@small": rows(2, 3, 3, 3),
        "semantic,reflection=large@small": rows(2, 3, 2, 3),
    }
    told = {
        run: config(
            "large" if "reflection" in run else "", semantic=True, episodic="semantic" not in run
        )
        for run in judged
    }
    plain = {"none@small": rows(3, 3, 3, 3), "none@large": rows(2, 3, 2, 3)}
    report = report_of(write_study(plain | judged, manifests=told), n_resamples=50)
    with panels.theme():
        (axes,) = report.draw("transfer").axes
    makers = "guidelines by large, examples by tfidf"
    assert [label.get_text() for label in axes.get_yticklabels()] == [
        f"{makers}\n(full)",
        "guidelines by large",  # a single variant: no name is needed
        f"{makers}\n(full,n_train=8)",
        f"{makers}\n(random_neighbours)",
    ]
    drawn = {text.get_position(): text.get_text() for text in axes.texts}
    assert drawn == {
        (0, 0): "+0.25", (1, 0): "+0.75", (1, 1): "+0.50", (1, 2): "+0.50", (1, 3): "+0.25",
    }  # fmt: skip
    assert {row.cells[1].text for row in report.table("transfer").lines} == {
        run.partition("@")[0] for run in judged
    }


def test_one_memory_whose_makers_are_named_in_two_ways_is_drawn_twice(
    write_study: WriteStudy,
) -> None:
    judged = {
        "semantic,reflection=large@small": rows(1, 3, 3, 3),
        "semantic@small": rows(3, 3, 3, 3),
        "semantic,reflection=small@small": rows(1, 3, 2, 3),
    }
    names = ("large", "", "small")
    told = {
        run: config(name, semantic=True, episodic=False)
        for run, name in zip(judged, names, strict=True)
    }
    runs = {"none@small": rows(3, 3, 3, 3), **judged}
    report = report_of(write_study(runs, manifests=told), n_resamples=50)
    with panels.theme():
        (axes,) = report.draw("transfer").axes
    assert {text.get_text() for text in axes.texts} == {"+0.50", "0.00", "+0.75"}


def test_judges_that_were_asked_alike_share_a_row_whatever_is_usual_for_each(
    write_study: WriteStudy,
) -> None:
    judged = {
        "full,memory.k=2,reflection=large@small": rows(1, 3, 2, 3),
        "full,memory.k=2,reflection=large,scoring=logprob@large": rows(1, "failed", 2, 3),
    }
    decides = {"memory.k": 2, "scoring.name": "logprob", "n_train": None}
    told = {
        run: config("large", semantic=True, episodic=True) | {"identity": {"decides": decides}}
        for run in judged
    }
    runs = {"none@small": rows(3, 3, 3, 3), "none@large": rows(2, 3, 2, 3), **judged}
    report = report_of(write_study(runs, manifests=told), n_resamples=50)
    with panels.theme():
        (axes,) = report.draw("transfer").axes
    (label,) = axes.get_yticklabels()
    assert label.get_text() == "guidelines by large, examples by tfidf"
    # A failed question costs the largest error, 2, and the unaligned judge errs by 1 in all.
    assert {text.get_text() for text in axes.texts} == {"+0.75", "-0.25  (1 unanswered)"}
    assert {*report.made["transfer"]["settings"]} == {"full"}
    # What one of them has otherwise is said of that one, and not that the others have nothing.
    fewer = "full,memory.k=2,n_train=8,reflection=large@small"
    judged[fewer] = rows(1, 3, 3, 3)
    told[fewer] = told[next(iter(judged))] | {"identity": {"decides": decides | {"n_train": 8}}}
    again = report_of(write_study(runs | judged, manifests=told), n_resamples=50)
    assert {*again.made["transfer"]["settings"]} == {"full", "full,n_train=8"}


def test_the_gain_is_over_the_items_that_both_answered(write_study: WriteStudy) -> None:
    runs = {
        "none@small": rows(3, 3, "failed", 1),
        "semantic,reflection=large@small": rows("failed", 2, 3, 2),
    }
    told = {"semantic,reflection=large@small": config("large", semantic=True, episodic=False)}
    path = write_study(runs, manifests=told)
    (row,) = report_of(path, missing="exclude", n_resamples=50).made["transfer"].to_dict("records")
    # Of a2 and b2: errors 0 and 2 without memory, 1 and 1 with it.
    assert (row["n_items"], row["mae_unaligned"], row["mae"], row["gained"]) == (2, 1, 1, 0)


@pytest.mark.parametrize("failed", ["none@small", "semantic,reflection=large@small"])
def test_nothing_is_gained_from_silence(write_study: WriteStudy, failed: str) -> None:
    runs = {
        "none@small": rows(3, 3, 3, 3),
        "semantic,reflection=large@small": rows(1, 3, 3, 3),
        "semantic,memory.k=2,reflection=large@small": rows(1, 3, 3, 3),
        failed: rows(*["failed"] * 4),
    }
    made = config("large", semantic=True, episodic=False)
    told = {name: made for name in runs if name.startswith("semantic")}
    report = report_of(write_study(runs, manifests=told), n_resamples=50)
    gained = report.made["transfer"].set_index("variant")["gained"]
    n_untold = 2 if failed.startswith("none") else 1
    assert gained.isna().sum() == n_untold
    assert pd.isna(gained["semantic,reflection=large"])
    assert "where one of the two gave no answer" in report.table("transfer").notes[-1]
    assert "A dash: one of the two gave no answer." in report.caption("transfer")
    with panels.theme():
        (axes,) = report.draw("transfer").axes
    dashes = [text for text in axes.texts if text.get_text() == "\N{EN DASH}"]
    assert len(dashes) == n_untold


def test_a_study_in_which_everybody_made_their_own_has_no_such_table(
    write_study: WriteStudy,
) -> None:
    report = report_of(study(write_study, "small"), n_resamples=50)
    assert "transfer" not in report.made
    assert not len(report.data("transfer"))
