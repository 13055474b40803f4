import csv
import json
import os
from collections import Counter
from pathlib import Path

import pytest
from tests.datasets.private_texts import files_that_quote

from memalign_bench.config import build, composed, instance
from memalign_bench.datasets import saf
from memalign_bench.datasets.gold import gold_labels
from memalign_bench.datasets.listed import Place
from memalign_bench.datasets.saf import SAFSource, answer_digest, drawn_answers, listed_answers
from memalign_bench.errors import DataError, RequestError
from memalign_bench.notebooks.views import render_view

SAMPLE = Path(
    os.environ.get("SAF_FILE", Path(__file__).parents[3] / "shared" / "data" / "saf" / "saf.jsonl")
)
needs_sample = pytest.mark.skipif(
    not SAMPLE.is_file(), reason="the SAF sample is not here (set SAF_FILE)"
)


def rubric():
    return instance(composed("run", ["dataset=saf"]).cfg, "rubric")


def source(path, **more):
    return SAFSource("saf", path=str(path), notice="Real people.", **more)


def row(answer, verdict, question="Why?", told="Because."):
    return {
        "question": question,
        "reference": f"The reason, for {question}",
        "answer": answer,
        "verification": verdict,
        "feedback": told,
    }


ROWS = [
    row("For no reason.", "Incorrect"),
    row("For a reason.", "Partially correct"),
    row("For the reason.", "Correct"),
    row("For that reason.", "Correct"),
    row("Then.", "Correct", "When?"),
]


def write(path, rows):
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return path


@pytest.fixture
def listed(monkeypatch):
    """A list of this test's own rows, as one is in the package: a-0 to a-3 of q-1, a-4 of q-2."""
    held = {
        answer_digest(held): Place(f"a-{number}", "q-1" if held["question"] == "Why?" else "q-2")
        for number, held in enumerate(ROWS)
    }
    monkeypatch.setattr(saf, "listed_answers", lambda: held)


def test_the_package_lists_ids_and_hashes_and_no_sentence():
    places = listed_answers()
    assert len(places) == 262
    assert len({place.item_id for place in places.values()}) == 262
    assert len({place.case_id for place in places.values()}) == 21
    with Path(saf.__file__).with_name("saf_sample.csv").open(encoding="utf-8") as file:
        for entry in csv.DictReader(file):
            assert list(entry) == ["item_id", "case_id", "sha256"]
            assert len(entry["sha256"]) == 64
            assert all(" " not in value and len(value) <= 64 for value in entry.values())


def test_the_sample_is_taken_out_of_a_larger_file(listed, tmp_path):
    rows = [row("Not in the sample.", "Correct"), *reversed(ROWS)]
    data = source(write(tmp_path / "some.jsonl", rows)).load(rubric())
    assert list(data.item) == ["a-0", "a-1", "a-2", "a-3", "a-4"]
    first = data.item["a-0"]
    assert (first.prompt, first.content) == ("Why?", "For no reason.")
    assert first.context == "The reason, for Why?"
    assert [label.score for label in data.label_list] == [1, 2, 3, 3, 3]
    assert {(label.rater, label.rationale) for label in data.label_list} == {("grader", "Because.")}
    assert data.texts == "private"
    assert data.notice.startswith(
        "Real people. 5 answers: 1 incorrect, 1 partially correct, 3 correct."
    )


def test_a_case_is_a_question_or_an_answer(listed, tmp_path):
    path = write(tmp_path / "some.jsonl", ROWS)
    by_question = source(path).load(rubric())
    assert [item.case_id for item in by_question.item.values()] == ["q-1"] * 4 + ["q-2"]
    assert {item.stratum for item in by_question.item.values()} == {""}
    assert "No answer to a judged question is in memory." in by_question.notice
    by_answer = source(path, case="answer").load(rubric())
    assert [item.case_id for item in by_answer.item.values()] == list(by_answer.item)
    assert [item.stratum for item in by_answer.item.values()] == ["q-1"] * 4 + ["q-2"]
    assert "may be in memory" in by_answer.notice


