"""Many calls and nothing else, in a process of its own: what one costs in CPU and in memory.

    python experiments/benchmarks/throughput_parts/crowd.py stored N FOLDER
    python experiments/benchmarks/throughput_parts/crowd.py litellm|dspy|httpx N BASE_URL

`stored` sends N different requests through `StoredBackend` and a call store on disk to the
scripted backend; the others N chat completions through `litellm.completion`, through DSPy's
language model as the suite sets it up, and by one `httpx` client. All from 16 threads that keep
nothing. Prints CPU seconds and peak memory of the process, as JSON.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

__all__ = ["Used", "crowd"]

_THREADS = 16
_SCHEMA = {
    "type": "object",
    "properties": {
        "rationale": {"type": "string", "maxLength": 600},
        "score": {"enum": ["3", "2", "1"]},
    },
    "required": ["rationale", "score"],
    "additionalProperties": False,
}
_PROMPT = "Grade the notebook.\n" + "X_train, X_test = train_test_split(frame)\n" * 120


class Used(NamedTuple):
    """What a process used: seconds of CPU, and bytes of memory at its peak."""

    cpu_s: float
    peak_bytes: int


def crowd(kind: str, n_calls: int, where: str) -> Used:
    """Run one crowd of calls in a process of its own."""
    words = [sys.executable, __file__, kind, str(n_calls), where]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    return Used(*json.loads(done.stdout.splitlines()[-1]))


def _everyone(ask: Callable[[int], object], n_calls: int) -> None:
    numbers = iter(range(n_calls))  # next() of one iterator is safe among threads

    def work() -> None:
        for number in numbers:
            ask(number)

    with ThreadPoolExecutor(_THREADS) as pool:
        for future in [pool.submit(work) for _ in range(_THREADS)]:
            future.result()


def _stored(n_calls: int, folder: str) -> None:
    from memalign_bench.backends.base import ChatRequest, Message
    from memalign_bench.backends.simulated.scripted_judge import Scripted
    from memalign_bench.backends.store.call_store import CallStore
    from memalign_bench.backends.store.stored_backend import StoredBackend

    path = Path(folder) / f"calls-{n_calls}.sqlite"
    spec = Scripted(max_concurrency=_THREADS)
    with CallStore(path, "run") as store, StoredBackend(spec, store) as backend:

        def ask(number: int) -> None:
            messages = (Message("user", f"{_PROMPT}\n{number}"),)
            backend.chat(ChatRequest(messages, 512, schema=_SCHEMA))

        _everyone(ask, n_calls)
        assert store.count() == n_calls


def _litellm(n_calls: int, base_url: str) -> None:
    import litellm

    form = {"type": "json_schema", "json_schema": {"name": "answer", "schema": _SCHEMA}}

    def ask(number: int) -> None:
        litellm.completion(
            "openai/loopback",
            [{"role": "user", "content": f"{_PROMPT}\n{number}"}],
            api_base=base_url,
            api_key="none",
            response_format=form,
        )

    _everyone(ask, n_calls)


def _dspy(n_calls: int, base_url: str) -> None:
    import dspy

    from memalign_bench.backends.base import ChatRequest, Message
    from memalign_bench.backends.http.dspy_client import (
        chat_config,
        language_model,
        text_of,
        typed_request,
    )

    lm = language_model(base_url, "loopback", 60, None)

    def ask(number: int) -> None:
        request = ChatRequest((Message("user", f"{_PROMPT}\n{number}"),), 512, schema=_SCHEMA)
        with dspy.context(disable_history=True):
            text_of(lm(typed_request(lm.model, request.messages, chat_config(request), {})))

    _everyone(ask, n_calls)


def _httpx(n_calls: int, base_url: str) -> None:
    import httpx

    form = {"type": "json_schema", "json_schema": {"name": "answer", "schema": _SCHEMA}}
    with httpx.Client(timeout=60) as client:

        def ask(number: int) -> None:
            messages = [{"role": "user", "content": f"{_PROMPT}\n{number}"}]
            body = {"model": "loopback", "messages": messages, "response_format": form}
            answer = client.post(f"{base_url}/chat/completions", json=body).json()
            assert answer["choices"][0]["message"]["content"]

        _everyone(ask, n_calls)


if __name__ == "__main__":
    kinds = {"stored": _stored, "litellm": _litellm, "dspy": _dspy, "httpx": _httpx}
    kinds[sys.argv[1]](int(sys.argv[2]), sys.argv[3])
    used = resource.getrusage(resource.RUSAGE_SELF)
    sys.stdout.write(f"{json.dumps([used.ru_utime + used.ru_stime, used.ru_maxrss * 1024])}\n")
