"""From Hydra's configuration to plain values: the only module that knows config nodes.

`build(cfg)` turns one composed configuration into a `RunSpec`. Everything below it gets frozen
dataclasses, so a misspelt key is refused by name, by Hydra or by a constructor.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from memalign_bench.errors import RequestError

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from memalign_bench.study.spec import RunSpec
    from memalign_bench.study.tracking import MlflowTracker
    from memalign_bench.types import Rubric

__all__ = [
    "CONFIG_NAMES",
    "Composed",
    "backend_from",
    "build",
    "build_tracker",
    "chosen_dimensions",
    "composed",
    "config_dir",
    "instance",
    "rebuild",
    "study_of",
]

CONFIG_NAMES = (
    "run",
    "report",
    "paper",
    "corpus",
    "validate",
    "cassette",
    "export_judge",
    "doctor",
)
"""Commands, each with a configuration of its own name in `conf/`."""

_RUN_KEYS = ("applicability", "folds", "rubric.name", "splits.name")
"""Keys that decide the numbers of every alignment."""

_LABEL_KEYS = ("n_train", "label_noise")
"""Keys that decide the numbers of every alignment that uses training labels."""

_JUDGE_KEYS = ("view", "scoring", "prompt", "prior")
"""Keys that decide the numbers of every alignment that asks a model."""

_CAME_LATER: Mapping[str, tuple[Any, ...]] = {
    "n_train": (None,),
    "label_noise": (0,),
    "memory.query": ("view",),
    "memory.diversity": (None, 0),
    "prior": ("none",),
}
"""Keys that earlier runs did not know, and the values that say what those runs did. At such a value
a key stays out of a run's identity, so that records made before it keep their names."""

_GROUPS = ("backend", "dataset", "alignment")
"""Groups whose choices set other defaults, or have columns of their own."""

_NAMED_GROUPS = ("scoring", "view", "distiller", "embedder", "splits")
"""Groups whose choice stands in a variant by its name; what it brings along is usual for it."""


def config_dir() -> Path:
    """Where `conf/` lies: in the installed package, or at the top of the checkout."""
    package = Path(__file__).resolve().parent
    for folder in (package / "conf", package.parents[1] / "conf"):
        if (folder / "run.yaml").is_file():
            return folder
    raise RequestError(f"no conf/ beside {package}; install memalign-bench again.")


def build(cfg: DictConfig, choices: Mapping[str, str], search: Sequence[str] = ()) -> RunSpec:
    """Build what one job runs.

    Args:
        cfg: The composed configuration of `run`, without Hydra's own node.
        choices: Config group -> choice, as Hydra resolved them.
        search: Further places of configuration (`--config-dir`), as `file://` addresses.

    Raises:
        RequestError: If a value is missing or refused, with the key and the reason.
    """

    def named(plain: dict[str, Any], alignment: Any) -> _Named:
        decides = _deciding(plain, alignment)
        usual = _usual(choices, search, alignment)
        variant = _variant(alignment.name, decides, usual)
        return _Named(variant, _identifying(decides, usual, alignment))

    return _spec(_plain(cfg), named)


class _Named(NamedTuple):
    """A run's variant, and the deciding keys of its identity."""

    variant: str
    decides: Mapping[str, Any]


