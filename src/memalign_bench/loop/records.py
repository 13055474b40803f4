"""What a run of `generate` leaves on disk: one row a notebook, the notebooks, a manifest.

    RESULTS_DIR/LOOP/generated/RUN_ID/manifest.json       agent, cases, seed, sandbox, totals
    RESULTS_DIR/LOOP/generated/RUN_ID/notebooks.parquet   one row a notebook
    RESULTS_DIR/LOOP/generated/RUN_ID/notebooks/CASE-REPEAT.ipynb

The manifest holds every case in full (`cases`), so whoever scores needs nothing else. A row with a
`path` has a notebook, whatever its `status`: one that was stopped is scored as it stands.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from memalign_bench.errors import RecordError, RequestError
from memalign_bench.study.records import read_manifest, read_rows, sha256_of

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

__all__ = [
    "CRASHED",
    "MADE",
    "NO_NOTEBOOK",
    "OVER_BUDGET",
    "OVER_LIMIT",
    "STATUSES",
    "TIMED_OUT",
    "RunFolder",
    "load_generated",
    "notebooks_schema",
]

MADE = "made"
NO_NOTEBOOK = "no_notebook"
CRASHED = "crashed"
TIMED_OUT = "timed_out"
OVER_LIMIT = "over_limit"
OVER_BUDGET = "over_budget"

STATUSES: Mapping[str, str] = {
    MADE: "there is a notebook; `executed` says whether it ran to its end without an error",
    NO_NOTEBOOK: "the agent ended and left none, or several of which none is named as asked",
    CRASHED: "the agent ended with an error; asked again by the same command",
    TIMED_OUT: "the agent, or its notebook, was stopped by the clock",
    OVER_LIMIT: "its notebook was stopped at a limit of the sandbox",
    OVER_BUDGET: "the money was used up first; asked again by the same command",
}
"""What can become of a notebook that was asked for."""


_MANIFEST_KEYS = ("agent", "cases", "notebooks_sha256")
"""What whoever reads a run relies on."""


def notebooks_schema() -> pa.Schema:
    """Columns of `notebooks.parquet`, one row a notebook, sorted by case and repeat.

    `repeat` counts from 0. `path` is relative to the run's folder, "" where there is no notebook.
    `executed` says that it ran to its end without an error, `error` what went wrong ("" for
    nothing). `cost` is in USD, NaN where it is not known; `seconds` is what the agent's calls and
    the notebook's execution took when they were made.
    """
    import pyarrow as pa

    text, count, real = pa.string(), pa.int64(), pa.float64()
    columns = {
        "case_id": text,
        "case_hash": text,
        "domain": text,
        "task_type": text,
        "dimensions": pa.list_(text),
        "repeat": count,
        "agent": text,
        "path": text,
        "notebook_sha256": text,
        "status": text,
        "executed": pa.bool_(),
        "error": text,
        "prompt_tokens": count,
        "completion_tokens": count,
        "cost": real,
        "seconds": real,
    }
    # No column takes nulls: an unknown cost is NaN.
    return pa.schema([pa.field(name, kind, nullable=False) for name, kind in columns.items()])


class RunFolder:
    """The folder of one run.

    Args:
        path: The folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.manifest = path / "manifest.json"
        self.table = path / "notebooks.parquet"
        self.started = path / ".rows" / "started"
        """Says when the first sitting began."""

    def holds(self, row: Mapping[str, Any]) -> bool:
        """Whether the notebook that a row names is there, and the one that was recorded."""
        path = self.path / row["path"]
        return path.is_file() and bool(sha256_of(path) == row["notebook_sha256"])

    def notebook(self, case_id: str, repeat: int) -> Path:
        """Where a notebook lies."""
        return self.path / "notebooks" / f"{case_id}-{repeat}.ipynb"

    def row(self, case_id: str, repeat: int) -> Path:
        """Where the row of a notebook lies until all are written as one table."""
        return self.path / ".rows" / f"{case_id}-{repeat}.json"

    def steps(self, case_id: str, repeat: int) -> Path:
        """Where an agent keeps what it has done so far for a notebook."""
        return self.path / ".steps" / f"{case_id}-{repeat}"


def load_generated(path: str | Path) -> tuple[dict[str, Any], pd.DataFrame]:
    """The records of one run of `generate`.

    Args:
        path: Its folder, which holds `manifest.json` and `notebooks.parquet`.

    Returns:
        The manifest, and the notebooks as a frame with the columns of `notebooks_schema`.

    Raises:
        RequestError: If the folder is no run, or one that was not finished.
        RecordError: If its files cannot be read, or a notebook is not the one that was recorded.
    """
    import pandas as pd

    folder = RunFolder(Path(path))
    missing = [file.name for file in (folder.manifest, folder.table) if not file.is_file()]
    if missing:
        is_unfinished = (folder.path / ".rows").is_dir()
        # Rows without a table are those of a run that was stopped.
        hint = (
            "start the same command again to finish it." if is_unfinished else "generate makes one."
        )
        raise RequestError(
            f"{folder.path} is no finished run of generate (no {', '.join(missing)}): {hint}"
        )
    manifest = read_manifest(folder.manifest, _MANIFEST_KEYS)
    schema = notebooks_schema()
    rows = read_rows(folder.table, schema)
    # A notebook that was edited would be scored as the agent's.
    changed = [row["path"] for row in rows if row["path"] and not folder.holds(row)]
    if changed:
        raise RecordError(
            f"{folder.path}: {', '.join(changed[:5])} {'is' if len(changed) == 1 else 'are'} not"
            " what was recorded (changed or missing); generate again into a fresh folder."
        )
    return manifest, pd.DataFrame(rows, columns=schema.names)
