"""The leaderboard: order, ties, intervals; files and history."""

import pandas as pd
import pytest
from tests.loop.scored_runs import BLIND, HALF, MILD, labels, write_run

from memalign_bench.cli import main
from memalign_bench.errors import RequestError
from memalign_bench.loop.leaderboard.standings import standings
from memalign_bench.loop.scoring.records import load_scored
from memalign_bench.report.leaderboard.figure import draw_leaderboard
from memalign_bench.report.leaderboard.tables import leaderboard_tables

CASES = [f"case-{n:02d}" for n in range(24)]


def _grades(of):
    return {
        name: {case: [of(n), of(n + shift)] for n, case in enumerate(CASES)}
        for shift, name in enumerate(("imputation", "model_use"))
    }


def _three(folder, **more):
    agents = {
        "best": lambda n: 3 - (n % 6 == 0),
        "close": lambda n: 3 - (n % 6 == 1),
        "empty": lambda n: None,
    }
    paths = [
        write_run(folder, f"{name}-1", _grades(of), agent=name, **more)
        for name, of in agents.items()
    ]
    return [load_scored(path) for path in paths]


def test_a_scale_may_begin_between_whole_numbers(tmp_path):
    halves = {"grades": [0.5, 1.5, 2.5, 3.5], "words": ["a", "b", "c", "d"]}
    grades = _grades(lambda n: 3.5 if n % 3 else 0.5)
    path = write_run(tmp_path, "halves-1", grades, held_out=None, scale=halves)
    run = load_scored(path)
    figure = draw_leaderboard(standings([run]), (run.grades[0], run.grades[-1]))
    assert list(figure.axes[0].get_xticks()) == [1, 2, 3]
    assert figure.axes[0].get_xlim() == pytest.approx((0.42, 3.58))


def test_a_wide_scale_has_few_ticks_and_its_ends_are_whole(tmp_path):
    hundred = {"grades": list(range(101)), "words": [f"grade {n}" for n in range(101)]}
    grades = _grades(lambda n: 100 * (n % 2))
    path = write_run(tmp_path, "hundred-1", grades, held_out=None, scale=hundred)
    figure = draw_leaderboard(standings([load_scored(path)]), (0, 100))
    assert list(figure.axes[0].get_xticks()) == [0, 20, 40, 60, 80, 100]
    assert figure.axes[0].get_xlim() == pytest.approx((-2.5, 102.5))


def test_means_of_the_past_are_told_as_they_were_read_then(tmp_path):
    found = standings(_three(tmp_path))
    past = found.overall.rename(columns={"mean_low": "low", "mean_high": "high"})
    past = past.assign(dimension="overall", finished="2026-01-01")
    tables = leaderboard_tables(found, "opinion", past)
    (mean,) = [column for column in tables["leaderboard_history"].table.columns
               if column.title.startswith("mean grade")]  # fmt: skip
    assert mean.help == "as it was read when the run was logged"
    assert any("as claim= said then" in one for one in tables["leaderboard_history"].table.notes)
    assert any("judge's opinion" in note for note in tables["leaderboard"].table.notes)


def test_those_not_told_apart_share_a_rank_and_an_empty_agent_is_last(tmp_path):
    found = standings(_three(tmp_path, cost=0.01))
    table = found.overall.set_index("agent")
    assert list(found.overall["rank"]) == ["1=", "1=", "3"]
    assert list(found.overall["tied_with"]) == ["close-1", "best-1", ""]
    assert table.loc["empty", "opinion"] == 1
    assert table.loc["empty", "executed"] == 0
    best = table.loc["best"]
    assert best["mean"] == pytest.approx(best["opinion"])  # a judge that is always right
    assert best["mean_low"] < best["mean"] < best["mean_high"] <= 3
    assert best["cost_usd"] == pytest.approx(0.48)
    rows = found.dimensions
    assert len(rows) == 6
    assert set(rows["claim"]) == {"response"}


def test_the_judges_error_is_carried_and_a_judge_that_tells_nothing_says_so(tmp_path):
    mild = standings(_three(tmp_path / "a", held_out=MILD)).overall.set_index("agent")
    assert mild.loc["empty", "mean"] == 1
    assert mild.loc["close", "mean"] == 3  # cut at the scale
    middling = write_run(tmp_path / "a2", "mid-1", _grades(lambda n: 1 + n % 3), held_out=MILD)
    [mid] = standings([load_scored(middling)]).dimensions.to_dict("records")[:1]
    assert mid["mean"] == pytest.approx(2 + (mid["opinion"] - 2) * 1.5)
    wide, narrow = (mid[f"{one}_high"] - mid[f"{one}_low"] for one in ("mean", "opinion"))
    assert wide > 1.4 * narrow
    odd = standings(_three(tmp_path / "a3", held_out=HALF))
    assert odd.overall.set_index("agent")["mean_low"].isna().to_dict() == {
        "best": True, "close": True, "empty": False,
    }  # fmt: skip
    assert any("beyond what either end" in note for note in odd.notes)
    usual = _grades(lambda n: 2 + n % 2)  # as that judge grades anything
    blind_run = load_scored(write_run(tmp_path / "b", "usual-1", usual, held_out=BLIND))
    blind = standings([blind_run])
    assert (blind.dimensions["mean_low"] == 1).all()
    assert (blind.dimensions["mean_high"] == 3).all()
    assert any("labels buy nothing" in note for note in blind.notes)
    powered = standings([blind_run], claim="ppi").dimensions
    assert powered["mean"].between(1.9, 2.1).all()  # of the labelled notebooks, whoever is judged
    bare = standings(_three(tmp_path / "c", held_out=None))
    assert set(bare.dimensions["claim"]) == {"opinion"}
    assert any("no labelled sample: the judge's opinion" in note for note in bare.notes)


