"""Progress with time left, on the terminal or as plain lines in a log."""

from __future__ import annotations

import sys
import time
from typing import Any

from memalign_bench.study.running.pool import Progress

__all__ = ["ConsoleProgress"]

_LOG_EVERY_S = 30.0


class ConsoleProgress(Progress):
    """A bar with time left where a person looks, a line every half minute where nobody does."""

    def __init__(self) -> None:
        # Of rich, which is loaded only where a bar is shown.
        self._bar: Any = None
        self._task: Any = None
        self._done = self._failed = self._total = 0
        self._began = self._logged = 0.0
        self._label = ""

    def warn(self, text: str) -> None:
        """Say it on a line of its own; the bar is not there yet."""
        sys.stderr.write(f"{text}\n")

    def start(self, total: int, label: str) -> None:
        """Begin with `total` questions (0: show nothing); a run may begin again, to attribute."""
        self._total, self._label = total, label
        self._done = self._failed = 0
        # Not the time of day, which may be set while a run goes on.
        self._began = self._logged = time.monotonic()
        if not total or not sys.stderr.isatty():
            return
        # rich's `Progress` hides the base class of that name until the method ends.
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )

        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}"),
            # Results go to standard output, which may be piped.
            console=Console(stderr=True),
        )
        self._bar.start()
        self._task = self._bar.add_task(label, total=total, note="")

    def advance(self, *, failed: bool) -> None:
        """Count one more answer."""
        self._done += 1
        self._failed += failed
        if self._bar:
            note = f"[red]{self._failed} failed" if self._failed else ""
            self._bar.update(self._task, advance=1, note=note)
        elif self._total and time.monotonic() - self._logged > _LOG_EVERY_S:
            self._log()

    def finish(self) -> None:
        """Take the bar away."""
        if self._bar:
            self._bar.stop()
            self._bar = None

    def _log(self) -> None:
        self._logged = time.monotonic()
        # Called once an answer has been counted, so nothing is divided by 0.
        left = (self._logged - self._began) / self._done * (self._total - self._done)
        failed = f", {self._failed} failed" if self._failed else ""
        sys.stderr.write(
            f"{self._label}: {self._done} of {self._total}{failed}, {left / 60:.1f} min left\n"
        )
