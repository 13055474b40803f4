"""A notebook in the making: what a case is, how a facet is written, and in which order cells come.

A **case** is what a user asked for, and its data. A **realisation** is one concrete way of writing
code that shows some facets of one dimension. A **sketch** collects the cells of one notebook from
nine realisations, by stage, and remembers which lines show what (the evidence).

Every module in `memalign_bench.corpus.realisations` exposes `REALISATIONS`, a tuple; they are found
by `realisations()`, and there is no central list.

Conventions between stages (sources are templates: `$df` becomes this author's name for the frame,
see `Names`; everything else stays as it is, braces and single dollars included):

- after `load`, `$df` is the raw frame, read with pandas from the file of the case;
- after `clean`, `$df` may have been imputed or rows dropped;
- after `features`, columns may have been added to `$df`; `sketch.state["numeric"]` and
  `sketch.state["nominal"]` list the input columns (never target, time index or identifier, unless
  a realisation plants that), and the notebook has the list `$features` = numeric + nominal
  (written by the feature_engineering realisation);
- after `split` (written by the model_training realisation): `$X_train, $X_test, $y_train, $y_test`,
  the X with columns `$features`;
- after `prepare` (written by feature_engineering): the notebook's variable `prep` is an unfitted
  scikit-learn transformer, or the string "passthrough". Its numeric branch begins with
  `sketch.state["impute_step"]` where data_imputation chose an imputation inside the pipeline;
- after `train`: `$model` is fitted and predicts on rows like `$X_test`;
- `evaluate` uses `$model, $X_test, $y_test`; `use` reads `case.new_file` and predicts; `log` logs.

Realisations write in the order `WRITING_ORDER`, so that later ones can read `sketch.state`.
"""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from memalign_bench.seeding import generator

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "DIMENSIONS",
    "STAGES",
    "WRITING_ORDER",
    "Case",
    "Cell",
    "Names",
    "Realisation",
    "Sketch",
    "Style",
    "realisations",
]

DIMENSIONS = (
    "library_installation",
    "exploratory_data_analysis",
    "data_imputation",
    "feature_engineering",
    "model_training",
    "model_use",
    "metrics_evaluation",
    "mlflow_logging",
    "cell_organization",
)
"""The nine dimensions, in the order of tables."""

STAGES = (
    *("title", "install", "imports", "load", "explore", "clean", "features", "split", "prepare"),
    *("train", "evaluate", "use", "log", "close"),
)
"""Where cells go; a notebook is its stages in this order."""

WRITING_ORDER = (
    "exploratory_data_analysis",
    "data_imputation",
    "feature_engineering",
    "model_training",
    "metrics_evaluation",
    "model_use",
    "mlflow_logging",
    "library_installation",
    "cell_organization",
)
"""The order in which realisations write; `library_installation` sees all imports needed,
`cell_organization` the finished list of cells."""

Task = Literal["classification", "regression", "forecasting"]


@dataclass(frozen=True)
class Case:
    """What a user asked for, and the data they gave.

    Attributes:
        case_id: Slug, unique over both corpora.
        corpus: 0 (reported) or 1 (development).
        prompt: The request in a data scientist's words, one to three sentences.
        domain: Field of work ("aviation", "energy").
        task: What is predicted: a class, a number, or the next values of a series.
        target: Column to predict.
        numeric: Numeric input columns (without target, time index and identifier).
        nominal: Nominal input columns.
        file: Name of the data file ("flights.csv").
        frame: Makes the data from a generator, the same for the same generator state.
        time_index: Column with the time, None where rows are exchangeable.
        id_column: Column that only names a row, None where there is none.
        imbalanced: Whether one class is rare.
        missing: Columns with missing values -> why they are missing (words); may hold the target.
        new_rows: Makes fresh rows without the target; None where `wants_predictions` is false.
        new_file: Name of the file with the fresh rows ("flights_tomorrow.csv").
        rules_out_tracking: Whether the prompt says not to track the experiment.
        facts: Words and columns of the case that realisations may use (positive class, unit,
            a plausible domain feature as source code, ...), by key.
    """

    case_id: str
    corpus: int
    prompt: str
    domain: str
    task: Task
    target: str
    numeric: tuple[str, ...]
    nominal: tuple[str, ...]
    file: str
    frame: Callable[[np.random.Generator], pd.DataFrame]
    time_index: str | None = None
    id_column: str | None = None
    imbalanced: bool = False
    missing: Mapping[str, str] = field(default_factory=dict)
    new_rows: Callable[[np.random.Generator], pd.DataFrame] | None = None
    new_file: str | None = None
    rules_out_tracking: bool = False
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def story(self) -> str:
        """The slug without the number of the repetition ("flat-rents" of "flat-rents-r02")."""
        return re.sub(r"-r\d+$", "", self.case_id)

    @property
    def wants_predictions(self) -> bool:
        """Whether the prompt asks for predictions on new rows."""
        return self.new_rows is not None

    def applies(self, dimension: str) -> bool:
        """Whether the dimension can be graded at all for this case."""
        if dimension == "data_imputation":
            return bool(self.missing)
        if dimension == "model_use":
            return self.wants_predictions
        return dimension != "mlflow_logging" or not self.rules_out_tracking

    def data(self) -> pd.DataFrame:
        """The data of the case, always the same."""
        return self.frame(generator(self.corpus, "case", self.case_id, "frame"))

    def new_data(self) -> pd.DataFrame:
        """The fresh rows of the case, always the same.

        Raises:
            ValueError: If the prompt asks for no predictions.
        """
        if self.new_rows is None:
            raise ValueError(f"case {self.case_id!r} asks for no predictions: it has no new rows.")
        return self.new_rows(generator(self.corpus, "case", self.case_id, "new_rows"))


