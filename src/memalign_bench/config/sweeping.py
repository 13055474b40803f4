"""The jobs of a sweep: composed when they are looked at, what they have in common only once."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, overload

from memalign_bench.config.composing import Composition, composed, config_dir

if TYPE_CHECKING:
    from hydra.core.override_parser.types import Override

__all__ = ["Composer", "SweepJobs"]


class Composer:
    """Composes jobs of one command, as `composed` does, but in less time where they are many.

    Hydra first composes what the choices name (`alignment=full`), then sets values on it in the
    order of the command line (`fold_seed=2`). Jobs that make the same choices begin with copies of
    one composition.

    Args:
        command: The command.
    """

    def __init__(self, command: str) -> None:
        self._command = command
        self._by_choices: dict[tuple[str, ...], Composition] = {}

    def composed(self, overrides: Sequence[str]) -> Composition:
        """The configuration of one job.

        Raises:
            HydraException: If a key or choice is unknown.
        """
        parsed = [_parsed(word) for word in overrides]
        if any(one.is_add() or one.is_delete() for one in parsed):
            return composed(self._command, overrides)  # what they do hangs on what was before
        values = [one for one in parsed if _sets_a_value(one)]
        choices = tuple(
            word for word, one in zip(overrides, parsed, strict=True) if one not in values
        )
        if choices not in self._by_choices:
            self._by_choices[choices] = composed(self._command, choices)
        base = self._by_choices[choices]
        if any(one.key_or_group in base.choices and not _is_mapping(one) for one in values):
            return composed(self._command, overrides)  # a group of the user's own
        return _with_values(base, parsed, values)


@lru_cache(maxsize=1024)
def _parsed(word: str) -> Override:
    from hydra.core.override_parser.overrides_parser import OverridesParser

    return OverridesParser.create().parse_override(word)


def _sets_a_value(override: Override) -> bool:
    """Whether an override is of a value, as far as its words tell."""
    key = override.key_or_group
    if override.is_hydra_override() or override.package is not None:
        return False
    return _is_mapping(override) or not ("/" in key or (config_dir() / key).is_dir())


def _is_mapping(override: Override) -> bool:
    """`memory={k: 2}` sets values, though `memory` is a group."""
    return isinstance(override.value(), dict)


def _with_values(
    base: Composition, parsed: Sequence[Override], values: Sequence[Override]
) -> Composition:
    """A copy with values set, and with what Hydra notes of a job's words."""
    from hydra._internal.config_loader_impl import ConfigLoaderImpl, get_overrides_dirname

    cfg, hydra = copy.deepcopy(base.cfg), copy.deepcopy(base.hydra)
    ConfigLoaderImpl._apply_overrides_to_config(list(values), cfg)
    own = [one for one in parsed if not one.is_hydra_override()]
    hydra.overrides.task = [one.input_line for one in own]
    style = hydra.job.config.override_dirname
    hydra.job.override_dirname = get_overrides_dirname(
        own, kv_sep=style.kv_sep, item_sep=style.item_sep, exclude_keys=style.exclude_keys
    )
    return Composition(cfg, dict(base.choices), hydra)


class SweepJobs(Sequence[Composition]):
    """The jobs of a sweep, each composed anew when it is looked at; what a clock said stays.

    A configuration takes about a megabyte, so they are not all held.

    Args:
        requests: The words of each job.
        compose: Composes a job.
    """

    def __init__(
        self,
        requests: Sequence[Sequence[str]],
        compose: Callable[[Sequence[str]], Composition],
    ) -> None:
        self._requests = requests
        self._compose = compose
        self._first = compose(requests[0])

    def __len__(self) -> int:
        return len(self._requests)

    @overload
    def __getitem__(self, at: int) -> Composition: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[Composition]: ...
    def __getitem__(self, at: int | slice) -> Composition | Sequence[Composition]:
        from omegaconf import OmegaConf

        if isinstance(at, slice):
            return [self[one] for one in range(*at.indices(len(self)))]
        if at == 0:
            return self._first
        job = self._compose(self._requests[at])
        OmegaConf.copy_cache(self._first.cfg, job.cfg)
        return job
