"""Does the judge stand where a person would? Judge and raters against the same raters."""

from memalign_bench.report.sections.people.figure import caption, data, draw
from memalign_bench.report.sections.people.tables import numbers, table

__all__ = ["caption", "data", "draw", "numbers", "table"]
