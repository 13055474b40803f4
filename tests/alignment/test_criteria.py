"""Criteria made of what experts said."""

import dataclasses
import re

import pytest

from memalign_bench.alignment.base import AlignContext
from memalign_bench.alignment.criteria import DistilledCriteria, criteria_from
from memalign_bench.errors import AlignmentError
from memalign_bench.judging.checklist import ChecklistScoring, Criterion
from memalign_bench.judging.judge import Judge, LabelledItem, ShownItem
from memalign_bench.judging.prompt import PromptLayout
from memalign_bench.memory.distillers import ExtractiveDistiller
from memalign_bench.types import DimensionRubric, Guideline, Rubric, Scale

SCALE = Scale((1, 2, 3), ("bad", "average", "good"))
DIMENSION = DimensionRubric("q", "Q", "Sound?", {1: "No.", 2: "So.", 3: "Yes."})
RUBRIC = Rubric("r", "note", SCALE, {"q": DIMENSION})
WRITTEN = [
    {"question": "Is it there?", "good": "yes", "grade": 2},
    {"question": "Is it tuned?", "good": "yes", "grade": 3},
]
JUDGE = Judge(RUBRIC, DIMENSION, None, ChecklistScoring({"q": WRITTEN}), PromptLayout())
ALIGNMENT = DistilledCriteria(
    "criteria", ExtractiveDistiller(), 'Said of this {artefact}: "{text}"?'
)


def train(*scores):
    return [
        LabelledItem(ShownItem(f"i{n}", "text", "text"), score, f"reason {n} for it")
        for n, score in enumerate(scores)
    ]


def asked(aligned):
    return {(one.question, one.good, one.grade) for one in aligned.judge.scoring.criteria["q"]}


def test_what_was_said_of_a_grade_is_asked_for_and_needed_above_it():
    aligned = ALIGNMENT.align(JUDGE, train(1, 2, 3), AlignContext(0, None))
    assert asked(aligned) == {
        ('Said of this note: "reason 0 for it"?', "no", 2),
        ('Said of this note: "reason 1 for it"?', "no", 3),
        ('Said of this note: "reason 2 for it"?', "yes", 3),
    }
    assert aligned.notes == ()
    assert {name for one in aligned.distillation.guidelines for name in one.sources} == {
        *("i0", "i1", "i2")
    }
    assert JUDGE.scoring.as_mappings == {"q": WRITTEN}


def test_written_criteria_stand_in_for_a_grade_that_nobody_argued_against():
    aligned = ALIGNMENT.align(JUDGE, train(3, 3), AlignContext(0, None))
    assert ("Is it there?", "yes", 2) in asked(aligned)
    assert ("Is it tuned?", "yes", 3) not in asked(aligned)
    assert "needed for grade 2: the written criteria of the rubric stand in (1)" in aligned.notes[0]
    bare = dataclasses.replace(JUDGE, scoring=ChecklistScoring({"q": WRITTEN[1:]}))
    with pytest.raises(AlignmentError, match="distilled or written, tells grade 2"):
        ALIGNMENT.align(bare, train(3, 3), AlignContext(0, None))


def test_without_labels_on_purpose_the_written_criteria_are_asked():
    aligned = ALIGNMENT.align(JUDGE, [], AlignContext(0, None, n_train=0))
    assert aligned.judge is JUDGE
    assert aligned.distillation.guidelines == ()


def test_contradictions_are_left_out_and_said():
    rules = [
        Guideline("It is  tuned.", ("a",), 3),
        Guideline("it is tuned.", ("b",), 1),
        Guideline("Nothing was tried.", ("c",), 1),
        Guideline("Nothing was tried.", ("d",), 1),
        Guideline("nothing was tried.", ("e",), None),  # says nothing else
        Guideline("Be fair.", ("f",), None),
    ]
    made = criteria_from(rules, [Criterion("Is it tuned?", "yes", 3)], SCALE, "{text}")
    assert [(one.question, one.good, one.grade) for one in made.criteria] == [
        ("Nothing was tried.", "no", 2),
        ("Is it tuned?", "yes", 3),
    ]
    assert [note[0] for note in made.notes] == ["1", "1", "n"]
    assert "contradict" in made.notes[0]
    assert made.lacking is None


def test_a_wording_without_the_guideline_is_refused():
    with pytest.raises(ValueError, match=re.escape("must hold {text}, got 'Is it so?'")):
        DistilledCriteria("criteria", ExtractiveDistiller(), "Is it so?")
