"""The notebooks of a folder, by the names under which labels may know them."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

__all__ = ["NotebookFiles", "find_notebooks"]

FOLDER = "notebooks"


class NotebookFiles(NamedTuple):
    """Notebooks of a folder.

    Attributes:
        paths: Item id -> path below the data set's folder. The id is the name without its ending;
            where two have the same, with the folders above it.
        names: Everything that labels may call a notebook -> its item id.
        shared: Name that several notebooks have -> their item ids.
        problems: Files that cannot be told apart by what labels may call them.
    """

    paths: Mapping[str, str]
    names: Mapping[str, str]
    shared: Mapping[str, Sequence[str]] = {}
    problems: Sequence[str] = ()

    def item_id(self, name: str, problems: list[str]) -> str:
        """The item that a label means; a name that is no notebook's stays as it is."""
        plain = _composed(name).replace("\\", "/").removeprefix("./")
        if plain in self.shared:
            which = " or ".join(map(repr, self.shared[plain]))
            problems.append(f"item_id {name!r} names several notebooks; write {which}.")
        return self.names.get(plain, name)


def find_notebooks(folder: Path) -> NotebookFiles:
    """Every `.ipynb` in `notebooks/` and below it.

    Hidden files and folders are passed over: checkpoints, and what macOS puts beside files (`._x`).
    """
    found = [path.relative_to(folder / FOLDER) for path in sorted((folder / FOLDER).rglob("*"))]
    kept = [path for path in found if path.suffix.lower() == ".ipynb" and not _passed_over(path)]
    kept = [path for path in kept if not (folder / FOLDER / path).is_dir()]
    stems = Counter(_composed(path.stem) for path in kept)
    paths: dict[str, str] = {}
    names: dict[str, str] = {}
    shared: dict[str, list[str]] = {}
    problems = []
    for path in kept:
        stem, whole = _composed(path.stem), _composed(path.with_suffix("").as_posix())
        item_id = stem if stems[stem] == 1 else whole
        if stems[stem] > 1 and stem != whole:
            shared.setdefault(stem, []).append(whole)
        if item_id in paths:
            told = f"has the name of {paths[item_id]!a}; give one of them another"
            problems.append(f"{path.as_posix()!a} {told}.")
        paths[item_id] = f"{FOLDER}/{path.as_posix()}"
        full = _composed(path.as_posix())
        names |= dict.fromkeys((item_id, whole, full, f"{FOLDER}/{full}"), item_id)
        if stems[stem] == 1:
            names[_composed(path.name)] = item_id
    for stem in shared.keys() & names.keys():  # one of them lies in no folder below
        del shared[stem]
    return NotebookFiles(paths, names, shared, problems)


def _passed_over(path: Path) -> bool:
    return any(part.startswith(".") or part == "__MACOSX" for part in path.parts)


def _composed(name: str) -> str:
    """One spelling of letters with marks, which macOS stores apart (NFD)."""
    return unicodedata.normalize("NFC", name)
