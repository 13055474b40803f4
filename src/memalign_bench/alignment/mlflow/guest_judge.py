"""What passes between the suite and MLflow: judges and traces in, feedback out.

A judge of MLflow's always gives a verdict, in MLflow's own prompt (grade first, then rationale),
whatever `scoring` says; so there is no distribution. It sees an item as its view, as `inputs`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from memalign_bench.alignment.mlflow.session import MlflowSession, uri_of
from memalign_bench.backends.gateway.accounts import Account
from memalign_bench.errors import AlignmentError, FailedCallError, first_line
from memalign_bench.judging.judge import Judge, LabelledItem, ShownItem
from memalign_bench.judging.prompt import PromptParts, rubric_section
from memalign_bench.judging.structured import adding_earlier_cost
from memalign_bench.types import NOT_APPLICABLE, CallCost, Example, Score, Verdict

__all__ = [
    "ALWAYS_VERDICT",
    "GuestJudge",
    "PassedAs",
    "RememberedItem",
    "align_guest",
    "grades_of",
    "instructions_of",
    "make_guest",
    "trace_id",
    "trace_of",
]

ALWAYS_VERDICT = "judged by MLflow's own prompt: a verdict, whatever scoring says"
_RATER = "expert"

PassedAs = Literal["inputs", "outputs"]
"""Which field of a trace holds an item's text."""


@dataclass(frozen=True)
class RememberedItem:
    """A training item as MLflow's memory holds it, with its text there."""

    item: LabelledItem
    text: str

    def example(self, similarity: float) -> Example:
        """The item as an example of a prompt."""
        item = self.item
        return Example(item.shown.item_id, self.text, item.score, item.rationale, similarity)


def grades_of(judge: Judge) -> dict[str, Score]:
    """Every grade that the judge may give, as it is written, highest first."""
    scale = judge.rubric.scale
    grades: list[Score] = [*reversed(scale.grades)]
    if judge.ask_applicability and judge.dimension.not_applicable:
        grades.append(NOT_APPLICABLE)
    return {judge.layout.grade_text(scale, grade): grade for grade in grades}


def make_guest(judge: Judge, model: Account, passed_as: PassedAs = "inputs") -> Any:
    """The unaligned judge as one of MLflow's: the same rubric as instructions, the same grades."""
    from mlflow.genai.judges import make_judge

    parts = PromptParts(judge.rubric, judge.dimension, (), (), "", judge.ask_applicability)
    return make_judge(
        name=judge.dimension.name,
        instructions=instructions_of(judge, rubric_section(judge.layout, parts), passed_as),
        model=uri_of(model),
        # A tuple in the brackets is spread: Literal["3", "2", "1"].
        feedback_value_type=Literal[tuple(grades_of(judge))],
    )


def instructions_of(judge: Judge, text: str, passed_as: PassedAs) -> str:
    """A prompt's text as instructions of MLflow's, which end with the place of the item."""
    # Two braces together would be a template variable of MLflow's.
    escaped = text.replace("{{", "{ {").replace("}}", "} }")
    # Doubled, as in any f-string: what comes out is `{{ inputs }}`.
    return f"{escaped}\n\nThe {judge.rubric.artefact}: {{{{ {passed_as} }}}}"


def trace_id(item_id: str) -> str:
    """An id of MLflow's form for an item, the same each time."""
    return f"tr-{hashlib.sha256(item_id.encode()).hexdigest()[:32]}"


def trace_of(known: RememberedItem, name: str, grade: str, passed_as: PassedAs = "inputs") -> Any:
    """A labelled item as a trace with one span and an expert's feedback, in memory only.

    MLflow's optimisers read traces as objects; none has to be logged to a store first.
    """
    from mlflow.entities import (
        AssessmentSource,
        Feedback,
        Span,
        Trace,
        TraceData,
        TraceInfo,
        TraceLocation,
        TraceState,
    )
    from mlflow.tracing.constant import SpanAttributeKey
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.trace import SpanContext

    own_id = trace_id(known.item.shown.item_id)
    place = SpanAttributeKey.INPUTS if passed_as == "inputs" else SpanAttributeKey.OUTPUTS
    # MLflow reads span attributes as JSON.
    attributes = {
        SpanAttributeKey.REQUEST_ID: json.dumps(own_id),
        place: json.dumps(known.text),
    }
    # OpenTelemetry's ids are integers and 0 is none; "tr-" stands before the hex digits.
    span_place = SpanContext(trace_id=int(own_id[3:], 16) or 1, span_id=1, is_remote=False)
    span = ReadableSpan("item", span_place, attributes=attributes, start_time=0, end_time=1)
    feedback = Feedback(
        name=name,
        value=grade,
        rationale=known.item.rationale,
        source=AssessmentSource(source_type="HUMAN", source_id=_RATER),
        trace_id=own_id,
        create_time_ms=0,
        last_update_time_ms=0,
    )
    # Fixed ids and times: the same item always gives the same trace.
    feedback.assessment_id = f"a-{own_id}"
    # MLflow's default experiment; nothing is ever logged there.
    where = TraceLocation.from_experiment_id("0")
    info = TraceInfo(own_id, where, 0, TraceState.OK, assessments=[feedback])
    return Trace(info, TraceData(spans=[Span(span)]))


