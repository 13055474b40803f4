"""Finding the nearest of very many labelled examples: how long it takes, and what it misses.

    .venv/bin/python experiments/benchmarks/memory_index.py [--sizes 10000 100000 1000000]

Unit vectors of the width of MiniLM's on a manifold of fewer dimensions, as those of texts lie,
without clusters that would make it easy; questions are further draws. Found are the four nearest,
through the index that the episodic memory takes for so many; beside it a comparison with every
vector (`IndexFlatIP`), which is exact, on the same data in the same run. A graph is kept in a cache
of this run's own; "again" is the index asked for a second time.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import faiss
import numpy as np
from numpy.typing import NDArray

from memalign_bench.memory.embedders import unit_rows
from memalign_bench.memory.indexes import index_of

sys.path.insert(0, str(Path(__file__).parent))

from measured import Measured

WIDTH, LATENT, NEAREST, QUESTIONS = 384, 24, 4, 200


def drawn(count: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Unit vectors: points of a plane of `LATENT` dimensions, and a little beside it."""
    plane = np.random.default_rng(0).standard_normal((LATENT, WIDTH)) / np.sqrt(LATENT)
    found = np.empty((count, WIDTH), dtype=np.float32)
    for at in range(0, count, 50_000):
        part = found[at : at + 50_000]
        points = rng.standard_normal((len(part), LATENT)) @ plane
        part[:] = unit_rows(points + 0.2 * rng.standard_normal(part.shape))
    return found


def nearest(index: Any, question: NDArray[np.float32]) -> list[int]:
    """Places of the nearest, as the episodic memory ranks them."""
    cosines, places = index.search(question, NEAREST)
    return [int(places[at]) for at in np.argsort(-cosines, kind="stable")[:NEAREST]]


class Line(NamedTuple):
    """What so many examples took, beside a comparison with all of them."""

    size: int
    index: str
    built_s: float
    again_s: float
    question_s: float
    compared_s: float
    recall: float

    def __str__(self) -> str:
        """A row of the table."""
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        cells = [
            f"{self.size:,}", self.index, f"{self.built_s:.1f}", f"{self.again_s:.1f}",
            f"{self.question_s * 1e3:.2f}", f"{self.compared_s * 1e3:.2f}",
            f"{self.question_s / self.compared_s:.3f}",
            f"{self.recall:.3f}", f"{peak:,.0f}",
        ]  # fmt: skip
        return f"| {' | '.join(cells)} |"


def line(size: int) -> Line:
    """Build an index of so many examples, ask it, and compare with all of them."""
    rng = np.random.default_rng(size)
    vectors, questions = (drawn(count, rng) for count in (size, QUESTIONS))
    with tempfile.TemporaryDirectory() as cache:
        os.environ["MEMALIGN_BENCH_CACHE"] = cache
        built, _ = timed(vectors)
        again, index = timed(vectors)
    asked = [questions[[at]] for at in range(QUESTIONS)]
    nearest(index, asked[0])
    began = time.perf_counter()
    found = [nearest(index, question) for question in asked]
    took = (time.perf_counter() - began) / QUESTIONS
    flat = faiss.IndexFlatIP(WIDTH)
    flat.add(vectors)
    began = time.perf_counter()
    exact = [flat.search(question, NEAREST)[1][0].tolist() for question in asked]
    flat_took = (time.perf_counter() - began) / QUESTIONS
    recall = np.mean([len(set(a) & set(e)) / NEAREST for a, e in zip(found, exact, strict=True)])
    return Line(size, type(index).__name__, built, again, took, flat_took, float(recall))


def timed(vectors: NDArray[np.float32]) -> tuple[float, Any]:
    """Seconds that an index takes, and the index."""
    began = time.perf_counter()
    index = index_of(vectors)
    return time.perf_counter() - began, index


def main() -> int:
    """Print the table."""
    measure(sys.argv[1:])
    return 0


def measure(words: Sequence[str] = ()) -> list[Measured]:
    """Measure as the words of a command line say, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    heads = ["examples", "index", "built s", "again s", "ms a question", "compared with all, ms",
             "ratio", f"of the {NEAREST} nearest found", "peak MB"]  # fmt: skip
    sys.stdout.write(f"| {' | '.join(heads)} |\n{'|---' * len(heads)}|\n")
    found = []
    for size in parser.parse_args(words).sizes:
        one = line(size)
        sys.stdout.write(f"{one}\n")
        sys.stdout.flush()
        what = f"nearest of {size:,} examples ({one.recall:.0%} found)"
        peer = one.compared_s * 1e3
        found.append(Measured(what, "ms", one.question_s * 1e3, None, peer, "comparing all"))
    return [*found[:-1], found[-1]._replace(limit=1.0)]


if __name__ == "__main__":
    sys.exit(main())
