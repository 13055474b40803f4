"""Hydra's part: where `conf/` lies, and configurations composed from it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from memalign_bench.config.roles import folders_in, offer_roles
from memalign_bench.errors import RequestError

if TYPE_CHECKING:
    from omegaconf import DictConfig

__all__ = [
    "CONFIG_NAMES",
    "Composition",
    "composed",
    "config_dir",
    "default_config",
    "plain_of",
    "with_open_keys",
]

CONFIG_NAMES = (
    "run",
    "headroom",
    "report",
    "paper",
    "corpus",
    "validate",
    "cassette",
    "export_judge",
    "forensics",
    "certify",
    "doctor",
    "rubric",
    "generate",
    "score",
    "gate",
    "leaderboard",
    "label",
)
"""Commands, each with a configuration of its own name in `conf/`."""


def config_dir() -> Path:
    """Where `conf/` lies: in the installed package, or at the top of the checkout."""
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "conf", package.parents[1] / "conf"):
        if (folder / "run.yaml").is_file():
            return folder
    raise RequestError(f"no conf/ beside {package}; install memalign-bench again.")


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
    from hydra import compose
    from omegaconf import open_dict

    offer_roles([config_dir(), *folders_in(overrides)])
    with _composer():
        cfg = compose(command, list(overrides), return_hydra_config=True)
    with open_dict(cfg):
        hydra_node = cfg.pop("hydra")
    return Composition(cfg, dict(hydra_node.runtime.choices), hydra_node)


@contextmanager
def _composer() -> Iterator[None]:
    """Compose configurations in here, whether or not a Hydra job is running."""
    from hydra import initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra

    # Hydra keeps one composer a process; that of a running job must be there again afterwards.
    held = GlobalHydra.instance().hydra
    GlobalHydra.instance().clear()
    try:
        with initialize_config_dir(str(config_dir()), version_base="1.3"):
            yield
    finally:
        GlobalHydra.instance().hydra = held


def with_open_keys(command: str, overrides: Sequence[str]) -> list[str]:
    """Overrides, those of open-ended mappings marked so that Hydra takes keys it does not know.

    A mapping is open-ended where its YAML, or one of ours of its group, declares it empty
    (`grades: {}`); every other key that is not known stays an error.

    >>> words = ["dataset=files", "dataset.grades={poor: 1}", "dataset.path=x"]
    >>> with_open_keys("validate", words)[1:]
    ['++dataset.grades={poor: 1}', 'dataset.path=x']
    """
    chosen = [word.split(",")[0] for word in overrides if _is_choice(word)]
    groups = {word.partition("=")[0] for word in chosen}
    maybe = {word for word in overrides if _MAPPED.match(word) or _is_unchosen(word, groups)}
    if not maybe:
        return list(overrides)
    search = [word for word in overrides if word.startswith("hydra.searchpath=")]
    whole = plain_of(composed(command, [*search, *chosen]).cfg, raw=True)
    opened = (*_empty_mappings(whole), *_filled_mappings(whole, maybe))
    return [
        f"++{word}" if word in maybe and _below(word.partition("=")[0], opened) else word
        for word in overrides
    ]


_MAPPED = re.compile(r"[A-Za-z_]\w*(\.\w+)+=\s*\{|[A-Za-z_]\w*(\.\w+)+\.[^=]+=")
"""An override that may be of a mapping: its value is one, or it lies below one."""


def _is_choice(word: str) -> bool:
    return "." not in word.partition("=")[0] and (config_dir() / word.partition("=")[0]).is_dir()


def _is_unchosen(word: str, groups: set[str]) -> bool:
    """Whether a word sets a key of a group of which nothing is chosen (`dataset.path=`)."""
    group, dot, _ = word.partition("=")[0].partition(".")
    return bool(dot) and group not in groups and (config_dir() / group).is_dir()


def _below(key: str, opened: tuple[str, ...]) -> bool:
    return any(key == name or key.startswith(f"{name}.") for name in opened)


def _filled_mappings(whole: Mapping[str, Any], words: Iterable[str]) -> Iterator[str]:
    """Mappings that a YAML of one's own has filled, and one of ours in the group leaves open."""
    import yaml

    for group in sorted({word.partition("=")[0].partition(".")[0] for word in words}):
        node = whole.get(group)
        for path in sorted((config_dir() / group).glob("*.yaml")):
            # A choice that stands at the top of all keys has its group's node inside.
            declared = yaml.safe_load(path.read_text("utf-8")) or {}
            for name in _empty_mappings(declared):
                if isinstance(node, Mapping) and isinstance(node.get(name), Mapping):
                    yield f"{group}.{name}"


def _empty_mappings(node: Mapping[Any, Any], lead: str = "") -> Iterator[str]:
    for key, value in node.items():
        if isinstance(value, Mapping):
            yield from _empty_mappings(value, f"{lead}{key}.") if value else (f"{lead}{key}",)


# A sweep builds every job twice, to check it and to run it.
@lru_cache(maxsize=32)
def default_config(overrides: tuple[str, ...]) -> tuple[Mapping[str, Any], Mapping[str, str]]:
    """Plain values of `run` with these overrides and nothing else set, and the choices then."""
    job = composed("run", overrides)
    return plain_of(job.cfg, complete=False), job.choices


def _unset(cfg: DictConfig, error: Any) -> str:
    """Every key that must still be set, and whose choice asks for it, or that refers to nothing."""
    from omegaconf import OmegaConf
    from omegaconf.errors import MissingMandatoryValue

    lines = []
    unset = OmegaConf.missing_keys(cfg) if isinstance(error, MissingMandatoryValue) else ()
    for key in sorted(unset):
        group = key.partition(".")[0]
        name = OmegaConf.select(cfg, f"{group}.name", default=None) if "." in key else None
        whose = f"{group}={name} needs it: " if name else ""
        lines.append(f"{key} must be set on the command line ({whose}{key}=...).")
    return "\n".join(lines or dict.fromkeys(_unresolved(cfg))) or f"{_refers_wrongly(error)}."


def _unresolved(node: Any) -> Iterator[str]:
    """What is wrong with each value that refers to something, by its key."""
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    for key in node if OmegaConf.is_dict(node) else range(len(node)):
        try:
            value = None if OmegaConf.is_missing(node, key) else node[key]
        except OmegaConfBaseException as error:
            yield f"{_refers_wrongly(error)}."
            continue
        if OmegaConf.is_config(value) and not OmegaConf.is_interpolation(node, key):
            yield from _unresolved(value)


def _refers_wrongly(error: Any) -> str:
    """A value's key, and why what it refers to cannot be had."""
    key, told = getattr(error, "full_key", None) or "a key", str(error).splitlines()[0]
    if variable := re.search(r"Environment variable '(.+?)' not found", told):
        return (
            f"{key}: the environment variable {variable[1]} is not set; export it, or say {key}=..."
            " on the command line"
        )
    return (
        f"{key} refers to something that is not there ({told}); an environment variable is"
        r" ${oc.env:NAME}, and the signs themselves are written \${"
    )


def plain_of(cfg: DictConfig, *, complete: bool = True, raw: bool = False) -> dict[str, Any]:
    """A configuration as plain values, interpolations resolved (not with `raw`).

    Raises:
        RequestError: If a value is missing (and `complete`), or refers to nothing.
    """
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    try:
        plain: Any = OmegaConf.to_container(
            cfg, resolve=not raw, throw_on_missing=complete and not raw
        )
    except OmegaConfBaseException as error:
        raise RequestError(_unset(cfg, error)) from error
    result: dict[str, Any] = plain
    return result
