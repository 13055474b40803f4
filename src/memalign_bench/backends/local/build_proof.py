"""Tests a build of llama.cpp: each trial is a process of its own, which may crash.

Run as a module with a GGUF file it is that process: it asks the model the same question twice and
prints what it found as one line of JSON.
"""

from __future__ import annotations

import json
import math
import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from memalign_bench.errors import BackendError

__all__ = ["TOLERANCE", "Proof", "Trial", "compare_builds", "run_trial"]

TOLERANCE = 0.05
"""How far a grade's probability may lie from that of the wheel in use.

Other arithmetic rounds otherwise: AMX moved one by 0.02 on SmolLM2. A wrong kernel
moves them all.
"""

_N_ROUNDS = 3
_TIMEOUT_SECONDS = 600
_CONTEXT = 2048
_PROMPT = (
    "Grade the work from 1 to 3.\n"
    + 14
    * (
        "The model was fitted on the training part with cross-validation over depth 3, 5 and 7,"
        " and print(df.isna().sum()) came before it.\n"
    )
    + "Grade: "
)
"""Some 500 tokens: long enough that reading, and not the way to the server, takes the time."""

_GRADES = ("1", "2", "3")


class Trial(NamedTuple):
    """What one process measured: probabilities of the grades, twice, and prompt tokens a second."""

    probabilities: tuple[float, ...]
    again: tuple[float, ...]
    rate: float
    features: tuple[str, ...] = ()


class Proof(NamedTuple):
    """A build that stood the proof: its prompt rate and that of the wheel in use, a second."""

    rate: float
    rate_before: float
    factor: float
    features: tuple[str, ...]


Try = Callable[[Path | None], Trial]
"""One trial of the build in a folder, None for the one in use."""


def run_trial(model: Path, folder: Path | None = None) -> Trial:
    """Try the build in a folder (None: the one in use) in a process of its own.

    Raises:
        BackendError: If it crashes, hangs, or cannot answer.
    """
    # First on the path, so that it goes before the wheel that is installed.
    paths = [str(folder or ""), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    # This module, run as a program: see the end of the file.
    command = [sys.executable, "-m", __name__, str(model)]
    try:
        completed = subprocess.run(
            command,
            env=environment,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise BackendError(f"it gave no answer within {_TIMEOUT_SECONDS} s") from error
    # Negative: ended by that signal.
    if completed.returncode < 0:
        raise BackendError(f"it crashed ({signal.Signals(-completed.returncode).name})")
    if completed.returncode:
        lines = completed.stderr.strip().splitlines()
        raise BackendError(f"it failed ({lines[-1] if lines else f'exit {completed.returncode}'})")
    # Of several lines the last: a library may have printed something before it.
    first, again, rate, features = json.loads(completed.stdout.splitlines()[-1])
    return Trial(tuple(first), tuple(again), float(rate), tuple(features))


def compare_builds(folder: Path, trial: Try) -> Proof:
    """Try the build in a folder and the one in use, turn and turn about.

    So both meet the same neighbours on the machine.

    Raises:
        BackendError: If the build crashes, contradicts itself or the one in use, or is no faster.
    """
    pairs = []
    for _ in range(_N_ROUNDS):
        new = trial(folder)
        check_sound(new)
        current = _trial_of_wheel_in_use(trial)
        check_near(new, current)
        pairs.append((new, current))
    if len({new.probabilities for new, _ in pairs}) > 1:
        raise BackendError("it answers otherwise each time it is started")
    # Ratios within a round, whose two trials met the same load; their median passes over a bad one.
    factor = statistics.median(new.rate / current.rate for new, current in pairs)
    # One column a build: the new one, the one in use.
    rates = [statistics.median(column) for column in zip(*_rates(pairs), strict=True)]
    if factor <= 1:
        raise BackendError(f"it is no faster ({rates[0]:.0f} prompt tokens/s, not {rates[1]:.0f})")
    return Proof(rates[0], rates[1], factor, pairs[0][0].features)


def _trial_of_wheel_in_use(trial: Try) -> Trial:
    """A trial of the wheel in use."""
    try:
        return trial(None)
    except BackendError as error:
        raise BackendError(f"the wheel in use could not be tried beside it: {error}") from error


def _rates(pairs: list[tuple[Trial, Trial]]) -> list[tuple[float, float]]:
    """Prompt tokens a second of both builds, in each round."""
    return [(new.rate, current.rate) for new, current in pairs]


def check_sound(trial: Trial) -> None:
    """Refuse probabilities that are none, or that differ when the same is asked again.

    Raises:
        BackendError: If they are.
    """
    shown = ", ".join(f"{chance:.4f}" for chance in trial.probabilities)
    if not math.isclose(math.fsum(trial.probabilities), 1, abs_tol=1e-4):
        raise BackendError(f"its grades' probabilities ({shown}) do not sum to 1")
    if trial.probabilities != trial.again:
        raise BackendError("it gives other bits when it is asked the same again")


def check_near(new: Trial, current: Trial) -> None:
    """Refuse a build that uses nothing new, or whose answers differ by more than rounding.

    Raises:
        BackendError: If it has no feature more than the wheel in use, or a probability is further
            off than `TOLERANCE`.
    """
    if set(new.features) <= set(current.features):
        raise BackendError("it uses no more of the processor than the wheel in use")
    pairs = zip(new.probabilities, current.probabilities, strict=True)
    difference = max(abs(chance - current_chance) for chance, current_chance in pairs)
    # Not `difference > TOLERANCE`, which lets NaN pass.
    if not difference <= TOLERANCE:
        raise BackendError(
            f"a grade's probability is off by {difference:.3f}, more than {TOLERANCE:g}"
        )


def _measure_here(model: Path) -> Trial:
    """Ask the model here, in this process, twice the same."""
    from memalign_bench.backends.local.library import load_llama_cpp

    load_llama_cpp()  # what crashes while it is loaded is to crash first
    from memalign_bench.backends.http.llamacpp import LlamaCppServer
    from memalign_bench.backends.local.features import build_here
    from memalign_bench.backends.local.server import serve

    server = serve(model, _CONTEXT)
    routes = LlamaCppServer(server.listening_address, _TIMEOUT_SECONDS)
    tokens = [routes.tokenize(grade)[0] for grade in _GRADES]
    measurements = []
    for _ in range(2):
        began = time.perf_counter()
        # Without the cache, else the second reading would find the first one's work done.
        chances, mass, usage = routes.measure(_PROMPT, tokens, cached=False)
        rate = usage.prompt_tokens / (time.perf_counter() - began)
        # As the server gave them: made to sum to 1 they would hide that they do not.
        measurements.append((tuple(chance * mass for chance in chances), rate))
    routes.close()
    (first, _), (again, _) = measurements
    # The better rate: the first reading also warms the model up.
    return Trial(first, again, max(rate for _, rate in measurements), build_here().features)


if __name__ == "__main__":
    sys.stdout.write(f"{json.dumps(_measure_here(Path(sys.argv[1])))}\n")
