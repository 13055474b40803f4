"""Values that no constructor checks, each refused by its key."""

from __future__ import annotations

import difflib
import inspect
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import is_dataclass
from functools import lru_cache
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, NamedTuple, Union, get_args, get_origin, get_type_hints

from memalign_bench.errors import RequestError, first_line, refuse

__all__ = [
    "Labels",
    "absent_parts",
    "at_least",
    "check_kinds",
    "check_whole",
    "dimensions_of",
    "labels_of",
    "one_of",
    "positive",
    "study_name",
    "unfound",
    "wrong_keys",
    "wrong_kinds",
]


def check_whole(plain: Mapping[str, Any], known: Mapping[str, Any]) -> None:
    """Refuse values for keys that nothing reads, and none for keys that a choice must bring along.

    Args:
        plain: Values of `run`.
        known: Keys at the top of all, those of `run` and of groups of the user's own.

    Raises:
        RequestError: With the keys.
    """
    if not isinstance(plain["claims"], Mapping):
        raise RequestError(f"claims must be a mapping of its keys, got {plain['claims']!r}.")
    wrong = [
        f"unknown key {lead}{key}, from a YAML of yours or a + on the command line.{hint}"
        for lead, given, there in (
            ("", plain, known),
            ("claims.", plain["claims"], known["claims"]),
        )
        for key in given
        if key not in there
        for hint in ["".join(f" Did you mean {lead}{one}?" for one in _close(key, there))]
    ]
    if lacks := [key for key in ("applicability", "calibration") if key not in plain]:
        wrong.append(
            f"{', '.join(lacks)} must be set: the YAML of a scoring says it beside its own node, as"
            " conf/scoring/verdict.yaml does (its first line is # @package _global_)."
        )
    refuse(wrong)


def _close(name: object, known: Iterable[str]) -> list[str]:
    """The known name that is meant, if any is."""
    return difflib.get_close_matches(str(name), known, n=1)


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


def unfound(target: Any) -> str:
    """Why nothing can be made by a `_target_`; "" where something can.

    >>> unfound("memalign_bench.types.Scale")
    ''
    >>> print(unfound("memalign_bench.types.Scal"))
    _target_: there is no memalign_bench.types.Scal. Did you mean memalign_bench.types.Scale?
    """
    from hydra._internal.utils import _locate

    if not isinstance(target, str):
        return f"_target_ must name a class or function, got {target!r}."
    try:
        if callable(_locate(target)):
            return ""
    except Exception as error:  # it imports a module, which may do anything
        place, _, name = target.rpartition(".")
        cause = error.__cause__
        beside = vars(sys.modules[place]) if place in sys.modules else ()
        close = _close(name, beside)
        hint = f" Did you mean {place}.{close[0]}?" if close else ""
        why = "" if close or cause is None else f" ({first_line(cause)})"
        return f"_target_: there is no {target}{why}.{hint}"
    return f"_target_: {target} is no class and no function."


