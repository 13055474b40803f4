"""How fast a study runs, against what its calls must take and against stock MLflow.

    .venv/bin/python experiments/benchmarks/throughput.py
    .venv/bin/python experiments/benchmarks/throughput.py --part suite

Everything asks one loopback server of set latency in a process of its own (0.2 s a call). Parts:

  suite    nine dimensions, four folds, three variants, 16 calls at a time, by `memalign-bench run`:
           wall time against calls x latency / 16 (aim: at most 1.15)
  stock    the same without and with both memories through stock MLflow, and what the ratio consists
           of
  in_flight
           64 and 200 calls of 2 s at a time: from the first call to the last answer over calls x
           latency / places, and whether every question was sent exactly once
  cpu      CPU seconds a call, by the slope between two sizes (limit: 2.5 ms), and those of what it
           is sent with: DSPy's client, LiteLLM's, bare httpx
  replay   the study from its cassette in `backend.mode=replay` (limit: 6 s), beside an interpreter
           that imports the libraries and ends
  memory   peak memory at 1,000 to 100,000 calls (flat), and of whole runs
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parent))

from measured import Measured
from throughput_parts.crowd import crowd
from throughput_parts.server import Served, serving
from throughput_parts.share import share_of
from throughput_parts.stock import Stock, run_stock
from throughput_parts.suite import (
    CONCURRENCY,
    Command,
    command_of,
    run_command,
    stages_of,
    start_cost,
)

FLOOR = "import hydra, numpy, pandas, pyarrow"
"""Of an interpreter that ends at once: what no command of ours can be faster than."""

LIBRARIES = "hydra, sklearn.model_selection, datasets, dspy, faiss, pandas"
LATENCY_S = 0.2
SLOW_S = 2.0
DIMENSIONS = (
    "library_installation",
    "exploratory_data_analysis",
    "data_imputation",
    "feature_engineering",
    "model_training",
    "model_use",
    "metrics_evaluation",
    "mlflow_logging",
    "cell_organization",
)


def main() -> int:
    """Measure what was asked for and print it."""
    measure(sys.argv[1:])
    return 0


def measure(words: Sequence[str] = ()) -> list[Measured]:
    """Measure parts, as the words of a command line say, and print them as they come."""
    parts = {
        "suite": suite,
        "stock": stock,
        "in_flight": in_flight,
        "cpu": cpu,
        "replay": replay,
        "memory": memory,
    }
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--part", choices=[*parts, "all"], default="all")
    parser.add_argument("--times", type=int, default=3, help="repetitions of suite and replay")
    parser.add_argument(
        "--dimensions", default=",".join(DIMENSIONS), help="of the part stock, by commas"
    )
    parser.add_argument("--rate-limits", default="0,auto", help="of stock MLflow, by commas")
    given = parser.parse_args(words)
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    say(f"load average when it began: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    found = []
    with serving(LATENCY_S) as served, tempfile.TemporaryDirectory() as name:
        for part in parts if given.part == "all" else [given.part]:
            say(f"\n## {part}")
            folder = Path(name, part)
            folder.mkdir()
            found += parts[part](served, folder, given)
            say(f"load average now: {os.getloadavg()[0]:.1f}")
    return found


def suite(served: Served, folder: Path, given: argparse.Namespace) -> list[Measured]:
    """The study, several times; the table is of the median run."""
    done = []
    for number in range(given.times):
        done.append(run_command(command_of(served, folder / str(number)), served))
        say(f"run {number + 1}: {ratio_line(done[-1])}")
    told = sorted(done, key=lambda one: one.wall_s)[len(done) // 2]
    say(
        "\n| | calls | wall s | before | asking | after | ideal s | asking / ideal | wall / ideal |"
    )
    say("|---|---|---|---|---|---|---|---|---|")
    for stage in stages_of(told):
        least = ideal(stage.n_calls)
        say(
            f"| {stage.variant} | {stage.n_calls} | {stage.wall_s:.1f} | {stage.before_s:.1f}"
            f" | {stage.asking_s:.1f} | {stage.after_s:.1f} | {least:.1f}"
            f" | {stage.asking_s / least:.2f} | {stage.wall_s / least:.2f} |"
        )
    say(f"| start and end of the command | 0 | {start_cost(told):.1f} | | | | 0 | | |")
    least = ideal(len(told.calls))
    asking = sum(stage.asking_s for stage in stages_of(told))
    say(
        f"| all | {len(told.calls)} | {told.wall_s:.1f} | | {asking:.1f} | | {least:.1f}"
        f" | {asking / least:.2f} | {told.wall_s / least:.2f} |"
    )
    floor = floor_s(served)
    say(f"an interpreter that imports hydra, numpy, pandas and pyarrow and ends: {floor:.1f} s")
    return [
        Measured("asking, over calls x latency / 16", "x", asking / least, 1.15),
        Measured(
            f"whole command of {len(told.calls):,} calls", "s", told.wall_s, 1.15 * least + floor
        ),
    ]


def floor_s(served: Served) -> float:
    """Seconds on the wall of an interpreter that imports what every command needs."""
    bare = [run_command([sys.executable, "-c", FLOOR], served).wall_s for _ in range(3)]
    return median(bare)


def ratio_line(done: Command) -> str:
    """A run of the command in one line."""
    least = ideal(len(done.calls))
    return (
        f"{len(done.calls)} calls, {done.wall_s:.1f} s wall / {least:.1f} s ideal"
        f" = {done.wall_s / least:.2f}; {done.cpu_s:.1f} s of CPU"
    )


def ideal(n_calls: int) -> float:
    """Seconds that so many calls take when all places are always filled."""
    return n_calls * LATENCY_S / CONCURRENCY


def stock(served: Served, folder: Path, given: argparse.Namespace) -> list[Measured]:
    """Stock MLflow beside the suite on the same dimensions, without and with both memories."""
    dimensions = given.dimensions.split(",")
    words = (f"dimensions=[{given.dimensions}]", "alignment=none,full")
    ours = run_command(command_of(served, folder / "suite", *words), served)
    say(f"suite, {len(dimensions)} dimensions, none and full: {ratio_line(ours)}")
    found = []
    for rate_limit in given.rate_limits.split(","):
        place = folder / f"stock-{rate_limit}"
        place.mkdir()
        theirs = run_stock(served, place, dimensions, rate_limit)
        told_stock(theirs, ours, rate_limit)
        asking = sum(stage.asking_s for stage in stages_of(ours))
        name = f"stock MLflow, rate limit {rate_limit}"
        wall = theirs.ended - theirs.began
        found.append(
            Measured("900 verdicts, with and without memory", "s", asking, None, wall, name)
        )
    return found


def told_stock(theirs: Stock, ours: Command, rate_limit: str) -> None:
    """Print a study through stock MLflow, and of what its time consists."""
    wall = theirs.ended - theirs.began
    calls = [call for call in theirs.calls if call.came >= theirs.began]
    share = share_of(calls, theirs.began, theirs.ended)
    asking = sum(stage.asking_s for stage in stages_of(ours))
    named = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in theirs.seconds.items())
    say(f"\nstock, MLFLOW_GENAI_EVAL_PREDICT_RATE_LIMIT={rate_limit}:")
    say(f"  {theirs.cells} dimensions x folds, {theirs.verdicts} verdicts, {len(calls)} calls")
    say(f"  {named}")
    say(f"  judges, alignment and evaluation: {wall:.1f} s; ideal {ideal(len(calls)):.1f} s")
    say(f"  no call under way: {share.idle_s:.1f} s ({share.idle_s / wall:.0%})")
    say(
        f"  calls under way: {share.busy_s:.1f} s, {share.mean_under_way:.1f} of {CONCURRENCY} on"
        " average"
    )
    say(f"  stock / suite, asking only: {wall / asking:.1f}")
    everything = wall + theirs.seconds["traces"] + theirs.seconds["start"]
    say(f"  stock / suite, all from start to end: {everything / ours.wall_s:.1f}")


def in_flight(_served: Served, folder: Path, _given: argparse.Namespace) -> list[Measured]:
    """Many calls at a time, each as slow as a large model's."""
    found = []
    with serving(SLOW_S) as slow:
        for places in (64, 200):
            words = ("alignment=none", "repeats=6", f"backend.max_concurrency={places}")
            done = run_command(command_of(slow, folder / str(places), *words), slow)
            (stage,) = stages_of(done)
            assert stage.n_calls == 50 * len(DIMENSIONS) * 6, "a call was lost, or sent twice"
            least = stage.n_calls * SLOW_S / places
            most = share_of(done.calls, done.began, done.ended).most_under_way
            say(
                f"{places} places, {stage.n_calls:,} calls of {SLOW_S:g} s: asking"
                f" {stage.asking_s:.1f} s / {least:.1f} s ideal, at most {most} under way,"
                f" {done.cpu_s:.1f} s of CPU"
            )
            name = f"asking, over calls x {SLOW_S:g} s / {places}"
            found.append(Measured(name, "x", stage.asking_s / least, 1.15))
    return found


