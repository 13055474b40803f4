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
        return all(_is_one_of(planted.get(name), wanted) for name, wanted in self.when.items())


def _is_one_of(value: Any, wanted: Any) -> bool:
    if isinstance(wanted, Mapping):
        size = float(len(value) if isinstance(value, list) else value or 0)
        return all(size > n if name == "above" else size >= n for name, n in wanted.items())
    return any(one in wanted for one in value) if isinstance(value, list) else value in wanted


class _Line(NamedTuple):
    """A grade, and what earns it: each fact with the answer that it needs."""

    grade: int
    needs: tuple[tuple[str, bool], ...]


@dataclass(frozen=True)
class Convention:
    """Facts to a grade: the lowest grade of which one line holds, the top grade where none does.

    Attributes:
        lines: What earns each grade below the top.
    """

    lines: tuple[_Line, ...]

    @classmethod
    def of(cls, said: Mapping[Any, Sequence[str]]) -> Convention:
        """Read `grade: [fact and not fact, ...]`."""
        lines = [
            _Line(int(grade), tuple(_needed(one) for one in str(text).split(" and ")))
            for grade, texts in said.items()
            for text in texts
        ]
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
        """Every fact that it asks for."""
        return {name for line in self.lines for name, _ in line.needs}


def _needed(word: str) -> tuple[str, bool]:
    bare = word.strip()
    return bare.removeprefix("not ").strip(), not bare.startswith("not ")


class DimensionFacets(NamedTuple):
    """The facts of one dimension, and both conventions over them."""

    facts: tuple[Fact, ...]
    expert: Convention
    literal: Convention


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
        problems = list(self._bad_patterns())
        read = {}
        for name, said in self.dimensions.items():
            lead, found = f"facets.dimensions.{name}", list(_field_problems(said))
            if not found:
                read[name] = _dimension(said)
                found = list(_contradictions(read[name], set(self.request)))
            problems += [f"{lead}: {told}" for told in found]
        refuse(problems)
        object.__setattr__(self, "dimensions", read)

    def told(self, context: str) -> dict[str, bool]:
        """What the data line of an item says."""
        return {name: bool(re.search(text, context)) for name, text in self.request.items()}

    def _bad_patterns(self) -> Iterator[str]:
        for name, text in self.request.items():
            try:
                re.compile(text)
            except re.error as error:
                yield f"facets.request.{name}: {text!r} is no pattern ({error})."


def _dimension(said: Mapping[str, Any]) -> DimensionFacets:
    facts = tuple(Fact(name, one["question"], one["when"]) for name, one in said["facts"].items())
    return DimensionFacets(facts, Convention.of(said["expert"]), Convention.of(said["literal"]))


def _field_problems(said: Any) -> Iterator[str]:
    fields = ("facts", "expert", "literal")
    if not isinstance(said, Mapping) or set(said) != set(fields):
        yield f"it has {', '.join(fields)} and nothing else, got {sorted(said) if said else said}."
        return
    for name, one in said["facts"].items():
        if not isinstance(one, Mapping) or set(one) != {"question", "when"} or not one["when"]:
            yield f"fact {name!r} has question and when, and neither is empty, got {one!r}."
            continue
        for facet, wanted in one["when"].items():
            bad = [key for key in wanted if key not in _MEASURES] if _is_map(wanted) else []
            if bad or not isinstance(wanted, Mapping | list):
                choices = " or ".join(_MEASURES)
                yield f"fact {name!r}: {facet} is a list of values, or {choices}, got {wanted!r}."
    for which in ("expert", "literal"):
        if not all(str(grade).isdecimal() for grade in said[which]):
            yield f"{which}: its keys are grades, got {sorted(map(str, said[which]))}."


def _is_map(value: Any) -> bool:
    return isinstance(value, Mapping)


def _contradictions(dimension: DimensionFacets, told: set[str]) -> Iterator[str]:
    known = {fact.name for fact in dimension.facts} | told
    for which in ("expert", "literal"):
        if unknown := getattr(dimension, which).names - known:
            yield f"{which} asks for {sorted(unknown)}; there are {', '.join(sorted(known))}."
    asked = Counter(" ".join(fact.question.lower().split()) for fact in dimension.facts)
    for question, count in asked.items():
        if count > 1:
            yield f"{question!r} stands {count} times."
