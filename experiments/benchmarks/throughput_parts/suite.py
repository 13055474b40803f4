"""The study through `memalign-bench run`, as a user starts it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from throughput_parts.server import Call, Served

__all__ = [
    "CONCURRENCY",
    "VARIANTS",
    "Command",
    "Stage",
    "command_of",
    "run_command",
    "stages_of",
    "start_cost",
]

CONCURRENCY = 16
VARIANTS = ("none", "semantic", "full")


class Line(NamedTuple):
    """A line that the command said, and when."""

    at: float
    text: str


@dataclass(frozen=True)
class Command:
    """One command that has ended.

    Attributes:
        began: When, by `monotonic`.
        ended: Likewise.
        cpu_s: Seconds of CPU.
        peak_bytes: Memory at its peak.
        lines: What it said, and when.
        calls: What the server saw of it.
    """

    began: float
    ended: float
    cpu_s: float
    peak_bytes: int
    lines: tuple[Line, ...]
    calls: tuple[Call, ...]

    @property
    def wall_s(self) -> float:
        return self.ended - self.began


@dataclass(frozen=True)
class Stage:
    """One variant's run.

    Attributes:
        variant: Its name.
        n_calls: Calls that the server saw.
        before_s: From the run's start to its first call: data, views.
        asking_s: From the first call to the last answer.
        after_s: From the last answer to the end: records.
    """

    variant: str
    n_calls: int
    before_s: float
    asking_s: float
    after_s: float

    @property
    def wall_s(self) -> float:
        return self.before_s + self.asking_s + self.after_s


def command_of(served: Served, folder: Path, *words: str) -> list[str]:
    """The sweep: nine dimensions, four folds, three variants, 50 notebooks."""
    return [
        *(sys.executable, "-m", "memalign_bench", "run", "-m"),
        "dataset=genie_synth",
        "backend=openai_compatible",
        f"backend.base_url={served.base_url}",
        "backend.model=loopback",
        f"backend.max_concurrency={CONCURRENCY}",
        "scoring=verdict",
        "distiller=llm",
        f"alignment={','.join(VARIANTS)}",
        "study=throughput",
        f"results_dir={folder}",
        "tracker=none",
        *words,
    ]


def run_command(words: list[str], served: Served) -> Command:
    """Run a command to its end.

    Raises:
        RuntimeError: If it fails; what it said is in the message.
    """
    served.log()
    began = time.monotonic()
    lines = []
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True, env=os.environ) as process:
        assert process.stderr is not None
        for text in process.stderr:
            lines.append(Line(time.monotonic(), text.rstrip()))
        _, status, used = os.wait4(process.pid, 0)
        ended = time.monotonic()
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError("\n".join(line.text for line in lines))
    calls = tuple(served.log())
    cpu, peak = used.ru_utime + used.ru_stime, used.ru_maxrss * 1024
    return Command(began, ended, cpu, peak, tuple(lines), calls)


def start_cost(done: Command) -> float:
    """Seconds of a command outside of its runs: interpreter, configuration, end."""
    return done.wall_s - sum(end.at - start.at for start, end in _runs(done))


def _runs(done: Command) -> list[tuple[Line, Line]]:
    """What a sweep said at each run's start and end."""
    starts = [line for line in done.lines if " on openai_compatible " in line.text]
    ends = [line for line in done.lines if line.text.startswith("run ")]
    return list(zip(starts, ends, strict=True))


def stages_of(done: Command) -> list[Stage]:
    """The runs of a sweep that asked something."""
    stages = []
    for start, end in _runs(done):
        calls = [call for call in done.calls if start.at <= call.came <= end.at]
        first, last = min(call.came for call in calls), max(call.answered for call in calls)
        variant = start.text.split(": ")[1].split(" on ")[0].split(",")[0]
        stages.append(Stage(variant, len(calls), first - start.at, last - first, end.at - last))
    return stages
