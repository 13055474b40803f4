"""From one composed configuration to what a job runs."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from memalign_bench.config.checking import (
    Labels,
    absent_parts,
    at_least,
    check_kinds,
    check_whole,
    dimensions_of,
    labels_of,
    one_of,
    positive,
    study_name,
    wrong_keys,
    wrong_kinds,
)
from memalign_bench.config.composing import default_config, plain_of
from memalign_bench.config.identity import (
    deciding,
    identifying,
    learns_criteria,
    shares_rubric,
    usual_keys,
    variant_of,
)
from memalign_bench.config.places import at_present_places
from memalign_bench.errors import RequestError, first_line, refuse

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from memalign_bench.study.spec import RunSpec
    from memalign_bench.study.tracking import MlflowTracker
    from memalign_bench.types import Rubric

_GROUPS = ("rubric", "alignment", "backend", "scoring", "dataset", "splits", "view", "prompt")

__all__ = [
    "RunName",
    "build",
    "build_tracker",
    "built_once",
    "chosen_dimensions",
    "instance",
    "made",
    "spec_of",
    "study_of",
]


def build(cfg: DictConfig, choices: Mapping[str, str], search: Sequence[str] = ()) -> RunSpec:
    """Build what one job runs.

    Args:
        cfg: The composed configuration of `run`, without Hydra's own node.
        choices: Config group -> choice, as Hydra resolved them.
        search: Further places of configuration (`--config-dir`), as `file://` addresses.

    Raises:
        RequestError: If a value is missing or refused, with the key and the reason.
    """
    plain, held = plain_of(cfg), _built.get()
    if held is None:
        return _built_anew(plain, choices, search)
    key = hashlib.sha256(repr((plain, sorted(choices.items()), [*search])).encode()).hexdigest()
    if key not in held:
        held[key] = _built_anew(plain, choices, search)
    return held[key]


_built: ContextVar[dict[str, RunSpec] | None] = ContextVar("built", default=None)
"""What has been built, by digest of what was said; None outside of `built_once`."""


@contextmanager
def built_once() -> Iterator[None]:
    """In here, a job runs what was built when it was checked."""
    before = _built.set({})
    try:
        yield
    finally:
        _built.reset(before)


def _built_anew(
    plain: dict[str, Any], choices: Mapping[str, str], search: Sequence[str]
) -> RunSpec:
    own = {choice.partition("/")[0] for choice in choices}
    check_whole(plain, {**dict.fromkeys(own), **default_config(())[0]})

    def named(plain: dict[str, Any], alignment: Any) -> RunName:
        decides = deciding(plain, alignment)
        usual = usual_keys(choices, search, alignment)
        name, place = decides["rubric.name"], Path(plain["results_dir"]) / str(plain["study"])
        shared = shares_rubric(name, plain["rubrics"], place)
        usually = usual | {"rubric.name": name if shared else None}
        variant = variant_of(alignment.name, decides, usually)
        return RunName(variant, identifying(decides, usual, alignment))

    return spec_of(plain, named)


class RunName(NamedTuple):
    """A run's variant, and the deciding keys of its identity."""

    variant: str
    decides: Mapping[str, Any]


def spec_of(plain: dict[str, Any], named: Callable[[dict[str, Any], Any], RunName]) -> RunSpec:
    """What plain values say is to be run.

    Args:
        plain: Values of `run`, each key of `conf/run.yaml`.
        named: The run's variant and deciding keys, from the values and the alignment.

    Raises:
        RequestError: If a value is refused, with the key and the reason.
    """
    try:
        return _spec_of(plain, named)
    except RequestError as error:
        refuse(dict.fromkeys([*_refused(plain), *str(error).splitlines()]))
        raise


