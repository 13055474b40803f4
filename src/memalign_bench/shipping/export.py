"""From a study to judges: one variant aligned on all labels, no fold held out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from memalign_bench.alignment.base import AlignContext
from memalign_bench.backends.base import BackendSpec
from memalign_bench.backends.store.call_store import CallStore
from memalign_bench.errors import AlignmentError, RequestError
from memalign_bench.judging.judge import Judge
from memalign_bench.judging.relative import Prior, relative_to
from memalign_bench.seeding import child_seed
from memalign_bench.shipping.judge_file import Shippable, check_shippable, judge_value
from memalign_bench.shipping.loading import FORMAT
from memalign_bench.study import provenance, records
from memalign_bench.study.plan import Plan, make_plan
from memalign_bench.study.running import aligning
from memalign_bench.study.running.aligning import Models, unaligned_judge
from memalign_bench.study.spec import RunSpec
from memalign_bench.types import NOT_APPLICABLE

__all__ = [
    "JudgeQuery",
    "align_on_all",
    "check_exportable",
    "opened_models",
    "plan_again",
    "runs_of",
]

_NO_FOLD = -1
"""A fold in which no item lies."""

_MANIFEST_KEYS = (
    *("run_id", "variant", "alignment", "backend", "dimensions", "identity", "config", "texts"),
    *("dataset.name", "rubric.dimensions"),
)
"""What an export relies on of a run."""

Manifest = Mapping[str, Any]


class JudgeQuery(NamedTuple):
    """Which judge of a study is wanted; None where it does not matter."""

    alignment: str | None
    backend: str | None
    variant: str | None


def runs_of(study_dir: Path, query: JudgeQuery) -> list[Manifest]:
    """Manifests of the one variant that is asked for, one a run, by run id.

    Runs of one variant differ in fold seed and dimensions and in nothing else.

    Raises:
        RequestError: If the study has no such variant, or several; names those that it has.
        RecordError: If a manifest cannot be read, or lacks what an export relies on.
    """
    files = sorted((study_dir / "runs").glob("*/manifest.json"))
    manifests: list[Manifest] = [records.read_manifest(file, _MANIFEST_KEYS) for file in files]
    if not manifests:
        raise RequestError(f"no runs in {study_dir}; name a study that was run with study=NAME.")
    wanted = {key: value for key, value in query._asdict().items() if value is not None}
    matching = [
        manifest for manifest in manifests if all(manifest[key] == wanted[key] for key in wanted)
    ]
    # A variant's name does not say which model judged.
    variants = {(manifest["variant"], manifest["backend"]) for manifest in matching}
    if len(variants) != 1:
        wanted_text = (
            ", ".join(f"{key}={value}" for key, value in wanted.items()) or "what was asked for"
        )
        known = "\n".join(f"  {line}" for line in _variant_lines(matching or manifests))
        raise RequestError(
            f"{len(variants) or 'no'} variants of {study_dir} match {wanted_text}; say which with"
            f" alignment=, backend= and variant='...':\n{known}"
        )
    return _check_same_settings(matching)


def _variant_lines(manifests: Sequence[Manifest]) -> list[str]:
    """A line for each variant and backend that there is."""
    pairs = sorted({(manifest["variant"], manifest["backend"]) for manifest in manifests})
    return [f"variant='{variant}' backend={backend}" for variant, backend in pairs]


def _check_same_settings(manifests: list[Manifest]) -> list[Manifest]:
    """Refuse runs of one variant that differ in data, model or parameters: several judges."""
    # These may differ between runs of one judge; the rubric's digest depends on the dimensions.
    differing_keys = ("dimensions", "fold_seed", "rubric")
    runs_by_settings: dict[str, list[str]] = {}
    for manifest in manifests:
        rest = {
            key: value for key, value in manifest["identity"].items() if key not in differing_keys
        }
        # Settings hold lists and mappings, which are no keys; sorted, equal ones read alike.
        runs_by_settings.setdefault(repr(sorted(rest.items())), []).append(manifest["run_id"])
    if len(runs_by_settings) > 1:
        groups = "; ".join(", ".join(runs) for runs in runs_by_settings.values())
        raise RequestError(
            f"runs of {manifests[0]['variant']} differ in data, model or parameters: {groups}. Give"
            " one of them a study of its own (study=NAME)."
        )
    return manifests


def check_exportable(manifest: Manifest, spec: RunSpec) -> None:
    """Refuse what no judge can be made of, before any model is asked.

    Raises:
        RequestError: If texts are private, no model judges, or the scores are another judge's.
    """
    if manifest["texts"] == "private":
        raise RequestError(
            f"the texts of {manifest['dataset']['name']} are private: a judge is made of its"
            " guidelines and examples, and none of them may leave. Nothing was written."
        )
    if not spec.alignment.needs_model:
        raise RequestError(f"alignment={spec.alignment.name} asks no model: there is no judge.")
    if spec.n_train is not None or spec.label_noise:
        raise RequestError(
            f"{spec.variant} was scored with fewer or wrong labels, and the exported judge is"
            " aligned on all as they are: its scores would be another judge's. Export a variant"
            " without n_train and label_noise."
        )
    if spec.attack is not None:
        raise RequestError(
            f"{spec.variant} was scored on attacked items; export the same judge without attack=."
        )
    check_shippable(spec.alignment, spec.scoring)


def plan_again(manifest: Manifest, spec: RunSpec) -> Plan:
    """The plan of a recorded run, made again.

    Raises:
        RequestError: If data, rubric or model are no longer those of the run.
    """
    plan = make_plan(spec)
    # The run's name hashes all that decides its numbers, so that any change shows here.
    if plan.run_id != manifest["run_id"]:
        then, now = manifest["identity"], spec.identity(plan.data)
        differing = sorted(key for key in {*then, *now} if then.get(key) != now.get(key))
        raise RequestError(
            f"run {manifest['run_id']} cannot be made again: {', '.join(differing)} are not what"
            " they were. Point dataset.path= or backend.base_url= at what was used, or run the"
            " study again."
        )
    return plan


@contextmanager
def opened_models(plan: Plan) -> Iterator[Models]:
    """The run's models behind the study's call store: what was answered is not asked again."""
    # Calls of its own: a cassette of the study holds what its runs used, and no more.
    with (
        CallStore(plan.spec.store_path, f"{plan.run_id}-judge") as store,
        aligning.opened_models(plan.spec, store) as models,
    ):
        yield models


def align_on_all(
    plan: Plan, dimension: str, models: Models, *, habit: bool = True
) -> dict[str, Any]:
    """Align one dimension's judge on all of its labels, and write it down.

    Args:
        plan: The run whose configuration holds.
        dimension: Which.
        models: What is asked.
        habit: With distributions, measure the judge's habit on the training items, one question
            each, so that it can be read relative to it (Zhou et al. 2024).

    Returns:
        The judge and where it comes from, as JSON values; without scores.

    Raises:
        AlignmentError, FailedCallError, BackendError: If it cannot be aligned.
    """
    spec = plan.spec
    shippable = _aligned_judge(plan, dimension, models, habit=habit)
    # Read as the study was read, if an item by itself can be.
    relative = shippable.relative is not None and (
        spec.prior != "none" or spec.calibration == "batch"
    )
    return {
        "format": FORMAT,
        "name": dimension,
        "judge": judge_value(shippable),
        "reading": "relative" if relative else "raw",
        "view": asdict(spec.view),
        "facts": asdict(spec.facts) if spec.embeds_facts else None,
        "backend": _model_value(spec.backend, spec.config["backend"]),
        "embedding": _embedding_value(spec),
        "alignment": spec.alignment.name,
        "variant": spec.variant,
        "study": spec.study,
        "data": {
            "name": plan.data.name,
            "digest": plan.data.digest,
            "gold": spec.gold,
            "notice": plan.data.notice,
            "n_labels": len(plan.train_on(dimension, _NO_FOLD)),
        },
        "git": provenance.code_state(),
        "versions": provenance.versions(),
    }


def _aligned_judge(plan: Plan, dimension: str, models: Models, *, habit: bool) -> Shippable:
    """The judge aligned on all labels, with its habit where that is to be measured."""
    spec = plan.spec
    judge = unaligned_judge(spec, dimension, models.judge)
    train_on = partial(plan.train_on, fold=_NO_FOLD)
    train = train_on(dimension)
    # No fold seed: nothing is held out.
    seed = child_seed(0, "alignment", dimension, "all labels")
    # `n_train` is None: with all labels.
    context = AlignContext(seed, models.reflection, None, models.embedding, train_on, models.scope)
    aligned = spec.alignment.align(judge, train, context).judge
    # Only a plain judge can be written down as values.
    if not isinstance(aligned, Judge):
        raise AlignmentError(f"alignment={spec.alignment.name} gave a judge of another kind.")
    embedder = check_shippable(spec.alignment, spec.scoring)
    # Verdicts have no distribution to be read relative to a habit.
    if spec.scoring.name != "logprob" or not (habit or spec.prior != "none"):
        return Shippable(aligned, None, embedder)
    kind: Prior = "content_free" if spec.prior == "content_free" else "train"
    # As in a run with prior=train: only items to which the question applies.
    applicable = [item.shown for item in train if item.score is not NOT_APPLICABLE]
    return Shippable(aligned, relative_to(aligned, kind, applicable), embedder)


def _model_value(model: BackendSpec, config: Mapping[str, Any]) -> dict[str, Any]:
    """A model as a reader can tell and reach it: no place, no secret."""
    settings = _without_classes(provenance.without_places(config))
    settings.pop("name", None)
    return {
        "name": model.name,
        "model": model.model_name,
        "identity": model.identity(),
        "settings": settings,
    }


def _without_classes(node: Mapping[str, Any]) -> dict[str, Any]:
    """Settings alone: which class takes them is for whoever loads them to say."""
    return {
        key: _without_classes(value) if isinstance(value, Mapping) else value
        for key, value in node.items()
        if not key.startswith("_")
        # A list of nodes may name classes too, of weights for one.
        and not (isinstance(value, list) and any(isinstance(entry, Mapping) for entry in value))
    }


def _embedding_value(spec: RunSpec) -> dict[str, Any] | None:
    """The model that embeds, where one does that is not the judge's own."""
    # An alignment that embeds nothing may still have been run with embedding= set.
    if spec.embedding is None or "embedding" not in spec.alignment.keys:
        return None
    return _model_value(spec.embedding, spec.config["embedding"])
