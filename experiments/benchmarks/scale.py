"""A study that grows: time and memory of reading it and of its report, by the number of judgements.

    .venv/bin/python experiments/benchmarks/scale.py [--cases 100 1000 10000] [--out FOLDER]

Planted notes, two to a case, judged without memory by the simulated judge and by the median label:
two runs of `memalign-bench run`, measured as well. Their records are then copied as those of
`SEEDS` fold seeds, with seed and name of the run put in their place: generated rows, since the same
answers would come out of the call store again. Peak memory is of the process that does the work.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

sys.path.insert(0, str(Path(__file__).parent))

from measured import Measured

SEEDS = 25
PROGRAM = "import sys; from memalign_bench.cli import entry; sys.exit(entry())"
READ = "import sys; from memalign_bench import load_study; load_study(sys.argv[1])"


class Spent(NamedTuple):
    """Of one process: seconds on the wall, and peak memory."""

    wall_s: float
    peak_mb: float


def spent(words: list[str]) -> Spent:
    """Run Python to its end.

    Raises:
        RuntimeError: If it fails.
    """
    began = time.monotonic()
    with tempfile.TemporaryFile() as told:
        child = subprocess.Popen([sys.executable, *words], stdout=told, stderr=told)
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            told.seek(0)
            raise RuntimeError(told.read()[-2000:].decode(errors="replace"))
    return Spent(time.monotonic() - began, used.ru_maxrss / 1024)


def copied(run: Path, seed: int) -> None:
    """The records of a run once more, as those of another fold seed."""
    name = hashlib.sha256(f"{run.name} {seed}".encode()).hexdigest()[:12]
    folder = run.with_name(name)
    folder.mkdir()
    for path in run.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    table = pq.read_table(run / "predictions.parquet")
    for column, value in (("run_id", name), ("fold_seed", seed)):
        field = table.schema.field(column)
        values = pa.repeat(pa.scalar(value, field.type), len(table))
        table = table.set_column(table.schema.get_field_index(column), field, values)
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd", write_statistics=False)
    data = sink.getvalue().to_pybytes()
    (folder / "predictions.parquet").write_bytes(data)
    manifest = json.loads((run / "manifest.json").read_bytes())
    manifest |= {"run_id": name, "fold_seed": seed}
    manifest["predictions_sha256"] = hashlib.sha256(data).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest))


class Line(NamedTuple):
    """What a study of one size took."""

    judgements: int
    judged: int
    run: Spent
    read: Spent
    report: Spent

    def __str__(self) -> str:
        """A row of the table."""
        cells = [f"{self.judgements:,}", f"{self.judged:,}"]
        cells += [f"{value:,.0f}" for one in (self.run, self.read, self.report) for value in one]
        return f"| {' | '.join(cells)} |"


def line(cases: int, folder: Path) -> Line:
    """Run, copy, read and report a study of so many cases."""
    run = spent(["-c", PROGRAM, "run", "-m", "dataset=planted", f"dataset.cases={cases}",
                 "backend=scripted", "alignment=none,median_label", "study=scale",
                 "register=false", "tracker=none", f"results_dir={folder}"])  # fmt: skip
    study = folder / "scale"
    for held in list((study / "runs").iterdir()):
        for seed in range(1, SEEDS):
            copied(held, seed)
    read = spent(["-c", READ, str(study)])
    report = spent(["-c", PROGRAM, "report", "study=scale", "tracker=none",
                    f"results_dir={folder}"])  # fmt: skip
    return Line(cases * 4 * SEEDS, cases * 4, run, read, report)


def main() -> int:
    """Print the table, and write it where asked."""
    measure(sys.argv[1:])
    return 0


def measure(words: Sequence[str] = ()) -> list[Measured]:
    """Measure as the words of a command line say, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--cases", type=int, nargs="+", default=[100, 1_000, 10_000])
    parser.add_argument("--out", type=Path, help="folder for scale.md")
    given = parser.parse_args(words)
    heads = ["judgements", "of them judged", "run s", "MB", "load_study s", "MB", "report s", "MB"]
    head = f"| {' | '.join(heads)} |\n{'|---' * len(heads)}|\n"
    sys.stdout.write(head)
    lines = []
    for cases in given.cases:
        with tempfile.TemporaryDirectory() as name:
            lines.append(line(cases, Path(name)))
        sys.stdout.write(f"{lines[-1]}\n")
        sys.stdout.flush()
    if given.out:
        (given.out / "scale.md").write_text(head + "".join(f"{one}\n" for one in lines))
    few, many = lines[0], lines[-1]
    grown = many.report.peak_mb / few.report.peak_mb
    count = f"{many.judgements:,} judgements"
    return [
        Measured(f"report of {count}", "s", many.report.wall_s, 120),
        Measured(f"its peak memory, over that of {few.judgements:,}", "x", grown, 1.2),
        Measured(f"load_study of {count}", "s", many.read.wall_s),
    ]


if __name__ == "__main__":
    sys.exit(main())
