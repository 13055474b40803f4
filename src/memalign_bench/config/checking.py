"""Checks of values that no constructor makes; each problem names its key."""

from __future__ import annotations

import difflib
import inspect
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import is_dataclass
from functools import lru_cache
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, NamedTuple, Union, get_args, get_origin, get_type_hints

from memalign_bench.errors import RequestError, first_line, refuse

__all__ = [
    "LabelSettings",
    "check_combinations",
    "check_keys",
    "dimensions_of",
    "interface_problems",
    "key_problems",
    "label_settings",
    "one_of",
    "study_name",
    "target_problem",
    "type_problems",
]


def check_keys(plain: Mapping[str, Any], known_by_lead: Mapping[str, Set[str]]) -> None:
    """Refuse unknown keys, and keys missing that a choice must bring along.

    Args:
        plain: Values of `run`.
        known_by_lead: What stands before a key ("" at the top, "claims.") -> keys that may follow.
            These are the places that no constructor reads, which would refuse a key by itself.

    Raises:
        RequestError: With the keys.
    """
    given_by_lead: dict[str, Mapping[str, Any]] = {"": plain}
    for lead in filter(None, known_by_lead):
        node = plain[name := lead.removesuffix(".")]
        if not isinstance(node, Mapping):
            raise RequestError(f"{name} must be a mapping of its keys, got {node!r}.")
        given_by_lead[lead] = node
    wrong = [
        f"unknown key {lead}{key}, from a YAML of yours or a + on the command line.{hint}"
        for lead, known in known_by_lead.items()
        for key in given_by_lead[lead]
        if key not in known
        for hint in [
            "".join(f" Did you mean {lead}{close}?" for close in _closest_name(key, known))
        ]
    ]
    if lacks := [key for key in ("applicability", "calibration") if key not in plain]:
        wrong.append(
            f"{', '.join(lacks)} must be set: the YAML of a scoring says it beside its own node, as"
            " conf/scoring/verdict.yaml does (its first line is # @package _global_)."
        )
    refuse(wrong)


def _closest_name(name: object, known: Iterable[str]) -> list[str]:
    """The known name that is most like this one: one or none."""
    return difflib.get_close_matches(str(name), known, n=1)


def check_combinations(plain: Mapping[str, Any]) -> None:
    """Refuse values of `run` that contradict one another, and claims that are none, all at once.

    Raises:
        RequestError: With a line for each.
    """
    wrong = []
    # Keys that contradict the scoring.
    scoring = plain["scoring"].get("name")
    if plain["calibration"] == "batch" and scoring == "verdict":
        advice = "say calibration=none, or scoring=logprob where the model tells probabilities"
        wrong.append(f"calibration=batch reads distributions, scoring=verdict has none: {advice}.")
    if plain["explain"] is True and scoring in ("checklist", "verdict"):
        wrong.append(f"explain=true changes nothing of scoring={scoring}; it goes with logprob.")
    if plain["prior"] not in ("none", "train", "content_free"):
        wrong.append(f"prior must be one of none, train, content_free, got {plain['prior']!r}.")
    elif plain["prior"] != "none" and scoring == "verdict":
        wrong.append(f"prior={plain['prior']} divides distributions; scoring=verdict gives none.")
    wrong += _claim_problems(plain["claims"])
    refuse(wrong)


def _claim_problems(claims: Mapping[str, Any]) -> Iterator[str]:
    contrasts = claims["contrasts"]
    pairs = contrasts if isinstance(contrasts, list) else [contrasts]
    if not all(_is_list_of_names(pair) and len(pair) == len({*pair}) == 2 for pair in pairs):
        yield (
            "claims.contrasts must be pairs of a variant and its reference, such as"
            f" [[full,none],[episodic,random_neighbours]], got {contrasts!r}."
        )
    metrics = claims["metrics"]
    if not (metrics and _is_list_of_names(metrics) and {*metrics} <= {"mae", "spearman"}):
        yield f"claims.metrics must be a list of mae, spearman, got {metrics!r}."
    for key in ("backends", "dimensions"):
        if claims[key] is not None and not (_is_list_of_names(claims[key]) and claims[key]):
            yield f"claims.{key} must be a list of names, or null, got {claims[key]!r}."


