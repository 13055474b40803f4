"""Variance components of improvements, and what doubling each would buy."""

from memalign_bench.report.sections.variance.figure import caption, data, draw
from memalign_bench.report.sections.variance.tables import numbers, table

__all__ = ["caption", "data", "draw", "numbers", "table"]
