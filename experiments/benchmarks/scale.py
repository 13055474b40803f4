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
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

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


def line(cases: int, folder: Path) -> str:
    """One row of the table."""
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
    rows = cases * 2 * 2 * SEEDS
    cells = [f"{rows:,}", f"{cases * 4:,}"]
    cells += [f"{value:,.0f}" for one in (run, read, report) for value in one]
    return f"| {' | '.join(cells)} |"


def main() -> int:
    """Print the table, and write it where asked."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--cases", type=int, nargs="+", default=[100, 1_000, 10_000])
    parser.add_argument("--out", type=Path, help="folder for scale.md")
    given = parser.parse_args()
    heads = ["judgements", "of them judged", "run s", "MB", "load_study s", "MB", "report s", "MB"]
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    sys.stdout.write("\n".join(lines) + "\n")
    for cases in given.cases:
        with tempfile.TemporaryDirectory() as name:
            lines.append(line(cases, Path(name)))
        sys.stdout.write(f"{lines[-1]}\n")
        sys.stdout.flush()
    if given.out:
        (given.out / "scale.md").write_text("\n".join(lines) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
