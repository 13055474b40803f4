"""Scales of any numbers, through the command line: grades of 0, below it and between, and many."""

import json
from pathlib import Path

import pandas as pd
import pytest
from tests.report.made_report import SECTIONS, panels, report_of

from memalign_bench import load_judge, load_study
from memalign_bench.backends.store.call_store import CallStore
from memalign_bench.cli import main
from memalign_bench.report.page.page import PageFigure
from memalign_bench.report.sections.section import chosen_sections
from memalign_bench.study import records
from memalign_bench.types import NOT_APPLICABLE

WORDS = ("sun", "rain", "wind", "snow", "hail", "fog", "frost", "storm", "cloud", "thaw", "ice",
         "dew")  # fmt: skip

RUBRIC = """\
_target_: memalign_bench.types.Rubric
name: own
artefact: note
scale:
  _target_: memalign_bench.types.Scale
  grades: {grades}
{more}dimensions:
  worth:
    _target_: memalign_bench.types.DimensionRubric
    name: worth
    title: Worth
    question: What is the note worth?
    levels: {levels}
{absent}"""

ABSENT = "    not_applicable: The note is of no weather.\n"

SCALES = {
    "binary": ("[0, 1]", "{0: Wrong., 1: Right.}", (0, 1), "[wrong, right]"),
    "signed": ("[-1, 1]", "{-1: Worse., 1: Better.}", (-1, 1), None),
    "halves": ("[1, 1.5, 2, 2.5]", "{1: A., 1.5: B., 2: C., 2.5: D.}", (1, 1.5, 2.5), None),
    "many_halves": ("0/5/0.5", "{0: Bad., 5: Good.}", (0, 2.5, 4.5, 5), None),
    "percent": ("0/100/1", "{0: Bad., 50: Middling., 100: Good.}", (0, 37, 88, 100), None),
}
"""Grades and levels as a rubric has them, scores that are given, and words."""


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("conf/rubric").mkdir(parents=True)


def write_rubric(grades, levels, words=None, mark=None, absent=""):
    more = f"  words: {words}\n" if words else ""
    more += "" if mark is None else f"  not_applicable: {mark}\n"
    text = RUBRIC.format(grades=grades, levels=levels, more=more, absent=absent)
    Path("conf/rubric/own.yaml").write_text(text)


def write_table(scores, name="t.jsonl"):
    lines = [
        {
            "item_id": f"i{n}",
            "case_id": f"c{n}",
            "content": f"The {word} came, and note {n} says who saw {word}.",
            "rater": "ann",
            "score": scores[n % len(scores)],
            "rationale": f"Because {word} was seen.",
        }
        for n, word in enumerate(WORDS)
    ]
    Path(name).write_text("\n".join(map(json.dumps, lines)))


def said(capsys, command, *words):
    data = () if command in ("report", "export_judge") else ("dataset=files", "rubric=own")
    path = ("dataset.path=t.jsonl",) if data else ()
    sweep = ["-m"] * ("-m" in words)
    words = [word for word in words if word != "-m"]
    code = main([command, *sweep, "--config-dir", "conf", *data, *path, *words])
    told = capsys.readouterr()
    return code, told.out + told.err


STUDY = ("study=mine", "folds=2", "memory.k=2", "backend=scripted", "tracker=none")


def predictions():
    rows = []
    for path in sorted(Path("results/mine/runs").glob("*/predictions.parquet")):
        rows += records.read_rows(path, records.predictions_schema())
    return rows


