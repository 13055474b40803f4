import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from fake_study import fake_study
from hand_study import hand_study
from made_report import SECTIONS, analysis_of, report_of
from planned_study import planned_study

from memalign_bench.errors import RecordError, RequestError
from memalign_bench.report.numbers.contrasts import contrasts
from memalign_bench.report.paper.beside import _claim_sentences, beside
from memalign_bench.report.paper.build import Pages, build_paper, compile_paper
from memalign_bench.report.paper.published import published
from memalign_bench.report.paper.values import paper_values
from memalign_bench.report.prose import number, typographic
from memalign_bench.study.registered.study_plan import Contrast

SOURCE = Path(__file__).parents[3] / "paper"


@pytest.fixture
def paper_dir(tmp_path: Path) -> Path:
    folder = tmp_path / "paper"
    folder.mkdir()
    for name in ("paper.typ", "references.bib"):
        shutil.copy(SOURCE / name, folder)
    return folder


def values_of(path: Path) -> dict[str, Any]:
    report = report_of(path, n_resamples=50)
    return paper_values(report.analysis, report.made, report.look, None)


def built(path: Path, paper_dir: Path, n_resamples: int = 50, **more: Any) -> Path:
    analysis = analysis_of(path, n_resamples=n_resamples)
    return build_paper(analysis, paper_dir, SECTIONS, **more)


def test_the_source_types_no_number() -> None:
    text = (SOURCE / "paper.typ").read_text()
    text = re.sub(r"// -- layout.*?// -- end of layout --", "", text, flags=re.DOTALL)
    text = re.sub(r"@\w+|width: 100%", "", text)  # keys of references; a full width
    assert not re.findall(r"\d[^\n]*", text)


def test_no_mean_over_some_dimensions_stands_beside_one_over_all(tmp_path: Path) -> None:
    """Folds of data imputation have too few answers for a batch reading."""
    path = fake_study(tmp_path / "fake", dimensions=3, n_cases=24, variants=("none", "semantic"))
    report = report_of(path, n_resamples=50)
    report.write(path / "tables")
    missing = report.made["summary"].groupby("variant")["mae_batch"].apply(lambda c: c.isna().sum())
    assert missing.to_dict() == {"none": 1, "semantic": 1}
    page = beside(path)
    raw, batch = (page["head"].index(f"MAE, {reading}") for reading in ("raw", "batch"))
    for row in page["rows"]:
        assert row[raw] not in ("", typographic(""))
        assert row[batch] == typographic("")


def test_the_paper_is_built_from_records_alone(tmp_path: Path, paper_dir: Path) -> None:
    path = fake_study(tmp_path / "fake", dimensions=2)
    pdf = built(path, paper_dir)
    assert pdf == paper_dir / "paper.pdf"
    first = pdf.read_bytes()
    assert first.startswith(b"%PDF")
    values = json.loads((paper_dir / "generated/values.json").read_text())
    assert values["study"]["items"] == "24"
    assert values["study"]["raters"] == "3 simulated raters"
    assert values["protocol"]["resamples"] == "50"
    assert values["protocol"]["examples"].startswith("Labelled examples stand in one list")
    assert "simulated" in values["notices"][0]
    summary = report_of(path, n_resamples=50).made["summary"]
    head, (line, _) = values["table"]["head"], values["table"]["rows"]
    mae = summary.set_index(["dimension", "variant"])["mae"]
    for variant in ("semantic", "full"):
        expected = f"{mae['library_installation', variant]:.2f}"
        assert line[head.index(variant)].startswith(expected)
    assert (paper_dir / "generated/tables/summary.csv").is_file()
    other = built(path, paper_dir, out=tmp_path / "out" / "again.pdf")
    assert other.read_bytes() == first


def test_a_missing_value_stops_the_build(tmp_path: Path, paper_dir: Path) -> None:
    path = fake_study(tmp_path / "fake", dimensions=1)
    built(path, paper_dir, n_resamples=20)
    file = paper_dir / "generated/values.json"
    values = json.loads(file.read_text())
    del values["study"]["items"]
    file.write_text(json.dumps(values))
    with pytest.raises(RecordError, match=r"needs the value 'study\.items'"):
        compile_paper(paper_dir / "paper.typ", tmp_path / "x.pdf")
    assert not (tmp_path / "x.pdf").exists()


