"""From one composed configuration to what `memalign-bench headroom` measures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from memalign_bench.config.building import build, instance, made
from memalign_bench.config.composing import default_config, plain_of
from memalign_bench.errors import RequestError

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

    plain = plain_of(cfg)
    asked = plain["headroom"]
    checklist = made("scoring", default_config(("scoring=checklist",))[0])
    thresholds = _thresholds(asked["thresholds"])
    told = {key: value for key, value in plain["facets"].items() if key != "_target_"}
    embedder = {key: value for key, value in plain["embedder"].items() if key != "_target_"}
    return HeadroomRequest(
        spec=build(cfg, choices, search),
        facets=instance(cfg, "facets"),
        thresholds=thresholds,
        sources=_sources(asked["bound"]),
        criteria=checklist.criteria,
        embedder=instance(cfg, "embedder"),
        config={
            "facets": told,
            "embedder": embedder,
            "bound": asked["bound"],
            "thresholds": thresholds and as_plain(thresholds.sights),
        },
    )


def _sources(asked: Any) -> tuple[str, ...]:
    from memalign_bench.headroom.bound import check_sources

    if not isinstance(asked, list):
        raise RequestError(f"headroom.bound must be a list ([] for no bound), got {asked!r}.")
    return check_sources(asked)


def _thresholds(place: str | None) -> Thresholds | None:
    import yaml

    from memalign_bench.headroom.sight import thresholds_from

    if place is None:
        return None
    path = Path(place).expanduser()
    try:
        said = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise RequestError(
            f"headroom.thresholds={place!r} cannot be read ({error}); name the thresholds.yaml that"
            " headroom wrote for another corpus, or null to choose them here."
        ) from error
    return thresholds_from(said, str(place))
