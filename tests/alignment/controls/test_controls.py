"""Each control does what it says, as its prompts show."""

import dataclasses
from collections import Counter

import pytest

from memalign_bench import prompt_parts
from memalign_bench.alignment.base import AlignContext, MemorySettings
from memalign_bench.alignment.baselines.label_calibration import LabelCalibration
from memalign_bench.alignment.baselines.ridge import Ridge
from memalign_bench.alignment.controls.empty_wrapper import EmptyWrapper
from memalign_bench.alignment.controls.length_filler import LengthFiller, filler
from memalign_bench.alignment.controls.no_labels import NoLabels
from memalign_bench.alignment.controls.no_rationales import NoRationales
from memalign_bench.alignment.controls.other_guidelines import OtherGuidelines
from memalign_bench.alignment.controls.raters_apart import RatersApart
from memalign_bench.alignment.controls.shuffled_labels import ShuffledLabels, shuffled
from memalign_bench.alignment.dual import DualMemory
from memalign_bench.backends.simulated.prompt_reader import read_prompt
from memalign_bench.backends.simulated.scripted_judge import Scripted
from memalign_bench.backends.store.call_store import CallStore
from memalign_bench.backends.store.stored_backend import StoredBackend
from memalign_bench.errors import AlignmentError
from memalign_bench.judging.judge import Judge, LabelledItem, ShownItem
from memalign_bench.judging.prompt import (
    PromptLayout,
    PromptParts,
    guidelines_section,
    render_prompt,
)
from memalign_bench.judging.scoring import LogprobScoring, VerdictScoring
from memalign_bench.memory.distillers import ExtractiveDistiller
from memalign_bench.memory.embedders import BackendEmbedder, TfidfEmbedder
from memalign_bench.notebooks.budget import estimate_tokens
from memalign_bench.types import NOT_APPLICABLE, DimensionRubric, Label, Rubric, Scale, Verdict

LEVELS = {1: "No.", 2: "So.", 3: "Yes."}
SOUND = DimensionRubric("sound", "Sound", "Is it sound?", LEVELS)
CLEAR = DimensionRubric("clear", "Clear", "Is it clear?", LEVELS)
SCALE = Scale((1, 2, 3), ("bad", "average", "good"))
RUBRIC = Rubric("r", "note", SCALE, {"sound": SOUND, "clear": CLEAR})
JUDGE = Judge(RUBRIC, SOUND, None, LogprobScoring(), PromptLayout())
RATERS = ("ann", "bob")
ITEM = ShownItem("asked", "common text 3", "")


def items(dimension="sound", count=12):
    return [
        LabelledItem(
            ShownItem(f"m{n:02d}", f"common text {n}", f"brief text {n}"),
            1 + n % 3,
            f"{dimension} reason {n}",
            tuple(Label(f"m{n:02d}", dimension, name, 1 + (n + at) % 3, f"{name} says {n}")
                  for at, name in enumerate(RATERS)),
        )
        for n in range(count)
    ]  # fmt: skip


TRAIN = items()
CONTEXT = AlignContext(0, None, train_on=items)
FULL = DualMemory("full", True, True, MemorySettings(k=3), ExtractiveDistiller(), TfidfEmbedder())


def prompt(judge, item=ITEM):
    """The parts of a judge's prompt, and the whole of it."""
    examples = judge.retriever.nearest(item) if judge.retriever else ()
    parts = PromptParts(RUBRIC, SOUND, judge.guidelines, examples, item.text, False)
    messages = render_prompt(JUDGE.layout, parts, "Grade.")
    return read_prompt(messages), "\n".join(message.content for message in messages)


def aligned(control):
    return control.align(JUDGE, TRAIN, CONTEXT)


FULL_PARTS, FULL_TEXT = prompt(aligned(FULL).judge)


def test_the_memories_under_control_show_something():
    assert len(FULL_PARTS.guidelines) == 6
    assert len(FULL_PARTS.examples) == 3
    assert {entry.grade for entry in FULL_PARTS.examples} <= {"1", "2", "3"}


def test_an_empty_wrapper_carries_neither_guideline_nor_example():
    control = aligned(EmptyWrapper("empty_wrapper", FULL))
    _, text = prompt(control.judge)
    assert "reason" not in text
    assert "brief" not in text
    assert text.count(prompt_parts.EXAMPLE + " ") == 3
    assert text.splitlines().count("-") + text.splitlines().count("- ") == 6
    assert control.distillation is None
    assert control.n_examples == 0


def test_a_frame_or_filler_is_not_recorded_as_memory():
    with CallStore() as store, StoredBackend(Scripted(), store) as backend:
        judge = dataclasses.replace(JUDGE, backend=backend)
        for control in (EmptyWrapper("e", FULL), LengthFiller("l", FULL)):
            verdict = control.align(judge, TRAIN, CONTEXT).judge.score(ITEM)
            assert verdict.examples == ()
            assert verdict.n_guidelines == 0
        verdict = FULL.align(judge, TRAIN, CONTEXT).judge.score(ITEM)
        assert (len(verdict.examples), verdict.n_guidelines) == (3, 6)


