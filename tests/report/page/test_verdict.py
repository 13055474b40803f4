"""What the head of a page says of claims where answers are missing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hand_study import WriteStudy, hand_study
from made_report import report_of
from planned_study import planned_study

from memalign_bench.report.numbers.claims import claims_of
from memalign_bench.report.numbers.contrasts import all_pairs
from memalign_bench.report.page.verdict import Verdict, verdict_of
from memalign_bench.report.paper.beside import _claim_sentences
from memalign_bench.report.paper.claims import claim_outcomes, claims_sentence
from memalign_bench.study import records

CASES = "abcdefghijkl"


@pytest.fixture
def write_study(tmp_path: Path) -> WriteStudy:
    return hand_study(tmp_path / "hand")


def rows(judge: Any, dimension: str = "d1") -> list[dict[str, Any]]:
    """An item a case; `judge` is an answer, or makes one of the expert's grade and the number."""
    graded = [(case, 1 + 2 * (n % 2), n) for n, case in enumerate(CASES)]
    return [
        {
            "item_id": f"{case}1",
            "expert_score": expert,
            "judge": judge(expert, n) if callable(judge) else judge,
            "dimension": dimension,
            "fold": n // 2 % 2,
        }
        for case, expert, n in graded
    ]


def right(expert: int, n: int) -> int:
    return expert


def wrong(expert: int, n: int) -> int:
    return 4 - expert


def verdict_at(path: Path, **options: Any) -> Verdict:
    made = report_of(path, **{"n_resamples": 50, **options})
    return verdict_of(made.analysis, made.made["contrasts"], made.look)


@pytest.mark.parametrize("missing", ["worst", "exclude"])
def test_a_claim_of_a_judge_that_never_answered_cannot_be_told(
    write_study: WriteStudy, missing: str
) -> None:
    path = write_study({"none": rows(right), "full": rows("failed"), "median_label@none": rows(2)})
    verdict = verdict_at(path, missing=missing)
    assert verdict.question == "Does full judge better than the unaligned judge?"
    (group,) = verdict.groups
    assert (group.kind, group.title) == ("open", "Cannot be told")
    (finding,) = group.findings
    assert finding.more == "full gave no answer (12 of 12 failed)"
    assert finding.improvement == "\N{EN DASH}"
    assert len(verdict.exploratory) == 1
    assert verdict.exploratory[0].startswith("median_label:")


def test_what_is_held_against_silence_cannot_be_told(write_study: WriteStudy) -> None:
    silent = rows(lambda expert, n: "failed" if n % 3 else "abstained")
    verdict = verdict_at(write_study({"none": silent, "semantic": rows(right)}))
    assert verdict.question.startswith("This study makes no claim: it holds no full memory")
    assert verdict.exploratory == (
        "semantic: smaller error on 0, larger on 0 of 1 comparisons with the unaligned judge (q at"
        " most 0.05); 1 cannot be told, since a judge gave no answer.",
    )
    verdict = verdict_at(write_study({"none": silent, "full": rows(right)}))
    (finding,) = verdict.groups[0].findings
    assert finding.more == "none gave no answer (8 of 12 failed, 4 of 12 abstained)"


def test_a_claim_on_one_of_two_dimensions_leaves_the_other_open(write_study: WriteStudy) -> None:
    path = write_study(
        {
            "none": [*rows(wrong), *rows(wrong, "d2")],
            "full": [*rows(right), *rows("failed", "d2")],
        }
    )
    verdict = verdict_at(path)
    assert verdict.tally == (
        "improved: 1, got worse: 0, equal within the margin: 0, cannot be told: 1"
    )
    made = report_of(path, n_resamples=50)
    table, claims = made.made["contrasts"], claims_of(made.analysis, all_pairs(made.analysis))
    told = claim_outcomes(table, made.look, claims)
    assert "smaller error on 1 of 2 dimensions" in told
    assert "On 1 one of the two gave no answer, so that nothing could be tested there." in told
    assert "remaining" not in told
    assert "each" not in claims_sentence(made.analysis, table)
    first, second = list(_claim_sentences(table))[:2]
    assert "(d1, MAE, raw): +2.00" in first + second
    assert "(d2, MAE, raw): not tested (full gave no answer" in first + second


def near(expert: int, n: int) -> int:
    """As the other judge, and off by one grade: of neither does the other know more."""
    return 2


@pytest.mark.parametrize(
    ("judge", "could"), [(near, "they could turn it"), (right, "they could be all of it")]
)
def test_what_missing_answers_alone_make_is_said_with_it(
    write_study: WriteStudy, judge: Any, could: str
) -> None:
    """The two agree wherever both answered; `none` failed on ten of twelve items."""
    silent = rows(lambda expert, n: judge(expert, n) if n < 2 else "failed")
    other = rows(judge)
    path = write_study({"none": silent, "full": other, "median_label@none": other})
    made = report_of(path, n_resamples=50)
    table = made.made["contrasts"].query("metric == 'mae'").set_index("variant")
    assert table.loc["full", "p_holm"] < 0.05
    assert table.loc["full", "note"].endswith(could)
    verdict = verdict_of(made.analysis, made.made["contrasts"], made.look)
    hanging = "1 (1 hanging on missing answers)"
    assert verdict.tally.startswith(f"improved: {hanging}, got worse: 0,")
    (finding,) = verdict.groups[0].findings
    assert finding.more.endswith(could)
    assert verdict.exploratory[0].startswith(f"median_label: smaller error on {hanging}, larger on")
    told = claim_outcomes(
        made.made["contrasts"], made.look, claims_of(made.analysis, all_pairs(made.analysis))
    )
    assert "On 1 of these the difference hangs on missing answers" in told
    claim, others = list(_claim_sentences(made.made["contrasts"]))
    assert claim.endswith("after Holm, better, which hangs on missing answers.")
    assert "(which hangs on missing answers)" in others


