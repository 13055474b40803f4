"""Error against the number of training labels."""

from memalign_bench.report.sections.learning_curve.figure import caption, data, draw
from memalign_bench.report.sections.learning_curve.tables import numbers, table

__all__ = ["caption", "data", "draw", "numbers", "table"]