@dataclass(frozen=True, eq=False)
class GuestJudge:
    """A judge of MLflow's that scores the suite's items.

    Attributes:
        base: The unaligned judge it came from.
        judge: MLflow's.
        session: Where its calls go.
        known: Trace id -> training item.
        memory: The account that embeds for it, None where it retrieves nothing.
        vectors: Trace id -> unit vector in MLflow's index.
        n_guidelines: Guidelines that it is told.
        passed_as: The field that holds an item's text.
    """

    base: Judge
    judge: Any
    session: MlflowSession
    known: Mapping[str, RememberedItem]
    memory: Account | None = None
    vectors: Mapping[str, Any] = field(default_factory=dict)
    n_guidelines: int = 0
    passed_as: PassedAs = "inputs"

    def score(self, item: ShownItem, repeat: int = 0) -> Verdict:
        """Score one item through MLflow's judge, under an account of this question's own.

        Raises:
            FailedCallError: If MLflow got no usable answer.
            BackendError: If the model cannot be asked.
            RecordError: If the call store fails.
        """
        # An account for this question alone, so that cost and errors are its own.
        with self.session.account("judge", self.base.backend.chat, repeat=repeat) as account:
            try:
                feedback = _with_account(self.judge, account)(**{self.passed_as: item.text})
            except Exception as error:  # MLflow, DSPy and LiteLLM raise whatever they like
                raise self._suite_error(error, account) from error
            grades = grades_of(self.base)
            # The type that MLflow was given shapes its request only: a value comes back as it was
            # answered.
            if str(feedback.value) not in grades:
                scale = self.base.rubric.scale
                raise FailedCallError(f"the answer is no grade; a grade is {scale}.", account.paid)
            with adding_earlier_cost(account.cost):
                examples = self._examples(item, feedback)
            return Verdict(
                score=grades[str(feedback.value)],
                rationale=feedback.rationale or "",
                cost=account.cost,
                examples=examples,
                n_guidelines=self.n_guidelines,
            )

    def _examples(self, item: ShownItem, feedback: Any) -> tuple[Example, ...]:
        """The examples that MLflow retrieved; similarities are recomputed, as it gives none."""
        ids = (feedback.metadata or {}).get("retrieved_example_trace_ids", [])
        if not ids or self.memory is None:
            return ()
        # A unit vector, as those of the index are: the product is their cosine.
        vector = self.memory.embed([item.text])[0]
        return tuple(
            self.known[name].example(round(float(vector @ self.vectors[name]), 6)) for name in ids
        )

    def _suite_error(self, error: Exception, account: Account) -> Exception:
        """The suite's error for one of MLflow's: the call that failed, if one of ours did."""
        for charged in (account, self.memory):
            if charged is not None and charged.fatal is not None:
                return charged.fatal
        # MLflow wraps a failed call in errors of its own; the account has the call's.
        if account.errors:
            return FailedCallError(str(account.errors[-1]), account.paid)
        # The memory's account is the cell's, so its last error may be another item's. Where the
        # judge was not even asked it is taken for this one's: MLflow retrieves before it asks.
        if self.memory is not None and self.memory.errors and not account.answers:
            return FailedCallError(str(self.memory.errors[-1]))
        return FailedCallError(f"MLflow's judge failed: {without_answer(error)}", account.paid)


def without_answer(error: Exception) -> str:
    """The first line of an error of MLflow's, without the model's answer that it may quote."""
    message = str(error).split("Response:")[0].strip()
    return first_line(message).strip() or type(error).__name__


def align_guest(judge: Any, traces: list[Any], optimizer: Any, accounts: list[Account]) -> Any:
    """`judge.align`, with MLflow's errors turned into the suite's.

    Raises:
        AlignmentError: If MLflow could not align.
        BackendError: If a model cannot be asked.
        RecordError: If the call store fails.
    """
    try:
        aligned = judge.align(traces, optimizer)
    except Exception as error:  # see GuestJudge.score
        raise _fatal_error(accounts) or _alignment_error(accounts, error) from error
    if fatal := _fatal_error(accounts):
        raise fatal  # MLflow goes on after a distillation that failed
    return aligned


def _fatal_error(accounts: list[Account]) -> Exception | None:
    """The first error of an account after which no call can succeed; None without one."""
    return next((account.fatal for account in accounts if account.fatal), None)


def _alignment_error(accounts: list[Account], error: Exception) -> AlignmentError:
    """The last failed call as the reason why MLflow could not align, else MLflow's own error.

    With what all calls took, those that were answered to no use among them.
    """
    errors = [call_error for account in accounts for call_error in account.errors]
    paid = [account.paid for account in accounts if account.paid is not None]
    return AlignmentError(
        str(errors[-1]) if errors else without_answer(error),
        sum(paid, CallCost()) if paid else None,
    )


def _with_account(judge: Any, account: Account) -> Any:
    """A shallow copy of an MLflow judge that asks under an account, and is otherwise the same.

    MLflow itself scores through such a copy (`MemoryAugmentedJudge.__call__`).
    """
    copy = judge.model_copy()
    inner = getattr(copy, "_base_judge", None)
    if inner is None:
        copy._model = uri_of(account)
    else:
        # Copied as well: other threads ask through the same inner judge under names of theirs.
        copy._base_judge = inner.model_copy()
        copy._base_judge._model = uri_of(account)
    return copy
