"""`python -m memalign_bench`."""

import sys

from memalign_bench.cli import entry

sys.exit(entry())
