"""Error against the share of training labels that are wrong."""

from memalign_bench.report.sections.label_noise.figure import caption, data, draw
from memalign_bench.report.sections.label_noise.tables import numbers, table

__all__ = ["caption", "data", "draw", "numbers", "table"]