def test_a_manifest_that_lacks_what_is_stated_is_named(tmp_path: Path) -> None:
    path = hand_study(tmp_path / "hand")(
        {"none": [{"item_id": "a1", "expert_score": 3, "judge": 2}]}
    )
    with pytest.raises(RecordError, match=r"runs/none/manifest.json lacks 'rubric.artefact'"):
        values_of(path)


def test_without_a_source_the_request_is_refused(tmp_path: Path) -> None:
    path = fake_study(tmp_path / "fake", dimensions=1)
    with pytest.raises(RequestError, match=r"paper\.typ does not exist"):
        built(path, tmp_path)


def claims(tmp_path: Path, before: int | None, after: int | None, cases: str = "abcdefgh") -> str:
    """First paragraph of none and full that answer so."""
    path = hand_paper_study(tmp_path / "hand", {"none": before, "full": after}, cases)
    return str(values_of(path)["results"][0])


def hand_paper_study(path: Path, answers: dict[str, int | None], cases: str = "abcdefgh") -> Path:
    """Cases whose expert says 2, of the last one 1; None stands for the right grade."""
    rubric = {
        **{"name": "hand", "digest": "d", "artefact": "note", "grades": [1, 2, 3]},
        **{"words": ["bad", "average", "good"], "dimensions": [{"name": "d1", "title": "First"}]},
    }
    runs = {
        name: [
            {
                "item_id": f"{case}1",
                "expert_score": grade,
                "judge": grade if judge is None else judge,
            }
            for case in cases
            for grade in [1 if case == cases[-1] else 2]
        ]
        for name, judge in answers.items()
    }
    more = {"rubric": rubric, "folds": 4}
    return hand_study(path)(runs, manifests=dict.fromkeys(runs, more))


def test_sentences_hold_whatever_the_study_shows(tmp_path: Path) -> None:
    better = claims(tmp_path, 3, None)
    assert "significantly smaller error on 1 of 1 dimension (First)" in better
    assert "larger one on none of 1 dimension" in better
    worse = claims(tmp_path, None, 3)
    assert "smaller error on none of 1 dimension " in worse
    assert "larger one on 1 of 1 dimension (First)" in worse
    same = claims(tmp_path, None, None)
    # Eight cases that never differ do not show that none would.
    assert "On the remaining 1 no difference could be shown; the two errors are equal" in same
    assert "within the margin on none of 1 dimension" in same


def test_claims_that_the_data_cannot_support_are_counted(tmp_path: Path) -> None:
    assert "smallest p-value" not in claims(tmp_path, 3, None)
    assert "On 1 the experts give one grade to every item" in claims(tmp_path, 3, None, cases="a")
    told = claims(tmp_path, 3, None, cases="abc")
    assert "On 1 the smallest p-value that the data can give lies above the level" in told


def test_every_claim_of_a_plan_has_its_columns_and_sentence(tmp_path: Path) -> None:
    sides = (Contrast("full", "semantic"), Contrast("full", "none"))
    path = planned_study(tmp_path / "fake", contrasts=sides, metrics=("mae", "spearman"))
    report = report_of(path, n_resamples=50)
    values = paper_values(report.analysis, report.made, report.look, None)
    head, (line, *_) = values["table"]["head"], values["table"]["rows"]
    heads = [
        f"full{against}: improvement{measured}"
        for against in ("", " against semantic")
        for measured in ("", " (rank corr.)")
    ]
    assert sorted(name for name in head if "improvement" in name) == sorted(heads)
    assert len(head) == len(line) == len(set(head)) + 3  # "p (Holm)" four times
    table = report.made["contrasts"]
    row = table[
        table["p_holm"].notna()
        & table["reference"].eq("semantic")
        & table["metric"].eq("mae")
        & table["dimension"].eq("library_installation")
    ].iloc[0]
    gain = typographic(number(row["improvement"], signed=True))
    assert line[head.index("full against semantic: improvement")].startswith(gain)
    told = values["results"][0]
    assert "Against semantic, the full memory had a significantly smaller error" in told
    assert "Against no memory, the full memory had a significantly higher rank correlation" in told
    assert "of 8 dimensions" not in told
    # What a plan claims is no exploration.
    assert "exploratory" not in told.partition("With the full memory")[2].partition(".")[0]
    assert values["protocol"]["claims"].startswith(
        "The claims are the full memory against no memory and the full memory against semantic, in"
        " mean absolute error and rank correlation, each on 2 dimensions. Planned:"
    )


