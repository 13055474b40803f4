"""Every benchmark of speed and memory, as one table: this suite, its limits, and its peers.

    .venv/bin/python experiments/benchmarks/run_all.py [--only NAME ...] [--out FOLDER]

About fifty minutes on two cores, which must have nothing else to do; half of it is the index of a
million examples. Each benchmark can be run by itself, and its `--help` says more: `throughput.py`,
`startup/measure.py`, `launchers.py`, `scale.py`, `memory_index.py`. (`kills.py` and
`embedded_rate.py` answer other questions and need a call store, or an hour.)
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parent / "startup"))

import launchers
import measure as startup
import memory_index
import scale
import throughput
from measured import table

BENCHMARKS = {
    "startup": startup.measure,
    "throughput": lambda: throughput.measure(["--rate-limits", "0"]),
    "launchers": launchers.measure,
    "scale": scale.measure,
    "memory_index": memory_index.measure,
}


def main() -> int:
    """Run what was asked for; print the table, and write it where asked."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--only", nargs="+", choices=[*BENCHMARKS], default=[*BENCHMARKS])
    parser.add_argument("--out", type=Path, help="folder for table.md")
    given = parser.parse_args()
    rows = [row for name in given.only for row in BENCHMARKS[name]()]
    place = f"{platform.python_implementation()} {platform.python_version()}, {platform.system()}"
    text = f"{time.strftime('%-d %B %Y')}; {os.cpu_count()} cores, {place}.\n\n{table(rows)}"
    sys.stdout.write(f"\n{text}")
    if given.out:
        (given.out / "table.md").write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