def _is_list_of_names(values: Any) -> bool:
    return isinstance(values, list) and all(isinstance(value, str) for value in values)


def one_of(plain: Mapping[str, Any], key: str, allowed: Sequence[str]) -> Any:
    """The value of a key, one of those allowed."""
    value = plain[key]
    if value not in allowed:
        got = "" if value is None else f", got {value!r}"
        raise RequestError(f"{key} must be one of {', '.join(allowed)}{got}.")
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


class LabelSettings(NamedTuple):
    """How many training labels (None: all), and the share of them that is wrong."""

    n_train: int | None
    noise: float


def label_settings(plain: dict[str, Any]) -> LabelSettings:
    """The label settings; `label_noise` is written back as a float, so that 1 and 1.0 are one."""
    plain["label_noise"] = float(plain["label_noise"])
    return LabelSettings(plain["n_train"], plain["label_noise"])


def target_problem(target: Any) -> str:
    """Why a `_target_` cannot be called; "" where it can.

    >>> target_problem("memalign_bench.types.Scale")
    ''
    >>> print(target_problem("memalign_bench.types.Scal"))
    _target_: there is no memalign_bench.types.Scal. Did you mean memalign_bench.types.Scale?
    """
    from hydra._internal.utils import _locate

    if not isinstance(target, str):
        return f"_target_ must name a class or function, got {target!r}."
    try:
        if callable(_locate(target)):
            return ""
    except Exception as error:  # it imports a module, which may do anything
        module, _, name = target.rpartition(".")
        cause = error.__cause__
        siblings = vars(sys.modules[module]) if module in sys.modules else ()
        close = _closest_name(name, siblings)
        hint = f" Did you mean {module}.{close[0]}?" if close else ""
        why = "" if close or cause is None else f" ({first_line(cause)})"
        return f"_target_: there is no {target}{why}.{hint}"
    return f"_target_: {target} is no class and no function."


