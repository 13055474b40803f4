"""The gate: what is caught, what passes, and what is refused; as command, files and fixture."""

import json
import math
from xml.etree import ElementTree

import pytest
from tests.loop.scored_runs import BLIND, HALF, read, write_run

from memalign_bench.cli import main
from memalign_bench.errors import RequestError
from memalign_bench.loop.gate.comparing import compare
from memalign_bench.loop.gate.outputs import json_text, junit_text, markdown_text, summary_lines
from memalign_bench.loop.gate.verdicts import Call, GateRules
from memalign_bench.loop.pytest_plugin import check_no_regression
from memalign_bench.loop.scoring.records import load_scored

CASES = [f"case-{n:02d}" for n in range(30)]
CAUTIOUS = GateRules(margin=0.3, n_flips=2000)


def _grades(leakage=lambda n: 3, use=lambda n: 2 + n % 2):
    return {
        "imputation": {case: [leakage(n)] for n, case in enumerate(CASES)},
        "model_use": {case: [use(n)] for n, case in enumerate(CASES)},
    }


def _runs(folder, candidate, **more):
    write_run(folder, "old", _grades(), **more)
    write_run(folder, "new", candidate, **more)
    return [load_scored(folder / "generated" / name) for name in ("old", "new")]


def _calls(report):
    return {one.dimension: one.call for one in report.dimensions}


def test_a_loss_in_one_dimension_is_caught_and_what_did_not_change_is_the_same(tmp_path):
    report = compare(*_runs(tmp_path, _grades(lambda n: 1 if n % 2 else 3)), CAUTIOUS)
    assert _calls(report) == {"imputation": Call.WORSE, "model_use": Call.SAME}
    assert not report.passed
    assert report.reasons == ("worse beyond 0.3 grades: Imputation",)
    assert len(report.severe) == len(report.flips) == 15
    [one, other] = report.dimensions
    assert one.difference == one.estimate == -1
    assert one.low < -1 < one.high < -0.3
    assert other.low < 0 < other.high


def test_an_unchanged_agent_passes_and_a_better_one_is_better(tmp_path):
    assert compare(*_runs(tmp_path / "a", _grades()), CAUTIOUS).passed
    better = _grades(use=lambda n: 3)
    report = compare(*_runs(tmp_path / "b", better), CAUTIOUS)
    assert report.passed
    assert _calls(report)["model_use"] is Call.BETTER


def test_grades_between_whole_numbers_are_compared_as_they_are(tmp_path):
    halves = {"grades": [1, 1.5, 2, 2.5, 3], "words": ["1", "1.5", "2", "2.5", "3"]}
    candidate = _grades(lambda n: 1.5 if n % 2 else 3)
    report = compare(*_runs(tmp_path, candidate, scale=halves), CAUTIOUS)
    assert _calls(report) == {"imputation": Call.WORSE, "model_use": Call.SAME}
    assert {flip.candidate for flip in report.flips} == {(1.5,)}
    assert report.dimensions[0].difference == -0.75


def test_a_timid_judge_shows_a_third_and_its_error_is_carried(tmp_path):
    """A loss of 0.2 in its grades is 0.6 in the experts'; taken at its word it is none."""
    candidate = _grades(lambda n: 3 if n % 5 else 2, lambda n: 2 + n % 2)
    report = compare(*_runs(tmp_path, candidate, held_out=HALF), CAUTIOUS)
    one = report.dimensions[0]
    assert one.slope == pytest.approx(1 / 3)
    assert one.estimate == pytest.approx(-0.6)
    assert one.call is not Call.SAME
    plain = compare(
        *_runs(tmp_path, candidate, held_out=HALF),
        GateRules(margin=0.4, n_flips=2000, carry="none"),
    )
    assert plain.dimensions[0].call is Call.SAME
    assert "opinion" in plain.dimensions[0].note


