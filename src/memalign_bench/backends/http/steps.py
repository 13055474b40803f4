r"""Exact probabilities of numbers that are several tokens long: one question a character.

A digit, a sign, a point and a line's end are one token each in the vocabularies of today, so a
number's probability is that of its first character times that of each further one given those
before it, and of the line's end where a longer number begins alike. Where only one character can
follow, nothing is asked.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from memalign_bench.backends.base import OptionProbabilities
from memalign_bench.errors import BackendError

__all__ = ["END", "MOST_STEPS", "are_numbers", "check_steps", "in_steps", "steps_of"]

END = "\n"
"""What follows a number that could go on."""

MOST_STEPS = 32
"""More questions than this for one answer take longer than a verdict."""

_NUMBER = re.compile(r"-?\d+(\.\d+)?")

Measure = Callable[[str, tuple[str, ...]], OptionProbabilities]
"""From what has been written of a number, and what may follow, to the chances of that."""


def are_numbers(options: Sequence[str]) -> bool:
    """Whether all options are decimal numbers."""
    return all(_NUMBER.fullmatch(option) for option in options)


def steps_of(options: Sequence[str]) -> Mapping[str, tuple[str, ...]]:
    r"""Beginnings of the options -> what may follow, where that is more than one thing.

    >>> steps_of(("-1", "1"))
    {'': ('-', '1')}
    >>> steps_of(("1", "1.5", "2"))
    {'': ('1', '2'), '1': ('\n', '.')}
    """
    follow: dict[str, dict[str, None]] = {}
    for option in options:
        for length, character in enumerate((*option, END)):
            follow.setdefault(option[:length], {})[character] = None
    return {
        beginning: tuple(sorted(characters))
        for beginning, characters in follow.items()
        if len(characters) > 1
    }


def check_steps(options: Sequence[str]) -> None:
    """Refuse numbers that would take too many questions.

    Raises:
        BackendError: If they would.
    """
    if (count := len(steps_of(options))) > MOST_STEPS:
        raise BackendError(
            f"scoring=logprob would ask {count} questions an answer to tell the {len(options)}"
            f" grades from {options[0]} to {options[-1]} apart, and {MOST_STEPS} are the most; use"
            " scoring=verdict, which asks once, or a scale with fewer grades."
        )


def in_steps(options: Sequence[str], measure: Measure) -> OptionProbabilities:
    """Probabilities of numbers, each character given those before it.

    The mass is the least of all steps; tokens and retries are those of all.
    """
    measured = {
        beginning: measure(beginning, follow) for beginning, follow in steps_of(options).items()
    }
    chances: dict[str, Mapping[str, float]] = {
        beginning: dict(zip(follow, measured[beginning].probabilities, strict=True))
        for beginning, follow in steps_of(options).items()
    }
    values = []
    for option in options:
        chance = 1.0
        for length, character in enumerate((*option, END)):
            # A character that nothing else could follow was not asked about: its chance is 1.
            chance *= chances.get(option[:length], {}).get(character, 1.0)
        values.append(chance)
    # There is one: two options differ in some character.
    first, *rest = measured.values()
    usage = first.usage
    for answer in rest:
        usage += answer.usage
    return first._replace(
        # What the steps lost to other continuations is shared out again.
        probabilities=tuple(value / sum(values) for value in values),
        mass=min(answer.mass for answer in measured.values()),
        usage=usage,
        retries=sum(answer.retries for answer in measured.values()),
    )
