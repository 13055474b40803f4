"""Follows a sandbox from outside: reads what it tells, counts what it uses, ends all of it."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any

from memalign_bench.errors import BackendError
from memalign_bench.loop.records import MADE, OVER_LIMIT, TIMED_OUT
from memalign_bench.loop.sandbox.base import Execution, Limits
from memalign_bench.notebooks.terminal import plain_text

if TYPE_CHECKING:
    import psutil

__all__ = ["executed", "job_of", "kill_all"]

MB = 1_000_000
STARTUP_S = 120
_LOOK_EVERY_S = 0.2


def job_of(
    notebook: Mapping[str, Any], limits: Limits, folder: str, *, die_with_parent: bool = False
) -> dict[str, Any]:
    """What `inside.py` is told on its standard input."""
    return {
        "notebook": notebook,
        "folder": folder,
        "startup_s": STARTUP_S,
        "output_bytes": limits.output_mb * MB,
        "die_with_parent": die_with_parent,
        "parent": os.getpid(),
        "limits": {
            "RLIMIT_AS": limits.memory_mb * MB,
            "RLIMIT_FSIZE": limits.file_mb * MB,
            "RLIMIT_NPROC": limits.processes,
            "RLIMIT_CORE": 0,
        },
    }


@dataclass
class _Watch:
    """One notebook under way."""

    notebook: Mapping[str, Any]
    limits: Limits
    began: float = field(default_factory=time.monotonic)
    began_cells: float | None = None
    cell: int | None = None
    room: int = 0
    end: Mapping[str, Any] | None = None
    status: str = MADE
    stopped: str = ""

    def __post_init__(self) -> None:
        # What it tells is its outputs once more, as JSON.
        self.room = 4 * self.limits.output_mb * MB
        self.cells = [dict(cell) for cell in self.notebook["cells"]]

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.began

    def hear(self, line: bytes) -> None:
        """Take in one line; whatever it is, since a notebook may have forged it."""
        try:
            said = _told(line)
            if isinstance(said.get("end"), dict):
                self.end = said["end"]
                self.cell = self.cell if self.end.get("error") else None
            elif 0 <= int(said["cell"]) < len(self.cells):
                self.began_cells = self.began_cells or time.monotonic()
                self.cell = int(said["cell"])
                cell = self.cells[self.cell]
                if said.get("done") and cell["cell_type"] == "code":
                    cell["outputs"] = [dict(output) for output in said["outputs"]]
                    cell["execution_count"] = said["count"]
        except (ValueError, KeyError, TypeError, AttributeError):
            self.stop(OVER_LIMIT, "the notebook interfered with its sandbox")

    def stop(self, status: str, why: str) -> None:
        if not self.stopped:
            self.status, self.stopped = status, why

    def look(self, processes: Sequence[psutil.Process]) -> None:
        """Hold what it uses against its limits."""
        since = self.began_cells or self.began + STARTUP_S
        if time.monotonic() > since + self.limits.seconds:
            self.stop(TIMED_OUT, f"stopped after {self.limits.seconds:g} s (limits.seconds)")
        if len(processes) > self.limits.processes:
            self.stop(OVER_LIMIT, f"over {self.limits.processes} processes (limits.processes)")
        if self.stopped:  # a fork bomb grows while its memory is counted
            return
        most = self.limits.memory_mb * MB
        # What forked processes share counts once; that takes longer to find out.
        if sum(map(_memory, processes)) > most < sum(map(_own_memory, processes)):
            self.stop(OVER_LIMIT, f"over {self.limits.memory_mb} MB of memory (limits.memory_mb)")


def executed(
    command: Sequence[str],
    job: Mapping[str, Any],
    limits: Limits,
    *,
    environment: Mapping[str, str] | None = None,
    end: Callable[[], None] = lambda: None,
    namespaced: bool = False,
) -> Execution:
    """Run a command that runs `inside.py`, and follow it to its end.

    Args:
        command: The command; it and all that it starts are killed at the end, whatever happened.
        job: What it is told.
        limits: What the notebook may use.
        environment: Its environment variables; None for none.
        end: What else ends it (`docker kill`).
        namespaced: Whether killing the command alone ends all that it started.

    Raises:
        BackendError: If it ends before the first cell begins: nothing can be executed here.
    """
    watch = _Watch(job["notebook"], limits)
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=dict(environment or {}),
        start_new_session=True,
    )
    assert process.stdin
    assert process.stdout
    assert process.stderr
    try:
        with suppress(BrokenPipeError), process.stdin:
            process.stdin.write(json.dumps(job).encode())
        for line in _lines(process.stdout, watch, process.pid):
            watch.hear(line)
            if watch.stopped or watch.end is not None:
                break
    finally:
        kill_all(process, namespaced=namespaced)
        end()
        said = process.stderr.read(2000).decode("utf-8", "replace").strip()
        process.stdout.close()
        process.stderr.close()
    end_error = "" if watch.end is None else str(watch.end.get("error", ""))
    if watch.cell is None and not watch.stopped and (watch.end is None or end_error):
        said = end_error or said
        raise BackendError(
            f"the sandbox ended before the first cell ({said or f'exit code {process.returncode}'})"
            "; memalign-bench doctor says what is missing here."
        )
    return _execution(watch)


def _lines(stream: IO[bytes], watch: _Watch, pid: int) -> Iterator[bytes]:
    """Lines as they come; looks at the process's use between them; ends where it is stopped."""
    held, looked = b"", 0.0
    while True:
        ready, _, _ = select.select([stream], [], [], _LOOK_EVERY_S)
        if time.monotonic() - looked > _LOOK_EVERY_S:
            watch.look(_descendants(pid))
            looked = time.monotonic()
        if watch.stopped:
            return
        if not ready:
            continue
        chunk = os.read(stream.fileno(), 1 << 16)
        if not chunk:
            return
        watch.room -= len(chunk)
        if watch.room < 0:
            watch.stop(
                OVER_LIMIT, f"over {watch.limits.output_mb} MB of outputs (limits.output_mb)"
            )
            return
        *lines, held = (held + chunk).split(b"\n")
        yield from lines


