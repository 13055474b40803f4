"""Test cases: what a user asks of an agent, the data that come along, and which dimensions apply.

A case is known by a hash of all of it, its data files among it: two runs compare where their
hashes do.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from memalign_bench.errors import RequestError, refuse
from memalign_bench.study.spec import digest_of
from memalign_bench.types import Rubric

__all__ = ["Case", "CaseFilter", "CaseSet", "CaseSource", "DataFile"]

_FIELD_OF_KEY: Mapping[str, str] = {
    "ids": "case_id",
    "tags": "tags",
    "domains": "domain",
    "task_types": "task_type",
    "sizes": "size",
    "complexities": "complexity",
    "dimensions": "dimensions",
}
"""Key of a filter -> the field of a case that it looks at."""


@dataclass(frozen=True)
class DataFile:
    """A file that a case brings along.

    Attributes:
        name: What the notebook calls it ("flights.csv").
        version: What tells its content: `sha256:...`, or which generator makes it.
    """

    name: str
    version: str


@dataclass(frozen=True)
class Case:
    """What a user asks of an agent.

    Attributes:
        case_id: Unique among the cases; letters, digits, `-`, `_` and `.`.
        prompt: The request in the user's words.
        context: A line on the data (rows, columns, missing share, target, time index), or "".
        domain: Field of work ("retail"), or "".
        task_type: What is predicted ("classification"), or "".
        size: Of the data ("small"), or "".
        complexity: How much there is to think of ("high"), or "".
        dimensions: Those of the rubric that apply, in its order.
        data: The files that come along.
        tags: Words to choose cases by.
    """

    case_id: str
    prompt: str
    context: str = ""
    domain: str = ""
    task_type: str = ""
    size: str = ""
    complexity: str = ""
    dimensions: tuple[str, ...] = ()
    data: tuple[DataFile, ...] = ()
    tags: tuple[str, ...] = ()

    @property
    def hash(self) -> str:
        """Hex sha256 of all of the case."""
        return digest_of(self.record())

    def record(self) -> dict[str, Any]:
        """The case as JSON values."""
        return asdict(self) | {
            # As lists, which JSON makes of tuples: a record that is read back is the same.
            "dimensions": list(self.dimensions),
            "data": [asdict(file) for file in self.data],
            "tags": list(self.tags),
        }


class CaseSource(Protocol):
    """What a YAML choice of the group `cases` builds."""

    @property
    def name(self) -> str:
        """Name of the YAML choice."""

    @property
    def notice(self) -> str:
        """What every reader of numbers from these cases must know; "" for nothing."""

    def load(self, rubric: Rubric) -> tuple[Case, ...]:
        """All cases, sorted by id.

        Raises:
            DataError: With every problem found.
        """

    def files(self, case: Case, made_dir: Path) -> tuple[Path, ...]:
        """The case's data files on disk, named as the case names them.

        Args:
            case: One of the cases.
            made_dir: Folder for files that have to be made first.

        Raises:
            RequestError: If they cannot be had on this machine.
        """


class CaseSet(NamedTuple):
    """The cases that a run is about, and where their data lie."""

    source: CaseSource
    cases: tuple[Case, ...]

    @property
    def digest(self) -> str:
        """Hex sha256 of the hashes of all cases, whatever their order."""
        state = hashlib.sha256()
        for case_hash in sorted(case.hash for case in self.cases):
            # All of one length, so nothing need stand between them.
            state.update(case_hash.encode())
        return state.hexdigest()


@dataclass(frozen=True)
class CaseFilter:
    """Which cases are taken; a list left out takes all.

    Attributes:
        ids: Cases by id.
        tags: Cases with one of these tags.
        domains: Cases of these fields of work.
        task_types: Cases that predict these.
        sizes: Cases with data of these sizes.
        complexities: Cases of these.
        dimensions: Cases to which one of these dimensions applies.
    """

    ids: Sequence[str] | None = None
    tags: Sequence[str] | None = None
    domains: Sequence[str] | None = None
    task_types: Sequence[str] | None = None
    sizes: Sequence[str] | None = None
    complexities: Sequence[str] | None = None
    dimensions: Sequence[str] | None = None

    def of(self, cases: Iterable[Case], limit: int | None = None) -> tuple[Case, ...]:
        """The cases that pass, at most `limit`, in their order.

        Raises:
            RequestError: If a value is none that any case has, or none passes; all that is wrong.
        """
        all_cases = tuple(cases)
        refuse(self._unknown_values(all_cases))
        selected = [case for case in all_cases if self._matches(case)]
        if not selected:
            raise RequestError(
                f"no case of {len(all_cases)} passes all of only={self._requested()}."
            )
        return tuple(selected[:limit])

    def _requested(self) -> dict[str, list[str]]:
        given = {key: getattr(self, key) for key in _FIELD_OF_KEY}
        return {
            # On the command line one value needs no brackets.
            key: [value] if isinstance(value, str) else [str(one) for one in value]
            for key, value in given.items()
            if value is not None
        }

    def _matches(self, case: Case) -> bool:
        return all(
            set(wanted) & set(_field_values(case, _FIELD_OF_KEY[key]))
            for key, wanted in self._requested().items()
        )

    def _unknown_values(self, cases: Sequence[Case]) -> Iterator[str]:
        for key, wanted in self._requested().items():
            known = sorted(
                {value for case in cases for value in _field_values(case, _FIELD_OF_KEY[key])}
            )
            if unknown := [value for value in wanted if value not in known]:
                yield f"only.{key}: no case has {unknown}; there are {', '.join(known) or '-'}."


def _field_values(case: Case, name: str) -> tuple[str, ...]:
    value = getattr(case, name)
    return (value,) if isinstance(value, str) else tuple(value)
