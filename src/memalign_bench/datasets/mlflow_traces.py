"""Traces of an MLflow experiment with human assessments, as users of `judge.align` have them."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from memalign_bench.datasets.dataset import LabelledDataset, Texts, check_labels
from memalign_bench.datasets.mlflow_server import (
    all_traces,
    existing_store,
    short_waits,
    without_userinfo,
)
from memalign_bench.datasets.tabular.values import GradeReader, unsure_marks
from memalign_bench.errors import DataError, RequestError, first_line
from memalign_bench.notebooks.parse import clean_text, read_notebook
from memalign_bench.notebooks.terminal import says_nothing
from memalign_bench.types import Item, Label, Rubric
from memalign_bench.wording import counted

if TYPE_CHECKING:
    from mlflow.entities import Assessment, Trace

__all__ = [
    "DATASET_TAG",
    "DIMENSION_TAG",
    "ITEM_ATTRIBUTE",
    "RATER_TAG",
    "MlflowSource",
    "trace_address",
]

ITEM_ATTRIBUTE = "memalign.item"
"""Attribute of a root span with the whole item, where `memalign-bench label` has pushed it."""

DATASET_TAG = "dataset"
"""Tag of a pushed trace: the data set that its item came from."""

DIMENSION_TAG = "dimension"
"""Tag of a pushed trace: what its expert is asked."""

_ITEM_KEYS = {item_field.name for item_field in fields(Item)}

RATER_TAG = "rater"
"""Tag of a pushed trace: whom it is for; tells raters apart on servers without accounts."""

_UNNAMED_RATERS = ("", "default", "unknown")
"""What MLflow calls people where it has no accounts."""

_FREE_QUESTION = "Feedback"
"""A question that MLflow asks of every trace by itself; its answers are no grades."""


@dataclass(frozen=True)
class MlflowSource:
    """Traces with HUMAN feedback: inputs become the prompt, outputs the item, raters stay apart.

    A trace that `memalign-bench label` has pushed carries its whole item and is read as that item.
    A rater's later grade replaces the earlier.

    Attributes:
        name: Name of the YAML choice.
        experiment: Name of the MLflow experiment.
        tracking_uri: Server or store; None takes MLFLOW_TRACKING_URI.
        filter: MLflow's filter of traces; None for all.
        item_key: Tag or metadata of a trace that names its item; a trace without it is named by
            its trace id, which MLflow draws anew whenever a trace is logged.
        case_key: Tag or metadata that names the case; without it every item is a case of its own.
        dimensions: Name of a feedback -> dimension of the rubric, where they differ.
        grades: Word or number given as feedback -> the grade that it stands for, or N/A.
        kind: Whether outputs are a `text` or a `notebook` (nbformat JSON).
        notice: What every reader of its numbers must know.
        synthetic: Whether its items are generated and its raters simulated.
        texts: `public` or `private` (no sentence of it leaves the call store).
    """

    name: str
    experiment: str
    tracking_uri: str | None = None
    filter: str | None = None
    item_key: str = "item_id"
    case_key: str = "case_id"
    dimensions: Mapping[str, str] = field(default_factory=dict)
    grades: Mapping[str, Any] = field(default_factory=dict)
    kind: Literal["text", "notebook"] = "text"
    notice: str = ""
    synthetic: bool = False
    texts: Texts = "public"

    def __post_init__(self) -> None:
        if self.kind not in ("text", "notebook"):
            raise ValueError(f"dataset.kind must be text or notebook, got {self.kind!r}.")

    def load(self, rubric: Rubric) -> LabelledDataset:
        """Fetch the traces and check what people said of them.

        Traces without human feedback on a dimension of the rubric are left out; how many, and
        which feedback of other names, stands in the notice.

        Raises:
            RequestError: If the server cannot be reached or has no such experiment.
            DataError: With every problem found in traces and feedback.
        """
        where = f"MLflow experiment {self.experiment!r}"
        reader = _TraceReader(self, rubric)
        for trace in self._traces():
            reader.add(trace)
        # Last, when it is known which of a rater's grades is the latest.
        reader.grade()
        if not reader.items and not reader.problems:
            raise DataError(where, [f"nobody has graded anything yet. {reader.left_out()}"])
        try:
            check_labels(where, reader.items, reader.labels, rubric, reader.places)
            reader.problems += unsure_marks(reader.marked, reader.labels, rubric.scale)
        except DataError as error:
            reader.problems += error.problems
        if reader.problems:
            raise DataError(where, reader.problems)
        notice = " ".join(filter(None, [self.notice, reader.origin(), reader.left_out()]))
        return LabelledDataset.of(
            self.name, reader.items, reader.labels, notice=notice, texts=self.texts
        )

    def _traces(self) -> Iterator[Trace]:
        """Every trace of the experiment that the filter lets through."""
        # MLflow looks for a network when it is imported, unless told otherwise.
        os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        from mlflow import MlflowClient
        from mlflow.exceptions import MlflowException

        try:
            client = MlflowClient(existing_store(self.tracking_uri))
            # The first request shows whether the server is there.
            with short_waits():
                experiment = client.get_experiment_by_name(self.experiment)
            if experiment is None:
                known = ", ".join(found.name for found in client.search_experiments())
                raise RequestError(
                    f"dataset.experiment={self.experiment!r}: there is none of this name; there"
                    f" are {known}."
                )
            yield from all_traces(client, experiment.experiment_id, filter_string=self.filter)
        except MlflowException as error:
            from mlflow.tracking import get_tracking_uri

            where = without_userinfo(self.tracking_uri or get_tracking_uri())
            message = without_userinfo(first_line(error))
            remedy = (
                "start that server, or set dataset.tracking_uri (label: server.uri) or"
                " MLFLOW_TRACKING_URI"
            )
            # A server that is there has read the filter.
            if self.filter and error.error_code == "INVALID_PARAMETER_VALUE":
                remedy = f"mend dataset.filter={self.filter!r}"
            raise RequestError(
                f"MLflow at {where} did not give the traces of {self.experiment!r} ({message});"
                f" {remedy}."
            ) from error


class _Feedback(NamedTuple):
    """A person's feedback, of which only the latest counts."""

    at: int
    item_id: str
    trace: Trace
    assessment: Assessment


