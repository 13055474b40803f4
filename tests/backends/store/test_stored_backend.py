import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import pytest

from memalign_bench.backends.base import (
    Backend,
    ChatRequest,
    Completion,
    Embeddings,
    GradeRequest,
    Message,
    OptionProbabilities,
    plain_text,
)
from memalign_bench.backends.prices import Budget, Price
from memalign_bench.backends.simulated.scripted_judge import Scripted
from memalign_bench.backends.store.call_store import CallStore, canonical_json
from memalign_bench.backends.store.stored_backend import StoredBackend
from memalign_bench.errors import BackendError, FailedCallError
from memalign_bench.types import CallCost, Usage

CHAT = ChatRequest((Message("user", "hello"),), 10)
GRADE = GradeRequest((Message("user", "x"), Message("assistant", "Grade:")), ("1", "2"))


class Counting:
    def __init__(self):
        self.calls, self.closed, self.now, self.most = 0, 0, 0, 0
        self.lock = threading.Lock()

    def _count(self):
        with self.lock:
            self.calls += 1
            self.now += 1
            self.most = max(self.most, self.now)
        time.sleep(0.01)
        with self.lock:
            self.now -= 1

    def chat(self, request):
        self._count()
        return Completion("hi", "stop", Usage(5, 1, 2), "served", 1)

    def grade(self, request):
        self._count()
        return OptionProbabilities((0.25, 0.75), 0.995, Usage(6, 1), "served")

    def embed(self, texts):
        self._count()
        return Embeddings(np.array([[float(len(text)), 1.0] for text in texts]), Usage(1), "served")

    def count_tokens(self, text):
        return len(text)

    def notes(self):
        return ("asked oddly",)

    def close(self):
        self.closed += 1


@dataclass(frozen=True)
class Spec:
    connection: Counting
    name: str = "counting"
    max_concurrency: int = 2
    mode: str = "live"
    price: Price | None = None
    is_local: bool = True
    context_tokens: int | None = 100
    model_name: str = "counted"
    version: int = 1

    def identity(self):
        return {"provider": "counting", "version": self.version}

    def connect(self):
        return self.connection


def test_a_stored_backend_is_a_backend():
    backend: Backend = StoredBackend(Scripted())
    assert (backend.name, backend.model, backend.context_tokens) == ("scripted", "scripted", None)
    assert backend.identity()["effect"] == 0.8


def test_answers_come_from_the_store_the_second_time(tmp_path):
    connection = Counting()
    with CallStore(tmp_path / "calls.sqlite") as store:
        with StoredBackend(Spec(connection), store) as backend:
            first, grade = backend.chat(CHAT), backend.grade(GRADE)
        assert (first.text, first.retries, first.from_store) == ("hi", 1, False)
        assert first.latency_s > 0
        assert grade.probabilities == (0.25, 0.75)
        assert grade.mass == 0.995
        assert connection.closed == 1
        with StoredBackend(Spec(Counting()), store) as backend:
            again, grade_again = backend.chat(CHAT), backend.grade(GRADE)
    assert again.usage == first.usage == Usage(5, 1, 2)
    assert (again.from_store, again.retries, again.latency_s) == (True, 0, first.latency_s)
    assert grade_again.probabilities == grade.probabilities
    assert connection.calls == 2


def test_how_a_model_had_to_be_asked_is_told_once_it_was():
    backend = StoredBackend(Spec(Counting()))
    assert backend.notes() == ()
    backend.chat(CHAT)
    assert backend.notes() == ("asked oddly",)


def test_nothing_is_opened_where_the_store_has_the_answer():
    store = CallStore()
    StoredBackend(Spec(Counting()), store).chat(CHAT)
    closed = Counting()
    backend = StoredBackend(Spec(closed), store)
    backend.chat(CHAT)
    backend.close()
    assert closed.calls == closed.closed == 0


def test_another_identity_or_repeat_is_another_call():
    store, connection = CallStore(), Counting()
    StoredBackend(Spec(connection), store).chat(CHAT)
    StoredBackend(Spec(connection, version=2), store).chat(CHAT)
    StoredBackend(Spec(connection), store).chat(ChatRequest(CHAT.messages, 10, repeat=1))
    assert connection.calls == 3


