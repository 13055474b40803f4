import json
from dataclasses import replace

from memalign_bench.datasets.checks import findings_of, near_duplicates, quoted_items
from memalign_bench.datasets.dataset import LabelledDataset
from memalign_bench.datasets.gold import gold_labels
from memalign_bench.types import Item, Label

LONG = "the quick brown fox jumps over the lazy dog while seven wizards brew a potion of nightshade"
OTHER = "a ship sails at noon from the harbour with nine crates of tea and a parrot in the hold"
THIRD = "rain falls on the tin roof all night and nobody in the small house can sleep at all today"


def item(name, text, case=None):
    return Item(f"i-{name}", case or f"c-{name}", f"ask {name}", "", "text", text)


def data(items, labels):
    return LabelledDataset.of("mine", items, labels)


def label(name, score=3, rationale="Because.", rater="ann", dimension="q"):
    return Label(f"i-{name}", dimension, rater, score, rationale)


def test_near_duplicates_are_found_across_cases_only():
    twins = [item("a", LONG), item("b", LONG + " again"), item("c", OTHER)]
    pairs = near_duplicates(data(twins, [label("a")]))
    assert [(pair.first, pair.second) for pair in pairs] == [("i-a", "i-b")]
    # 13 runs of five words in the first, 14 in the second, 13 shared.
    assert pairs[0].shared == round(13 / 14, 3)
    same_case = [item("a", LONG, "c"), item("b", LONG, "c")]
    assert near_duplicates(data(same_case, [label("a")])) == []
    other_request = data([item("a", "short"), item("b", "short")], [label("a")])
    assert near_duplicates(other_request) == []  # a short answer to two requests is two answers
    same = [replace(entry, prompt="") for entry in other_request.item.values()]
    assert [pair.shared for pair in near_duplicates(data(same, [label("a")]))] == [1.0]


def test_a_rationale_that_quotes_another_item_is_found():
    items = [item("a", LONG), item("b", OTHER), item("c", THIRD)]
    quoting = label("a", rationale=f"It says that {' '.join(OTHER.split()[2:11])}, which is wrong.")
    own = label("b", rationale=f"It says that {' '.join(OTHER.split()[2:11])}, which is right.")
    found = quoted_items(data(items, [quoting, own, label("c")]))
    assert [(quote.label.item_id, quote.quoted) for quote in found] == [("i-a", "i-b")]


def test_boilerplate_quotes_nobody():
    shared = "this line stands in every one of the items of the set"
    items = [item(name, f"{name} {shared}") for name in "abcde"]
    lone = item("f", THIRD)
    found = quoted_items(data([*items, lone], [label("f", rationale=f"As usual, {shared}.")]))
    assert found == []


def warned(labels, rule="median"):
    items = [item(name, f"{name} text") for name in "abcdefghij"]
    held = data(items, labels)
    found = findings_of(held, gold_labels(held, rule, ["q"]), ["q"], (1, 2, 3))
    return "\n".join(finding.text for finding in found)


def test_thin_labels_are_warned_of():
    told = warned([label(name, rationale="" if name == "a" else "Why.") for name in "abcdef"])
    assert "q: one rater only" in told
    assert "q: 6 applicable items; under 8" in told
    assert "q: every gold score is 3" in told
    assert "q: 1 of 6 labels have no rationale" in told


def test_notebooks_in_another_language_are_warned_of():
    notebooks = [
        Item(f"i-{place}", f"c-{place}", "ask", "", "notebook", json.dumps(content))
        for place, content in enumerate(
            [
                {"metadata": {"kernelspec": {"language": name}}, "cells": [], "nbformat": 4}
                for name in ("R", "R", "julia", "python")
            ]
        )
    ]
    held = data([*notebooks, item("a", LONG)], [label("a")])
    told = [finding.text for finding in findings_of(held, {}, [], (1, 2, 3))]
    assert len(told) == 1
    assert told[0].startswith("of 4 notebooks 3 not written in Python (r 2, julia 1): views")


def test_nothing_is_said_of_what_is_sound():
    raters = [
        label(
            name, 1 + (place + (shift if place == 0 else 0)) % 3, f"Reason {name} {shift}.", rater
        )
        for place, name in enumerate("abcdefghij")
        for shift, rater in enumerate(["ann", "bob"])
    ]
    assert warned(raters) == ""