def cpu(served: Served, folder: Path, given: argparse.Namespace) -> list[Measured]:
    """CPU a call: whole runs of two sizes, and the call alone by three clients."""
    used = {}
    for repeats in (1, 6):
        words = command_of(served, folder / str(repeats), "alignment=none", f"repeats={repeats}")
        done = run_command(words, served)
        used[len(done.calls)] = done.cpu_s
        say(f"suite, {len(done.calls)} calls: {done.cpu_s:.1f} s of CPU")
    say(f"suite: {slope(used) * 1000:.2f} ms a call (limit: 2.5), everything included")
    ours = slope(used) * 1000
    alone = {}
    for kind in ("httpx", "dspy", "litellm"):
        used = {n: crowd(kind, n, served.base_url).cpu_s for n in (200, 1200)}
        alone[kind] = slope(used) * 1000
        say(f"{kind} alone: {alone[kind]:.2f} ms a call")
    what = "CPU a call with a schema, all included"
    return [
        Measured(what, "ms", ours, 2.5, alone["litellm"], "litellm.completion alone"),
        Measured(what, "ms", ours, 2.5, alone["dspy"], "DSPy's client alone"),
    ]


def slope(used: dict[int, float]) -> float:
    """What one more costs, from two sizes."""
    (few, low), (many, high) = sorted(used.items())
    return (high - low) / (many - few)


