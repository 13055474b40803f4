"""Items as traces of an MLflow experiment, in review queues that ask experts about them.

A trace is one question about one item, for one rater. It is made in three steps, each of which can
be repeated: its tags, its span, its place in the queue. Its id is made of what it asks, so that
nothing is ever there twice.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import textwrap
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from memalign_bench.datasets.mlflow_server import (
    address_faults,
    all_traces,
    short_waits,
    store_is_there,
    without_userinfo,
)
from memalign_bench.datasets.mlflow_traces import (
    DATASET_TAG,
    DIMENSION_TAG,
    ITEM_ATTRIBUTE,
    RATER_TAG,
)
from memalign_bench.errors import RequestError, first_line, refuse
from memalign_bench.types import NOT_APPLICABLE, DimensionRubric, Item, Scale

if TYPE_CHECKING:
    from mlflow.genai.label_schemas import LabelSchema

__all__ = ["LabelExperiment", "Question", "TraceKey", "open_experiment"]

_MAX_PREVIEW = 1000
"""Characters that MLflow's tables hold of a preview; SQLite does not mind more."""

_MAX_INSTRUCTION = 1000
_MAX_OPTIONS = 10
"""What MLflow takes of a question's words, and of its answers to choose from."""

_QUEUE_BATCH = 50

_SPANS_TAG = "mlflow.trace.spansLocation"

_WIDTH = 100
_BLOCK_LINES = 30
# A view heads each cell of a notebook with its number: "[3] code".
_CELL = re.compile(r"\[\d+\] ")
# textwrap would otherwise turn tabs into blanks, and drop blanks where it breaks a line.
_KEEP_SPACES: Any = {"replace_whitespace": False, "drop_whitespace": False, "expand_tabs": False}


class TraceKey(NamedTuple):
    """What tells one trace from all others: item, dimension, rater ("" for whoever comes)."""

    item_id: str
    dimension: str
    rater: str


@dataclass(frozen=True)
class Question:
    """One question about one item.

    Attributes:
        item: The item, which travels whole, so that what is pulled is what was pushed.
        dimension: What is asked.
        scale: The grades.
        rater: Whom it is for; "" for whoever comes.
        view: The item as judges see it.
        data_name: Its data set.
        data_digest: Digest of that.
    """

    item: Item
    dimension: DimensionRubric
    scale: Scale
    rater: str
    view: str
    data_name: str
    data_digest: str

    @property
    def key(self) -> TraceKey:
        """What tells it from all others."""
        return TraceKey(self.item.item_id, self.dimension.name, self.rater)

    @property
    def view_digest(self) -> str:
        """The view's hash, by which a change of text or view is noticed."""
        return hashlib.sha256(self.view.encode()).hexdigest()[:12]

    @property
    def tags(self) -> dict[str, str]:
        """Tags of the trace."""
        tags = {"item_id": self.item.item_id, "case_id": self.item.case_id}
        tags |= {DIMENSION_TAG: self.dimension.name, "view_digest": self.view_digest}
        tags |= {DATASET_TAG: self.data_name, "dataset_digest": self.data_digest}
        # MLflow takes the trace's name out of this tag.
        tags |= {"mlflow.traceName": self.item.item_id}
        return tags | ({RATER_TAG: self.rater} if self.rater else {})


class PushedTrace(NamedTuple):
    """A trace that is on the server, with its span or without."""

    trace_id: str
    view_digest: str
    has_span: bool


class Queue(NamedTuple):
    """What a rater is asked about one dimension: its id, and its page (its name in a file)."""

    queue_id: str
    page: str

    def add(self, trace_ids: Sequence[str]) -> None:
        """Have traces asked about; those that were before stay as they are."""
        from mlflow.genai import review_queues

        for start in range(0, len(trace_ids), _QUEUE_BATCH):
            batch = list(trace_ids[start : start + _QUEUE_BATCH])
            review_queues.add_items_to_review_queue(self.queue_id, item_ids=batch)


