"""Any agent that is a program: it gets a case as JSON and a folder, and leaves a notebook there."""

from __future__ import annotations

import json
import math
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from memalign_bench.errors import RequestError
from memalign_bench.loop.agents.base import Author, Draft, Needs, Order
from memalign_bench.loop.agents.running import draft_from_notebook
from memalign_bench.loop.cases import Case
from memalign_bench.loop.records import CRASHED, NO_NOTEBOOK, TIMED_OUT
from memalign_bench.loop.sandbox.watching import kill_all
from memalign_bench.notebooks.decoding import decode
from memalign_bench.notebooks.parse import MAX_BYTES
from memalign_bench.types import Rubric, Usage

__all__ = ["CommandAgent"]

NOTEBOOK = "notebook.ipynb"
_POLL_S = 0.05
_LOG_TAIL_BYTES = 2_000


@dataclass(frozen=True)
class CommandAgent:
    """Starts a program once a notebook, with your rights and environment.

    On standard input, and in `case.json` in its working folder, it finds
    `{"case": {...}, "repeat": 0, "seed": 1, "folder": "...", "notebook": "notebook.ipynb"}`; the
    case's data files lie in that folder. It leaves one `.ipynb` there; of several the one named
    `notebook.ipynb` counts. A file `usage.json` (prompt_tokens, completion_tokens, cost_usd) tells
    what it used.

    Attributes:
        name: Name of the agent.
        command: The program and its words. A word that names a file here is made absolute.
        timeout_s: It is killed after so long, with all that it started.
        execute: Run its notebook in the sandbox; else its outputs are taken as they are.
        version: Yours of the agent: another is another run.
    """

    name: str
    command: str
    timeout_s: float = 1800
    execute: bool = True
    version: str | None = None

    @property
    def needs(self) -> Needs:
        """The cases' data, and a sandbox where its notebooks are run."""
        return Needs(sandbox=self.execute, data=True)

    def identity(self) -> Mapping[str, Any]:
        """The command as it was given, without the places of its files."""
        return {
            "command": " ".join(Path(word).name for word in shlex.split(self.command)),
            "execute": self.execute,
            "timeout_s": self.timeout_s,
            "version": self.version,
        }

    def ready(self, cases: Sequence[Case], rubric: Rubric) -> Author:
        """Find the program."""
        try:
            words = shlex.split(self.command)
        except ValueError as error:
            raise RequestError(f"agent.command={self.command!r} cannot be read: {error}.") from None
        if not words:
            raise RequestError("agent.command must name a program, got ''.")
        if not self.timeout_s > 0:
            raise RequestError(f"agent.timeout_s must be > 0, got {self.timeout_s!r}.")
        # Not resolved: a virtual environment's Python is a link, and knows its packages by it.
        words = [str(Path(word).absolute()) if Path(word).is_file() else word for word in words]
        if shutil.which(words[0]) is None:
            raise RequestError(
                f"agent.command: there is no program {words[0]!r} on PATH, nor such a file that may"
                " be executed."
            )
        return Author(lambda order: self._write(words, order))

    def _write(self, words: Sequence[str], order: Order) -> Draft:
        began = time.monotonic()
        # A killed program may leave files that cannot be removed.
        with TemporaryDirectory(prefix="memalign-agent-", ignore_cleanup_errors=True) as name:
            folder = Path(name) / "work"
            folder.mkdir()
            for file in order.files:
                shutil.copyfile(file, folder / file.name)
            code, last_line = self._run(words, folder, _order_json(order, folder))
            usage, seconds = _read_usage(folder), time.monotonic() - began
            if code is None:
                reason = f"killed after {self.timeout_s:g} s (agent.timeout_s){last_line}"
                return Draft.nothing(reason, TIMED_OUT, usage=usage, seconds=seconds)
            if code != 0:
                reason = f"exit code {code}{last_line}"
                return Draft.nothing(reason, CRASHED, usage=usage, seconds=seconds)
            try:
                content, problem = _find_notebook(folder)
            # A program may take away its folder, or the right to read what it left there.
            except OSError as error:
                content, problem = None, f"what it left cannot be read ({error.strerror})"
        if content is None:
            return Draft.nothing(f"{problem}{last_line}", NO_NOTEBOOK, usage=usage, seconds=seconds)
        return draft_from_notebook(
            content, order, execute=self.execute, usage=usage, seconds=seconds
        )

    def _run(self, words: Sequence[str], folder: Path, order_json: str) -> tuple[int | None, str]:
        """Exit code (None where it was killed) and the end of what it said."""
        (folder / "case.json").write_text(order_json, encoding="utf-8")
        # Beside the working folder, where the program does not come upon it.
        log = folder.parent / "log"
        # Files, not pipes: nobody reads or writes along while the program runs.
        with (folder / "case.json").open("rb") as source, log.open("wb") as sink:
            process = subprocess.Popen(
                words,
                cwd=folder,
                stdin=source,
                stdout=sink,
                stderr=subprocess.STDOUT,
                # A group of its own, so that all it starts can be killed together.
                start_new_session=True,
            )
            deadline = time.monotonic() + self.timeout_s
            try:
                while process.poll() is None and time.monotonic() < deadline:
                    time.sleep(_POLL_S)
                code = process.poll()
            finally:
                # Also after a normal end: nothing it started may go on writing.
                kill_all(process)
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - _LOG_TAIL_BYTES))
            lines = file.read().decode("utf-8", "replace").strip().splitlines()
        return _exit_code(code), f"; it said last: {lines[-1]}" if lines else ""


