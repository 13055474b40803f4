"""The facets that memalign-bench asks judges about are those planted here, and so its policies."""

import itertools
from types import SimpleNamespace

import pytest

from genie_synth.cases import CASES
from genie_synth.facets import FACETS
from genie_synth.policy import expert, literal
from genie_synth.sketch.case import DIMENSIONS
from memalign_bench.config import composed, instance
from memalign_bench.datasets.folder import FolderSource

OPEN = {
    "dropped_share": (0.0, 0.005, 0.01, 0.05, 0.06),
    "metrics": ([], ["accuracy"], ["r2"], ["mae"], ["mape"], ["mape", "mae"], ["accuracy", "f1"]),
    "leftovers": ([], ["scratch"]),
    "logged": tuple(
        list(some)
        for size in range(6)
        for some in itertools.combinations(("metric", "params", "model", "figure", "tags"), size)
    ),
}
"""Values that stand for those of facets that may have any."""


@pytest.fixture(scope="module")
def questions():
    return instance(composed("headroom").cfg, "facets")


@pytest.mark.parametrize("dimension", DIMENSIONS)
def test_both_conventions_are_those_of_the_policy_for_every_set_of_facets(dimension, questions):
    keys = FACETS[dimension]
    values = [OPEN.get(name, facet.values) for name, facet in keys.items()]
    asked = questions.dimensions[dimension]
    for combination in itertools.product(*values):
        planted = dict(zip(keys, combination, strict=True))
        known = {fact.name: fact.holds(planted) for fact in asked.facts}
        for series, rare in itertools.product((False, True), repeat=2):
            case = SimpleNamespace(
                time_index="day" if series else None, imbalanced=rare, applies=lambda _: True
            )
            told = known | {"series": series, "imbalanced": rare}
            assert asked.expert.grade(told, 3) == expert(dimension, planted, case).score
            assert asked.literal.grade(told, 3) == literal(dimension, planted, case)


@pytest.mark.parametrize("seed", [0, 1])
def test_the_data_line_tells_what_the_policy_knows_of_a_case(seed, questions):
    data = FolderSource("genie_synth", seed=seed).load(instance(composed("headroom").cfg, "rubric"))
    lines = {item.case_id: item.context for item in data.item.values()}
    assert set(lines) == {case.case_id for case in CASES[seed]}
    for case in CASES[seed]:
        told = questions.facts_of_context(lines[case.case_id])
        assert told == {"series": bool(case.time_index), "imbalanced": case.imbalanced}


def test_what_a_facet_is_by_default_holds_where_it_was_not_planted(questions):
    for dimension, keys in FACETS.items():
        usual = {name: facet.default for name, facet in keys.items()}
        for fact in questions.dimensions[dimension].facts:
            assert fact.holds({}) == fact.holds(usual), (dimension, fact.name)
