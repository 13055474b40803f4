"""What is assumed where a table leaves something out, each with a line that says so."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace

from memalign_bench.datasets.dataset import alike
from memalign_bench.datasets.tabular.contents import Contents
from memalign_bench.datasets.tabular.reading import Reader
from memalign_bench.scales import is_not_applicable
from memalign_bench.wording import counted

__all__ = ["ONE_RATER", "make_allowances"]

ONE_RATER = "rater"
"""Name of the rater of a table that names none."""

_MAX_NAMED = 5


def make_allowances(contents: Contents, reader: Reader) -> None:
    """Fill in what may be left out, in place, and note it in `contents.told`."""
    # First, since labels go with their items, and notes count what is left.
    _leave_items_out(contents, strict=reader.strict)
    _name_single_rater(contents)
    _give_own_cases(contents)
    if reader.repeated == "latest":
        _keep_latest_grades(contents)
    contents.told += _allowance_notes(contents, reader)


def _leave_items_out(contents: Contents, *, strict: bool) -> None:
    """Take unreadable items out with their labels; refuse where one stops all, or none is left."""
    problems = [problem for lost in contents.left_out for problem in lost.problems]
    # With no item left, the reasons are problems and no longer notes.
    if strict or not contents.items:
        contents.problems += problems
        contents.items_lost += len(contents.left_out)
        return
    left_out_ids = {lost.item_id for lost in contents.left_out}
    n_labels = len(contents.labels)
    _keep_labels(contents, [label.item_id not in left_out_ids for label in contents.labels])
    contents.told += problems
    if problems:
        contents.told.append(
            f"left out: {counted(len(left_out_ids), 'item')} that cannot be read, with"
            f" {counted(n_labels - len(contents.labels), 'label')} (strict=true refuses them)."
        )


def _name_single_rater(contents: Contents) -> None:
    """Give all labels one rater's name where none is named."""
    if contents.labels and not any(label.rater for label in contents.labels):
        contents.labels = [replace(label, rater=ONE_RATER) for label in contents.labels]
        contents.told.append(
            f"no rater is named: all labels are read as one rater's ({ONE_RATER})."
        )


def _give_own_cases(contents: Contents) -> None:
    """Give items the case that their labels name, else a case of their own."""
    case_of_item: dict[str, str] = {}
    for _, item_id, case_id in contents.cases:
        # The first label that names a case decides; whether the others agree is checked later.
        case_of_item.setdefault(item_id, case_id)
    graded = {label.item_id for label in contents.labels}
    n_alone = 0
    for place, item in enumerate(contents.items):
        if not item.case_id:
            # Of items that nobody graded another note tells.
            n_alone += item.item_id in graded and item.item_id not in case_of_item
            case_id = case_of_item.get(item.item_id, item.item_id)
            contents.items[place] = replace(item, case_id=case_id)
    if n_alone:
        contents.told.append(
            f"{counted(n_alone, 'item')} without case_id, each a case of its own (items that"
            " answer one request belong to one case)."
        )


def _keep_latest_grades(contents: Contents) -> None:
    """Keep the last of a rater's grades of an item on a dimension."""
    # A later entry of the same rater replaces the earlier one's place.
    latest_place = {
        (label.item_id, label.dimension, label.rater): place
        for place, label in enumerate(contents.labels)
    }
    kept_places = set(latest_place.values())
    replaced = len(contents.labels) - len(kept_places)
    _keep_labels(contents, [place in kept_places for place in range(len(contents.labels))])
    if replaced:
        contents.told.append(
            f"{counted(replaced, 'grade')} replaced by a later one of the same rater"
            " (dataset.repeated=latest)."
        )


def _keep_labels(contents: Contents, is_kept: list[bool]) -> None:
    """Keep some of the labels, with their places."""
    triples = zip(contents.labels, contents.places, is_kept, strict=True)
    pairs = [(label, place) for label, place, is_kept_label in triples if is_kept_label]
    contents.labels = [label for label, _ in pairs]
    contents.places = [place for _, place in pairs]


def _allowance_notes(contents: Contents, reader: Reader) -> Iterator[str]:
    """Notes on what was assumed often enough to be counted."""
    if skipped := contents.counts["skipped"]:
        scores = counted(skipped, "score")
        yield f"{scores} missing: that rater is taken to have skipped that item."
    if respelled := contents.counts["respelled"]:
        yield (
            f"{counted(respelled, 'row')} with an item_id in other blanks or another Unicode form"
            " than in the first row of that item: read as the same item."
        )
    yield from _alike_notes("raters", "people", (label.rater for label in contents.labels))
    yield from _alike_notes("cases", "cases", (item.case_id for item in contents.items))
    yield from _alike_notes("items", "items", (item.item_id for item in contents.items))
    cases = Counter(item.case_id for item in contents.items)
    for name in (name for name, n in cases.items() if n > 1 and _is_placeholder(name)):
        yield (
            f"{counted(cases[name], 'item')} of the case {name!r}: if that stands for none, leave"
            " case_id empty."
        )
    if both := contents.counts["both"]:
        yield f"{counted(both, 'row')} with labels and a score beside them, which is not read."
    if contents.counts["NA"]:
        yield (
            f"{counted(contents.counts['NA'], 'score')} 'NA' read as not applicable; leave those"
            " empty that are missing."
        )
    if worded := contents.counts["words"]:
        yield f"{counted(worded, 'score')} in the scale's words, read as its grades."
    if contents.counts["ends"]:
        ends = reader.grading.ends
        yield (
            f"true and false are read as {ends['true']} and {ends['false']}, the ends of the scale"
            " (dataset.grades={true: GRADE, false: GRADE} says otherwise)."
        )
    graded = {label.item_id for label in contents.labels}
    ungraded = [item.item_id for item in contents.items if item.item_id not in graded]
    if ungraded and graded:
        names = ", ".join(map(repr, ungraded[:_MAX_NAMED])) + (
            ", ..." if len(ungraded) > _MAX_NAMED else ""
        )
        items = counted(len(ungraded), "item")
        yield f"{items} that nobody graded, and no judge is asked about: {names}."


def _alike_notes(what: str, kind: str, names: Iterable[str]) -> Iterator[str]:
    """Notes on names that people may take for one, and that are read as several."""
    spellings: dict[str, set[str]] = {}
    for name in set(names):
        spellings.setdefault(alike(name), set()).add(name)
    groups = [sorted(group) for group in spellings.values() if len(group) > 1]
    for group in groups[:_MAX_NAMED]:
        yield (
            f"{what} {', '.join(map(ascii, group))} are read as {len(group)} {kind}; write one name"
            " if they are one."
        )
    if len(groups) > _MAX_NAMED:
        yield f"and {len(groups) - _MAX_NAMED} more groups of {what} spelled alike."


def _is_placeholder(name: str) -> bool:
    """Whether a name says that there is none."""
    return is_not_applicable(name) or not re.search(r"\w", name)
