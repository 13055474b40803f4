"""Installing and importing: pinned or not, first or late, complete or not."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from genie_synth.realisations.realisation import Realisation
from genie_synth.sketch.imports import needed, scatter, tidy
from genie_synth.sketch.sketch import Sketch

__all__ = [
    "entry",
    "import_lines",
    "install_cell",
    "installed",
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


def import_lines(sketch: Sketch) -> list[str]:
    """Import lines that the notebook uses."""
    return needed(sketch.imports, sketch.cells)


def installed(lines: Sequence[str]) -> list[str]:
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
        lines = import_lines(sketch)
        packages = installed(lines)
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
        lines = import_lines(sketch)
        packages = installed(lines)
        asked = [p for p in packages if p == only] or packages[-2:]
        _import(sketch, lines, top=[line for line in tidy(lines) if line][-2:])
        source = _fill(form, asked)
        sketch.code(stage, source, evidence=source, role="install")
        sketch.detail(packages=", ".join(asked), package=asked[0])

    return write


def nothing(note: str = "") -> Write:
    """Nothing to install: only imports, on top."""

    def write(sketch: Sketch) -> None:
        lines = import_lines(sketch)
        if note:
            sketch.need("import sklearn")
            _imports_with_note(sketch, [*lines, "import sklearn"], note)
        else:
            _import(sketch, lines)
        sketch.detail(packages=", ".join(installed(lines)), n_packages=len(lines))

    return write


def scattered(form: str = "") -> Write:
    """Imports where they are first used."""

    def write(sketch: Sketch) -> None:
        lines = import_lines(sketch)
        if form:
            _install(sketch, _fill(form, [_pin(p) for p in installed(lines)]))
        cells = [c for c in sketch.ordered() if c.role != "fails"]
        touched = scatter(lines, cells)
        for cell in touched[1:4]:
            sketch.show(cell, cell.source.split("\n")[0])
        sketch.detail(packages=", ".join(installed(lines)), n_places=len(touched))

    return write


def unused(choices: Sequence[str], form: str = "") -> Write:
    """A large library is imported and never used."""

    def write(sketch: Sketch) -> None:
        lines = import_lines(sketch)
        code = "\n".join(lines)
        extra = next(name for name in choices if name not in code)
        asked = [*map(_pin, installed(lines)), _pin(PACKAGES.get(extra, extra))]
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
        lines = import_lines(sketch)
        bound = "\n".join(lines)
        name, stage, template = next(c for c in candidates if f" {c[0]}" not in bound)
        if form:
            _install(sketch, _fill(form, [_pin(p) for p in installed(lines)]))
        _import(sketch, lines, top=[line for line in tidy(lines) if line][:2])
        column = sketch.case.numeric[0]
        source = template.replace("{column}", column).replace("{target}", sketch.case.target)
        sketch.code(stage, source, evidence=source.split("\n")[-1], role="fails")
        sketch.detail(package=name, packages=", ".join(installed(lines)))

    return write


def entry(name: str, write: Write, **facets: Any) -> Realisation:
    """A realisation of library_installation; the keywords are its facets."""
    planted: Mapping[str, Any] = facets
    return Realisation(f"library_{name}", "library_installation", planted, write)
