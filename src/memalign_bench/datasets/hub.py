"""Data sets of the Hugging Face hub, by name and pinned revision, or in a folder of that format."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from memalign_bench.datasets.dataset import LabelledDataset
from memalign_bench.datasets.folder import checked_dataset, read_rows
from memalign_bench.datasets.tabular.reading import TableSettings
from memalign_bench.datasets.tabular.tables import MAX_TABLE_BYTES, Row
from memalign_bench.datasets.tabular.values import number_from
from memalign_bench.errors import DataError, RequestError, first_line
from memalign_bench.types import Rubric

if TYPE_CHECKING:
    import datasets

__all__ = ["HubSource"]

_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class HubSource(TableSettings):
    """A data set as `datasets.load_dataset` reads it; none of its code is ever run.

    Its rows are those of `dataset=files` in one table (see `datasets.folder`).

    Attributes:
        name: Name of the YAML choice.
        repo: Name on the hub ("owner/name"); None where `path` is given.
        revision: Commit of the repository, in full: what a branch holds can change under a study.
        path: A folder of the same format on this machine, instead of the hub.
        config: Its configuration; None for the only or default one.
        split: Its split; a folder that `Dataset.save_to_disk` wrote has none.
        data_files: Files to read where the repository does not say; None for what it says.
    """

    name: str
    repo: str | None = None
    revision: str | None = None
    path: str | None = None
    config: str | None = None
    split: str = "test"
    data_files: str | Sequence[str] | None = None

    def load(self, rubric: Rubric) -> LabelledDataset:
        """Fetch, read and check everything.

        Raises:
            RequestError: If neither or both of `repo` and `path` are given, or the revision is no
                full commit.
            DataError: If it cannot be fetched, or with every problem of its rows.
        """
        self._check_settings()
        where = self.repo or Path(str(self.path)).name
        rows = self._load_rows(where)
        reader = self.reader(rubric)
        contents = read_rows(rows, reader)
        notes: dict[str, Any] = {"notice": self.notice, "texts": self.texts}
        return checked_dataset(where, self.name, contents, reader, **notes)

    def _check_settings(self) -> None:
        """Refuse settings that name no source, or one that could change under a study."""
        if (self.repo is None) == (self.path is None):
            raise RequestError(
                "set one of dataset.repo=OWNER/NAME (with dataset.revision=COMMIT) and"
                f" dataset.path=FOLDER; got repo={self.repo!r} and path={self.path!r}."
            )
        if self.repo is not None and not _COMMIT.fullmatch(self.revision or ""):
            raise RequestError(
                f"dataset.revision={self.revision!r} is no full commit (40 hex digits); copy it"
                " from the data set's history, so that the same rows are read next year."
            )
        if self.path is not None and not Path(self.path).expanduser().is_dir():
            raise DataError(str(self.path), ["there is no such folder; set dataset.path."])

    def _load_rows(self, where: str) -> list[Row]:
        """The rows of the split, with their places."""
        import datasets

        options = {"split": self.split, "data_files": self.data_files}
        # `datasets` raises errors of its own, of the hub, of pyarrow and of the operating system.
        try:
            if self.repo:
                loaded: Any = datasets.load_dataset(
                    self.repo, self.config, revision=self.revision, **options
                )
                return _plain_rows(loaded, where)
            # Its cache knows a folder by name, so it would go on giving what was there before.
            with TemporaryDirectory(prefix="memalign-bench-") as cache:
                path = Path(str(self.path)).expanduser()
                if (path / "state.json").is_file():
                    return _plain_rows(datasets.load_from_disk(path), where)
                loaded = datasets.load_dataset(str(path), self.config, cache_dir=cache, **options)
                return _plain_rows(loaded, where)
        # Of `_plain_rows`, which says itself what is wrong.
        except DataError:
            raise
        except Exception as error:
            cause = first_line(error)[:300]
            keys = "dataset.split=, dataset.config= and dataset.data_files= say what is read"
            raise DataError(
                where, [f"cannot be read ({type(error).__name__}: {cause}); {keys}."]
            ) from error


def _plain_rows(loaded: datasets.Dataset, where: str) -> list[Row]:
    """The rows as plain values; refuses a table over the limit."""
    size = loaded.data.nbytes
    # Before the rows become Python objects.
    if size > MAX_TABLE_BYTES:
        raise DataError(where, [f"{size:,} bytes; the limit is {MAX_TABLE_BYTES:,}."])
    rows = loaded.data.table.to_pylist()
    for column, names in _numeric_classes(loaded.features).items():
        for row in rows:
            place = row[column]
            # -1 stands for no label.
            row[column] = None if place is None or place < 0 else names[place]
    return [Row(f"{where}, row {number}", row) for number, row in enumerate(rows, 1)]


def _numeric_classes(features: Mapping[str, Any]) -> dict[str, list[str]]:
    """Columns of classes with numbers for names: "1" to "5", say, which are stored as 0 to 4."""
    from datasets import ClassLabel

    return {
        column: feature.names
        for column, feature in features.items()
        if isinstance(feature, ClassLabel)
        and all(number_from(name) is not None for name in feature.names)
    }
