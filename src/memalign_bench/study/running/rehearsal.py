"""A rehearsed run: which calls it would make, which of them are stored, what the rest would cost.

The run is walked as it would be run; each call that the store holds gets its answer, each other one
a made-up answer, and is counted. Prompts are exact where memory needs no model; guidelines that a
model is still to distil stand in them as filler, as many as it may write.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from memalign_bench.backends.base import (
    BackendSpec,
    ChatAnswer,
    ChatRequest,
    GradeAnswer,
    GradeRequest,
)
from memalign_bench.backends.http.providers import HostedModel
from memalign_bench.backends.prices import Price
from memalign_bench.backends.simulated.schema_filling import fill
from memalign_bench.backends.store.call_store import CallStore, call_key
from memalign_bench.backends.store.stored_backend import StoredBackend
from memalign_bench.notebooks.budget import estimate_tokens
from memalign_bench.study.plan import make_plan
from memalign_bench.study.runfiles import RunFiles
from memalign_bench.study.running.aligning import Models
from memalign_bench.study.running.attribution import rehearse_attribution
from memalign_bench.study.running.foreseeing import check_feedback
from memalign_bench.study.running.runner import rehearse
from memalign_bench.study.spec import RunSpec
from memalign_bench.types import Usage

__all__ = [
    "Forecast",
    "forecast",
    "forecast_of_walk",
    "rehearsed_together",
    "sum_by_model",
    "unmet_requirements",
]

# A guideline of some 240 characters, the most that the suite's own distiller allows by default.
_FILLER = "words " * 37

# MLflow's distillation sets no bound; the suite's own writes six by default.
_UNBOUNDED_LIST = 6


class Forecast(NamedTuple):
    """What a run would ask of one backend.

    Attributes:
        backend: Name of the YAML choice.
        model: The model's name.
        n_calls: Calls to send.
        n_stored: Calls that the store answers.
        n_shared: Calls that an earlier job of the sweep has sent by then.
        prompt_tokens: Estimated tokens of the prompts to send.
        completion_tokens: Tokens that may be generated at most.
        cost_usd: Estimated cost at most; None where no price is known.
        is_local: Whether the model runs here and costs nothing.
        prompt_rate: Prompt tokens a second that it was last measured at here; None if never.
        n_unread: Calls whose answer would become part of later prompts (distillations).
    """

    backend: str
    model: str
    n_calls: int
    n_stored: int
    n_shared: int
    prompt_tokens: int
    completion_tokens: int
    cost_usd: float | None
    is_local: bool
    prompt_rate: float | None
    n_unread: int


@dataclass(frozen=True)
class _Sweep:
    """What the jobs of a sweep would have asked so far: calls by their store and key."""

    sent: set[tuple[Path, str]]
    jobs: list[list[Forecast]]


_sweep: ContextVar[_Sweep | None] = ContextVar("sweep", default=None)


@contextmanager
def rehearsed_together() -> Iterator[list[list[Forecast]]]:
    """Forecast jobs as if the earlier ones had been run: a shared call is sent once.

    Yields:
        What each job would ask by backend, as they are forecast.
    """
    sweep = _Sweep(set(), [])
    before = _sweep.set(sweep)
    try:
        yield sweep.jobs
    finally:
        _sweep.reset(before)


def sum_by_model(entries: Iterable[Forecast]) -> list[Forecast]:
    """Forecasts of several jobs added up by backend and model; a cost is unknown if one is."""
    totals: dict[tuple[str, str], Forecast] = {}
    for entry in entries:
        name = (entry.backend, entry.model)
        # Within a sum each call is counted by the job that sends it; shared ones would count twice.
        unshared = entry._replace(n_shared=0)
        totals[name] = _add_forecasts(totals[name], unshared) if name in totals else unshared
    return list(totals.values())


def _add_forecasts(first: Forecast, second: Forecast) -> Forecast:
    costs = first.cost_usd, second.cost_usd
    return first._replace(
        n_calls=first.n_calls + second.n_calls,
        n_stored=first.n_stored + second.n_stored,
        prompt_tokens=first.prompt_tokens + second.prompt_tokens,
        completion_tokens=first.completion_tokens + second.completion_tokens,
        cost_usd=None if costs[0] is None or costs[1] is None else costs[0] + costs[1],
        n_unread=first.n_unread + second.n_unread,
    )


def forecast(spec: RunSpec, warn: Callable[[str], None] | None = None) -> list[Forecast]:
    """What the run would ask, by backend; nothing is sent and nothing written.

    Args:
        spec: The run.
        warn: Told what of the run is sure to fail.

    Raises:
        DataError: If the data set has problems.
        RequestError: If the request does not fit the data.
    """
    plan = make_plan(spec)
    if (warning := check_feedback(plan.spec, plan.gold)) and warn is not None:
        warn(warning)
    kept = RunFiles(plan).kept_rows().rows
    missing = [key for key in plan.row_keys() if key not in kept]
    # Outside of `rehearsed_together` a job is a sweep by itself.
    sweep = _sweep.get() or _Sweep(set(), [])
    # The job still has its place in the sweep's list.
    if not spec.alignment.needs_model:
        sweep.jobs.append([])
        return []

    def walk(models: Models) -> None:
        rehearse(plan, missing, models)
        if spec.attribute:
            rehearse_attribution(plan, kept, models)

    forecasts = forecast_of_walk(spec, walk, sweep.sent)
    sweep.jobs.append(forecasts)
    return forecasts


def forecast_of_walk(
    spec: RunSpec, walk: Callable[[Models], None], sent: set[tuple[Path, str]] | None = None
) -> list[Forecast]:
    """What a walk would ask of a run's models, by backend; nothing is sent.

    Args:
        spec: The run, whose call store answers what it can.
        walk: Asks.
        sent: Stores and keys of calls that have been sent by then; those of the walk are added.
    """
    sent = set() if sent is None else sent
    # A rehearsal writes nothing, so it opens no store that is not there.
    path = spec.store_path if spec.store_path.is_file() else None
    with CallStore(path) as store:
        sent_before = {key for place, key in sent if place == spec.store_path}
        judge = _RehearsalBackend(spec.backend, store, sent_before)
        reflection = (
            _RehearsalBackend(spec.reflection, store, sent_before) if spec.reflection else judge
        )
        embedding = (
            _RehearsalBackend(spec.embedding, store, sent_before) if spec.embedding else judge
        )
        walk(Models(judge, reflection, embedding))
        # One object may play several roles: forecast it once.
        asked = dict.fromkeys((judge, reflection, embedding))
        sent.update((spec.store_path, key) for entry in asked for key in entry.met)
        # A model for embeddings alone is listed only if something was embedded.
        return [entry.forecast() for entry in asked if entry in (judge, reflection) or entry.asked]


def unmet_requirements(spec: RunSpec) -> list[str]:
    """What this machine lacks to make the run's calls, one line a backend; nothing is sent.

    A backend whose calls the records or the call store answer is not missed, nor is any where
    `backend.mode=replay`.

    Raises:
        DataError: If the data set has problems.
        RequestError: If the request does not fit the data.
    """
    if spec.backend.mode == "replay":
        return []
    models = (spec.backend, spec.reflection, spec.embedding)
    lacking = {
        (model.name, model.model_name): "; ".join(model.missing())
        for model in models
        if isinstance(model, HostedModel) and model.missing()
    }
    # The walk through the run is only taken where its outcome matters.
    forecasts = forecast(spec) if lacking else []
    return [
        f"backend={entry.backend} cannot be called: {lacking[entry.backend, entry.model]}."
        for entry in forecasts
        if entry.n_calls and (entry.backend, entry.model) in lacking
    ]


@dataclass
class _CallCounts:
    calls: int = 0
    stored: int = 0
    shared: int = 0
    prompt: int = 0
    completion: int = 0
    distillations: int = 0


class _StoreReply(NamedTuple):
    """The store's answer to a call, None if it has none, whether the call was counted, its key."""

    answer: Mapping[str, Any] | None
    before: bool
    key: str