def test_filler_is_as_long_and_says_nothing_of_the_items():
    _, text = prompt(aligned(LengthFiller("length_filler", FULL)).judge)
    assert "reason" not in text
    assert "brief" not in text
    assert prompt_parts.GRADE not in text
    assert estimate_tokens(text) == pytest.approx(estimate_tokens(FULL_TEXT), rel=0.1)
    long = "x_train, y_train = split(frame, target='price')\n" * 40
    assert 0 <= estimate_tokens(filler(long)) - estimate_tokens(long) <= 2


LONG_WORDS = Scale((1, 2, 3), tuple(f"{word} in every way that matters" for word in SCALE.words))


@pytest.mark.parametrize("layout", [PromptLayout(grades="words"), PromptLayout(rationales=False)])
def test_filler_is_as_long_as_this_layout_shows_a_grade(layout):
    rubric = dataclasses.replace(RUBRIC, scale=LONG_WORDS)
    judge = dataclasses.replace(JUDGE, rubric=rubric, layout=layout)
    lengths = []
    for alignment in (FULL, LengthFiller("length_filler", FULL)):
        made = alignment.align(judge, TRAIN, CONTEXT).judge
        shown = [layout.shown_labels(LONG_WORDS, one) for one in made.retriever.nearest(ITEM)]
        parts = PromptParts(rubric, SOUND, made.guidelines, (), "", False)
        texts = ["\n".join(prompt_parts.said_lines(labels)) for labels in shown]
        texts += guidelines_section(layout, parts).splitlines()[1:]
        lengths.append([*map(estimate_tokens, texts)])
    assert len(lengths[0]) == len(lengths[1]) == 3 + 6
    assert all(abs(made - usual) <= 3 for usual, made in zip(*lengths, strict=True)), lengths


def test_no_labels_withholds_every_grade_and_nothing_else():
    control = aligned(NoLabels("no_labels", FULL))
    _, text = prompt(control.judge)
    assert prompt_parts.GRADE not in text
    assert "(grade" not in text
    without = [
        line.replace("(grade 1) ", "").replace("(grade 2) ", "").replace("(grade 3) ", "")
        for line in FULL_TEXT.splitlines()
        if not line.startswith(prompt_parts.GRADE)
    ]
    assert text.splitlines() == without
    assert control.n_examples == 12


def test_no_rationales_keeps_examples_and_grades():
    episodic = dataclasses.replace(FULL, semantic=False)
    parts, text = prompt(aligned(NoRationales("no_rationales", episodic)).judge)
    assert "reason" not in text
    assert parts.guidelines == ()
    assert [entry.grade for entry in parts.examples] == [e.grade for e in FULL_PARTS.examples]
    assert [entry.text for entry in parts.examples] == [e.text for e in FULL_PARTS.examples]
    with pytest.raises(ValueError, match=r"memories\.semantic must be false"):
        NoRationales("no_rationales", FULL)


def test_no_rationales_is_refused_where_no_example_shows_any():
    episodic = dataclasses.replace(FULL, semantic=False)
    grades_alone = dataclasses.replace(JUDGE, layout=PromptLayout(rationales=False))
    with pytest.raises(AlignmentError, match=r"shows none; set prompt\.rationales=true"):
        NoRationales("no_rationales", episodic).align(grades_alone, TRAIN, CONTEXT)


def test_shuffled_labels_are_a_permutation():
    given = [
        *TRAIN,
        dataclasses.replace(TRAIN[0], shown=ShownItem("na", "", ""), score=NOT_APPLICABLE),
    ]
    dealt = {item.shown.item_id: item for item in shuffled(given, 0)}
    assert Counter(item.score for item in dealt.values()) == Counter(i.score for i in given)
    assert dealt["na"].score is NOT_APPLICABLE
    assert any(dealt[item.shown.item_id].score != item.score for item in given)
    for item in given:
        assert dealt[item.shown.item_id].rationale == item.rationale
    assert shuffled(given[::-1], 0) == shuffled(given, 0)
    assert shuffled(given, 1) != shuffled(given, 0)


def test_shuffled_labels_reach_the_prompt():
    parts, _ = prompt(aligned(ShuffledLabels("shuffled_labels", FULL)).judge)
    dealt = {item.shown.example_text: str(item.score) for item in shuffled(TRAIN, CONTEXT.seed)}
    assert [entry.grade for entry in parts.examples] == [dealt[e.text] for e in parts.examples]
    assert [entry.text for entry in parts.examples] == [e.text for e in FULL_PARTS.examples]


