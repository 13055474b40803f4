"""The report's topics: every YAML of the group `figure`, a user's own among them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from memalign_bench.config.building import made
from memalign_bench.config.composing import config_dir
from memalign_bench.errors import RequestError

if TYPE_CHECKING:
    from memalign_bench.report.sections.section import Section

__all__ = ["build_sections"]


def build_sections(search: Sequence[str] = ()) -> dict[str, Section]:
    """Section name -> section, in the order of the report.

    Args:
        search: Further places of configuration (`--config-dir`), as `file://` addresses. A YAML
            there goes before one of its name in the package.

    Raises:
        RequestError: If a YAML names nothing that can be imported, or gives no section.
    """
    folders = [*(Path(place.removeprefix("file://")) for place in search), config_dir()]
    files: dict[str, Path] = {}
    for folder in folders:
        for path in sorted((folder / "figure").glob("*.yaml")):
            files.setdefault(path.stem, path)
    sections = [_section(path) for path in files.values()]
    return {one.name: one for one in sorted(sections, key=lambda one: (one.place, one.name))}


def _section(path: Path) -> Section:
    from omegaconf import OmegaConf

    from memalign_bench.report.sections.section import Section

    node: Any = OmegaConf.to_container(OmegaConf.load(path), resolve=True)
    if "_target_" not in node:
        raise RequestError(f"{path} has no _target_: name the function that makes the section.")
    try:
        section = made("figure", {"figure": {"name": path.stem, **node}})
    except RequestError as error:
        raise RequestError(f"{path}: {error}") from error
    if not isinstance(section, Section):
        raise RequestError(
            f"{path}: {node['_target_']!r} gave {type(section).__name__}, no"
            " memalign_bench.report.sections.section.Section."
        )
    return section