def _refused(plain: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with each key by itself, so that a request tells it all at once."""
    least = {"limit": 1, "folds": 2, "fold_seed": 0, "repeats": 1}
    checks: list[Callable[[], object]] = [
        lambda: check_kinds(plain),
        lambda: labels_of({**plain}),
        lambda: positive(plain, "max_minutes"),
        lambda: study_name(plain["study"]),
        lambda: one_of(plain, "applicability", ("given", "judge")),
        lambda: one_of(plain, "calibration", ("none", "batch")),
        *(
            partial(at_least, plain, key, number)
            for key, number in least.items()
            if not (key == "limit" and plain[key] is None)
        ),
        *(partial(made, group, plain) for group in _GROUPS if plain[group]),
    ]
    for check in checks:
        try:
            check()
        except RequestError as error:
            yield from str(error).splitlines()


def _spec_of(plain: dict[str, Any], named: Callable[[dict[str, Any], Any], RunName]) -> RunSpec:
    from memalign_bench.alignment.base import uses_labels
    from memalign_bench.judging.checklist import ChecklistScoring
    from memalign_bench.study.spec import RunSpec

    check_kinds(plain)
    plain = {**plain, "dataset": _with_text_keys(plain["dataset"])}  # JSON has no other keys
    rubric = made("rubric", plain)
    alignment = made("alignment", plain)
    reflection = made("reflection", plain) if plain["reflection"] else None
    embedding = _embedding(plain)
    backend, scoring = made("backend", plain), made("scoring", plain)
    by_token = scoring.name in ("logprob", "checklist")
    if alignment.needs_model and by_token and backend.gives_logprobs is False:
        raise RequestError(
            f"scoring={scoring.name} needs probabilities of tokens, which backend={backend.name}"
            " does not give; use scoring=verdict (or set backend.logprobs=true if this model gives"
            " them)."
        )
    if getattr(alignment, "needs_checklist", False) and not isinstance(scoring, ChecklistScoring):
        raise RequestError(
            f"alignment={alignment.name} makes criteria of what experts said, and"
            f" scoring={scoring.name} asks none; say scoring=checklist."
        )
    dimensions = dimensions_of(plain["dimensions"], list(rubric.dimensions))
    if alignment.needs_model and isinstance(scoring, ChecklistScoring):
        scoring.check(rubric, dimensions)
    learns = uses_labels(alignment) or learns_criteria(plain, alignment)
    labels = labels_of(plain) if learns else Labels(None, 0.0)
    variant, decides = named(plain, alignment)
    return RunSpec(
        study=study_name(plain["study"]),
        results_dir=Path(plain["results_dir"]),
        dataset=made("dataset", plain),
        rubric=rubric,
        dimensions=dimensions,
        limit=None if plain["limit"] is None else at_least(plain, "limit", 1),
        gold=str(plain["gold"]),
        folds=at_least(plain, "folds", 2),
        fold_seed=at_least(plain, "fold_seed", 0),
        splits=made("splits", plain),
        repeats=at_least(plain, "repeats", 1),
        view=made("view", plain),
        backend=backend,
        reflection=reflection,
        scoring=scoring,
        prompt=made("prompt", plain),
        applicability=one_of(plain, "applicability", ("given", "judge")),
        alignment=alignment,
        calibration=one_of(plain, "calibration", ("none", "batch")),
        variant=variant,
        decides=decides,
        call_store=Path(plain["call_store"]) if plain["call_store"] else None,
        max_minutes=positive(plain, "max_minutes"),
        budget_usd=None if plain["budget_usd"] is None else float(plain["budget_usd"]),
        embedding=embedding,
        n_train=labels.n_train,
        label_noise=labels.noise,
        prior=plain["prior"] if alignment.needs_model else "none",
        facts=made("facts", plain),
        attribute=plain["attribute"],
        attack=made("attack", plain) if plain["attack"] and alignment.needs_model else None,
        config=plain,
    )


def _embedding(plain: Mapping[str, Any]) -> Any:
    """The model that embeds, where it is chosen apart; every backend can be chosen for it."""
    if not plain["embedding"]:
        return None
    embedding = made("embedding", plain)
    # A user's own spec may say nothing of it; only asking it tells then.
    if not getattr(embedding, "embeds", True):
        raise RequestError(
            f"embedding={embedding.name} gives no embeddings; choose another model with"
            " embedding=, or embedder=tfidf."
        )
    return embedding


def made(group: str, plain: Mapping[str, Any]) -> Any:
    """The object that the node of a group describes; its values are plain, nothing refers.

    Raises:
        RequestError: With all classes and keys that cannot be, or what a constructor refuses.
    """
    from hydra.errors import HydraException
    from hydra.utils import instantiate

    node = _with_text_keys(plain[group]) if group == "dataset" else plain[group]
    node = at_present_places(_with_words(node) if group == "rubric" else node)
    refuse(wrong_keys(node, group, plain))
    kinds = wrong_kinds(node, group, plain)
    try:
        # Hydra reads every text twice.
        thing = instantiate(_as_said(_as_said(node)), _convert_="all")
    except HydraException as error:
        cause = error.__cause__ or error
        told = [] if kinds and isinstance(cause, TypeError) else [f"{group}: {first_line(cause)}"]
        # What a constructor says of a key is more than its kind.
        told += [line for key, line in kinds.items() if f"{key} " not in first_line(cause)]
        raise RequestError("\n".join(told)) from error
    refuse(kinds.values())
    refuse(absent_parts(group, thing))
    return thing


def _as_said(node: Any) -> Any:
    r"""A node whose texts are taken to the letter: `${` in them refers to nothing any more.

    >>> _as_said(["${x}", "\\${x}"])
    ['\\${x}', '\\\\\\${x}']
    """
    if isinstance(node, Mapping):
        return {key: _as_said(value) for key, value in node.items()}
    if isinstance(node, list):
        return [_as_said(value) for value in node]
    return re.sub(r"(\\*)\$\{", r"\1\1\\${", node) if isinstance(node, str) else node


def _with_text_keys(node: Any) -> Any:
    """A data set's mappings with texts for keys: `{1: 3}` is about what a table writes as 1."""
    if not isinstance(node, Mapping):
        return node
    return {
        str(key).lower() if isinstance(key, bool) else str(key): _with_text_keys(value)
        for key, value in node.items()
    }


def _with_words(node: Any) -> Any:
    """A rubric's "yes" and "no" as texts: YAML reads them as true and false."""
    if isinstance(node, Mapping):
        # A view's switches are true and false.
        return {k: v if k == "view" else _with_words(v) for k, v in node.items()}
    if isinstance(node, list):
        return [_with_words(entry) for entry in node]
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
    return made(group, {group: plain_of(cfg[group])})


def chosen_dimensions(cfg: DictConfig, rubric: Rubric) -> tuple[str, ...]:
    """The dimensions that a command is asked for, in the rubric's order.

    Raises:
        RequestError: If one is not in the rubric.
    """
    return dimensions_of(plain_of(cfg)["dimensions"], list(rubric.dimensions))


def build_tracker(cfg: DictConfig) -> MlflowTracker | None:
    """What follows runs beside the records; None for nothing.

    Raises:
        RequestError: If the tracker is unknown.
    """
    node = cfg.tracker
    if one_of(node, "name", ("mlflow", "none")) == "none":
        return None
    from memalign_bench.study.tracking import MlflowTracker

    return MlflowTracker(str(node.uri), str(node.experiment))
