"""A loopback provider: speaks three dialects, answers by the simulated judge, fails on request.

Which faults a request meets hangs on its content and on how often it was sent, so a set rate holds
whatever the order and concurrency.
"""

from __future__ import annotations

import hashlib
import json
import math
import random
import socket
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from memalign_bench.backends.base import ChatRequest, GradeRequest, Message
from memalign_bench.backends.simulated.scripted_judge import Scripted

TRANSIENT = (
    "rate_limit",
    "overloaded",
    "server_error",
    "bad_gateway",
    "stall",
    "drop",
    "cut_body",
    "empty_body",
    "not_json",
    "invalid_json",
    "no_text",
    "cut_answer",
)
"""Faults after which the right client gets the right answer."""

FINAL = ("refusal", "content_filter", "over_context")
"""Faults that stay: recorded as what they are."""


@dataclass
class Provider:
    """What the server answers, and what it saw.

    Attributes:
        faults: Kind -> rate, together at most 1.
        delay_s: Seconds an answer takes.
        stall_s: Seconds that a stalled connection is held.
        keys: Keys that are let in; None for any.
        model: The model as served; None for the name asked.
        judge: Settings of the simulated judge.
        reworded: Text of an answer -> the text that is sent, or a whole message.
        refuses: Request -> words of an error (HTTP 400); None for none.
        room: Tokens below which every answer is cut off in the middle of a thought.
    """

    faults: Mapping[str, float] = field(default_factory=dict)
    delay_s: float = 0.0
    stall_s: float = 5.0
    keys: tuple[str, ...] | None = None
    model: str | None = None
    retry_after: str | None = "0.01"
    seed: int = 0
    judge: Scripted = field(default_factory=Scripted)
    reworded: Callable = str
    refuses: Callable = lambda body: None
    room: int = 0
    schema: Mapping | None = None
    base_url: str = ""
    requests: list = field(default_factory=list)
    met: Counter = field(default_factory=Counter)
    answered: Counter = field(default_factory=Counter)
    attempts: Counter = field(default_factory=Counter)
    under_way: int = 0
    most_under_way: int = 0
    n_connections: int = 0
    open_connections: int = 0

    def __post_init__(self):
        self.lock = threading.Lock()
        self.connection = self.judge.connect()
        self.stopped = threading.Event()

    def shaped(self, request):
        """A request with the schema that was refused before: the simulated judge needs one."""
        if request.schema is not None:
            self.schema = request.schema
        return replace(request, schema=self.schema)

    def worded(self, text, request):
        """An answer as this provider words it, and why it ended."""
        if request.max_tokens < self.room:
            return "<think>A 1, or rather a 3", "length"
        return self.reworded(text), "stop"

    def fault_of(self, body) -> str | None:
        """The fault that this sending of a request meets."""
        key = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
        with self.lock:
            self.attempts[key] += 1
            number = self.attempts[key]
        drawn = random.Random(f"{self.seed}:{key}:{number}").random()
        for kind, rate in self.faults.items():
            if drawn < rate:
                with self.lock:
                    self.met[kind] += 1
                return kind
            drawn -= rate
        with self.lock:
            self.answered[key] += 1
        return None


class OpenAI:
    """Chat completions."""

    paths = ("/v1/chat/completions", "/chat/completions")

    def key(self, headers):
        return headers.get("authorization", "").removeprefix("Bearer ")

    def read(self, path, body):
        messages = tuple(Message(_role(m["role"]), _text(m["content"])) for m in body["messages"])
        form = (body.get("response_format") or {}).get("json_schema", {}).get("schema")
        limit = body.get("max_completion_tokens") or body.get("max_tokens")
        return body["model"], ChatRequest(messages, limit, schema=form), body.get("logprobs")

    def write(self, model, text, finish, usage, *, top=None, refusal=None):
        choice = {
            "index": 0,
            "message": {"role": "assistant", "content": text},
            "finish_reason": finish,
        }
        if refusal:
            choice["message"] = {"role": "assistant", "content": None, "refusal": refusal}
        if top:
            entries = [{"token": t, "logprob": math.log(p), "bytes": None} for t, p in top]
            choice["logprobs"] = {"content": [{**entries[0], "top_logprobs": entries}]}
        return {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1,
            "model": model,
            "choices": [choice],
            "usage": {
                "prompt_tokens": usage.prompt_tokens,
                "completion_tokens": usage.completion_tokens + 7,
                "total_tokens": usage.prompt_tokens + usage.completion_tokens + 7,
                "prompt_tokens_details": {"cached_tokens": 5},
                "completion_tokens_details": {"reasoning_tokens": 7},
            },
        }

    def error(self, kind, message):
        return {"error": {"message": message, "type": kind, "param": None, "code": kind}}


