"""Where a run's data, models and tracker lay on this machine: beside its records, no part of them.

Records hold no place, so that they read the same anywhere; what is done with a study later on the
same machine (`export_judge`) finds its data again here. Git passes the folder over.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from memalign_bench.datasets.mlflow_server import existing_store, without_userinfo
from memalign_bench.study import records
from memalign_bench.study.provenance import PLACES

__all__ = ["known_places", "note_places"]

_GROUPS = ("dataset", "backend", "reflection", "embedding", "tracker")
_FILES = ("path", "model_path")
_STORES = ("uri", "tracking_uri")


def note_places(
    study_dir: Path, run_id: str, config: Mapping[str, Any], search: Sequence[str]
) -> None:
    """Write down where a run found what it used; no password of an address.

    Args:
        study_dir: The study's folder.
        run_id: The run.
        config: Its whole configuration, with places.
        search: Further folders of configuration, as `file://` addresses.
    """
    places = {group: _places_in(config[group]) for group in _GROUPS if config.get(group)}
    path = study_dir / ".places" / f"{run_id}.json"
    records.write_json(path, {"groups": places, "search": list(search)})


def known_places(study_dir: Path, run_id: str) -> Mapping[str, Any]:
    """What was noted of a run; nothing where its records came from elsewhere."""
    path = study_dir / ".places" / f"{run_id}.json"
    no_places: dict[str, Any] = {"groups": {}, "search": []}
    return records.read_json(path) if path.is_file() else no_places


def _places_in(node: Mapping[str, Any]) -> dict[str, Any]:
    place_keys = PLACES - {"mode"}  # what is done later may have to ask
    # Only a tracker has `uri`; of a data set the experiment is a setting, which records keep.
    experiment = {"experiment": node["experiment"]} if "uri" in node else {}
    return experiment | {
        key: _absolute_place(key, value) for key, value in node.items() if key in place_keys
    }


def _absolute_place(key: str, value: Any) -> Any:
    """A place in a form that holds from another working directory; no password of an address."""
    if key in _FILES and value is not None:
        path = Path(str(value)).expanduser()
        return str(path.resolve()) if path.exists() else value
    if key in _STORES:
        address = str(value or existing_store(None))
        path_part = address.removeprefix("sqlite:///")
        if path_part != address:
            return f"sqlite:///{Path(path_part).resolve()}"
        return without_userinfo(address)
    return value
