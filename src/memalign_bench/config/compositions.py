"""Hydra's part: configurations composed from `conf/` and from folders of one's own.

Hydra first composes what the choices name (`alignment=full`), then sets values on it in the order
of the command line (`fold_seed=2`). The first step takes nearly all of the time, and jobs of a
sweep, commands and tests mostly make the same choices: those are composed once a process, and each
request begins with a copy. Files are parsed once a process too (`kept_files`).
"""

from __future__ import annotations

import os
import pickle
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from memalign_bench.config.roles import offer_roles
from memalign_bench.config.searchpath import config_dir, folders_in

if TYPE_CHECKING:
    from hydra.core.override_parser.types import Override
    from omegaconf import DictConfig

__all__ = ["Composition", "FilesState", "composed", "composed_anew", "files_state"]


class Composition(NamedTuple):
    """A composed configuration without Hydra's node, the choices made, and Hydra's node."""

    cfg: DictConfig
    choices: dict[str, str]
    hydra: DictConfig


def composed(command: str, overrides: Sequence[str] = ()) -> Composition:
    """Compose a command's configuration, as the command line does.

    >>> from memalign_bench.config import build, composed
    >>> job = composed("run", ["dataset=planted", "backend=scripted", "memory.k=2"])
    >>> build(job.cfg, job.choices).variant
    'full,memory.k=2'

    Raises:
        HydraException: If a key or choice is unknown.
    """
    parsed = [_parse_override(word) for word in overrides]
    # `+` and `~` act on what is there when it is their turn (`++` does not), and of a sweep Hydra
    # says what it needs.
    if any(one.is_add() or one.is_delete() or one.is_sweep_override() for one in parsed):
        return composed_anew(command, overrides)
    values = [override for override in parsed if _sets_a_value(override)]
    choices = tuple(
        word for word, override in zip(overrides, parsed, strict=True) if override not in values
    )
    kept = _KEPT.composed(command, choices)
    if any(
        override.key_or_group in kept.choices and not _is_mapping(override) for override in values
    ):
        # A group of the user's own, which only now shows as one.
        return composed_anew(command, overrides)
    return _with_values(kept.copy(), parsed, values)


def composed_anew(command: str, overrides: Sequence[str] = ()) -> Composition:
    """The same by Hydra alone, whatever was composed before.

    Raises:
        HydraException: If a key or choice is unknown.
    """
    from hydra import compose
    from omegaconf import open_dict

    # Hydra must know the backends of the user's folders before it looks up a role.
    offer_roles([config_dir(), *folders_in(overrides)])
    with _hydra_composer():
        cfg = compose(command, list(overrides), return_hydra_config=True)
    # Hydra closes what it has composed, and of a closed mapping no key can be taken.
    with open_dict(cfg):
        hydra_node = cfg.pop("hydra")
    return Composition(cfg, dict(hydra_node.runtime.choices), hydra_node)


FilesState = tuple[tuple[str, int, int], ...]
"""Path, time of change in nanoseconds and size in bytes of files, by path."""


class _KeptComposition(NamedTuple):
    """A composition that every caller gets a copy of.

    Attributes:
        choices: Config group -> choice.
        pickled: The composition; to load it takes a fifth of the time of a deep copy.
    """

    choices: dict[str, str]
    pickled: bytes

    def copy(self) -> Composition:
        """The composition, to be changed at will."""
        made: Composition = pickle.loads(self.pickled)  # nobody's but this process's own
        return made


class _Kept:
    """Compositions of choices alone.

    A request that says once more what another one had by default (`alignment=full`) gets the same.
    """

    _MOST = 64
    """A sweep goes through its choices twice."""

    def __init__(self) -> None:
        self._held: dict[tuple[str, FilesState, tuple[str, ...]], _KeptComposition] = {}

    def composed(self, command: str, choices: tuple[str, ...]) -> _KeptComposition:
        """Choices of a command, composed once as long as no file changes."""
        state = files_state(choices)
        # As a list: another thread may add to it meanwhile.
        for (its_command, its_state, its_choices), held in list(self._held.items()):
            if (its_command, its_state) == (command, state) and _is_restated(
                choices, its_choices, held
            ):
                return held
        if len(self._held) == self._MOST:
            self._held.pop(next(iter(self._held)), None)
        job = composed_anew(command, choices)
        made = _KeptComposition(job.choices, pickle.dumps(job))
        self._held[command, state, choices] = made
        return made

    def forget(self) -> None:
        """Compose everything anew from here on."""
        self._held.clear()