class Anthropic:
    """Messages."""

    paths = ("/v1/messages", "/messages")

    def key(self, headers):
        return headers.get("x-api-key", "")

    def read(self, path, body):
        assert body["max_tokens"] > 0
        messages = [Message("system", _text(body["system"]))] if body.get("system") else []
        messages += [Message(_role(m["role"]), _text(m["content"])) for m in body["messages"]]
        form = (body.get("output_config") or {}).get("format") or body.get("output_format") or {}
        request = ChatRequest(tuple(messages), body["max_tokens"], schema=form.get("schema"))
        return body["model"], request, None

    def write(self, model, text, finish, usage, *, top=None, refusal=None):
        reasons = {"stop": "end_turn", "length": "max_tokens", "content_filter": "refusal"}
        return {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": model,
            "content": [{"type": "text", "text": text}] if text else [],
            "stop_reason": "refusal" if refusal else reasons[finish],
            "stop_sequence": None,
            "usage": {
                "input_tokens": max(0, usage.prompt_tokens - 5),
                "cache_read_input_tokens": 5,
                "cache_creation_input_tokens": 0,
                "output_tokens": usage.completion_tokens + 7,
            },
        }

    def error(self, kind, message):
        return {"type": "error", "error": {"type": kind, "message": message}, "request_id": "r1"}


class Gemini:
    """generateContent."""

    paths = ()

    def key(self, headers):
        return headers.get("x-goog-api-key", "")

    def read(self, path, body):
        messages = []
        if body.get("systemInstruction"):
            messages = [Message("system", _parts(body["systemInstruction"]))]
        for turn in body["contents"]:
            messages.append(Message(_role(turn["role"]), _parts(turn)))
        config = body.get("generationConfig", {})
        schema = config.get("responseJsonSchema") or config.get("responseSchema")
        model = path.rpartition("/")[2].partition(":")[0]
        request = ChatRequest(tuple(messages), config["maxOutputTokens"], schema=schema)
        return model, request, None

    def write(self, model, text, finish, usage, *, top=None, refusal=None):
        reasons = {"stop": "STOP", "length": "MAX_TOKENS", "content_filter": "SAFETY"}
        return {
            "candidates": [
                {
                    "content": {"role": "model", "parts": [{"text": text}] if text else []},
                    "finishReason": "SAFETY" if refusal else reasons[finish],
                    "index": 0,
                }
            ],
            "usageMetadata": {
                "promptTokenCount": usage.prompt_tokens,
                "candidatesTokenCount": usage.completion_tokens,
                "thoughtsTokenCount": 7,
                "cachedContentTokenCount": 5,
                "totalTokenCount": usage.prompt_tokens + usage.completion_tokens + 7,
            },
            "modelVersion": model,
            "responseId": "g1",
        }

    def error(self, kind, message):
        return {"error": {"code": 400, "message": message, "status": kind.upper()}}


def _role(role):
    return {"model": "assistant", "developer": "system"}.get(role, role)


def _text(content):
    if isinstance(content, str):
        return content
    return "".join(part.get("text", "") for part in content)


def _parts(turn):
    return "".join(part.get("text", "") for part in turn["parts"])


class OpenAIEmbeddings:
    """Vectors, one a text."""

    paths = ("/v1/embeddings",)
    key, error = OpenAI.key, OpenAI.error

    def vectors(self, provider, body):
        texts = [body["input"]] if isinstance(body["input"], str) else body["input"]
        got = provider.connection.embed(texts)
        rows = [
            {"object": "embedding", "index": at, "embedding": list(map(float, row))}
            for at, row in enumerate(got.vectors)
        ]
        usage = {"prompt_tokens": got.usage.prompt_tokens, "total_tokens": got.usage.prompt_tokens}
        return {"object": "list", "data": rows, "model": body["model"], "usage": usage}


def dialect_of(path):
    """The dialect that a path belongs to; None for no route."""
    if path.endswith(":generateContent"):
        return Gemini()
    dialects = (OpenAI(), Anthropic(), OpenAIEmbeddings())
    return next((d for d in dialects if path in d.paths), None)


