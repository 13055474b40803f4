"""What of an error is sight, and what is convention?"""

from memalign_bench.report.sections.headroom.figure import caption, data, draw
from memalign_bench.report.sections.headroom.tables import numbers, table

__all__ = ["caption", "data", "draw", "numbers", "table"]
