"""Planted facts as yes/no questions, and conventions over their answers, read from YAML."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from memalign_bench.errors import refuse
from memalign_bench.types import Grade

__all__ = ["Convention", "DimensionFacets", "FacetQuestions", "Fact"]

_MEASURES = ("above", "at_least")

Known = Mapping[str, bool]
"""Fact -> whether it holds."""


@dataclass(frozen=True)
class Fact:
    """One yes/no question about an item.

    Attributes:
        name: What conventions call it.
        question: What the judge is asked.
        when: Planted facet -> the values of which it has one (None: it was not planted), or
            `above` or `at_least` a number: of a list's entries, or of the value itself.
    """

    name: str
    question: str
    when: Mapping[str, Any]

    def holds(self, planted: Mapping[str, Any]) -> bool:
        """Whether it is so of an item in which these facets were planted.

        >>> fact = Fact("tuned", "Are settings picked?", {"tuned_on": ["cv", "test"]})
        >>> fact.holds({"tuned_on": "cv"}), fact.holds({})
        (True, False)
        """
        # A facet that was not planted is None, which a list of values can name (null in YAML).
        return all(_matches(planted.get(name), wanted) for name, wanted in self.when.items())


def _matches(value: Any, wanted: Any) -> bool:
    """Whether a planted value is one of the wanted ones, or above or at least a number."""
    if isinstance(wanted, Mapping):
        # A list counts its entries; what was not planted counts as 0.
        size = float(len(value) if isinstance(value, list) else value or 0)
        return all(size > n if name == "above" else size >= n for name, n in wanted.items())
    # Of a list one entry is enough.
    return any(entry in wanted for entry in value) if isinstance(value, list) else value in wanted


class _ConventionLine(NamedTuple):
    """A grade, and what earns it: each fact with the answer that it needs."""

    grade: int
    needs: tuple[tuple[str, bool], ...]


@dataclass(frozen=True)
class Convention:
    """A rule from facts to a grade: the lowest grade of which a line holds, else the top grade.

    Attributes:
        lines: What earns each grade below the top.
    """

    lines: tuple[_ConventionLine, ...]

    @classmethod
    def of(cls, lines_of_grade: Mapping[Any, Sequence[str]]) -> Convention:
        """Read `grade: [fact and not fact, ...]`."""
        lines = [
            _ConventionLine(
                int(grade), tuple(_parse_need(need) for need in str(text).split(" and "))
            )
            for grade, texts in lines_of_grade.items()
            for text in texts
        ]
        # Lowest grade first, as `grade` takes the first line that holds.
        return cls(tuple(sorted(lines)))

    def grade(self, known: Known, top: Grade) -> Grade:
        """The grade of an item of which these facts are known.

        >>> rule = Convention.of({1: ["leaks"], 2: ["not tuned", "rare and not stratified"]})
        >>> rule.grade({"leaks": False, "tuned": True, "rare": True, "stratified": False}, 3)
        2
        """
        earned = (
            line.grade for line in self.lines if all(known[name] == so for name, so in line.needs)
        )
        return next(earned, top)

    @property
    def names(self) -> set[str]:
        """Every fact that a line asks for."""
        return {name for line in self.lines for name, _ in line.needs}


def _parse_need(word: str) -> tuple[str, bool]:
    """A fact and the answer needed: `not tuned` needs False."""
    need = word.strip()
    return need.removeprefix("not ").strip(), not need.startswith("not ")


class DimensionFacets(NamedTuple):
    """The facts of one dimension, and both conventions over them."""

    facts: tuple[Fact, ...]
    expert: Convention
    literal: Convention

    @property
    def conventions(self) -> dict[str, Convention]:
        """Both by name."""
        return {"expert": self.expert, "literal": self.literal}


@dataclass(frozen=True)
class FacetQuestions:
    """What the YAML of `facets=` holds.

    Attributes:
        name: Name of the YAML choice.
        instruction: What stands before the item; `{artefact}` is what the rubric calls one.
        ending: What follows each question.
        request: Fact that the data line tells anybody -> its pattern.
        dimensions: Dimension -> `facts`, `expert` and `literal`.

    Raises:
        RequestError: With every problem: a field that is missing or unknown, a fact that a
            convention asks for and nobody knows, a question asked twice, a pattern that is none.
    """

    name: str
    instruction: str
    ending: str
    request: Mapping[str, str]
    dimensions: Mapping[str, Any]

    def __post_init__(self) -> None:
        # All that is below would ask them for their keys.
        refuse(
            f"facets.{key} must be a mapping, got {value!r:.60}."
            for key, value in (("request", self.request), ("dimensions", self.dimensions))
            if not isinstance(value, Mapping)
        )
        problems = list(self._pattern_problems())
        parsed = {}
        for name, entry in self.dimensions.items():
            lead, entry_problems = f"facets.dimensions.{name}", list(_field_problems(entry))
            # Only an entry with all its fields can be checked for contradictions.
            if not entry_problems:
                parsed[name] = _parse_dimension(entry)
                entry_problems = list(_convention_problems(parsed[name], set(self.request)))
            problems += [f"{lead}: {problem}" for problem in entry_problems]
        refuse(problems)
        # Frozen: the parsed dimensions replace the YAML's this once.
        object.__setattr__(self, "dimensions", parsed)

    def facts_of_context(self, context: str) -> dict[str, bool]:
        """The facts that an item's data line states."""
        return {name: bool(re.search(text, context)) for name, text in self.request.items()}

    def _pattern_problems(self) -> Iterator[str]:
        for name, text in self.request.items():
            try:
                re.compile(text)
            # A TypeError is no text.
            except (re.error, TypeError) as error:
                yield f"facets.request.{name}: {text!r} is no pattern ({error})."


