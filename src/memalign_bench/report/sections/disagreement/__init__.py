"""Is alignment defeated where raters disagree? Each dimension's disagreement beside its gain."""

from memalign_bench.report.sections.disagreement.figure import caption, data, draw
from memalign_bench.report.sections.disagreement.tables import numbers, table

__all__ = ["caption", "data", "draw", "numbers", "table"]