def wrong_keys(node: Any, at: str, whole: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with the classes that a node names and with the keys that it gives them.

    Args:
        node: Plain values of a group.
        at: Its key.
        whole: All values; what stands in them at the top goes by its key there.
    """
    if not isinstance(node, Mapping) or "_target_" not in node:
        yield f"{at} has no _target_, which names what is made of it; see conf/ for one that works."
        return
    for part in _parts(node, at, whole):
        lost = unfound(part.node["_target_"])
        yield from [f"{part.at}.{lost}"] if lost else _misfits(part)


def wrong_kinds(node: Any, at: str, whole: Mapping[str, Any]) -> dict[str, str]:
    """Key -> what is wrong with its kind, for keys that a class takes; arguments as above."""
    wrong = {}
    for part in _parts(node, at, whole):
        keys = _keys_of(part.node["_target_"])
        for key, value in part.node.items() if keys else ():
            kind = keys.kinds.get(key, Any) if keys and key not in _OWN_KINDS else Any
            if not _fits(value, kind):
                told = f"{part.at}.{key} must be {_kind_told(kind)}, got {value!r:.60}."
                wrong[key] = told
    return wrong


class _Part(NamedTuple):
    """A mapping that names a class, and its key."""

    at: str
    node: Mapping[str, Any]


def _parts(node: Any, at: str, whole: Mapping[str, Any]) -> Iterator[_Part]:
    if isinstance(node, list):
        for entry in node:
            yield from _parts(entry, at, whole)
    if not isinstance(node, Mapping):
        return
    if "_target_" in node:
        yield _Part(at, node)
    for key, value in node.items():
        same = isinstance(value, Mapping) and value == whole.get(key)
        yield from _parts(value, key if same else f"{at}.{key}", whole)


def _misfits(part: _Part) -> Iterator[str]:
    """Keys that a class does not take, or lacks."""
    at, node = part
    keys = _keys_of(node["_target_"])
    given = [key for key in node if key not in _HYDRAS]
    if keys is None or "_args_" in node:
        return
    meant: list[str] = []
    for key in given:
        if key not in keys.kinds and not keys.open:
            close = _close(key, keys.kinds)
            hint = f"Did you mean {close[0]}? " if close else ""
            yield f"{at} has no key {key!r}. {hint}Keys there: {', '.join(keys.kinds)}."
            meant += close
    lacks = [key for key in keys.needed if key not in (*given, *meant)]
    if lacks and not node.get("_partial_"):
        yield f"{at} lacks {', '.join(lacks)}; {node['_target_']} cannot be made without."


_PARTS: Mapping[str, Sequence[str]] = {
    "rubric": ("name", "scale", "dimensions"),
    "alignment": ("name", "needs_model", "keys", "align"),
    "backend": ("name", "mode", "gives_logprobs", "model_name", "connect"),
    "dataset": ("name", "load"),
    "scoring": ("name",),
    "view": ("name", "max_tokens", "example_tokens"),
}
"""Group -> what everything that is made for it has."""


def absent_parts(group: str, thing: object) -> Iterator[str]:
    """Why a thing cannot be what a group is of, in one line or none."""
    if lacks := [name for name in _PARTS.get(group, ()) if not hasattr(thing, name)]:
        yield (
            f"{group}: {type(thing).__module__}.{type(thing).__name__} is no {group}, it has no"
            f" {', '.join(lacks)}; name another _target_."
        )


class _Keys(NamedTuple):
    """Keys that a class takes, each with its kind; those that it needs; whether it takes others."""

    kinds: Mapping[str, Any]
    needed: tuple[str, ...]
    open: bool


_OWN_KINDS = ("grades", "columns", "raters")
"""Keys whose classes say by themselves what they may be: a range of grades is a text."""

_HYDRAS = ("_target_", "_convert_", "_recursive_", "_partial_", "_args_")


@lru_cache(maxsize=256)
def _keys_of(target: str) -> _Keys | None:
    """The keys of a class or function; None where it does not tell."""
    from hydra._internal.utils import _locate

    found = _locate(target)
    try:
        takes = inspect.signature(found).parameters.values()
    except (TypeError, ValueError):
        return None
    hints: Mapping[str, Any] = {}
    with suppress(Exception):  # what is imported for type checkers alone
        hints = get_type_hints(found if is_dataclass(found) else getattr(found, "__init__", found))
    named = [one for one in takes if one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)]
    kinds = {one.name: hints.get(one.name, Any) for one in named}
    needed = tuple(one.name for one in named if one.default is one.empty)
    return _Keys(kinds, needed, any(one.kind is one.VAR_KEYWORD for one in takes))


_KINDS: Mapping[Any, tuple[type | UnionType, str]] = {
    bool: (bool, "true or false"),
    int: (int, "a whole number"),
    float: (int | float, "a number"),
    str: (str | int | float, "a text"),
    Path: (str, "a path"),
    NoneType: (NoneType, "null"),
    list: (list, "a list"),
    tuple: (list, "a list"),
    Sequence: (list, "a list"),
    Mapping: (Mapping, "a mapping"),
    dict: (Mapping, "a mapping"),
}
"""Kind of a parameter -> what of YAML fits it, and how it is told."""


def _fits(value: Any, kind: Any) -> bool:
    """Whether a plain value can be of a kind; what is not known fits."""
    if get_origin(kind) in (Union, UnionType):
        return any(_fits(value, one) for one in get_args(kind))
    kind = get_origin(kind) or kind
    if isinstance(value, Mapping) and "_target_" in value:
        return kind not in _KINDS
    if kind not in _KINDS:
        return kind is Any or not (isinstance(kind, type) and isinstance(value, Mapping))
    if isinstance(value, bool):
        return kind is bool
    return isinstance(value, _KINDS[kind][0])


def _kind_told(kind: Any) -> str:
    if get_origin(kind) in (Union, UnionType):
        return " or ".join(_kind_told(one) for one in get_args(kind))
    kind = get_origin(kind) or kind
    return (
        _KINDS[kind][1] if kind in _KINDS else f"a mapping with the _target_ of a {kind.__name__}"
    )