def _spec(plain: dict[str, Any], named: Callable[[dict[str, Any], Any], _Named]) -> RunSpec:
    from memalign_bench.alignment.base import uses_labels
    from memalign_bench.study.spec import RunSpec

    _check_kinds(plain)
    rubric = _made("rubric", plain)
    alignment = _made("alignment", plain)
    reflection = _made("reflection", plain) if plain["reflection"] else None
    embedding = _made("embedding", plain) if plain["embedding"] else None
    backend, scoring = _made("backend", plain), _made("scoring", plain)
    if alignment.needs_model and scoring.name == "logprob" and backend.gives_logprobs is False:
        raise RequestError(
            f"scoring=logprob needs probabilities of tokens, which backend={backend.name} does not"
            " give; use scoring=verdict (or set backend.logprobs=true if this model gives them)."
        )
    labels = _labels(plain) if uses_labels(alignment) else _Labels(None, 0.0)
    variant, decides = named(plain, alignment)
    return RunSpec(
        study=_study_name(plain["study"]),
        results_dir=Path(plain["results_dir"]),
        dataset=_made("dataset", plain),
        rubric=rubric,
        dimensions=_dimensions(plain["dimensions"], list(rubric.dimensions)),
        limit=None if plain["limit"] is None else _at_least(plain, "limit", 1),
        gold=str(plain["gold"]),
        folds=_at_least(plain, "folds", 2),
        fold_seed=_at_least(plain, "fold_seed", 0),
        splits=_made("splits", plain),
        repeats=_at_least(plain, "repeats", 1),
        view=_made("view", plain),
        backend=backend,
        reflection=reflection,
        scoring=scoring,
        prompt=_made("prompt", plain),
        applicability=_one_of(plain, "applicability", ("given", "judge")),
        alignment=alignment,
        calibration=_one_of(plain, "calibration", ("none", "batch")),
        variant=variant,
        decides=decides,
        call_store=Path(plain["call_store"]) if plain["call_store"] else None,
        max_minutes=_positive(plain, "max_minutes"),
        budget_usd=None if plain["budget_usd"] is None else float(plain["budget_usd"]),
        embedding=embedding,
        n_train=labels.n_train,
        label_noise=labels.noise,
        prior=plain["prior"] if alignment.needs_model else "none",
        attribute=plain["attribute"],
        config=plain,
    )


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
        given = _plain(cfg[group], complete=False) if choices.get(group) else {}
        # A run that does not know the group used the judge's own model for it.
        plain[group] = _placed(group, plain.get(group, {}), given, search)
    plain = {**_default_config(())[0], **plain}  # keys that came after that run
    # Records lack what stands under the names of places (a view's mode): the choice has it, and
    # the run's id tells whether its text is still the same.
    plain["rubric"] = _placed("rubric", plain["rubric"], {}, search)
    # Records say what decided the numbers then; it is not worked out anew.
    named = _Named(manifest["variant"], manifest["identity"]["decides"])
    return _spec(plain, lambda *_: named)


def backend_from(recorded: Mapping[str, Any]) -> Any:
    """The model that a record names, as this machine reaches it.

    Its class is that of the choice of its name, never one that the record names.

    Args:
        recorded: `name` of the YAML choice, and `settings` without places.

    Raises:
        RequestError: If there is no such choice, or a setting is refused.
    """
    node = {"name": recorded["name"], **recorded["settings"]}
    return _made("backend", {"backend": _placed("backend", node, {}, ())})


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
        usual = _default_config(tuple(overrides))[0][group]
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


class _Labels(NamedTuple):
    n_train: int | None
    noise: float


def _labels(plain: dict[str, Any]) -> _Labels:
    """How many training labels, and the share that is wrong; a share is one number, 1 as 1.0."""
    n_train = None if plain["n_train"] is None else _at_least(plain, "n_train", 0)
    noise = plain["label_noise"]
    if isinstance(noise, bool) or not isinstance(noise, int | float) or not 0 <= noise <= 1:
        raise RequestError(f"label_noise must lie in 0 to 1, got {noise!r}.")
    plain["label_noise"] = float(noise)
    return _Labels(n_train, float(noise))


class Composed(NamedTuple):
    """A composed configuration without Hydra's node, the choices made, and Hydra's node."""

    cfg: DictConfig
    choices: dict[str, str]
    hydra: DictConfig


def composed(command: str, overrides: Sequence[str] = ()) -> Composed:
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

    with _composer():
        cfg = compose(command, list(overrides), return_hydra_config=True)
    with open_dict(cfg):
        hydra_node = cfg.pop("hydra")
    return Composed(cfg, dict(hydra_node.runtime.choices), hydra_node)


def _plain(cfg: DictConfig, *, complete: bool = True) -> dict[str, Any]:
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


def _made(group: str, plain: Mapping[str, Any]) -> Any:
    """The object that a node describes."""
    from hydra.errors import HydraException
    from hydra.utils import instantiate

    try:
        return instantiate(plain[group], _convert_="all")
    except HydraException as error:
        cause = error.__cause__ or error
        raise RequestError(f"{group}: {str(cause).splitlines()[0]}") from error