def _memory(process: psutil.Process) -> int:
    """A process's memory in bytes, pages that it shares with others included."""
    import psutil

    with suppress(psutil.Error):
        return int(process.memory_info().rss)
    return 0


def _own_memory(process: psutil.Process) -> int:
    """Its memory in bytes, each shared page divided among those that share it."""
    import psutil

    try:
        return int(process.memory_full_info().pss)
    except psutil.NoSuchProcess:
        return 0
    except psutil.Error:
        return _memory(process)


def _descendants(pid: int) -> list[psutil.Process]:
    import psutil

    with suppress(psutil.Error):
        return list(psutil.Process(pid).children(recursive=True))
    return []


def _told(line: bytes) -> Any:
    """One line as JSON that can be written again: no NaN, no half of a character."""
    said = json.loads(line, parse_constant=lambda name: None)
    if b"\\ud" not in line:
        return said
    text = json.dumps(said, ensure_ascii=False)
    return json.loads(text.encode("utf-8", "replace"))


def kill_all(process: subprocess.Popen[bytes], *, namespaced: bool = False) -> None:
    """End a command and all that it started, those that left its group among them."""
    below = [] if namespaced else [one.pid for one in _descendants(process.pid)]
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    for pid in below:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)
    process.wait()


def _execution(watch: _Watch) -> Execution:
    notebook = {**watch.notebook, "cells": watch.cells}
    end = watch.end or {}
    error, status, traceback = watch.stopped, watch.status, ""
    if not error and watch.end is None:
        error = "the notebook ended its own sandbox"
    if not error and end.get("error") not in (None, "cell"):
        error = str(end["error"])
        status = OVER_LIMIT
    failed = watch.cell
    if error and failed is not None:
        _mark(watch.cells[failed], error)
    if end.get("error") == "cell" and failed is not None:
        last = _error_of(watch.cells[failed])
        error = plain_text(f"{last.get('ename')}: {last.get('evalue')}")
        traceback = plain_text("\n".join(map(str, last.get("traceback", ()))))
    return Execution(
        notebook,
        status,
        executed=not error,
        error=error,
        failed_cell=failed if error else None,
        traceback=traceback or error,
        seconds=watch.seconds,
    )


def _error_of(cell: Mapping[str, Any]) -> Mapping[str, Any]:
    found = [one for one in cell.get("outputs", ()) if one.get("output_type") == "error"]
    return found[-1] if found else {"ename": "Error", "evalue": "", "traceback": []}


def _mark(cell: dict[str, Any], why: str) -> None:
    """Say in the notebook itself why a cell has no end."""
    if cell["cell_type"] == "code":
        told = {"output_type": "error", "ename": "Stopped", "evalue": why, "traceback": [why]}
        cell["outputs"] = [*cell.get("outputs", ()), told]
