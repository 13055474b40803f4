"""A recorded run, built once more on this machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from memalign_bench.config.building import RunName, made, spec_of
from memalign_bench.config.composing import default_config, plain_of
from memalign_bench.errors import RequestError

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from memalign_bench.study.spec import RunSpec

__all__ = ["backend_from", "rebuild"]

_OWN = "memalign_bench."

_MODELS = ("backend", "reflection", "embedding")
"""Groups that choose a model; records hold their settings without places."""


def rebuild(
    manifest: Mapping[str, Any],
    cfg: DictConfig,
    choices: Mapping[str, str | None],
    search: Sequence[str] = (),
) -> RunSpec:
    """Build a run that was recorded, once more.

    Records do not say where anything lies: that comes from the choices of the same names, and from
    what the command line says of `backend`, `dataset`, `reflection` and `embedding`.

    Args:
        manifest: The run's manifest.
        cfg: The configuration of the command that asks, with `results_dir`, `call_store`,
            `budget_usd` and the four groups, each with its choice or null.
        choices: Config group -> choice, as Hydra resolved them.
        search: Further places of configuration, as `file://` addresses.

    Raises:
        RequestError: If a choice of the run is not known here, or a place is missing.
    """
    _check_classes(manifest, search)
    told = {key: cfg[key] for key in ("results_dir", "call_store", "budget_usd")}
    plain = {**manifest["config"], **told, "study": manifest["study"], "dry_run": False}
    for group in ("dataset", *_MODELS):
        given = plain_of(cfg[group], complete=False) if choices.get(group) else {}
        # A run that does not know the group used the judge's own model for it.
        plain[group] = _placed(group, plain.get(group, {}), given, search)
    plain = {**default_config(())[0], **plain}  # keys that came after that run
    # Records lack what stands under the names of places (a view's mode): the choice has it, and
    # the run's id tells whether its text is still the same.
    plain["rubric"] = _placed("rubric", plain["rubric"], {}, search)
    # Records say what decided the numbers then; it is not worked out anew.
    named = RunName(manifest["variant"], manifest["identity"]["decides"])
    return spec_of(plain, lambda *_: named)


def backend_from(recorded: Mapping[str, Any]) -> Any:
    """The model that a record names, as this machine reaches it.

    Its class is that of the choice of its name, never one that the record names.

    Args:
        recorded: `name` of the YAML choice, and `settings` without places.

    Raises:
        RequestError: If there is no such choice, or a setting is refused.
    """
    node = {"name": recorded["name"], **recorded["settings"]}
    return made("backend", {"backend": _placed("backend", node, {}, ())})


def _placed(
    group: str, node: Mapping[str, Any], given: Mapping[str, Any], search: Sequence[str]
) -> dict[str, Any]:
    """A recorded node with its places: those given, else those of the choice of its name."""
    from hydra.errors import HydraException

    from memalign_bench.study.provenance import PLACES

    if not node:
        return {}
    overrides = [f"{group}={node['name']}"]
    overrides += [f"hydra.searchpath=[{','.join(search)}]"] if search else []
    try:
        usual = default_config(tuple(overrides))[0][group]
    except HydraException as error:
        raise RequestError(
            f"there is no {group}={node['name']} here, which the record names; add the folder of"
            " its YAML with --config-dir, or hand the model over (load_judge(path, backend=...))."
        ) from error
    places = {key: value for key, value in given.items() if key in PLACES}
    whole = _overlaid(usual, {**node, **places})
    missing = sorted(key for key, value in whole.items() if value == "???")
    if missing:
        raise RequestError(f"{', '.join(f'{group}.{key}' for key in missing)} must be set.")
    return whole


def _overlaid(usual: Mapping[str, Any], node: Mapping[str, Any]) -> dict[str, Any]:
    """Recorded values over usual ones; classes stay those of the choice, whatever a file says."""
    whole = dict(usual)
    for key, value in node.items():
        inner = usual.get(key)
        if isinstance(inner, Mapping) and isinstance(value, Mapping) and "_target_" in inner:
            whole[key] = _overlaid(inner, value)
        elif not key.startswith("_") and not any(map(_classes, (inner, value))):
            whole[key] = value
    return whole


def _classes(node: Any) -> set[str]:
    """Every class that a node names."""
    if isinstance(node, Mapping):
        own = {str(node["_target_"])} if "_target_" in node else set()
        return own.union(*map(_classes, node.values()))
    return set().union(*map(_classes, node)) if isinstance(node, list) else set()


def _check_classes(manifest: Mapping[str, Any], search: Sequence[str]) -> None:
    """A record from elsewhere must not run just anything: foreign classes need --config-dir."""
    foreign = {name for name in _classes(manifest["config"]) if not name.startswith(_OWN)}
    if foreign and not search:
        raise RequestError(
            f"run {manifest['run_id']} was made with {', '.join(sorted(foreign))}, which this"
            " package does not have; add the folder of your YAMLs with --config-dir."
        )
