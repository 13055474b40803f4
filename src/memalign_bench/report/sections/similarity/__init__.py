"""Does a judge err less where its nearest neighbour is near? Error by decile of similarity."""

from memalign_bench.report.sections.similarity.figure import caption, draw
from memalign_bench.report.sections.similarity.tables import numbers, table

__all__ = ["caption", "draw", "numbers", "table"]