@dataclass(frozen=True)
class Names:
    """What an author calls things; `$df` in a source becomes `df` of these."""

    df: str = "df"
    X: str = "X"
    y: str = "y"
    X_train: str = "X_train"
    X_test: str = "X_test"
    y_train: str = "y_train"
    y_test: str = "y_test"
    features: str = "features"
    model: str = "model"
    search: str = "search"
    baseline: str = "baseline"
    pred: str = "pred"
    proba: str = "proba"
    new: str = "new"


@dataclass(frozen=True)
class Style:
    """How an author writes.

    Attributes:
        voice: Tone of the markdown.
        comments: Whether comment lines are kept (lines of evidence always are).
        quote: The quote of string literals.
    """

    voice: Literal["terse", "chatty", "formal"] = "terse"
    comments: bool = True
    quote: Literal['"', "'"] = '"'


@dataclass
class Cell:
    """One cell; `evidence` lists (dimension, verbatim part of the source)."""

    kind: Literal["code", "markdown"]
    stage: str
    source: str
    evidence: list[tuple[str, str]] = field(default_factory=list)
    role: str = ""


@dataclass(frozen=True)
class Realisation:
    """One concrete way of writing code that shows some facets.

    Attributes:
        name: Unique slug over all dimensions and corpora ("median_before_split_fillna").
        dimension: The dimension whose facets it shows.
        corpus: 0 or 1; the two corpora share none.
        facets: Planted facts, keys and values as in `facets.py`.
        write: Adds cells, evidence and facts to a sketch.
        suits: Whether it can be written for a case.
    """

    name: str
    dimension: str
    corpus: int
    facets: Mapping[str, Any]
    write: Callable[[Sketch], None]
    suits: Callable[[Case], bool] = lambda case: True


_TOKEN = re.compile(
    r"\$(" + "|".join(sorted((f.name for f in fields(Names)), key=len)[::-1]) + r")\b"
)
_PLAIN_STRING = re.compile(r'"([^"\'\\\n]*)"')