def test_a_blind_judge_can_tell_nothing_however_alike_its_grades(tmp_path):
    runs = _runs(tmp_path, _grades(), held_out=BLIND)
    report = compare(*runs, CAUTIOUS)
    assert set(_calls(report).values()) == {Call.CANNOT_TELL}
    assert report.passed
    assert "no number of cases would tell" in report.dimensions[0].note
    strict = compare(*runs, GateRules(margin=0.3, strict=True, n_flips=2000))
    assert not strict.passed
    assert {one.opinion for one in report.dimensions} == {Call.SAME}


def test_what_cannot_be_told_says_how_many_cases_would(tmp_path):
    candidate = _grades(use=lambda n: 2 + (n + (n % 3 == 0)) % 2)
    report = compare(*_runs(tmp_path, candidate), GateRules(margin=0.1, n_flips=2000))
    one = report.dimensions[1]
    assert one.call is Call.CANNOT_TELL
    assert one.cases_needed > 30
    assert f"about {one.cases_needed:.0f} cases" in one.note
    wider = compare(*_runs(tmp_path, candidate), GateRules(margin=0.05, n_flips=2000))
    assert wider.dimensions[1].cases_needed > one.cases_needed


def test_what_the_agent_owes_counts_as_the_lowest_grade(tmp_path):
    gone = _grades(lambda n: None if n % 2 else 3)
    assert _calls(compare(*_runs(tmp_path, gone), CAUTIOUS))["imputation"] is Call.WORSE
    told = compare(*_runs(tmp_path, gone), CAUTIOUS).warnings
    assert any("15 no_notebook (the lowest grade)" in line for line in told)
    with pytest.raises(RequestError, match="50% of the cases have no grade in both runs"):
        compare(*_runs(tmp_path, gone), GateRules(missing="exclude", n_flips=2000))


def test_what_is_owed_is_not_stretched_by_a_judge_that_shows_less_than_there_is(tmp_path):
    """No judge graded it: a fifth of the cases gone would be 1.2 grades by the slope alone."""
    gone = _grades(lambda n: 3 if n % 5 else None)
    runs = _runs(tmp_path, gone, held_out=HALF)
    one = compare(*runs, CAUTIOUS).dimensions[0]
    # HALF gives the lowest grade 5/3 on average, and a third of every grade above it.
    assert one.difference == pytest.approx(-0.4)
    assert one.estimate == pytest.approx(3 * (5 / 3 - 3) / 5)
    assert one.low <= one.estimate <= one.high
    # The other way round nothing is gained that hides a loss elsewhere.
    back = compare(*reversed(runs), CAUTIOUS).dimensions[0]
    assert back.estimate == pytest.approx(-one.estimate)


def test_a_repeat_that_is_owed_counts_by_its_share_of_the_case(tmp_path):
    """The judge's own failures are in no mean, and in no share."""
    old = {"imputation": {case: [3] * 5 for case in CASES}}
    new = {"imputation": {case: [3, 3, 3, None, "failed"] for case in CASES}}
    paths = [write_run(tmp_path, *of, held_out=HALF) for of in (("old", old), ("new", new))]
    one = compare(*map(load_scored, paths), CAUTIOUS).dimensions[0]
    assert (one.baseline, one.candidate) == (3, 2.5)
    assert one.estimate == pytest.approx(3 * ((9 + 5 / 3) / 4 - 3))


def test_a_dimension_that_no_case_is_about_is_none_to_compare(tmp_path):
    """A judge has nine dimensions, and somebody's cases name three of them."""
    about_one = {"imputation": {case: [3] for case in CASES}, "model_use": {}}
    runs = [load_scored(write_run(tmp_path, name, about_one)) for name in ("old", "new")]
    assert _calls(compare(*runs, CAUTIOUS)) == {"imputation": Call.SAME}
    with pytest.raises(RequestError, match="model_use: no case with a grade in both runs"):
        compare(*runs, CAUTIOUS, ["imputation", "model_use"])


