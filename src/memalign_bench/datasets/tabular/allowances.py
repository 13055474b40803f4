"""What is taken for granted where a table does not say it, each with a line that tells so."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from memalign_bench.datasets.tabular.reading import Contents, Reader

__all__ = ["ONE_RATER", "make_allowances"]

ONE_RATER = "rater"
"""Name of the rater of a table that names none."""

_SHOWN = 5


def make_allowances(contents: Contents, reader: Reader) -> None:
    """Fill in what may be left out, in place, and tell it in `contents.told`."""
    _leave_items_out(contents, strict=reader.strict)
    _one_rater(contents)
    _own_cases(contents)
    if reader.repeated == "latest":
        _latest(contents)
    contents.told += _counted(contents, reader)


def _leave_items_out(contents: Contents, *, strict: bool) -> None:
    """Take unreadable items out with their labels; refuse where one stops all, or none is left."""
    problems = [problem for lost in contents.left_out for problem in lost.problems]
    if strict or not contents.items:
        contents.problems += problems
        contents.items_lost += len(contents.left_out)
        return
    gone = {lost.item_id for lost in contents.left_out}
    n_labels = len(contents.labels)
    _keep(contents, [label.item_id not in gone for label in contents.labels])
    contents.told += problems
    if problems:
        contents.told.append(
            f"left out: {_of(len(gone), 'item')} that cannot be read, with"
            f" {_of(n_labels - len(contents.labels), 'label')} (strict=true refuses them)."
        )


def _one_rater(contents: Contents) -> None:
    if contents.labels and not any(label.rater for label in contents.labels):
        contents.labels = [replace(label, rater=ONE_RATER) for label in contents.labels]
        contents.told.append(
            f"no rater is named: all labels are read as one rater's ({ONE_RATER})."
        )


def _own_cases(contents: Contents) -> None:
    named: dict[str, str] = {}
    for _, item_id, case_id in contents.cases:
        named.setdefault(item_id, case_id)
    graded = {label.item_id for label in contents.labels}
    alone = 0
    for place, item in enumerate(contents.items):
        if not item.case_id:
            alone += item.item_id in graded and item.item_id not in named
            case_id = named.get(item.item_id, item.item_id)
            contents.items[place] = replace(item, case_id=case_id)
    if alone:
        contents.told.append(
            f"{_of(alone, 'item')} without case_id, each a case of its own (items that answer one"
            " request belong to one case)."
        )


def _latest(contents: Contents) -> None:
    last = {
        (label.item_id, label.dimension, label.rater): place
        for place, label in enumerate(contents.labels)
    }
    kept = set(last.values())
    replaced = len(contents.labels) - len(kept)
    _keep(contents, [place in kept for place in range(len(contents.labels))])
    if replaced:
        contents.told.append(
            f"{_of(replaced, 'grade')} replaced by a later one of the same rater"
            " (dataset.repeated=latest)."
        )


def _keep(contents: Contents, kept: list[bool]) -> None:
    both = zip(contents.labels, contents.places, kept, strict=True)
    pairs = [(label, place) for label, place, keep in both if keep]
    contents.labels = [label for label, _ in pairs]
    contents.places = [place for _, place in pairs]


def _counted(contents: Contents, reader: Reader) -> Iterator[str]:
    if skipped := contents.counts["skipped"]:
        yield f"{_of(skipped, 'score')} missing: that rater is taken to have skipped that item."
    if respelled := contents.counts["respelled"]:
        yield (
            f"{_of(respelled, 'row')} with an item_id in other blanks or another Unicode form than"
            " in the first row of that item: read as the same item."
        )
    if contents.counts["ends"]:
        ends = reader.grading.ends
        yield (
            f"true and false are read as {ends['true']} and {ends['false']}, the ends of the scale"
            " (dataset.grades={true: GRADE, false: GRADE} says otherwise)."
        )
    graded = {label.item_id for label in contents.labels}
    bare = [item.item_id for item in contents.items if item.item_id not in graded]
    if bare and graded:
        names = ", ".join(map(repr, bare[:_SHOWN])) + (", ..." if len(bare) > _SHOWN else "")
        yield f"{_of(len(bare), 'item')} that nobody graded, and no judge is asked about: {names}."


def _of(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
