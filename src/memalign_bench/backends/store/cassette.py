"""A study's calls as one file that others replay: one call a line, sorted, nothing else.

A line holds the call's key, what was asked (which the key is the hash of), what was answered with
its usage, and the model as served. Where texts are private, what was asked is left out, and calls
that were answered with text as well.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, NamedTuple

from memalign_bench.backends.store.call_store import StoredCall, call_key, canonical_json
from memalign_bench.errors import DataError, RequestError
from memalign_bench.types import Usage

__all__ = ["LARGEST", "CassetteFile", "check_answers", "read_cassette", "write_cassette"]

LARGEST = 5_000_000
"""Bytes of a cassette that is kept as it is; a larger one is compressed, and no matter for git."""

_NUMERIC_ANSWERS = ("probabilities", "vector")
_FIELDS = frozenset({"key", "request", "answer", "model"})
_COUNTS = frozenset(field.name for field in fields(Usage))


class CassetteFile(NamedTuple):
    """A cassette that was written.

    Attributes:
        path: The file; its name ends in `.gz` where it was compressed.
        n_calls: Calls in it.
        n_private: Calls left out because they hold private text.
        n_bytes: Size of the file.
    """

    path: Path
    n_calls: int
    n_private: int
    n_bytes: int


def write_cassette(
    path: Path, calls: Iterable[StoredCall], *, private: bool = False
) -> CassetteFile:
    """Write calls, sorted by key; the same bytes for the same calls.

    Args:
        path: The file (`cassette.jsonl`); above 5 MB it is written compressed, with `.gz` added.
        calls: What to write.
        private: Whether texts must not be told: then only numbers are written.
    """
    lines, n_private = [], 0
    for call in sorted(calls, key=lambda call: call.key):
        # Probabilities and vectors tell no sentence; generated text might.
        if private and not any(name in call.answer for name in _NUMERIC_ANSWERS):
            n_private += 1
            continue
        line: dict[str, Any] = {"key": call.key, "answer": call.answer, "model": call.model}
        lines.append(canonical_json(line if private else {**line, "request": call.request}))
    data = "".join(f"{line}\n" for line in lines).encode()
    compressed_path = path.with_name(f"{path.name}.gz")
    path.parent.mkdir(parents=True, exist_ok=True)
    other_path = compressed_path
    if len(data) > LARGEST:
        # No time stamp: the same calls give the same bytes.
        path, other_path, data = compressed_path, path, gzip.compress(data, mtime=0)
    # Renamed when complete, so that nobody reads a part.
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_bytes(data)
    temporary.replace(path)
    other_path.unlink(missing_ok=True)  # an older export of the other size
    return CassetteFile(path, len(lines), n_private, len(data))


def read_cassette(path: Path) -> list[StoredCall]:
    """Read and check a cassette, compressed or not.

    Raises:
        RequestError: If there is no such file.
        DataError: If lines are no calls, or a key is not the hash of what was asked; every problem.
    """
    compressed_path = path.with_name(f"{path.name}.gz")
    existing = path if path.is_file() else compressed_path
    if not existing.is_file():
        raise RequestError(f"no cassette at {path}; name one with path=FILE.")
    problems: list[str] = []
    calls = list(_read_calls(existing, problems))
    if problems:
        raise DataError(str(existing), problems)
    return calls


def check_answers(calls: Iterable[StoredCall]) -> None:
    """Refuse answers that a replay could not read.

    Raises:
        DataError: With the key of each.
    """
    problems = [
        f"call {call.key[:12]}: its answer is none: a text with its finish, probabilities with"
        " their mass, or a vector, and the usage beside it; export it again."
        for call in calls
        if not _is_answer(call.answer)
    ]
    if problems:
        raise DataError("cassette", problems)


def _read_calls(path: Path, problems: list[str]) -> Iterator[StoredCall]:
    """The calls of a file; problems are added to the list."""
    try:
        raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        # Not `splitlines`: a text inside may hold what it takes for a line's end (U+2028).
        lines = [line for line in raw.decode().split("\n") if line]
    except (OSError, EOFError, UnicodeDecodeError) as error:
        problems.append(f"cannot be read ({error}); export it again.")
        return
    seen: set[str] = set()
    for number, line in enumerate(lines, 1):
        try:
            call = _parse_call(json.loads(line))
        except (ValueError, TypeError, RecursionError) as error:
            problems.append(f"line {number}: {error}")
            continue
        if call.key in seen:
            problems.append(f"line {number}: call {call.key[:12]} stands there twice.")
        seen.add(call.key)
        yield call


def _parse_call(line: Any) -> StoredCall:
    """A line of a cassette as a call; raises ValueError where it is none."""
    # The request alone may be missing, where texts are private.
    if not isinstance(line, dict) or not {"key", "answer", "model"} <= set(line) <= _FIELDS:
        raise ValueError(f"a call has the fields {', '.join(sorted(_FIELDS))}.")
    request = line.get("request")
    if request is not None and call_key(request) != line["key"]:
        raise ValueError(f"key {str(line['key'])[:12]!r} is not the hash of what was asked.")
    if not isinstance(line["answer"], dict):
        raise ValueError("the answer is no object.")
    return StoredCall(str(line["key"]), request, line["answer"], str(line["model"]))


def _is_answer(answer: Mapping[str, Any]) -> bool:
    """Whether an answer is of the form in which `StoredBackend` stores those of a kind of call.

    >>> _is_answer({"vector": [0.5, 1], "usage": {"prompt_tokens": 3}}), _is_answer({"text": 5})
    (True, False)
    """
    usage = answer.get("usage")
    if not isinstance(usage, dict):
        return False
    # What a call cost may be unknown.
    counts = [count for count in usage.values() if count is not None]
    if not (set(usage) <= _COUNTS and _are_numbers(counts)):
        return False
    if "text" in answer:
        return isinstance(answer["text"], str) and isinstance(answer.get("finish"), str)
    if "probabilities" in answer:
        return _are_numbers(answer["probabilities"]) and _are_numbers([answer.get("mass")])
    return _are_numbers(answer.get("vector"))


def _are_numbers(values: Any) -> bool:
    return isinstance(values, list) and all(type(value) in (int, float) for value in values)
