"""Traces of an MLflow experiment with human assessments, as users of `judge.align` have them."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from memalign_bench.datasets.dataset import LabelledDataset, Texts, check_labels
from memalign_bench.datasets.mlflow_server import existing_store, short_waits, without_userinfo
from memalign_bench.datasets.values import GradeReader, unsure_marks
from memalign_bench.errors import DataError, RequestError
from memalign_bench.notebooks.parse import read_notebook, without_surrogates
from memalign_bench.notebooks.terminal import plain_text
from memalign_bench.types import Item, Label, Rubric

if TYPE_CHECKING:
    from mlflow.entities import Assessment, Trace

__all__ = ["MlflowSource"]

_PAGE = 200
"""Traces asked for at once."""


@dataclass(frozen=True)
class MlflowSource:
    """Traces with HUMAN feedback: inputs become the prompt, outputs the item, raters stay apart.

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
        read = _Reading(self, rubric)
        for trace in self._traces():
            read.add(trace)
        try:
            check_labels(where, read.items, read.labels, rubric, read.places)
            read.problems += unsure_marks(read.marked, read.labels, rubric.scale)
        except DataError as error:
            read.problems += error.problems
        if read.problems:
            raise DataError(where, read.problems)
        told = f"{self.notice} {read.left_out()}".strip()
        return LabelledDataset.of(self.name, read.items, read.labels, notice=told, texts=self.texts)

    def _traces(self) -> Iterator[Trace]:
        # MLflow looks for a network when it is imported, unless told otherwise.
        os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        from mlflow import MlflowClient
        from mlflow.exceptions import MlflowException

        try:
            client = MlflowClient(existing_store(self.tracking_uri))
            with short_waits():
                experiment = client.get_experiment_by_name(self.experiment)
            if experiment is None:
                known = ", ".join(found.name for found in client.search_experiments())
                raise RequestError(
                    f"dataset.experiment={self.experiment!r}: there is none of this name; there"
                    f" are {known}."
                )
            token: str | None = None
            while True:
                page = client.search_traces(
                    locations=[experiment.experiment_id],
                    filter_string=self.filter,
                    max_results=_PAGE,
                    page_token=token,
                )
                yield from page
                token = page.token
                if not token:
                    return
        except MlflowException as error:
            from mlflow.tracking import get_tracking_uri

            where = without_userinfo(self.tracking_uri or get_tracking_uri())
            told = without_userinfo(str(error).splitlines()[0])
            raise RequestError(
                f"MLflow at {where} did not give the traces of {self.experiment!r} ({told}); start"
                " that server, or set dataset.tracking_uri or MLFLOW_TRACKING_URI."
            ) from error


class _Reading:
    """Items and labels of the traces read so far, and what is wrong with them."""

    def __init__(self, source: MlflowSource, rubric: Rubric) -> None:
        self.source = source
        self.rubric = rubric
        self.grading = GradeReader(source.grades, rubric.scale)
        self.marked: set[str] = set()
        self.items: list[Item] = []
        self.labels: list[Label] = []
        self.places: list[str] = []
        self.problems: list[str] = []
        self.unlabelled = 0
        self.other_names: Counter[str] = Counter()

    def add(self, trace: Trace) -> None:
        """Take in one trace, if people have graded it."""
        named = {**(trace.info.trace_metadata or {}), **(trace.info.tags or {})}
        item_id = named.get(self.source.item_key) or trace.info.trace_id
        n_before = len(self.labels) + len(self.problems)
        for assessment in trace.info.assessments or ():
            if _is_human(assessment):
                self._label(item_id, trace.info.trace_id, assessment)
        if len(self.labels) + len(self.problems) == n_before:
            self.unlabelled += 1
            return
        outputs = _text(trace.data.response)
        self.problems += [
            f"trace {trace.info.trace_id}: {told}" for told in self._faults(item_id, outputs)
        ]
        item = Item(
            item_id,
            named.get(self.source.case_key) or item_id,
            prompt=_text(trace.data.request),
            context="",
            kind=self.source.kind,
            content=outputs,
        )
        self.items.append(item)

    def _faults(self, item_id: str, outputs: str) -> Sequence[str]:
        if not outputs:
            return ["no outputs; nothing to judge."]
        if self.source.kind == "notebook":
            try:
                read_notebook(outputs, item_id)
            except DataError as error:
                return error.problems
        return []

    def _label(self, item_id: str, trace_id: str, assessment: Assessment) -> None:
        name = self.source.dimensions.get(assessment.name, assessment.name)
        if name not in self.rubric.dimensions:
            self.other_names[assessment.name] += 1
            return
        place = f"trace {trace_id}, feedback {assessment.name!r}"
        value = assessment.feedback.value if assessment.feedback else None
        score = None if self.grading.is_end(value) else self.grading.score(value, [])
        if score is None:
            self.problems.append(
                f"{place}: value {value!r} is not a number; give the words' grades with"
                " dataset.grades={word: grade}."
            )
            return
        if self.grading.is_marked(value):
            self.marked.add(name)
        rater = str(assessment.source.source_id or "")
        told = _clean(assessment.rationale or "")
        self.labels.append(Label(item_id, name, rater, score, told))
        self.places.append(place)

    def left_out(self) -> str:
        """What was not taken, in words; "" where everything was."""
        names = ", ".join(f"{name} ({n})" for name, n in sorted(self.other_names.items()))
        parts = [f"{self.unlabelled} traces without human feedback"] if self.unlabelled else []
        parts += [f"feedback of other names: {names}"] if names else []
        return f"Left out: {'; '.join(parts)}." if parts else ""


def _is_human(assessment: Assessment) -> bool:
    """Feedback that a person gave and nobody replaced since."""
    return (
        assessment.feedback is not None
        and assessment.source.source_type == "HUMAN"
        and assessment.valid is not False
    )


def _text(value: str | None) -> str:
    """Inputs or outputs as people would read them: a single text as it is, else JSON."""
    if not value:
        return ""
    try:
        found = json.loads(value)
    except ValueError:
        return _clean(value)
    while isinstance(found, dict) and len(found) == 1:
        found = next(iter(found.values()))
    if isinstance(found, str):
        return _clean(found)
    if found is None:
        return ""
    return _clean(json.dumps(found, indent=1, ensure_ascii=False, sort_keys=True))


def _clean(text: str) -> str:
    return without_surrogates(plain_text(text))
