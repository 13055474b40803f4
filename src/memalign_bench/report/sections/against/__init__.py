"""Two studies of the same items side by side (`report study=A against=B`): table and figure."""

from memalign_bench.report.sections.against.figure import caption, data, draw
from memalign_bench.report.sections.against.tables import numbers, table

__all__ = ["caption", "data", "draw", "numbers", "table"]