@pytest.mark.parametrize("key", ["case=answer", "sample=broad"])
def test_what_is_asked_for_is_part_of_the_name_of_a_run(key, listed, tmp_path):
    path = write(tmp_path / "some.jsonl", ROWS)
    names = set()
    for words in ([], [f"dataset.{key}"]):
        job = composed("run", ["dataset=saf", f"dataset.path={path}", "backend=scripted", *words])
        spec = build(job.cfg, job.choices)
        names.add(spec.run_id(spec.dataset.load(spec.rubric)))
    assert len(names) == 2


def test_the_broad_sample_has_one_answer_of_each_verdict_a_question(listed, tmp_path):
    path = write(tmp_path / "some.jsonl", ROWS)
    data = source(path, sample="broad").load(rubric())
    assert [label.score for label in data.label_list] == [1, 2, 3, 3]
    assert {"a-0", "a-1", "a-4"} < set(data.item)
    assert "expected to mislead" not in data.notice
    both = source(path, sample="broad", case="answer").load(rubric())
    assert "expected to mislead" in both.notice
    deep = source(path, sample="deep", case="answer").load(rubric())
    assert "one like the judged answer against four unlike it" in deep.notice
    again = source(write(tmp_path / "turned.jsonl", ROWS[::-1]), sample="broad").load(rubric())
    assert list(again.item) == list(data.item)


def test_a_smaller_sample_draws_by_ids_and_grades_alone():
    grades = {Place(f"{q}.{n:02}", q): 1 + n % 3 for q in "abcdefg" for n in range(30)}
    drawn = drawn_answers(grades, "broad")
    assert Counter((place.case_id, grades[place]) for place in drawn) == Counter(
        (q, grade) for q in "abcdefg" for grade in (1, 2, 3)
    )
    assert drawn == drawn_answers(dict(reversed(grades.items())), "broad")
    assert len({place.item_id[2:] for place in drawn}) > 5  # not the first of each


@needs_sample
def test_the_whole_sample_has_every_answer_of_a_quarter_of_the_questions():
    data = source(SAMPLE, sample="whole", case="answer").load(rubric())
    everything = source(SAMPLE).load(rubric())
    taken = {item.stratum for item in data.item.values()}
    assert len(taken) == 6  # of 21
    assert len(data.item) == sum(one.case_id in taken for one in everything.item.values()) == 63
    assert "mislead" not in data.notice


def test_the_deep_sample_has_two_answers_of_each_verdict_in_half_of_the_questions():
    grades = {Place(f"{q}.{n:02}", q): 1 + n % 3 for q in "abcdefg" for n in range(30)}
    drawn = drawn_answers(grades, "deep")
    counts = Counter((place.case_id, grades[place]) for place in drawn)
    assert set(counts.values()) == {2}
    assert len({question for question, _ in counts}) == 4
    assert drawn == drawn_answers(dict(reversed(grades.items())), "deep")


def test_all_problems_are_told_at_once(listed, tmp_path):
    rows = [
        {**ROWS[0], "verification": "Superb"},
        {key: value for key, value in ROWS[1].items() if key != "feedback"},
        {**ROWS[2], "answer": " "},
        {**ROWS[3], "feedback": ["a", "list"]},
    ]
    path = write(tmp_path / "some.jsonl", rows)
    path.write_text(path.read_text() + "\n[1]\n{\n", encoding="utf-8")
    with pytest.raises(DataError) as caught:
        source(path).load(rubric())
    told = "\n".join(caught.value.problems)
    for part in (
        "some.jsonl:1: verification 'Superb' is none of incorrect, partially correct, correct.",
        "some.jsonl:2: feedback must be a text that says something, got NoneType.",
        "some.jsonl:3: answer must be a text that says something, got str.",
        "some.jsonl:4: feedback must be a text that says something, got list.",
        "some.jsonl:5: not an object",
        "some.jsonl:6: not JSON",
        "item 'a-4' of the sample is not in it",
    ):
        assert part in told


