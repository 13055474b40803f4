"""The gateway, asked by clients that are not ours: OpenAI's and LiteLLM's."""

import warnings
from concurrent.futures import ThreadPoolExecutor

import httpx
import numpy as np
import openai
import pytest
from tests.backends.loopback import Provider, serving

from memalign_bench.backends.base import ChatAnswer
from memalign_bench.backends.gateway.accounts import Account
from memalign_bench.backends.gateway.server import Gateway
from memalign_bench.backends.http.openai_compatible import OpenAICompatible
from memalign_bench.backends.prices import Budget
from memalign_bench.backends.simulated.scripted_judge import Scripted
from memalign_bench.backends.store.call_store import CallStore
from memalign_bench.backends.store.stored_backend import StoredBackend
from memalign_bench.errors import AlignmentError, FailedCallError, RecordError
from memalign_bench.types import CallCost, Usage

ASK = [{"role": "system", "content": "be brief"}, {"role": "user", "content": "hello"}]


@pytest.fixture
def gateway(tmp_path):
    with (
        CallStore(tmp_path / "calls.sqlite") as store,
        StoredBackend(Scripted(), store) as backend,
        Gateway(backend) as served,
    ):
        yield served


@pytest.fixture
def client(gateway):
    with openai.OpenAI(base_url=gateway.base_url, api_key=gateway.key, max_retries=0) as made:
        yield made


def test_a_chat_goes_through_the_store(gateway, client):
    first = client.chat.completions.create(model="judge", messages=ASK, max_tokens=50)
    again = client.chat.completions.create(model="judge", messages=ASK, max_tokens=50)
    assert first.choices[0].message.content == again.choices[0].message.content
    assert first.choices[0].finish_reason == "stop"
    assert first.usage.prompt_tokens == 4
    assert gateway.backend.store.count() == 1
    assert gateway.usage.prompt_tokens == 8


def test_a_schema_is_followed(client):
    schema = {
        "type": "object",
        "properties": {"score": {"type": "string", "enum": ["3", "2", "1"]}},
        "required": ["score"],
    }
    form = {"type": "json_schema", "json_schema": {"name": "a", "schema": schema}}
    got = client.chat.completions.create(model="judge", messages=ASK, response_format=form)
    assert got.choices[0].message.content in ('{"score": "3"}', '{"score": "2"}', '{"score": "1"}')


def test_embeddings_in_both_encodings(gateway, client):
    texts = ["silk and wool", "linen"]
    packed = client.embeddings.create(model="e", input=texts)  # base64 is this client's default
    plain = client.embeddings.create(model="e", input=texts, encoding_format="float")
    expected = gateway.backend.embed(texts)
    for answer in (packed, plain):
        vectors = np.array([row.embedding for row in answer.data])
        assert np.allclose(vectors, expected, atol=1e-6)


