"""Where numbers come from: versions, commit, and the configuration without places or secrets."""

from __future__ import annotations

import platform
import subprocess
from collections.abc import Mapping
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

__all__ = ["PLACES", "code_state", "versions", "without_places"]

_PACKAGES = (
    "memalign-bench",
    "datasets",
    "dspy",
    "faiss-cpu",
    "hydra-core",
    "mlflow",
    "numpy",
    "scikit-learn",
    "scipy",
    "xllamacpp",
)

PLACES = frozenset(
    {
        "api_key_env",
        "attribute",
        "base_url",
        "budget_usd",
        "max_minutes",
        "call_store",
        "credentials",
        "dry_run",
        "mode",
        "model_path",
        "path",
        "plan",
        "price_cached",
        "price_input",
        "price_output",
        "results_dir",
        "thresholds",
        "tracker",
        "tracking_uri",
        "uri",
    }
)
"""Keys that say where something lies, how to reach it, or what is asked of complete records; they
stay out of records."""


@cache
def versions() -> Mapping[str, str]:
    """Version of Python and of each package that has a say in the numbers."""
    version_of = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            version_of[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            # An optional package that is not installed had no say.
            continue
    return version_of


def code_state() -> dict[str, Any]:
    """Commit of the checkout that this code runs from, and whether code or configs differ from it.

    Both are null where the package does not run from a git checkout.
    """
    # Installed as a wheel, the package has no commit of its own.
    here = Path(__file__).resolve().parent
    commit = _git_output(here, "rev-parse", "HEAD")
    if commit is None:
        return {"commit": None, "dirty": None}
    top = _git_output(here, "rev-parse", "--show-toplevel") or "."
    if Path(top, "src", "memalign_bench").resolve() != here.parent:
        return {"commit": None, "dirty": None}  # a copy inside somebody else's checkout
    changed = _git_output(
        Path(top), "status", "--porcelain", "--", "src", "conf", "requirements.lock"
    )
    return {"commit": commit, "dirty": bool(changed)}


def _git_output(folder: Path, *arguments: str) -> str | None:
    try:
        completed = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=True
        )
    # No git on this machine, or no checkout.
    except (OSError, subprocess.CalledProcessError):
        return None
    return completed.stdout.strip()


def without_places(config: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration without paths, addresses and the names of key variables."""
    return {
        key: without_places(value) if isinstance(value, Mapping) else value
        for key, value in config.items()
        if key not in PLACES
    }
