"""Commands in processes of their own, forked from one that has imported everything.

Such a process can be killed like any other and shares nothing with the tests, but it begins where
a user's has already spent three seconds on imports.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from multiprocessing.context import ForkServerProcess

__all__ = ["completed", "heeding_ctrl_c", "prepared", "started"]

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(
    ["datasets", "dspy", "faiss", "memalign_bench.cli.run", "sklearn.feature_extraction.text"]
)


def heeding_ctrl_c() -> None:
    """A shell lets what it runs in the background ignore Ctrl-C, which children inherit."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def started(
    words: Sequence[str], said: Path, environment: Mapping[str, str] | None = None
) -> ForkServerProcess:
    """Start a command of `memalign-bench`; what it says goes to the file `said`.

    Args:
        words: The command and its overrides.
        said: A file in the folder where the command runs.
        environment: What is set there; None for what is set here.
    """
    said.parent.mkdir(parents=True, exist_ok=True)
    process = _FORKS.Process(target=_run, args=(list(words), said, dict(environment or os.environ)))
    process.start()
    return process


def prepared(folder: Path) -> None:
    """Wait until everything is imported, so that what starts next starts at once."""
    assert completed(started(["--version"], folder / "version.txt")) == 0


def completed(process: ForkServerProcess) -> int:
    """Wait for a command to end; its exit code."""
    process.join()
    code = process.exitcode
    process.close()
    return code


def _run(words: list[str], said: Path, environment: Mapping[str, str]) -> None:
    from memalign_bench.cli import main

    os.chdir(said.parent)
    os.environ.clear()
    os.environ.update(environment)
    # What the command says from C or from a thread goes there too.
    file = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(file, stream.fileno())
    sys.exit(main(words))
