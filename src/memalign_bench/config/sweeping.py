"""The jobs of a sweep, composed on access; what they share is composed once."""

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
        parsed = [_parse_override(word) for word in overrides]
        # `++` is neither: it sets a value whether or not there was one, on a copy as well.
        if any(override.is_add() or override.is_delete() for override in parsed):
            return composed(
                self._command, overrides
            )  # order matters: `+` and `~` act on what is there
        values = [override for override in parsed if _sets_a_value(override)]
        choices = tuple(
            word for word, override in zip(overrides, parsed, strict=True) if override not in values
        )
        # Jobs of a sweep differ mostly in values: few compositions serve them all.
        if choices not in self._by_choices:
            self._by_choices[choices] = composed(self._command, choices)
        base = self._by_choices[choices]
        if any(
            override.key_or_group in base.choices and not _is_mapping(override)
            for override in values
        ):
            return composed(
                self._command, overrides
            )  # a group of the user's own, which only now shows as one
        return _with_values(base, parsed, values)


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
    return _is_mapping(override) or not ("/" in key or (config_dir() / key).is_dir())


def _is_mapping(override: Override) -> bool:
    """`memory={k: 2}` sets values, though `memory` is a group."""
    return isinstance(override.value(), dict)


def _with_values(
    base: Composition, parsed: Sequence[Override], values: Sequence[Override]
) -> Composition:
    """A copy with values set, and with the overrides noted as Hydra notes them."""
    from hydra._internal.config_loader_impl import ConfigLoaderImpl, get_overrides_dirname

    # Set the values in the order of the command line, as Hydra does.
    cfg, hydra = copy.deepcopy(base.cfg), copy.deepcopy(base.hydra)
    # Hydra's own step, so that values and refusals are the same as in a single run.
    ConfigLoaderImpl._apply_overrides_to_config(list(values), cfg)
    # Launchers, callbacks and output folders read the overrides from Hydra's node.
    of_command = [override for override in parsed if not override.is_hydra_override()]
    hydra.overrides.task = [override.input_line for override in of_command]
    style = hydra.job.config.override_dirname
    hydra.job.override_dirname = get_overrides_dirname(
        of_command, kv_sep=style.kv_sep, item_sep=style.item_sep, exclude_keys=style.exclude_keys
    )
    return Composition(cfg, dict(base.choices), hydra)


class SweepJobs(Sequence[Composition]):
    """The jobs of a sweep, each composed on access; resolved times (`${now:}`) stay the same.

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
            return [self[index] for index in range(*at.indices(len(self)))]
        if at == 0:
            return self._first
        job = self._compose(self._requests[at])
        OmegaConf.copy_cache(self._first.cfg, job.cfg)
        return job
