"""Which values a key may have: the type that it has in `conf/`, and a range from one table.

A value is checked before anything is asked, registered or written. Where a class is named
(`_target_`), its annotations say the types; here only the ranges of its numbers stand.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from memalign_bench.config.composing import plain_values
from memalign_bench.config.roles import ROLES
from memalign_bench.config.rules import BOOLEAN, LIST, RULES, Kind, Rule, number, text, whole
from memalign_bench.config.searchpath import config_dir
from memalign_bench.errors import RequestError

if TYPE_CHECKING:
    from omegaconf import DictConfig

__all__ = ["kind_of", "settled_values", "value_problems"]

_NULL_FITS = frozenset({("paper", "certify"), ("paper", "forensics")})
"""Command and key whose value in `conf/` is another, and for which null means "none"."""

_SELF_CHECKED = frozenset({"claims", "prior"})
"""Keys at the top that `check_combinations` checks by more than their type."""

_PLAIN_GROUPS = ("stats", "tracker")
"""Groups whose choices are values alone, of no class."""

_SELF_CHECKED_LISTS = frozenset(
    {
        *("raters", "only.ids", "only.tags", "only.domains", "only.dimensions"),
        *("claims.contrasts", "claims.backends", "claims.dimensions", "dataset.raters"),
    }
)
"""Lists of names that are checked where they are used."""

_TEXT_KEYS = frozenset(
    {
        *("path", "model_path", "results_dir", "call_store", "out", "plan", "command"),
        *("judge", "baseline", "candidate", "variant", "gold", "study"),
        *("thresholds", "revision", "version", "hub_revision", "model_sha256", "sha256"),
    }
)
"""Last parts of keys whose values are paths and names, wherever `conf/` says nothing else."""


def value_problems(command: str, plain: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with the values of a command, by key, a line each.

    Args:
        command: Whose configuration it is.
        plain: Its values; keys that are not there, or still "???", are passed over.

    >>> [*value_problems("certify", {"certify": {"draws": 1.5, "seed": 0, "workers": None}})]
    ['certify.draws must be a whole number >= 1, got 1.5.']
    """
    packaged = _packaged_values(command)
    for key, usual in packaged.items():
        value, rule = _value_at(plain, key), _rule_of(key, usual)
        # A choice may bring other keys along, or none of these.
        if rule is None or value is _ABSENT or value == "???":
            continue
        null_fits = usual is None or (command, key) in _NULL_FITS
        # What refers to a key that is null is told there.
        if value is None and _value_at(plain, _referred_key(usual)) is None:
            continue
        if not (rule.fits(value) or (value is None and null_fits)):
            yield _problem(key, rule, value, null_fits=null_fits)
    for key, rule in RULES.items():
        group, _, rest = key.partition(".")
        for place in (group, *(ROLES if group == "backend" else ())):
            named = f"{place}.{rest}"
            # A key at the top, or one that was looked at already.
            if not rest or named in packaged or _is_foreign(plain.get(place)):
                continue
            value = _value_at(plain, named)
            # Of another type, the class of the node refuses it; that of a report is made later.
            is_checked = _is_number(value) or (group == "stats" and value is not _ABSENT)
            if is_checked and not rule.fits(value):
                yield _problem(named, rule, value, null_fits=False)


def settled_values(cfg: DictConfig) -> dict[str, Any]:
    """Plain values of a configuration, without keys that are not set or refer to nothing."""
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    found: dict[str, Any] = {}
    for key in map(str, cfg):
        # What is wrong with them is told by what reads that key, if anything does.
        with suppress(RequestError, OmegaConfBaseException):
            value = cfg[key]
            is_node = OmegaConf.is_config(value)
            found[key] = plain_values(value, complete=False) if is_node else value
    return found


def kind_of(command: str, key: str) -> Kind:
    """Whether a key's value is a text (a name or path), a list of them, or something else.

    >>> [kind_of("run", key) for key in ("study", "dataset.split", "dimensions", "folds")]
    ['text', 'text', 'texts', 'other']
    """
    if key in _SELF_CHECKED_LISTS:
        return "texts"
    packaged = _packaged_values(command)
    if key in packaged and (rule := _rule_of(key, packaged[key])):
        return rule.kind
    group, _, rest = key.partition(".")
    by_name: Kind = "text" if key.rpartition(".")[2] in _TEXT_KEYS else "other"
    # Any word may come, and only a name is looked up as a folder.
    return _kinds_of_group(group).get(rest, by_name) if group.isidentifier() else by_name


