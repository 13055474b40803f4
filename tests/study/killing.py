"""Kills a run at a random moment, finishes it, and counts what was paid for twice."""

from __future__ import annotations

import random
import signal
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from tests.backends.loopback import Provider, settled
from tests.programs import completed, started

CONCURRENCY = 4
IN_FLIGHT = CONCURRENCY + (CONCURRENCY + CONCURRENCY // 4)
"""Threads of a run that can hold a call between sending it and storing its answer: those that make
judges, and those that ask. The provider has at most `CONCURRENCY` of them at a time."""


class Trial(NamedTuple):
    """What one killed and resumed run came to.

    Attributes:
        moment_s: Seconds at which the run was killed, after its start or its first call.
        killed: Whether it was still running then.
        answered: Calls that the provider had answered by then.
        under_way: Calls that the provider answered and the store did not hold.
        paid_twice: Answers beyond one a call, when the run is finished.
        predictions: The bytes of its predictions.
    """

    moment_s: float
    killed: bool
    answered: int
    under_way: int
    paid_twice: int
    predictions: bytes


def command(served: Provider, folder: Path, *overrides: str) -> list[str]:
    """A small study at the provider, as a user would start it."""
    return [
        "run", *overrides, "dataset=planted", "limit=24",
        "backend=openai_compatible", "backend.model=simulated", "scoring=verdict",
        f"backend.base_url={served.base_url}/v1", f"backend.max_concurrency={CONCURRENCY}",
        "tracker=none", "study=killed", f"results_dir={folder}",
    ]  # fmt: skip


def finish(served: Provider, folder: Path, *overrides: str) -> None:
    """Run to the end."""
    said = folder / "said.txt"
    assert completed(started(command(served, folder, *overrides), said)) == 0, said.read_text()


def predictions(folder: Path) -> bytes:
    """What the only run of a study predicted."""
    (path,) = (folder / "killed" / "runs").glob("*/predictions.parquet")
    return path.read_bytes()


def trial(
    served: Provider, folder: Path, longest_s: float, rng: random.Random, *, asking: bool = False
) -> Trial:
    """Start, kill at a random moment within `longest_s`, run again to the end.

    The moment is counted from the start, or from the first call where `asking`: preparing takes so
    long that few moments of a whole run fall among its calls.
    """
    seen = len(served.requests)
    before = sum(served.answered.values())
    moment = rng.uniform(0, longest_s)
    process = started(command(served, folder), folder / "said.txt")
    while asking and len(served.requests) == seen and process.is_alive():
        time.sleep(0.005)
    time.sleep(moment)
    process.kill()
    killed = completed(process) == -signal.SIGKILL
    settled(served)
    answered = sum(served.answered.values()) - before
    lost = answered - stored(folder)
    finish(served, folder)
    total = sum(served.answered.values()) - before
    return Trial(moment, killed, answered, lost, total - stored(folder), predictions(folder))


def stored(folder: Path) -> int:
    """Calls that the study's store holds; 0 where there is none yet."""
    path = folder / "killed" / "calls.sqlite"
    if not path.is_file():
        return 0
    with closing(sqlite3.connect(path)) as store:
        try:
            return int(store.execute("SELECT COUNT(*) FROM calls").fetchone()[0])
        except sqlite3.OperationalError:  # killed before it made its tables
            return 0
