"""Providers on the wire: what is sent in each dialect, and what is made of what comes back."""

import inspect
import json
import re
import sys
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address

import pytest
from tests.backends.loopback import Provider, serving

from memalign_bench.backends.base import ChatRequest, GradeRequest, Message
from memalign_bench.backends.http import capabilities
from memalign_bench.backends.http.openai_compatible import OpenAICompatible
from memalign_bench.backends.http.providers import HostedModel
from memalign_bench.backends.prices import Budget
from memalign_bench.backends.store.stored_backend import StoredBackend
from memalign_bench.errors import BackendError, FailedCallError, OverBudgetError, RequestError

# LiteLLM's own types are built when its first answer is read.
pytestmark = pytest.mark.filterwarnings("ignore:Item .* on TypedDict class:UserWarning")

KEY = "sk-planted-0123456789"
SCHEMA = {
    "type": "object",
    "properties": {
        "rationale": {"type": "string", "maxLength": 60},
        "score": {"type": "string", "enum": ["3", "2", "1"]},
    },
    "required": ["rationale", "score"],
    "additionalProperties": False,
}
CHAT = ChatRequest((Message("system", "be brief"), Message("user", "hello")), 70, schema=SCHEMA)
ADDRESS = {"openai": "/v1", "anthropic": "/v1", "gemini": "/v1beta", "mistral": "/v1"}


@pytest.fixture(autouse=True)
def _close_litellm():
    """LiteLLM keeps its clients for the life of the process; a test leaves no socket behind."""
    yield
    _flush_litellm()


def _flush_litellm():
    if "litellm" in sys.modules:
        cache = sys.modules["litellm"].in_memory_llm_clients_cache
        for client in list(cache.cache_dict.values()):
            if hasattr(client, "close") and not inspect.iscoroutinefunction(client.close):
                client.close()
        cache.flush_cache()


@pytest.fixture
def provider(monkeypatch):
    monkeypatch.setenv("SOME_KEY", KEY)
    with serving(Provider(keys=(KEY,))) as served:
        yield served


def connected(served, name, **settings):
    return HostedModel(
        provider=name,
        model="some-model",
        base_url=served.base_url + ADDRESS[name],
        api_key_env="SOME_KEY",
        credentials=("SOME_KEY",),
        **{"tries": 2, **settings},
    ).connect()


@pytest.mark.parametrize("name", ADDRESS)
def test_an_answer_that_follows_the_schema(provider, name):
    connection = connected(provider, name)
    got = connection.chat(CHAT)
    connection.close()
    assert set(json.loads(got.text)) == {"rationale", "score"}
    assert (got.finish, got.model, got.retries) == ("stop", "some-model", 0)
    # Every dialect counts in its own way; here what was read holds what was cached, and what was
    # generated holds what was thought.
    assert got.usage.prompt_tokens == 4 + (name == "anthropic")
    assert got.usage.completion_tokens == 26
    assert got.usage.cached_tokens == 5
    assert got.usage.reasoning_tokens == (0 if name == "anthropic" else 7)


def test_what_openai_is_sent(provider):
    connected(provider, "openai").chat(CHAT)
    ((path, body, headers),) = provider.requests
    assert path == "/v1/chat/completions"
    assert headers["authorization"] == f"Bearer {KEY}"
    assert [m["role"] for m in body["messages"]] == ["system", "user"]
    assert (body["max_completion_tokens"], body["temperature"]) == (70, 0)
    form = body["response_format"]["json_schema"]
    assert form["strict"] is True
    said = form["schema"]["properties"]["rationale"]
    assert said == {"type": "string", "description": "at most 60 characters"}


def test_what_anthropic_is_sent(provider):
    connected(provider, "anthropic").chat(CHAT)
    ((path, body, headers),) = provider.requests
    assert path == "/v1/messages"
    assert (headers["x-api-key"], headers["anthropic-version"]) == (KEY, "2023-06-01")
    assert body["system"] == "be brief"
    assert [m["role"] for m in body["messages"]] == ["user"]
    assert body["max_tokens"] == 70
    assert body["output_config"]["format"]["schema"]["required"] == ["rationale", "score"]


def test_what_gemini_is_sent(provider):
    connected(provider, "gemini").chat(CHAT)
    ((path, body, headers),) = provider.requests
    assert path == "/v1beta/models/some-model:generateContent"
    assert headers["x-goog-api-key"] == KEY
    assert "key=" not in path
    assert body["systemInstruction"]["parts"][0]["text"] == "be brief"
    config = body["generationConfig"]
    assert (config["maxOutputTokens"], config["temperature"]) == (70, 0)
    assert config["responseMimeType"] == "application/json"
    assert list(config["responseJsonSchema"]["properties"]) == ["rationale", "score"]


