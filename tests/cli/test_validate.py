import csv
import json

import pytest
from rich.console import Console

from memalign_bench.cli import main
from memalign_bench.cli.validate import (
    _agreement_table,
    _LabelSummary,
    _score_counts,
    _support_table,
    _verdict,
)
from memalign_bench.datasets.checks import Finding
from memalign_bench.stats.planning.support import support_of


def folder(path, rows, n_items=10):
    path.mkdir(exist_ok=True)
    items = [
        {
            "item_id": f"i{n}",
            "case_id": f"c{n}",
            "kind": "text",
            "content": f"note {n} about {'abcdefghij'[n]}",
        }
        for n in range(n_items)
    ]
    (path / "items.jsonl").write_text("\n".join(map(json.dumps, items)), encoding="utf-8")
    with (path / "labels.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["item_id", "case_id", "dimension", "rater", "score", "rationale"])
        writer.writerows(rows)
    return path


def rows(raters=("ann", "bob")):
    return [
        (f"i{n}", f"c{n}", "planted_quality", rater, 1 + (n + (rater == "bob" and n == 4)) % 3, "x")
        for n in range(10)
        for rater in raters
    ]


def validate(path, *more):
    words = ["validate", "rubric=planted", "dataset=files", f"dataset.path={path}", "gold=median"]
    return main([*words, *more])


def test_a_sound_data_set_is_told_what_it_supports(tmp_path, capsys):
    assert validate(folder(tmp_path / "d", rows())) == 0
    told = capsys.readouterr().out
    assert "10 items over 10 cases, 20 labels by 2 raters" in told
    assert "It supports claims on planted_quality" in told
    assert "warning" not in told
    line = next(line for line in told.splitlines() if "alpha" not in line and "planted" in line)
    assert "0.9" in line  # one of ten items graded apart


def test_warnings_do_not_refuse(tmp_path, capsys):
    assert validate(folder(tmp_path / "d", rows(["ann"]))) == 0
    told = capsys.readouterr().out
    assert "warning: planted_quality: one rater only" in told
    assert "warnings: 1" in told


def test_a_rater_named_like_a_style_is_named(tmp_path, capsys):
    assert validate(folder(tmp_path / "d", rows(["[bold]ann", "bob"])), "gold=[bold]ann") == 0
    assert "gold=[bold]ann" in capsys.readouterr().out


def test_a_grade_that_fills_several_quarters_loses_none():
    assert _score_counts([*range(15), *[100] * 43]) == {"0 to 14": 15, "100": 43}


def test_what_one_dimension_can_reach_is_not_denied_to_all():
    many, few = (
        _LabelSummary(name, {}, 2, None, None, support_of([1, 2] * n, range(2 * n), (0.4, 0.8)))
        for name, n in (("many", 20), ("few", 2))
    )
    told = _verdict([many, few], [Finding("One grade fills it.", "many", "one grade only")])
    assert "no claim: many (one grade only); few (it cannot reach a p-value" in told


def test_too_few_cases_for_any_claim(tmp_path, capsys):
    path = folder(tmp_path / "d", rows()[:8], n_items=4)
    assert validate(path) == 0
    assert "no dimension can reach a p-value of 0.05" in capsys.readouterr().out


def test_every_problem_is_listed_with_its_row(tmp_path, capsys):
    wrong = [
        *rows(),
        ("i3", "c3", "planted_quality", "ann", 2, "again"),
        ("i4", "c4", "planted_quality", "cy", 7, "off the scale"),
        ("nobody", "c9", "planted_quality", "ann", 1, "absent"),
        ("i5", "c5", "other", "ann", 1, "unknown"),
        ("i6", "c6", "planted_quality", "dee", "splendid", "a word"),
    ]
    assert validate(folder(tmp_path / "d", wrong)) == 2
    told = capsys.readouterr().err
    for line, fault in [
        (22, "has graded this item on it before"),
        (23, "score 7 is no grade"),
        (24, "there is no such item"),
        (25, "unknown dimension"),
        (26, "'splendid' is not a number"),
    ]:
        assert any(f"labels.csv:{line}" in row and fault in row for row in told.splitlines()), fault


@pytest.mark.parametrize(
    ("more", "fault"),
    [
        (["gold=carol"], "gold='carol' is neither a rule nor a rater"),
        (["folds=11"], "folds=11 cannot be made from 10 cases"),
        (["folds=2.5"], "folds must be a whole number >= 2, got 2.5"),
        (["dimensions=[beauty]"], "unknown dimensions"),
    ],
)
def test_requests_that_do_not_fit_are_refused(tmp_path, capsys, more, fault):
    assert validate(folder(tmp_path / "d", rows()), *more) == 2
    assert fault in capsys.readouterr().err


def test_what_corpus_exports_is_valid(tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["corpus", "action=export", "format=files", f"out={out}", "seed=1"]) == 0
    assert main(["validate", "dataset=files", f"dataset.path={out}"]) == 0
    assert "It supports claims on" in capsys.readouterr().out
    assert main(["corpus", "action=export", "format=files", f"out={out}"]) == 2
    assert "holds something already" in capsys.readouterr().err


def test_what_is_detectable_names_its_level_and_the_spread_assumed(tmp_path, capsys):
    labels = [(f"i{n}", f"c{n}", "planted_quality", "ann", 1 + n % 3, "x") for n in range(10)]
    path = folder(tmp_path / "d", labels)
    assert validate(path) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "finds at 0.05" in told
    assert "spread by 0.46 to 0.80 grades" in told
    assert "too few" in told  # ten cases
    assert main(["validate", "dataset=genie_synth", "stats.spreads=[0.1,0.2]",
                 "dimensions=[model_training,model_use]"]) == 0  # fmt: skip
    told = " ".join(capsys.readouterr().out.split())
    assert "at 0.05/2, the first Holm step of 2 claims" in told
    assert "spread by 0.20 to 0.40 grades" in told
    assert "0.18 to 0.29" in told  # 25 cases, 50 items: 0.584 times the spread, and 3/50


def test_a_long_dimension_leaves_the_numbers_beside_it_whole(capsys):
    name = "says_what_happens_next_and_when_in_a_sentence_that_every_customer_understands"
    support = support_of([1, 2] * 20, range(40), (0.23, 0.4))
    summary = _LabelSummary(name, {1: 20, 2: 20}, 2, 0.81, 0.29, support)
    console = Console(width=100)
    console.print(_agreement_table([summary]))
    console.print(_support_table([summary] * 2, 4, (0.23, 0.4)))
    told = capsys.readouterr().out
    assert "\N{HORIZONTAL ELLIPSIS}" not in told
    for words in ("smallest p", "at 0.05/2", " to "):
        assert words in told


@pytest.mark.parametrize("given", ["[0.4,0.2]", "0.3", "[0,0.2]", "[0.2,1.5]", "[a,b]"])
def test_spreads_that_are_none_are_refused(tmp_path, capsys, given):
    assert validate(folder(tmp_path / "d", rows()), f"stats.spreads={given}") == 2
    assert "must be two shares of the scale's span" in capsys.readouterr().err
