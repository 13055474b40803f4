"""More ways of installing and importing in the reported corpus: well and badly."""

from __future__ import annotations

from memalign_bench.corpus.realisations.library_installation import (
    MISSING_0,
    MISSING_0B,
    entry,
    install_cell,
    late_install,
    missing,
    nothing,
    scattered,
    unused,
)

__all__ = ["REALISATIONS"]

REALISATIONS = (
    # --- good
    entry(
        0,
        "shell_one_line_pinned",
        install_cell("!pip install -q {all}", pinned=True),
        install="pinned",
    ),
    entry(
        0,
        "shell_lines_pinned",
        install_cell("# versions this was written with\n!pip install {one}", pinned=True),
        install="pinned",
    ),
    entry(
        0,
        "upgrade_one_line_pinned",
        install_cell("%pip install --upgrade {all}", pinned=True),
        install="pinned",
    ),
    entry(
        0,
        "no_deps_lines_pinned",
        install_cell("%pip install -q --no-deps {one}", pinned=True),
        install="pinned",
    ),
    entry(0, "imports_and_display", nothing('sklearn.set_config(display="text")')),
    entry(0, "imports_and_release", nothing('sklearn.__version__.split(".")')),
    # --- average
    entry(
        0,
        "shell_one_line",
        install_cell("!pip install -q {all}", pinned=False),
        install="unpinned",
    ),
    entry(
        0,
        "pip_lines",
        install_cell("# environment\n%pip install {one}", pinned=False),
        install="unpinned",
    ),
    entry(
        0,
        "upgrade_one_line",
        install_cell("%pip install --upgrade {all}", pinned=False),
        install="unpinned",
    ),
    entry(
        0,
        "shell_first_one_pinned",
        install_cell("!pip install -q {all}", pinned=False, partly=True),
        install="partly_pinned",
    ),
    entry(
        0,
        "lines_first_one_pinned",
        install_cell("%pip install {one}", pinned=False, partly=True),
        install="partly_pinned",
    ),
    entry(
        0,
        "pinned_and_imports_where_used",
        scattered("%pip install -q {all}"),
        install="pinned",
        imports="scattered",
    ),
    # --- bad
    entry(
        0,
        "shell_line_after_evaluation",
        late_install("!pip install -q {all}", "use"),
        install="unpinned",
        install_place="after_use",
    ),
    entry(
        0,
        "pip_lines_before_training",
        late_install("%pip install {one}", "train"),
        install="unpinned",
        install_place="after_use",
    ),
    entry(
        0,
        "plot_missing_after_install",
        missing(MISSING_0, "!pip install -q {all}"),
        install="pinned",
        missing_import=True,
    ),
    entry(0, "missing_at_the_close", missing(MISSING_0B), missing_import=True),
    entry(
        0,
        "unused_after_install",
        unused(("scipy", "seaborn", "statsmodels"), "%pip install -q {all}"),
        install="pinned",
        unused_large=True,
    ),
    entry(
        0,
        "unused_search_index",
        unused(("faiss", "dspy"), "!pip install {one}"),
        install="pinned",
        unused_large=True,
    ),
)
