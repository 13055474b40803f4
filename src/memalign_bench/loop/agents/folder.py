"""Notebooks that were made elsewhere: a folder with their files."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from memalign_bench.errors import RequestError
from memalign_bench.loop.agents.base import Author, Draft, Needs, Order
from memalign_bench.loop.agents.running import draft_from_notebook
from memalign_bench.loop.cases import Case
from memalign_bench.notebooks.decoding import decode
from memalign_bench.study.records import sha256_of
from memalign_bench.study.spec import digest_of
from memalign_bench.types import Rubric

__all__ = ["FolderAgent"]


@dataclass(frozen=True)
class FolderAgent:
    """Takes `CASE.ipynb`, or `CASE-0.ipynb`, `CASE-1.ipynb`, ..., or the notebooks in `CASE/`.

    Attributes:
        name: Name of the agent.
        path: The folder.
        execute: Run them in the sandbox; else their outputs are taken as they are.
    """

    name: str
    path: str
    execute: bool = False

    @property
    def needs(self) -> Needs:
        """Data and a sandbox, where its notebooks are run."""
        return Needs(sandbox=self.execute, data=self.execute)

    def identity(self) -> Mapping[str, Any]:
        """Whether they are executed."""
        return {"execute": self.execute}

    def ready(self, cases: Sequence[Case], rubric: Rubric) -> Author:
        """Look which notebooks there are."""
        folder = Path(self.path).expanduser()
        if not folder.is_dir():
            raise RequestError(f"agent.path={self.path!r}: there is no such folder.")
        files = {case.case_id: _notebooks(folder, case.case_id) for case in cases}
        if not any(files.values()):
            names = sorted(path.name for path in folder.iterdir())[:10]
            raise RequestError(
                f"agent.path={self.path!r} holds no notebook of any case: name them CASE.ipynb or"
                f" CASE-0.ipynb, as {next(iter(files))}.ipynb. It holds {', '.join(names) or '-'}."
            )
        # The notebooks themselves are part of the run's identity.
        reads = digest_of([[sha256_of(path) for path in files[key]] for key in sorted(files)])

        def write(order: Order) -> Draft:
            return self._draft(files[order.case.case_id], order)

        return Author(write, reads)

    def _draft(self, files: Sequence[Path], order: Order) -> Draft:
        if order.repeat >= len(files):
            return Draft.nothing(f"the folder holds {len(files)} notebooks of this case")
        path = files[order.repeat]
        content = decode(path.read_bytes(), path.name)[0]
        return draft_from_notebook(content, order, execute=self.execute)


def _notebooks(folder: Path, case_id: str) -> list[Path]:
    """A case's notebooks: one, or several in the order of their numbers or names."""
    # "flights-0.ipynb" or "flights_0.ipynb"; read as numbers, so that 10 comes after 9.
    numbered = re.compile(re.escape(case_id) + r"[-_](\d+)\.ipynb")
    numbered_files = [
        (int(match[1]), path)
        for path in folder.glob("*.ipynb")
        if (match := numbered.fullmatch(path.name))
    ]
    unnumbered = folder / f"{case_id}.ipynb"
    first = [unnumbered] if unnumbered.is_file() else []
    inside = sorted((folder / case_id).glob("*.ipynb"))
    return [*first, *(path for _, path in sorted(numbered_files)), *inside]
