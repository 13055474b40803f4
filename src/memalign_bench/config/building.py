"""From one composed configuration to what a job runs."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from memalign_bench.config.checking import (
    LabelSettings,
    check_combinations,
    check_keys,
    dimensions_of,
    interface_problems,
    key_problems,
    label_settings,
    one_of,
    study_name,
    type_problems,
)
from memalign_bench.config.composing import plain_values, run_keys
from memalign_bench.config.identity import (
    deciding_keys,
    default_keys,
    identity_keys,
    is_only_rubric,
    learns_criteria,
    variant_of,
)
from memalign_bench.config.places import at_present_places
from memalign_bench.config.values import value_problems
from memalign_bench.errors import RequestError, first_line, refuse

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from memalign_bench.study.spec import RunSpec
    from memalign_bench.study.tracking import MlflowTracker
    from memalign_bench.types import Rubric

_BUILT_GROUPS = ("rubric", "alignment", "backend", "scoring", "dataset", "splits", "view", "prompt")

__all__ = [
    "RunName",
    "build",
    "build_spec",
    "build_tracker",
    "built_once",
    "chosen_dimensions",
    "instance",
    "instantiate_group",
    "problems_of",
    "study_of",
]


def build(
    cfg: DictConfig,
    choices: Mapping[str, str],
    search: Sequence[str] = (),
    own_keys: Set[str] = frozenset(),
) -> RunSpec:
    """Build what one job runs.

    Args:
        cfg: The composed configuration of `run`, without Hydra's own node.
        choices: Config group -> choice, as Hydra resolved them.
        search: Further places of configuration (`--config-dir`), as `file://` addresses.
        own_keys: Keys at the top that the command has beside those of `run`.

    Raises:
        RequestError: If a value is missing or refused, with the key and the reason.
    """
    # A sweep checks all of its jobs before it runs them: both ask for the same spec.
    plain, built = plain_values(cfg), _BUILT_SPECS.get()
    if built is None:
        return _build_run(plain, choices, search, own_keys)
    # Hashed, since a sweep of thousands would keep as many configurations as text.
    key = hashlib.sha256(repr((plain, sorted(choices.items()), [*search])).encode()).hexdigest()
    if key not in built:
        built[key] = _build_run(plain, choices, search, own_keys)
    return built[key]


_BUILT_SPECS: ContextVar[dict[str, RunSpec] | None] = ContextVar("built", default=None)
"""Specs by digest of their values and choices; None outside of `built_once`."""


@contextmanager
def built_once() -> Iterator[None]:
    """Within this context a configuration is built once: checking and running share the spec."""
    before = _BUILT_SPECS.set({})
    try:
        yield
    finally:
        _BUILT_SPECS.reset(before)


def _build_run(
    plain: dict[str, Any], choices: Mapping[str, str], search: Sequence[str], own_keys: Set[str]
) -> RunSpec:
    # A group of the user's own stands at the top of the values, and in no file of ours.
    chosen_groups = {choice.partition("/")[0] for choice in choices}
    known = run_keys()
    check_keys(plain, {**known, "": known[""] | chosen_groups | own_keys})

    def run_name(plain: dict[str, Any], alignment: Any) -> RunName:
        deciding = deciding_keys(plain, alignment)
        defaults = default_keys(choices, search, alignment)
        name, place = deciding["rubric.name"], Path(plain["results_dir"]) / str(plain["study"])
        is_unnamed = is_only_rubric(name, plain["rubrics"], place)
        # The only rubric of a study counts as default, so that no variant is named after it. None
        # is no rubric's name: any other stands in its variant.
        variant_defaults = defaults | {"rubric.name": name if is_unnamed else None}
        variant = variant_of(alignment.name, deciding, variant_defaults)
        return RunName(variant, identity_keys(deciding, defaults, alignment))

    return build_spec(plain, run_name)


class RunName(NamedTuple):
    """A run's variant, and the deciding keys of its identity."""

    variant: str
    decides: Mapping[str, Any]


def build_spec(
    plain: dict[str, Any], run_name: Callable[[dict[str, Any], Any], RunName]
) -> RunSpec:
    """Build a run's spec from plain values.

    Args:
        plain: Values of `run`, each key of `conf/run.yaml`.
        run_name: Gives the run's variant and deciding keys, from the values and the alignment.

    Raises:
        RequestError: If a value is refused, with the key and the reason.
    """
    try:
        return _checked_spec(plain, run_name)
    except RequestError as error:
        # Building stops at its first problem; the user is told of all. A dict drops repetitions.
        refuse(_all_problems(plain, str(error).splitlines()))
        raise


