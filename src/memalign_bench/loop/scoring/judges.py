"""The judges of a folder that `export_judge` wrote: one a dimension, over shared models."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from memalign_bench.backends.base import BackendSpec
from memalign_bench.backends.prices import Budget
from memalign_bench.backends.store.call_store import CallStore, canonical_json
from memalign_bench.backends.store.stored_backend import StoredBackend
from memalign_bench.errors import DataError, RequestError
from memalign_bench.loop.claims.labelled import LabelledSample
from memalign_bench.shipping.loading import (
    LoadedJudge,
    SpecOf,
    judge_of,
    judging_model,
    read_judge,
)
from memalign_bench.study.spec import digest_of
from memalign_bench.types import Scale

__all__ = ["JudgeFolder", "open_judges", "read_folder"]

_DECIDING_KEYS = ("judge", "reading", "view", "facts", "embedding", "held_out")
"""What of a judge's file decides scores, and what can be claimed from them; its model besides."""


@dataclass(frozen=True)
class JudgeFolder:
    """Judges as their files say, one a dimension, before any model is there.

    Attributes:
        path: The folder.
        records: Dimension -> what its file says.
    """

    path: Path
    records: Mapping[str, Mapping[str, Any]]

    @property
    def digest(self) -> str:
        """Twelve hex digits of all that decides scores and claims."""
        deciding = {name: _deciding_values(record) for name, record in self.records.items()}
        return digest_of(deciding)[:12]

    @property
    def scale(self) -> Scale:
        """The grades that all of them give."""
        value = next(iter(self.records.values()))["judge"]["rubric"]["scale"]
        return Scale(tuple(value["grades"]), tuple(value["words"]))

    def chosen(self, dimensions: Sequence[str] | None) -> JudgeFolder:
        """The judges of some dimensions.

        Raises:
            RequestError: If one has no judge here.
        """
        if dimensions is None:
            return self
        unknown = sorted(set(dimensions) - set(self.records))
        if unknown or not dimensions:
            raise RequestError(
                f"dimensions={list(dimensions)}: {self.path} has no judge of {unknown}; it has"
                f" {', '.join(self.records)}."
            )
        selected = {
            name: record for name, record in self.records.items() if name in set(dimensions)
        }
        return JudgeFolder(self.path, selected)

    def manifest(self) -> dict[str, Any]:
        """What records keep of the judges: who they are, and their labelled samples."""
        first = next(iter(self.records.values()))
        return {
            "digest": self.digest,
            "variant": first.get("variant"),
            "backend": first["backend"]["name"],
            "model": first["backend"]["model"],
            "study": first.get("study"),
            "data": first.get("data"),
            "scale": {"grades": [*self.scale.grades], "words": [*self.scale.words]},
            "dimensions": {
                name: {
                    "title": record["judge"]["rubric"]["dimension"]["title"],
                    "rubric_digest": digest_of(record["judge"]["rubric"]),
                    "reading": record["reading"],
                    "scores": record.get("scores"),
                    "held_out": record.get("held_out"),
                }
                for name, record in self.records.items()
            },
        }


def read_folder(path: Path) -> JudgeFolder:
    """Read the judges of a folder.

    Raises:
        RequestError: If there is no judge in it.
        DataError: With every file that is no judge, or judges that do not go together.
    """
    # A folder, or the file of a single judge.
    files = sorted(path.glob("*.json")) if path.is_dir() else [path] if path.is_file() else []
    # A folder of a study instead of one of its judges: say which there are.
    subfolders = sorted({str(file.parent) for file in path.glob("judges/*/*.json")})
    if subfolders:
        raise RequestError(f"no judge in {path}; there are {', '.join(subfolders)}.")
    if not files:
        raise RequestError(
            f"no judge in {path}; `memalign-bench export_judge study=NAME alignment=...` writes a"
            " folder of them, one file a dimension."
        )
    records: dict[str, Mapping[str, Any]] = {}
    problems = []
    # Every file is read before anything is refused.
    for file in files:
        try:
            record = read_judge(file)
            name = record["judge"]["rubric"]["dimension"]["name"]
            _check_describable(file, name, record)
        except DataError as error:
            problems += [f"{file.name}: {problem}" for problem in error.problems]
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            problems.append(f"{file.name}: {error} is missing or not what it should be")
        else:
            if name in records:
                problems.append(f"{file.name}: another file of it judges {name} too")
            records[name] = record
    # Grades of two scales cannot stand in one table.
    scales = {canonical_json(record["judge"]["rubric"]["scale"]) for record in records.values()}
    if len(scales) > 1:
        problems.append(f"its judges have several scales: {', '.join(sorted(scales))}")
    if problems:
        raise DataError(str(path), problems)
    return JudgeFolder(path, records)


def _check_describable(file: Path, name: str, record: Mapping[str, Any]) -> None:
    """Read all that records will hold of a judge, so that what is wrong shows before any score.

    Raises:
        KeyError, TypeError, ValueError, AttributeError: If a value is missing, or another kind.
    """
    for entry in JudgeFolder(file, {name: record}).manifest()["dimensions"].values():
        LabelledSample.of(entry["held_out"])


@contextmanager
def open_judges(
    folder: JudgeFolder,
    spec_of: SpecOf,
    store: CallStore,
    *,
    backend: BackendSpec | None = None,
    budget_usd: float | None = None,
) -> Iterator[dict[str, LoadedJudge]]:
    """Dimension -> its judge, over as few models as there are; closed at the end.

    Args:
        folder: The judges.
        spec_of: Makes the models that files name (`config.backend_from`).
        store: Where calls are kept.
        backend: The judges' model, where it is reached in another way than the files say.
        budget_usd: Stop before the calls in the store cost more than this together.

    Raises:
        RequestError: If the model is another than the one that a judge was aligned for.
        DataError: If a file is no judge.
    """
    budget = None if budget_usd is None else Budget(budget_usd, store.spent())
    models: dict[str, StoredBackend] = {}
    with ExitStack() as stack:

        def model(chosen: BackendSpec) -> StoredBackend:
            # Judges of nine dimensions share one model, its limits and its budget.
            key = canonical_json(chosen.identity())
            if key not in models:
                models[key] = stack.enter_context(StoredBackend(chosen, store, budget=budget))
            return models[key]

        judges = {}
        for name, record in folder.records.items():
            where = folder.path / f"{name}.json"
            judging = model(judging_model(where, record, spec_of, backend))
            # A file that names no model for embedding leaves that to the judge's own.
            embedding = record["embedding"]
            judges[name] = judge_of(
                where, record, judging, model(spec_of(embedding)) if embedding else judging
            )
        yield judges


def _deciding_values(record: Mapping[str, Any]) -> dict[str, Any]:
    values = {key: record.get(key) for key in _DECIDING_KEYS}
    # The address is left out: the same model behind another port is the same judge.
    return values | {"model": {**record["backend"]["identity"], "base_url": None}}