_ABSENT = object()


def _value_at(plain: Mapping[str, Any], key: str) -> Any:
    """The value of a dotted key; `_ABSENT` where there is none."""
    node: Any = plain
    for part in key.split("."):
        if not isinstance(node, Mapping) or part not in node:
            return _ABSENT
        node = node[part]
    return node


def _referred_key(usual: Any) -> str:
    """The key that a value of `conf/` refers to: `study` of "${study}"; "" where it does not."""
    refers = isinstance(usual, str) and usual.startswith("${")
    return usual[2:-1] if refers else ""


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_foreign(node: Any) -> bool:
    """Whether a node makes a class of the user's own, whose keys may mean anything."""
    target = node.get("_target_") if isinstance(node, Mapping) else None
    return target is not None and not str(target).startswith("memalign_bench.")


def _rule_of(key: str, usual: Any) -> Rule | None:
    """The rule of a key whose value in `conf/` is this; None where another place has it."""
    if key.partition(".")[0] in _SELF_CHECKED:
        return None
    if key in RULES or usual is None:
        return RULES.get(key)
    # A bool comes before the whole numbers, which it is one of for Python.
    by_type = (
        (bool, BOOLEAN),
        (str, text("a text")),
        (int, whole()),
        (float, number("a number")),
        (list, LIST),
    )
    return next((rule for type_, rule in by_type if isinstance(usual, type_)), None)


def _problem(key: str, rule: Rule, value: Any, *, null_fits: bool) -> str:
    if rule.kind == "text" and value is None:
        return f"{key} needs {rule.words}, got null; say {key}={rule.words.split()[-1].upper()}."
    advice = ""
    if rule.kind == "text" and _is_number(value):
        # The command line's words are texts already: this stands in a YAML.
        advice = f"; where a YAML says it, put it in quotes ({key}: 'TEXT')"
    either = " or null" if null_fits else ""
    given = "null" if value is None else f"{value!r:.60}"
    return f"{key} must be {rule.words}{either}, got {given}{advice}."


@cache
def _packaged_values(command: str) -> Mapping[str, Any]:
    """Key -> its value in `conf/`: a command's own, and those of groups that make no class.

    Read from the files themselves: composing takes a hundred times as long.
    """
    found: dict[str, Any] = {}
    for name in ("run", "headroom") if command == "headroom" else (command,):
        written = _read(config_dir() / f"{name}.yaml")
        defaults = [entry for entry in written.pop("defaults", ()) if isinstance(entry, Mapping)]
        for group in _PLAIN_GROUPS:
            for entry in defaults:
                if choice := entry.get(group):
                    values = _read(config_dir() / group / f"{choice}.yaml")
                    found |= _flat({group: values})
        written.pop("hydra", None)
        found |= _flat(written)
    return found


def _flat(node: Mapping[str, Any], lead: str = "") -> dict[str, Any]:
    """Dotted key -> value, without what a class is made of."""
    flat: dict[str, Any] = {}
    for key, value in node.items():
        if not isinstance(value, Mapping):
            flat[f"{lead}{key}"] = value
        elif "_target_" not in value:
            flat |= _flat(value, f"{lead}{key}.")
    return flat


@cache
def _kinds_of_group(group: str) -> Mapping[str, Kind]:
    """Key of a group -> its kind, by the values that YAMLs of ours give it."""
    kinds: dict[str, Kind] = {}
    folders = [group, *(["backend"] if group in ROLES else [])]
    for path in (p for name in folders for p in (config_dir() / name).glob("**/*.yaml")):
        written = _read(path)
        # A choice that stands at the top of all keys has its group's node inside.
        node = written.get(group)
        for key, value in _leaves(node if isinstance(node, Mapping) else written):
            if isinstance(value, int | float | list):
                kinds[key] = "other"
            elif isinstance(value, str) and not value.startswith(("???", "${")):
                # What is a number or a switch anywhere is no text.
                kinds.setdefault(key, "text")
    return kinds


def _leaves(node: Mapping[str, Any], lead: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in node.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{lead}{key}.")
        else:
            yield f"{lead}{key}", value


def _read(path: Path) -> dict[str, Any]:
    import yaml

    # The parser in C, where PyYAML was built with it, takes a tenth of the time.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    content: dict[str, Any] = yaml.load(path.read_text("utf-8"), Loader=loader) or {}
    return content
