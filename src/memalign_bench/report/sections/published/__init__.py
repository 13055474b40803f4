"""A published protocol's intervals and claims beside the suite's own (`stats=published`)."""

from memalign_bench.report.sections.published.figure import caption, data, draw
from memalign_bench.report.sections.published.tables import numbers, table

__all__ = ["caption", "data", "draw", "numbers", "table"]
