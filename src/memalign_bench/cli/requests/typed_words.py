"""The command line as people write it: options anywhere, any sign in paths and names.

Hydra's errors about it are explained in our own words.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from memalign_bench.config import Composition, composed, config_dir, kind_of
from memalign_bench.config.roles import ROLES
from memalign_bench.config.searchpath import folders_in, quoted
from memalign_bench.errors import first_line

__all__ = [
    "choice_groups",
    "choice_problems",
    "choices_of",
    "composition_problem",
    "grammar_problem",
    "options_first",
    "quoted_texts",
]


def options_first(words: Sequence[str]) -> list[str]:
    """The words with options before overrides: Hydra reads no override after `--config-dir DIR`.

    >>> options_first(["rubric=mine", "--config-dir", "conf", "dataset=files"])
    ['--config-dir', 'conf', 'rubric=mine', 'dataset=files']
    """
    from hydra._internal.utils import get_args_parser

    overrides = get_args_parser().parse_intermixed_args(list(words)).overrides
    return [*(word for word in words if word not in overrides), *overrides]


def quoted_texts(command: str, words: Sequence[str]) -> list[str]:
    """The words with each path and name in quotes that Hydra cannot read, or reads as a number.

    >>> quoted_texts("validate", ["dataset.path=~/my data", "gold=median", "folds=3"])
    ["dataset.path='~/my data'", 'gold=median', 'folds=3']
    >>> quoted_texts("export_judge", ["variant=full,memory.k=2", "study=2026_11_30", "out=null"])
    ["variant='full,memory.k=2'", "study='2026_11_30'", 'out=null']
    >>> quoted_texts("leaderboard", ["-m", "judge=5e8,on,'7'", "runs=[1e3,mine]"])
    ['-m', "judge='5e8',on,'7'", "runs=['1e3',mine]"]
    """
    sweeps = bool({"-m", "--multirun"} & set(words))
    return [_quoted_if_needed(command, word, sweeps=sweeps) for word in words]


def _quoted_if_needed(command: str, word: str, *, sweeps: bool) -> str:
    key, equals, value = word.partition("=")
    kind = kind_of(command, key.lstrip("+")) if equals else "other"
    if kind == "other":
        return word
    if _is_readable(word, sweeps=sweeps):
        return f"{key}={_as_typed(value)}"
    # Of a list that cannot be read, a part lacks its quotes and not the whole.
    return word if kind == "texts" else f"{key}={quoted(value)}"


def _as_typed(value: str) -> str:
    """A value with quotes around what Hydra would read as a number or a switch."""
    value = value.strip()
    if value.startswith("[") and value.endswith("]"):
        return f"[{','.join(map(_as_typed, _parts(value[1:-1])))}]"
    # Hydra takes the quotes off what stands in `choice`, and reads the parts once more.
    if value.startswith("choice(") and value.endswith(")"):
        value = value[len("choice(") : -1]
    if len(parts := _parts(value)) > 1:
        return ",".join(map(_as_typed, parts))
    from hydra.core.override_parser.types import RangeSweep

    read = _read(value)
    if isinstance(read, int | float):  # a bool is an int
        return quoted(value)
    if isinstance(read, RangeSweep):
        return ",".join(quoted(str(number)) for number in read.range())
    return value


def _parts(text: str) -> list[str]:
    """What stands between the commas outside of quotes and brackets.

    >>> _parts("a,[b,c],'d,e'")
    ['a', '[b,c]', "'d,e'"]
    """
    parts, depth, mark, before = [""], 0, "", ""
    for sign in text:
        if mark:
            mark = "" if sign == mark and before != "\\" else mark
        elif sign in "'\"":
            mark = sign
        elif sign in "[{(":
            depth += 1
        elif sign in ")}]":
            depth -= 1
        if sign == "," and not mark and not depth:
            parts.append("")
        else:
            parts[-1] += sign
        before = sign
    return parts


def _read(value: str) -> Any:
    """A value as Hydra reads it; None where it cannot."""
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    try:
        return OverridesParser.create().parse_override(f"key={value}").value()
    except HydraException:
        return None


def _is_readable(word: str, *, sweeps: bool) -> bool:
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    try:
        override = OverridesParser.create().parse_override(word)
    except HydraException:
        return False
    # "variant=full,memory.k=2" reads as two values to sweep over; without -m it must be one text.
    return sweeps or not override.is_sweep_override()


def choice_problems(words: Sequence[str], folders: Sequence[Path]) -> Iterator[str]:
    """A number, `null` or a list where one choice is made by its name, a problem each.

    Args:
        words: Overrides.
        folders: The user's folders of configuration.
    """
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.core.override_parser.types import ChoiceSweep
    from hydra.errors import HydraException

    for word in words:
        group, _, typed = word.partition("=")
        if "." in group or not (config_dir() / group).is_dir():
            continue
        try:
            value: Any = OverridesParser.create().parse_override(word).value()
        except HydraException:
            continue  # told when all words are parsed
        if isinstance(value, list) and group != "experiment":
            names = ",".join(map(str, value))
            yield f"{word} would mix them; choose one, or take each in turn: -m {group}={names}."
            continue
        for choice in value.list if isinstance(value, ChoiceSweep) else [value]:
            # As Hydra reads it: 1e3 is a number, `on` a name.
            if isinstance(choice, int | float | None) or choice == "":
                name = typed if choice is value else "null" if choice is None else str(choice)
                yield from _unnamed_choice(group, name, folders)


def _unnamed_choice(group: str, name: str, folders: Sequence[Path]) -> Iterator[str]:
    """What there is instead of what names no choice."""
    offered = choices_of(group, folders)
    yield f"{group}={name}: {group} is chosen by name: {', '.join(offered)}."
    if name in offered:
        yield f"A name that looks like a number is quoted: \"{group}='{name}'\"."
    elif name:
        yield from _choice_hints(f"{group}/{name}", folders)


def choices_of(group: str, folders: Sequence[Path] = ()) -> list[str]:
    """Choices of a group, ours and those of these folders; for a role, every backend too."""
    groups = [group, "backend"] if group in ROLES else [group]
    places = [folder / name for folder in (config_dir(), *folders) for name in groups]
    return sorted({path.stem for place in places for path in place.glob("*.yaml")})


def composition_problem(command: str, overrides: Sequence[str], error: Exception) -> str:
    """Why Hydra cannot compose a request, and what there is instead."""
    cause: Any = error.__cause__
    # A key that is not there: OmegaConf calls a mapping of known keys a struct.
    key = getattr(cause, "full_key", None) or getattr(error, "full_key", None)
    if key and "not in struct" in f"{error}{cause}":
        known = _known_keys(command, overrides)
        close = difflib.get_close_matches(key, known, n=3, cutoff=0.5)
        siblings = [name for name in known if name.rpartition(".")[0] == key.rpartition(".")[0]]
        hint = f" Did you mean {' or '.join(close)}?" if close else ""
        return f"unknown key {key!r}.{hint} Keys there: {', '.join(siblings or known)}."
    # A choice for a group that the command does not have.
    if no_group := re.match(r"Could not override '([^']+)'", str(error)):
        taken = ", ".join(choice_groups(composed(command))) or "none"
        return f"{command} takes no {no_group[1]}=; groups of which it takes a choice: {taken}."
    message = _without_search_path(error) or "a value cannot be read"
    # A choice that no folder of configuration offers.
    if no_choice := re.search(r"Could not (?:find|load) '([^']+)'", message):
        folders = list(folders_in(overrides))
        return "\n".join([message, *_choice_hints(no_choice[1], folders)])
    if "Cannot merge" in message:
        key_path = message.partition(":")[0]
        return (
            f"{key_path}: one of its values is a list, a mapping or a text where what it builds on"
            " has another kind."
        )
    why = first_line(cause or error)
    why = f" ({why})" if why and why not in message else ""
    advice = r"; the signs themselves are written \${." if "${" in why else ""
    return f"{message}{why}{advice}"


def _choice_hints(choice: str, folders: Sequence[Path]) -> Iterator[str]:
    """The choice that was meant, where its YAML lies instead, or how to have it looked for."""
    group, _, name = choice.rpartition("/")
    offered = [
        path.stem for folder in (config_dir(), *folders) for path in (folder / group).glob("*.yaml")
    ]
    if close := difflib.get_close_matches(name, offered, n=1):
        yield f"Did you mean {close[0]}?"
    elif not folders:
        yield "A YAML of your own is found with --config-dir FOLDER."
    for folder in folders:
        near = (f"{name}.y*ml", f"*/{name}.y*ml", f"{group}/*/{name}.y*ml")
        found = [path for pattern in near for path in sorted(folder.glob(pattern))]
        for path in dict.fromkeys([*found, folder.parent / group / f"{name}.yaml"]):
            if not path.is_file():
                continue
            yield f"{path} is there; it is looked for as {folder / group / name}.yaml."


def grammar_problem(error: Exception) -> str:
    """Why Hydra's grammar cannot read an override, with what to do about unknown letters."""
    message = _without_search_path(error)
    if "no viable alternative" in message and "{" in message:
        return (
            f"{first_line(message)}; within {{NAME: VALUE}} a name takes no quotes, and none of the"
            " signs , : { }; a map that needs them goes into a YAML of yours (--config-dir)."
        )
    if "LexerNoViableAlt" not in message:
        return message
    shown = message.partition(": ")[2].partition("\nSee ")[0]
    return (
        "cannot read this at the mark; letters beyond a to z, and signs like # & ; < >, need"
        f" quotes of their own within the shell's: \"dataset.columns={{score: 'Größe'}}\".\n{shown}"
    )


