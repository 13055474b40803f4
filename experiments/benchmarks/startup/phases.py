"""Where a command's processor time goes: a child runs it under a clock and writes seconds by phase.

Modules are timed by the library that they belong to, functions by the phases of `PHASES`, each
without what runs inside it; only the main thread is looked at, the rest is `other threads`.
"""

from __future__ import annotations

import functools
import importlib.abc
import json
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PHASES = {
    "memalign_bench.config.compositions": {"composed": "composition"},
    "memalign_bench.config.building": {"build": "checking the request"},
    "memalign_bench.study.plan": {"make_plan": "data set and plan"},
    "memalign_bench.study.splits": {"check_foldable": "folds", "GroupKFold.assign": "folds"},
    "memalign_bench.notebooks.parse": {"read_notebook": "notebooks"},
    "memalign_bench.notebooks.views": {"render_view": "views"},
    "memalign_bench.study.running.pool": {"Pool.work": "aligning and asking"},
    "memalign_bench.backends.store.call_store": {"CallStore.__init__": "store"},
    "memalign_bench.study.tracking": {
        "MlflowTracker.log_run": "tracking",
        "MlflowTracker.log_report": "tracking",
    },
    "memalign_bench.study.records": {
        "read_rows": "records read",
        "write_rows": "writing",
        "write_bytes": "writing",
    },
    "memalign_bench.report.numbers.frames": {"load_study": "records read"},
    "memalign_bench.report.build": {"make_numbers": "numbers", "make_tables": "numbers"},
    "memalign_bench.report.drawing.panels": {"render": "figures saved"},
    "memalign_bench.report.page.page": {"render_page": "page"},
}
"""Module -> function -> phase."""

LIBRARIES = (
    "memalign_bench", "hydra", "omegaconf", "antlr4", "numpy", "pandas", "pyarrow", "scipy",
    "sklearn", "matplotlib", "seaborn", "fontTools", "datasets", "dspy", "litellm", "mlflow",
    "faiss",
)  # fmt: skip
"""Imports told apart; what a library imports counts as its own unless it stands here too."""

_spent: Counter[str] = Counter()
_open: list[str] = ["the rest"]
_since = time.thread_time()


def _charge() -> None:
    global _since  # noqa: PLW0603
    now = time.thread_time()
    _spent[_open[-1]] += now - _since
    _since = now


@contextmanager
def span(name: str) -> Iterator[None]:
    """Charge what runs in here to a phase, where the main thread runs it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _charge()
    _open.append(name)
    try:
        yield
    finally:
        _charge()
        _open.pop()


def _timed(name: str, work: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(work)
    def called(*args: Any, **named: Any) -> Any:
        with span(name):
            return work(*args, **named)

    return called


class _Clock(importlib.abc.MetaPathFinder):
    """Finds modules as Python would, and times their loading."""

    def find_spec(self, name: str, path: Any, target: Any = None) -> Any:
        for finder in sys.meta_path:
            found = None if finder is self else finder.find_spec(name, path, target)
            if found is not None:
                self._clock(name, found.loader)
                return found
        return None

    def _clock(self, name: str, loader: Any) -> None:
        if loader is None or isinstance(loader, type):
            return  # built in or frozen
        top = name.partition(".")[0]
        # A library that nobody names is charged to whoever imports it.
        phase = f"import {top}" if top in LIBRARIES else None
        plain = loader.exec_module

        def execute(module: Any) -> None:
            with span(phase or (_open[-1] if _open[-1].startswith("import ") else "import others")):
                plain(module)
            for where, told in PHASES.get(name, {}).items():
                owner, _, attribute = where.rpartition(".")
                holder = getattr(module, owner) if owner else module
                setattr(holder, attribute, _timed(told, getattr(holder, attribute)))

        loader.exec_module = execute


def main(out: Path, words: list[str]) -> int:
    """Run a command's words under the clock."""
    sys.meta_path.insert(0, _Clock())
    with span("import memalign_bench"):
        from memalign_bench.cli import main as command
    code = command(words)
    _charge()
    _spent["other threads"] = max(0.0, time.process_time() - time.thread_time())
    out.write_text(json.dumps(_spent))
    return code


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