def test_a_claim_is_told_by_its_settings(tmp_path: Path) -> None:
    rows = [{"item_id": f"{case}1", "expert_score": 2, "judge": 2} for case in "abcd"]
    path = hand_study(tmp_path / "hand")({"none": rows, "full,memory.k=2": rows})
    told = list(_claim_sentences(contrasts(analysis_of(path))))
    assert told[0].startswith("Claim, full; k=2 against none on scripted (d1, MAE, raw)")


def test_a_claim_that_nothing_must_be_noted_of_is_told(tmp_path: Path) -> None:
    """In `contrasts.csv` its note is an empty cell."""
    right = [
        {"item_id": f"{case}{n}", "expert_score": n, "judge": n}
        for case in "abcdefghijkl"
        for n in (1, 2, 3)
    ]
    # The first case alone gains nothing.
    off = right[:3] + [row | {"judge": 5 - max(2, row["judge"])} for row in right[3:]]
    path = hand_study(tmp_path / "hand")(
        {"none": off, "full": right}, manifests={"none": {"folds": 4}, "full": {"folds": 4}}
    )
    report = report_of(path, n_resamples=50)
    report.write(path / "tables")
    table = report.made["contrasts"]
    assert table.loc[table["significant"], "note"].to_list() == [""]
    (told,) = [line for line in beside(path)["sentences"] if line.startswith("Claim, full")]
    assert told.endswith("after Holm, better.")
    # A study of claims alone may have nothing to note at all.
    file = path / "tables/contrasts.csv"
    head, *lines = file.read_text().splitlines()
    file.write_text("\n".join([head, *(line for line in lines if "exploratory" not in line)]))
    assert told in beside(path)["sentences"]


def test_a_study_without_a_full_memory_claims_nothing(tmp_path: Path, paper_dir: Path) -> None:
    path = fake_study(tmp_path / "fake", dimensions=1, variants=("none",), dataset="mine")
    built(path, paper_dir, n_resamples=20)
    values = json.loads((paper_dir / "generated/values.json").read_text())
    assert "tests no claim here: it holds no full memory" in values["results"][0]
    assert values["protocol"]["claims"].startswith("The study makes no claim: it holds no full")
    assert values["study"]["raters"] == "3 raters"
    assert not any("simulated" in notice for notice in values["notices"])


def test_a_study_asked_in_another_way_shows_its_judges(tmp_path: Path) -> None:
    path = hand_paper_study(
        tmp_path / "hand",
        {"none,view=answers": 3, "full,view=answers": None, "median_label@none": None},
    )
    values = values_of(path)
    # What all share is said once: six such heads would run into one another.
    assert values["table"]["head"][2:6] == ["none", "full", "median label", "full: improvement"]
    assert values["table"]["caption"].endswith("All are asked with view=answers.")
    assert values["table"]["rows"][0][2:4] == ["1.12†", "0.00"]
    told = values["results"][0]
    assert (
        "The error was 1.12 with no memory (view=answers), 0.00 with full memory (view=answers) and"
        " 0.00 with the median training label." in told
    )
    assert "The full memory had a smaller error than the median label on 0 of 1 dimension." in told
    # By what eight cases find, of whatever size that is.
    assert "only large differences" not in " ".join(values["limits"])
    assert values["study"]["backends"] == "scripted (model of scripted)"


