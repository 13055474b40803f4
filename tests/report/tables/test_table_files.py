import io
import math
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hand_study import WriteStudy, hand_study
from made_report import MadeReport, report_of

from memalign_bench.report.numbers.frames import load_study
from memalign_bench.report.tables.columns import share
from memalign_bench.report.tables.table import Table


@pytest.fixture
def write_study(tmp_path: Path) -> WriteStudy:
    return hand_study(tmp_path / "hand")


EXPERT = {"a1": 3, "a2": 1, "b1": 2, "b2": 3, "c1": 1, "c2": 2}


def rows_of(judge: list[Any], **more: Any) -> list[dict[str, Any]]:
    return [
        {"item_id": item, "expert_score": expert, "judge": said, **more}
        for (item, expert), said in zip(EXPERT.items(), judge, strict=True)
    ]


@pytest.fixture
def written(write_study: WriteStudy, tmp_path: Path) -> tuple[MadeReport, dict[str, str]]:
    runs = {
        "none": rows_of([3, 3, 3, 3, 3, 3], dimension="model_use"),
        "full,prompt.order=[item_a|x]": rows_of([3, 1, 2, 3, "failed", 2], dimension="model_use"),
    }
    frames = load_study(write_study(runs))
    report = report_of(frames, n_resamples=300)
    files = report.write(tmp_path / "tables")
    return report, {file.name: file.read_text() for file in files}


def test_six_files(written: tuple[MadeReport, dict[str, str]]) -> None:
    assert sorted(written[1]) == [
        f"{name}.{ending}" for name in ("contrasts", "summary") for ending in ("csv", "md", "tex")
    ]


def test_csv_holds_the_numbers_to_six_decimals(written: tuple[MadeReport, dict[str, str]]) -> None:
    report, texts = written
    for name, frame in (
        ("summary", report.made["summary"]),
        ("contrasts", report.made["contrasts"]),
    ):
        back = pd.read_csv(io.StringIO(texts[f"{name}.csv"]), keep_default_na=False, na_values=[""])
        assert list(back.columns) == list(frame.columns)
        for column in frame.select_dtypes("float64"):
            pd.testing.assert_series_equal(
                back[column].astype(float), frame[column], rtol=0, atol=5e-7
            )
        for column in frame.select_dtypes(["int64", "Int64", "bool"]):
            theirs = frame[column].astype(float)
            pd.testing.assert_series_equal(back[column].astype(float), theirs)


def test_csv_cells(written: tuple[MadeReport, dict[str, str]]) -> None:
    head, line, other = written[1]["summary.csv"].splitlines()
    cells = dict(zip(head.split(","), line.split(","), strict=True))
    assert cells["mae"] == "1.000000"  # 0, 2, 1, 0, 2, 1
    assert cells["mae_batch"] == ""
    assert cells["n_items"] == "6"
    assert other.startswith('model_use,"full,prompt.order=[item_a|x]",full,scripted,6,5,0,1,')
    contrasts = written[1]["contrasts.csv"]
    assert ",false," in contrasts
    assert "nan" not in contrasts.lower()


@pytest.mark.usefixtures("every_interval")
def test_tables_for_people_round_escape_and_mark(
    written: tuple[MadeReport, dict[str, str]],
) -> None:
    md, tex = written[1]["summary.md"], written[1]["summary.tex"]
    lines = md.splitlines()
    assert lines[2].startswith("| Title of model\\_use | none† | scripted | 6 | 1.00 [")
    assert "full,prompt.order=[item\\_a\\|x] |" in lines[3]
    assert "MAE batch" not in lines[0]  # empty throughout
    widths = {line.replace("\\|", "").count("|") for line in lines[:4]}
    assert len(widths) == 1
    assert "- † Constant: this judge gives every item" in md
    assert "costs the largest error possible for its item" in md
    assert r"Title of model\_use & none\textdagger{} & scripted & 6 & 1.00 [" in tex
    assert r"MAE [95 \%]" in tex
    for rule in (r"\toprule", r"\midrule", r"\bottomrule"):
        assert tex.count(rule) == 1
    contrasts = written[1]["contrasts.md"]
    assert "| none† |" in contrasts
    assert "the data cannot support a claim" in contrasts


def test_the_same_records_give_the_same_bytes(write_study: WriteStudy, tmp_path: Path) -> None:
    path = write_study({"none": rows_of([3, 3, 3, 3, 3, 3]), "full": rows_of([3, 1, 2, 3, 1, 1])})
    first = [file.read_bytes() for file in report_of(path).write(tmp_path / "one")]
    again = [file.read_bytes() for file in report_of(path).write(tmp_path / "two")]
    assert first == again


def test_a_table_without_rows_is_still_a_table(write_study: WriteStudy, tmp_path: Path) -> None:
    path = write_study({"full": rows_of([3, 1, 2, 3, 1, 1])})
    files = report_of(path, n_resamples=20).write(tmp_path / "t")
    (table,) = [file for file in files if file.name == "contrasts.csv"]
    assert table.read_text().count("\n") == 1


def test_a_share_that_is_missing_stays_empty() -> None:
    table = Table(pd.DataFrame({"best": [0.5, None, 1.0], "none": [None] * 3}),
                  [share("best in", "best"), share("none", "none")])  # fmt: skip
    assert [column.title for column in table.shown] == ["best in"]  # what is empty is left out
    assert [line.cells[0].text for line in table.lines] == ["50%", "", "100%"]
    assert math.isnan(table.lines[1].cells[0].value)