def test_a_dimension_that_is_named_twice_counts_once(tmp_path):
    runs = _runs(tmp_path, _grades(lambda n: 1 if n == 7 else 3))
    report = compare(*runs, CAUTIOUS, ["imputation", "imputation"])
    assert len(report.severe) == len(report.flips) == len(report.dimensions) == 1


def test_a_severe_fall_is_listed_whatever_the_mean_and_can_shut_the_gate(tmp_path):
    candidate = _grades(lambda n: 1 if n == 7 else 3, lambda n: 3)
    runs = _runs(tmp_path, candidate)
    report = compare(*runs, GateRules(margin=0.5, n_flips=2000))
    assert report.passed
    [severe] = report.severe
    assert (severe.case_id, severe.baseline, severe.candidate) == ("case-07", (3,), (1,))
    assert not compare(*runs, GateRules(margin=0.5, max_severe=0, n_flips=2000)).passed


def test_falls_are_listed_by_their_depth_and_what_has_no_grade_last(tmp_path):
    """A mean of nothing is no number, and would leave a sort in any order."""
    fallen = {3: 1, 5: "failed", 9: 2, 12: "failed", 14: 1}
    runs = _runs(tmp_path, _grades(lambda n: fallen.get(n, 3)))
    flips = [flip for flip in compare(*runs, CAUTIOUS).flips if not flip.severe]
    falls = [flip.fall for flip in flips]
    told = [fall for fall in falls if not math.isnan(fall)]
    assert told == sorted(told)
    assert falls[: len(told)] == told
    assert len(falls) - len(told) == 2


def test_in_doubt_nothing_passes_and_all_that_differs_is_told(tmp_path):
    old = load_scored(write_run(tmp_path, "old", _grades()))
    same = load_scored(write_run(tmp_path, "same", _grades()))
    other_cases = load_scored(write_run(tmp_path, "cases", _grades(), prefix="x"))
    fewer = _grades()
    for by_case in fewer.values():
        del by_case["case-03"]
    fewer = load_scored(write_run(tmp_path, "fewer", fewer))
    odd = load_scored(write_run(tmp_path, "odd", _grades(), rubric="q", digest="fedcba654321"))
    failed = load_scored(
        write_run(tmp_path, "failed", _grades(lambda n: "failed", lambda n: "failed"))
    )
    some = load_scored(write_run(tmp_path, "some", _grades(lambda n: "failed" if n < 6 else 3)))
    for run, dimensions, told in (
        (old, None, "one and the same run"),
        (other_cases, None, "not one in common"),
        (fewer, None, "only old has case-03"),
        (odd, None, r"rubric: another text for imputation, model_use(.|\n)*judge: abcdef123456"),
        (failed, None, "failed: not one notebook has a grade .60 failed"),
        (some, None, "imputation: 20% of the cases have no grade"),
        (same, ["imputatoin"], "imputatoin not scored in both; scored are: imputation, model_use"),
        (same, [], "none is named"),
    ):
        with pytest.raises(RequestError, match=told):
            compare(old, run, CAUTIOUS, dimensions)
    assert compare(old, fewer, CAUTIOUS, common=True).dimensions[0].n_cases == 29


def test_rules_that_are_none_are_refused_all_at_once():
    with pytest.raises(RequestError) as told:
        GateRules(margin=0, level=2, carry="x", missing="y", max_missing=1, max_severe=-1,
                  max_without=1)  # fmt: skip
    assert len(str(told.value).splitlines()) == 7