def key_problems(node: Any, at: str, plain: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with the classes that a node names, and with the keys given to them.

    Args:
        node: Plain values of a group.
        at: Its key.
        plain: All values of the request; a node that also stands at the top is named by that key.
    """
    if not isinstance(node, Mapping) or "_target_" not in node:
        yield f"{at} has no _target_, which names what is made of it; see conf/ for one that works."
        return
    for class_node in _class_nodes(node, at, plain):
        problem = target_problem(class_node.node["_target_"])
        yield from [f"{class_node.at}.{problem}"] if problem else _argument_problems(class_node)


def type_problems(node: Any, at: str, plain: Mapping[str, Any]) -> dict[str, str]:
    """Key -> what is wrong with its type, by the class's annotations; arguments as above."""
    wrong = {}
    for class_node in _class_nodes(node, at, plain):
        parameters = _parameters_of(class_node.node["_target_"])
        for key, value in class_node.node.items() if parameters else ():
            annotation = (
                parameters.kinds.get(key, Any)
                if parameters and key not in _SELF_CHECKED_KEYS
                else Any
            )
            if not _fits_type(value, annotation):
                problem = (
                    f"{class_node.at}.{key} must be {_type_words(annotation)}, got {value!r:.60}."
                )
                wrong[key] = problem
    return wrong


class _ClassNode(NamedTuple):
    """A node with a `_target_`, and the key that it stands at."""

    at: str
    node: Mapping[str, Any]


def _class_nodes(node: Any, at: str, plain: Mapping[str, Any]) -> Iterator[_ClassNode]:
    if isinstance(node, list):
        for entry in node:
            yield from _class_nodes(entry, at, plain)
    if not isinstance(node, Mapping):
        return
    if "_target_" in node:
        yield _ClassNode(at, node)
    for key, value in node.items():
        is_top_value = isinstance(value, Mapping) and value == plain.get(key)
        yield from _class_nodes(value, key if is_top_value else f"{at}.{key}", plain)


def _argument_problems(class_node: _ClassNode) -> Iterator[str]:
    """Keys that a class does not take, or lacks."""
    at, node = class_node
    parameters = _parameters_of(node["_target_"])
    given = [key for key in node if key not in _HYDRA_KEYS]
    if parameters is None or "_args_" in node:
        return
    suggested: list[str] = []
    for key in given:
        if key not in parameters.kinds and not parameters.open:
            close = _closest_name(key, parameters.kinds)
            hint = f"Did you mean {close[0]}? " if close else ""
            yield f"{at} has no key {key!r}. {hint}Keys there: {', '.join(parameters.kinds)}."
            suggested += close
    lacks = [key for key in parameters.needed if key not in (*given, *suggested)]
    if lacks and not node.get("_partial_"):
        yield f"{at} lacks {', '.join(lacks)}; {node['_target_']} cannot be made without."


_INTERFACES: Mapping[str, Sequence[str]] = {
    "rubric": ("name", "scale", "dimensions"),
    "alignment": ("name", "needs_model", "keys", "align"),
    "backend": ("name", "mode", "gives_logprobs", "model_name", "connect"),
    "dataset": ("name", "load"),
    "scoring": ("name",),
    "view": ("name", "max_tokens", "example_tokens"),
}
"""Group -> attributes that every object of it must have."""


def interface_problems(group: str, built: object) -> Iterator[str]:
    """Attributes of its group that an object lacks, in one line or none."""
    if lacks := [name for name in _INTERFACES.get(group, ()) if not hasattr(built, name)]:
        yield (
            f"{group}: {type(built).__module__}.{type(built).__name__} is no {group}, it has no"
            f" {', '.join(lacks)}; name another _target_."
        )


class _Parameters(NamedTuple):
    """A class's parameters with their types, the required ones, and whether it has `**kwargs`."""

    kinds: Mapping[str, Any]
    needed: tuple[str, ...]
    open: bool


_SELF_CHECKED_KEYS = ("grades", "columns", "raters")
"""Keys that their classes check: they take more than is annotated, as a range of grades."""

_HYDRA_KEYS = ("_target_", "_convert_", "_recursive_", "_partial_", "_args_")


@lru_cache(maxsize=256)
def _parameters_of(target: str) -> _Parameters | None:
    """The parameters of a class or function; None where it has no signature."""
    from hydra._internal.utils import _locate

    callable_ = _locate(target)
    try:
        parameters = inspect.signature(callable_).parameters.values()
    except (TypeError, ValueError):
        return None
    hints: Mapping[str, Any] = {}
    with suppress(Exception):  # what is imported for type checkers alone
        # A dataclass and a named tuple have their types on their fields.
        has_fields = is_dataclass(callable_) or hasattr(callable_, "_fields")
        hints = get_type_hints(
            callable_ if has_fields else getattr(callable_, "__init__", callable_)
        )
    named = [
        parameter
        for parameter in parameters
        if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
    ]
    kinds = {parameter.name: hints.get(parameter.name, Any) for parameter in named}
    needed = tuple(parameter.name for parameter in named if parameter.default is parameter.empty)
    return _Parameters(
        kinds, needed, any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters)
    )


_YAML_TYPES: Mapping[Any, tuple[type | UnionType, str]] = {
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
"""Annotated type -> the YAML types that fit it, and its name in messages."""


def _fits_type(value: Any, annotation: Any) -> bool:
    """Whether a plain value fits an annotation; unknown types fit."""
    if get_origin(annotation) in (Union, UnionType):
        return any(_fits_type(value, member) for member in get_args(annotation))
    if get_origin(annotation) is Literal:
        return value in get_args(annotation)
    annotation = get_origin(annotation) or annotation
    if isinstance(value, Mapping) and "_target_" in value:
        return annotation not in _YAML_TYPES
    if annotation not in _YAML_TYPES:
        return annotation is Any or not (
            isinstance(annotation, type) and isinstance(value, Mapping)
        )
    if isinstance(value, bool):  # which is an int, too
        return annotation is bool
    return isinstance(value, _YAML_TYPES[annotation][0])


def _type_words(annotation: Any) -> str:
    if get_origin(annotation) in (Union, UnionType):
        return " or ".join(_type_words(member) for member in get_args(annotation))
    if get_origin(annotation) is Literal:
        return f"one of {', '.join(map(str, get_args(annotation)))}"
    annotation = get_origin(annotation) or annotation
    return (
        _YAML_TYPES[annotation][1]
        if annotation in _YAML_TYPES
        else f"a mapping with the _target_ of a {annotation.__name__}"
    )
