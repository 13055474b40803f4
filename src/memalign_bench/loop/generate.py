"""Runs an agent over cases: every notebook recorded, resumable, several at once.

A notebook is written and its row beside it as soon as it is there; a run that is started again
takes what is on disk and makes the rest. Model calls go through the call store, and what an agent
has executed so far is kept with the notebook, so a killed run asks for nothing again that was
answered.
"""

from __future__ import annotations

import datetime as dt
import math
import os
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from memalign_bench.backends.base import Backend
from memalign_bench.backends.prices import Budget
from memalign_bench.backends.store.call_store import CallStore
from memalign_bench.backends.store.stored_backend import StoredBackend
from memalign_bench.errors import (
    BackendError,
    FailedCallError,
    MemalignError,
    OverBudgetError,
    UnreadableError,
)
from memalign_bench.loop.agents.base import Draft, Order, shorten
from memalign_bench.loop.cases import Case
from memalign_bench.loop.generate_spec import GenerationSpec, check_ready
from memalign_bench.loop.records import (
    CRASHED,
    MADE,
    OVER_BUDGET,
    STATUSES,
    notebooks_schema,
)
from memalign_bench.seeding import child_seed
from memalign_bench.study import provenance
from memalign_bench.study.records import (
    read_manifest,
    sha256_of,
    write_bytes,
    write_json,
    write_rows,
)
from memalign_bench.study.running.pool import Clock, Progress
from memalign_bench.types import NO_MODEL, Usage
from memalign_bench.wording import counted

__all__ = ["GenerationOutcome", "generate"]

_RETRIED = (CRASHED, OVER_BUDGET)
"""Statuses of notebooks that the same command tries again."""


class NotebookKey(NamedTuple):
    """Which notebook of a run."""

    case_id: str
    repeat: int


class GenerationOutcome(NamedTuple):
    """What became of a run.

    Attributes:
        run_id: Its name.
        path: Its folder.
        counts: Notebooks by status.
        made: Notebooks of this sitting; 0 where the run was complete.
        not_executed: How many notebooks there are that did not run to their end without an error.
        failures: One line for each row without a notebook, or stopped.
    """

    run_id: str
    path: Path
    counts: Mapping[str, int]
    made: int
    not_executed: int
    failures: tuple[str, ...]


def generate(spec: GenerationSpec, progress: Progress | None = None) -> GenerationOutcome:
    """Make what is missing of a run's notebooks, and write its records.

    Raises:
        RequestError: If the sandbox, the data or the agent cannot be had here.
        DataError: If what the agent reads has problems.
        BackendError: If the model cannot serve at all, or time that was set is used up; what was
            made is kept.
    """
    check_ready(spec)
    sitting = _Sitting(spec, progress or Progress())
    missing = [key for key in sitting.keys if key not in sitting.rows]
    if missing:
        sitting.work(missing)
    return sitting.close(len(missing))


