"""What `dataset.texts=private` promises: no text of the data stands in the files of a study."""

import json
from pathlib import Path

import pytest
from tests.datasets.private_texts import files_that_quote

from memalign_bench.cli import main

WORDS = ("silk", "jute", "wool", "linen", "hemp", "cotton", "felt", "tweed")


def data():
    """Labels by two people; signs that files escape stand at the beginning of each text."""
    return [
        {
            "item_id": f"i{n}",
            "case_id": f"c{n}",
            "prompt": f'Say "what" <came> & went/of\nthe {word}, all of it and in one sentence.',
            "context": f"It's {word}'s bale {n} of <the> \"old\" harbour, weighed & sealed/signed.",
            "content": f'"The" {word} <came> & went/back: é\nnobody saw the lamps or the rope.',
            "rater": rater,
            "dimension": "planted_quality",
            "score": 1 + n % 3,
            "rationale": f'<{rater}> says: "the {word}" is why, & nothing/else is; it\'s so.',
        }
        for n, word in enumerate(WORDS)
        for rater in ("ann", "bob")
    ]


@pytest.mark.parametrize("kept", ["private", "public"])
def test_no_private_text_leaves_the_call_store(kept, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("t.jsonl").write_text("".join(json.dumps(row) + "\n" for row in data()))
    words = (
        *("run", "dataset=files", "dataset.path=t.jsonl", f"dataset.texts={kept}", "gold=median"),
        *("rubric=planted", "backend=scripted", "folds=2", "study=s", "tracker=none"),
        "call_store=elsewhere/calls.sqlite",
    )
    assert main([*words, "alignment=semantic", "distiller=extractive"]) == 0
    assert main([*words, "alignment=full", "attribute=true"]) == 0
    assert main(["report", "study=s", "tracker=none", "stats.n_resamples=20"]) == 0
    texts = [row[key] for row in data() for key in ("prompt", "context", "content", "rationale")]
    assert Path("results/s/report.html").is_file()
    quoting = files_that_quote(Path("results/s"), texts)
    # Guidelines that are taken from rationales word by word are what a public study shows.
    assert any(name.endswith("memory.json") for name in quoting) == (kept == "public")
    assert (quoting == []) == (kept == "private")
