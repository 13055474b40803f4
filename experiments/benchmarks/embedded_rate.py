"""How much of the embedded model's speed the suite keeps.

Takes grade requests of a finished study out of its call store and sends them again, three ways,
each to a fresh server in this process:

  suite     as a run does: judge threads, call store, DSPy, the repeatable prefix protocol
  direct    the same requests in the same order (bare prefixes included), straight over HTTP
  careless  each item's request alone, with llama.cpp's own prefix cache: not repeatable

and prints prompt tokens a second (all tokens sent, repeats of prefixes included), the ratio of
suite to direct (aim: 0.9), and the share of prompt tokens that the prefix cache served.

    .venv/bin/python experiments/benchmarks/embedded_rate.py results/quick/calls.sqlite 60
"""

from __future__ import annotations

import json
import sqlite3
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import httpx

from memalign_bench.backends.base import GradeRequest, Message
from memalign_bench.backends.http.llamacpp import LlamaCppServer, exact_parameters
from memalign_bench.backends.local.server import ALIAS, serve
from memalign_bench.backends.local.weights_cache import require_weights
from memalign_bench.backends.store.call_store import CallStore
from memalign_bench.backends.store.stored_backend import StoredBackend
from memalign_bench.config import build, composed


class Rate(NamedTuple):
    seconds: float
    sent: int
    cached: int


def stored_requests(path: str, count: int) -> list[GradeRequest]:
    """The first `count` grade requests in the order in which a study sent them."""
    with sqlite3.connect(path) as calls:
        texts = calls.execute("SELECT request FROM calls ORDER BY rowid").fetchall()
    records = [json.loads(text)["request"] for (text,) in texts]
    grades = [record for record in records if record["kind"] == "grade"][:count]
    return [
        GradeRequest(
            tuple(Message(**message) for message in record["messages"]), tuple(record["options"])
        )
        for record in grades
    ]


def suite(spec: Any, requests: list[GradeRequest]) -> Rate:
    with StoredBackend(spec, CallStore()) as backend, ThreadPoolExecutor(8) as pool:
        backend.grade(warm_up(requests[0]))
        began = time.perf_counter()
        answers = list(pool.map(backend.grade, requests))
        seconds = time.perf_counter() - began
    return Rate(
        seconds,
        sum(answer.usage.prompt_tokens for answer in answers),
        sum(answer.usage.cached_tokens for answer in answers),
    )


def warm_up(request: GradeRequest) -> GradeRequest:
    """A short request that loads libraries and is in nobody's measurement."""
    return GradeRequest((Message("user", "Ready?"), request.messages[-1]), request.options)


def direct(spec: Any, requests: list[GradeRequest], *, careless: bool) -> Rate:
    server = serve(require_weights(spec.weights), spec.context, spec.threads)
    root = server.listening_address
    routes = LlamaCppServer(root, 600.0)
    held, sent, cached = "", 0, 0
    with httpx.Client(base_url=root, timeout=600.0) as http:
        ask(http, routes, warm_up(requests[0]))
        began = time.perf_counter()
        for request in requests:
            if not careless:
                prefix = shared_beginning(routes, request)
                if prefix != held:
                    routes.read_prefix(prefix, cached=False)
                routes.read_prefix(prefix, cached=True)
                held = prefix
            answer = ask(http, routes, request)
            sent += answer["usage"]["prompt_tokens"]
            cached += answer["timings"]["cache_n"]
        seconds = time.perf_counter() - began
    routes.close()
    return Rate(seconds, sent, cached)


def shared_beginning(routes: LlamaCppServer, request: GradeRequest) -> str:
    system = [message for message in request.messages if message.role == "system"]
    one, other = (routes.apply_template([*system, Message("user", text)]) for text in "AZ")
    end = next(place for place, (a, b) in enumerate(zip(one, other, strict=False)) if a != b)
    return one[:end]


def ask(http: httpx.Client, routes: LlamaCppServer, request: GradeRequest) -> Any:
    tokens = routes.option_tokens(request.options, request.messages[-1].content)
    body = {
        "model": ALIAS,
        "messages": [{"role": m.role, "content": m.content} for m in request.messages],
        "max_tokens": 1,
        "temperature": 1.0,
        "top_p": 1.0,
        "logprobs": True,
        "top_logprobs": len(tokens),
        "cache_prompt": True,
        **exact_parameters(tokens),
    }
    answer = http.post("/v1/chat/completions", json=body)
    answer.raise_for_status()
    return answer.json()


def main(path: str, count: int, backend: str = "embedded") -> None:
    job = composed("run", [f"backend={backend}"])
    spec = build(job.cfg, job.choices).backend
    requests = stored_requests(path, count)
    print(f"{len(requests)} grade requests, {backend}")
    ways = {
        "direct": direct(spec, requests, careless=False),
        "suite": suite(spec, requests),
        "careless": direct(spec, requests, careless=True),
    }
    for name, found in ways.items():
        print(
            f"{name:9} {found.seconds:7.1f} s  {found.sent / found.seconds:6.0f} prompt tokens/s"
            f"  {found.cached / found.sent:.0%} of them from the prefix cache"
        )
    print(f"suite / direct   {ways['direct'].seconds / ways['suite'].seconds:.2f}")
    print(f"suite / careless {ways['careless'].seconds / ways['suite'].seconds:.2f}")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), *sys.argv[3:4])
