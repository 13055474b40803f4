"""What all tests of the report share: fake studies and their tables, made once."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from memalign_bench.report.frames import StudyFrames, load_study
from memalign_bench.report.look import Look, look_of
from memalign_bench.report.tables import Tables, make_tables

sys.path.insert(0, str(Path(__file__).parent))  # for fake_study and hand_study
from fake_study import fake_study


@dataclass(frozen=True)
class Made:
    """A fake study with its frames, tables and look."""

    path: Path
    frames: StudyFrames
    tables: Tables
    look: Look


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Two dimensions, one of which the unaligned judge answers with a constant."""
    path = tmp_path_factory.mktemp("small") / "fake"
    constant = frozenset({("library_installation", "none")})
    fake_study(path, dimensions=2, constant=constant)
    frames = load_study(path)
    tables = make_tables(frames, n_resamples=200)
    return Made(path, frames, tables, look_of(frames, tables.summary, "raw"))
