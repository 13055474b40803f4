"""Values that no constructor checks, each refused by its key."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from memalign_bench.errors import RequestError, refuse

__all__ = [
    "Labels",
    "at_least",
    "check_kinds",
    "dimensions_of",
    "labels_of",
    "one_of",
    "positive",
    "study_name",
]


def check_kinds(plain: Mapping[str, Any]) -> None:
    """Refuse values whose kind no constructor checks, all that are wrong at once.

    Raises:
        RequestError: With a line for each.
    """
    kinds: dict[str, tuple[type | tuple[type, ...], str]] = {
        "explain": (bool, "true or false"),
        "dry_run": (bool, "true or false"),
        "register": (bool, "true or false"),
        "plan": ((str, type(None)), "a file, or null"),
        "attribute": (bool, "true or false"),
        "budget_usd": ((int, float, type(None)), "an amount in USD, or null"),
        "results_dir": (str, "a folder"),
        "call_store": ((str, type(None)), "a file, or null"),
        "dimensions": ((str, list, type(None)), "a list of names, or null"),
    }
    wrong = [
        f"{key} must be {words}, got {plain[key]!r}."
        for key, (kind, words) in kinds.items()
        if not isinstance(plain[key], kind)
    ]
    way = plain["scoring"].get("name")
    if plain["calibration"] == "batch" and way == "verdict":
        wrong.append("calibration=batch reads distributions; scoring=verdict gives none.")
    if plain["explain"] is True and way in ("checklist", "verdict"):
        wrong.append(f"explain=true changes nothing of scoring={way}; it goes with logprob.")
    if plain["prior"] not in ("none", "train", "content_free"):
        wrong.append(f"prior must be one of none, train, content_free, got {plain['prior']!r}.")
    elif plain["prior"] != "none" and way == "verdict":
        wrong.append(f"prior={plain['prior']} divides distributions; scoring=verdict gives none.")
    wrong += _wrong_claims(plain["claims"])
    refuse(wrong)


def _wrong_claims(claims: Mapping[str, Any]) -> Iterator[str]:
    contrasts = claims["contrasts"]
    pairs = contrasts if isinstance(contrasts, list) else [contrasts]
    if not all(_are_names(pair) and len(pair) == len({*pair}) == 2 for pair in pairs):
        yield (
            "claims.contrasts must be pairs of a variant and its reference, such as"
            f" [[full,none],[episodic,random_neighbours]], got {contrasts!r}."
        )
    metrics = claims["metrics"]
    if not (metrics and _are_names(metrics) and {*metrics} <= {"mae", "spearman"}):
        yield f"claims.metrics must be a list of mae, spearman, got {metrics!r}."
    for key in ("backends", "dimensions"):
        if claims[key] is not None and not (_are_names(claims[key]) and claims[key]):
            yield f"claims.{key} must be a list of names, or null, got {claims[key]!r}."


def _are_names(values: Any) -> bool:
    return isinstance(values, list) and all(isinstance(value, str) for value in values)


def at_least(plain: Mapping[str, Any], key: str, least: int) -> int:
    """The whole number of a key, refused below `least`."""
    value = plain[key]
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise RequestError(f"{key} must be a whole number >= {least}, got {value!r}.")
    return value


def positive(plain: Mapping[str, Any], key: str) -> float | None:
    """The number of a key, above 0; None where it is not set."""
    value = plain[key]
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
        raise RequestError(f"{key} must be a number > 0 or null, got {value!r}.")
    return float(value)


def one_of(plain: Mapping[str, Any], key: str, allowed: Sequence[str]) -> Any:
    """The value of a key, one of those allowed."""
    value = plain[key]
    if value not in allowed:
        raise RequestError(f"{key} must be one of {', '.join(allowed)}, got {value!r}.")
    return value


def study_name(value: Any, key: str = "study") -> str:
    """A study's name, which is a folder's; refused where it is a path."""
    name = str(value)
    if not name or name.startswith(".") or Path(name).name != name:
        raise RequestError(f"{key} must be a plain folder name, got {name!r}.")
    return name


def names_in(value: Any) -> list[str] | None:
    """The names of a list, or the one name; None where none is given."""
    if value is None:
        return None
    return [value] if isinstance(value, str) else list(map(str, value))


def dimensions_of(wanted: Any, known: Sequence[str]) -> tuple[str, ...]:
    """The dimensions wanted (None: all), in the order of those known; strangers are refused."""
    names = list(known) if wanted is None else names_in(wanted) or []
    strangers = [name for name in names if name not in known]
    if strangers or not names:
        raise RequestError(f"unknown dimensions {strangers}; the rubric has {', '.join(known)}.")
    return tuple(name for name in known if name in names)


class Labels(NamedTuple):
    """How many training labels (None: all), and the share of them that is wrong."""

    n_train: int | None
    noise: float


def labels_of(plain: dict[str, Any]) -> Labels:
    """How many training labels, and the share that is wrong; a share is one number, 1 as 1.0."""
    n_train = None if plain["n_train"] is None else at_least(plain, "n_train", 0)
    noise = plain["label_noise"]
    if isinstance(noise, bool) or not isinstance(noise, int | float) or not 0 <= noise <= 1:
        raise RequestError(f"label_noise must lie in 0 to 1, got {noise!r}.")
    plain["label_noise"] = float(noise)
    return Labels(n_train, float(noise))