@dataclass
class LabelExperiment:
    """An experiment whose traces experts label.

    Attributes:
        uri: Address of the server or store, without a password.
        name: MLflow's name of it.
        experiment_id: MLflow's id; "" where there is none of this name until `make`.
        whole_previews: Whether previews may exceed `_MAX_PREVIEW`; found out by trying.
    """

    uri: str
    name: str
    experiment_id: str
    whole_previews: bool = True

    @property
    def on_server(self) -> bool:
        """Whether it has pages."""
        return self.uri.startswith("http")

    def make(self) -> None:
        """Make it where it is missing: what has nothing to push leaves no empty one behind."""
        import mlflow

        if not self.experiment_id:
            self.experiment_id = str(mlflow.create_experiment(self.name))

    def pushed(self) -> dict[TraceKey, PushedTrace]:
        """The traces that were pushed before."""
        from mlflow import MlflowClient

        traces: dict[TraceKey, PushedTrace] = {}
        if not self.experiment_id:
            return traces
        for trace in all_traces(MlflowClient(), self.experiment_id, include_spans=False):
            tags = trace.info.tags
            # Traces without these tags were logged by somebody else.
            if {"item_id", DIMENSION_TAG, "view_digest"} <= set(tags):
                key = TraceKey(tags["item_id"], tags[DIMENSION_TAG], tags.get(RATER_TAG, ""))
                has_span = _SPANS_TAG in tags  # which MLflow sets when it gets the first
                traces[key] = PushedTrace(trace.info.trace_id, tags["view_digest"], has_span)
        return traces

    def push(self, questions: Sequence[Question]) -> list[str]:
        """Make the traces of some questions, or complete them; their ids."""
        from mlflow.tracing.client import TracingClient

        client, spans = TracingClient(), []
        for question in questions:
            name = json.dumps([self.experiment_id, *question.key])
            # The id follows from the question: pushing it again finds the same trace.
            digest = hashlib.sha256(name.encode()).hexdigest()
            now = time.time_ns()
            self._start_trace(client, _trace_id(digest), question, now // 1_000_000)
            spans.append(_span(question, digest, now))
        # In one request; a trace without its span is completed by the next push.
        client.log_spans(self.experiment_id, spans)
        return [str(span.trace_id) for span in spans]

    def _start_trace(self, client: Any, trace_id: str, question: Question, at_ms: int) -> None:
        """Write a trace's tags and previews, which is what review pages show."""
        from mlflow.entities import TraceInfo, TraceLocation, TraceState
        from mlflow.exceptions import MlflowException

        # Whole first; once a store has refused that, no later trace tries it again.
        for whole in (True, False) if self.whole_previews else (False,):
            limit = None if whole else _MAX_PREVIEW
            info = TraceInfo(
                trace_id=trace_id,
                trace_location=TraceLocation.from_experiment_id(self.experiment_id),
                request_time=at_ms,
                execution_duration=0,
                state=TraceState.OK,
                request_preview=_truncate(_question_markdown(question), limit),
                response_preview=_fence(question.view, limit),
                tags=question.tags,
            )
            try:
                client.start_trace(info)
            except MlflowException:
                # A database that holds its columns to their length; anything else fails again.
                if not whole:
                    raise
                self.whole_previews = False
            else:
                return

    def queue(self, question: Question) -> Queue:
        """The queue for a question's dimension and rater, made where it is missing."""
        from mlflow.genai import review_queues

        rater, dimension = question.rater, question.dimension.name
        name = f"{rater}: {dimension}" if rater else dimension
        where = {"name": name, "experiment_id": self.experiment_id}
        queue = _get_or_none(review_queues.get_review_queue, **where)
        if queue is None:
            queue = review_queues.create_review_queue(
                queue_type="custom",
                users=[rater] if rater else [],
                schema_ids=[self._schema(question)],
                **where,
            )
        page = f"#/experiments/{self.experiment_id}/review-queue?selectedQueueId={queue.queue_id}"
        address = f"{self.uri.rstrip('/')}/{page}"
        return Queue(queue.queue_id, address if self.on_server else f"queue {name!r}")

    def _schema(self, question: Question) -> str:
        """The id of the question as MLflow keeps it."""
        from mlflow.genai import label_schemas

        name, answers = question.dimension.name, _answer_input(question)
        words: dict[str, Any] = {
            "instruction": _instruction_text(question),
            "enable_comment": True,
            "input": answers,
        }
        where = {"name": name, "experiment_id": self.experiment_id}
        schema: LabelSchema | None = _get_or_none(label_schemas.get_label_schema, **where)
        if schema is None:
            schema = label_schemas.create_label_schema(type="feedback", **{**where, **words})
        # The rubric has other words than when the question was made.
        elif (schema.instruction, schema.input) != (words["instruction"], answers):
            schema = label_schemas.update_label_schema(str(schema.schema_id), **words)
        return str(schema.schema_id)


@contextmanager
def open_experiment(uri: str | None, name: str) -> Iterator[LabelExperiment]:
    """An experiment of a server or store; where it is missing, its `make` makes it.

    Raises:
        RequestError: If the server cannot be reached, or refuses something, with its words.
    """
    import mlflow
    from mlflow.exceptions import MlflowException

    if uri is not None:
        mlflow.set_tracking_uri(uri)
    refuse(address_faults("server.uri or MLFLOW_TRACKING_URI", mlflow.get_tracking_uri()))
    address = without_userinfo(mlflow.get_tracking_uri())
    try:
        # Only the first answer is waited for briefly: it shows whether a server is there.
        with short_waits():
            # To ask a database file that is not there would make it.
            found = store_is_there(address) and mlflow.get_experiment_by_name(name)
        yield LabelExperiment(address, name, str(found.experiment_id) if found else "")
    # Stores that are no database know neither questions nor queues.
    except (MlflowException, NotImplementedError) as error:
        reason = without_userinfo(first_line(error)).rstrip(".")
        raise RequestError(
            f"MLflow at {address}, experiment {name!r}: {reason}. Start that server (MLflow 3.14 or"
            " newer, on a database), or name another with server.uri= or MLFLOW_TRACKING_URI;"
            " the same command goes on where it stopped."
        ) from error


def _get_or_none(get: Any, **where: Any) -> Any:
    """What a getter finds; None where there is none."""
    from mlflow.exceptions import MlflowException

    try:
        return get(**where)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        return None


def _trace_id(digest: str) -> str:
    return f"tr-{digest[:32]}"


def _span(question: Question, digest: str, at_ns: int) -> Any:
    from mlflow.entities import Span

    inputs = {"question": question.dimension.question, "grades": dict(_levels(question))}
    attributes = {
        # Without this attribute `Span.from_dict` refuses the span.
        "mlflow.traceRequestId": _trace_id(digest),
        "mlflow.spanType": "UNKNOWN",
        "mlflow.spanInputs": inputs,
        "mlflow.spanOutputs": question.view,
        ITEM_ATTRIBUTE: asdict(question.item),
    }
    return Span.from_dict(
        {
            # The first 16 bytes of the digest, as in `_trace_id`, and the next 8; `from_dict` wants
            # base64.
            "trace_id": base64.b64encode(bytes.fromhex(digest[:32])).decode(),
            "span_id": base64.b64encode(bytes.fromhex(digest[32:48])).decode(),
            "parent_span_id": "",
            "name": question.dimension.name,
            "start_time_unix_nano": at_ns,
            "end_time_unix_nano": at_ns,
            "status": {"code": "STATUS_CODE_OK", "message": ""},
            "events": [],
            # MLflow holds every attribute as JSON, texts among them.
            "attributes": {name: json.dumps(value) for name, value in attributes.items()},
        }
    )


def _levels(question: Question) -> Iterator[tuple[str, str]]:
    """The grades with what earns them, best first, and when there is none to give."""
    scale, dimension = question.scale, question.dimension
    for grade in reversed(scale.grades):
        # A rubric may describe some of the grades only; `_between_note` tells of the others.
        if grade in dimension.levels:
            word = f" ({scale.word(grade)})" if scale.has_words else ""
            yield f"{grade}{word}", dimension.levels[grade]
    if dimension.not_applicable:
        yield str(NOT_APPLICABLE), dimension.not_applicable


def _question_markdown(question: Question) -> str:
    lines = [f"- **{grade}**: {earned}" for grade, earned in _levels(question)]
    head = f"**{question.dimension.title}.** {question.dimension.question}"
    return "\n".join([head, "", *lines, *_between_note(question)])


def _between_note(question: Question) -> list[str]:
    all_levels = len(question.dimension.levels) == len(question.scale.grades)
    return [] if all_levels else [f"A grade is {question.scale}; between levels, one between."]


def _instruction_text(question: Question) -> str:
    levels = [f"{grade}: {earned}" for grade, earned in _levels(question)]
    text = "\n".join([question.dimension.question, *levels, *_between_note(question)])
    short = (
        # 40: room for the sentence in brackets.
        f"{question.dimension.question[: _MAX_INSTRUCTION - 40]} (The grades stand with the text.)"
    )
    return text if len(text) <= _MAX_INSTRUCTION else short


def _answer_input(question: Question) -> Any:
    """How an expert answers: from a list, or where that would be too long, in a field."""
    from mlflow.genai.label_schemas import InputCategorical, InputNumeric, InputText

    scale, sometimes = question.scale, bool(question.dimension.not_applicable)
    options = [str(grade) for grade in reversed(scale.grades)]
    options += [str(NOT_APPLICABLE)] if sometimes else []
    if len(options) <= _MAX_OPTIONS:
        return InputCategorical(options)
    # A numeric field takes no N/A.
    return InputText() if sometimes else InputNumeric(scale.grades[0], scale.grades[-1])


def _truncate(text: str, limit: int | None) -> str:
    if limit is None or len(text) <= limit:
        return text
    ending = "\n... (the rest: View full trace)"
    return text[: limit - len(ending)] + ending


def _fence(text: str, limit: int | None) -> str:
    """A text that Markdown leaves alone: in fences longer than any of its own.

    Review pages neither break a fenced line nor show more than about forty without a scroll bar, so
    lines are broken here, and each cell gets fences of its own; not where room is short.
    """
    longest = max(map(len, re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    if limit is not None:
        # Two fences, and the line breaks beside them.
        text = _truncate(text, limit - 2 * len(fence) - 2)
        return f"{fence}\n{text}\n{fence}"
    blocks: list[list[str]] = [[]]
    for line in text.splitlines():
        # Of an empty line textwrap makes no line at all.
        parts = textwrap.wrap(line, _WIDTH, **_KEEP_SPACES) or [""]
        if blocks[-1] and (_CELL.match(line) or len(blocks[-1]) + len(parts) > _BLOCK_LINES):
            blocks.append([])
        blocks[-1] += parts
    return "\n\n".join("\n".join([fence, *block, fence]) for block in blocks)
