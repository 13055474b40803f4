"""Is memory worth anything to a judge that did not make it?"""

from memalign_bench.report.sections.transfer.figure import caption, data, draw
from memalign_bench.report.sections.transfer.tables import numbers, table

__all__ = ["caption", "data", "draw", "numbers", "table"]
