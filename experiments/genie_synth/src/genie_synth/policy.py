"""Two readings of the planted facets: the experts' and a literal reader's.

The expert policy applies the conventions of the labelling guide; the lower score holds where two
apply, and the reason names the one that decided. The literal policy grades what a careful reader
would who knows only the rubric's plain text: whether the step was done, and done sensibly, without
the field's sense of what spoils it. Both are free of noise; raters come later (`raters.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

from genie_synth.facets import complete
from memalign_bench import types

__all__ = [
    "NOT_APPLICABLE",
    "Request",
    "Ruling",
    "expert",
    "literal",
    "spelled",
]

NOT_APPLICABLE = 0
"""How the bundled tables spell what does not apply."""


def spelled(score: types.Score | None) -> Any:
    """A score of a data set as the bundled tables spell it."""
    return NOT_APPLICABLE if score is types.NOT_APPLICABLE else score


GOOD, AVERAGE, BAD = 3, 2, 1
Facets = Mapping[str, Any]


class Request(Protocol):
    """What a policy needs to know of a case."""

    @property
    def time_index(self) -> str | None:
        """Column with the time; None where rows are exchangeable."""

    @property
    def imbalanced(self) -> bool:
        """Whether one class is rare."""

    def applies(self, dimension: str) -> bool:
        """Whether a dimension can be graded at all."""


class Ruling(NamedTuple):
    """A score and the key of the convention that decided it."""

    score: int
    reason: str


def expert(dimension: str, facets: Facets, case: Request) -> Ruling:
    """What the experts' conventions say, without noise.

    Raises:
        ValueError: If a facet is not known.
    """
    if not case.applies(dimension):
        return Ruling(NOT_APPLICABLE, "not_applicable")
    rulings = _EXPERT[dimension](complete(dimension, facets), case)
    # Where two conventions apply the lower score holds; of equal ones the first is named.
    return min(rulings, key=lambda ruling: ruling.score)


def literal(dimension: str, facets: Facets, case: Request) -> int:
    """What a careful reader says who knows only the rubric's plain text.

    Raises:
        ValueError: If a facet is not known.
    """
    if not case.applies(dimension):
        return NOT_APPLICABLE
    return _LITERAL[dimension](complete(dimension, facets), case)


def _library_installation(facets: Facets, _case: Request) -> list[Ruling]:
    rulings = []
    if facets["missing_import"]:
        rulings.append(Ruling(BAD, "missing_import"))
    if facets["unused_large"]:
        rulings.append(Ruling(BAD, "unused_large"))
    if facets["install"] != "none" and facets["install_place"] == "after_use":
        rulings.append(Ruling(BAD, "install_after_use"))
    if facets["imports"] == "scattered":
        rulings.append(Ruling(AVERAGE, "scattered_imports"))
    if facets["install"] in ("unpinned", "partly_pinned"):
        rulings.append(Ruling(AVERAGE, str(facets["install"])))
    if facets["install"] == "pinned" and facets["install_place"] == "after_imports":
        rulings.append(Ruling(AVERAGE, "install_after_imports"))
    good = "nothing_to_install" if facets["install"] == "none" else "pinned_first"
    return [*rulings, Ruling(GOOD, good)]


def _exploration(facets: Facets, _case: Request) -> list[Ruling]:
    if facets["finding"] == "wrong":
        return [Ruling(BAD, "wrong_reading")]
    if facets["depth"] in ("head", "describe"):
        return [Ruling(BAD, "only_head_or_describe")]
    if facets["finding"] == "none":
        return [Ruling(AVERAGE, "no_finding")]
    rulings = []
    if not facets["acted_on"]:
        rulings.append(Ruling(AVERAGE, "not_acted_on"))
    if not facets["target_looked"]:
        rulings.append(Ruling(AVERAGE, "target_not_looked_at"))
    if not facets["missing_looked"]:
        rulings.append(Ruling(AVERAGE, "missing_not_looked_at"))
    return [*rulings, Ruling(GOOD, "finding_acted_on")]


def _imputation(facets: Facets, case: Request) -> list[Ruling]:
    method, rulings = facets["method"], []
    if facets["imputed_target"]:
        rulings.append(Ruling(BAD, "imputed_target"))
    if facets["fit_scope"] == "full_frame":
        rulings.append(Ruling(BAD, "full_frame_statistics"))
    if method in ("zero", "sentinel"):
        rulings.append(Ruling(BAD, "sentinel_value"))
    if method == "backward_fill" or (method == "interpolate" and case.time_index):
        rulings.append(Ruling(BAD, "fills_from_the_future"))
    if method == "forward_fill" and not case.time_index:
        rulings.append(Ruling(BAD, "fill_without_order"))
    if method == "drop_rows":
        rulings.append(_dropping(facets["dropped_share"]))
    statistic = facets["fit_scope"] == "train"
    if statistic and not facets["indicator"]:
        rulings.append(Ruling(AVERAGE, "no_indicator"))
    if statistic and not facets["in_pipeline"]:
        rulings.append(Ruling(AVERAGE, "outside_pipeline"))
    good = "forward_fill" if method == "forward_fill" else "pipeline_with_indicator"
    return [*rulings, Ruling(GOOD, good)]


def _dropping(share: float) -> Ruling:
    if share > 0.05:
        return Ruling(BAD, "many_rows_dropped")
    return Ruling(GOOD, "few_rows_dropped") if share < 0.01 else Ruling(AVERAGE, "rows_dropped")


def _features(facets: Facets, _case: Request) -> list[Ruling]:
    encoding, family, rulings = facets["encoding"], facets["family"], []
    if encoding in ("target_all_rows", "aggregate_all_rows"):
        rulings.append(Ruling(BAD, str(encoding)))
    if facets["sees_future"]:
        rulings.append(Ruling(BAD, "sees_future"))
    if facets["identifier_kept"]:
        score = BAD if family == "tree" else AVERAGE
        rulings.append(Ruling(score, "identifier_kept"))
    if encoding == "ordinal" and family != "tree":
        rulings.append(Ruling(BAD, "ordinal_codes"))
    if not facets["scaled"] and family != "tree":
        rulings.append(Ruling(AVERAGE, "unscaled"))
    if encoding == "ordinal" and family == "tree" and facets["domain_feature"]:
        return [*rulings, Ruling(GOOD, "ordinal_for_trees")]
    if not facets["in_pipeline"]:
        rulings.append(Ruling(AVERAGE, "features_outside_pipeline"))
    if not facets["domain_feature"]:
        rulings.append(Ruling(AVERAGE, "no_domain_feature"))
    return [*rulings, Ruling(GOOD, "pipeline_and_domain_feature")]


def _training(facets: Facets, case: Request) -> list[Ruling]:
    rulings = []
    if facets["tuned_on"] == "test":
        rulings.append(Ruling(BAD, "tuned_on_test"))
    if facets["scored_on"] == "train":
        rulings.append(Ruling(BAD, "scored_on_train"))
    if case.time_index and facets["split"] == "random":
        rulings.append(Ruling(BAD, "random_split_on_series"))
    if case.time_index and facets["folds"] == "shuffled":
        rulings.append(Ruling(BAD, "shuffled_folds_on_series"))
    if case.imbalanced and not facets["stratified"]:
        rulings.append(Ruling(AVERAGE, "not_stratified"))
    if facets["tuned_on"] == "none":
        rulings.append(Ruling(AVERAGE, "default_model"))
    elif not facets["baseline"]:
        rulings.append(Ruling(AVERAGE, "no_baseline"))
    return [*rulings, Ruling(GOOD, "search_and_baseline")]


def _use(facets: Facets, case: Request) -> list[Ruling]:
    rulings = []
    if facets["rows"] == "train":
        rulings.append(Ruling(BAD, "predicts_on_train"))
    if facets["rows"] == "test":
        rulings.append(Ruling(AVERAGE, "predicts_on_test"))
    if facets["preprocessing"] == "redone_differently":
        rulings.append(Ruling(BAD, "preprocessing_redone"))
    if facets["refit"]:
        rulings.append(Ruling(AVERAGE, "silent_refit"))
    if case.imbalanced and facets["threshold_unsaid"]:
        rulings.append(Ruling(AVERAGE, "threshold_unsaid"))
    if facets["answer"] == "raw":
        rulings.append(Ruling(AVERAGE, "raw_answer"))
    return [*rulings, Ruling(GOOD, "pipeline_reused")]


def _metrics(facets: Facets, case: Request) -> list[Ruling]:
    shown, rulings = set(facets["metrics"]), []
    if facets["scored_on"] == "train":
        rulings.append(Ruling(BAD, "metrics_on_train"))
    if shown == {"accuracy"}:
        rare = case.imbalanced
        key = "accuracy_alone_imbalanced" if rare else "accuracy_alone"
        rulings.append(Ruling(BAD if rare else AVERAGE, key))
    if facets["zeros_in_target"] and "mape" in shown:
        rulings.append(Ruling(BAD, "mape_with_zeros"))
    if shown == {"r2"}:
        rulings.append(Ruling(AVERAGE, "r2_alone"))
    elif len(shown) < 2:
        rulings.append(Ruling(AVERAGE, "single_metric"))
    if not facets["baseline_compared"]:
        rulings.append(Ruling(AVERAGE, "no_comparison"))
    return [*rulings, Ruling(GOOD, "metrics_and_comparison")]


def _tracking(facets: Facets, _case: Request) -> list[Ruling]:
    logged, rulings = set(facets["logged"]), []
    if not logged and not facets["autolog"]:
        return [Ruling(BAD, "nothing_logged")]
    if facets["misnamed_metric"]:
        rulings.append(Ruling(BAD, "misnamed_metric"))
    if facets["left_open"]:
        rulings.append(Ruling(AVERAGE, "run_left_open"))
    if facets["autolog"] and facets["named_run"]:
        return [*rulings, Ruling(GOOD, "autolog_named")]
    if facets["autolog"]:
        return [*rulings, Ruling(AVERAGE, "autolog_unnamed")]
    if logged == {"metric"}:
        rulings.append(Ruling(AVERAGE, "metric_only"))
    elif "model" not in logged:
        rulings.append(Ruling(AVERAGE, "no_model_logged"))
    elif not facets["signature"]:
        rulings.append(Ruling(AVERAGE, "no_signature"))
    elif not {"params", "metric"} <= logged:
        rulings.append(Ruling(AVERAGE, "not_all_logged"))
    return [*rulings, Ruling(GOOD, "fully_logged")]


def _organization(facets: Facets, _case: Request) -> list[Ruling]:
    if facets["layout"] == "one_cell":
        return [Ruling(BAD, "one_cell")]
    rulings = []
    if facets["counts"] == "out_of_order":
        rulings.append(Ruling(BAD, "counts_out_of_order"))
    if facets["leftovers"]:
        rulings.append(Ruling(AVERAGE, "leftovers"))
    if facets["layout"] == "big_cells":
        rulings.append(Ruling(AVERAGE, "big_cells"))
    if facets["headers"] != "explained":
        rulings.append(Ruling(AVERAGE, f"{facets['headers']}_headers"))
    if not facets["summary"]:
        rulings.append(Ruling(AVERAGE, "no_summary"))
    return [*rulings, Ruling(GOOD, "headed_and_summarised")]


_EXPERT: Mapping[str, Callable[[Facets, Request], list[Ruling]]] = {
    "library_installation": _library_installation,
    "exploratory_data_analysis": _exploration,
    "data_imputation": _imputation,
    "feature_engineering": _features,
    "model_training": _training,
    "model_use": _use,
    "metrics_evaluation": _metrics,
    "mlflow_logging": _tracking,
    "cell_organization": _organization,
}


def _as_the_experts(dimension: str) -> Callable[[Facets, Request], int]:
    return lambda facets, case: min(r.score for r in _EXPERT[dimension](facets, case))


def _exploration_read(facets: Facets, _case: Request) -> int:
    """Coverage is what the rubric names: distributions, missing values, the target."""
    if facets["depth"] in ("head", "describe"):
        seen = facets["target_looked"] or facets["missing_looked"]
        return AVERAGE if facets["depth"] == "describe" and seen else BAD
    return GOOD if facets["target_looked"] and facets["missing_looked"] else AVERAGE


def _imputation_read(facets: Facets, _case: Request) -> int:
    """A fitting method is good; a crude one, or one fitted on everything, is average."""
    crude = facets["method"] in ("zero", "sentinel", "backward_fill") or facets["imputed_target"]
    costly = facets["method"] == "drop_rows" and facets["dropped_share"] > 0.05
    return AVERAGE if crude or costly or facets["fit_scope"] == "full_frame" else GOOD


def _features_read(facets: Facets, _case: Request) -> int:
    """Columns are encoded sensibly and something was made of them."""
    if facets["sees_future"]:
        return BAD
    if facets["encoding"] in ("target_all_rows", "aggregate_all_rows"):
        return AVERAGE
    if facets["identifier_kept"]:
        return BAD if facets["family"] == "tree" else AVERAGE
    if facets["encoding"] == "ordinal" and facets["family"] != "tree":
        return AVERAGE
    return GOOD if facets["domain_feature"] else AVERAGE


def _training_read(facets: Facets, _case: Request) -> int:
    """The rubric asks for a suitable model, cross-validation and tuning."""
    if facets["tuned_on"] == "none":
        return AVERAGE if facets["folds"] == "none" else GOOD
    if facets["tuned_on"] == "test" or facets["scored_on"] == "train":
        return AVERAGE
    return GOOD


def _use_read(facets: Facets, _case: Request) -> int:
    """The rubric asks that the trained model is reused to predict."""
    if facets["rows"] == "train":
        return BAD if facets["answer"] == "raw" else AVERAGE
    if facets["rows"] == "test" or facets["preprocessing"] == "redone_differently":
        return AVERAGE
    return GOOD


_LITERAL: Mapping[str, Callable[[Facets, Request], int]] = {
    "library_installation": _as_the_experts("library_installation"),
    "exploratory_data_analysis": _exploration_read,
    "data_imputation": _imputation_read,
    "feature_engineering": _features_read,
    "model_training": _training_read,
    "model_use": _use_read,
    "metrics_evaluation": _as_the_experts("metrics_evaluation"),
    "mlflow_logging": _as_the_experts("mlflow_logging"),
    "cell_organization": _as_the_experts("cell_organization"),
}
