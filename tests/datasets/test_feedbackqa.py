import json
import os
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import pytest
from tests.datasets.private_texts import files_that_quote

from memalign_bench.config import composed, instance
from memalign_bench.datasets.feedbackqa import FeedbackQASource, sample
from memalign_bench.datasets.gold import gold_labels
from memalign_bench.datasets.listed import Place, text_digest
from memalign_bench.errors import DataError

SAMPLE = Path(
    os.environ.get(
        "FEEDBACKQA_FILE",
        Path(__file__).parents[3] / "shared" / "data" / "feedbackqa" / "feedbackqa.jsonl",
    )
)
needs_sample = pytest.mark.skipif(
    not SAMPLE.is_file(), reason="the FeedbackQA sample is not here (set FEEDBACKQA_FILE)"
)


def rubric():
    return instance(composed("run", ["dataset=feedbackqa"]).cfg, "rubric")


def source(path):
    return FeedbackQASource("feedbackqa", path=str(path), notice="Real people.")


@pytest.fixture
def small(monkeypatch):
    """A sample of two pairs of this test's own, as one is listed in the package."""
    pairs = {("Who?", "A man."): ("t-1", "c-1"), ("When?", "At  noon."): ("t-2", "c-2")}
    listed = {text_digest(*texts): place for texts, place in pairs.items()}
    from memalign_bench.datasets import feedbackqa

    held = {digest: Place(*place) for digest, place in listed.items()}
    monkeypatch.setattr(feedbackqa, "sample", lambda: held)


def authors_row(question, passage, ratings, told):
    return {
        "question": question,
        "passage": {
            "source": "CDC",
            "reference": {
                "page_title": "Page",
                "section_headers": ["Part"],
                "section_content": passage,
            },
        },
        "rating": ratings,
        "feedback": told,
    }


def write_authors_file(path, rows):
    path.write_text(json.dumps(rows), encoding="utf-8")
    return path


ROWS = [
    authors_row("Who?", "A man.", ["Bad", "Excellent", "Acceptable"], ["no", "yes", "so"]),
    authors_row("Else?", "Not in the sample.", ["Bad"], ["no"]),
    authors_row("When?", "At noon.", ["Excellent", "Could be Improved"], ["fine", "hm"]),
]


def test_the_package_lists_ids_and_hashes_and_no_sentence():
    places = sample()
    assert len(places) == 250
    assert len({place.item_id for place in places.values()}) == 250
    assert len({place.case_id for place in places.values()}) == 64
    assert all(len(digest) == 64 for digest in places)


def test_the_sample_is_found_in_the_authors_file(small, tmp_path):
    data = source(write_authors_file(tmp_path / "feedback_test.json", ROWS)).load(rubric())
    assert list(data.item) == ["t-1", "t-2"]
    first = data.item["t-1"]
    assert (first.prompt, first.content, first.context) == ("Who?", "A man.", "Page > Part")
    assert (first.case_id, first.stratum) == ("c-1", "CDC")
    assert [label.score for label in data.label_list] == [1, 4, 3, 4, 2]
    assert data.texts == "private"
    assert data.notice == "Real people. 1 items with 2 raters, 1 items with 3 raters."
    gold = gold_labels(data, "median", ["answer_quality"])
    assert [gold[key].score for key in sorted(gold)] == [3, 2]


def test_all_problems_are_told_at_once(small, tmp_path):
    rows = [
        {**ROWS[0], "rating": ["Bad", "Superb", "Acceptable"]},
        {"question": "no passage"},
        authors_row("When?", "At midnight.", ["Bad"], ["no"]),
    ]
    with pytest.raises(DataError) as caught:
        source(write_authors_file(tmp_path / "some.json", rows)).load(rubric())
    told = "\n".join(caught.value.problems)
    assert "row 2: KeyError: 'passage'" in told
    assert "item 't-2' of the sample is not in it" in told
    assert "rating 'Superb' is none of bad, could be improved, acceptable, excellent" in told


@pytest.mark.parametrize("content", [b"", b"[", b"{}", b"\xff\xfe", b'["text"]', b"[" * 100_000])
def test_files_that_are_something_else_are_refused(content, tmp_path):
    path = tmp_path / "bad.json"
    path.write_bytes(content)
    with pytest.raises(DataError):
        source(path).load(rubric())


def test_an_unreachable_hub_names_the_way_out(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    waits = []  # the hub's client waits 1, 2, 4, 8 and 8 s between its tries
    monkeypatch.setattr("huggingface_hub.utils._http.time", SimpleNamespace(sleep=waits.append))
    job = composed("run", ["dataset=feedbackqa"])
    with pytest.raises(DataError, match=r"dataset\.path=FILE"):
        instance(job.cfg, "dataset").load(rubric())
    assert 0 < sum(waits) < 30


@needs_sample
def test_the_real_file_is_read_whole():
    data = source(SAMPLE).load(rubric())
    assert len(data.item) == 250
    counts = Counter(label.score for label in data.label_list)
    assert counts == {1: 326, 2: 126, 3: 125, 4: 173}


@needs_sample
def test_a_changed_sentence_is_noticed(tmp_path):
    lines = SAMPLE.read_text(encoding="utf-8").splitlines()
    first = json.loads(lines[0])
    lines[0] = json.dumps({**first, "passage": first["passage"] + " More."})
    path = tmp_path / "feedbackqa.jsonl"
    path.write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(DataError) as caught:
        source(path).load(rubric())
    assert len(caught.value.problems) == 1
    assert first["item_id"] in caught.value.problems[0]


@needs_sample
def test_no_sentence_leaves_the_call_store(tmp_path):
    """The whole way: run and report on the real file, then look for its texts in every file."""
    from memalign_bench.cli import main

    options = [
        *("dataset=feedbackqa", f"dataset.path={SAMPLE}", "backend=scripted", "limit=24"),
        *("folds=2", "study=private", f"results_dir={tmp_path}", "tracker=none"),
        f"call_store={tmp_path / 'elsewhere' / 'calls.sqlite'}",
    ]
    assert main(["run", *options]) == 0
    assert main(["report", "study=private", f"results_dir={tmp_path}", "tracker=none"]) == 0
    rows = [json.loads(line) for line in SAMPLE.read_text(encoding="utf-8").splitlines()]
    texts = [text for row in rows[:24] for text in (row["question"], *row["explanations"])]
    texts += [line for row in rows[:24] for line in row["passage"].split("\n")]
    assert (tmp_path / "private" / "report.html").is_file()
    assert files_that_quote(tmp_path / "private", texts) == []
