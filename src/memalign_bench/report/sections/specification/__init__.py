"""Does a memory's effect hang on how the judge is asked? Its improvement under every way of it."""

from memalign_bench.report.sections.specification.figure import caption, data, draw
from memalign_bench.report.sections.specification.tables import numbers, table

__all__ = ["caption", "data", "draw", "numbers", "table"]
