"""The command line as people write it: options anywhere, any sign in paths and names.

What of it cannot be composed is told in words of ours.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from memalign_bench.config import Composition, composed, config_dir
from memalign_bench.config.roles import folders_in
from memalign_bench.errors import first_line

__all__ = ["explained", "groups_of", "options_first", "quoted_texts", "unread"]

_TEXT_KEYS = frozenset(
    {
        *("path", "model_path", "results_dir", "call_store", "out", "plan", "command"),
        *("judge", "baseline", "candidate", "variant", "gold", "study"),
    }
)


def options_first(words: Sequence[str]) -> list[str]:
    """The words with options before overrides: Hydra reads no override after `--config-dir DIR`.

    >>> options_first(["rubric=mine", "--config-dir", "conf", "dataset=files"])
    ['--config-dir', 'conf', 'rubric=mine', 'dataset=files']
    """
    from hydra._internal.utils import get_args_parser

    overrides = get_args_parser().parse_intermixed_args(list(words)).overrides
    return [*(word for word in words if word not in overrides), *overrides]


def quoted_texts(words: Sequence[str]) -> list[str]:
    """The words with each path and name in quotes that Hydra's grammar cannot read without.

    >>> quoted_texts(["dataset.path=~/my data", "gold=median"])
    ["dataset.path='~/my data'", 'gold=median']
    >>> quoted_texts(["variant=full,memory.k=2", "gold=Jürgen"])
    ["variant='full,memory.k=2'", "gold='Jürgen'"]
    """
    sweeps = bool({"-m", "--multirun"} & set(words))
    return [_quoted(word, sweeps=sweeps) for word in words]


def _quoted(word: str, *, sweeps: bool) -> str:
    key, sign, value = word.partition("=")
    if not sign or key.rpartition(".")[2] not in _TEXT_KEYS or _is_read(word, sweeps=sweeps):
        return word
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"{key}='{escaped}'"


def _is_read(word: str, *, sweeps: bool) -> bool:
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    try:
        override = OverridesParser.create().parse_override(word)
    except HydraException:
        return False
    return sweeps or not override.is_sweep_override()


def explained(command: str, overrides: Sequence[str], error: Exception) -> str:
    """What cannot be composed: what was wrong, and what there is instead."""
    cause: Any = error.__cause__
    key = getattr(cause, "full_key", None) or getattr(error, "full_key", None)
    if key and "not in struct" in f"{error}{cause}":
        known = _known_keys(command, overrides)
        close = difflib.get_close_matches(key, known, n=3, cutoff=0.5)
        siblings = [name for name in known if name.rpartition(".")[0] == key.rpartition(".")[0]]
        hint = f" Did you mean {' or '.join(close)}?" if close else ""
        return f"unknown key {key!r}.{hint} Keys there: {', '.join(siblings or known)}."
    if stray := re.match(r"Could not override '([^']+)'", str(error)):
        taken = ", ".join(groups_of(composed(command))) or "none"
        return f"{command} takes no {stray[1]}=; groups of which it takes a choice: {taken}."
    told = _first_lines(error) or "a value cannot be read"
    if lost := re.search(r"Could not (?:find|load) '([^']+)'", told):
        folders = list(folders_in(overrides))
        return "\n".join([told, *_misplaced(lost[1], folders)])
    if "Cannot merge" in told:
        where = told.partition(":")[0]
        return (
            f"{where}: one of its values is a list, a mapping or a text where what it builds on has"
            " another kind."
        )
    why = first_line(cause or error)
    why = f" ({why})" if why and why not in told else ""
    advice = r"; the signs themselves are written \${." if "${" in why else ""
    return f"{told}{why}{advice}"


def _misplaced(choice: str, folders: Sequence[Path]) -> Iterator[str]:
    """A choice that is meant, where its YAML lies instead, or how to have it looked for."""
    group, _, name = choice.rpartition("/")
    there = [path.stem for one in (config_dir(), *folders) for path in (one / group).glob("*.yaml")]
    if close := difflib.get_close_matches(name, there, n=1):
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


def unread(error: Exception) -> str:
    """What Hydra's grammar cannot read, with what to do about a letter that it does not know."""
    told = _first_lines(error)
    if "no viable alternative" in told and "{" in told:
        return (
            f"{first_line(told)}; within {{NAME: VALUE}} a name takes no quotes, and none of the"
            " signs , : { }; a map that needs them goes into a YAML of yours (--config-dir)."
        )
    if "LexerNoViableAlt" not in told:
        return told
    shown = told.partition(": ")[2].partition("\nSee ")[0]
    return (
        "cannot read this at the mark; letters beyond a to z, and signs like # & ; < >, need"
        f" quotes of their own within the shell's: \"dataset.columns={{score: 'Größe'}}\".\n{shown}"
    )


def _first_lines(error: Exception) -> str:
    lines = [line.rstrip() for line in str(error).splitlines() if line.strip()]
    kept = [line for line in lines if not line.startswith(("Config search path", "\tprovider"))]
    return "\n".join(kept)


def groups_of(job: Composition) -> list[str]:
    """Groups of which a command takes a choice."""
    return sorted(name for name in job.choices if not {"/", "@"} & {*name})


def _known_keys(command: str, overrides: Sequence[str]) -> list[str]:
    """Keys of the command with the choices made (backend=vllm), whose keys differ."""
    from omegaconf import OmegaConf

    made = [
        word
        for word in overrides
        for group, _, value in [word.partition("=")]
        if group == "hydra.searchpath" or ((config_dir() / group).is_dir() and "{" not in value)
    ]
    plain = OmegaConf.to_container(composed(command, made).cfg, resolve=False)
    return list(_key_names(plain, ""))


def _key_names(node: Any, lead: str) -> Iterator[str]:
    for key, value in node.items():
        if str(key).startswith("_"):
            continue
        yield f"{lead}{key}"
        if isinstance(value, dict) and not lead:
            yield from _key_names(value, f"{key}.")