@pytest.mark.filterwarnings("ignore")  # figures of so few items
@pytest.mark.parametrize(
    ("name", "scoring"),
    [
        *(("binary", "verdict"), ("signed", "logprob"), ("halves", "verdict")),
        *(("many_halves", "logprob"), ("percent", "verdict"), ("percent", "logprob")),
    ],
)
def test_any_scale_goes_from_the_table_to_the_judge(name, scoring, capsys):
    grades, levels, given, words = SCALES[name]
    write_rubric(grades, levels, words)
    write_table(given)
    code, told = said(capsys, "validate")
    assert code == 0, told
    assert "N/A" not in told
    code, told = said(
        capsys, "run", "-m", "alignment=none,full,median_label,knn_vote,ridge", *STUDY,
        f"scoring={scoring}",
    )  # fmt: skip
    assert code == 0, told
    rows = predictions()
    assert len(rows) == 60
    assert {row["status"] for row in rows} == {"scored"}
    scale = load_study("results/mine").scale
    assert {row["judge_score"] for row in rows} <= set(scale.grades)
    assert {row["expert_score"] for row in rows} == set(given)
    aligned = {row["judge_score"] for row in rows if row["alignment"] == "full"}
    assert aligned - {scale.grades[-1]}, "memory moves the judge"
    made = report_of("results/mine", n_resamples=50)
    shown = []
    with panels.theme():
        for topic, section in chosen_sections(SECTIONS, None).items():
            data = made.data(topic)
            if len(data):
                caption = made.caption(topic, data)
                assert "not applicable" not in caption
                # Every figure can be drawn, which is tried on a scale below 0 and on two long ones;
                # saving them all would take longer than all else here.
                figure = made.draw(topic, data) if scoring == "logprob" else None
                if topic == "confusion":
                    figure = figure or made.draw(topic, data)
                    files = panels.render(figure, Path("figures"), topic)
                    shown.append(PageFigure(topic, section.title, caption, files["svg"]))
    assert Path("figures/confusion.png").is_file()
    assert "not applicable" not in made.page(shown)
    code, told = said(capsys, "export_judge", "study=mine", "alignment=full", "backend=scripted",
                      "tracker=none", "stats.n_resamples=50")  # fmt: skip
    assert code == 0, told
    (path,) = Path("results/mine/judges").rglob("worth.json")
    with load_judge(path) as judge:
        assert judge.judge.judge.rubric.scale == scale
        verdict = judge.score("The hail came, and note 4 says who saw hail.")
    assert verdict.score in scale.grades
    if scoring == "logprob":
        assert sum(verdict.distribution.values()) == pytest.approx(1)
        assert tuple(verdict.distribution) == scale.grades


def test_many_grades_are_named_by_their_range(capsys):
    write_rubric("0/100/1", "{0: Bad., 100: Good.}")
    write_table((0, 37, 101, 37.5))
    code, told = said(capsys, "validate")
    assert code == 2
    assert "score 101 is no grade; a grade is a whole number from 0 to 100." in told
    assert "score 37.5 is no grade" in told
    assert max(map(len, told.splitlines())) < 400, "no line lists a hundred grades"
    write_table((0, 37, 100))
    code, told = said(capsys, "run", *STUDY, "scoring=verdict", "alignment=none")
    assert code == 0, told
    runs = [path.name for path in Path("results/mine/runs").iterdir()]
    with CallStore(Path("results/mine/calls.sqlite")) as store:
        requests = [call.request for call in store.calls_of(runs)]
    assert len(requests) == 12
    prompts = [m["content"] for request in requests for m in request["request"]["messages"]]
    assert any("give the grade: a whole number from 0 to 100." in text for text in prompts)
    assert not any("99" in text for text in prompts)


def test_na_is_a_word_beside_a_grade_of_zero(capsys):
    write_rubric("[0, 1]", "{0: Wrong., 1: Right.}", absent=ABSENT)
    write_table((0, 1, "N/A", 1))
    code, told = said(capsys, "validate")
    assert code == 0, told
    assert "N/A: 3  0: 3  1: 6" in told
    code, told = said(capsys, "run", "-m", "alignment=none,full", *STUDY, "applicability=judge",
                      "scoring=verdict", "memory.include_na=true")  # fmt: skip
    assert code == 0, told
    held = load_study("results/mine")
    expert = held.predictions["expert_score"]
    assert expert.isna().sum() == 6
    assert set(expert.dropna()) == {0, 1}
    assert held.items["gold"].isna().sum() == 3
    summary = said(capsys, "report", "study=mine", "stats.n_resamples=50", "tracker=none")
    assert summary[0] == 0, summary[1]
    assert set(pd.read_csv("results/mine/tables/summary.csv")["n_items"]) == {9}
    code, told = said(capsys, "export_judge", "study=mine", "alignment=full", "backend=scripted",
                      "tracker=none", "stats.n_resamples=200")  # fmt: skip
    assert code == 0, told
    (path,) = Path("results/mine/judges").rglob("worth.json")
    with load_judge(path) as judge:
        remembered = {item.score for item in judge.judge.judge.retriever.items}
    assert remembered == {0, 1, NOT_APPLICABLE}


