"""What all phrases share: their form, and what raters add when they deviate."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["ABSENT_SO", "LENIENT", "STRICT", "Phrases"]

Phrases = Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]]
"""Reason -> (what was seen, what follows)."""

ABSENT_SO = (
    "so I do not grade this",
    "nothing to judge here",
    "the question does not arise",
    "I leave it out",
)

LENIENT = (
    "For {entities} like these I let it pass at {score}.",
    "The rest is decent, hence {score}.",
    "Here it does little harm, so {score} from me.",
    "I weigh it lightly for {target}: {score}.",
)
"""Added where a rater is kinder than the evidence alone."""

STRICT = (
    "I hold that against it: {score}.",
    "For {target} I expected more, so {score}.",
    "On closer reading that is {score}.",
    "It leaves me unconvinced: {score}.",
)
"""Added where a rater is harder than the evidence alone."""