class Sketch:
    """Collects the cells of one notebook by stage.

    Attributes:
        case: What was asked for.
        names: This author's variable names.
        style: This author's way of writing.
        state: What stages tell one another; keys in the module's docstring. Also
            `family` ("tree", "linear" or "distance"): the kind of estimator to train,
            `imputed` (bool): no missing values are left in the inputs after `clean`,
            `imports` (list of str): see `need`.
        cells: The cells written so far.
        facts: dimension -> facets found while writing (they complete those of the realisation).
        details: dimension -> words and numbers for rationales (`column`, `n_rows`, `share`, ...).
    """

    def __init__(self, case: Case, names: Names, style: Style, *, item_id: str) -> None:
        self.case = case
        self.names = names
        self.style = style
        self.item_id = item_id
        self.dimension = ""
        self.rng = generator(case.corpus, "sketch", item_id)
        self.cells: list[Cell] = []
        self.imports: list[str] = []
        self.facts: dict[str, dict[str, Any]] = {}
        self.details: dict[str, dict[str, Any]] = {}
        self.state: dict[str, Any] = {
            "numeric": list(case.numeric),
            "nominal": list(case.nominal),
            "imputed": False,
            "family": "tree",
        }

    @cached_property
    def frame(self) -> pd.DataFrame:
        """The raw data of the case (do not change it): for findings that must be true."""
        return self.case.data()

    def begin(self, dimension: str) -> None:
        """From now on evidence, facts and random draws belong to `dimension`."""
        self.dimension = dimension
        self.rng = generator(self.case.corpus, "sketch", self.item_id, dimension)
        self.facts.setdefault(dimension, {})
        self.details.setdefault(dimension, {})

    def named(self, text: str) -> str:
        """Put this author's names for `$df`, `$X_train` and so on."""
        return _TOKEN.sub(lambda match: str(getattr(self.names, match.group(1))), text)

    def need(self, *lines: str) -> None:
        """Ask for import lines ("import pandas as pd"); where they go is decided later."""
        for line in lines:
            if line not in self.imports:
                self.imports.append(line)

    def code(
        self, stage: str, source: str, evidence: Sequence[str] | str = (), *, role: str = ""
    ) -> Cell:
        """Add a code cell.

        Args:
            stage: One of `STAGES`.
            source: Template of the source (`$df`, ...); leading and trailing blank lines are cut.
            evidence: Parts of `source` that show the current dimension's facets, verbatim (as
                templates too). A part may span lines; empty parts are left out.
            role: What kind of cell it is where that matters ("install", "imports", "leftover").

        Raises:
            ValueError: If the stage is unknown, the source does not parse, or a part is not in it.
        """
        parts = [p for p in ([evidence] if isinstance(evidence, str) else evidence) if p]
        text, parts = self._styled(self.named(source).strip("\n"), [self.named(p) for p in parts])
        return self._add(Cell("code", stage, text, [(self.dimension, p) for p in parts], role))

    def text(
        self, stage: str, markdown: str, evidence: Sequence[str] | str = (), *, role: str = ""
    ) -> Cell:
        """Add a markdown cell; arguments as those of `code`."""
        parts = [p for p in ([evidence] if isinstance(evidence, str) else evidence) if p]
        pairs = [(self.dimension, self.named(part)) for part in parts]
        return self._add(Cell("markdown", stage, self.named(markdown).strip("\n"), pairs, role))

    def show(self, cell: Cell, snippet: str) -> None:
        """Mark a part of an existing cell as evidence of the current dimension."""
        part = self.named(snippet)
        if part not in cell.source and self.style.quote == "'":
            part = _PLAIN_STRING.sub(r"'\1'", part)
        self._check(cell.source, part)
        cell.evidence.append((self.dimension, part))

    def fact(self, **facets: Any) -> None:
        """Record facets of the current dimension that are known only now (a dropped share)."""
        self.facts[self.dimension].update(facets)

    def detail(self, **details: Any) -> None:
        """Record words and numbers that a rater of the current dimension could name."""
        self.details[self.dimension].update(details)

    def ordered(self) -> list[Cell]:
        """The cells by stage, in the order of writing within a stage."""
        return sorted(self.cells, key=lambda cell: STAGES.index(cell.stage))

    def _add(self, cell: Cell) -> Cell:
        if cell.stage not in STAGES:
            raise ValueError(f"unknown stage {cell.stage!r}; the stages are {', '.join(STAGES)}.")
        for _, part in cell.evidence:
            self._check(cell.source, part)
        self.cells.append(cell)
        return cell

    def _check(self, source: str, part: str) -> None:
        if not part or part not in source:
            raise ValueError(
                f"{self.item_id}, {self.dimension}: evidence {part!r} is not in the cell"
                f" {source!r}."
            )

    def _styled(self, source: str, parts: list[str]) -> tuple[str, list[str]]:
        """The source in this author's way of writing, and its parts likewise."""
        if re.search(r"^[%!]", source, re.M):
            return source, parts
        try:
            tree = ast.dump(ast.parse(source))
        except SyntaxError as error:
            raise ValueError(f"{self.item_id}, {self.dimension}: {error} in {source!r}") from error
        if not self.style.comments:
            shown = "\n".join(parts)
            lines = [
                line
                for line in source.split("\n")
                if not line.lstrip().startswith("#") or line.strip() in shown
            ]
            source = "\n".join(lines) if any(line.strip() for line in lines) else source
        if self.style.quote == "'":
            other = _PLAIN_STRING.sub(r"'\1'", source)
            others = [_PLAIN_STRING.sub(r"'\1'", part) for part in parts]
            if _same(other, tree) and all(part in other for part in others):
                return other, others
        return source, parts


def _same(source: str, tree: str) -> bool:
    try:
        return ast.dump(ast.parse(source)) == tree
    except SyntaxError:
        return False


def realisations(dimension: str, corpus: int) -> tuple[Realisation, ...]:
    """All realisations of a dimension in one corpus, sorted by name."""
    package = importlib.import_module("memalign_bench.corpus.realisations")
    found: list[Realisation] = []
    for module in pkgutil.iter_modules(package.__path__):
        loaded = importlib.import_module(f"{package.__name__}.{module.name}")
        found.extend(
            entry
            for entry in getattr(loaded, "REALISATIONS", ())
            if entry.dimension == dimension and entry.corpus == corpus
        )
    return tuple(sorted(found, key=lambda entry: entry.name))
