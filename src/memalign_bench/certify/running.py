"""Simulate all cells on all processors, keeping what is finished, and put them in one table."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context, parent_process
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

from memalign_bench.certify.design import Cell
from memalign_bench.certify.simulation import Tally, cells, simulate
from memalign_bench.errors import RecordError
from memalign_bench.study.records import write_bytes

if TYPE_CHECKING:
    from memalign_bench.study.running.pool import Progress

__all__ = ["certify"]

_DESIGN_VERSION = 1
"""Raised with every change of what is simulated, so that no older cell is taken for a new one."""


def certify(
    folder: Path, *, draws: int, seed: int, workers: int, progress: Progress
) -> list[Tally]:
    """Tallies of all cells; those that lie in `folder` already are read.

    Args:
        folder: Where finished cells are kept, one file each.
        draws: Studies a cell; slow quantities get a share of them.
        seed: Root seed.
        workers: Processes.
        progress: Told of every finished cell.

    Raises:
        RecordError: If a file that should hold a finished cell does not.
    """
    # Cells that an earlier run finished are read, the rest simulated.
    all_cells = cells(draws, seed)
    open_cells = [cell for cell in all_cells if not _cell_file(folder, cell).is_file()]
    progress.start(len(open_cells), "certify")
    try:
        _simulate_all(folder, open_cells, workers, progress)
    finally:
        progress.finish()
    return [
        tally for cell in sorted(all_cells) for tally in _read_tallies(_cell_file(folder, cell))
    ]


def _simulate_all(
    folder: Path, open_cells: Sequence[Cell], workers: int, progress: Progress
) -> None:
    if not open_cells:
        return
    # Spawned, since a fork of a process with threads may hang.
    pool = ProcessPoolExecutor(workers, get_context("spawn"), initializer=_prepare_worker)
    try:
        running = {pool.submit(simulate, cell): cell for cell in open_cells}
        for future in as_completed(running):
            # Each finished cell is kept at once: a run that is stopped goes on from there.
            _write_tallies(_cell_file(folder, running[future]), future.result())
            progress.advance(failed=False)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _prepare_worker() -> None:
    """Make a process of the pool end with the one that began it, however that ends."""
    from threadpoolctl import threadpool_limits

    # Small matrices are slower on several threads, and the processes fill the machine already.
    threadpool_limits(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches every process of a terminal
    Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A pool whose owner was killed would wait for its next task for ever."""
    if owner := parent_process():
        owner.join()
    # Not `sys.exit`, which in a thread ends only the thread.
    os._exit(1)


def _cell_file(folder: Path, cell: Cell) -> Path:
    # The name holds draws and seed as well: other settings are other files.
    return folder / f"{cell.name}-v{_DESIGN_VERSION}.json"


def _write_tallies(path: Path, tallies: Iterable[Tally]) -> None:
    write_bytes(path, json.dumps([tally._asdict() for tally in tallies]).encode())


def _read_tallies(path: Path) -> list[Tally]:
    try:
        return [Tally(**tally) for tally in json.loads(path.read_text())]
    except (ValueError, TypeError) as error:
        raise RecordError(
            f"{path} is no finished cell ({error}); delete it and run again."
        ) from error
