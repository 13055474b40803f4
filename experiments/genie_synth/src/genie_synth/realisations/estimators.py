"""Which estimator an author takes for a task and features, and which setting they tune."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from genie_synth.sketch.sketch import Sketch

__all__ = ["Estimator", "estimator", "trivial"]


@dataclass(frozen=True)
class Estimator:
    """An estimator as an author writes it.

    Attributes:
        module: Where it is imported from.
        name: Its class.
        arguments: Fixed arguments, as source.
        setting: The argument that is tuned.
        values: The values tried.
    """

    module: str
    name: str
    arguments: str
    setting: str
    values: tuple[int | float, ...]

    @property
    def plain(self) -> str:
        """Source with the fixed arguments only."""
        return f"{self.name}({self.arguments})"

    def at(self, value: object) -> str:
        """Source with the tuned argument set to `value` (a name or a number)."""
        arguments = [*([self.arguments] if self.arguments else []), f"{self.setting}={value}"]
        return f"{self.name}({', '.join(arguments)})"

    @property
    def needs(self) -> str:
        """Its import line."""
        return f"from {self.module} import {self.name}"


_Pool = Mapping[tuple[str, bool], Estimator]

_ENSEMBLE, _LINEAR, _NEAR = "sklearn.ensemble", "sklearn.linear_model", "sklearn.neighbors"

_POOLS: Mapping[int, _Pool] = {
    0: {
        ("tree", True): Estimator(
            *(_ENSEMBLE, "RandomForestClassifier", "n_estimators=40, random_state=0"),
            *("max_depth", (3, 6, 12)),
        ),
        ("tree", False): Estimator(
            *(_ENSEMBLE, "RandomForestRegressor", "n_estimators=40, random_state=0"),
            *("max_depth", (4, 8, 14)),
        ),
        ("linear", True): Estimator(
            _LINEAR, "LogisticRegression", 'solver="liblinear"', "C", (0.1, 1.0, 10.0)
        ),
        ("linear", False): Estimator(_LINEAR, "Ridge", "", "alpha", (0.1, 1.0, 10.0)),
        ("distance", True): Estimator(
            _NEAR, "KNeighborsClassifier", "", "n_neighbors", (5, 15, 31)
        ),
        ("distance", False): Estimator(
            _NEAR, "KNeighborsRegressor", "", "n_neighbors", (4, 10, 20)
        ),
    },
    1: {
        ("tree", True): Estimator(
            *(_ENSEMBLE, "GradientBoostingClassifier", "n_estimators=50, random_state=1"),
            *("learning_rate", (0.03, 0.1, 0.3)),
        ),
        ("tree", False): Estimator(
            *(_ENSEMBLE, "ExtraTreesRegressor", "n_estimators=40, random_state=1"),
            *("min_samples_leaf", (1, 3, 8)),
        ),
        ("linear", True): Estimator(
            _LINEAR, "LogisticRegression", 'solver="newton-cholesky"', "C", (0.03, 0.3, 3.0)
        ),
        ("linear", False): Estimator(_LINEAR, "Ridge", "random_state=1", "alpha", (0.3, 3.0, 30.0)),
        ("distance", True): Estimator(
            _NEAR, "KNeighborsClassifier", 'weights="distance"', "n_neighbors", (7, 21, 41)
        ),
        ("distance", False): Estimator(
            _NEAR, "KNeighborsRegressor", 'weights="distance"', "n_neighbors", (3, 7, 15)
        ),
    },
}


def estimator(sketch: Sketch) -> Estimator:
    """The estimator for the case's task and the features' family; its import is asked for."""
    key = (str(sketch.state["family"]), sketch.case.task == "classification")
    chosen = _POOLS[sketch.case.corpus][key]
    sketch.need(chosen.needs)
    return chosen


def trivial(sketch: Sketch) -> str:
    """Source of the baseline estimator; its import is asked for."""
    name = "DummyClassifier" if sketch.case.task == "classification" else "DummyRegressor"
    sketch.need(f"from sklearn.dummy import {name}")
    return f"{name}()"
