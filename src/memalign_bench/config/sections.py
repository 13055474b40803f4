"""What a report is made of: records as they are read, and every YAML of the group `figure`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from memalign_bench.config.building import instantiate_group, study_of
from memalign_bench.config.checking import study_name
from memalign_bench.config.rubrics import check_file
from memalign_bench.config.searchpath import config_dir
from memalign_bench.errors import RequestError

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from memalign_bench.report.numbers.analysis import Analysis
    from memalign_bench.report.sections.section import Section

__all__ = ["build_analysis", "build_sections"]


def build_sections(search: Sequence[str] = ()) -> dict[str, Section]:
    """Section name -> section, in the order of the report.

    Args:
        search: Further places of configuration (`--config-dir`), as `file://` addresses. A YAML
            there goes before one of its name in the package.

    Raises:
        DataError: If a YAML of the user's is not one.
        RequestError: If a YAML names nothing that can be imported, or gives no section.
    """
    folders = [*(Path(place.removeprefix("file://")) for place in search), config_dir()]
    files: dict[str, Path] = {}
    for folder in folders:
        for path in sorted((folder / "figure").glob("*.yaml")):
            files.setdefault(path.stem, path)
    for path in files.values():
        # FOLDER/figure/NAME.yaml: only files of the user's own are looked at.
        if path.parents[1] != config_dir():
            check_file("figure", path)
    sections = [_load_section(path) for path in files.values()]
    return {
        section.name: section
        for section in sorted(sections, key=lambda section: (section.place, section.name))
    }


def build_analysis(cfg: DictConfig) -> Analysis:
    """The records of the study that a command names, read as its `stats` say.

    Raises:
        RequestError: If the study is not named, or a key is no choice.
        RecordError: If the records cannot be read or contradict one another.
    """
    from dataclasses import replace

    from memalign_bench.report.numbers.analysis import Analysis
    from memalign_bench.report.numbers.frames import load_study
    from memalign_bench.report.numbers.two_studies import combine_studies

    frames, stats = load_study(Path(cfg.results_dir) / study_of(cfg)), cfg.stats
    settings = (cfg.calibration, stats.missing, stats.n_resamples, stats.seed)
    published = (
        instantiate_group("published", {"published": stats.published}) if stats.published else None
    )
    analysis = Analysis.of(frames, *settings, margin=stats.margin, published=published)
    if (name := cfg.get("against")) is None:
        return analysis
    other = load_study(Path(cfg.results_dir) / study_name(name, "against"))
    return replace(
        analysis, against=combine_studies(frames, other, shared_only=bool(cfg.against_shared))
    )


def _load_section(path: Path) -> Section:
    from omegaconf import OmegaConf

    from memalign_bench.report.sections.section import Section

    # Not composed by Hydra, which makes one choice of a group: a report shows all of them.
    node: Any = OmegaConf.to_container(OmegaConf.load(path), resolve=True)
    if "_target_" not in node:
        raise RequestError(f"{path} has no _target_: name the function that makes the section.")
    try:
        section = instantiate_group("figure", {"figure": {"name": path.stem, **node}})
    except RequestError as error:
        raise RequestError(f"{path}: {error}") from error
    if not isinstance(section, Section):
        raise RequestError(
            f"{path}: {node['_target_']!r} gave {type(section).__name__}, no"
            " memalign_bench.report.sections.section.Section."
        )
    return section