def test_files_for_a_ci_server_and_a_pull_request(tmp_path):
    candidate = _grades(lambda n: 1 if n % 2 else 3)
    report = compare(*_runs(tmp_path, candidate, notice="Try | it <b>@all"), CAUTIOUS)
    suite = ElementTree.fromstring(junit_text(report))
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("3", "2", "0")
    one, whole = suite.iter("failure")
    assert one.get("message").startswith("worse: -1.00 [")
    assert whole.get("message") == "worse beyond 0.3 grades: Imputation"
    text = markdown_text(report)
    assert text.startswith("## Gate: shut")
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    for row in rows:
        assert row.replace("\\|", "").count("|") in (6, 9), row
    assert "<b>" not in text
    assert "@all" not in text
    value = json.loads(json_text(report))
    assert value["passed"] is False
    assert value["dimensions"][0]["call"] == "worse"
    assert value["dimensions"][0]["slope"] == 1.0
    assert len(value["flips"]) == 15


def test_one_case_has_no_interval_and_shows_no_nan(tmp_path):
    old, new = ({"q": {"only": [grade]}} for grade in (3, 1))
    paths = [write_run(tmp_path / "one", *of) for of in (("old", old), ("new", new))]
    report = compare(*map(load_scored, paths), CAUTIOUS)
    assert report.dimensions[0].call is Call.CANNOT_TELL
    assert "-2.00 [no interval]" in markdown_text(report)
    texts = [markdown_text(report), junit_text(report), json_text(report), *summary_lines(report)]
    assert not any("nan" in text.lower() for text in texts)


