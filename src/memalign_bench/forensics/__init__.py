"""Audit of published figures: what the printed numbers of a study can and cannot be.

Reads only what a publication prints (`reported.yaml`, or any file of that form). Figures in, tables
and sentences out; knows nothing of runs, records or the report.
"""

from memalign_bench.forensics.audit import Audit, audit
from memalign_bench.forensics.reading import read_figures, shipped_figures

__all__ = ["Audit", "audit", "read_figures", "shipped_figures"]