@pytest.mark.parametrize("name", ["openai", "anthropic", "gemini"])
def test_a_reasoning_model_gets_no_temperature_and_room_to_think(provider, name):
    connected(provider, name, reasoning="low", reasoning_tokens=2000).chat(CHAT)
    sent = json.dumps(provider.requests[0][1])
    assert "temperature" not in sent
    assert "low" in sent or "thinking" in sent
    room = re.search(r'"(max_completion_tokens|max_tokens|maxOutputTokens)": (\d+)', sent)
    assert int(room.group(2)) >= 2070


def test_money_for_thoughts_is_set_aside_too():
    spec = HostedModel(provider="openai", model="m", reasoning="low", reasoning_tokens=2000,
                       price_input=0, price_output=1000)  # fmt: skip
    refused = pytest.raises(OverBudgetError, match=r"may cost up to 2\.07")
    with StoredBackend(spec, budget=Budget(2.0)) as backend, refused:
        backend.chat(CHAT)
    assert replace(spec, reasoning=None).thinking_tokens == 0


@pytest.mark.parametrize("name", ADDRESS)
def test_a_wrong_key_ends_the_run_and_names_the_variable(provider, name, monkeypatch):
    monkeypatch.setenv("SOME_KEY", KEY + "-wrong")
    with pytest.raises(BackendError, match="SOME_KEY") as caught:
        connected(provider, name).chat(CHAT)
    assert KEY not in str(caught.value)
    assert len(provider.requests) == 1


def self_signed(path):
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "loopback")])
    now = datetime.now(UTC)
    host = x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))])
    built = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + timedelta(days=1))
    signed = built.add_extension(host, critical=False).sign(key, hashes.SHA256())
    pem = serialization.Encoding.PEM
    private = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    path.write_bytes(signed.public_bytes(pem) + key.private_bytes(pem, *private))
    return path


@pytest.mark.parametrize("name", ["openai", "mistral"])
def test_a_certificate_that_is_not_trusted_ends_the_run_at_once(name, tmp_path, monkeypatch):
    monkeypatch.setenv("SOME_KEY", KEY)
    certificate = self_signed(tmp_path / "certificate.pem")
    with serving(Provider(), certificate) as served:
        # A second try would wait for minutes.
        monkeypatch.setattr("tenacity.sleep_using_event", lambda _event: pytest.fail)
        with pytest.raises(BackendError, match=r"does not trust .*SSL_CERT_FILE.*base_url="):
            connected(served, name).chat(CHAT)
        _flush_litellm()  # a client that it has made goes on distrusting
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert json.loads(connected(served, name).chat(CHAT).text)["score"]


def test_a_prompt_that_surely_does_not_fit_is_not_sent(provider):
    long = ChatRequest((Message("user", "word " * 100),), 70)
    with pytest.raises(FailedCallError, match="at least 62 tokens does not fit the context of 60"):
        connected(provider, "openai", context=60).chat(long)
    assert not provider.requests
    connected(provider, "openai", context=63).chat(long)
    assert len(provider.requests) == 1


@pytest.mark.parametrize("name", ADDRESS)
def test_retry_after_is_honoured(name, monkeypatch):
    monkeypatch.setenv("SOME_KEY", KEY)
    with serving(Provider(faults={"rate_limit": 1.0}, retry_after="0.03")) as served:
        with pytest.raises(FailedCallError, match="slow down"):
            connected(served, name, tries=3).chat(CHAT)
        assert len(served.requests) == 3


@pytest.fixture
def embedding():
    """Connects to a model that embeds: two that LiteLLM asks, and one that is asked directly."""
    with ExitStack() as opened:

        def connect(served, name, **settings):
            if name != "endpoint":
                return connected(served, name, **settings)
            place = {"base_url": served.base_url, "api_key_env": "SOME_KEY"}
            model = OpenAICompatible(model="some-model", **place, **{"tries": 2, **settings})
            connection = model.connect()
            opened.callback(connection.close)
            return connection

        yield connect


EMBEDDING = ("endpoint", "openai", "mistral")


