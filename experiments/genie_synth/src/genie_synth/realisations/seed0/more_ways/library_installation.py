"""More ways of installing and importing in the reported corpus: well and badly."""

from __future__ import annotations

from genie_synth.realisations.parts.library_installation import (
    entry,
    install_cell,
    late_install,
    missing,
    nothing,
    scattered,
    unused,
)
from genie_synth.realisations.seed0.library_installation import MISSING, MISSING_LATER

__all__ = ["REALISATIONS"]


REALISATIONS = (
    # --- good
    entry(
        "shell_one_line_pinned",
        install_cell("!pip install -q {all}", pinned=True),
        install="pinned",
    ),
    entry(
        "shell_lines_pinned",
        install_cell("# versions this was written with\n!pip install {one}", pinned=True),
        install="pinned",
    ),
    entry(
        "upgrade_one_line_pinned",
        install_cell("%pip install --upgrade {all}", pinned=True),
        install="pinned",
    ),
    entry(
        "no_deps_lines_pinned",
        install_cell("%pip install -q --no-deps {one}", pinned=True),
        install="pinned",
    ),
    entry("imports_and_display", nothing('sklearn.set_config(display="text")')),
    entry("imports_and_release", nothing('sklearn.__version__.split(".")')),
    # --- average
    entry(
        "shell_one_line",
        install_cell("!pip install -q {all}", pinned=False),
        install="unpinned",
    ),
    entry(
        "pip_lines",
        install_cell("# environment\n%pip install {one}", pinned=False),
        install="unpinned",
    ),
    entry(
        "upgrade_one_line",
        install_cell("%pip install --upgrade {all}", pinned=False),
        install="unpinned",
    ),
    entry(
        "shell_first_one_pinned",
        install_cell("!pip install -q {all}", pinned=False, partly=True),
        install="partly_pinned",
    ),
    entry(
        "lines_first_one_pinned",
        install_cell("%pip install {one}", pinned=False, partly=True),
        install="partly_pinned",
    ),
    entry(
        "pinned_and_imports_where_used",
        scattered("%pip install -q {all}"),
        install="pinned",
        imports="scattered",
    ),
    # --- bad
    entry(
        "shell_line_after_evaluation",
        late_install("!pip install -q {all}", "use"),
        install="unpinned",
        install_place="after_use",
    ),
    entry(
        "pip_lines_before_training",
        late_install("%pip install {one}", "train"),
        install="unpinned",
        install_place="after_use",
    ),
    entry(
        "plot_missing_after_install",
        missing(MISSING, "!pip install -q {all}"),
        install="pinned",
        missing_import=True,
    ),
    entry("missing_at_the_close", missing(MISSING_LATER), missing_import=True),
    entry(
        "unused_after_install",
        unused(("scipy", "seaborn", "statsmodels"), "%pip install -q {all}"),
        install="pinned",
        unused_large=True,
    ),
    entry(
        "unused_search_index",
        unused(("faiss", "dspy"), "!pip install {one}"),
        install="pinned",
        unused_large=True,
    ),
)
