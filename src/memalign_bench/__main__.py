"""`python -m memalign_bench`."""

import sys

from memalign_bench.cli import main

sys.exit(main())