def test_other_guidelines_come_from_the_next_dimension():
    control = aligned(OtherGuidelines("other_guidelines", FULL))
    parts, _ = prompt(control.judge)
    assert all(hint.text.startswith("clear reason") for hint in parts.guidelines)
    assert parts.examples == FULL_PARTS.examples
    assert control.judge.dimension is SOUND
    last = dataclasses.replace(JUDGE, dimension=CLEAR)
    found = OtherGuidelines("o", FULL).align(last, items("clear"), CONTEXT).distillation
    assert all(entry.text.startswith("sound reason") for entry in found.guidelines)
    single = dataclasses.replace(JUDGE, rubric=Rubric("one", "note", SCALE, {"sound": SOUND}))
    with pytest.raises(AlignmentError, match="guidelines of a second dimension"):
        OtherGuidelines("o", FULL).align(single, TRAIN, CONTEXT)


def test_without_labels_on_purpose_other_guidelines_are_none():
    control = OtherGuidelines("o", FULL).align(JUDGE, [], CONTEXT._replace(n_train=0))
    assert (control.judge, control.n_examples) == (JUDGE, 0)
    assert control.distillation.guidelines == ()


def test_raters_apart_shows_what_each_rater_said():
    _, text = prompt(aligned(RatersApart("raters_apart", FULL)).judge)
    assert text.count("Rater 1") == text.count("Rater 2") == 3
    nearest = FULL.align(JUDGE, TRAIN, CONTEXT).judge.retriever.nearest(ITEM)[0]
    place = int(nearest.item_id[1:])
    assert f"Grade: {1 + place % 3}\nRationale: ann says {place}" in text
    assert f"Grade: {1 + (place + 1) % 3}\nRationale: bob says {place}" in text
    alone = [dataclasses.replace(item, ratings=item.ratings[:1]) for item in TRAIN]
    with pytest.raises(AlignmentError, match="has two raters"):
        RatersApart("raters_apart", FULL).align(JUDGE, alone, CONTEXT)


@dataclasses.dataclass(frozen=True)
class Polite:
    """A judge of fixed opinions: `said` by item id, as a grade or as probabilities of 1, 2, 3."""

    said: dict
    dimension = SOUND

    def score(self, item, repeat=0):
        said = self.said[item.item_id]
        if isinstance(said, int):
            return Verdict(said)
        distribution = dict(zip((1, 2, 3), said, strict=True))
        return Verdict(max(distribution, key=distribution.get), distribution=distribution)


def test_grades_are_mapped_to_the_median_label_of_those_that_got_them():
    train = TRAIN[:9]  # labels 1 2 3 1 2 3 1 2 3
    said = {item.shown.item_id: 3 if item.score > 1 else 2 for item in train} | {"new": 1}
    judge = LabelCalibration().align(Polite(said | {"a": 2, "b": 3}), train, CONTEXT).judge
    assert judge.score(ShownItem("a", "", "")).score == 1
    assert judge.score(ShownItem("b", "", "")).score == 2  # lower median of 2 2 2 3 3 3
    assert judge.score(ShownItem("new", "", "")).score == 2  # never met: the median of all


def test_distributions_are_mapped_by_regression():
    """A judge that always says 3, a little less surely the worse an item is."""
    sure = {1: (0.1, 0.1, 0.8), 2: (0.05, 0.05, 0.9), 3: (0.005, 0.005, 0.99)}
    said = {item.shown.item_id: sure[item.score] for item in TRAIN}
    judge = LabelCalibration().align(Polite(said), TRAIN, CONTEXT).judge
    verdicts = [judge.score(item.shown) for item in TRAIN]
    assert [verdict.score for verdict in verdicts] == [item.score for item in TRAIN]
    assert all(sum(v.distribution.values()) == pytest.approx(1) for v in verdicts)


def test_one_grade_only_cannot_be_calibrated_to():
    same = [dataclasses.replace(item, score=2) for item in TRAIN]
    with pytest.raises(AlignmentError, match="one grade only"):
        LabelCalibration().align(Polite({}), same, CONTEXT)


def test_calibration_leaves_the_prompt_as_it_is():
    with CallStore(run_id="r") as store, StoredBackend(Scripted(), store) as backend:
        judge = dataclasses.replace(JUDGE, backend=backend, scoring=VerdictScoring())
        calibrated = LabelCalibration().align(judge, TRAIN, CONTEXT).judge
        calibrated.score(ShownItem("new", "another text", ""))
        texts = [str(call.request) for call in store.calls_of(["r"])]
    assert len(texts) == 13
    assert not any("reason" in text for text in texts)


def test_ridge_predicts_from_embeddings_and_stays_on_the_scale():
    train = [
        LabelledItem(ShownItem(f"r{n}", text, text), score, "")
        for n, (text, score) in enumerate([("red apple", 3), ("grey brick", 1)] * 5)
    ]
    judge = Ridge("ridge", TfidfEmbedder()).align(JUDGE, train, CONTEXT).judge
    assert judge.score(ShownItem("q", "red apple", "")).score == 3
    assert judge.score(ShownItem("q", "grey brick", "")).score == 1
    assert judge.score(ShownItem("q", "nothing known", "")).score == 2
    with pytest.raises(ValueError, match="set embedder=tfidf"):
        Ridge("ridge", BackendEmbedder())
    with pytest.raises(ValueError, match=r"alignment\.alpha"):
        Ridge("ridge", TfidfEmbedder(), alpha=0)
