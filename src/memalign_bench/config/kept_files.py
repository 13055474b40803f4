"""YAML files of configuration, each parsed once a process as long as it does not change.

A composition reads some twenty files of ours and six of Hydra's own, and parsing them took a third
of its time.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hydra._internal.core_plugins.file_config_source import FileConfigSource
from hydra._internal.core_plugins.importlib_resources_config_source import (
    ImportlibResourcesConfigSource,
)
from hydra._internal.sources_registry import SourcesRegistry
from hydra.core.plugins import Plugins
from hydra.plugins.config_source import ConfigResult, ConfigSource

__all__ = ["files_parsed_once", "forget_parsed_files"]


@contextmanager
def files_parsed_once() -> Iterator[None]:
    """Within this context what Hydra parses is kept, and copied when it is asked for again."""
    Plugins.instance()  # registers Hydra's own sources, where nothing has yet
    sources = SourcesRegistry.instance().types
    sources |= {kind.scheme(): kind for kind in (_KeptFolder, _KeptPackage)}
    try:
        yield
    finally:
        # Launchers take the registry to other processes, and those want Hydra's own.
        sources |= {
            kind.scheme(): kind for kind in (FileConfigSource, ImportlibResourcesConfigSource)
        }


def forget_parsed_files() -> None:
    """Parse every file anew from here on."""
    _PICKLED.clear()


_PICKLED: dict[tuple[str | int, ...], bytes] = {}
"""What Hydra made of a file, by its source, path, time of change and size. Pickled, since to load
it takes a fifth of a deep copy's time."""


def _kept(source: ConfigSource, file: Path, parse: Callable[[], ConfigResult]) -> ConfigResult:
    """A copy of what a file holds, since composing changes it."""
    try:
        stat = file.stat()
    except OSError:
        return parse()  # says what is not there
    key = (source.scheme(), source.provider, source.path, str(file), stat.st_mtime_ns, stat.st_size)
    pickled = _PICKLED.get(key)
    if pickled is None:
        pickled = _PICKLED[key] = pickle.dumps(parse())
    result: ConfigResult = pickle.loads(pickled)
    return result


class _KeptFolder(FileConfigSource):
    """A folder of YAML files."""

    def load_config(self, config_path: str) -> ConfigResult:
        file = Path(self.path, self._normalize_file_name(config_path)).resolve()
        return _kept(self, file, lambda: FileConfigSource.load_config(self, config_path))


class _KeptPackage(ImportlibResourcesConfigSource):
    """YAML files of a package, such as Hydra's own."""

    def _read_config(self, res: Any) -> ConfigResult:
        def parse() -> ConfigResult:
            return ImportlibResourcesConfigSource._read_config(self, res)

        # Out of an archive it is no path.
        return _kept(self, res, parse) if isinstance(res, Path) else parse()