_STATUS = {
    "rate_limit": (429, "rate_limit_exceeded", "slow down"),
    "overloaded": (529, "overloaded_error", "overloaded"),
    "server_error": (500, "server_error", "oops"),
    "bad_gateway": (502, "bad_gateway", "bad gateway"),
    "over_context": (
        400,
        "context_length_exceeded",
        "This model's maximum context length is 4097 tokens, you asked for 5000 tokens",
    ),
}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    is_under_way = False

    def do_POST(self):
        provider = self.server.provider
        length = int(self.headers.get("content-length", 0))
        body = json.loads(self.rfile.read(length) or b"null")
        path = self.path.partition("?")[0]
        dialect = dialect_of(path)
        if dialect is None:
            self.say(404, {"error": {"message": f"no route {path}"}})
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        with provider.lock:
            provider.requests.append((path, body, headers))
            provider.under_way += 1
            provider.most_under_way = max(provider.most_under_way, provider.under_way)
            self.is_under_way = True
        try:
            if provider.keys is not None and dialect.key(headers) not in provider.keys:
                said = dialect.error("authentication_error", f"bad key {dialect.key(headers)}")
                self.say(401, said)
                return
            self.serve(provider, dialect, path, body)
        finally:
            self.no_longer_under_way()

    def no_longer_under_way(self):
        """Said before the answer is: whoever has it may send the next call at once."""
        provider = self.server.provider
        with provider.lock:
            provider.under_way -= self.is_under_way
            self.is_under_way = False

    def serve(self, provider, dialect, path, body):
        if refusal := provider.refuses(body):
            provider.shaped(dialect.read(path, body)[1])
            self.say(400, dialect.error("invalid_request_error", refusal))
            return
        kind = provider.fault_of(body)
        if kind == "stall":
            provider.stopped.wait(provider.stall_s)
            self.close_connection = True
            return
        provider.stopped.wait(provider.delay_s)
        if kind == "drop":
            self.close_connection = True
        elif kind in _STATUS:
            status, code, message = _STATUS[kind]
            self.say(status, dialect.error(code, message), provider.retry_after)
        elif kind in ("empty_body", "not_json"):
            self.raw(b"" if kind == "empty_body" else b"<html>Bad gateway</html>")
        else:
            self.answer(provider, dialect, (path, body), kind)

    def answer(self, provider, dialect, asked, kind):
        if isinstance(dialect, OpenAIEmbeddings):
            self.say(200, dialect.vectors(provider, asked[1]))
            return
        model, request, logprobs = dialect.read(*asked)
        served = provider.model or model
        top = None
        if logprobs:
            options = ("1", "2", "3")
            got = provider.connection.grade(GradeRequest(request.messages, options))
            top = sorted(zip(options, got.probabilities, strict=True), key=lambda pair: -pair[1])
            text, finish = top[0][0], "length"
        else:
            got = provider.connection.chat(provider.shaped(request))
            text, finish = provider.worded(got.text, request)
        said = dialect.write(served, text, finish, got.usage, top=top)
        if isinstance(text, dict):
            said["choices"][0]["message"] = text
        if kind == "no_text":
            said = dialect.write(served, "", "stop", got.usage)
        elif kind == "cut_answer" and not logprobs:
            said = dialect.write(served, text[: len(text) // 2], "length", got.usage)
        elif kind == "refusal":
            said = dialect.write(served, "", "stop", got.usage, refusal="I cannot do that.")
        elif kind == "content_filter":
            said = dialect.write(served, "", "content_filter", got.usage)
        data = json.dumps(said).encode()
        if kind == "invalid_json":
            self.raw(data[: len(data) // 2])
        elif kind == "cut_body":
            self.raw(data, sent=len(data) // 2)
        else:
            self.raw(data)

    def say(self, status, said, retry_after=None):
        self.raw(json.dumps(said).encode(), status=status, retry_after=retry_after)

    def raw(self, data, status=200, sent=None, retry_after=None):
        self.no_longer_under_way()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        if retry_after and status in (429, 529):
            self.send_header("retry-after", retry_after)
        self.end_headers()
        self.wfile.write(data[:sent])
        if sent is not None:
            self.close_connection = True

    def log_message(self, *args):
        pass


def settled(provider: Provider) -> None:
    """Wait until all that a killed client had sent is answered, and its connections are closed.

    That no request is under way does not say it: on a busy machine one may lie in a socket that
    its thread has not read, or that nobody has accepted.
    """
    quiet = 0
    while quiet < 5:
        time.sleep(0.02)
        quiet = 0 if provider.open_connections else quiet + 1


class _Server(ThreadingHTTPServer):
    # Closing waits for every thread: a connection left open is told of during some later test.
    daemon_threads = False
    request_queue_size = 64

    def __init__(self, *args):
        super().__init__(*args)
        self.connections = set()

    def process_request(self, request, client_address):
        self.connections.add(request)
        with self.provider.lock:
            self.provider.n_connections += 1
            self.provider.open_connections += 1
        super().process_request(request, client_address)

    def close_request(self, request):
        self.connections.discard(request)
        super().close_request(request)
        with self.provider.lock:
            self.provider.open_connections -= 1

    def hang_up(self):
        """End the connections that clients keep alive: no further request comes by them."""
        for connection in list(self.connections):
            with suppress(OSError):  # the client was faster
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, *args):
        pass  # a client that gave up waiting


@contextmanager
def serving(provider: Provider, certificate: Path | None = None):
    """Serve on a free port, by TLS with a certificate (and its key); gives the provider."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.provider = provider
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    scheme = "http" if certificate is None else "https"
    provider.base_url = f"{scheme}://127.0.0.1:{server.server_port}"
    try:
        yield provider
    finally:
        provider.stopped.set()
        server.shutdown()
        thread.join()
        server.hang_up()
        server.server_close()
