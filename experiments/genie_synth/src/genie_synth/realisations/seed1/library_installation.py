"""How authors of the development corpus install and import."""

from __future__ import annotations

from genie_synth.realisations.parts.library_installation import (
    entry,
    import_lines,
    install_cell,
    installed,
    late_install,
    missing,
    nothing,
    scattered,
    unused,
)
from genie_synth.sketch.imports import tidy
from genie_synth.sketch.sketch import Sketch

__all__ = ["REALISATIONS"]


def _grouped(sketch: Sketch) -> None:
    """Imports on top, in groups with a word on each."""
    lines = tidy(import_lines(sketch))
    lines = [line for line in lines if line]
    models = [line for line in lines if line.startswith("from sklearn")]
    others = [line for line in lines if line not in models]
    words = ("# table and plots", "# models")
    body = "\n".join([words[0], *others, words[1], *models])
    shown = ["\n".join(others[:2]), models[-1]] if models else ["\n".join(others)]
    sketch.code("imports", body, evidence=shown, role="imports")
    sketch.detail(packages=", ".join(installed(lines)), n_packages=len(lines))


MISSING = (
    ("joblib", "close", 'joblib.dump($model, "{target}_model.joblib")'),
    ("pickle", "close", "pickle.dumps($model)"),
)


MISSING_LATER = (
    ("plt", "explore", 'fig, ax = plt.subplots()\nax.boxplot($df["{column}"].dropna())'),
    ("sns", "explore", 'sns.boxplot(x=$df["{column}"])'),
    ("stats", "explore", 'stats.describe($df["{column}"].dropna())'),
)


REALISATIONS = (
    entry(
        "quiet_pip_pinned",
        install_cell("%pip install --quiet {all}", pinned=True),
        install="pinned",
    ),
    entry(
        "pip_upgrade_lines_pinned",
        install_cell("%pip install --no-cache-dir {one}", pinned=True),
        install="pinned",
    ),
    entry("grouped_imports", _grouped),
    entry("imports_and_check", nothing('assert int(sklearn.__version__.split(".")[0]) >= 1')),
    entry(
        "upgrade_unpinned",
        install_cell("%pip install -U {all}", pinned=False),
        install="unpinned",
    ),
    entry(
        "shell_quiet_unpinned",
        install_cell("!pip -q install {all}", pinned=False),
        install="unpinned",
    ),
    entry(
        "only_first_fixed",
        install_cell("!pip install {one}", pinned=False, partly=True),
        install="partly_pinned",
    ),
    entry(
        "imports_along_the_way",
        scattered("%pip install --quiet {all}"),
        install="pinned",
        imports="scattered",
    ),
    entry(
        "upgrade_before_use_stage",
        late_install("%pip install -U {all}", "train"),
        install="unpinned",
        install_place="after_use",
    ),
    entry(
        "pip_at_the_end",
        late_install("%pip install {one}", "close"),
        install="unpinned",
        install_place="after_use",
    ),
    entry("saving_without_import", missing(MISSING), missing_import=True),
    entry(
        "plotting_without_import",
        missing(MISSING_LATER, "!pip -q install {all}"),
        install="unpinned",
        missing_import=True,
    ),
    entry(
        "unused_language_models",
        unused(("datasets", "faiss"), "%pip install --quiet {all}"),
        install="pinned",
        unused_large=True,
    ),
)
