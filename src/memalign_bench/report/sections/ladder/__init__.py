"""The ablation ladder: what each control and each memory adds to the step before."""

from memalign_bench.report.sections.ladder.figure import caption, draw
from memalign_bench.report.sections.ladder.tables import numbers, table

__all__ = ["caption", "draw", "numbers", "table"]