def replay(served: Served, folder: Path, given: argparse.Namespace) -> list[Measured]:
    """Run the study, export its cassette, and replay it elsewhere."""
    run_command(command_of(served, folder), served)
    words = [sys.executable, "-m", "memalign_bench", "cassette"]
    cassette = folder / "throughput" / "cassette.jsonl"
    run_command([*words, "action=export", "study=throughput", f"results_dir={folder}"], served)
    seconds = []
    for number in range(given.times):
        other = folder / f"replayed-{number}"
        taken = ("study=throughput", f"results_dir={other}", f"path={cassette}")
        imported = run_command([*words, "action=import", *taken], served)
        done = run_command(command_of(served, other, "backend.mode=replay"), served)
        assert not done.calls
        seconds.append(done.wall_s)
        say(
            f"replay {number + 1}: {done.wall_s:.1f} s ({start_cost(done):.1f} s of them start and"
            f" end of the command), {done.cpu_s:.1f} s of CPU; import before it"
            f" {imported.wall_s:.1f} s; records the same: {same_records(folder, other)}"
        )
    bare = [run_command([sys.executable, "-c", f"import {LIBRARIES}"], served) for _ in seconds]
    floor = median(one.wall_s for one in bare)
    say(
        f"median {median(seconds):.1f} s (limit: 6); an interpreter that imports {LIBRARIES} and"
        f" ends: {floor:.1f} s; ratio {median(seconds) / floor:.1f}"
    )
    limit = 1.5 * floor_s(served) + 1
    return [Measured("replay of that study", "s", median(seconds), limit)]


def same_records(one: Path, other: Path) -> bool:
    """Whether all predictions of two copies of the study are the same to the byte."""
    held = [
        {path.parent.name: path.read_bytes() for path in place.glob("*/runs/*/predictions.parquet")}
        for place in (one, other)
    ]
    return held[0] == held[1] and bool(held[0])


def memory(served: Served, folder: Path, given: argparse.Namespace) -> list[Measured]:
    """Peak memory: calls through the store, then whole runs, whose rows are held to the end."""
    sizes = (1_000, 10_000, 100_000)
    peaks = [crowd("stored", n, str(folder)).peak_bytes for n in sizes]
    told_peaks("calls through StoredBackend and call store, scripted backend", sizes, peaks)
    rows = []
    for repeats in (1_000 // 60, 10_000 // 60, 30_000 // 60):
        done = run_command(planted_run(folder / str(repeats), repeats), served)
        rows.append((60 * repeats, done.peak_bytes))
    told_peaks("whole runs on dataset=planted, scripted backend", *zip(*rows, strict=True))
    grown = peaks[-1] / peaks[0]
    return [Measured("peak memory of 100,000 calls, over that of 1,000", "x", grown, 1.2)]


def planted_run(folder: Path, repeats: int) -> list[str]:
    """A run of 60 x repeats calls at the scripted backend."""
    words = ["dataset=planted", "backend=scripted", "alignment=none", "scoring=verdict"]
    return [
        *(sys.executable, "-m", "memalign_bench", "run", *words, "study=planted", "tracker=none"),
        f"repeats={repeats}",
        f"results_dir={folder}",
    ]


def told_peaks(what: str, sizes: Sequence[int], peaks: Sequence[int]) -> None:
    """Print peak memory by size."""
    say(f"{what}:")
    for size, peak in zip(sizes, peaks, strict=True):
        say(f"  {size:>7,}: {peak / 1e6:.0f} MB")
    grown = (peaks[-1] - peaks[0]) / (sizes[-1] - sizes[0])
    say(f"  {grown / 1000:.2f} kB a call; largest / smallest {peaks[-1] / peaks[0]:.2f}")


def say(text: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
