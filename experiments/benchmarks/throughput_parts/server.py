"""A loopback OpenAI-compatible server with set latency, in a process of its own.

    python experiments/benchmarks/throughput_parts/server.py LATENCY_S

One event loop and no framework, so that sixteen calls that wait cost nothing. It prints its port,
answers whatever JSON schema it is given (verdicts, guidelines, MLflow's judges) and embeddings, and
tells at `/log` when each call came and what it was, on the clock that all processes share.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any

import httpx

from memalign_bench.backends.simulated.schema_filling import fill, options_of

__all__ = ["Call", "Served", "serving"]

_WIDTH = 512
_SOURCE = re.compile(r"^## Feedback (\S+)", re.M)


@dataclass(frozen=True)
class Call:
    """One call as the server saw it: `judge`, `distil` or `embed`, and seconds by `monotonic`."""

    kind: str
    came: float
    answered: float


@dataclass
class Served:
    """A server that runs."""

    base_url: str
    latency_s: float

    def log(self) -> list[Call]:
        """Calls since the last time this was asked."""
        entries = httpx.get(f"{self.base_url}/log", timeout=30).json()
        return [Call(*entry) for entry in entries]


@contextmanager
def serving(latency_s: float) -> Iterator[Served]:
    """Start a server in a process of its own; it ends with the block."""
    with Popen([sys.executable, str(Path(__file__)), str(latency_s)], stdout=PIPE) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        try:
            yield Served(f"http://127.0.0.1:{port}/v1", latency_s)
        finally:
            process.terminate()


@dataclass
class _Server:
    latency_s: float
    log: list[tuple[str, float, float]] = field(default_factory=list)

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while (request := await _read(reader)) is not None:
                path, body = request
                writer.write(_response(await self.answered(path, body)))
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # a client that left
        finally:
            writer.close()

    async def answered(self, path: str, body: bytes) -> Any:
        came = time.monotonic()
        if path.endswith("/log"):
            told, self.log = self.log, []
            return told
        asked = json.loads(body or b"{}")
        if path.endswith("/embeddings"):
            kind, answer = "embed", _embeddings(asked)
        elif path.endswith("/chat/completions"):
            kind, answer = _completion(asked)
        else:
            return None
        await asyncio.sleep(came + self.latency_s - time.monotonic())
        self.log.append((kind, came, time.monotonic()))
        return answer


async def _read(reader: asyncio.StreamReader) -> tuple[str, bytes] | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.split("\r\n")
    length = next(
        (int(line[15:]) for line in lines if line.lower().startswith("content-length:")), 0
    )
    return first.split(" ")[1], await reader.readexactly(length)


def _response(answer: Any) -> bytes:
    status = "404 Not Found" if answer is None else "200 OK"
    data = json.dumps(answer).encode()
    head = f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {len(data)}"
    return f"{head}\r\n\r\n".encode() + data


def _completion(asked: dict[str, Any]) -> tuple[str, Any]:
    prompt = "\n".join(_text(message["content"]) for message in asked["messages"])
    digest = hashlib.sha256(prompt.encode()).digest()
    schema = (asked.get("response_format") or {}).get("json_schema", {}).get("schema", {})
    kind = "distil" if "guidelines" in schema.get("properties", {}) else "judge"
    text = json.dumps(fill(schema, _values(schema, prompt, digest)))
    usage = {"prompt_tokens": len(prompt) // 4, "completion_tokens": len(text) // 4}
    usage["total_tokens"] = sum(usage.values())
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": text},
        "finish_reason": "stop",
    }
    return kind, {
        "id": f"chatcmpl-{digest.hex()[:12]}",
        "object": "chat.completion",
        "created": 1,
        "model": asked["model"],
        "choices": [choice],
        "usage": usage,
    }


def _values(schema: dict[str, Any], prompt: str, digest: bytes) -> dict[str, Any]:
    """What fills any of the schemas; the grade hangs on the prompt."""
    grades = options_of(schema, "score") or options_of(schema, "result") or ["1", "2", "3"]
    grade = grades[digest[0] % len(grades)]
    sources = _SOURCE.findall(prompt)[:3] or ["0"]
    guidelines = [
        {
            "text": f"Guideline {digest.hex()[: 4 + number]}: look at how the cells do it.",
            "grade": str(number % 3 + 1),
            "sources": sources,
            "source_trace_ids": ["0", "1"],
        }
        for number in range(4)
    ]
    why = "Judged by the rubric and by what it was shown, as any judge would."
    return {"score": grade, "result": grade, "rationale": why, "guidelines": guidelines}


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "".join(part.get("text", "") for part in content)


def _embeddings(asked: dict[str, Any]) -> Any:
    texts = [asked["input"]] if isinstance(asked["input"], str) else asked["input"]
    width = int(asked.get("dimensions") or _WIDTH)
    rows = []
    for at, text in enumerate(texts):
        digest = hashlib.sha256(str(text).encode()).digest()
        vector = [digest[place % 32] / 255 - 0.5 for place in range(width)]
        rows.append({"object": "embedding", "index": at, "embedding": vector})
    usage = {"prompt_tokens": 1, "total_tokens": 1}
    return {"object": "list", "data": rows, "model": asked["model"], "usage": usage}


async def _serve(latency_s: float) -> None:
    served = await asyncio.start_server(
        _Server(latency_s).connected, "127.0.0.1", 0, limit=1 << 22, backlog=256
    )
    sys.stdout.write(f"{served.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await served.serve_forever()


if __name__ == "__main__":
    try:
        asyncio.run(_serve(float(sys.argv[1])))
    except KeyboardInterrupt:
        sys.exit(130)
