import json
from dataclasses import replace

import numpy as np
import pytest
from nbformat import v4

from genie_synth.audit.conditions import Condition, conditions
from genie_synth.audit.corpus import audit_corpus
from genie_synth.audit.oracle import OracleMatch
from genie_synth.audit.overlap import code_lines, code_overlap, jaccard
from genie_synth.audit.shortcuts import (
    MEDIAN,
    Shortcut,
    shortcuts,
    telling_words,
    worst_ratios,
)
from memalign_bench.cli import main
from memalign_bench.datasets.dataset import Evidence, LabelledDataset
from memalign_bench.notebooks.views import ViewSettings
from memalign_bench.types import DimensionRubric, Item, Label, Rubric, Scale, ViewRule


def notebook(*sources):
    return json.dumps(v4.new_notebook(cells=[v4.new_code_cell(source) for source in sources]))


def item(name, case, *sources):
    return Item(name, case, "", "", "notebook", notebook(*sources))


def test_lines_of_code_are_counted_without_comments_and_blanks():
    lines = code_lines(item("a", "c", "import os\n\n# why\n  x = 1 ", "x = 1\nprint(x)"))
    assert lines == {"import os", "x = 1", "print(x)"}
    assert jaccard(frozenset(), frozenset()) == 0.0


def test_overlap_is_that_of_different_cases():
    items = [
        item("a", "one", "a\nb\nc\nd"),
        item("b", "one", "a\nb\nc\nd"),  # its twin, of the same case
        item("c", "two", "a\nb\ne\nf"),
        item("d", "three", "g"),
    ]
    found = code_overlap(LabelledDataset.of("d", items, [Label("a", "q", "gold", 1, "")]))
    # a-c and b-c share 2 of 6 lines; a-d, b-d, c-d share none.
    assert found.largest == pytest.approx(2 / 6)
    assert found.median == 0.0
    assert found.pair == ("b", "c")
    assert (
        code_overlap(LabelledDataset.of("d", items[:2], [Label("a", "q", "gold", 1, "")])) is None
    )


def planted(word_of):
    rng = np.random.default_rng(0)
    grades = [1 + n % 3 for n in range(48)]
    noise = [" ".join(f"w{k}" for k in rng.integers(0, 40, 3)) for _ in grades]
    texts = [f"{word_of(grade)} {words}" for grade, words in zip(grades, noise, strict=True)]
    return texts, grades, [f"c{n // 2}" for n in range(48)]


def test_a_word_that_gives_the_grade_away_is_found():
    texts, grades, cases = planted(lambda grade: ("bad", "so", "good")[grade - 1])
    found = shortcuts({"text": texts}, grades, cases, repeats=1)
    assert found[0] == Shortcut("", MEDIAN, pytest.approx(2 / 3, abs=0.05))
    assert worst_ratios({"q": found})["q"] < 0.3
    words = telling_words(texts, grades, n=2)
    assert words[1][0].split()[0] == "bad"
    assert words[3][0].split()[0] == "good"


def test_words_that_say_nothing_do_not_beat_the_median():
    texts, grades, cases = planted(lambda grade: "note")
    assert worst_ratios({"q": shortcuts({"text": texts}, grades, cases)})["q"] > 0.8


def test_the_best_shortcut_counts():
    tried = [Shortcut("", MEDIAN, 0.8), Shortcut("a", "x", 0.4), Shortcut("b", "y", 0.6)]
    assert worst_ratios({"q": tried}) == {"q": 0.5}
    assert worst_ratios({"q": [Shortcut("", MEDIAN, 0.0), Shortcut("a", "x", 0.1)]}) == {"q": 1.0}


RUBRIC = Rubric(
    "r",
    "notebook",
    Scale((1, 2, 3), ("bad", "average", "good")),
    {
        "q": DimensionRubric(
            "q", "Q", "?", {1: "No.", 2: "So.", 3: "Yes."}, "n/a", ViewRule("cells", ("fit",))
        )
    },
)


@pytest.fixture(scope="module")
def audit():
    items = [item(f"i{n}", f"c{n // 2}", f"model.fit(X{n})\nsecret{n} = {n}") for n in range(16)]
    scores = [1 + n % 3 for n in range(16)]
    labels = [
        Label(f"i{n}", "q", rater, min(score + (rater == "r2" and n == 0), 3), "")
        for n, score in enumerate(scores)
        for rater in ("gold", "r1", "r2")
    ]
    evidence = tuple(
        Evidence(
            f"i{n}",
            "q",
            f"way-{n % 5}",
            min(score + 1, 3),
            (f"model.fit(X{n})", f"hidden{n}"),
            score,
        )
        for n, score in enumerate(scores)
    )
    data = LabelledDataset.of("d", items, labels, evidence=evidence)
    return audit_corpus(data, RUBRIC, [ViewSettings("v", 200, 50)], repeats=1)


def test_an_audit_measures_what_was_planted(audit):
    assert (audit.n_items, audit.n_cases) == (16, 8)
    assert audit.survivals[0].share == 0.5
    assert audit.realisations == {("q", 1): 5, ("q", 2): 5, ("q", 3): 5}
    [entry] = audit.dimensions
    assert entry.literal_distance == pytest.approx(11 / 16)  # the five 3s are read as 3
    assert entry.rater_noise == {"r1": 0.0, "r2": pytest.approx(1 / 16)}
    assert 0.9 < audit.alphas["q"] < 1.0
    assert json.loads(json.dumps(audit.as_json()))["overlap"]["largest"] == 0.0


def test_conditions_name_what_fails(audit):
    held = {check.name: check for check in conditions(audit, reported=True)}
    assert held["cases"] == Condition("cases", 8, "at least 25", False)
    assert held["items"].holds
    assert not held["fewest realisations (q, score 1)"].holds
    assert not next(c for name, c in held.items() if name.startswith("evidence")).holds
    assert "cases" not in {check.name for check in conditions(audit, reported=False)}


def test_an_oracle_that_misses_fails_the_corpus(audit):
    def held(dimension, n_right, n_steady):
        match = OracleMatch(dimension, 20, n_right, n_steady, 0.1, ("i1",))
        checks = conditions(replace(audit, oracle=(match,)), reported=False)
        return [check.holds for check in checks if "oracle" in check.name]

    assert audit.oracle == ()
    assert held("model_training", 20, 20) == [True, True]
    assert held("model_training", 19, 20) == [False, True]
    assert held("cell_organization", 18, 20) == [True, True]
    assert held("cell_organization", 17, 19) == [False, False]


@pytest.mark.slow
def test_the_bundled_development_corpus_is_audited_and_stored(tmp_path, capsys):
    words = ["corpus", "action=audit", "seed=1", "repeats=1", "tells=true", f"out={tmp_path}"]
    assert main(words) in (0, 1)
    shown = capsys.readouterr().out
    assert "Planted evidence that survives a view" in shown
    assert "model_training, 3:" in shown
    first = (tmp_path / "audit.json").read_bytes()
    stored = json.loads(first)
    assert stored["n_cases"] == 12
    assert set(stored["shortcut_ratios"]) == {"gold", "noise_free"}
    assert [entry["n_noise_free"] for entry in stored["oracle"]] == [24] * 9
    assert [entry["n_steady"] for entry in stored["oracle"]] == [24] * 9
    text = (tmp_path / "audit.md").read_text()
    assert "## Conditions" in text
    assert "## An expert that only reads the notebooks" in text