_KEPT = _Kept()


def _is_restated(
    choices: Sequence[str], held_choices: Sequence[str], held: _KeptComposition
) -> bool:
    """Whether choices are those of a composition and nothing but what it has by default."""
    shared = [word for word in choices if word in held_choices]
    restated = [word.partition("=") for word in choices if word not in held_choices]
    groups = [word.partition("=")[0] for word in choices]
    return (
        sorted(shared) == sorted(held_choices)
        and all(held.choices.get(group) == choice for group, _, choice in restated)
        and len({*groups}) == len(groups)  # of two choices of a group the order would count
    )


def files_state(words: Sequence[str]) -> FilesState:
    """Path, time of change and size of every YAML that a composition of these words may read."""
    folders = (config_dir(), *folders_in(words))
    return tuple(sorted(file for folder in folders for file in _yaml_files(folder.absolute())))


def _yaml_files(folder: Path | str, depth: int = 2) -> Iterator[tuple[str, int, int]]:
    # Groups are two folders deep at most; a user's folder may be a whole project.
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.endswith(".yaml"):
                stat = entry.stat()
                yield entry.path, stat.st_mtime_ns, stat.st_size
            elif depth and entry.is_dir():
                yield from _yaml_files(entry.path, depth - 1)


@contextmanager
def _hydra_composer() -> Iterator[None]:
    """Compose configurations in here, whether or not a Hydra job is running."""
    from hydra import initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra

    from memalign_bench.config.kept_files import files_parsed_once

    # Hydra keeps one composer a process; that of a running job must be there again afterwards.
    outer_hydra = GlobalHydra.instance().hydra
    GlobalHydra.instance().clear()
    try:
        with files_parsed_once(), initialize_config_dir(str(config_dir()), version_base="1.3"):
            yield
    finally:
        GlobalHydra.instance().hydra = outer_hydra


@lru_cache(maxsize=1024)
def _parse_override(word: str) -> Override:
    from hydra.core.override_parser.overrides_parser import OverridesParser

    return OverridesParser.create().parse_override(word)


def _sets_a_value(override: Override) -> bool:
    """Whether an override sets a value and chooses nothing, as far as its words show."""
    key = override.key_or_group
    # Hydra notes its own keys apart from the others as it composes; `group@package=` chooses.
    if override.is_hydra_override() or override.package is not None:
        return False
    return _is_mapping(override) or not ("/" in key or Path(config_dir(), key).is_dir())


def _is_mapping(override: Override) -> bool:
    """`memory={k: 2}` sets values, though `memory` is a group."""
    return isinstance(override.value(), dict)


def _with_values(
    job: Composition, parsed: Sequence[Override], values: Sequence[Override]
) -> Composition:
    """A composition with values set, and with the overrides noted as Hydra notes them."""
    from hydra._internal.config_loader_impl import ConfigLoaderImpl, get_overrides_dirname

    # Set the values in the order of the command line, as Hydra does.
    cfg, choices, hydra = job
    # Hydra's own step, so that values and refusals are the same as in a single run.
    ConfigLoaderImpl._apply_overrides_to_config(list(values), cfg)
    # Launchers, callbacks and output folders read the overrides from Hydra's node.
    of_command = [override for override in parsed if not override.is_hydra_override()]
    of_hydra = [override for override in parsed if override.is_hydra_override()]
    hydra.overrides.task = [override.input_line for override in of_command]
    hydra.overrides.hydra = [override.input_line for override in of_hydra]
    style = hydra.job.config.override_dirname
    hydra.job.override_dirname = get_overrides_dirname(
        of_command, kv_sep=style.kv_sep, item_sep=style.item_sep, exclude_keys=style.exclude_keys
    )
    # What Hydra takes from the process when it composes, as it is now.
    hydra.runtime.cwd = str(Path.cwd())
    hydra.job.env_set.update({name: os.environ[name] for name in hydra.job.env_copy})
    return Composition(cfg, choices, hydra)