def _at_least(plain: Mapping[str, Any], key: str, least: int) -> int:
    value = plain[key]
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise RequestError(f"{key} must be a whole number >= {least}, got {value!r}.")
    return value


def _positive(plain: Mapping[str, Any], key: str) -> float | None:
    value = plain[key]
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
        raise RequestError(f"{key} must be a number > 0 or null, got {value!r}.")
    return float(value)


def _one_of(plain: Mapping[str, Any], key: str, allowed: Sequence[str]) -> Any:
    value = plain[key]
    if value not in allowed:
        raise RequestError(f"{key} must be one of {', '.join(allowed)}, got {value!r}.")
    return value


def _check_kinds(plain: Mapping[str, Any]) -> None:
    """Values whose kind no constructor checks; all that are wrong at once."""
    kinds: dict[str, tuple[type | tuple[type, ...], str]] = {
        "explain": (bool, "true or false"),
        "dry_run": (bool, "true or false"),
        "attribute": (bool, "true or false"),
        "budget_usd": ((int, float, type(None)), "an amount in USD, or null"),
        "results_dir": (str, "a folder"),
        "call_store": ((str, type(None)), "a file, or null"),
        "dimensions": ((str, list, type(None)), "a list of names, or null"),
    }
    wrong = [
        f"{key} must be {words}, got {plain[key]!r}."
        for key, (kind, words) in kinds.items()
        if not isinstance(plain[key], kind)
    ]
    if plain["calibration"] == "batch" and plain["scoring"].get("name") == "verdict":
        wrong.append("calibration=batch reads distributions; scoring=verdict gives none.")
    if plain["prior"] not in ("none", "train", "content_free"):
        wrong.append(f"prior must be one of none, train, content_free, got {plain['prior']!r}.")
    elif plain["prior"] != "none" and plain["scoring"].get("name") == "verdict":
        wrong.append(f"prior={plain['prior']} divides distributions; scoring=verdict gives none.")
    if wrong:
        raise RequestError("\n".join(wrong))


def _study_name(value: Any) -> str:
    name = str(value)
    if not name or name.startswith(".") or Path(name).name != name:
        raise RequestError(f"study must be a plain folder name, got {name!r}.")
    return name


def _dimensions(wanted: Any, known: Sequence[str]) -> tuple[str, ...]:
    names = list(known) if wanted is None else [wanted] if isinstance(wanted, str) else wanted
    strangers = [name for name in names if name not in known]
    if strangers or not names:
        raise RequestError(f"unknown dimensions {strangers}; the rubric has {', '.join(known)}.")
    return tuple(name for name in known if name in names)


def _deciding(plain: Mapping[str, Any], alignment: Any) -> dict[str, Any]:
    """Flat keys and values that decide the numbers of this alignment, sorted."""
    from memalign_bench.alignment.base import uses_labels

    keys = [*_RUN_KEYS, *(_JUDGE_KEYS if alignment.needs_model else ()), *alignment.keys]
    keys += _LABEL_KEYS if uses_labels(alignment) else ()
    flat: dict[str, Any] = {}
    for key in keys:
        node: Any = plain
        for part in key.split("."):
            node = node[part]
        if key in ("reflection", "embedding"):  # a backend: its identity decides its answers
            node = {"name": node["name"]} if node else {}
        flat |= dict(_flattened(key, node))
    return dict(sorted(flat.items()))


def _identifying(
    decides: Mapping[str, Any], usual: Mapping[str, Any], alignment: Any
) -> dict[str, Any]:
    """Those of the deciding keys that go into a run's identity.

    Left out are keys that came later and say nothing new. The keys of an alignment without a model
    were not in its identity once; they are where they were set away from what is usual.
    """
    own = {
        key
        for key in decides
        if not alignment.needs_model and not key.startswith((*_RUN_KEYS, *_LABEL_KEYS))
    }
    return {
        key: value
        for key, value in decides.items()
        if value not in _CAME_LATER.get(key, ())
        and not (key in own and key in usual and usual[key] == value)
    }


