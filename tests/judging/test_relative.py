import json
from dataclasses import dataclass

import pytest

from memalign_bench.errors import AlignmentError, RequestError
from memalign_bench.judging.judge import ShownItem
from memalign_bench.judging.relative import CONTENT_FREE, relative_to
from memalign_bench.study import records
from memalign_bench.study.running.runner import run
from memalign_bench.types import NOT_APPLICABLE, Verdict


@dataclass(frozen=True)
class Habit:
    """Says what it was told to say of a text; None is "not applicable"."""

    said: dict

    def score(self, item, repeat=0):
        chances = self.said[item.text]
        if chances is None:
            return Verdict(NOT_APPLICABLE)
        return Verdict(3, distribution=dict(zip((1, 2, 3), chances, strict=True)))


def item(text):
    return ShownItem(text, text, text)


def test_a_distribution_is_divided_by_the_mean_of_training_items():
    judge = Habit({"a": (0.0, 0.2, 0.8), "b": (0.0, 0.4, 0.6), "n": None, "new": (0.1, 0.3, 0.6)})
    relative = relative_to(judge, "train", [item("a"), item("b"), item("n")])
    assert relative.prior == pytest.approx({1: 0.0, 2: 0.3, 3: 0.7})
    assert relative.n_items == 2
    verdict = relative.score(item("new"))
    first, second = 0.3 / 0.3, 0.6 / 0.7  # grade 1 never occurred: it keeps nothing
    assert verdict.distribution == pytest.approx(
        {1: 0.0, 2: first / (first + second), 3: second / (first + second)}
    )
    assert verdict.score == 2
    assert relative.score(item("n")).score is NOT_APPLICABLE


def test_what_the_habit_never_gives_stays_as_it_is():
    judge = Habit({"a": (0.0, 0.4, 0.6), "new": (1.0, 0.0, 0.0)})
    verdict = relative_to(judge, "train", [item("a")]).score(item("new"))
    assert verdict.distribution == {1: 1.0, 2: 0.0, 3: 0.0}


def test_items_without_content_are_asked_in_their_stead():
    judge = Habit(dict.fromkeys(CONTENT_FREE, (0.2, 0.2, 0.6)) | {"new": (0.2, 0.3, 0.5)})
    relative = relative_to(judge, "content_free", [item("never asked")])
    assert (relative.n_items, relative.score(item("new")).score) == (3, 2)


def test_without_any_distribution_there_is_nothing_to_divide_by():
    with pytest.raises(AlignmentError, match="prior=train: no item gave a distribution"):
        relative_to(Habit({"n": None}), "train", [item("n")])


@pytest.mark.parametrize("prior", ["train", "content_free"])
def test_a_run_divides_and_says_by_what(spec_of, prior):
    words = ("alignment=full", "scoring=logprob", "distiller=extractive", "limit=24")
    usual, divided = spec_of(*words), spec_of(*words, f"prior={prior}")
    assert divided.variant == f"full,distiller=extractive,prior={prior},scoring=logprob"
    rows, memory = [], []
    for spec in (usual, divided):
        folder = spec.study_dir / "runs" / run(spec).run_id
        rows.append(records.read_rows(folder / "predictions.parquet", records.predictions_schema()))
        memory.append(json.loads((folder / "memory.json").read_text()))
    assert not any("prior" in cell for cell in memory[0]["cells"])
    cells = {cell["fold"]: cell for cell in memory[1]["cells"]}
    for before, after in zip(*rows, strict=True):
        prior_of = cells[after["fold"]]["prior"]
        ratio = [
            p / prior_of[str(g)] for g, p in zip((1, 2, 3), before["distribution"], strict=True)
        ]
        assert after["distribution"] == pytest.approx([r / sum(ratio) for r in ratio])
        assert after["neighbour_ids"] == before["neighbour_ids"]


def test_what_makes_no_sense_is_refused(spec_of):
    with pytest.raises(RequestError, match="prior must be one of none, train, content_free"):
        spec_of("prior=batch", "scoring=logprob")
    with pytest.raises(RequestError, match="prior=train divides distributions"):
        spec_of("prior=train", "scoring=verdict")
