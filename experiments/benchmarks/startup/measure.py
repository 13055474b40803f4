"""What the commands that a person waits for spend before and beside the model, as one table.

    .venv/bin/python experiments/benchmarks/startup/measure.py [--times 3] [--out FOLDER]

Processor time (user and system, every thread and child) of whole commands, without a profiler, as a
multiple of the floor: an interpreter that imports hydra, numpy, pandas and pyarrow and ends, run
right before each of them, since a shared machine changes its speed. Then the same commands under a
clock, by phase. All judges are simulated (`backend=scripted`); no model and no network is asked.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from measured import Measured  # noqa: E402

ROOT = HERE.parents[2]
PROGRAM = "import sys; from memalign_bench.cli import entry; sys.exit(entry())"
FLOOR = "import hydra, numpy, pandas, pyarrow"
STUDY = ROOT / "results" / "full_section"
SHOWN_S = 0.02
"""Phases of less are added up."""


class Spent(NamedTuple):
    """Seconds of a process: processor and clock on the wall."""

    cpu_s: float
    wall_s: float


class Subject(NamedTuple):
    """A command: its words, and its limit as a multiple of the floor plus seconds."""

    words: Sequence[str]
    times: float | None = None
    plus_s: float = 0.0

    def limit(self, floor_s: float) -> float | None:
        """Seconds of processor time that it may take."""
        return None if self.times is None else self.times * floor_s + self.plus_s


class Found(NamedTuple):
    """A command measured: medians, and its own floor."""

    floor_s: float
    spent: Spent


def subjects(folder: Path) -> dict[str, Subject]:
    """Name -> command, in the order in which they build on one another."""
    run = [
        "run", "dataset=genie_synth", "backend=scripted", "dimensions=[model_use]", "study=startup",
        "tracker=none",
    ]  # fmt: skip
    store = f"call_store={folder / 'first' / 'startup' / 'calls.sqlite'}"
    report = ["report", f"study={STUDY.name}", f"results_dir={folder}", "tracker=none"]
    return {
        "help": Subject(["--help"], 0.0, 0.15),
        "run (50 calls)": Subject([*run, f"results_dir={folder / 'again'}"]),
        "run that stands": Subject([*run, f"results_dir={folder / 'first'}"]),
        "replay": Subject(
            [*run, f"results_dir={folder / 'again'}", store, "backend.mode=replay"], 1.5, 1.0
        ),
        "validate (50 notebooks)": Subject(["validate", "dataset=genie_synth"], 1.0, 2.0),
        "report": Subject(report, 1.0, 5.0),
        "report, one figure": Subject([*report, "figure=mae"], 1.0, 2.0),
    }


def spent(words: Sequence[str], cache: Path) -> Spent:
    """Run a process to its end, with this folder as the user's cache.

    Raises:
        RuntimeError: If it fails; what it said is in the message.
    """
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    place = _environment(cache)
    done = subprocess.run(words, capture_output=True, text=True, env=place, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(words)} gave {done.returncode}:\n{done.stderr[-2000:]}")
    after, ended = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Spent(cpu, ended - began)


def _environment(cache: Path) -> dict[str, str]:
    own = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "MEMALIGN_BENCH_CACHE": str(cache)}
    return {**os.environ, **own}


def measured(subject: Subject, folder: Path, times: int) -> Found:
    """A command and its floor, as often as asked; records that it is to write are not there."""
    floors, own = [], []
    for _ in range(times):
        cache = _as_the_first_time(folder)
        floors.append(spent([sys.executable, "-c", FLOOR], cache).cpu_s)
        own.append(spent([sys.executable, "-c", PROGRAM, *subject.words], cache))
    middle = Spent(median(one.cpu_s for one in own), median(one.wall_s for one in own))
    return Found(median(floors), middle)


def _as_the_first_time(folder: Path) -> Path:
    """An empty cache, and none of the records that a command is to write."""
    for name in ("again", "cache"):
        shutil.rmtree(folder / name, ignore_errors=True)
    return folder / "cache"


def phases(subject: Subject, folder: Path) -> dict[str, float]:
    """Seconds of the main thread by phase."""
    cache, out = _as_the_first_time(folder), folder / "phases.json"
    spent([sys.executable, str(HERE / "phases.py"), str(out), *subject.words], cache)
    found: dict[str, float] = json.loads(out.read_text())
    return found


def whole_table(found: Mapping[str, Found], asked: Mapping[str, Subject]) -> str:
    """Commands with their limits, as Markdown."""
    lines = ["| command | CPU s | floor s | CPU / floor | wall s | limit s | CPU / limit |"]
    lines.append("|---|---|---|---|---|---|---|")
    for name, one in found.items():
        limit = asked[name].limit(one.floor_s)
        told = ["", ""] if limit is None else [f"{limit:.2f}", f"{one.spent.cpu_s / limit:.2f}"]
        ratio = f"{one.spent.cpu_s / one.floor_s:.1f}"
        cells = [name, f"{one.spent.cpu_s:.2f}", f"{one.floor_s:.2f}", ratio]
        lines.append(f"| {' | '.join([*cells, f'{one.spent.wall_s:.1f}', *told])} |")
    return "\n".join(lines)


def phase_table(found: Mapping[str, Mapping[str, float]]) -> str:
    """Phases by command, the largest first, as Markdown; seconds of the main thread."""
    every = dict.fromkeys(phase for one in found.values() for phase in one)
    names = {phase: max(one.get(phase, 0.0) for one in found.values()) for phase in every}
    shown = [name for name in sorted(names, key=lambda n: -names[n]) if names[name] >= SHOWN_S]
    lines = [f"| phase | {' | '.join(found)} |", "|---" * (len(found) + 1) + "|"]
    for phase in shown:
        cells = [
            f"{one[phase]:.2f}" if one.get(phase, 0) >= 0.005 else "" for one in found.values()
        ]
        lines.append(f"| {phase} | {' | '.join(cells)} |")
    small = [sum(s for name, s in one.items() if name not in shown) for one in found.values()]
    lines.append(f"| all under {SHOWN_S} s | {' | '.join(f'{s:.2f}' for s in small)} |")
    return "\n".join(lines)


def main() -> int:
    """Measure, print the tables, and write them where asked."""
    measure(sys.argv[1:])
    return 0


def measure(words: Sequence[str] = ()) -> list[Measured]:
    """Measure as the words of a command line say, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--times", type=int, default=3, help="runs of each command; medians count")
    parser.add_argument("--out", type=Path, help="folder for table.md and table.json")
    parser.add_argument("--only", nargs="*", help="commands whose name begins so")
    given = parser.parse_args(words)
    if given.out:
        given.out.mkdir(parents=True, exist_ok=True)  # not found out after minutes of measuring
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copytree(STUDY, folder / STUDY.name)
        asked = subjects(folder)
        spent([sys.executable, "-c", PROGRAM, *asked["run that stands"].words], folder / "cache")
        if given.only:
            asked = {n: s for n, s in asked.items() if n.startswith(tuple(given.only))}
        found = {name: measured(one, folder, given.times) for name, one in asked.items()}
        split = {name: phases(one, folder) for name, one in asked.items()}
    text = f"{whole_table(found, asked)}\n\n{phase_table(split)}\n"
    sys.stdout.write(text)
    if given.out:
        rows = [
            {"command": name, "cpu_s": one.spent.cpu_s, "floor_s": one.floor_s,
             "wall_s": one.spent.wall_s, "limit_s": asked[name].limit(one.floor_s)}
            for name, one in found.items()
        ]  # fmt: skip
        (given.out / "table.md").write_text(text)
        (given.out / "table.json").write_text(json.dumps(rows, indent=1) + "\n")
    return [
        Measured(f"{name}: processor time", "s", one.spent.cpu_s, asked[name].limit(one.floor_s),
                 one.floor_s, "an interpreter that imports the least")
        for name, one in found.items()
    ]  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