@dataclass
class _Sitting:
    """One sitting of a run: takes the rows that are on disk and adds those that are missing."""

    spec: GenerationSpec
    progress: Progress
    rows: dict[NotebookKey, dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.started = _utc_now()
        self.folder = self.spec.folder
        self.clock = Clock(self.spec.max_minutes)
        self.case = {case.case_id: case for case in self.spec.cases.cases}
        self.keys = [NotebookKey(name, r) for name in sorted(self.case) for r in range(self.spec.n)]
        for key in self.keys:
            if row := self._finished_row(key):
                self.rows[key] = row

    def _finished_row(self, key: NotebookKey) -> dict[str, Any] | None:
        """The row of an earlier sitting, if it is final and its notebook the one recorded."""
        path = self.folder.row(*key)
        if not path.is_file():
            return None
        row = read_manifest(path, notebooks_schema().names)
        # JSON has no NaN: an unknown cost is null in the row, NaN in the table.
        row["cost"] = math.nan if row["cost"] is None else row["cost"]
        is_intact = not row["path"] or self.folder.holds(row)
        return row if is_intact and row["status"] not in _RETRIED else None

    def work(self, missing: Sequence[NotebookKey]) -> None:
        """Make the missing notebooks, several at once; Ctrl-C leaves what is done."""
        # Kept over sittings: the manifest tells when the first of them began.
        if not self.folder.started.is_file():
            write_bytes(self.folder.started, self.started.encode())
        sandbox = self.spec.sandbox
        if self.spec.agent.needs.sandbox and (caution := sandbox.caution()):
            self.progress.warn(f"sandbox={sandbox.name}: {caution}")
        self.progress.start(len(missing), self.spec.run_id)
        try:
            with _workshop(self.spec) as shop:
                self._write_notebooks(shop, list(missing))
        finally:
            self.progress.finish()

    def _write_notebooks(self, shop: _Workshop, waiting: list[NotebookKey]) -> None:
        # The processors that this process may use, not all of the machine.
        workers = self.spec.workers or min(8, len(os.sched_getaffinity(0)))
        pool = ThreadPoolExecutor(workers, thread_name_prefix="generate")
        under_way: dict[Future[Draft], NotebookKey] = {}
        # Popped from the end, so the order of the keys is kept.
        waiting.reverse()
        stop_error: MemalignError | None = None
        try:
            # After an error nothing is begun any more, and what is under way is waited for.
            while under_way or (waiting and stop_error is None):
                while waiting and stop_error is None and len(under_way) < workers:
                    if self.clock.left() == 0:
                        stop_error = self._out_of_time(len(waiting))
                        break
                    key = waiting.pop()
                    draft = pool.submit(shop.draft, self.case[key.case_id], key.repeat)
                    under_way[draft] = key
                # Recorded here, in one thread: workers only write drafts.
                for future in wait(under_way, return_when=FIRST_COMPLETED).done:
                    key = under_way.pop(future)
                    try:
                        self._record(key, future.result())
                    except MemalignError as error:
                        # The first error ends the run, once what is under way is recorded.
                        stop_error = stop_error or error
        finally:
            # Whoever stops a run does not wait for notebooks under way; they end with it.
            pool.shutdown(wait=not under_way, cancel_futures=True)
        if stop_error is not None:
            raise stop_error

    def _out_of_time(self, n_left: int) -> BackendError:
        return BackendError(
            f"max_minutes={self.clock.max_minutes:g} is over with {counted(n_left, 'notebook')} to"
            " go; what was made is kept, and the same command goes on from there."
        )

    def _record(self, key: NotebookKey, draft: Draft) -> None:
        """Write a notebook, then its row."""
        path, sha256 = self.folder.notebook(*key), ""
        if draft.content is not None:
            # The row is written last: it stands for a complete notebook.
            write_bytes(path, draft.content.encode())
            sha256 = sha256_of(path)
        case, usage = self.case[key.case_id], draft.usage
        row = {
            "case_id": case.case_id,
            "case_hash": case.hash,
            "domain": case.domain,
            "task_type": case.task_type,
            "dimensions": list(case.dimensions),
            "repeat": key.repeat,
            "agent": self.spec.agent.name,
            "path": f"notebooks/{path.name}" if sha256 else "",
            "notebook_sha256": sha256,
            "status": draft.status,
            "executed": draft.executed,
            "error": shorten(draft.error),
            "prompt_tokens": usage.prompt_tokens,
            "completion_tokens": usage.completion_tokens,
            "cost": usage.cost_usd,
            "seconds": round(draft.seconds, 3),
        }
        write_json(self.folder.row(*key), row)
        self.rows[key] = row | {"cost": math.nan if row["cost"] is None else row["cost"]}
        self.progress.advance(failed=not sha256)

    def close(self, made: int) -> GenerationOutcome:
        """Write the table and the manifest, unless they stand."""
        # In the order of the keys, whichever was finished first.
        rows = [self.rows[key] for key in self.keys]
        if made or not self.folder.manifest.is_file():
            sha256 = write_rows(self.folder.table, rows, notebooks_schema())
            write_json(self.folder.manifest, self._manifest(rows, sha256))
        return GenerationOutcome(
            self.spec.run_id,
            self.folder.path,
            _counts(rows),
            made,
            sum(bool(row["path"]) and not row["executed"] for row in rows),
            tuple(_failure_line(row) for row in rows if row["status"] != MADE),
        )

    def _manifest(self, rows: Sequence[Mapping[str, Any]], sha256: str) -> dict[str, Any]:
        spec = self.spec
        return {
            "run_id": spec.run_id,
            "loop": spec.loop,
            "status": "failures" if any(row["status"] in _RETRIED for row in rows)
            else "complete",
            "agent": spec.agent.name,
            "agent_spec": dict(spec.agent.identity()),
            "backend": spec.asks.name if spec.asks else NO_MODEL,
            "model": spec.asks.model_name if spec.asks else NO_MODEL,
            "cases_name": spec.cases.source.name,
            "cases_digest": spec.cases.digest,
            "cases": [case.record() | {"hash": case.hash} for case in spec.cases.cases],
            "notice": spec.cases.source.notice,
            "rubric": spec.rubric.name,
            "n": spec.n,
            "seed": spec.seed,
            "sandbox": {"name": spec.sandbox.name, **spec.sandbox.identity()}
            if spec.agent.needs.sandbox
            else None,
            "counts": _counts(rows),
            "totals": _totals(rows),
            "identity": spec.identity(),
            "versions": provenance.versions(),
            "git": provenance.code_state(),
            "started": self.folder.started.read_text(),
            "finished": _utc_now(),
            "notebooks_sha256": sha256,
        }  # fmt: skip


@contextmanager
def _workshop(spec: GenerationSpec) -> Iterator[_Workshop]:
    """Data, model and sandbox for writing notebooks, let go of when the sitting ends."""
    with ExitStack() as opened:
        folder = opened.enter_context(tempfile.TemporaryDirectory(prefix="memalign-data-"))
        backend = None
        if spec.asks:
            store = opened.enter_context(CallStore(spec.store_path, spec.run_id))
            budget = None if spec.budget_usd is None else Budget(spec.budget_usd, store.spent())
            backend = opened.enter_context(StoredBackend(spec.asks, store, budget=budget))
        yield _Workshop(spec, Path(folder), backend)


class _Workshop:
    """What notebooks are written with.

    Args:
        spec: What to write.
        data_dir: Where the cases' data are put.
        backend: The model; None for an agent that asks none.
    """

    def __init__(self, spec: GenerationSpec, data_dir: Path, backend: Backend | None) -> None:
        self.spec = spec
        self.backend = backend
        self._data_dir = data_dir
        self._lock = threading.Lock()
        self._files: dict[str, tuple[Path, ...]] = {}

    def draft(self, case: Case, repeat: int) -> Draft:
        """Have one notebook written; an agent's failure becomes a status, no exception."""
        spec = self.spec
        # Of case and repeat alone: order and number of workers decide nothing.
        seed = child_seed(spec.seed, "notebook", case.case_id, repeat)
        steps = spec.folder.steps(case.case_id, repeat)
        order = Order(
            case, repeat, spec.seed, seed, self._data(case), spec.sandbox, self.backend, steps
        )
        try:
            return spec.author.write(order)
        # Other errors of the backend end the run; these concern one notebook.
        except OverBudgetError as error:
            return Draft.nothing(str(error), OVER_BUDGET)
        except FailedCallError as error:
            usage = error.cost.usage if error.cost else Usage()
            return Draft.nothing(f"the model gave no usable answer: {error}", CRASHED, usage=usage)
        except UnreadableError as error:
            return Draft.nothing(f"what it left is no notebook: {'; '.join(error.problems)}")

    def _data(self, case: Case) -> tuple[Path, ...]:
        if not self.spec.agent.needs.data:
            return ()
        # Several threads may ask for one case's data at once; they are made once.
        with self._lock:
            if case.case_id not in self._files:
                self._files[case.case_id] = self.spec.cases.source.files(case, self._data_dir)
            return self._files[case.case_id]


def _counts(rows: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    by_status = Counter(row["status"] for row in rows)
    executed = sum(bool(row["executed"]) for row in rows)
    return {"notebooks": len(rows), "executed": executed} | {
        status: by_status[status] for status in STATUSES
    }


def _totals(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    costs = [row["cost"] for row in rows if not math.isnan(row["cost"])]
    return {
        "prompt_tokens": sum(row["prompt_tokens"] for row in rows),
        "completion_tokens": sum(row["completion_tokens"] for row in rows),
        "cost_usd": sum(costs) if costs else None,
        "seconds": round(sum(row["seconds"] for row in rows), 3),
    }


def _failure_line(row: Mapping[str, Any]) -> str:
    return f"{row['case_id']}, {row['repeat']}: {row['status']}: {row['error']}"


def _utc_now() -> str:
    return dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
