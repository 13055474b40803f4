"""Benchmarks are run by hand; what they import is looked for here, so that none breaks unseen."""

import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1] / "experiments" / "benchmarks"
IMPORT = "import runpy, sys; [runpy.run_path(path, run_name='imported') for path in sys.argv[1:]]"


def test_every_benchmark_finds_what_it_imports() -> None:
    # `phases.py` is a hook of the interpreter, with a test of its own.
    scripts = [str(path) for path in sorted(FOLDER.glob("**/*.py")) if path.name != "phases.py"]
    assert len(scripts) > 8
    done = subprocess.run(
        [sys.executable, "-c", IMPORT, *scripts], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
