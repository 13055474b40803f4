"""Installing and importing: pinned or not, first or late, complete or not."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from memalign_bench.corpus.imports import needed, scatter, tidy
from memalign_bench.corpus.sketch import Realisation, Sketch

__all__ = [
    "MISSING_0",
    "MISSING_0B",
    "REALISATIONS",
    "entry",
    "install_cell",
    "late_install",
    "missing",
    "nothing",
    "scattered",
    "unused",
]

PACKAGES = {
    "pandas": "pandas",
    "numpy": "numpy",
    "sklearn": "scikit-learn",
    "mlflow": "mlflow",
    "seaborn": "seaborn",
    "matplotlib": "matplotlib",
    "statsmodels": "statsmodels",
    "scipy": "scipy",
}
"""Import name -> name on the index."""

LARGE = {
    "statsmodels": "import statsmodels.api as sm",
    "seaborn": "import seaborn as sns",
    "dspy": "import dspy",
    "datasets": "import datasets",
    "faiss": "import faiss",
    "scipy": "from scipy import stats",
}
"""Libraries that an author may import and never use."""

Write = Callable[[Sketch], None]


def _lines(sketch: Sketch) -> list[str]:
    """Import lines that the notebook uses."""
    return needed(sketch.imports, sketch.cells)


def _installed(lines: Sequence[str]) -> list[str]:
    """Names on the index of what the import lines need."""
    roots = {line.split()[1].split(".")[0] for line in lines}
    return [PACKAGES[root] for root in PACKAGES if root in roots]


def _pin(package: str) -> str:
    try:
        return f"{package}=={version(package)}"
    except PackageNotFoundError:
        return package


def _install(sketch: Sketch, source: str, *, stage: str = "install") -> None:
    sketch.code(stage, source, evidence=source, role="install")


def _import(sketch: Sketch, lines: Sequence[str], *, top: Sequence[str] = ()) -> None:
    """One cell with all imports; `top` marks lines of it as evidence, all of them if empty."""
    body = "\n".join(tidy(lines))
    sketch.code("imports", body, evidence=list(top) or [body], role="imports")


def _imports_with_note(sketch: Sketch, lines: Sequence[str], note: str) -> None:
    body = "\n".join(tidy(lines))
    sketch.code("imports", f"{body}\n\n{note}", evidence=[body], role="imports")


def install_cell(form: str, *, pinned: bool, partly: bool = False) -> Write:
    """An install cell at the start, then the imports.

    `form` is a template of one line with `{all}`, or of one line a package with `{one}`.
    """

    def write(sketch: Sketch) -> None:
        lines = _lines(sketch)
        packages = _installed(lines)
        asked = [_pin(p) if pinned or (partly and i == 0) else p for i, p in enumerate(packages)]
        _install(sketch, _fill(form, asked))
        sketch.detail(packages=", ".join(asked[:3]), package=asked[-1], n_packages=len(asked))
        _import(sketch, lines, top=tidy(lines)[-1:])

    return write


def _fill(form: str, asked: Sequence[str]) -> str:
    if "{all}" in form:
        return form.replace("{all}", " ".join(asked))
    head, _, line = form.rpartition("\n")
    return "\n".join([*([head] if head else []), *(line.replace("{one}", one) for one in asked)])


def late_install(form: str, stage: str, *, only: str = "") -> Write:
    """Imports on top, and an install cell once the packages have been used."""

    def write(sketch: Sketch) -> None:
        lines = _lines(sketch)
        packages = _installed(lines)
        asked = [p for p in packages if p == only] or packages[-2:]
        _import(sketch, lines, top=[line for line in tidy(lines) if line][-2:])
        source = _fill(form, asked)
        sketch.code(stage, source, evidence=source, role="install")
        sketch.detail(packages=", ".join(asked), package=asked[0])

    return write


def nothing(note: str = "") -> Write:
    """Nothing to install: only imports, on top."""

    def write(sketch: Sketch) -> None:
        lines = _lines(sketch)
        if note:
            sketch.need("import sklearn")
            _imports_with_note(sketch, [*lines, "import sklearn"], note)
        else:
            _import(sketch, lines)
        sketch.detail(packages=", ".join(_installed(lines)), n_packages=len(lines))

    return write


def _grouped(sketch: Sketch) -> None:
    """Imports on top, in groups with a word on each."""
    lines = tidy(_lines(sketch))
    lines = [line for line in lines if line]
    models = [line for line in lines if line.startswith("from sklearn")]
    others = [line for line in lines if line not in models]
    words = ("# table and plots", "# models")
    body = "\n".join([words[0], *others, words[1], *models])
    shown = ["\n".join(others[:2]), models[-1]] if models else ["\n".join(others)]
    sketch.code("imports", body, evidence=shown, role="imports")
    sketch.detail(packages=", ".join(_installed(lines)), n_packages=len(lines))


def scattered(form: str = "") -> Write:
    """Imports where they are first used."""

    def write(sketch: Sketch) -> None:
        lines = _lines(sketch)
        if form:
            _install(sketch, _fill(form, [_pin(p) for p in _installed(lines)]))
        cells = [c for c in sketch.ordered() if c.role != "fails"]
        touched = scatter(lines, cells)
        for cell in touched[1:4]:
            sketch.show(cell, cell.source.split("\n")[0])
        sketch.detail(packages=", ".join(_installed(lines)), n_places=len(touched))

    return write


def unused(choices: Sequence[str], form: str = "") -> Write:
    """A large library is imported and never used."""

    def write(sketch: Sketch) -> None:
        lines = _lines(sketch)
        code = "\n".join(lines)
        extra = next(name for name in choices if name not in code)
        asked = [*map(_pin, _installed(lines)), _pin(PACKAGES.get(extra, extra))]
        if form:
            _install(sketch, _fill(form, asked))
        _import(sketch, [*lines, LARGE[extra]], top=[LARGE[extra]])
        sketch.detail(package=extra, packages=", ".join(asked[-2:]))

    return write


def missing(candidates: Sequence[tuple[str, str, str]], form: str = "") -> Write:
    """A cell uses a name that no import brought; its traceback stays in the notebook.

    `candidates` are (name, stage, template of the cell); the first whose name is free is taken.
    """

    def write(sketch: Sketch) -> None:
        lines = _lines(sketch)
        bound = "\n".join(lines)
        name, stage, template = next(c for c in candidates if f" {c[0]}" not in bound)
        if form:
            _install(sketch, _fill(form, [_pin(p) for p in _installed(lines)]))
        _import(sketch, lines, top=[line for line in tidy(lines) if line][:2])
        column = sketch.case.numeric[0]
        source = template.replace("{column}", column).replace("{target}", sketch.case.target)
        sketch.code(stage, source, evidence=source.split("\n")[-1], role="fails")
        sketch.detail(package=name, packages=", ".join(_installed(lines)))

    return write


MISSING_0 = (
    ("sns", "explore", 'sns.histplot($df["{column}"])'),
    ("stats", "explore", 'stats.skew($df["{column}"].dropna())'),
)
MISSING_0B = (
    ("plt", "close", 'plt.hist($df["{column}"].dropna(), bins=30)\nplt.show()'),
    ("joblib", "close", 'joblib.dump($model, "model.joblib")'),
    ("sys", "close", "sys.version_info"),
)
MISSING_1 = (
    ("joblib", "close", 'joblib.dump($model, "{target}_model.joblib")'),
    ("pickle", "close", "pickle.dumps($model)"),
)
MISSING_1B = (
    ("plt", "explore", 'fig, ax = plt.subplots()\nax.boxplot($df["{column}"].dropna())'),
    ("sns", "explore", 'sns.boxplot(x=$df["{column}"])'),
    ("stats", "explore", 'stats.describe($df["{column}"].dropna())'),
)


def entry(corpus: int, name: str, write: Write, **facets: Any) -> Realisation:
    """A realisation of library_installation; the keywords are its facets."""
    planted: Mapping[str, Any] = facets
    return Realisation(f"library_{name}", "library_installation", corpus, planted, write)


REALISATIONS = (
    # reported corpus
    entry(
        0,
        "pip_one_line_pinned",
        install_cell("%pip install -q {all}", pinned=True),
        install="pinned",
    ),
    entry(
        0,
        "pip_lines_pinned",
        install_cell("# environment\n%pip install {one}", pinned=True),
        install="pinned",
    ),
    entry(0, "imports_only", nothing()),
    entry(0, "imports_and_version", nothing('print("scikit-learn", sklearn.__version__)')),
    entry(
        0, "pip_one_line", install_cell("%pip install -q {all}", pinned=False), install="unpinned"
    ),
    entry(
        0, "shell_pip_lines", install_cell("!pip install {one}", pinned=False), install="unpinned"
    ),
    entry(
        0,
        "first_one_pinned",
        install_cell("%pip install -q {all}", pinned=False, partly=True),
        install="partly_pinned",
    ),
    entry(0, "imports_where_used", scattered(), imports="scattered"),
    entry(
        0,
        "pip_after_training",
        late_install("%pip install -q {all}", "evaluate"),
        install="unpinned",
        install_place="after_use",
    ),
    entry(
        0,
        "pip_line_before_split",
        late_install("!pip install {one}", "split"),
        install="unpinned",
        install_place="after_use",
    ),
    entry(0, "plot_library_missing", missing(MISSING_0), missing_import=True),
    entry(
        0,
        "missing_at_the_end",
        missing(MISSING_0B, "%pip install -q {all}"),
        install="pinned",
        missing_import=True,
    ),
    entry(0, "unused_statistics", unused(("statsmodels", "scipy")), unused_large=True),
    # development corpus
    entry(
        1,
        "quiet_pip_pinned",
        install_cell("%pip install --quiet {all}", pinned=True),
        install="pinned",
    ),
    entry(
        1,
        "pip_upgrade_lines_pinned",
        install_cell("%pip install --no-cache-dir {one}", pinned=True),
        install="pinned",
    ),
    entry(1, "grouped_imports", _grouped),
    entry(1, "imports_and_check", nothing('assert int(sklearn.__version__.split(".")[0]) >= 1')),
    entry(
        1,
        "upgrade_unpinned",
        install_cell("%pip install -U {all}", pinned=False),
        install="unpinned",
    ),
    entry(
        1,
        "shell_quiet_unpinned",
        install_cell("!pip -q install {all}", pinned=False),
        install="unpinned",
    ),
    entry(
        1,
        "only_first_fixed",
        install_cell("!pip install {one}", pinned=False, partly=True),
        install="partly_pinned",
    ),
    entry(
        1,
        "imports_along_the_way",
        scattered("%pip install --quiet {all}"),
        install="pinned",
        imports="scattered",
    ),
    entry(
        1,
        "upgrade_before_use_stage",
        late_install("%pip install -U {all}", "train"),
        install="unpinned",
        install_place="after_use",
    ),
    entry(
        1,
        "pip_at_the_end",
        late_install("%pip install {one}", "close"),
        install="unpinned",
        install_place="after_use",
    ),
    entry(1, "saving_without_import", missing(MISSING_1), missing_import=True),
    entry(
        1,
        "plotting_without_import",
        missing(MISSING_1B, "!pip -q install {all}"),
        install="unpinned",
        missing_import=True,
    ),
    entry(
        1,
        "unused_language_models",
        unused(("datasets", "faiss"), "%pip install --quiet {all}"),
        install="pinned",
        unused_large=True,
    ),
)
