"""How authors of the reported corpus install and import."""

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

__all__ = ["MISSING", "MISSING_LATER", "REALISATIONS"]

MISSING = (
    ("sns", "explore", 'sns.histplot($df["{column}"])'),
    ("stats", "explore", 'stats.skew($df["{column}"].dropna())'),
)


MISSING_LATER = (
    ("plt", "close", 'plt.hist($df["{column}"].dropna(), bins=30)\nplt.show()'),
    ("joblib", "close", 'joblib.dump($model, "model.joblib")'),
    ("sys", "close", "sys.version_info"),
)


REALISATIONS = (
    entry(
        "pip_one_line_pinned",
        install_cell("%pip install -q {all}", pinned=True),
        install="pinned",
    ),
    entry(
        "pip_lines_pinned",
        install_cell("# environment\n%pip install {one}", pinned=True),
        install="pinned",
    ),
    entry("imports_only", nothing()),
    entry("imports_and_version", nothing('print("scikit-learn", sklearn.__version__)')),
    entry("pip_one_line", install_cell("%pip install -q {all}", pinned=False), install="unpinned"),
    entry("shell_pip_lines", install_cell("!pip install {one}", pinned=False), install="unpinned"),
    entry(
        "first_one_pinned",
        install_cell("%pip install -q {all}", pinned=False, partly=True),
        install="partly_pinned",
    ),
    entry("imports_where_used", scattered(), imports="scattered"),
    entry(
        "pip_after_training",
        late_install("%pip install -q {all}", "evaluate"),
        install="unpinned",
        install_place="after_use",
    ),
    entry(
        "pip_line_before_split",
        late_install("!pip install {one}", "split"),
        install="unpinned",
        install_place="after_use",
    ),
    entry("plot_library_missing", missing(MISSING), missing_import=True),
    entry(
        "missing_at_the_end",
        missing(MISSING_LATER, "%pip install -q {all}"),
        install="pinned",
        missing_import=True,
    ),
    entry("unused_statistics", unused(("statsmodels", "scipy")), unused_large=True),
)