def test_several_full_memories_and_no_plain_one_are_told_as_that(tmp_path: Path) -> None:
    runs = {"none": 3, "full,memory.k=2": None, "full,memory.k=8": None}
    told = values_of(hand_paper_study(tmp_path / "hand", runs))["protocol"]["claims"]
    assert "several variants of the full memory, and none of them is the plain one" in told


def test_a_control_is_no_memory_in_a_sentence(tmp_path: Path) -> None:
    runs = {"none": 3, "full": None, "semantic": None, "random_neighbours": 3}
    report = report_of(hand_paper_study(tmp_path / "hand", runs), n_resamples=50)
    shown = ["none", "semantic", "random_neighbours"]
    told = paper_values(report.analysis, report.made, report.look, shown)["results"][0]
    assert "With semantic memory (exploratory" in told
    assert "With random neighbours (exploratory" in told


def test_what_is_to_be_shown_must_be_in_the_study(tmp_path: Path) -> None:
    runs = {"none": 3, "full,memory.k=2": None, "full,memory.k=8": None}
    report = report_of(hand_paper_study(tmp_path / "hand", runs), n_resamples=50)
    with pytest.raises(RequestError) as refused:
        paper_values(report.analysis, report.made, report.look, ["nnoe", "full", "none"])
    assert str(refused.value).splitlines() == [
        "variants: 'nnoe' is no variant of the study. Did you mean none? It has none,"
        " full,memory.k=2, full,memory.k=8.",
        "variants: 'full' stands for several variants, name those that are meant: full,memory.k=2,"
        " full,memory.k=8.",
    ]


def test_pages_stand_beside_the_study(tmp_path: Path, paper_dir: Path) -> None:
    results = SOURCE.parent / "results"
    path = fake_study(tmp_path / "fake", dimensions=1)
    pages = Pages(results, certify="certify", forensics="forensics", beside=("asking",))
    pdf = built(path, paper_dir, n_resamples=20, pages=pages)
    alone = built(path, paper_dir, n_resamples=20, out=tmp_path / "alone.pdf")
    assert pdf.stat().st_size > 1.5 * alone.stat().st_size
    # Without its pages the paper reads none of their values.
    assert "published" not in json.loads((paper_dir / "generated/values.json").read_text())


def test_a_page_without_its_folder_is_refused_with_what_makes_it(
    tmp_path: Path, paper_dir: Path
) -> None:
    path = fake_study(tmp_path / "fake", dimensions=1)
    with pytest.raises(RecordError, match=r"memalign-bench forensics.*forensics=null"):
        built(path, paper_dir, n_resamples=20, pages=Pages(tmp_path, forensics="forensics"))
    with pytest.raises(RecordError, match=r"coverage\.svg does not exist.*certify=null"):
        built(path, paper_dir, n_resamples=20, pages=Pages(tmp_path, certify="certify"))
    absent = Pages(tmp_path, beside=("asking", "fake", "saf_by_question"))
    with pytest.raises(RecordError, match=r"no study asking and saf_by_question.*'beside=\[\]'"):
        built(path, paper_dir, n_resamples=20, pages=absent)
    with pytest.raises(RecordError, match=r"memalign-bench report study=fake.*beside="):
        built(path, paper_dir, n_resamples=20, pages=Pages(tmp_path, beside=("fake",)))


def test_findings_keep_their_verdicts_and_numbers(tmp_path: Path) -> None:
    rows = [
        {"check": "items", "where": "a: model_use", "verdict": "agrees", "sentence": "n = 16."},
        {"check": "odd", "where": "b", "verdict": "agrees", "sentence": "p_1 is 0.1."},
    ]
    file = tmp_path / "forensics.json"
    file.write_text(json.dumps({"source": "S", "findings": rows}))
    told = published(file)
    assert told["counts"].startswith("2 findings: 2 ")
    assert [group["title"] for group in told["groups"]][1] == "odd"
    assert told["groups"][0]["rows"] == [["a: model use", "agrees", "n = 16."]]
    file.write_text("[]")
    with pytest.raises(RecordError, match="not the outcome of an audit"):
        published(file)