@pytest.mark.parametrize("content", [b"", b"[", b"{}", b"\xff\xfe", b'["text"]', b"[" * 100_000])
def test_files_that_are_something_else_are_refused(content, tmp_path):
    path = tmp_path / "bad.jsonl"
    path.write_bytes(content)
    with pytest.raises(DataError):
        source(path).load(rubric())


def test_choices_that_are_none_and_a_missing_path_are_told_together():
    with pytest.raises(RequestError) as caught:
        SAFSource("saf", case="grader", sample="tiny").load(rubric())
    told = str(caught.value)
    assert "dataset.case='grader' is not one of question, answer." in told
    assert "dataset.sample='tiny' is not one of all, broad, deep, whole." in told
    assert "dataset.path=FILE" in told
    assert "github.com/SebOchs/SAF" in told


@needs_sample
def test_the_real_file_is_read_whole():
    data = source(SAMPLE).load(rubric())
    assert Counter(label.score for label in data.label_list) == {1: 66, 2: 94, 3: 102}
    rows = [json.loads(line) for line in SAMPLE.read_text(encoding="utf-8").split("\n") if line]
    assert {(held["answer_id"], held["question_id"]) for held in rows} == {
        (item.item_id, item.case_id) for item in data.item.values()
    }
    gold = gold_labels(data, composed("run", ["dataset=saf"]).cfg.gold, ["answer_correctness"])
    assert len(gold) == 262
    assert all(entry.rationale for entry in gold.values())
    broad = source(SAMPLE, sample="broad").load(rubric())
    assert Counter(label.score for label in broad.label_list) == {1: 18, 2: 20, 3: 21}
    assert len({item.case_id for item in broad.item.values()}) == 21


@needs_sample
def test_no_item_and_no_example_is_cut():
    job = composed("run", ["dataset=saf", f"dataset.path={SAMPLE}", "backend=embedded"])
    spec = build(job.cfg, job.choices)
    rule = spec.rubric.dimensions["answer_correctness"].view
    for item in spec.dataset.load(spec.rubric).item.values():
        text = render_view(item, rule, spec.view).text
        assert text == f"Request: {item.prompt}\nContext: {item.context}\n{item.content}"
        example = render_view(item, rule, spec.view, example=True).text
        assert example == f"Request: {item.prompt}\n{item.content}"


@needs_sample
@pytest.mark.parametrize("name", ["answer", "feedback", "verification"])
def test_a_changed_sentence_or_verdict_is_noticed(name, tmp_path):
    lines = SAMPLE.read_text(encoding="utf-8").splitlines()
    first = json.loads(lines[0])
    changed = "Correct" if name == "verification" else first[name] + " More."
    lines[0] = json.dumps({**first, name: changed})
    path = tmp_path / "saf.jsonl"
    path.write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(DataError) as caught:
        source(path).load(rubric())
    assert len(caught.value.problems) == 1
    assert first["answer_id"] in caught.value.problems[0]


@needs_sample
@pytest.mark.parametrize("case", ["question", "answer"])
def test_no_sentence_leaves_the_call_store(case, tmp_path):
    """The whole way: run and report on the real file, then look for its texts in every file."""
    from memalign_bench.cli import main

    options = [
        *("dataset=saf", f"dataset.path={SAMPLE}", "backend=scripted", "dataset.sample=broad"),
        *(f"dataset.case={case}", "folds=2", "study=private", f"results_dir={tmp_path}"),
        *("tracker=none", f"call_store={tmp_path / 'elsewhere' / 'calls.sqlite'}"),
    ]
    assert main(["run", *options]) == 0
    assert main(["report", "study=private", f"results_dir={tmp_path}", "tracker=none"]) == 0
    rows = [json.loads(line) for line in SAMPLE.read_text(encoding="utf-8").split("\n") if line]
    texts = {
        held[name] for held in rows for name in ("question", "reference", "answer", "feedback")
    }
    assert (tmp_path / "private" / "report.html").is_file()
    assert files_that_quote(tmp_path / "private", texts) == []