def _exit_code(code: int | None) -> int | None:
    # A program that a signal ended has a negative one; shells say 128 and the signal's number.
    return code if code is None or code >= 0 else 128 + signal.Signals(-code).value


def _order_json(order: Order, folder: Path) -> str:
    order_values = {
        "case": order.case.record(),
        "repeat": order.repeat,
        "seed": order.seed,
        "folder": str(folder),
        "notebook": NOTEBOOK,
    }
    return json.dumps(order_values, ensure_ascii=False, indent=1)


def _find_notebook(folder: Path) -> tuple[str | None, str]:
    """The one notebook that a program left, or why there is none."""
    notebooks = sorted(
        path
        for path in folder.rglob("*.ipynb")
        if path.is_file() and ".ipynb_checkpoints" not in path.parts
    )
    # Only one that lies in the folder itself.
    named = [path for path in notebooks if path == folder / NOTEBOOK]
    if not notebooks:
        others = sorted(path.name for path in folder.iterdir())
        return None, f"no .ipynb was left (there are {', '.join(others)[:200]})"
    if len(notebooks) > 1 and not named:
        names = ", ".join(str(path.relative_to(folder)) for path in notebooks)
        return None, f"{len(notebooks)} notebooks were left, none named {NOTEBOOK}: {names}"
    path = (named or notebooks)[0]
    # Pictures may make a file larger than its text is allowed to be.
    if (size := path.stat().st_size) > 10 * MAX_BYTES:
        return None, f"{path.name} has {size:,} bytes; the limit is {10 * MAX_BYTES:,}"
    return decode(path.read_bytes(), path.name)[0], ""


def _read_usage(folder: Path) -> Usage:
    # The file is optional, and what it says is the agent's word only.
    # No file, no JSON or no number, null for a number, no object, infinity: in this order.
    with suppress(OSError, ValueError, TypeError, AttributeError, OverflowError, RecursionError):
        usage = json.loads((folder / "usage.json").read_text())
        read, written = (int(usage.get(key, 0)) for key in ("prompt_tokens", "completion_tokens"))
        cost = usage.get("cost_usd")
        cost_usd = None if cost is None else float(cost)
        # Records hold no number that is none, and no whole number beyond 64 bits.
        if (
            0 <= min(read, written) <= max(read, written) < 2**63
            and 0 <= (cost_usd or 0) < math.inf
        ):
            return Usage(read, written, cost_usd=cost_usd)
    return Usage()
