"""Runs that are killed, stopped, or two at once: the same predictions, nothing paid twice."""

import os
import random
import signal
import subprocess
import sys
import time

import pytest
from tests.backends.loopback import Provider, serving
from tests.programs import heeding_ctrl_c, prepared
from tests.study.killing import CONCURRENCY, IN_FLIGHT, command, finish, predictions, stored, trial

from memalign_bench.study import records

KILLS = 6
"""Half at any moment of the run, half among its calls; none falls among imports (see programs)."""


def as_typed(served, folder, *overrides):
    """The command as a user types it, imports and all."""
    return [sys.executable, "-m", "memalign_bench", *command(served, folder, *overrides)]


@pytest.mark.slow
def test_a_killed_run_goes_on_where_it_stopped(tmp_path):
    rng = random.Random(0)
    prepared(tmp_path)
    with serving(Provider(delay_s=0.03)) as served:
        start = time.monotonic()
        finish(served, tmp_path / "undisturbed")
        longest = time.monotonic() - start
        n_calls = sum(served.answered.values())
        calling = n_calls * served.delay_s / CONCURRENCY
        spans = [(longest, False), (calling, True)] * (KILLS // 2)
        trials = [
            trial(served, tmp_path / str(n), span, rng, asking=asking)
            for n, (span, asking) in enumerate(spans)
        ]
    undisturbed = predictions(tmp_path / "undisturbed")
    assert all(one.predictions == undisturbed for one in trials)
    assert sum(one.killed for one in trials) >= KILLS // 2
    assert any(0 < one.answered < n_calls for one in trials)
    assert all(one.under_way <= IN_FLIGHT for one in trials)
    assert all(one.paid_twice <= one.under_way for one in trials)


@pytest.mark.slow
def test_ctrl_c_stops_at_once_and_says_how_to_go_on(tmp_path):
    # Answers take longer than anyone would wait for them.
    with serving(Provider(delay_s=600)) as served:
        process = subprocess.Popen(
            as_typed(served, tmp_path), stderr=subprocess.PIPE, text=True, start_new_session=True,
            preexec_fn=heeding_ctrl_c,  # noqa: PLW1509  sets a signal and nothing else
        )  # fmt: skip
        while not served.under_way:
            assert process.poll() is None
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Start the same command again" in said
    assert "Traceback" not in said


@pytest.mark.slow
def test_two_processes_sweep_into_one_study_and_one_is_killed(tmp_path):
    sweep = ["-m", "alignment=none,semantic,full", "fold_seed=0,1"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with serving(Provider(delay_s=0.03)) as served:
        first = subprocess.Popen(as_typed(served, tmp_path, *sweep), **quiet)
        second = subprocess.Popen(as_typed(served, tmp_path, *sweep), **quiet)
        while stored(tmp_path) < 40 and second.poll() is None:
            time.sleep(0.02)
        second.kill()
        second.wait()
        assert first.wait() == 0
        done = subprocess.run(as_typed(served, tmp_path, *sweep), capture_output=True, check=False)
        assert done.returncode == 0
        answered = sum(served.answered.values())
    runs = sorted((tmp_path / "killed" / "runs").iterdir())
    assert len(runs) == 6
    for folder in runs:
        rows = records.read_rows(folder / "predictions.parquet", records.predictions_schema())
        assert {row["status"] for row in rows} <= {"scored", "abstained"}
    # What one process is at, the other waits for: only what the killed one had under way, or had
    # in hand and not yet stored, is asked again.
    assert answered - stored(tmp_path) <= IN_FLIGHT
