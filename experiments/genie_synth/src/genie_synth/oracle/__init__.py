"""An expert that reads notebooks: parses them, follows the data, and applies the conventions.

It never sees what was planted. Where code decides, it is to agree with the noise-free labels on
every notebook, and on nine of ten where prose does; what it finds does not hang on the names of
variables or on comments. What separates it from the gold score is the raters' noise.
"""

from genie_synth.oracle.reading import facets, ruling, rulings

__all__ = ["facets", "ruling", "rulings"]