def test_the_command_exits_with_what_it_says(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "results" / "loop"
    write_run(folder, "old-1", _grades())
    write_run(folder, "good-1", _grades())
    write_run(folder, "bad-1", _grades(lambda n: 1 if n % 2 else 3))
    gate = ["gate", "gate.margin=0.3", "gate.n_flips=2000"]
    assert main([*gate, "baseline=old", "candidate=good-1"]) == 0
    assert main([*gate, "baseline=results/loop/generated/old-1", "candidate=bad", "out=ci"]) == 1
    out = capsys.readouterr().out
    assert "bad-1 against old-1: shut" in out
    assert "from highest to lowest: case-01, Imputation: 3 to 1" in out
    assert read(tmp_path / "ci" / "gate.json")["reasons"] == ["worse beyond 0.3 grades: Imputation"]
    for words, told in (
        (["baseline=old"], "candidate must name a generated run"),
        (["baseline=old", "candidate=nobody"], "names no run; generated in"),
        (["baseline=old", "candidate=bad", "dimensions=[imputatoin]"], "imputatoin not scored"),
        (["baseline=old", "candidate=bad", "judge=77"], "has not scores by judge=77"),
        (["baseline=old", "candidate=bad", "gate.margin=-1"], "margin must be above 0"),
    ):
        assert main([*gate, *words]) == 2
        assert told in capsys.readouterr().err, told
    fewer = {name: dict(list(one.items())[1:]) for name, one in _grades().items()}
    write_run(folder, "fewer-1", fewer)
    assert main([*gate, "baseline=old", "candidate=fewer"]) == 2
    assert "common_cases=true compares those that both have" in capsys.readouterr().err
    assert main([*gate, "baseline=old", "candidate=fewer", "common_cases=true"]) == 0
    assert main([*gate, "baseline=old", "candidate=fewer", "common_cases=maybe"]) == 2
    assert "common_cases must be true or false, got 'maybe'" in capsys.readouterr().err
    (folder / "generated" / "bad-1" / "scores" / "abcdef123456" / "scores.parquet").write_bytes(b"")
    assert main([*gate, "baseline=old", "candidate=bad"]) == 2
    assert "is not the file that its manifest names" in capsys.readouterr().err


@pytest.mark.parametrize("file", ["manifest.json", "scores/abcdef123456/manifest.json"])
def test_a_manifest_without_its_keys_is_no_regression_and_no_traceback(
    tmp_path, monkeypatch, capsys, file
):
    """An error that ends with 1 would be taken for a gate that is shut."""
    monkeypatch.chdir(tmp_path)
    for name in ("old", "new"):
        path = write_run(tmp_path / "results" / "loop", name, _grades())
    (path / file).write_text("{}")
    for words in (
        ["gate", "baseline=old", "candidate=new"],
        ["gate", "baseline=old", "candidate=new", "judge=0"],
        ["leaderboard", "tracker=none"],
    ):
        # Which run a judge has scored is told before anything of it is read.
        told = "old has not scores by judge=0" if words[-1] == "judge=0" else f"{file} lacks "
        assert main(words) == (1 if words[0] == "leaderboard" else 2)
        said = capsys.readouterr().err
        assert told in said
        assert "Traceback" not in said


@pytest.mark.parametrize("words", [[], ["out=report"]])
def test_a_gate_that_is_refused_leaves_no_earlier_pass_behind(tmp_path, monkeypatch, words):
    """A CI server reads junit.xml, whatever the command ended with."""
    monkeypatch.chdir(tmp_path)
    for name in ("old", "new"):
        write_run(tmp_path / "results" / "loop", name, _grades())
    gate = ["gate", "baseline=old", "candidate=new", *words]
    assert main(gate) == 0
    out = tmp_path / ("report" if words else "results/loop/gates/old..new")
    assert len(list(out.iterdir())) == 3
    assert main([*gate, "dimensions=[misspelt]"]) == 2
    assert list(out.iterdir()) == []
    if words:
        assert main(gate) == 0
        assert main(["gate", "baseline=gone", "candidate=new", *words]) == 2
        assert list(out.iterdir()) == []


def test_pytest_fails_where_the_gate_is_shut(tmp_path):
    old = write_run(tmp_path, "old", _grades())
    good = write_run(tmp_path, "good", _grades())
    bad = write_run(tmp_path, "bad", _grades(lambda n: 1 if n % 2 else 3))
    assert check_no_regression(old, good, margin=0.3, n_flips=2000).passed
    with pytest.raises(AssertionError, match="bad against old: shut"):
        check_no_regression(old, bad, margin=0.3, n_flips=2000)


def test_pytest_takes_the_judge_that_has_scored_both_as_the_command_does(tmp_path):
    old = write_run(tmp_path, "old", _grades())
    write_run(tmp_path, "old", _grades(), digest="fedcba654321")
    new = write_run(tmp_path, "new", _grades())
    assert check_no_regression(old, new, margin=0.3, n_flips=2000).judge["digest"] == "abcdef123456"
    write_run(tmp_path, "new", _grades(), digest="fedcba654321")
    with pytest.raises(RequestError, match="has not one set of scores"):
        check_no_regression(old, new, margin=0.3, n_flips=2000)


def test_the_plugin_gives_tests_its_fixture(tmp_path):
    import subprocess
    import sys

    old = write_run(tmp_path, "old", _grades())
    bad = write_run(tmp_path, "bad", _grades(lambda n: 1 if n % 2 else 3))
    (tmp_path / "test_release.py").write_text(
        f"def test_release(assert_no_regression):\n"
        f"    assert_no_regression({str(old)!r}, {str(bad)!r}, margin=0.3, n_flips=500)\n"
    )
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_release.py"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "worse beyond 0.3 grades: Imputation" in done.stdout


def test_an_empty_candidate_fails_and_an_empty_baseline_measures_nothing(tmp_path):
    old = load_scored(write_run(tmp_path, "old", _grades()))
    empty = load_scored(write_run(tmp_path, "empty", _grades(lambda n: None, lambda n: None)))
    report = compare(old, empty, CAUTIOUS)
    assert set(_calls(report).values()) == {Call.WORSE}
    blind = [
        load_scored(write_run(tmp_path / "blind", name, _grades(*of), held_out=BLIND))
        for name, of in (("old", ()), ("half", (lambda n: n % 2 or None, lambda n: n % 2 or None)))
    ]
    half = compare(*blind, CAUTIOUS)
    assert not half.passed
    [why] = half.reasons
    assert why.startswith("50% of the candidate's notebooks are not there")
    with pytest.raises(RequestError, match=r"empty: not one notebook has a grade .60 no_notebook"):
        compare(empty, old, CAUTIOUS)