def _all_problems(plain: Mapping[str, Any], told: Sequence[str]) -> Iterator[str]:
    """Each key checked by itself, and what was told already: every problem, once."""
    wrong_values = [*value_problems("run", plain)]
    yield from wrong_values
    keys = {line.partition(" ")[0] for line in wrong_values}
    checks: list[Callable[[], object]] = [
        lambda: check_combinations(plain),
        lambda: study_name(plain["study"]),
        lambda: _is_tracked(plain["tracker"]),
        lambda: one_of(plain, "applicability", ("given", "judge")),
        lambda: one_of(plain, "calibration", ("none", "batch")),
        # `partial` binds the group now; a lambda would see the last one of the loop.
        *(partial(instantiate_group, group, plain) for group in _BUILT_GROUPS if plain[group]),
    ]
    for line in dict.fromkeys([*problems_of(checks), *told]):
        # A constructor that refuses the same value says "backend: backend.tries must be ...".
        lead, must, _ = line.partition(" must be ")
        if line not in wrong_values and not (must and lead.split()[-1] in keys):
            yield line


def problems_of(checks: Iterable[Callable[[], object]]) -> Iterator[str]:
    """What each of these refuses, line by line."""
    for check in checks:
        try:
            check()
        except RequestError as error:
            yield from str(error).splitlines()


def _checked_spec(
    plain: dict[str, Any], run_name: Callable[[dict[str, Any], Any], RunName]
) -> RunSpec:
    from memalign_bench.alignment.base import uses_labels
    from memalign_bench.judging.checklist import ChecklistScoring
    from memalign_bench.study.spec import RunSpec

    refuse(value_problems("run", plain))
    check_combinations(plain)
    # Read when the run is done; what is wrong with it is told before anything is asked.
    _is_tracked(plain["tracker"])
    plain = {**plain, "dataset": _with_text_keys(plain["dataset"])}  # JSON has no other keys
    # What is asked, and of which models.
    rubric = instantiate_group("rubric", plain)
    alignment = instantiate_group("alignment", plain)
    reflection = instantiate_group("reflection", plain) if plain["reflection"] else None
    embedding = _build_embedding(plain)
    backend, scoring = instantiate_group("backend", plain), instantiate_group("scoring", plain)
    _check_scoring(scoring, alignment, backend)
    dimensions = dimensions_of(plain["dimensions"], list(rubric.dimensions))
    if alignment.needs_model and isinstance(scoring, ChecklistScoring):
        scoring.check(rubric, dimensions)
    # Without labels in use their number and noise are no part of the run, whatever is set.
    uses_training_labels = uses_labels(alignment) or learns_criteria(plain, alignment)
    training_labels = label_settings(plain) if uses_training_labels else LabelSettings(None, 0.0)
    variant, decides = run_name(plain, alignment)
    return RunSpec(
        study=study_name(plain["study"]),
        results_dir=Path(plain["results_dir"]),
        dataset=instantiate_group("dataset", plain),
        rubric=rubric,
        dimensions=dimensions,
        n_cases=plain["n_cases"],
        limit=plain["limit"],
        gold=plain["gold"],
        folds=plain["folds"],
        fold_seed=plain["fold_seed"],
        splits=instantiate_group("splits", plain),
        repeats=plain["repeats"],
        view=instantiate_group("view", plain),
        backend=backend,
        reflection=reflection,
        scoring=scoring,
        prompt=instantiate_group("prompt", plain),
        applicability=one_of(plain, "applicability", ("given", "judge")),
        alignment=alignment,
        calibration=one_of(plain, "calibration", ("none", "batch")),
        variant=variant,
        decides=decides,
        call_store=Path(plain["call_store"]) if plain["call_store"] else None,
        max_minutes=None if plain["max_minutes"] is None else float(plain["max_minutes"]),
        budget_usd=None if plain["budget_usd"] is None else float(plain["budget_usd"]),
        embedding=embedding,
        n_train=training_labels.n_train,
        label_noise=training_labels.noise,
        # Without a model there is no distribution to divide.
        prior=plain["prior"] if alignment.needs_model else "none",
        facts=instantiate_group("facts", plain),
        attribute=plain["attribute"],
        attack=instantiate_group("attack", plain)
        if plain["attack"] and alignment.needs_model
        else None,
        config=plain,
    )


def _check_scoring(scoring: Any, alignment: Any, backend: Any) -> None:
    """Refuse a scoring that the alignment or the model cannot work with."""
    from memalign_bench.judging.checklist import ChecklistScoring

    by_token = scoring.name in ("logprob", "checklist")
    # None passes: whether such an endpoint gives them shows when it is asked.
    if alignment.needs_model and by_token and backend.gives_logprobs is False:
        raise RequestError(
            f"scoring={scoring.name} needs probabilities of tokens, which backend={backend.name}"
            " does not give; use scoring=verdict (or set backend.logprobs=true if this model gives"
            " them)."
        )
    # An alignment of the user's own need not have the attribute.
    if getattr(alignment, "needs_checklist", False) and not isinstance(scoring, ChecklistScoring):
        raise RequestError(
            f"alignment={alignment.name} makes criteria of what experts said, and"
            f" scoring={scoring.name} asks none; say scoring=checklist."
        )


def _build_embedding(plain: Mapping[str, Any]) -> Any:
    """The backend that embeds, if `embedding` chooses one; None for the judge's own."""
    if not plain["embedding"]:
        return None
    embedding = instantiate_group("embedding", plain)
    # A backend of the user's own need not have `embeds`; whether it can is then seen at use.
    if not getattr(embedding, "embeds", True):
        raise RequestError(
            f"embedding={embedding.name} gives no embeddings; choose another model with"
            " embedding=, or embedder=tfidf."
        )
    return embedding