def test_equality_that_both_owe_to_missing_answers_is_said_to_hang_on_them(
    write_study: WriteStudy,
) -> None:
    """Both failed on the same eight of twelve items, which costs them the same."""
    part = rows(lambda expert, n: right(expert, n) if n < 4 else "failed")
    made = report_of(write_study({"none": part, "full": part}), n_resamples=50, margin=0.6)
    table = made.made["contrasts"]
    verdict = verdict_of(made.analysis, table, made.look)
    assert "equal within the margin: 1 (1 hanging on missing answers)" in verdict.tally
    beyond = "missing answers could carry the improvement beyond the margin, to -1.33 or +1.33"
    assert verdict.groups[0].findings[0].more.endswith(beyond)
    told = claim_outcomes(table, made.look, claims_of(made.analysis, all_pairs(made.analysis)))
    assert "equal within the margin on 1 of 1 dimension (Title of d1), which hangs on" in told
    claim = next(iter(_claim_sentences(table)))
    assert claim.endswith("after Holm, equal within the margin, which hangs on missing answers.")
    few = rows(lambda expert, n: right(expert, n) if n else "failed")
    made = report_of(write_study({"none": few, "full": few}), n_resamples=50, margin=0.6)
    verdict = verdict_of(made.analysis, made.made["contrasts"], made.look)
    assert verdict.tally.endswith("equal within the margin: 1, cannot be told: 0")


def test_what_missing_answers_could_not_turn_is_said_without_them(write_study: WriteStudy) -> None:
    part = rows(lambda expert, n: 4 - expert if n else "failed")
    verdict = verdict_at(write_study({"none": part, "full": rows(right)}))
    assert verdict.tally.startswith("improved: 1, got worse: 0,")
    assert "missing answers" not in verdict.groups[0].findings[0].more


def test_a_planned_claim_that_could_not_be_tested_is_one(tmp_path: Path) -> None:
    path = planned_study(tmp_path / "fake", dimensions=("library_installation",))
    for file in path.glob("runs/full-embedded*/predictions.parquet"):
        schema = records.predictions_schema()
        failed = {"status": "failed", "judge_score": None, "judge_score_raw": None}
        failed |= {"judge_expected": None, "judge_score_batch": None, "distribution": None}
        written = [
            row | failed if row["expert_score"] else row for row in records.read_rows(file, schema)
        ]
        digest = records.write_rows(file, written, schema)
        manifest = file.with_name("manifest.json")
        records.write_json(manifest, records.read_json(manifest) | {"predictions_sha256": digest})
    verdict = verdict_at(path)
    assert "makes no claim" not in verdict.question
    (finding,) = verdict.groups[0].findings
    assert finding.more.startswith("planned; full gave no answer (")


def test_that_equality_is_not_corrected_is_said(write_study: WriteStudy) -> None:
    runs = {"none": rows(wrong), "full": rows(right)}
    how = verdict_at(write_study(runs)).how
    assert "claims of a difference are corrected after Holm." in how
    assert "Equal means within 0.1 of a grade, tested for each claim by itself at 0.05." in how


def test_grades_that_are_as_far_off_on_either_side_are_not_called_changed(
    write_study: WriteStudy,
) -> None:
    """Of a 2 one judge makes 1 and the other 3: no error differs, though every grade does."""
    middle = [row | {"expert_score": 2} for row in rows(right)]
    # One item of another grade, or the data could support no claim.
    known = rows(right)[0] | {"expert_score": 3, "judge": 3}
    low, high = ([known, *(row | {"judge": grade} for row in middle[1:])] for grade in (1, 3))
    verdict = verdict_at(write_study({"none": low, "full": high}))
    assert verdict.groups[0].findings[0].more.startswith("the errors differ on 0 of 12 items")


def test_dimensions_that_have_the_raw_reading_alone_are_counted_too(
    write_study: WriteStudy,
) -> None:
    """On d2 no fold has answers enough for a batch reading, of whichever judge."""

    def judged(shift: int) -> list[dict[str, Any]]:
        chances = [[0.1, 0.3, 0.6], [0.3, 0.4, 0.3], [0.4, 0.35, 0.25]]
        return [
            row | {"dimension": name, "fold": 0, "distribution": chances[(n + shift) % 3]}
            for name, judged in (("d1", rows(right)), ("d2", rows(right, "d2")[:6]))
            for n, row in enumerate(judged)
        ]

    runs = {"none": judged(0), "semantic": judged(1)}
    chosen = {name: {"calibration": "batch"} for name in runs}
    made = report_of(write_study(runs, manifests=chosen), n_resamples=50)
    table = made.made["contrasts"]
    assert set(table.loc[table["dimension"] == "d2", "reading"]) == {"raw"}
    (line,) = verdict_of(made.analysis, table, made.look).exploratory
    assert "of 2 comparisons with the unaligned judge" in line