def test_litellm_can_be_pointed_at_it(gateway, monkeypatch):
    monkeypatch.setenv("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its own types warn when they are built
        import litellm

        got = litellm.completion(
            "openai/judge", messages=ASK, api_base=gateway.base_url, api_key=gateway.key
        )
    assert got.choices[0].message.content


def test_an_account_is_asked_under_its_own_name(gateway, client):
    heard = []

    def chat(request):
        heard.append(request)
        if "fail" in request.messages[-1].content:
            raise FailedCallError("the context length is too long")
        return ChatAnswer("mine", "length", Usage(3, 2), from_store=False)

    account = Account("guest-1", chat, lambda texts: [[1.0, 0.0]] * len(texts), repeat=4)
    gateway.admit(account)
    got = client.chat.completions.create(model="guest-1", messages=ASK)
    assert (got.choices[0].message.content, got.choices[0].finish_reason) == ("mine", "length")
    assert (heard[0].repeat, heard[0].max_tokens) == (4, 1024)
    assert account.cost == CallCost(Usage(3, 2), from_store=False)
    made = client.embeddings.create(model="guest-1", input=["a", "b"], encoding_format="float")
    assert [row.embedding for row in made.data] == [[1.0, 0.0]] * 2
    failing = [{"role": "user", "content": "fail"}]
    for _ in range(3):
        with pytest.raises(openai.BadRequestError, match="context length"):
            client.chat.completions.create(model="guest-1", messages=failing)
    assert len(heard) == 2  # what has failed is not asked again
    assert [str(error) for error in account.errors] == ["the context length is too long"]
    assert account.fatal is None
    assert gateway.backend.store.count() == 0
    gateway.dismiss(account)
    client.chat.completions.create(model="guest-1", messages=ASK)
    assert gateway.backend.store.count() == 1


def test_an_account_does_only_what_it_was_opened_for(gateway, client):
    gateway.admit(Account("idle"))
    with pytest.raises(openai.BadRequestError, match="'idle' does not chat"):
        client.chat.completions.create(model="idle", messages=ASK)
    with pytest.raises(openai.BadRequestError, match="'idle' does not embed"):
        client.embeddings.create(model="idle", input="a")

    def unset(_):
        raise AlignmentError("not finite")

    broken = Account("broken", embed=unset)
    gateway.admit(broken)
    with pytest.raises(openai.BadRequestError, match="not finite"):
        client.embeddings.create(model="broken", input="a")
    assert isinstance(broken.errors[0], AlignmentError)


def test_embeddings_that_have_failed_are_not_asked_for_again(gateway, client):
    heard = []

    def embed(texts):
        heard.append(texts)
        raise FailedCallError("too long")

    account = Account("guest-2", embed=embed)
    gateway.admit(account)
    for text in ("a", "a", "b", "a"):
        with pytest.raises(openai.BadRequestError, match="too long"):
            client.embeddings.create(model="guest-2", input=text)
    assert heard == [["a"], ["b"]]
    assert [str(error) for error in account.errors] == ["too long"] * 2


def test_many_at_once(gateway, client):
    def ask(number):
        turn = [{"role": "user", "content": f"hello {number % 10}"}]
        return client.chat.completions.create(model="judge", messages=turn)

    with ThreadPoolExecutor(16) as pool:
        assert len(list(pool.map(ask, range(40)))) == 40
    assert gateway.backend.store.count() == 10


def test_only_who_knows_the_key_is_answered(gateway):
    url = f"{gateway.base_url}/chat/completions"
    assert httpx.post(url, json={"messages": ASK}).status_code == 401
    wrong = {"authorization": "Bearer none"}
    assert httpx.post(url, json={"messages": ASK}, headers=wrong).status_code == 401
    assert gateway.backend.store.count() == 0


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"messages": ASK, "stream": True}, "does not do stream"),
        ({"messages": ASK, "tools": [{}]}, "does not do tools"),
        ({"messages": ASK, "n": 2}, "does not do n > 1"),
        ({"messages": [{"role": "judge", "content": "x"}]}, "role 'judge'"),
        ({}, "KeyError"),
        ([ASK], "a request is a JSON object"),
    ],
)
def test_what_it_does_not_do_is_refused(gateway, body, said):
    url = f"{gateway.base_url}/chat/completions"
    got = httpx.post(url, json=body, headers={"authorization": f"Bearer {gateway.key}"})
    assert got.status_code == 400
    assert said in got.json()["error"]["message"]
    assert said in gateway.failures[0]


def test_a_call_store_that_fails_ends_the_run_as_a_model_that_is_away_does(gateway):
    def full(_):
        raise RecordError("the disk is full")

    account = Account("guest-3", full, full)
    gateway.admit(account)
    with openai.OpenAI(base_url=gateway.base_url, api_key=gateway.key) as client:
        # Of another status than 402 the client would ask again.
        with pytest.raises(openai.APIStatusError, match="disk is full") as caught:
            client.chat.completions.create(model="guest-3", messages=ASK)
        assert caught.value.status_code == 402
        with pytest.raises(openai.APIStatusError, match="disk is full"):
            client.embeddings.create(model="guest-3", input="a")
    assert isinstance(account.fatal, RecordError)
    assert len(gateway.failures) == 2


def test_budget_and_faults_hold_for_guests_too():
    with serving(Provider(faults={"over_context": 1.0})) as provider:
        spec = OpenAICompatible(
            base_url=f"{provider.base_url}/v1", model="m", price_input=1.0, price_output=1.0
        )
        for budget, error in ((1.0, openai.BadRequestError), (0.0, openai.APIStatusError)):
            with (
                StoredBackend(spec, budget=Budget(budget)) as backend,
                Gateway(backend) as gateway,
                openai.OpenAI(base_url=gateway.base_url, api_key=gateway.key) as client,
                pytest.raises(error) as caught,
            ):
                client.chat.completions.create(model="m", messages=ASK)
            assert ("budget_usd" in str(caught.value)) is (budget == 0)
        assert len(provider.requests) == 1
