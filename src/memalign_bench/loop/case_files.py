"""Sources of test cases: the bundled ones, or a YAML or table of the user's."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from memalign_bench.datasets.bundled import bundled_path
from memalign_bench.datasets.tabular.tables import Row, read_table
from memalign_bench.errors import DataError, RequestError
from memalign_bench.loop.cases import Case, DataFile
from memalign_bench.study.records import sha256_of
from memalign_bench.types import Rubric

__all__ = ["BundledCases", "CaseFile"]

GENERATOR_ACTIONS = "memalign_bench.corpus"
"""Group of the entry points with which the generator of the bundled corpus offers what it does."""

_TEXT_KEYS = ("case_id", "prompt", "context", "domain", "task_type", "size", "complexity")
_LIST_KEYS = ("dimensions", "data", "tags")
_NAME = re.compile(r"[A-Za-z0-9][\w.-]*")


@dataclass(frozen=True)
class BundledCases:
    """The cases of a bundled corpus; their data are made by its generator.

    Attributes:
        name: Name of the YAML choice.
        seed: 0 (reported, 25 cases) or 1 (development, 12).
        notice: What every reader of numbers from these cases must know.
    """

    name: str
    seed: int = 0
    notice: str = ""

    def load(self, rubric: Rubric) -> tuple[Case, ...]:
        """All cases of the corpus, sorted by id."""
        path = bundled_path(self.seed) / "cases.jsonl"
        table = read_table(path)
        reader = _CaseReader(rubric, path.parent, made_by=f"genie_synth seed {self.seed}")
        return reader.cases(path.name, table.rows, table.problems)

    def files(self, case: Case, made_dir: Path) -> tuple[Path, ...]:
        """The case's data, written by the generator into a folder of the case's name.

        Raises:
            RequestError: If the generator is not installed.
        """
        folder = made_dir / case.case_id
        # By entry point: the generator is a distribution of its own, which imports this package.
        generators = entry_points(group=GENERATOR_ACTIONS, name="data")
        if not generators:
            raise RequestError(
                "the bundled cases' data are made by their generator (distribution genie-synth),"
                " which is not installed: in a checkout of memalign-bench, pip install"
                " ./experiments/genie_synth. Agents that need no data (bundled, oracle, empty,"
                " folder) do without."
            )
        if not folder.is_dir():
            write: Callable[[int, str, Path], None] = next(iter(generators)).load()
            # Renamed when complete, so that nobody finds a folder that lacks a file.
            made_dir.mkdir(parents=True, exist_ok=True)
            with TemporaryDirectory(dir=made_dir, prefix=".making-") as making:
                complete = Path(making) / case.case_id
                complete.mkdir()
                write(self.seed, case.case_id, complete)
                try:
                    complete.rename(folder)
                except OSError:
                    if not folder.is_dir():  # else another thread was first, with the same files
                        raise
        return tuple(folder / file.name for file in case.data)


@dataclass(frozen=True)
class CaseFile:
    """The user's cases: a YAML (a list of cases, or case ids with their keys) or a table.

    A case has `case_id` and `prompt` and, where known, context, domain, task_type, size,
    complexity, dimensions (all, where left out), data (files beside the YAML or table) and tags. In
    a csv the entries of a list are separated by `;` or `,`.

    Attributes:
        name: Name of the YAML choice.
        path: The file.
        notice: What every reader of numbers from these cases must know.
    """

    name: str
    path: str
    notice: str = ""

    def load(self, rubric: Rubric) -> tuple[Case, ...]:
        """All cases, sorted by id.

        Raises:
            DataError: With every problem found.
        """
        path = Path(self.path).expanduser()
        if path.suffix in (".yaml", ".yml"):
            rows, problems = _yaml_rows(path)
        else:
            table = read_table(path)
            rows, problems = table.rows, table.problems
        return _CaseReader(rubric, path.parent).cases(str(path), rows, problems)

    def files(self, case: Case, made_dir: Path) -> tuple[Path, ...]:
        """The case's data, where they lie beside the file."""
        return tuple(Path(self.path).expanduser().parent / file.name for file in case.data)