def _without_search_path(error: Exception) -> str:
    lines = [line.rstrip() for line in str(error).splitlines() if line.strip()]
    # The folders that Hydra lists below its message, one a line: more than a reader wants to know.
    kept = [line for line in lines if not line.startswith(("Config search path", "\tprovider"))]
    return "\n".join(kept)


def choice_groups(job: Composition) -> list[str]:
    """Groups of which a command takes a choice."""
    # Not nested ones (hydra/launcher), nor one chosen into another place (view@facts).
    return sorted(name for name in job.choices if not {"/", "@"} & {*name})


def _known_keys(command: str, overrides: Sequence[str]) -> list[str]:
    """Keys of the command with the choices made (backend=vllm), whose keys differ."""
    from omegaconf import OmegaConf

    choices = [
        word
        for word in overrides
        # A list of one gives the parts names within the comprehension.
        for group, _, value in [word.partition("=")]
        if group == "hydra.searchpath" or ((config_dir() / group).is_dir() and "{" not in value)
    ]
    plain = OmegaConf.to_container(composed(command, choices).cfg, resolve=False)
    return list(_key_names(plain, ""))


def _key_names(node: Any, lead: str) -> Iterator[str]:
    for key, value in node.items():
        if str(key).startswith("_"):  # Hydra's own, like `_target_`
            continue
        yield f"{lead}{key}"
        if isinstance(value, dict) and not lead:
            yield from _key_names(value, f"{key}.")
