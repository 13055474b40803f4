"""Which items are chosen for labelling, on cases small enough to check by hand."""

import math

import pytest
from tests.loop.scored_runs import write_run

from memalign_bench.errors import RequestError
from memalign_bench.loop.labelling.choosing import (
    DisagreementChoice,
    DiversityChoice,
    Opinion,
    Pool,
    RandomChoice,
    UncertaintyChoice,
)
from memalign_bench.loop.labelling.opinions import opinions_of_rows, opinions_of_run
from memalign_bench.memory.embedders import BackendEmbedder, TfidfEmbedder

SAID = {
    "agreed": {"a": Opinion(2.0, (0.0, 1.0, 0.0)), "b": Opinion(2.0, (0.0, 1.0, 0.0))},
    "apart": {"a": Opinion(1.0, (1.0, 0.0, 0.0)), "b": Opinion(3.0, (0.0, 0.0, 1.0))},
    "unsure": {"a": Opinion(2.0, (1 / 3, 1 / 3, 1 / 3)), "b": Opinion(2.5, (0.0, 0.5, 0.5))},
    "alone": {"a": Opinion(3.0, None)},
}
TEXTS = {
    "trees": "random forest trees boosting",
    "more_trees": "random forest trees boosting depth",
    "plots": "histogram scatter figure axis",
    "missing": "impute median missing values",
}


def pool(candidates=tuple(SAID), known=(), seed=0):
    return Pool("one", tuple(candidates), tuple(known), SAID, TEXTS, seed)


def test_disagreement_takes_what_judges_differ_about_and_skips_what_one_has_seen():
    assert DisagreementChoice().ranked(pool(), 9) == ["apart", "unsure", "agreed"]
    assert DisagreementChoice().ranked(pool(), 1) == ["apart"]


def test_uncertainty_is_of_each_judge_not_between_them():
    ranked = UncertaintyChoice().ranked(pool(), 9)
    assert ranked[0] == "unsure"
    assert set(ranked[1:]) == {"agreed", "apart"}  # both judges are sure of both


def test_records_without_what_is_needed_are_refused_with_a_remedy():
    bare = pool(["alone"])
    with pytest.raises(RequestError, match=r"one: .*two judges' grades of none of the 1 items"):
        DisagreementChoice().ranked(bare, 1)
    with pytest.raises(RequestError, match=r"a distribution .* scoring=logprob"):
        UncertaintyChoice().ranked(bare, 1)


def test_diversity_takes_what_is_least_like_the_known():
    choice = DiversityChoice(TfidfEmbedder())
    left = ["more_trees", "plots", "missing"]
    ranked = choice.ranked(pool(left, ["trees"]), 3)
    assert ranked[-1] == "more_trees"
    assert sorted(ranked) == sorted(left)
    cold = choice.ranked(pool(TEXTS), 3)  # nothing is known: one of the crowd, then what is not
    assert len({*cold} & {"trees", "more_trees"}) == 1
    assert cold[0] in ("trees", "more_trees")
    with pytest.raises(RequestError, match="tfidf or minilm"):
        DiversityChoice(BackendEmbedder())


def test_chance_hangs_on_seed_and_dimension_alone():
    names = [f"i{n}" for n in range(20)]
    first = RandomChoice().ranked(pool(names), 5)
    assert first == RandomChoice().ranked(pool(reversed(names)), 5)
    assert first != RandomChoice().ranked(pool(names, seed=1), 5)


def test_opinions_are_means_over_repeats_and_skip_what_was_not_graded():
    def row(expected, spread, judge="a"):
        told = {"dimension": "d", "item_id": "x", "judge": judge}
        return {**told, "expected": expected, "distribution": spread}

    found = opinions_of_rows(
        [row(1.0, [1.0, 0.0]), row(2.0, [0.0, 1.0]), row(math.nan, None, "b"), row(2.0, None, "c")]
    )
    assert found["d"]["x"] == {"a": Opinion(1.5, (0.5, 0.5)), "c": Opinion(2.0, None)}


def test_every_judge_of_a_generated_run_has_its_say(tmp_path):
    write_run(tmp_path, "run", {"quality": {"c1": [1], "c2": [3]}}, digest="a" * 12)
    path = write_run(tmp_path, "run", {"quality": {"c1": [3], "c2": ["failed"]}}, digest="b" * 12)
    found = opinions_of_run(path)["quality"]
    assert {judge: said.expected for judge, said in found["c1-0"].items()} == {
        "a" * 12: 1.0,
        "b" * 12: 3.0,
    }
    assert set(found["c2-0"]) == {"a" * 12}
    with pytest.raises(RequestError, match="no judge has scored"):
        opinions_of_run(tmp_path)