def test_a_dimension_that_the_judge_grades_the_wrong_way_round_ranks_nobody(tmp_path):
    upside_down = labels([(1, 3), (2, 2), (3, 1)] * 20)
    runs = []
    for name, grade in (("praised", 3), ("blamed", 1)):
        given = (("reversed", grade), ("right", 2))
        grades = {one: {case: [said] for case in CASES} for one, said in given}
        own = {"reversed": upside_down}
        path = write_run(tmp_path, f"{name}-1", grades, agent=name, held_out_of=own)
        runs.append(load_scored(path))
    found = standings(runs)
    assert list(found.overall["rank"]) == ["1=", "1="]
    assert any(note.startswith("Not counted for ranks") and "Reversed" in note
               for note in found.notes)  # fmt: skip


def _hard_and_easy(folder, name, hard):
    grades = {"easy": {case: [3] for case in CASES}, "hard": dict(zip(CASES, hard, strict=True))}
    return load_scored(write_run(folder, f"{name}-1", grades, agent=name))


def test_no_run_is_better_for_having_no_grade_where_others_fare_badly(tmp_path):
    """Both get the same wherever both are graded; one of them seldom is where it is hard."""
    hard = [[1 + (n % 4 == 0)] for n in range(24)]
    silent = [["not_applicable"] if n % 4 else [2] for n in range(24)]
    found = standings(
        [_hard_and_easy(tmp_path, "silent", silent), _hard_and_easy(tmp_path, "graded", hard)]
    )
    table = found.overall.set_index("agent")
    assert list(found.overall["rank"]) == ["1=", "1="]
    # Each dimension counts as much as the other, in the opinion too.
    assert table.loc["silent", "opinion"] == pytest.approx((3 + 2) / 2)
    assert table.loc["silent", "mean"] == pytest.approx((3 + 2) / 2)
    assert table.loc["graded", "opinion"] == pytest.approx((3 + 30 / 24) / 2)
    assert any("Of 48 pairs of case and dimension without a grade: silent-1 on 18." in note
               for note in found.notes)  # fmt: skip


def test_a_run_without_any_grade_on_a_dimension_has_no_mean_over_dimensions(tmp_path):
    hard = [[1 + (n % 4 == 0)] for n in range(24)]
    runs = [
        _hard_and_easy(tmp_path, "failed", [["failed"]] * 24),
        _hard_and_easy(tmp_path, "graded", hard),
    ]
    table = standings(runs).overall.set_index("agent")
    assert table.loc["failed", ["mean", "mean_low", "opinion", "opinion_low"]].isna().all()
    assert list(table["rank"]) == ["1=", "1="]
    # Alone it is held against none: the dimension is one that nobody was graded on.
    (alone,) = standings(runs[:1]).overall.to_dict("records")
    assert alone["mean"] == 3


def test_runs_of_other_cases_are_no_runs_to_rank(tmp_path):
    runs = _three(tmp_path)
    fewer = {name: dict(list(one.items())[1:]) for name, one in _grades(lambda n: 2).items()}
    runs.append(load_scored(write_run(tmp_path, "fewer-1", fewer)))
    with pytest.raises(RequestError, match="different cases: best-1, close-1, empty-1 have"):
        standings(runs)
    assert set(standings(runs, common=True).overall["n_cases"]) == {23}
    with pytest.raises(RequestError, match="no scored run"):
        standings([])


@pytest.mark.filterwarnings("ignore")  # MLflow's own
def test_the_command_writes_files_a_page_and_a_history(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "results" / "loop"
    _three(folder, notice="Synthetic <i>notebooks</i>.")
    assert main(["leaderboard"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("1=  best-1")
    board = folder / "leaderboard"
    table = pd.read_csv(board / "leaderboard.csv")
    assert list(table["run"]) == ["best-1", "close-1", "empty-1"]
    page = (board / "leaderboard.html").read_text()
    assert "Synthetic &lt;i&gt;notebooks&lt;/i&gt;." in page
    assert page.count("data:image/svg+xml;base64,") == 1
    assert (board / "leaderboard.png").stat().st_size > 5000
    later = "2026-02-01T00:00:00+00:00"
    write_run(folder, "later-1", _grades(lambda n: 3), agent="later", finished=later)
    assert main(["leaderboard"]) == 0
    history = pd.read_csv(board / "leaderboard_history.csv")
    assert sorted(history["run"]) == ["best-1", "close-1", "empty-1", "later-1"]  # each once
    assert history["run"].iloc[-1] == "later-1"
    fewer = {name: dict(list(one.items())[1:]) for name, one in _grades(lambda n: 2).items()}
    write_run(folder, "fewer-1", fewer)
    assert main(["leaderboard", "tracker=none"]) == 2
    assert "or say common_cases=true" in capsys.readouterr().err
    assert main(["leaderboard", "tracker=none", "common_cases=true"]) == 0
    write_run(folder, "other-1", _grades(lambda n: 3), digest="fedcba654321")
    assert main(["leaderboard", "tracker=none"]) == 2
    assert "several judges have scored these runs" in capsys.readouterr().err
    assert main(["leaderboard", "tracker=none", "judge=abcdef", "common_cases=true"]) == 0
    assert "left out: other-1" in capsys.readouterr().err
    assert main(["leaderboard", "tracker=none", "claim=x", "level=2"]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 2
