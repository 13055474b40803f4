"""Hydra's part: where `conf/` lies, and configurations composed from it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from memalign_bench.config.roles import folders_in, offer_roles
from memalign_bench.errors import RequestError

if TYPE_CHECKING:
    from omegaconf import DictConfig

__all__ = ["CONFIG_NAMES", "Composition", "composed", "config_dir", "default_config", "plain_of"]

CONFIG_NAMES = (
    "run",
    "report",
    "paper",
    "corpus",
    "validate",
    "cassette",
    "export_judge",
    "certify",
    "doctor",
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


# A sweep builds every job twice, to check it and to run it.
@lru_cache(maxsize=32)
def default_config(overrides: tuple[str, ...]) -> tuple[Mapping[str, Any], Mapping[str, str]]:
    """Plain values of `run` with these overrides and nothing else set, and the choices then."""
    job = composed("run", overrides)
    return plain_of(job.cfg, complete=False), job.choices


def plain_of(cfg: DictConfig, *, complete: bool = True) -> dict[str, Any]:
    """A configuration as plain values, interpolations resolved.

    Raises:
        RequestError: If a value is missing (and `complete`), or refers to nothing.
    """
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    try:
        plain: Any = OmegaConf.to_container(cfg, resolve=True, throw_on_missing=complete)
    except OmegaConfBaseException as error:
        key = getattr(error, "full_key", None) or "a key"
        told = str(error).splitlines()[0]
        raise RequestError(f"{key} must be set on the command line ({told}).") from error
    result: dict[str, Any] = plain
    return result
