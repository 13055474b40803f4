"""A pytest fixture that fails a test where a candidate is worse than its baseline.

def test_no_regression(assert_no_regression):
    assert_no_regression("ci/baseline", "results/loop/generated/my_agent-1a2b3c4d")
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

__all__ = ["assert_no_regression", "check_no_regression"]


def check_no_regression(
    baseline: str | Path,
    candidate: str | Path,
    *,
    judge: str | None = None,
    dimensions: Sequence[str] | None = None,
    common: bool = False,
    **rules: Any,
) -> Any:
    """Compare two scored runs; fails where the gate is shut or they cannot be compared.

    Args:
        baseline: The run that was before: its folder, or its name in `results/loop`.
        candidate: The run that may be released, likewise.
        judge: Digest of the judges, or its beginning, where several have scored both runs.
        dimensions: Which dimensions; None for all.
        common: Compare the cases that both have, where the runs are not about the same.
        rules: Fields of `memalign_bench.loop.gate.verdicts.GateRules`: `margin`, `level`, `strict`,
            `carry`, `missing`, `max_missing`, `max_without`, `max_severe`, `seed`, `n_flips`.

    Returns:
        The `GateReport`, for further assertions.

    Raises:
        AssertionError: If a regression is confirmed, or with `strict` a dimension cannot be told.
        RequestError, RecordError: If the runs cannot be compared.
    """
    # Late, since pytest imports a plugin in every session of whoever has installed the package.
    from memalign_bench.loop.gate.comparing import compare
    from memalign_bench.loop.gate.outputs import summary_lines
    from memalign_bench.loop.gate.verdicts import GateRules
    from memalign_bench.loop.places import run_path
    from memalign_bench.loop.scoring.records import load_pair

    loop_dir = Path("results", "loop")
    old = run_path(loop_dir, str(baseline), "baseline")
    new = run_path(loop_dir, str(candidate), "candidate")
    runs = load_pair(old, new, judge)
    report = compare(*runs, GateRules(**rules), dimensions, common=common)
    if not report.passed:
        raise AssertionError("\n".join(summary_lines(report)))
    return report


@pytest.fixture
def assert_no_regression() -> Callable[..., Any]:
    """`check_no_regression`, for tests."""
    return check_no_regression