class _TraceReader:
    """Reads traces one by one: their items and labels, and what is wrong with them."""

    def __init__(self, source: MlflowSource, rubric: Rubric) -> None:
        self.source = source
        self.rubric = rubric
        self.grading = GradeReader(source.grades, rubric.scale)
        self.marked: set[str] = set()
        self.items: list[Item] = []
        self.labels: list[Label] = []
        self.places: list[str] = []
        self.problems: list[str] = []
        self.unlabelled = self.machine = self.replaced = 0
        self.other_names: Counter[str] = Counter()
        # (item or trace, dimension, rater) -> the latest feedback.
        self.given: dict[tuple[str, str, str], _Feedback] = {}
        self.origins: set[str] = set()
        # Item id -> the item, and the trace in which it was met first.
        self.pushed: dict[str, tuple[Item, str]] = {}

    def add(self, trace: Trace) -> None:
        """Take in one trace, if people have graded it."""
        # A tag goes before metadata of its name.
        tags = {**(trace.info.trace_metadata or {}), **(trace.info.tags or {})}
        pushed = _pushed_item(trace)
        item_id = tags.get(self.source.item_key) or trace.info.trace_id
        item_id = pushed.item_id if pushed else item_id
        # A list, since each feedback is to be taken or counted and `any` stops at the first.
        graded = [
            self._take_feedback(
                pushed, tags, _Feedback(_updated_at(assessment), item_id, trace, assessment)
            )
            for assessment in trace.info.assessments or ()
            if assessment.feedback is not None and assessment.valid is not False
        ]
        if not any(graded):
            self.unlabelled += 1
        elif pushed:
            self._add_pushed(pushed, trace)
            self.origins |= {tags[DATASET_TAG]} if DATASET_TAG in tags else set()
        else:
            self._add_logged(item_id, tags.get(self.source.case_key) or item_id, trace)

    def _take_feedback(
        self, pushed: Item | None, named: Mapping[str, str], given: _Feedback
    ) -> bool:
        """Keep a person's feedback on a dimension, or count why not."""
        assessment = given.assessment
        # Judges and code leave feedback under the same names.
        if assessment.source.source_type != "HUMAN":
            self.machine += 1
            return False
        name = self.source.dimensions.get(assessment.name, assessment.name)
        if name not in self.rubric.dimensions:
            if not pushed or assessment.name == _FREE_QUESTION:
                self.other_names[assessment.name] += 1
                return False
            asked = named.get(DIMENSION_TAG)
            self.problems.append(
                f"{self._place(given)}: there is no such dimension; it asks about {asked!r}. Delete"
                " it there, or say what it is:"
                f" 'dataset.dimensions={{{assessment.name}: {asked}}}'."
            )
            # Somebody has graded the trace, if under a name that is none.
            return True
        rater = str(assessment.source.source_id or "")
        # Servers without accounts call everybody the same.
        rater = named.get(RATER_TAG, rater) if pushed and rater in _UNNAMED_RATERS else rater
        # Pushed items have a trace per question, so a rater's feedback is told apart by item.
        key = (given.item_id if pushed else given.trace.info.trace_id, name, rater)
        # Of several grades of a rater the latest counts.
        previous = self.given.setdefault(key, given)
        self.replaced += previous is not given
        self.given[key] = max(previous, given, key=lambda entry: entry.at)
        return True

    def _add_logged(self, item_id: str, case_id: str, trace: Trace) -> None:
        """Take in a trace that was logged by users: its inputs and outputs."""
        outputs = _readable_text(trace.data.response)
        self.problems += [
            f"trace {trace.info.trace_id}: {fault}"
            for fault in self._output_faults(item_id, outputs)
        ]
        item = Item(
            item_id,
            case_id,
            prompt=_readable_text(trace.data.request),
            context="",
            kind=self.source.kind,
            content=outputs,
        )
        self.items.append(item)

    def _add_pushed(self, item: Item, trace: Trace) -> None:
        """Take in an item once, however many questions are asked about it."""
        first_item, first_trace = self.pushed.setdefault(item.item_id, (item, trace.info.trace_id))
        # An item has one trace for each question that is asked about it.
        if first_trace == trace.info.trace_id:
            self.items.append(item)
        elif first_item != item:
            self.problems.append(
                f"trace {trace.info.trace_id}: item {item.item_id!r} has another text than in trace"
                f" {first_trace}; label each in an experiment of its own, or take one with"
                " dataset.filter=\"tag.dataset_digest = '...'\"."
            )

    def _output_faults(self, item_id: str, outputs: str) -> Sequence[str]:
        """What is wrong with a trace's outputs as the content of an item."""
        if says_nothing(outputs):
            return ["no outputs; nothing to judge."]
        if self.source.kind == "notebook":
            try:
                blank = read_notebook(outputs, item_id).blank
            except DataError as error:
                return error.problems
            return ["no cell says anything; there is nothing to judge."] if blank else []
        return []

    def grade(self) -> None:
        """Turn the feedback that was kept into labels; called once, after the last trace."""
        for (_, name, rater), given in self.given.items():
            place, feedback = self._place(given), given.assessment.feedback
            value = feedback.value if feedback else None
            # A truth value may mean either end, or a grade between: it is asked for, not guessed.
            score = None if self.grading.is_end(value) else self.grading.score(value, [])
            if score is None:
                self.problems.append(
                    f"{place}: value {value!r} is not a number; give the words' grades with"
                    " dataset.grades={word: grade}."
                )
                continue
            if self.grading.is_marked(value):
                self.marked.add(name)
            rationale = clean_text(given.assessment.rationale or "")
            self.labels.append(Label(given.item_id, name, rater, score, rationale))
            self.places.append(place)

    def _place(self, given: _Feedback) -> str:
        """Where a feedback stands, for error messages."""
        info = given.trace.info
        where = trace_address(self.source.tracking_uri, info.experiment_id, info.trace_id)
        return f"trace {where}, feedback {given.assessment.name!r}"

    def origin(self) -> str:
        """Where pushed items came from, in words: what was generated stays so."""
        names = ", ".join(sorted(self.origins))
        return f"Items of {names}, graded in MLflow." if names else ""

    def left_out(self) -> str:
        """What was not taken, in words; "" where everything was."""
        names = ", ".join(f"{name} ({n})" for name, n in sorted(self.other_names.items()))
        counts = (
            (self.unlabelled, "trace", "without human feedback"),
            (self.machine, "grade", "by judges or code"),
            (self.replaced, "grade", "replaced later"),
        )
        parts = [f"{counted(n, noun)} {why}" for n, noun, why in counts if n]
        parts += [f"feedback of other names: {names}"] if names else []
        return f"Left out: {'; '.join(parts)}." if parts else ""


