"""What the values of a key are: one table for all commands, which messages are made from."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple

__all__ = ["BOOLEAN", "LIST", "RULES", "Kind", "Rule", "number", "text", "whole"]

Kind = Literal["text", "texts", "other"]
"""One text, a list of them, or something else."""


class Rule(NamedTuple):
    """What a key's values are called in messages, which fit, and whether texts are meant."""

    words: str
    fits: Callable[[Any], bool]
    kind: Kind = "other"


def whole(least: int | None = None) -> Rule:
    """A whole number, from `least` on."""

    def fits(value: Any) -> bool:
        # For Python, True is an int.
        is_whole = isinstance(value, int) and not isinstance(value, bool)
        return is_whole and (least is None or value >= least)

    return Rule("a whole number" + ("" if least is None else f" >= {least}"), fits)


def number(words: str, in_range: Callable[[float], bool] = lambda _: True) -> Rule:
    """A finite number of a range."""

    def fits(value: Any) -> bool:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return is_number and math.isfinite(value) and in_range(value)

    return Rule(words, fits)


def _one_of(*names: str) -> Rule:
    return Rule(f"one of {', '.join(names)}", lambda value: value in names)


def text(words: str) -> Rule:
    """One text: a name, a path."""
    return Rule(words, lambda value: isinstance(value, str), "text")


def _is_names(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(entry, str) for entry in value)


def _is_two_shares(value: Any) -> bool:
    share = number("", lambda value: 0 < value <= 1)
    is_pair = isinstance(value, list) and len(value) == 2 and all(map(share.fits, value))
    return is_pair and value[0] <= value[1]


_NAME, _FILE, _FOLDER, _PLACE = map(text, ("a name", "a file", "a folder", "a file or folder"))
BOOLEAN = Rule("true or false", lambda value: isinstance(value, bool))
LIST = Rule("a list", lambda value: isinstance(value, list))
_NAMES = Rule("a list of names", lambda value: isinstance(value, str) or _is_names(value), "texts")
_ANY = Rule("", lambda _: True)
_COUNT, _SEED = whole(1), whole(0)
_PERCENTAGE = number("a number between 0 and 1", lambda value: 0 < value < 1)
_SPREADS = (
    "two shares of the scale's span, the smaller first, each above 0 and at most 1"
    " (stats.spreads=[0.2,0.4])"
)

RULES: Mapping[str, Rule] = {
    # what, and where it lies
    **dict.fromkeys(("study", "against", "loop", "name", "gold", "judge", "variant"), _NAME),
    **dict.fromkeys(("server.uri", "tracker.uri"), _NAME),
    **dict.fromkeys(("baseline", "candidate", "run"), _NAME),
    **dict.fromkeys(("results_dir", "paper_dir"), _FOLDER),
    **dict.fromkeys(("call_store", "plan", "figures"), _FILE),
    **dict.fromkeys(("path", "out"), _PLACE),
    **dict.fromkeys(("dimensions", "runs", "variants", "rubrics"), _NAMES),
    **dict.fromkeys(("views", "beside"), Rule("a list of names", _is_names, "texts")),
    "scale": _ANY,  # 1-5, or a list
    "mlflow_model": Rule(
        "like openai:/NAME", lambda value: isinstance(value, str) and ":/" in value, "text"
    ),
    "passed_as": _one_of("inputs", "outputs"),
    # how much
    **dict.fromkeys(("limit", "n_cases", "n", "repeats", "studies", "resamples"), _COUNT),
    **dict.fromkeys(("sample", "workers", "certify.draws", "certify.workers"), _COUNT),
    **dict.fromkeys(("seed", "fold_seed", "n_train", "certify.seed"), _SEED),
    "folds": whole(2),
    "label_noise": number("a number from 0 to 1", lambda value: 0 <= value <= 1),
    "level": number("a number between 0 and 0.5", lambda value: 0 < value < 0.5),
    "budget_usd": number("an amount in USD >= 0", lambda value: value >= 0),
    "max_minutes": number("a number > 0", lambda value: value > 0),
    # how records are read
    "calibration": _one_of("none", "batch"),
    "claim": _one_of("response", "ppi", "opinion"),
    "missing": _one_of("worst", "exclude"),
    "stats.missing": _one_of("worst", "exclude", "as_zero"),
    "stats.margin": number(
        "a number above 0 (no data show that two judges are exactly equal)",
        lambda value: value > 0,
    ),
    "stats.n_resamples": _COUNT,
    "stats.seed": _SEED,
    "stats.spreads": Rule(_SPREADS, _is_two_shares),
    "stats.published": Rule(
        "a mapping of its keys (stats=published)", lambda value: isinstance(value, Mapping)
    ),
    **{f"stats.published.{key}": _COUNT for key in ("drawn", "of", "resamples")},
    "stats.published.level": _PERCENTAGE,
    # models and what asks them; those of `backend` hold for its other roles too
    **{f"backend.{key}": _COUNT for key in ("max_concurrency", "context", "threads")},
    "backend.delay_s": number("a number >= 0", lambda value: value >= 0),
    **{
        f"distiller.{key}": _COUNT
        for key in ("batch_size", "max_guidelines", "characters", "n_guidelines")
    },
    "distiller.embedder.ngrams": _COUNT,
    **{f"embedder.{key}": _COUNT for key in ("ngrams", "window")},
    "scoring.max_tokens": _COUNT,
}
"""Key -> its values, of all commands; null fits besides where it is what `conf/` says."""
