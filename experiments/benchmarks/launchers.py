"""What a sweep of 200 jobs takes: in one process, in two of joblib's, in two of Ray's workers.

    .venv/bin/python experiments/benchmarks/launchers.py [--jobs 200] [--workers 2]

Planted notes with the simulated judge, so that starting, configuring and writing is all there is.
Then the same command again, when every job's records stand and are only checked. Every launcher
must leave the same records to the byte. Ray is left out where it is not installed
(`experiments/README.md`, "Many jobs at once").
"""

from __future__ import annotations

import argparse
import importlib.util
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from measured import Measured, table

ALIGNMENTS = ("none", "semantic", "full", "median_label")


def main() -> int:
    """Measure what is asked for and print it."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--jobs", type=int, default=200, help="a multiple of four")
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    sys.stdout.write(f"\n{table(measure(given.jobs, given.workers))}")
    return 0


def measure(jobs: int = 200, workers: int = 2) -> list[Measured]:
    """Seconds by launcher, each beside the same sweep in one process."""
    here = f"{jobs} jobs in one process"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        first, alone = swept(folder / "here", jobs)
        standing, again = swept(folder / "here", jobs)
        assert again == alone
        one = swept(folder / "one", len(ALIGNMENTS))[0]
        found = [
            Measured(here, "s", first),
            Measured("composing and checking a job whose records stand", "s",
                     (standing - one) / (jobs - len(ALIGNMENTS)), 0.1),
        ]  # fmt: skip
        for launcher, words in launchers(workers).items():
            seconds, records = swept(folder / launcher, jobs, *words)
            assert records == alone, f"{launcher} leaves other records"
            what = f"the same, {workers} processes of {launcher}"
            found.append(Measured(what, "s", seconds, None, first, here))
    return found


def launchers(workers: int) -> dict[str, list[str]]:
    """Launcher -> its words."""
    several = {"joblib": ["hydra/launcher=joblib", f"hydra.launcher.n_jobs={workers}"]}
    if importlib.util.find_spec("hydra_plugins.hydra_ray_launcher"):
        several["ray"] = ["hydra/launcher=ray", f"+hydra.launcher.ray.init.num_cpus={workers}"]
    return several


def swept(folder: Path, jobs: int, *words: str) -> tuple[float, dict[str, bytes]]:
    """Run the sweep; its seconds, and the records it left."""
    seeds = ",".join(map(str, range(jobs // len(ALIGNMENTS))))
    command = [
        *(sys.executable, "-m", "memalign_bench", "run", "-m", "dataset=planted"),
        *("backend=scripted", "tracker=none", "study=sweep", f"results_dir={folder}"),
        *(f"alignment={','.join(ALIGNMENTS)}", f"fold_seed={seeds}", *words),
    ]
    folder.mkdir(exist_ok=True)
    began = time.perf_counter()
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - began
    if done.returncode:
        raise RuntimeError(done.stderr)
    runs = sorted((folder / "sweep" / "runs").glob("*/predictions.parquet"))
    assert len(runs) == jobs
    sys.stdout.write(f"{' '.join(words) or 'in one process'}: {jobs} jobs, {seconds:.1f} s\n")
    sys.stdout.flush()
    return seconds, {path.parent.name: path.read_bytes() for path in runs}


if __name__ == "__main__":
    sys.exit(main())
