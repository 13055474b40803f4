"""Kills a small study at random moments and resumes it: nothing lost, nothing paid for twice?

    .venv/bin/python experiments/benchmarks/kills.py 200

Each trial starts the study of `tests/study/killing.py` at a loopback provider that counts what it
answers, kills it with SIGKILL at a random moment, and runs it again to its end. Every fourth moment
is drawn from the length of an undisturbed run, start and end included, the others from the time
that its calls take. Prints a table (Ctrl-C: of the trials so far); exits with 1 where a trial's
predictions differ or more was paid twice than was under way.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.backends.loopback import Provider, serving
from tests.study.killing import CONCURRENCY, Trial, finish, predictions, trial

SEED = 0
DELAY_S = 0.1


def main(n_trials: int) -> int:
    """Run the trials and print the table."""
    rng = random.Random(SEED)
    with tempfile.TemporaryDirectory() as name, serving(Provider(delay_s=DELAY_S)) as served:
        folder = Path(name)
        start = time.monotonic()
        finish(served, folder / "undisturbed")
        longest = time.monotonic() - start
        undisturbed = predictions(folder / "undisturbed")
        n_calls = sum(served.answered.values())
        calling = n_calls * DELAY_S / CONCURRENCY
        trials: list[Trial] = []
        with suppress(KeyboardInterrupt):
            for number in range(n_trials):
                asking = number % 4 > 0
                span = calling if asking else longest
                trials.append(trial(served, folder / str(number), span, rng, asking=asking))
                sys.stderr.write(f"\r{number + 1} of {n_trials}")
    sys.stderr.write("\n")
    return told(trials, undisturbed, longest, n_calls)


def told(trials: list[Trial], undisturbed: bytes, longest: float, n_calls: int) -> int:
    """Print what the trials came to; 1 where the promise was broken."""
    killed = [one for one in trials if one.killed]
    differ = sum(one.predictions != undisturbed for one in trials)
    beyond = sum(max(0, one.paid_twice - one.under_way) for one in trials)
    lines = {
        "trials": len(trials),
        "calls of a run": n_calls,
        "killed while running": len(killed),
        "killed between the first answer and the last": sum(
            0 < one.answered < n_calls for one in killed
        ),
        "length of an undisturbed run (s)": f"{longest:.1f}",
        "predictions that differ": differ,
        "calls under way when killed, all trials": sum(one.under_way for one in trials),
        f"calls under way when killed, the most ({CONCURRENCY} at a time)": max(
            (one.under_way for one in trials), default=0
        ),
        "calls paid twice": sum(one.paid_twice for one in trials),
        "calls paid twice beyond those under way": beyond,
    }
    for name, value in lines.items():
        sys.stdout.write(f"| {name} | {value} |\n")
    return 1 if differ or beyond else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 200))