class _RehearsalBackend(StoredBackend):
    """Answers from the store, else makes an answer up and counts the call; never connected."""

    def __init__(self, spec: BackendSpec, store: CallStore, sent: Set[str]) -> None:
        super().__init__(spec, store)
        self.met: set[str] = set()
        self._sent = sent
        self._count = _CallCounts()
        self._lock = threading.Lock()

    @property
    def asked(self) -> bool:
        """Whether any question came, whether or not the store could answer it."""
        return bool(self.met)

    def forecast(self) -> Forecast:
        """What was counted."""
        count, price = self._count, self.spec.price
        usage = Usage(count.prompt, count.completion)
        return Forecast(
            backend=self.name,
            model=self.model,
            n_calls=count.calls,
            n_stored=count.stored,
            n_shared=count.shared,
            prompt_tokens=count.prompt,
            completion_tokens=count.completion,
            cost_usd=_cost_usd(price, usage),
            is_local=self.spec.is_local,
            # Only models that run in this process have a measured rate.
            prompt_rate=getattr(self.spec, "prompt_rate", None),
            n_unread=count.distillations,
        )

    @property
    def max_concurrency(self) -> int:
        """One: nothing waits."""
        return 1

    def chat(self, request: ChatRequest) -> ChatAnswer:
        """What the store holds, else the plainest answer that the schema allows."""
        reply = self._look_up(request.record())
        if reply.answer is not None:
            return ChatAnswer(reply.answer["text"], reply.answer["finish"])
        if not reply.before:
            texts = [turn.content for turn in request.messages]
            most = self._most_generated(request)
            self._count_call(texts, most, distils=bool(_longest_lists(request.schema)))
        return ChatAnswer(_made_up_answer(request.schema, reply.key), "stop")

    def grade(self, request: GradeRequest) -> GradeAnswer:
        """What the store holds, else even probabilities."""
        reply = self._look_up(request.record())
        if reply.answer is not None:
            return GradeAnswer(tuple(reply.answer["probabilities"]), reply.answer["mass"])
        if not reply.before:
            # One token is generated, the grade's.
            self._count_call([turn.content for turn in request.messages], 1)
        n_options = len(request.options)
        return GradeAnswer((1 / n_options,) * n_options, 1.0)

    def embed(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """What the store holds, else vectors hashed from the texts."""
        return np.asarray([self._vector(text) for text in texts], dtype=np.float64)

    def _vector(self, text: str) -> list[float]:
        reply = self._look_up({"kind": "embed", "text": text})
        if reply.answer is not None:
            return list(reply.answer["vector"])
        if not reply.before:
            # Embedding generates nothing.
            self._count_call([text], 0)
        # Same text, same vector: retrieval runs as it would, on made-up neighbours.
        return [byte / 255 - 0.5 for byte in hashlib.sha256(text.encode()).digest()]

    def count_tokens(self, text: str) -> int | None:
        """An estimate."""
        return estimate_tokens(text)

    def open(self) -> None:
        """There is nothing to open."""

    def _look_up(self, request: Mapping[str, Any]) -> _StoreReply:
        # The key under which a real backend would store the call.
        key = call_key({"model": self._identity, "request": request})
        call = self.store.find(key)
        with self._lock:
            counted = key in self.met
            self.met.add(key)
            shared = call is None and key in self._sent
            self._count.stored += call is not None and not counted
            self._count.shared += shared and not counted
        return _StoreReply(None if call is None else call.answer, counted or shared, key)

    def _count_call(self, texts: Sequence[str], max_tokens: int, *, distils: bool = False) -> None:
        with self._lock:
            self._count.calls += 1
            self._count.prompt += sum(map(estimate_tokens, texts))
            # At most: how long an answer will be nobody knows.
            self._count.completion += max_tokens
            self._count.distillations += distils


def _made_up_answer(schema: Mapping[str, Any] | None, key: str) -> str:
    """An answer that whoever reads it can go on from: the plainest values, the longest lists.

    Entries of lists are a distillation's guidelines, which become part of later prompts. They name
    the call, since prompts with guidelines of two distillations are not the same prompt.
    """
    if schema is None:
        return ""
    entries = {
        name: [{"text": f"{key[:12]} {place} {_FILLER}"} for place in range(count)]
        for name, count in _longest_lists(schema).items()
    }
    return json.dumps(fill(schema, entries))


def _longest_lists(schema: Mapping[str, Any] | None) -> dict[str, int]:
    """The lists that a schema asks for, as that of a distillation does, and their most entries."""
    rules = (schema or {}).get("properties", {})
    return {
        name: rule.get("maxItems", _UNBOUNDED_LIST)
        for name, rule in rules.items()
        if rule.get("type") == "array"
    }


def _cost_usd(price: Price | None, usage: Usage) -> float | None:
    return None if price is None else price.of(usage)
