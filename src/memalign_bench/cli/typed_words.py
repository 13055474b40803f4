"""The command line as people write it: options anywhere, paths and names with any sign in them."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["options_first", "quoted_texts"]

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
