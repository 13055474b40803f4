from memalign_bench.report.numbers.pairs import Pair, claimed_pairs, pairs_of

KNOWN = [
    ("none", "none", "a"),
    ("semantic", "semantic", "a"),
    ("full", "full", "a"),
    ("full,memory.k=2", "full", "a"),
    ("none", "none", "b"),
    ("full,memory.k=8", "full", "b"),
    ("median_label", "median_label", "none"),
]


def test_every_judge_meets_the_unaligned_one_of_its_backend() -> None:
    found = [(p.variant, p.backend, p.reference, p.reference_backend) for p in pairs_of(KNOWN)]
    assert found == [
        ("semantic", "a", "none", "a"),
        ("full", "a", "none", "a"),
        ("full,memory.k=2", "a", "none", "a"),
        ("full,memory.k=8", "b", "none", "b"),
        ("median_label", "none", "none", "a"),
        ("median_label", "none", "none", "b"),
        ("none", "b", "none", "a"),
    ]


def test_claims_are_plain_full_or_the_only_full_of_a_backend() -> None:
    assert claimed_pairs(list(pairs_of(KNOWN))) == {
        Pair("full", "full", "a", "none", "a"),
        Pair("full,memory.k=8", "full", "b", "none", "b"),
    }


def test_a_reference_has_no_setting_of_its_own() -> None:
    known = [("none,scoring=verdict", "none", "a"), ("full", "full", "a")]
    assert list(pairs_of(known)) == []


def test_what_asks_no_model_meets_the_only_unaligned_judge_however_it_is_asked() -> None:
    known = [
        ("none,view=answers", "none", "a"),
        ("full,view=answers", "full", "a"),
        ("median_label", "median_label", "none"),
    ]
    pairs = {pair.variant: pair.reference for pair in pairs_of(known)}
    assert pairs["median_label"] == "none,view=answers"
    # Beside two ways of asking nobody could tell which is meant.
    known.append(("none,view=compact", "none", "a"))
    assert "median_label" not in {pair.variant for pair in pairs_of(known)}


def test_commas_inside_brackets_do_not_part_settings() -> None:
    order = "prompt.order=[item,rubric]"
    known = [
        ("none", "none", "a"),
        (f"none,{order}", "none", "a"),
        (f"full,memory.k=2,{order}", "full", "a"),
        ("full,rubric]", "full", "a"),
    ]
    pairs = {pair.variant: pair.reference for pair in pairs_of(known)}
    assert pairs[f"full,memory.k=2,{order}"] == f"none,{order}"
    assert pairs["full,rubric]"] == "none"
