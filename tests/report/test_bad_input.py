"""Studies that can show little or nothing: said in words, with no NaN in any table or page."""

import re
from pathlib import Path
from typing import Any

import pytest
from hand_study import hand_study
from made_report import MadeReport, report_of

from memalign_bench.cli import main
from memalign_bench.stats.published import PublishedBootstrap

PUBLISHED = PublishedBootstrap(100, 50, 200, 0.95)
NOT_A_NUMBER = re.compile(r"\b(?:nan|inf|<NA>|None)\b", re.IGNORECASE)


def rows(judge: Any, *, cases: str = "abcdefghijklmn", gold: Any = None) -> list[dict[str, Any]]:
    """Two items a case; `judge` is an answer, or makes one of the expert's grade and the number."""
    made = []
    for n, case in enumerate(sorted(cases * 2)):
        expert = gold or 1 + n % 3
        said = judge(expert, n) if callable(judge) else judge
        made.append({"item_id": f"{case}{n % 2}", "expert_score": expert, "judge": said,
                     "fold": n % 4 // 2})  # fmt: skip
    return made


def near(expert: int, n: int) -> int:
    return expert if n % 5 else 1 + expert % 3


def seeds(judge: Any) -> list[dict[str, Any]]:
    return [{**row, "fold_seed": seed} for seed in (0, 1) for row in rows(judge)]


STUDIES = {
    "one variant": ({"none": rows(near)}, "Nothing to compare"),
    "one case": (
        {"none": rows(3, cases="a"), "full": rows(near, cases="a")},
        "MAE interval, one case: none",
    ),
    "one grade in gold": (
        {"none": rows(3, gold=2), "full": rows(lambda e, n: 1 + n % 3, gold=2)},
        "the experts&#39; grades differ in no fold",
    ),
    "all failed": (
        {"none": rows("failed"), "full": rows("failed")},
        "gave no answer: the difference is made of silence",
    ),
    "one side failed": (
        {"none": rows(near), "full": rows("failed")},
        "full gave no answer: the difference is made of silence",
    ),
    "all alike, two seeds": ({"none": seeds(2), "full": seeds(2)}, "no item's error differs"),
    "all failed, two seeds": ({"none": seeds("failed"), "full": seeds("failed")}, "silence"),
}


def shown_in(report: MadeReport, out: Path) -> dict[str, str]:
    """What people read: every table, and the page without its script."""
    texts = {path.name: path.read_text() for path in report.write(out) if path.suffix != ".csv"}
    page = re.sub(r"<(script|style)>.*?</\1>", "", report.page(), flags=re.S)
    return texts | {"page": re.sub(r'data-sort="[^"]*"', "", page)}


@pytest.mark.parametrize("name", STUDIES)
@pytest.mark.parametrize("missing", ["worst", "exclude"])
def test_what_cannot_be_told_is_said_in_words(name: str, missing: str, tmp_path: Path) -> None:
    runs, words = STUDIES[name]
    path = hand_study(tmp_path / "s")(runs)
    report = report_of(path, missing=missing, n_resamples=50, published=PUBLISHED)
    shown = shown_in(report, tmp_path / "tables")
    for place, text in shown.items():
        found = NOT_A_NUMBER.search(re.sub(r"\bnone\b", "", text))
        assert found is None, f"{place}: {text[found.start() - 80 : found.end() + 40]}"
    if missing == "worst":
        assert words in "\n".join(shown.values())


def test_a_margin_of_zero_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hand_study(tmp_path / "s")({"none": rows(near)})
    words = ["report", "study=s", f"results_dir={tmp_path}", "stats.margin=0", "tracker=none"]
    assert main(words) == 2
    assert "stats.margin must be a number above 0" in capsys.readouterr().err
