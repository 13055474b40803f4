"""What is committed under `results`; a reader's own studies may lie beside it."""

import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "results"


def committed_files(pattern: str = "*") -> list[Path]:
    """Files under `results` that git knows and whose path matches `pattern`, sorted.

    Without git (an unpacked archive) every file there counts.
    """
    told = subprocess.run(
        ["git", "ls-files", "-z", "results"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    names = told.stdout.split("\0")[:-1]
    known = [ROOT / name for name in names] or list(RESULTS.rglob("*"))
    return sorted(path for path in known if path.is_file() and path.match(pattern))


MANIFESTS = committed_files("results/*/runs/*/manifest.json")
STUDIES = sorted(path.parents[1] for path in committed_files("results/*/tables/summary.csv"))
"""Folder of each committed study."""