def test_texts_are_embedded_once_each():
    connection = Counting()
    backend = StoredBackend(Spec(connection))
    assert backend.embed(["a", "bb"]).tolist() == [[1.0, 1.0], [2.0, 1.0]]
    assert backend.embed(["bb", "ccc"]).tolist() == [[2.0, 1.0], [3.0, 1.0]]
    assert connection.calls == 3


def test_no_more_calls_than_allowed_are_under_way():
    connection = Counting()
    backend = StoredBackend(Spec(connection))
    requests = [ChatRequest((Message("user", str(n)),), 10) for n in range(20)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(backend.chat, requests))
    assert connection.calls == 20
    assert connection.most == 2


def test_grade_requests_check_themselves():
    with pytest.raises(ValueError, match="two or more"):
        GradeRequest(GRADE.messages, ("1", "1"))
    with pytest.raises(ValueError, match="prefill"):
        GradeRequest(GRADE.messages[:1], ("1", "2"))


def test_plain_text_is_the_contents():
    assert plain_text(GRADE.messages) == "x\n\nGrade:"


def _paid_backend(tmp_path, budget, price=None):
    connection = Counting()
    spec = Spec(connection, price=price or Price(1_000_000, 0), is_local=False)
    store = CallStore(tmp_path / "calls.sqlite")
    return connection, StoredBackend(spec, store, budget=budget), store


def test_a_call_is_stored_with_what_it_cost(tmp_path):
    _, backend, store = _paid_backend(tmp_path, None)
    answer = backend.grade(GRADE)
    assert answer.usage.cost_usd == answer.usage.prompt_tokens
    assert store.spent() == answer.usage.cost_usd
    assert backend.grade(GRADE).usage == answer.usage
    assert store.spent() == answer.usage.cost_usd


class Refusing(Counting):
    def chat(self, request):
        self._count()
        raise FailedCallError("the model refused to answer.", CallCost(Usage(3, 0)))


def test_a_refusal_is_paid_for_and_counts_against_the_budget(tmp_path):
    spec = Spec(Refusing(), price=Price(100_000, 0), is_local=False)
    budget = Budget(1_000.0)
    with CallStore(tmp_path / "calls.sqlite") as store:
        with pytest.raises(FailedCallError, match="refused") as caught:
            StoredBackend(spec, store, budget=budget).chat(CHAT)
        assert caught.value.cost.usage == Usage(3, 0, cost_usd=pytest.approx(0.3))
        assert caught.value.cost.latency_s > 0
        assert budget.spent == pytest.approx(0.3)
        assert store.count() == 0
    with CallStore(tmp_path / "calls.sqlite") as store:  # the next sitting knows of it
        assert store.spent() == pytest.approx(0.3)


class Uncounted(Counting):
    def grade(self, request):
        return super().grade(request)._replace(usage=Usage())


def test_where_no_token_is_counted_the_cost_is_unknown_and_may_have_been_the_largest(tmp_path):
    budget = Budget(1_000.0)
    spec = Spec(Uncounted(), price=Price(100_000, 0), is_local=False)
    with CallStore(tmp_path / "calls.sqlite") as store:
        answer = StoredBackend(spec, store, budget=budget).grade(GRADE)
    assert answer.usage.cost_usd is None
    assert budget.spent == pytest.approx(len(canonical_json(GRADE.record())) / 10)


def test_a_budget_stops_before_it_is_exceeded(tmp_path):
    connection, backend, store = _paid_backend(tmp_path, Budget(0.5), Price(1, 0))
    backend.grade(GRADE)
    sent = connection.calls
    _, tight, _ = _paid_backend(tmp_path, Budget(store.spent(), store.spent()), Price(1, 0))
    tight.grade(GRADE)  # stored: costs nothing
    with pytest.raises(BackendError, match="budget_usd"):
        tight.grade(replace(GRADE, repeat=1))
    assert connection.calls == sent