@pytest.mark.parametrize("name", EMBEDDING)
@pytest.mark.parametrize("fault", ["rate_limit", "server_error", "drop", "not_json"])
def test_embeddings_are_asked_for_again_after_a_fault(name, fault, monkeypatch, embedding):
    monkeypatch.setenv("SOME_KEY", KEY)
    with serving(Provider()) as served:
        expected = embedding(served, name).embed(["a note", "another"])
    faults = [fault]
    monkeypatch.setattr(Provider, "fault_of", lambda *_: faults.pop() if faults else None)
    with serving(Provider()) as served:
        got = embedding(served, name).embed(["a note", "another"])
        assert len(served.requests) == 2
    assert got.vectors.tolist() == expected.vectors.tolist()
    assert (got.retries, expected.retries) == (1, 0)
    assert got.usage.prompt_tokens == expected.usage.prompt_tokens > 0


@pytest.mark.parametrize("name", EMBEDDING)
def test_embeddings_that_never_come_fail_that_call_alone(name, monkeypatch, embedding):
    monkeypatch.setenv("SOME_KEY", KEY)
    with serving(Provider(faults={"rate_limit": 1.0}, retry_after="0.03")) as served:
        with pytest.raises(FailedCallError, match="slow down"):
            embedding(served, name, tries=3).embed(["a note"])
        assert len(served.requests) == 3


@pytest.mark.parametrize("name", EMBEDDING)
def test_a_wrong_key_for_embeddings_ends_the_run_at_once(name, provider, monkeypatch, embedding):
    monkeypatch.setenv("SOME_KEY", KEY + "-wrong")
    with pytest.raises(BackendError, match=r"refused the key .*SOME_KEY") as caught:
        embedding(provider, name).embed(["a note"])
    assert KEY not in str(caught.value)
    assert len(provider.requests) == 1


@pytest.mark.parametrize("name", ["openai", "anthropic", "gemini"])
@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("refusal", "refused to answer|content filter"),
        ("content_filter", "content filter"),
        ("over_context", "does not fit the context of 4097"),
    ],
)
def test_what_stays_is_recorded_as_what_it_is(name, fault, said, monkeypatch):
    monkeypatch.setenv("SOME_KEY", KEY)
    with serving(Provider(faults={fault: 1.0})) as served:
        with pytest.raises(FailedCallError, match=said) as caught:
            connected(served, name).chat(CHAT)
        assert len(served.requests) == 1
    if fault == "over_context" or name == "gemini":
        assert caught.value.cost is None  # no count was sent, or DSPy has kept none
    else:
        assert caught.value.cost.usage.completion_tokens == 26


def test_logprobs_are_read_where_they_are_given(provider):
    connection = connected(provider, "openai", logprobs=True)
    prompt = (Message("user", "text"), Message("assistant", "Grade: "))
    got = connection.grade(GradeRequest(prompt, ("1", "2", "3")))
    assert max(got.probabilities) == pytest.approx(0.9)
    with pytest.raises(BackendError, match=r"no logprobs; use scoring=verdict"):
        connected(provider, "anthropic").grade(GradeRequest(prompt, ("1", "2", "3")))


def test_what_is_missing_is_found_before_anything_is_sent(monkeypatch):
    monkeypatch.delenv("SOME_KEY", raising=False)
    spec = HostedModel(
        provider="bedrock",
        model="m",
        credentials=("SOME_KEY", "OTHER_KEY"),
        packages=("no_such_package",),
    )
    with pytest.raises(
        RequestError, match=r"set SOME_KEY, OTHER_KEY in.*pip install no_such_package"
    ):
        spec.connect()


def test_room_to_think_is_part_of_the_identity_where_it_was_set():
    def identity(**settings):
        return HostedModel(provider="openai", model="m", **settings).identity()

    assert identity(reasoning_tokens=9) == identity()
    assert "reasoning_tokens" not in identity(reasoning="low")
    assert identity(reasoning="low", reasoning_tokens=9)["reasoning_tokens"] == 9


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"problems": null}', '{"problems": []}'])
def test_a_probe_that_cannot_be_read_counts_as_none(text, tmp_path, monkeypatch):
    path = tmp_path / "probe.json"
    path.write_text(text)
    monkeypatch.setattr(capabilities, "_probe_path", lambda _spec: path)
    assert capabilities.load_probe(HostedModel(provider="openai", model="m")) is None


def test_bad_settings_are_refused():
    with pytest.raises(RequestError, match=r"backend\.reasoning must be one of minimal, low"):
        HostedModel(provider="openai", model="m", reasoning="much")
    with pytest.raises(RequestError, match=r"backend\.requests_per_minute must be a number > 0"):
        HostedModel(provider="openai", model="m", requests_per_minute=0)


def test_logprob_scoring_is_refused_where_there_are_none(spec_of):
    with pytest.raises(RequestError, match=r"backend=anthropic does not give; use scoring=verdict"):
        spec_of("backend=anthropic", "scoring=logprob")
