"""The bundled notebooks: cases, planted facets, their realisations, raters and the build."""

from memalign_bench.corpus.bundle import build, bundled_path
from memalign_bench.corpus.sketch import DIMENSIONS, Case, Realisation

__all__ = ["DIMENSIONS", "Case", "Realisation", "build", "bundled_path"]
