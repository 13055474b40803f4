"""From one composed configuration to what `memalign-bench headroom` measures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from memalign_bench.config.building import build, instance, instantiate_group, problems_of
from memalign_bench.config.composing import default_config, plain_values
from memalign_bench.errors import RequestError, first_line, refuse

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from memalign_bench.headroom.running import HeadroomRequest
    from memalign_bench.headroom.sight import Thresholds

__all__ = ["build_headroom"]


def build_headroom(
    cfg: DictConfig, choices: Mapping[str, str], search: Sequence[str] = ()
) -> HeadroomRequest:
    """Build what is measured; arguments as of `build`.

    Raises:
        RequestError: If a value is missing or refused, or the thresholds cannot be read.
    """
    from memalign_bench.headroom.running import HeadroomRequest
    from memalign_bench.headroom.sight import as_plain

    plain = plain_values(cfg)
    settings = plain["headroom"]
    makers: dict[str, Callable[[], Any]] = {
        "spec": lambda: build(cfg, choices, search, own_keys={"headroom"}),
        "facets": lambda: instance(cfg, "facets"),
        "embedder": lambda: instance(cfg, "embedder"),
        "thresholds": lambda: _read_thresholds(settings["thresholds"]),
        "sources": lambda: _checked_sources(settings["bound"]),
    }
    parts: dict[str, Any] = {}

    def make(name: str) -> None:
        parts[name] = makers[name]()

    # Each by itself, so that every problem of a request is told at once.
    refuse(dict.fromkeys(problems_of(partial(make, name) for name in makers)))
    # The rubric's criteria stand in that choice, however the judge itself is asked.
    checklist = instantiate_group("scoring", default_config(("scoring=checklist",))[0])
    # Only settings go into the manifest: where a class lies decides no number.
    facets = {key: value for key, value in plain["facets"].items() if key != "_target_"}
    embedder = {key: value for key, value in plain["embedder"].items() if key != "_target_"}
    thresholds = parts["thresholds"]
    return HeadroomRequest(
        **parts,
        criteria=checklist.criteria,
        config={
            "facets": facets,
            "embedder": embedder,
            "bound": settings["bound"],
            "thresholds": thresholds and as_plain(thresholds.sights),
        },
    )


def _checked_sources(names: Any) -> tuple[str, ...]:
    from memalign_bench.headroom.bound import check_sources

    if not isinstance(names, list):
        raise RequestError(f"headroom.bound must be a list ([] for no bound), got {names!r}.")
    return check_sources(names)


def _read_thresholds(file: Any) -> Thresholds | None:
    import yaml

    from memalign_bench.headroom.sight import thresholds_from

    if file is None:
        return None
    try:
        content = yaml.safe_load(Path(file).expanduser().read_text("utf-8"))
    # A TypeError is a number or a list in place of a file.
    except (OSError, UnicodeDecodeError, TypeError, yaml.YAMLError) as error:
        raise RequestError(
            f"headroom.thresholds={file!r} cannot be read ({first_line(error)}); name the"
            " thresholds.yaml that headroom wrote for another corpus, or null to choose them here."
        ) from error
    return thresholds_from(content, str(file))