def _parse_dimension(entry: Mapping[str, Any]) -> DimensionFacets:
    """The facts and conventions of one dimension, from valid YAML."""
    facts = tuple(
        Fact(name, fields["question"], fields["when"]) for name, fields in entry["facts"].items()
    )
    return DimensionFacets(facts, Convention.of(entry["expert"]), Convention.of(entry["literal"]))


def _field_problems(entry: Any) -> Iterator[str]:
    """Fields of a dimension's entry that are missing, unknown or of the wrong kind."""
    fields = ("facts", "expert", "literal")
    if not isinstance(entry, Mapping) or set(entry) != set(fields):
        got = sorted(map(str, entry)) if isinstance(entry, Mapping) else repr(entry)
        yield f"it has {', '.join(fields)} and nothing else, got {got}."
        return
    if isinstance(entry["facts"], Mapping):
        for name, fact in entry["facts"].items():
            yield from _fact_problems(name, fact)
    else:
        yield f"facts is a mapping of names to question and when, got {entry['facts']!r:.60}."
    for which in ("expert", "literal"):
        yield from (f"{which}: {problem}" for problem in _rule_problems(entry[which]))


def _fact_problems(name: Any, fact: Any) -> Iterator[str]:
    if not isinstance(name, str):
        yield f"fact {name!r} has a name that YAML reads as no text; put quotes around it."
    if not isinstance(fact, Mapping) or set(fact) != {"question", "when"} or not fact["when"]:
        yield f"fact {name!r} has question and when, and neither is empty, got {fact!r}."
        return
    if not isinstance(fact["question"], str) or not fact["question"].strip():
        yield f"fact {name!r}: question is a text, got {fact['question']!r}."
    if not isinstance(fact["when"], Mapping):
        yield f"fact {name!r}: when is a mapping of facets to values, got {fact['when']!r}."
        return
    for facet, wanted in fact["when"].items():
        if not isinstance(wanted, list) and not _is_measure(wanted):
            choices = " or ".join(_MEASURES)
            yield (
                f"fact {name!r}: {facet} is a list of values, or {choices} a number, got"
                f" {wanted!r}."
            )


def _is_measure(wanted: Any) -> bool:
    return isinstance(wanted, Mapping) and all(
        key in _MEASURES and isinstance(size, int | float) and not isinstance(size, bool)
        for key, size in wanted.items()
    )


def _rule_problems(rule: Any) -> Iterator[str]:
    """What is wrong with a convention."""
    if not isinstance(rule, Mapping):
        yield f"it says by grade what earns it ({{1: [leaks and not tuned]}}), got {rule!r:.60}."
        return
    # As text, since YAML keys may be numbers or quoted.
    if not all(re.fullmatch(r"-?\d+", str(grade)) for grade in rule):
        yield f"its keys are grades, got {sorted(map(str, rule))}."
    for grade, lines in rule.items():
        if not isinstance(lines, list) or not all(isinstance(line, str) for line in lines):
            yield f"{grade} has a list of texts such as leaks and not tuned, got {lines!r:.60}."


def _convention_problems(dimension: DimensionFacets, request_facts: set[str]) -> Iterator[str]:
    """Facts that conventions ask for and nobody knows; questions that stand twice."""
    known = {fact.name for fact in dimension.facts} | request_facts
    for which, convention in dimension.conventions.items():
        if unknown := convention.names - known:
            yield f"{which} asks for {sorted(unknown)}; there are {', '.join(sorted(known))}."
    # In small letters and with single spaces: line breaks of the YAML make no other question.
    asked = Counter(" ".join(fact.question.lower().split()) for fact in dimension.facts)
    for question, count in asked.items():
        if count > 1:
            yield f"{question!r} stands {count} times."
