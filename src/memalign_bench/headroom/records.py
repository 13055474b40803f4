"""The files of `results/STUDY/headroom/BACKEND/`, written anew as a whole each time.

`answers.parquet`, `sight.parquet` and `bound.parquet` are byte for byte the same when the command
is run again; `thresholds.yaml` is what another corpus is read with; the manifest comes last.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from memalign_bench.errors import RecordError
from memalign_bench.study import records

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["HeadroomRecords", "folder_of", "read_headroom", "write_headroom"]


def _schemas() -> dict[str, pa.Schema]:
    """Columns by file.

    `answers`: `name` is a fact, the place of a criterion from 0, or a grade; `chance` that of yes
    or of the grade; `truth`, `threshold`, `answer` and `seen` are a fact's. `sight`: the experts'
    and the literal convention on the planted facts, the experts' on the judge's answers, and which
    part of the error the item counts to. `bound`: the grade predicted from `source` by labels of
    the other folds.
    """
    import pyarrow as pa

    text, count, flag, real = pa.string(), pa.int32(), pa.bool_(), pa.float64()
    item = {"dimension": text, "item_id": text, "case_id": text, "expert_score": real}
    columns_of_file = {
        "answers": {
            **dict.fromkeys(("dimension", "item_id", "kind", "name"), text),
            **{"chance": real, "truth": flag, "threshold": real, "answer": flag, "seen": flag},
            "prompt_tokens": pa.int64(),
        },
        "sight": {
            **item,
            **dict.fromkeys(("true_grade", "literal_grade", "seen_grade"), count),
            "part": text,
        },
        "bound": {**item, "fold": count, "source": text, "predicted": real},
    }
    return {name: pa.schema(list(columns.items())) for name, columns in columns_of_file.items()}


Rows = Sequence[Mapping[str, Any]]


def folder_of(study_dir: Path, backend: str) -> Path:
    """The folder of one backend's headroom records."""
    return study_dir / "headroom" / backend


def write_headroom(
    folder: Path,
    rows: Mapping[str, Rows],
    thresholds: Mapping[str, Any],
    manifest: Mapping[str, Any],
) -> None:
    """Write all files, the manifest last.

    Args:
        folder: See `folder_of`.
        rows: `answers`, `sight` and `bound`.
        thresholds: As chosen on these items.
        manifest: What else is known; the files' sha256 are added.
    """
    import yaml

    sha256 = {
        name: records.write_rows(folder / f"{name}.parquet", rows[name], schema)
        for name, schema in _schemas().items()
    }
    thresholds_yaml = yaml.safe_dump(dict(thresholds), sort_keys=True, allow_unicode=True)
    records.write_bytes(folder / "thresholds.yaml", thresholds_yaml.encode())
    # Last, as it vouches for the other files.
    records.write_json(folder / "manifest.json", {**manifest, "sha256": sha256})


class HeadroomRecords(dict[str, list[dict[str, Any]]]):
    """Rows by file, with the manifest."""

    manifest: Mapping[str, Any]


def read_headroom(study_dir: Path) -> list[HeadroomRecords]:
    """The headroom records of a study, one a backend, sorted by its name.

    Raises:
        RecordError: If a file is missing, cannot be read, or is not the one its manifest names.
    """
    all_records = []
    for path in sorted((study_dir / "headroom").glob("*/manifest.json")):
        backend_records = HeadroomRecords()
        # By manifest, which is written last: a folder without one is not finished.
        backend_records.manifest = records.read_json(path)
        for name, schema in _schemas().items():
            file = path.with_name(f"{name}.parquet")
            if (
                not file.is_file()
                or records.sha256_of(file) != backend_records.manifest["sha256"][name]
            ):
                raise RecordError(f"{file} is not what its manifest names; run headroom again.")
            backend_records[name] = records.read_rows(file, schema)
        all_records.append(backend_records)
    return all_records
