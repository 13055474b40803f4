"""From a request to records: what a judge sees of each item, and what labels make of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from memalign_bench.backends.store.call_store import CallStore
from memalign_bench.errors import DataError, FailedCallError, RequestError
from memalign_bench.headroom import bound
from memalign_bench.headroom.asking import QuestionSet, ask, n_questions
from memalign_bench.headroom.facets import FacetQuestions, Fact
from memalign_bench.headroom.reading import Reading, Truth
from memalign_bench.headroom.records import folder_of, write_headroom
from memalign_bench.headroom.sight import Thresholds, as_plain
from memalign_bench.judging.checklist import Criterion
from memalign_bench.memory.embedders import Embedder
from memalign_bench.study import provenance
from memalign_bench.study.plan import Plan, make_plan
from memalign_bench.study.running.aligning import Models, opened_models
from memalign_bench.study.running.pool import Clock, Progress
from memalign_bench.study.spec import RunSpec, digest_of
from memalign_bench.types import NOT_APPLICABLE

__all__ = ["HeadroomOutcome", "HeadroomRequest", "headroom", "walk_of"]


@dataclass(frozen=True)
class HeadroomRequest:
    """What is to be measured.

    Attributes:
        spec: The unaligned judge and its data; its records' place, money and time.
        facets: The facts' wording and the conventions.
        thresholds: What was found on another corpus; None to choose here.
        sources: What the learnt bound may use.
        criteria: Dimension -> the rubric's criteria.
        embedder: For the bound.
        config: What of the request goes into the manifest besides the run's own configuration.

    Raises:
        RequestError: If the judge is aligned, gives no probabilities, or a source is unknown.
    """

    spec: RunSpec
    facets: FacetQuestions
    thresholds: Thresholds | None
    sources: Sequence[str]
    criteria: Mapping[str, Sequence[Criterion]]
    embedder: Embedder
    config: Mapping[str, Any]

    def __post_init__(self) -> None:
        bound.check_sources(self.sources)
        spec = self.spec
        if spec.alignment.name != "none":
            raise RequestError(
                f"headroom asks the judge as it is, got alignment={spec.alignment.name}; aligned"
                " judges are read from the study's runs by memalign-bench report."
            )
        if spec.backend.gives_logprobs is False:
            raise RequestError(
                f"headroom needs probabilities of yes and no, which backend={spec.backend.name}"
                " does not give (set backend.logprobs=true if this model gives them)."
            )


class HeadroomOutcome(NamedTuple):
    """What was found.

    Attributes:
        manifest: As written.
        sight: Rows of `sight.parquet`.
        bound: Rows of `bound.parquet`.
    """

    manifest: Mapping[str, Any]
    sight: Sequence[Mapping[str, Any]]
    bound: Sequence[Mapping[str, Any]]


def headroom(request: HeadroomRequest, progress: Progress | None = None) -> HeadroomOutcome:
    """Ask, read and write.

    Raises:
        DataError: If the data have problems, or their conventions are not those of the facets.
        FailedCallError: If a question failed; the others are in the call store.
        BackendError: If the model cannot serve at all, or money or time that were set are used up.
    """
    spec, reporter = request.spec, progress or Progress()
    plan, truth, question_set = _prepare(request)
    reporter.start(n_questions(plan, question_set), f"headroom of {spec.backend_name}")
    # The study's own store: what was asked before is answered from it.
    with CallStore(spec.store_path, "headroom") as store, opened_models(spec, store) as models:
        try:
            answers, failures = ask(plan, question_set, models, Clock(spec.max_minutes), reporter)
        finally:
            reporter.finish()
        if failures:
            raise FailedCallError("\n".join([*failures, "The same command asks them again."]))
        given_sights = request.thresholds and request.thresholds.sights
        reading = Reading(plan, request.facets, question_set, truth, answers, given_sights)
        # While the models are open: the embedder may ask one.
        bound_rows = list(reading.bound_rows(request.sources, request.embedder, models.embedding))
    sight_rows = list(reading.sight_rows())
    rows = {"answers": list(reading.answer_rows()), "sight": sight_rows, "bound": bound_rows}
    manifest = _manifest(plan, request, reading)
    folder = folder_of(spec.study_dir, spec.backend_name)
    # The thresholds of these items, also where those of another corpus were used.
    place = {**_place_entry(plan), "items": plan.data.digest}
    own_thresholds = {"dimensions": as_plain(reading.chosen_here), "of": place}
    write_headroom(folder, rows, own_thresholds, manifest)
    return HeadroomOutcome(manifest, sight_rows, bound_rows)


def walk_of(request: HeadroomRequest) -> Callable[[Models], None]:
    """What `forecast_of_walk` takes: asks models that make their answers up."""
    plan, _, question_set = _prepare(request)

    def walk(models: Models) -> None:
        ask(plan, question_set, models, Clock(), Progress())

    return walk


def _prepare(request: HeadroomRequest) -> tuple[Plan, Truth, QuestionSet]:
    """The plan, the truth of its planted facts, and the questions to ask.

    Raises:
        RequestError: If the thresholds were chosen on these very items.
    """
    plan = make_plan(request.spec)
    # Files of before say no digest, and pass.
    if request.thresholds and request.thresholds.of.get("items") == plan.data.digest:
        raise RequestError(
            "headroom.thresholds were chosen on these very items, whose sight they would flatter;"
            " take those of another corpus (dataset.seed=1), or null: each item is then read by"
            " what the other folds choose."
        )
    truth = _planted_truth(plan, request.facets)
    # A fact that holds of all items or of none cannot be seen or missed.
    facts = {
        name: [fact for fact in request.facets.dimensions[name].facts if _varies(truth, name, fact)]
        for name in plan.spec.dimensions
        if any(key[0] == name for key in truth)
    }
    criteria = request.criteria if "criteria" in request.sources else {}
    question_set = QuestionSet(request.facets, facts, criteria, "grades" in request.sources)
    return plan, truth, question_set


def _varies(truth: Truth, dimension: str, fact: Fact) -> bool:
    """Whether a fact holds of some items and not of others; else there is nothing to see."""
    return len({known[fact.name] for (name, _), known in truth.items() if name == dimension}) == 2


def _planted_truth(plan: Plan, facets: FacetQuestions) -> Truth:
    """(dimension, item id) -> every fact as it is, of the graded items in which facts were planted.

    Raises:
        DataError: If a convention gives another grade than the data say it does.
    """
    top, truth_of_item, problems = plan.spec.rubric.scale.grades[-1], {}, []
    for one in plan.data.evidence:
        gold = plan.gold.get((one.item_id, one.dimension))
        dimension_facets = facets.dimensions.get(one.dimension)
        if (
            one.facets is None
            or dimension_facets is None
            or gold is None
            or gold.score == NOT_APPLICABLE
        ):
            continue
        # Facts of the request come on top: they stand in the data line, so nobody need see them.
        planted = {fact.name: fact.holds(one.facets) for fact in dimension_facets.facts}
        truth = planted | facets.facts_of_context(plan.data.item[one.item_id].context)
        data_grades = {"expert": one.score, "literal": one.literal_score}
        for name, convention in dimension_facets.conventions.items():
            grade, rule_grade = data_grades[name], convention.grade(truth, top)
            # Else answers would be read by another convention than the data's.
            if grade is not None and rule_grade != grade:
                problems.append(
                    f"{one.item_id}, {one.dimension}: the {name} convention of"
                    f" facets={facets.name} gives {rule_grade}, the data say {grade}."
                )
        truth_of_item[one.dimension, one.item_id] = truth
    if problems:
        raise DataError(plan.data.name, problems)
    return truth_of_item


def _place_entry(plan: Plan) -> dict[str, str]:
    """What thresholds chosen in this study say of where they are from."""
    spec = plan.spec
    return {"dataset": plan.data.name, "backend": spec.backend_name, "view": spec.view_label}


def _manifest(plan: Plan, request: HeadroomRequest, reading: Reading) -> dict[str, Any]:
    """The manifest of the records, but for the files' hashes."""
    spec, data = plan.spec, plan.data
    # A digest of the request, so that records of other facts or sources are told apart.
    identity = {**spec.identity(data), "headroom": digest_of(dict(request.config))}
    frozen, chosen = request.thresholds, "these items, each by the other folds"
    return {
        "study": spec.study,
        "backend": spec.backend_name,
        "model": spec.model_name,
        "dataset": {"name": data.name, "digest": data.digest, "notice": data.notice},
        "dimensions": list(spec.dimensions),
        "view_name": spec.view_label,
        "identity": identity,
        "headroom": dict(request.config),
        "thresholds_from": chosen if frozen is None else frozen.origin_text(_place_entry(plan)),
        "facts": reading.facts_entry(),
        "counts": {
            "questions": len(reading.answers),
            "prompt_tokens": sum(answer.prompt_tokens for answer in reading.answers.values()),
        },
        "config": provenance.without_places(spec.config),
        "versions": provenance.versions(),
        "git": provenance.code_state(),
    }