def _yaml_rows(path: Path) -> tuple[list[Row], list[str]]:
    import yaml

    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        return [], [f"cannot be read ({type(error).__name__})."]
    except yaml.YAMLError as error:
        return [], [f"no YAML: {' '.join(str(error).split())}"]
    # A file may hold the list itself, or have it under the one key `cases`.
    if isinstance(content, dict) and set(content) == {"cases"}:
        content = content["cases"]
    # Case ids with their keys: the id becomes a key like the others.
    if isinstance(content, dict):
        content = [
            {"case_id": key, **value} if isinstance(value, dict) else value
            for key, value in content.items()
        ]
    if not isinstance(content, list) or not content:
        return [], ["must be a list of cases, or case ids with their keys."]
    rows, problems = [], []
    for number, entry in enumerate(content, 1):
        if isinstance(entry, dict):
            rows.append(Row(f"case {number}", entry))
        else:
            problems.append(f"case {number}: must be a mapping of keys, got {entry!r:.60}.")
    return rows, problems


@dataclass(frozen=True)
class _CaseReader:
    """Turns rows into cases, and collects every problem of every row first."""

    rubric: Rubric
    folder: Path
    made_by: str = ""

    def cases(
        self, where: str, rows: Sequence[Row], read_problems: Sequence[str]
    ) -> tuple[Case, ...]:
        problems = list(read_problems)
        by_id: dict[str, Case] = {}
        # All rows are checked before one is made a case: reading it relies on what is checked.
        for row in rows:
            problems += [f"{row.place}: {fault}" for fault in self._row_problems(row.values)]
        if problems:
            raise DataError(where, problems)
        for row in rows:
            case = self._to_case(row.values)
            if case.case_id in by_id:
                problems.append(f"{row.place}: case {case.case_id!r} stands twice.")
            by_id[case.case_id] = case
        if problems:
            raise DataError(where, problems)
        return tuple(by_id[case_id] for case_id in sorted(by_id))

    def _row_problems(self, values: Mapping[str, Any]) -> Iterator[str]:
        yield from _key_problems(values)
        case_id = _text_of(values, "case_id")
        if not _NAME.fullmatch(case_id):
            yield (
                f"case_id must be letters, digits, '-', '_' or '.', got {case_id!r}: files are"
                " named after it."
            )
        if not _text_of(values, "prompt"):
            yield f"case {case_id!r} has no prompt."
        known = list(self.rubric.dimensions)
        if unknown_dimensions := [
            name for name in _list_entries(values, "dimensions") if name not in known
        ]:
            yield f"unknown dimensions {unknown_dimensions}; the rubric has {', '.join(known)}."
        # Data that a generator makes need not lie on disk yet.
        for name in _list_entries(values, "data") if not self.made_by else ():
            if not (self.folder / name).is_file():
                yield f"data: there is no file {name!r} in {self.folder}."
        # All files of a case are put into one folder.
        names = [Path(name).name for name in _list_entries(values, "data")]
        if len(names) != len(set(names)):
            yield f"data: two files have one name: {sorted(names)}."

    def _to_case(self, values: Mapping[str, Any]) -> Case:
        asked = _list_entries(values, "dimensions") or list(self.rubric.dimensions)
        data = tuple(
            DataFile(name, self.made_by or f"sha256:{sha256_of(self.folder / name)}")
            for name in _list_entries(values, "data")
        )
        return Case(
            **{name: _text_of(values, name) for name in _TEXT_KEYS},
            # In the rubric's order, whatever the file's: the case's hash must not depend on it.
            dimensions=tuple(name for name in self.rubric.dimensions if name in asked),
            data=data,
            tags=tuple(_list_entries(values, "tags")),
        )


def _key_problems(values: Mapping[str, Any]) -> Iterator[str]:
    """Keys that no case has, and values of another type than their key's."""
    # As texts, since YAML may read a key as a number, which does not sort with them.
    if unknown := sorted(set(map(str, values)) - {*_TEXT_KEYS, *_LIST_KEYS}):
        yield f"unknown keys {unknown}; there are {', '.join((*_TEXT_KEYS, *_LIST_KEYS))}."
    for name in _TEXT_KEYS:
        if isinstance(values.get(name), dict | list):
            yield f"{name} must be a text, got {values[name]!r:.60}."
    for name in _LIST_KEYS:
        if isinstance(values.get(name), dict):
            yield f"{name} must be a list, got {values[name]!r:.60}."


def _text_of(values: Mapping[str, Any], name: str) -> str:
    value = values.get(name)
    return "" if value is None else str(value).strip()


def _list_entries(values: Mapping[str, Any], name: str) -> list[str]:
    """The entries of a list, which a csv holds as one text; a single entry needs no list."""
    value = values.get(name)
    if value is None:
        return []
    if isinstance(value, str):
        value = re.split(r"[;,]", value)
    parts = value if isinstance(value, list) else [value]
    return [str(part).strip() for part in parts if str(part).strip()]