@pytest.mark.parametrize(
    ("scale", "mark", "scores", "told"),
    [
        # Nobody said that 0 is N/A.
        ("[1, 2, 3]", None, (0, 1, 2, 3), "If 0 stands for N/A, say so: dataset.grades={0: N/A}"),
        # The rubric says it, but the scores look like those of a scale from 0.
        ("[1, 2, 3]", 0, (0, 1), "is 0 N/A, as the rubric's scale says, or a grade?"),
        # A word for what the rubric never lets go.
        ("[0, 1]", None, (0, 1, "N/A"), None),
    ],
)
def test_a_zero_is_never_taken_for_na_in_silence(scale, mark, scores, told, capsys):
    levels = "{1: A., 2: B., 3: C.}" if "3" in scale else "{0: A., 1: B.}"
    absent = ABSENT if told else ""
    write_rubric(scale, levels, mark=mark, absent=absent)
    write_table(scores)
    code, shown = said(capsys, "validate")
    assert code == 2
    assert (told or "says N/A, and the rubric does not say when") in shown
    if told:
        code, shown = said(capsys, "validate", "dataset.grades={0: N/A}")
        assert code == 0, shown
        assert "N/A: " in shown


def test_a_declared_number_is_na(capsys):
    write_rubric("[1, 2, 3]", "{1: A., 2: B., 3: C.}", mark=0, absent=ABSENT)
    write_table((0, 1, 2, 3))
    code, shown = said(capsys, "validate")
    assert code == 0, shown
    assert "N/A: 3  1: 3  2: 3  3: 3" in shown
    code, shown = said(capsys, "run", "alignment=none", *STUDY, "applicability=judge")
    assert code == 0, shown
    assert {row["expert_score"] for row in predictions()} == {0, 1, 2, 3}, "as the rubric says"
    assert load_study("results/mine").predictions["expert_score"].isna().sum() == 3


@pytest.mark.parametrize(
    ("grades", "more", "problem"),
    [
        ("[0, 1]", "  not_applicable: 0\n", "0 is a grade of this scale"),
        ("0/100/7", "", "a range of grades is FROM/TO/STEP"),
        ("100/0/1", "", "a range of grades is FROM/TO/STEP"),
        ("[0, yes]", "", "scale grades must be a list of numbers"),
        ("[0, 0.5, 0.5]", "", "scale grades must rise"),
        ("0/1/0.0001", "", "10,001 grades; a scale has at most 1,001"),
        ("[0, 1, 2]", "", "no level for grade 2"),
    ],
)
def test_a_wrong_scale_is_refused_with_file_and_line(grades, more, problem, capsys):
    text = RUBRIC.format(grades=grades, levels="{0: Bad., 1: Good.}", more=more, absent="")
    Path("conf/rubric/own.yaml").write_text(text)
    assert main(["validate", "--config-dir", "conf", "rubric=own"]) == 2
    told = capsys.readouterr().err
    assert problem in told
    assert "own.yaml:" in told
    assert "Traceback" not in told


@pytest.mark.parametrize("scale", ["0/100/1", "-1/1/2", "[0,0.5,1]", "0-5"])
def test_a_first_rubric_of_any_scale_is_written_and_holds(scale, capsys):
    asked = ["rubric", "action=new", "dimensions=[tone]", f"scale={scale}", "out=conf", "name=new"]
    assert main(asked) == 0
    assert main(["validate", "--config-dir", "conf", "rubric=new"]) == 0
    assert "nothing is wrong" in capsys.readouterr().out


@pytest.mark.model
@pytest.mark.filterwarnings("ignore")
def test_a_small_model_is_asked_for_long_grades_a_character_at_a_time(capsys):
    write_rubric("0/20/2.5", "{0: Bad., 20: Good.}")
    write_table((0, 7.5, 12.5, 20))
    small = ("backend=embedded_smollm2", "limit=4", "view.max_tokens=64", "scoring=logprob")
    code, told = said(capsys, "run", "alignment=none", *STUDY, *small)
    assert code == 0, told
    rows = predictions()
    scale = load_study("results/mine").scale
    assert len(scale.grades) == 9
    for row in rows:
        assert len(row["distribution"]) == 9
        assert sum(row["distribution"]) == pytest.approx(1)
        assert min(row["distribution"]) > 0
        assert row["judge_score"] in scale.grades
    assert len({tuple(row["distribution"]) for row in rows}) > 1, "the item matters"
    again = {row["item_id"]: row["distribution"] for row in rows}
    code, told = said(capsys, "run", "alignment=none", *STUDY, *small, "results_dir=second")
    assert code == 0, told
    for path in Path("second/mine/runs").glob("*/predictions.parquet"):
        for row in records.read_rows(path, records.predictions_schema()):
            assert row["distribution"] == again[row["item_id"]]
    code, told = said(capsys, "export_judge", "study=mine", "alignment=none", "tracker=none",
                      "stats.n_resamples=200")  # fmt: skip
    assert code == 0, told
    (path,) = Path("results/mine/judges").rglob("worth.json")
    with load_judge(path) as judge:
        assert judge.score("The hail came.").score in scale.grades