def _flattened(key: str, node: Any) -> Iterator[tuple[str, Any]]:
    """Leaves below a node; class paths are no values, and an empty node says nothing."""
    if isinstance(node, Mapping):
        for name, value in node.items():
            if name not in ("_target_", "_convert_"):
                yield from _flattened(f"{key}.{name}", value)
    else:
        yield key, node


def _usual(choices: Mapping[str, str], search: Sequence[str], alignment: Any) -> dict[str, Any]:
    """Deciding keys as they are with this backend, data set and alignment, and nothing else set.

    What comes along with another choice (`scoring=logprob`) is usual for it, so of that choice only
    the name is told apart.
    """
    usual, made = _defaults(choices, search, _GROUPS, alignment)
    changed = [name for name in _NAMED_GROUPS if choices[name] != made[name]]
    if not changed:
        return usual
    own, _ = _defaults(choices, search, (*_GROUPS, *changed), alignment)
    names = [f"{name}.name" for name in changed]
    return {**own, **{name: usual.get(name) for name in names}}


def _defaults(
    choices: Mapping[str, str], search: Sequence[str], groups: Sequence[str], alignment: Any
) -> tuple[dict[str, Any], dict[str, str]]:
    """Deciding keys with the given groups' choices and nothing else set, and all choices then."""
    overrides = [f"{name}={choices[name]}" for name in groups if name in choices]
    overrides += [f"hydra.searchpath=[{','.join(search)}]"] if search else []
    plain, made = _default_config(tuple(overrides))
    return _deciding(plain, alignment), dict(made)


# A sweep builds every job twice, to check it and to run it.
@lru_cache(maxsize=32)
def _default_config(overrides: tuple[str, ...]) -> tuple[Mapping[str, Any], Mapping[str, str]]:
    job = composed("run", overrides)
    return _plain(job.cfg, complete=False), job.choices


def _variant(name: str, decides: Mapping[str, Any], usual: Mapping[str, Any]) -> str:
    """Alignment and each deciding key that was set away from its default.

    A changed choice stands by its name (`distiller=llm`).
    """
    changed = {
        key.removesuffix(".name"): value
        for key, value in decides.items()
        if usual.get(key) != value
    }
    return ",".join([name, *(f"{key}={_shown(value)}" for key, value in sorted(changed.items()))])


def _shown(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, list):
        return "+".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def study_of(cfg: DictConfig) -> str:
    """The name of a study, checked.

    Raises:
        RequestError: If it is not set, or is no plain name.
    """
    from omegaconf import OmegaConf

    if OmegaConf.is_missing(cfg, "study"):
        raise RequestError("study must be set on the command line: study=NAME.")
    return _study_name(cfg.study)


def instance(cfg: DictConfig, group: str) -> Any:
    """The object that one group of a configuration describes.

    Raises:
        RequestError: If a value is missing or refused.
    """
    return _made(group, {group: _plain(cfg[group])})


def chosen_dimensions(cfg: DictConfig, rubric: Rubric) -> tuple[str, ...]:
    """The dimensions that a command is asked for, in the rubric's order.

    Raises:
        RequestError: If one is not in the rubric.
    """
    return _dimensions(_plain(cfg)["dimensions"], list(rubric.dimensions))


def build_tracker(cfg: DictConfig) -> MlflowTracker | None:
    """What follows runs beside the records; None for nothing.

    Raises:
        RequestError: If the tracker is unknown.
    """
    node = cfg.tracker
    if _one_of(node, "name", ("mlflow", "none")) == "none":
        return None
    from memalign_bench.study.tracking import MlflowTracker

    return MlflowTracker(str(node.uri), str(node.experiment))


@contextmanager
def _composer() -> Iterator[None]:
    """Compose configurations in here, whether or not a Hydra job is running."""
    from hydra import initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra

    held = GlobalHydra.instance().hydra
    GlobalHydra.instance().clear()
    try:
        with initialize_config_dir(str(config_dir()), version_base="1.3"):
            yield
    finally:
        GlobalHydra.instance().hydra = held
