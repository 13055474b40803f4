"""Folders of configuration: ours, and one's own in the word by which Hydra is told of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from memalign_bench.errors import RequestError

__all__ = ["SEARCHPATH", "config_dir", "folders_in", "places_in", "quoted", "search_word"]

SEARCHPATH = "hydra.searchpath="
"""Begins the word that adds folders of configuration."""


def config_dir() -> Path:
    """Where `conf/` lies: in the installed package, or at the top of the checkout."""
    package = Path(__file__).resolve().parents[1]
    # A wheel has it inside of the package; a checkout above src/.
    for folder in (package / "conf", package.parents[1] / "conf"):
        if (folder / "run.yaml").is_file():
            return folder
    raise RequestError(f"no conf/ beside {package}; install memalign-bench again.")


def quoted(text: str, mark: str = "'") -> str:
    r"""A text in quotes, as Hydra's grammar reads it back.

    >>> print(quoted("it's"), quoted("it's", '"'), quoted("C:\\new folder, too\\"))
    'it\'s' "it's" 'C:\new folder, too\\'
    """
    # A backslash stands for itself to Hydra, unless a quote comes after it.
    escaped = re.sub(rf"(\\+)(?={mark}|\Z)", r"\1\1", text).replace(mark, "\\" + mark)
    return f"{mark}{escaped}{mark}"


def search_word(places: Iterable[str]) -> str:
    """The word for some places, whatever signs their names have.

    >>> search_word(["file:///mine, all", "file:///ours"])
    "hydra.searchpath=['file:///mine, all','file:///ours']"
    """
    return f"{SEARCHPATH}[{','.join(map(quoted, places))}]"


def folders_in(overrides: Sequence[str]) -> Iterator[Path]:
    """Folders of configuration that overrides add, as `hydra.searchpath=[file://...]`."""
    for place in places_in(overrides):
        yield Path(place.removeprefix("file://"))


def places_in(overrides: Sequence[str]) -> Iterator[str]:
    """The same as they are written.

    >>> list(places_in(["fold_seed=1", "hydra.searchpath=[file:///mine, 'file:///ours, too']"]))
    ['file:///mine', 'file:///ours, too']
    """
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    for word in overrides:
        if word.startswith(SEARCHPATH):
            try:
                places = OverridesParser.create().parse_override(word).value()
            except HydraException:
                continue  # told where the request is composed
            if isinstance(places, list):
                yield from map(str, places)
