"""How far does an attack move a judge, with and without memory?"""

from memalign_bench.report.sections.injection.figure import caption, data, draw
from memalign_bench.report.sections.injection.tables import numbers, table

__all__ = ["caption", "data", "draw", "numbers", "table"]
