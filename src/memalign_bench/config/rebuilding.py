"""A recorded run, built once more on this machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from memalign_bench.config.building import RunName, build_spec, instantiate_group
from memalign_bench.config.composing import default_config, plain_values
from memalign_bench.config.places import OWN
from memalign_bench.config.searchpath import config_dir, search_word
from memalign_bench.errors import RequestError

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from memalign_bench.study.spec import RunSpec

__all__ = ["backend_from", "rebuild"]

_MODEL_GROUPS = ("backend", "reflection", "embedding")
"""Groups that choose a model; records hold their settings without places."""


def rebuild(
    manifest: Mapping[str, Any],
    cfg: DictConfig,
    choices: Mapping[str, str | None],
    search: Sequence[str] = (),
    known: Mapping[str, Any] | None = None,
) -> RunSpec:
    """Build a run that was recorded, once more.

    Records do not say where anything lies: that comes from the choices of the same names, from what
    was noted of the run on this machine, and from what the command line says of `backend`,
    `dataset`, `reflection` and `embedding`.

    Args:
        manifest: The run's manifest.
        cfg: The configuration of the command that asks, with `results_dir`, `call_store`,
            `budget_usd` and the four groups, each with its choice or null.
        choices: Config group -> choice, as Hydra resolved them.
        search: Further places of configuration, as `file://` addresses.
        known: What `study.whereabouts` noted of the run on this machine.

    Raises:
        RequestError: If a choice of the run is not known here, or a place is missing.
    """
    noted = known or {"groups": {}, "search": []}
    _check_classes(manifest, search)  # before anything that the record names is built
    # Folders that were only noted may hold YAMLs that are needed, but bring no class along.
    folders = _ConfigFolders(tuple(search) or tuple(noted["search"]), trusted=bool(search))
    # `dry_run` is in no record either: what is rebuilt is meant to run.
    from_command = {key: cfg[key] for key in ("results_dir", "call_store", "budget_usd")}
    plain = {**manifest["config"], **from_command, "study": manifest["study"], "dry_run": False}
    # Places: the command line goes before what was noted here, and that before the choice.
    for group in ("dataset", *_MODEL_GROUPS):
        given = plain_values(cfg[group], complete=False) if cfg.get(group) else {}
        _check_places(group, given, choices.get(group))
        places = {**noted["groups"].get(group, {}), **_changed_by_user(group, given)}
        # A run that does not know the group used the judge's own model for it.
        node = plain.get(group, {})
        plain[group] = _with_places(group, node, places, folders, choices.get(group))
    plain = {**default_config(())[0], **plain}  # keys that came after that run
    plain["gold"] = str(plain["gold"])  # once a rater named by digits was recorded as a number
    # Records lack what stands under the names of places (a view's mode): the choice has it, and
    # the run's id tells whether its text is still the same.
    plain["rubric"] = _with_article(_with_places("rubric", plain["rubric"], {}, folders))
    if "not_applicable" not in manifest["rubric"]:  # run when 0 was N/A on every scale
        plain["rubric"]["scale"] = {"not_applicable": 0, **plain["rubric"]["scale"]}
    # Records say what decided the numbers then; it is not worked out anew.
    run_name = RunName(manifest["variant"], manifest["identity"]["decides"])
    return build_spec(plain, lambda *_: run_name)


def _with_article(rubric: Mapping[str, Any]) -> dict[str, Any]:
    """A recorded rubric with the article that its shipped choice names, which came later."""
    name = rubric["name"]
    shipped = (
        default_config((f"rubric={name}",))[0]["rubric"] if _is_shipped("rubric", name) else {}
    )
    # Spread first, so that an article of the record itself goes before it.
    return {**{key: shipped[key] for key in ("article",) if key in shipped}, **rubric}


def backend_from(recorded: Mapping[str, Any]) -> Any:
    """The model that a record names, as this machine reaches it.

    Its class is that of the choice of its name, never one that the record names.

    Args:
        recorded: `name` of the YAML choice, and `settings` without places.

    Raises:
        RequestError: If there is no such choice, or a setting is refused.
    """
    node = {"name": recorded["name"], **recorded["settings"]}
    return instantiate_group(
        "backend", {"backend": _with_places("backend", node, {}, _ConfigFolders(()))}
    )


class _ConfigFolders(NamedTuple):
    """Further folders of configuration; only those that the user names may bring classes along."""

    search: tuple[str, ...]
    trusted: bool = False


def _check_places(group: str, given: Mapping[str, Any], choice: str | None) -> None:
    """Refuse keys that are no places where no choice is named that could check them."""
    from memalign_bench.study.provenance import PLACES

    unknown = [] if choice else sorted(set(given) - PLACES)
    if unknown:
        raise RequestError(
            f"{', '.join(f'{group}.{key}' for key in unknown)} cannot be set here: the records say"
            f" it; only places can, such as {group}.path=."
        )


def _changed_by_user(group: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """The given values that differ from those of the shipped choice, so the user set them."""
    name = given.get("name")
    shipped = default_config((f"{group}={name}",))[0][group] if _is_shipped(group, name) else {}
    return {
        key: value for key, value in given.items() if key not in shipped or shipped[key] != value
    }


def _is_shipped(group: str, name: Any) -> bool:
    return name is not None and (config_dir() / group / f"{name}.yaml").is_file()


def _with_places(
    group: str,
    node: Mapping[str, Any],
    given: Mapping[str, Any],
    folders: _ConfigFolders,
    named: str | None = None,
) -> dict[str, Any]:
    """A recorded node, its places filled in from those given or from the choice of its name.

    Where the run was given a name of its own (`dataset=files dataset.name=mine`) no choice has it:
    then the one that the command names is taken.
    """
    from hydra.errors import HydraException

    from memalign_bench.study.provenance import PLACES

    if not node:
        return {}
    # The choice of the same name, as this machine has it.
    overrides = [f"{group}={node['name']}"]
    overrides += [search_word(folders.search)] if folders.search else []
    try:
        choice = default_config(tuple(overrides))[0][group]
    except HydraException as error:
        if named and named != node["name"]:
            renamed = _with_places(group, {**node, "name": named}, given, folders)
            return {**renamed, "name": node["name"]}
        handed_over = (
            ", or hand the model over (load_judge(path, backend=...))"
            if group in _MODEL_GROUPS
            else f"; if {group}.name was set by hand, name the choice it was set on ({group}=files)"
            if group == "dataset"
            else ""
        )
        raise RequestError(
            f"there is no {group}={node['name']} here, which the record names; add the folder of"
            f" its YAML with --config-dir{handed_over}."
        ) from error
    if not folders.trusted and (foreign := _foreign_classes(choice)):
        raise RequestError(
            f"{group}={node['name']} is of {', '.join(foreign)}, which this package does not have;"
            " add the folder of your YAMLs with --config-dir."
        )
    # Only places may be given: every other value is the record's.
    places = {key: value for key, value in given.items() if key in PLACES}
    merged = _overlay(choice, {**node, **places})
    # "???" is OmegaConf's mark of a value that must be given.
    missing = sorted(key for key, value in merged.items() if value == "???")
    if missing:
        raise RequestError(
            f"{', '.join(f'{group}.{key}' for key in missing)} must be set: the records came from"
            f" another machine (or an earlier version), and do not say where {group} lies."
        )
    return merged


def _overlay(choice: Mapping[str, Any], recorded: Mapping[str, Any]) -> dict[str, Any]:
    """Recorded values over usual ones; classes stay those of the choice, whatever a file says."""
    merged = dict(choice)
    for key, value in recorded.items():
        own_value = choice.get(key)
        if (
            isinstance(own_value, Mapping)
            and isinstance(value, Mapping)
            and "_target_" in own_value
        ):
            merged[key] = _overlay(own_value, value)
        # Neither `_target_` and its like nor a value that names a class: Hydra would call it.
        elif not key.startswith("_") and not any(map(_classes_in, (own_value, value))):
            merged[key] = value
    return merged


def _classes_in(node: Any) -> set[str]:
    """Every class that a node names."""
    if isinstance(node, Mapping):
        own = {str(node["_target_"])} if "_target_" in node else set()
        return own.union(*map(_classes_in, node.values()))
    return set().union(*map(_classes_in, node)) if isinstance(node, list) else set()


def _foreign_classes(node: Any) -> list[str]:
    return sorted(name for name in _classes_in(node) if not name.startswith(OWN))


def _check_classes(manifest: Mapping[str, Any], search: Sequence[str]) -> None:
    """Refuse classes from outside of this package unless the user named folders for them.

    A record may come from anywhere, and Hydra would call whatever it names.
    """
    foreign = _foreign_classes(manifest["config"])
    if foreign and not search:
        raise RequestError(
            f"run {manifest['run_id']} was made with {', '.join(foreign)}, which this"
            " package does not have; add the folder of your YAMLs with --config-dir."
        )
