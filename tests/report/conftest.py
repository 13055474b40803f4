"""What all tests of the report share: a fake study and its report, made once."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for fake_study, hand_study and made_report
from fake_study import fake_study
from made_report import MadeReport, report_of

from memalign_bench.certify.lookup import Certificate
from memalign_bench.report.numbers import pooled


@pytest.fixture
def every_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    """Show intervals of studies with fewer cases than are certified, which can be made by hand."""
    printed = Certificate((), 0, 0, float("nan"), float("nan"), "")
    monkeypatch.setattr(pooled, "certificate", lambda *args, **more: printed)


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> MadeReport:
    """Two dimensions, one of which the unaligned judge answers with a constant."""
    path = tmp_path_factory.mktemp("small") / "fake"
    constant = frozenset({("library_installation", "none")})
    fake_study(path, dimensions=2, constant=constant)
    return report_of(path, n_resamples=200)
