"""Figures files: what the form allows, and every problem of a bad one at once."""

from decimal import Decimal

import pytest

from memalign_bench.errors import DataError, RequestError
from memalign_bench.forensics import audit, read_figures

GOOD = "protocol: {notebooks: 50, score_scale: [1, 2, 3]}\n"


def test_decimals_are_kept_as_printed(study):
    figures = study.experiments["full_dual_memory"]["model_training"]
    assert str(figures.unaligned_mae) == "0.680"
    assert figures.reduction_pct == Decimal(74)
    assert study.design.level == 0.05
    assert study.design.bootstrap == (100, 50)


def test_keys_for_readers_are_accepted_and_nothing_else_is_needed(study_of):
    study = study_of(
        "protocol:\n  notebooks: 9\n  score_scale: [0, 1]\n  folds: 3\n"
        "  bootstrap_sample_wording: some words\n  seconds_per_alignment_fold: 2.5\n"
        "any:\n  thing: {improvement: .25}\n"
    )
    assert study.source == "mine.yaml"
    assert study.design.largest_error == 1
    found = audit(study)
    assert [row.n for row in found.sizes if row.step == "whole"] == [(4, 8)]
    assert found.coverage == []
    assert [row.verdict for row in found.findings if row.check == "coverage"] == ["not printed"]


BAD = """\
protocol:
  notebooks: 50
  score_scale: [1, 2, 3]
  confidence_level: 95
  dimensions: [a, b, c, d]
  bootstrap_sample_sise: 100
full:
  a: {unaligned_mae: 68, aligned_mea: 0.180, n_items: 51}
  b: {reduction_pct: 0.74, significant: yes please, aligned_mae: 74%}
  c: {ci: [0.09, -0.33], unaligned_mae: -0.1, improvement: "0,5"}
  e: {improvement: 0.1}
  d: 0.5
"""


def test_every_problem_is_told_at_once_with_its_key_and_remedy(study_of):
    with pytest.raises(DataError) as caught:
        study_of(BAD)
    told = caught.value
    assert str(told).startswith("mine.yaml: 13 problems")
    for key, remedy in {
        "protocol.confidence_level": "95 reads like a percentage; write 0.95",
        "protocol.bootstrap_sample_sise": "unknown key. Did you mean bootstrap_sample_size?",
        "full.a.unaligned_mae": "which is 2; write grades, not percent",
        "full.a.aligned_mea": "unknown key. Did you mean aligned_mae?",
        "full.a.n_items": "51 items are more than the 50 notebooks",
        "full.b.reduction_pct": "0.74 reads like a fraction; write percent, 74",
        "full.b.significant": "must be true or false, got 'yes please'",
        "full.b.aligned_mae": "without the percent sign",
        "full.c.ci": "low 0.09 is above high -0.33; swap them",
        "full.c.unaligned_mae": "an error cannot be negative, got -0.1",
        "full.c.improvement": "'0,5' is not a number; write it as printed",
        "full.e": "not among protocol.dimensions",
        "full.d": "wants keys such as unaligned_mae: 0.680, got Decimal('0.5')",
    }.items():
        [line] = [line for line in told.problems if line.startswith(f"{key}:")]
        assert remedy in line


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "holds no keys"),
        ("- 1\n", "holds no keys"),
        ("a: [1\n", "cannot be read as YAML"),
        ("full: {a: {improvement: 0.1}}\n", "protocol: missing"),
        ("protocol: {notebooks: 5}\nfull: {a: {improvement: 0.1}}\n", "score_scale: missing"),
        (GOOD, "no experiment"),
        (f"{GOOD}full: 3\n", "an experiment is a block of dimensions, got 3"),
        (f"{GOOD}full:\n  a: {{improvement: 0.1}}\n  a: {{improvement: 0.2}}\n", "a given twice"),
        (f"{GOOD}full: {{a: {{n_items: 0}}}}\n", "at least 1, got 0"),
        (f"{GOOD}full: {{a: {{n_items: 2.5}}}}\n", "must be a whole number, got 2.5"),
        (f"{GOOD}full: {{a: {{n_items: true}}}}\n", "must be a whole number, got True"),
        (f"{GOOD}full: {{a: {{improvement: .nan}}}}\n", "'.nan' is not a number"),
        (f"{GOOD}full: {{a: {{improvement: true}}}}\n", "True is not a number"),
        (f"{GOOD}full: {{a: {{ci: 0.3}}}}\n", "must be [low, high]"),
        (f"{GOOD}full: {{a: {{reduction_pct: 120}}}}\n", "cannot fall by 120 %"),
        (GOOD.replace("[1, 2, 3]", "[3, 2, 1]"), "rising grades"),
        (GOOD.replace("50", "0"), "at least 1, got 0"),
        (GOOD.replace("}", ", memories: [a]}"), "must say {EXPERIMENT"),
        (GOOD.replace("}", ", dimensions: [a, a]}"), "must list names, each once"),
        (GOOD.replace("}", ", confidence_level: 0}"), "between 0 and 1"),
    ],
)
def test_a_bad_file_says_what_to_mend(study_of, text, told):
    with pytest.raises(DataError) as caught:
        study_of(text)
    assert told in str(caught.value)
    assert "mine.yaml" in str(caught.value)


def test_no_file_and_no_text_are_told(tmp_path):
    with pytest.raises(RequestError, match=r"no figures at .*gone\.yaml.*figures=FILE"):
        read_figures(tmp_path / "gone.yaml")
    with pytest.raises(RequestError, match="cannot read"):
        read_figures(tmp_path)
    path = tmp_path / "image.yaml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(RequestError, match="as UTF-8 text"):
        read_figures(path)
