"""What an endpoint can do: declared where it is known, and found out by asking where it is not."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, NamedTuple
from urllib.parse import urlsplit

from memalign_bench.backends.base import (
    BackendSpec,
    ChatRequest,
    Connection,
    GradeRequest,
)
from memalign_bench.backends.cache import cache_dir
from memalign_bench.backends.proxies import ask_directly
from memalign_bench.backends.store.call_store import call_key
from memalign_bench.errors import MemalignError

__all__ = ["Probe", "Questions", "answers_at", "load_probe", "probe"]

Ability = Literal["yes", "no", "unknown"]


class Questions(NamedTuple):
    """What an endpoint is asked: the requests of a run.

    Attributes:
        verdict: A written verdict, by its schema.
        repair: The same after an answer that could not be used.
        grade: Probabilities of the grades.
        problem_of: What is wrong with an answer to the first two; "" where it is as asked for.
    """

    verdict: ChatRequest
    repair: ChatRequest
    grade: GradeRequest
    problem_of: Callable[[str], str]


@dataclass(frozen=True)
class Probe:
    """What an endpoint showed when it was asked.

    Attributes:
        structured_output: Whether an answer followed its schema.
        logprobs: Whether probabilities of grades can be had.
        repeats: Whether the same request, sent twice, was answered alike.
        prefix_cache: Whether the second sending read tokens from a cache.
        model: The model as served.
        latency_s: Seconds that the first answer took.
        prompt_tokens: Tokens that the probe read, all calls together.
        completion_tokens: Tokens that it had generated.
        problems: What went wrong, in words.
        asked_at: When, in seconds since 1970.
    """

    structured_output: Ability
    logprobs: Ability
    repeats: Ability
    prefix_cache: Ability
    model: str
    latency_s: float
    prompt_tokens: int
    completion_tokens: int
    problems: tuple[str, ...]
    asked_at: float


def probe(spec: BackendSpec, questions: Questions) -> Probe:
    """Ask an endpoint four short questions, and remember the findings where the cache lets it.

    Raises:
        BackendError: If it cannot be reached or asked at all.
    """
    connection = spec.connect()
    try:
        findings = _ask_questions(connection, questions)
    finally:
        connection.close()
    path = _probe_path(spec)
    # What was asked was paid for, and is told whether it can be remembered or not.
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(findings), indent=2) + "\n", encoding="utf-8")
    return findings


def load_probe(spec: BackendSpec) -> Probe | None:
    """The findings of an earlier probe of this endpoint and model; None if there was none.

    A file that cannot be read, is damaged or of another version, counts as none.
    """
    try:
        findings = json.loads(_probe_path(spec).read_text(encoding="utf-8"))
        return Probe(**{**findings, "problems": tuple(findings["problems"])})
    # No file, no JSON, no mapping, a field that is missing or not known here.
    except (OSError, ValueError, KeyError, TypeError):
        return None


def answers_at(address: str, timeout_s: float = 1.0) -> bool:
    """Whether anything answers at an address (a plain GET; any status will do)."""
    import httpx

    ask_directly(address)
    try:
        httpx.get(address, timeout=timeout_s)
    except httpx.HTTPError:
        return False
    return bool(urlsplit(address).hostname)


def _probe_path(spec: BackendSpec) -> Path:
    """The file that keeps what was found of an endpoint and model."""
    # By the identity, so that another limit, price or timeout does not hide what was found.
    return cache_dir() / "probes" / f"{call_key(spec.identity())[:16]}.json"


def _ask_questions(connection: Connection, questions: Questions) -> Probe:
    """Ask the questions and say what the endpoint can do."""
    problems: list[str] = []
    start = time.perf_counter()
    first = connection.chat(questions.verdict)
    latency = time.perf_counter() - start
    # The same once more: does it repeat itself, does it cache what it read?
    second = connection.chat(questions.verdict)
    usages = [first.usage, second.usage]
    problem = questions.problem_of(first.text)
    problems += [problem] if problem else []
    if first.finish == "length":
        limit = questions.verdict.max_tokens
        problems.append(f"an answer took more than {limit} tokens; a run asks again with more.")
    # What a run may need besides: a second question, and probabilities.
    # Errors are findings from here on: that the endpoint can be asked is known.
    logprobs: Ability = "yes"
    try:
        usages.append(connection.chat(questions.repair).usage)
    except MemalignError as error:
        problems.append(f"an answer could not be asked for again, after a bad one: {error}")
    try:
        usages.append(connection.grade(questions.grade).usage)
    except MemalignError as error:
        logprobs = "no"
        problems.append(str(error))
    # Last: refusals of the questions above are what fills the notes.
    problems += connection.notes()
    return Probe(
        structured_output=_yes_or_no(not problem),
        logprobs=logprobs,
        repeats=_yes_or_no(first.text == second.text),
        # A server that counts no cached tokens may cache all the same.
        prefix_cache="yes" if second.usage.cached_tokens else "unknown",
        model=first.model,
        latency_s=round(latency, 3),
        prompt_tokens=sum(usage.prompt_tokens for usage in usages),
        completion_tokens=sum(usage.completion_tokens for usage in usages),
        problems=tuple(problems),
        asked_at=time.time(),
    )


def _yes_or_no(value: bool) -> Ability:
    return "yes" if value else "no"
