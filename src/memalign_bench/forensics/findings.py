"""Findings on the numbers themselves: sizes, roundings, arithmetic.

Sentences claim no more than the tables do: what no items give does not fit, it is not called false.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from memalign_bench.forensics.arithmetic import Agreement
from memalign_bench.forensics.figures import PublishedStudy, decimals_of
from memalign_bench.forensics.rounding import NEAREST, RULES, possible_totals
from memalign_bench.forensics.tables import Size

__all__ = ["Finding", "any_of", "of_agreements", "of_roundings", "of_sizes"]

_RULES = {
    "half_even": "ties to the even digit",
    "half_up": "ties away from zero",
    "half_down": "ties towards zero",
    "cut_off": "digits cut off",
}


class Finding(NamedTuple):
    """One thing that the printed figures show.

    Attributes:
        check: What was looked at.
        where: Experiment and dimension, or what else it is about.
        verdict: `agrees`, `does not fit`, `cannot reach`, `can reach`, `not printed`, `simulated`.
        sentence: What can be concluded, and under which assumption.
    """

    check: str
    where: str
    verdict: str
    sentence: str


def of_sizes(study: PublishedStudy, sizes: Iterable[Size]) -> Iterator[Finding]:
    """For which n a dimension's numbers hold together."""
    steps: dict[tuple[str, str], list[Size]] = {}
    for row in sizes:
        steps.setdefault((row.experiment, row.dimension), []).append(row)
    for (experiment, dimension), rows in steps.items():
        where, whole = f"{experiment}: {dimension}", rows[0]
        if whole.n:
            sentence = (
                f"{whole.printed}: whole-grade errors of n = {any_of(whole.n)} items give this."
            )
            yield Finding("items", where, "agrees", sentence)
        else:
            sentence = _no_whole_sentence(study, rows)
            yield Finding("items", where, "does not fit", sentence)


def _no_whole_sentence(study: PublishedStudy, rows: Sequence[Size]) -> str:
    figures = study.experiments[rows[0].experiment][rows[0].dimension]
    tried = f"up to {study.design.largest_n}" if figures.n_items is None else f"= {figures.n_items}"
    finer = [f"{row.step}-grade errors do at n = {any_of(row.n)}" for row in rows if row.n]
    head = (
        f"No whole-grade errors of n {tried} items give {rows[0].printed} together;"
        f" {'; '.join(finer) or 'neither do half-grade or third-grade errors'}"
    )
    if figures.ci is None:
        return f"{head}."
    with_bounds = [
        f"{r.step}-grade n = {any_of(r.n_with_interval)}" for r in rows if r.n_with_interval
    ]
    bounds, means = f"the bounds [{figures.ci[0]}, {figures.ci[1]}]", "means of n such errors"
    return (
        f"{head}; {bounds} are {means} too at {', '.join(with_bounds)}."
        if with_bounds
        else f"{head}; nowhere are {bounds} {means}."
    )


def of_roundings(study: PublishedStudy, sizes: Iterable[Size]) -> Iterator[Finding]:
    """Which numbers need a rounding of their own, and which one does for all."""
    rules_for_all = set(RULES)
    given = [row for row in sizes if row.step == "whole" and row.n]
    if not given:  # nothing to say a rounding of
        return
    for row in given:
        holding = [rule for rule in RULES if getattr(row, rule)]
        # Dimensions that no whole grades give are passed over: they would rule out every rule.
        rules_for_all &= set(holding)
        refused = [rule for rule in NEAREST if rule not in holding]
        if refused:
            printed = study.experiments[row.experiment][row.dimension].means().values()
            examples = _tie_examples(printed, row.n[0], holding[0])
            sentence = (
                f"{row.printed}: whole-grade errors give this only with {_rule_names(holding)}, not"
                f" with {_rule_names(refused)} ({examples})."
            )
            yield Finding("rounding", f"{row.experiment}: {row.dimension}", "agrees", sentence)
    rules = _rule_names([rule for rule in RULES if rule in rules_for_all])
    sentence = "No one rounding gives all numbers that whole grades can give."
    if rules_for_all:
        sentence = f"All numbers that whole grades can give hold with one rounding: {rules}."
    yield Finding(
        "rounding", "all experiments", "agrees" if rules_for_all else "does not fit", sentence
    )


def _rule_names(rules: Iterable[str]) -> str:
    return " or ".join(_RULES[rule] for rule in rules)


def _tie_examples(means: Iterable[Decimal], n: int, rule: str) -> str:
    """Which exact means of n items lie halfway between two printed ones."""
    examples = []
    for printed in means:
        for total in possible_totals(printed, n, Fraction(1), rule):
            # The mean in half units of the last digit.
            doubled = Fraction(2 * total, n) * 10 ** decimals_of(printed)
            # An odd number of half units of the last digit: exactly between two printed numbers.
            if doubled.denominator == 1 and doubled % 2:
                examples.append(f"{total}/{n} = {total / n:g} stands as {printed}")
    return ", ".join(examples)


def of_agreements(compared: Sequence[Agreement]) -> Iterator[Finding]:
    """Comparisons that fail, each by itself, and how many hold."""
    for row in compared:
        if not row.agrees:
            sentence = (
                f"{row.check[0].upper() + row.check[1:]}: {row.printed}; expected {row.expected},"
                " rounding allowed for."
            )
            where = f"{row.experiment}: {row.dimension}"
            yield Finding("arithmetic", where, "does not fit", sentence)
    n_agreeing = sum(row.agrees for row in compared)
    if n_agreeing:
        sentence = (
            f"{n_agreeing} of {len(compared)} comparisons of printed numbers hold within rounding."
        )
        yield Finding("arithmetic", "all experiments", "agrees", sentence)


def any_of(sizes: Sequence[int], last: str = " or ") -> str:
    """Sizes for people; only the ends of more than a dozen.

    >>> any_of([16, 32, 48]), any_of(range(3, 51))
    ('16, 32 or 48', '3 ... 50 (48 in all)')
    """
    if len(sizes) > 12:
        return f"{sizes[0]} ... {sizes[-1]} ({len(sizes)} in all)"
    words = [str(n) for n in sizes]
    if len(words) < 2:
        return words[0] if words else "none"
    return f"{', '.join(words[:-1])}{last}{words[-1]}"
