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
        # Labels from Windows have backslashes; some tools write "./" before a path.
        name_in_folder = _plain_ending(_nfc(name).replace("\\", "/").removeprefix("./"))
        if name_in_folder in self.shared:
            choices = " or ".join(map(repr, self.shared[name_in_folder]))
            problems.append(f"item_id {name!r} names several notebooks; write {choices}.")
        return self.names.get(name_in_folder, name)


def find_notebooks(folder: Path) -> NotebookFiles:
    """Every `.ipynb` in `notebooks/` and below it.

    Hidden files and folders are passed over: checkpoints, and what macOS puts beside files (`._x`).
    """
    all_paths = [path.relative_to(folder / FOLDER) for path in sorted((folder / FOLDER).rglob("*"))]
    notebooks = [
        path for path in all_paths if path.suffix.lower() == ".ipynb" and not _is_hidden(path)
    ]
    notebooks = [path for path in notebooks if not (folder / FOLDER / path).is_dir()]
    stems = Counter(_nfc(path.stem) for path in notebooks)
    paths: dict[str, str] = {}
    names: dict[str, str] = {}
    shared: dict[str, list[str]] = {}
    problems = []
    for path in notebooks:
        stem, relative_stem = _nfc(path.stem), _nfc(path.with_suffix("").as_posix())
        # The folders are part of the id only where they are needed to tell notebooks apart.
        item_id = stem if stems[stem] == 1 else relative_stem
        if stems[stem] > 1 and stem != relative_stem:
            shared.setdefault(stem, []).append(relative_stem)
        if item_id in paths:
            problem = f"has the name of {paths[item_id]!a}; give one of them another"
            problems.append(f"{path.as_posix()!a} {problem}.")
        paths[item_id] = f"{FOLDER}/{path.as_posix()}"
        full = _plain_ending(_nfc(path.as_posix()))
        # Id, path without its ending, path, and path from the data set's folder.
        names |= dict.fromkeys((item_id, relative_stem, full, f"{FOLDER}/{full}"), item_id)
        if stems[stem] == 1:
            names[_plain_ending(_nfc(path.name))] = item_id
    for stem in shared.keys() & names.keys():  # one of them lies in no folder below
        del shared[stem]
    return NotebookFiles(paths, names, shared, problems)


def _is_hidden(path: Path) -> bool:
    """Whether a file is hidden, or in such a folder (checkpoints, what macOS adds to archives)."""
    return any(part.startswith(".") or part == "__MACOSX" for part in path.parts)


def _plain_ending(name: str) -> str:
    """A name with its ending in small letters: `.IPYNB` is `.ipynb`."""
    return f"{name[:-6]}.ipynb" if name.lower().endswith(".ipynb") else name


def _nfc(name: str) -> str:
    """A name in Unicode's composed form (NFC); macOS stores letters with marks apart (NFD)."""
    return unicodedata.normalize("NFC", name)
