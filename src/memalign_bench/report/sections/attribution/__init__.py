"""What each entry of memory was worth, with suspected label errors first."""

from memalign_bench.report.sections.attribution.figure import caption, data, draw
from memalign_bench.report.sections.attribution.tables import numbers, table

__all__ = ["caption", "data", "draw", "numbers", "table"]