def instantiate_group(group: str, plain: Mapping[str, Any]) -> Any:
    """Instantiate the node of a group, from values without interpolations.

    Raises:
        RequestError: With all classes and keys that cannot be, or what a constructor refuses.
    """
    from hydra.errors import HydraException
    from hydra.utils import instantiate

    node = _with_text_keys(plain[group]) if group == "dataset" else plain[group]
    # Before any class is looked for: records and YAMLs may name one by where it stood once.
    node = at_present_places(_with_yes_and_no(node) if group == "rubric" else node)
    refuse(key_problems(node, group, plain))
    wrong_types = type_problems(node, group, plain)
    try:
        # Hydra reads every text twice, so texts are escaped twice.
        result = instantiate(_escaped(_escaped(node)), _convert_="all")
    except HydraException as error:
        cause = error.__cause__ or error
        # A TypeError is only a consequence of the wrong types that are told below.
        is_consequence = bool(wrong_types) and isinstance(cause, TypeError)
        # What is refused on purpose may be many problems, a line each.
        refused = isinstance(cause, RequestError)
        said = str(cause).splitlines() if refused else [first_line(cause)]
        problems = [] if is_consequence else [f"{group}: {line}" for line in said]
        # Where the constructor itself names a key, it says more than that the type is wrong.
        problems += [
            line for key, line in wrong_types.items() if not any(f"{key} " in told for told in said)
        ]
        raise RequestError("\n".join(problems)) from error
    # Dataclasses take a value of any type: what was built may still be wrong.
    refuse(wrong_types.values())
    refuse(interface_problems(group, result))
    return result


def _escaped(node: Any) -> Any:
    r"""Escape `${` in the texts of a node, so that Hydra takes them literally.

    >>> _escaped(["${x}", "\\${x}"])
    ['\\${x}', '\\\\\\${x}']
    """
    if isinstance(node, Mapping):
        return {key: _escaped(value) for key, value in node.items()}
    if isinstance(node, list):
        return [_escaped(value) for value in node]
    return re.sub(r"(\\*)\$\{", r"\1\1\\${", node) if isinstance(node, str) else node


def _with_text_keys(node: Any) -> Any:
    """A data set's mappings with texts for keys: `{1: 3}` is about what a table writes as 1."""
    if not isinstance(node, Mapping):
        return node
    return {
        # As YAML writes them: "true", not Python's "True".
        str(key).lower() if isinstance(key, bool) else str(key): _with_text_keys(value)
        for key, value in node.items()
    }


def _with_yes_and_no(node: Any) -> Any:
    """A rubric's "yes" and "no" as texts: YAML reads them as true and false."""
    if isinstance(node, Mapping):
        # The keys of a view are real booleans.
        return {k: v if k == "view" else _with_yes_and_no(v) for k, v in node.items()}
    if isinstance(node, list):
        return [_with_yes_and_no(entry) for entry in node]
    return ("no", "yes")[node] if isinstance(node, bool) else node


def study_of(cfg: DictConfig) -> str:
    """The name of a study, checked.

    Raises:
        RequestError: If it is not set, or is no plain name.
    """
    from omegaconf import OmegaConf

    if OmegaConf.is_missing(cfg, "study"):
        raise RequestError("study must be set on the command line: study=NAME.")
    return study_name(cfg.study)


def instance(cfg: DictConfig, group: str) -> Any:
    """The object that one group of a configuration describes.

    Raises:
        RequestError: If a value is missing or refused.
    """
    if group not in cfg:
        raise RequestError(
            f"{group} has no keys: the YAML of its choice puts them elsewhere; take # @package out."
        )
    return instantiate_group(group, {group: plain_values(cfg[group])})


def chosen_dimensions(cfg: DictConfig, rubric: Rubric) -> tuple[str, ...]:
    """The dimensions that a command is asked for, in the rubric's order.

    Raises:
        RequestError: If one is not in the rubric.
    """
    return dimensions_of(plain_values(cfg)["dimensions"], list(rubric.dimensions))


def build_tracker(cfg: DictConfig) -> MlflowTracker | None:
    """The tracker that logs runs beside the records; None if none is chosen.

    Raises:
        RequestError: If the tracker is unknown, or its address none.
    """
    # What a command takes from records need not be set here.
    settings = plain_values(cfg, complete=False)["tracker"]
    if not _is_tracked(settings):
        return None
    from memalign_bench.study.tracking import MlflowTracker

    return MlflowTracker(settings["uri"], str(settings["experiment"]))


def _is_tracked(settings: Mapping[str, Any]) -> bool:
    """Whether a tracker is chosen; refuses one that is unknown, or whose address is none."""
    from memalign_bench.datasets.mlflow_server import address_faults

    if one_of(settings, "name", ("mlflow", "none")) == "none":
        return False
    refuse(address_faults("tracker.uri", settings.get("uri")))
    return True