def trace_address(uri: str | None, experiment_id: str | None, trace_id: str) -> str:
    """Where a trace is to be seen: its page on a server, else its id."""
    from mlflow.tracking import get_tracking_uri

    server = without_userinfo(uri or get_tracking_uri()).rstrip("/")
    if not server.startswith("http"):
        return trace_id
    shown = f"traces?selectedEvaluationId={trace_id}&startTimeLabel=ALL"
    return f"{server}/#/experiments/{experiment_id}/{shown}"


def _pushed_item(trace: Trace) -> Item | None:
    """The item that a trace carries, where `memalign-bench label` has made it."""
    roots = [span for span in trace.data.spans if span.parent_id is None]
    attribute = roots[0].get_attribute(ITEM_ATTRIBUTE) if roots else None
    # Another version's items may have other fields: their traces are read as any others.
    return (
        Item(**attribute) if isinstance(attribute, dict) and set(attribute) == _ITEM_KEYS else None
    )


def _updated_at(assessment: Assessment) -> int:
    """When a feedback was last changed, in milliseconds."""
    return int(assessment.last_update_time_ms or assessment.create_time_ms or 0)


def _readable_text(value: str | None) -> str:
    """Inputs or outputs as people would read them: a single text as it is, else JSON."""
    if not value:
        return ""
    try:
        content = json.loads(value)
    except (ValueError, RecursionError):  # brackets nested by the thousand
        return clean_text(value)
    # Inputs are a function's arguments by name; a single one is taken out of its object.
    while isinstance(content, dict) and len(content) == 1:
        content = next(iter(content.values()))
    if isinstance(content, str):
        return clean_text(content)
    if content is None:
        return ""
    return clean_text(json.dumps(content, indent=1, ensure_ascii=False, sort_keys=True))
