"""Features: what is added to the frame, how columns are encoded and scaled, for which model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from genie_synth.realisations.realisation import Realisation
from genie_synth.sketch.case import Case
from genie_synth.sketch.sketch import Sketch
from genie_synth.sketch.writing import add_columns, fill, first_lag, put, show_line

__all__ = [
    "Recipe",
    "aggregates",
    "all_rows_rate",
    "entry",
    "future_window",
    "has_id",
    "has_nominal",
    "is_series",
    "keep_id",
]

Suits = Callable[[Case], bool]


Step = Callable[[Sketch], None]


ENCODERS = {
    "onehot": ("OneHotEncoder", 'OneHotEncoder(handle_unknown="ignore")'),
    "ordinal": (
        "OrdinalEncoder",
        'OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)',
    ),
    "target_train": ("TargetEncoder", 'TargetEncoder(target_type="«kind»", cv=KFold(5))'),
}
"""Facet value -> class and source; the target encoder is fitted with the pipeline."""


@dataclass(frozen=True)
class Recipe:
    """What a feature realisation does, in the order of the notebook.

    Attributes:
        family: Kind of estimator that will be trained.
        encoding: How nominal columns are encoded in the pipeline (key of `ENCODERS`).
        scaler: Class of the scaler, "" for none.
        domain: Whether a feature from the field is added.
        as_function: Whether that feature is written as a function of a frame.
        named: Whether the transformer is a `ColumnTransformer` with names (else the short form).
        extra: Adds the columns that spoil the work, where something does.
        show_prep: Whether the transformer is evidence.
    """

    family: str
    encoding: str = "onehot"
    scaler: str = "StandardScaler"
    domain: bool = True
    as_function: bool = False
    named: bool = True
    extra: Step | None = None
    show_prep: bool = True

    def __call__(self, sketch: Sketch) -> None:
        """Write the cells."""
        sketch.state["family"] = self.family
        if sketch.case.time_index:
            _lags(sketch)
        if self.domain:
            _domain(sketch, as_function=self.as_function)
        if self.extra:
            self.extra(sketch)
        _lists(sketch)
        self._prepare(sketch)

    def _prepare(self, sketch: Sketch) -> None:
        steps = [sketch.state["impute_step"]] if sketch.state.get("impute_step") else []
        if self.scaler:
            sketch.need(f"from sklearn.preprocessing import {self.scaler}")
            steps.append(f"{self.scaler}()")
        numeric = steps[0] if len(steps) == 1 else f"make_pipeline({', '.join(steps)})"
        if len(steps) > 1:
            sketch.need("from sklearn.pipeline import make_pipeline")
        branches = [("num", numeric if steps else '"passthrough"', "numeric")]
        if sketch.state["nominal"]:
            name, source = ENCODERS[self.encoding]
            sketch.need(f"from sklearn.preprocessing import {name}")
            if "KFold" in source:
                sketch.need("from sklearn.model_selection import KFold")
            kind = "binary" if sketch.case.task == "classification" else "continuous"
            branches.append(("cat", fill(sketch, source, kind=kind), "nominal"))
        put(sketch, "prepare", self._transformer(sketch, branches), self._evidence())
        if sketch.state.get("impute_step"):
            show_line(sketch, "prepare", numeric + ",", "data_imputation")

    def _transformer(self, sketch: Sketch, branches: list[tuple[str, str, str]]) -> str:
        if self.named:
            sketch.need("from sklearn.compose import ColumnTransformer")
            rows = [f'    ("{name}", {source}, {columns}),' for name, source, columns in branches]
            return "\n".join(["prep = ColumnTransformer([", *rows, "])"])
        sketch.need("from sklearn.compose import make_column_transformer")
        rows = [f"    ({source}, {columns})," for _, source, columns in branches]
        return "\n".join(["prep = make_column_transformer(", *rows, ")"])

    def _evidence(self) -> str | tuple[str, ...]:
        return "all" if self.show_prep else ()


def _lags(sketch: Sketch) -> None:
    """Lags of at least the horizon, and a mean of the past; the first rows have none."""
    season, case = int(sketch.case.facts["season"]), sketch.case
    first = first_lag(case)
    names = [f"lag_{first}", f"lag_{2 * season}", f"past_mean_{4 * season}"]
    series = '{d}["«target»"]'
    lines = [
        f'{{d}}["{names[0]}"] = {series}.shift({first})',
        f'{{d}}["{names[1]}"] = {series}.shift({2 * season})',
        f'{{d}}["{names[2]}"] = {series}.shift({first}).rolling({4 * season}).mean()',
    ]
    add_columns(sketch, "features", lines, evidence=False, history=True)
    sketch.state["numeric"] += names
    sketch.state["warm_up"] = 5 * season


def _domain(sketch: Sketch, *, as_function: bool) -> None:
    """One feature that needs knowledge of the field, with its reason."""
    options = sketch.case.facts["domain"]
    name, source, why = options[int(sketch.rng.integers(len(options)))]
    sketch.text("features", why)
    sketch.state["numeric"].append(name)
    sketch.detail(feature=name)
    if not as_function:
        add_columns(sketch, "features", [f'{{d}}["{name}"] = {source}'])
        return
    body = source.replace("{d}", "data")
    before = f"def with_{name}(data):\n    return data.assign({name}={body})\n\n"
    add_columns(sketch, "features", [f"{{d}} = with_{name}({{d}})"], before=before)


def _lists(sketch: Sketch) -> None:
    """The input columns, and the rows without a full past cut off."""
    lines = []
    if "warm_up" in sketch.state:
        cut = f"$df = $df.iloc[{sketch.state['warm_up']}:].reset_index(drop=True)"
        lines.append(f"{cut}  # no full past before")
    lines.append("numeric = «numeric»")
    lines.append("nominal = «nominal»" if sketch.state["nominal"] else "")
    lines.append("$features = numeric" + (" + nominal" if sketch.state["nominal"] else ""))
    put(sketch, "features", "\n".join(line for line in lines if line))


def keep_id(source: str) -> Step:
    """Make the identifier an input; `source` turns the column into a number."""

    def write(sketch: Sketch) -> None:
        column = f"{sketch.case.id_column}_no"
        add_columns(sketch, "features", [f'{{d}}["{column}"] = {{d}}["«id»"]{source}'])
        sketch.state["numeric"].append(column)
        sketch.detail(column=sketch.case.id_column)

    return write


def all_rows_rate(before: str, line: str, column: str, *imports: str) -> Step:
    """Replace a nominal column by a statistic of the target over all rows."""

    def write(sketch: Sketch) -> None:
        sketch.need(*imports)
        kind = "binary" if sketch.case.task == "classification" else "continuous"
        once = fill(sketch, before, kind=kind)
        add_columns(sketch, "features", [line], before=once)
        group = sketch.case.facts["group"]
        sketch.state["nominal"].remove(group)
        sketch.state["numeric"].append(fill(sketch, column))
        sketch.detail(column=group, feature=fill(sketch, column))

    return write


def aggregates(before: str, line: str, column: str) -> Step:
    """Add a statistic of the target by group over all rows, beside the group."""

    def write(sketch: Sketch) -> None:
        add_columns(sketch, "features", [line], before=before)
        sketch.state["numeric"].append(fill(sketch, column))
        sketch.detail(column=sketch.case.facts["group"], feature=fill(sketch, column))

    return write


def future_window(line: str, column: str) -> Step:
    """Add a window of the target that reaches past its own row."""

    def write(sketch: Sketch) -> None:
        add_columns(sketch, "features", [line], history=True)
        sketch.state["numeric"].append(fill(sketch, column))
        sketch.detail(feature=fill(sketch, column), column=sketch.case.target)

    return write


def has_nominal(case: Case) -> bool:
    """Whether there are nominal columns to encode."""
    return bool(case.nominal)


def has_id(case: Case) -> bool:
    """Whether there is an identifier that could be kept."""
    return case.id_column is not None


def is_series(case: Case) -> bool:
    """Whether rows are ordered in time."""
    return case.time_index is not None


def anything(case: Case) -> bool:
    """Every case."""
    return bool(case.case_id)


def entry(name: str, recipe: Recipe, suits: Suits = anything, **facets: Any) -> Realisation:
    """A realisation of feature_engineering; facets that follow from the recipe are filled in."""
    said = {
        "family": recipe.family,
        "encoding": recipe.encoding,
        "scaled": bool(recipe.scaler),
        "domain_feature": recipe.domain,
        "in_pipeline": True,
        **facets,
    }
    return Realisation(name, "feature_engineering", said, recipe, suits)
