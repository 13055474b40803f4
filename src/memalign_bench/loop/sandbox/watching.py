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

__all__ = ["kill_all", "run_and_watch", "sandbox_job"]

MB = 1_000_000
STARTUP_S = 120
_CHECK_EVERY_S = 0.2


def sandbox_job(
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
    bytes_left: int = 0
    end: Mapping[str, Any] | None = None
    status: str = MADE
    stopped: str = ""

    def __post_init__(self) -> None:
        # Each output comes as JSON, which takes more bytes than the output itself.
        self.bytes_left = 4 * self.limits.output_mb * MB
        self.cells = [dict(cell) for cell in self.notebook["cells"]]

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.began

    def handle_line(self, line: bytes) -> None:
        """Take in one line; it may be anything, since a notebook can forge lines."""
        try:
            message = _parse_line(line)
            if isinstance(message.get("end"), dict):
                self.end = message["end"]
                self.cell = self.cell if self.end.get("error") else None
            elif 0 <= int(message["cell"]) < len(self.cells):
                self.began_cells = self.began_cells or time.monotonic()
                self.cell = int(message["cell"])
                cell = self.cells[self.cell]
                if message.get("done") and cell["cell_type"] == "code":
                    # `dict` raises where a forged line holds something else than objects.
                    cell["outputs"] = [dict(output) for output in message["outputs"]]
                    cell["execution_count"] = message["count"]
        except (ValueError, KeyError, TypeError, AttributeError):
            self.stop(OVER_LIMIT, "the notebook interfered with its sandbox")

    def stop(self, status: str, why: str) -> None:
        # The first reason stands.
        if not self.stopped:
            self.status, self.stopped = status, why

    def check_limits(self, processes: Sequence[psutil.Process]) -> None:
        """Hold what it uses against its limits."""
        # Until the first cell begins, starting Python has its own allowance.
        began = self.began_cells or self.began + STARTUP_S
        if time.monotonic() > began + self.limits.seconds:
            self.stop(TIMED_OUT, f"stopped after {self.limits.seconds:g} s (limits.seconds)")
        if len(processes) > self.limits.processes:
            self.stop(OVER_LIMIT, f"over {self.limits.processes} processes (limits.processes)")
        if self.stopped:  # a fork bomb grows while its memory is counted
            return
        max_bytes = self.limits.memory_mb * MB
        # What forked processes share counts once; that takes longer to find out.
        if sum(map(_memory, processes)) > max_bytes < sum(map(_own_memory, processes)):
            self.stop(OVER_LIMIT, f"over {self.limits.memory_mb} MB of memory (limits.memory_mb)")


def run_and_watch(
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
    # Start it, in a group of its own.
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
        # A command that fails at once reads nothing; its exit says more.
        with suppress(BrokenPipeError), process.stdin:
            process.stdin.write(json.dumps(job).encode())
        for line in _read_lines(process.stdout, watch, process.pid):
            watch.handle_line(line)
            if watch.stopped or watch.end is not None:
                break
    finally:
        # Whatever happened, nothing it started outlives it.
        kill_all(process, namespaced=namespaced)
        end()
        message = process.stderr.read(2000).decode("utf-8", "replace").strip()
        process.stdout.close()
        process.stderr.close()
    end_error = "" if watch.end is None else str(watch.end.get("error", ""))
    # No cell began: that is the machine's fault, not the notebook's.
    if watch.cell is None and not watch.stopped and (watch.end is None or end_error):
        reason = end_error or message or f"exit code {process.returncode}"
        raise BackendError(
            f"the sandbox ended before the first cell ({reason})"
            "; memalign-bench doctor says what is missing here."
        )
    return _to_execution(watch)


def _read_lines(stream: IO[bytes], watch: _Watch, pid: int) -> Iterator[bytes]:
    """Lines as they come; looks at the process's use between them; ends where it is stopped."""
    rest, checked_at = b"", 0.0
    while True:
        # A wait with a limit: a silent notebook is still held against its limits.
        ready, _, _ = select.select([stream], [], [], _CHECK_EVERY_S)
        if time.monotonic() - checked_at > _CHECK_EVERY_S:
            watch.check_limits(_descendants(pid))
            checked_at = time.monotonic()
        if watch.stopped:
            return
        if not ready:
            continue
        # Past the stream's own buffer, of which `select` knows nothing.
        chunk = os.read(stream.fileno(), 1 << 16)
        if not chunk:
            return
        watch.bytes_left -= len(chunk)
        if watch.bytes_left < 0:
            watch.stop(
                OVER_LIMIT, f"over {watch.limits.output_mb} MB of outputs (limits.output_mb)"
            )
            return
        # The last piece is no whole line yet.
        *lines, rest = (rest + chunk).split(b"\n")
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


def _parse_line(line: bytes) -> Any:
    """One line as JSON that can be written again: no NaN, no lone surrogate."""
    # Python's json writes NaN and Infinity, which JSON does not know.
    value = json.loads(line, parse_constant=lambda name: None)
    # Only an escape can make a lone surrogate; most lines have none and are not parsed twice.
    if b"\\ud" not in line:
        return value
    text = json.dumps(value, ensure_ascii=False)
    return json.loads(text.encode("utf-8", "replace"))


def kill_all(process: subprocess.Popen[bytes], *, namespaced: bool = False) -> None:
    """End a command and all that it started, those that left its group among them."""
    # Before the group is killed: orphans are no longer anyone's children.
    descendants = [] if namespaced else [child.pid for child in _descendants(process.pid)]
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    for pid in descendants:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)
    process.wait()


def _to_execution(watch: _Watch) -> Execution:
    notebook = {**watch.notebook, "cells": watch.cells}
    end = watch.end or {}
    # Stopped from outside, ended by itself, or ended with an error, in this order.
    error, status, traceback = watch.stopped, watch.status, ""
    if not error and watch.end is None:
        # The stream was closed without a last line.
        error = "the notebook ended its own sandbox"
    if not error and end.get("error") not in (None, "cell"):
        error = str(end["error"])
        status = OVER_LIMIT
    failed = watch.cell
    if error and failed is not None:
        _add_stop_error(watch.cells[failed], error)
    if end.get("error") == "cell" and failed is not None:
        last = _last_error(watch.cells[failed])
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


def _last_error(cell: Mapping[str, Any]) -> Mapping[str, Any]:
    errors = [output for output in cell.get("outputs", ()) if output.get("output_type") == "error"]
    return errors[-1] if errors else {"ename": "Error", "evalue": "", "traceback": []}


def _add_stop_error(cell: dict[str, Any], why: str) -> None:
    """Record in the notebook itself why a cell was stopped."""
    if cell["cell_type"] == "code":
        error = {"output_type": "error", "ename": "Stopped", "evalue": why, "traceback": [why]}
        cell["outputs"] = [*cell.get("outputs", ()), error]
