from types import SimpleNamespace

import pytest

from genie_synth.cases import CASES
from genie_synth.facets import FACETS, check_facets, complete
from genie_synth.policy import expert, literal
from genie_synth.sketch.case import DIMENSIONS

PLAIN = SimpleNamespace(time_index=None, imbalanced=False, applies=lambda dimension: True)
RARE = SimpleNamespace(time_index=None, imbalanced=True, applies=lambda dimension: True)
SERIES = SimpleNamespace(time_index="day", imbalanced=False, applies=lambda dimension: True)


@pytest.mark.parametrize(
    ("dimension", "facets", "case", "score", "reason"),
    [
        ("library_installation", {"install": "pinned"}, PLAIN, 3, "pinned_first"),
        ("library_installation", {}, PLAIN, 3, "nothing_to_install"),
        ("library_installation", {"install": "unpinned"}, PLAIN, 2, "unpinned"),
        (
            "library_installation",
            {"install": "unpinned", "install_place": "after_use"},
            PLAIN,
            1,
            "install_after_use",
        ),
        ("library_installation", {"unused_large": True}, PLAIN, 1, "unused_large"),
        ("exploratory_data_analysis", {"depth": "head"}, PLAIN, 1, "only_head_or_describe"),
        ("exploratory_data_analysis", {"depth": "plots"}, PLAIN, 2, "no_finding"),
        ("exploratory_data_analysis", {"finding": "wrong"}, PLAIN, 1, "wrong_reading"),
        (
            "exploratory_data_analysis",
            {
                "finding": "stated",
                "acted_on": True,
                "target_looked": True,
                "missing_looked": True,
            },
            PLAIN,
            3,
            "finding_acted_on",
        ),
        ("data_imputation", {"fit_scope": "full_frame"}, PLAIN, 1, "full_frame_statistics"),
        (
            "data_imputation",
            {"method": "drop_rows", "dropped_share": 0.0501},
            PLAIN,
            1,
            "many_rows_dropped",
        ),
        (
            "data_imputation",
            {"method": "drop_rows", "dropped_share": 0.05},
            PLAIN,
            2,
            "rows_dropped",
        ),
        (
            "data_imputation",
            {"method": "drop_rows", "dropped_share": 0.0099},
            PLAIN,
            3,
            "few_rows_dropped",
        ),
        ("data_imputation", {"fit_scope": "train", "in_pipeline": True}, PLAIN, 2, "no_indicator"),
        (
            "data_imputation",
            {"fit_scope": "train", "in_pipeline": True, "indicator": True},
            PLAIN,
            3,
            "pipeline_with_indicator",
        ),
        ("data_imputation", {"method": "forward_fill"}, SERIES, 3, "forward_fill"),
        ("data_imputation", {"method": "forward_fill"}, PLAIN, 1, "fill_without_order"),
        (
            "feature_engineering",
            {"encoding": "ordinal", "family": "linear", "scaled": True},
            PLAIN,
            1,
            "ordinal_codes",
        ),
        (
            "feature_engineering",
            {"encoding": "ordinal", "family": "tree", "domain_feature": True},
            PLAIN,
            3,
            "ordinal_for_trees",
        ),
        ("feature_engineering", {"identifier_kept": True}, PLAIN, 1, "identifier_kept"),
        (
            "feature_engineering",
            {"identifier_kept": True, "family": "linear", "scaled": True},
            PLAIN,
            2,
            "identifier_kept",
        ),
        (
            "model_training",
            {"tuned_on": "cv", "baseline": True},
            SERIES,
            1,
            "random_split_on_series",
        ),
        ("model_training", {"tuned_on": "cv", "baseline": True}, PLAIN, 3, "search_and_baseline"),
        ("model_training", {"tuned_on": "cv", "baseline": True}, RARE, 2, "not_stratified"),
        ("model_training", {"tuned_on": "cv"}, PLAIN, 2, "no_baseline"),
        ("model_use", {"threshold_unsaid": True}, RARE, 2, "threshold_unsaid"),
        ("model_use", {"threshold_unsaid": True}, PLAIN, 3, "pipeline_reused"),
        ("model_use", {"rows": "train", "refit": True}, PLAIN, 1, "predicts_on_train"),
        (
            "metrics_evaluation",
            {"metrics": ["accuracy"]},
            RARE,
            1,
            "accuracy_alone_imbalanced",
        ),
        ("metrics_evaluation", {"metrics": ["accuracy"]}, PLAIN, 2, "accuracy_alone"),
        (
            "metrics_evaluation",
            {"metrics": ["mae", "rmse"], "baseline_compared": True},
            PLAIN,
            3,
            "metrics_and_comparison",
        ),
        ("mlflow_logging", {}, PLAIN, 1, "nothing_logged"),
        ("mlflow_logging", {"logged": ["metric"]}, PLAIN, 2, "metric_only"),
        ("mlflow_logging", {"autolog": True, "named_run": True}, PLAIN, 3, "autolog_named"),
        (
            "mlflow_logging",
            {"autolog": True, "named_run": True, "left_open": True},
            PLAIN,
            2,
            "run_left_open",
        ),
        ("cell_organization", {"layout": "one_cell", "summary": True}, PLAIN, 1, "one_cell"),
        (
            "cell_organization",
            {"headers": "explained", "summary": True, "counts": "out_of_order"},
            PLAIN,
            1,
            "counts_out_of_order",
        ),
        ("cell_organization", {"headers": "bare", "summary": True}, PLAIN, 2, "bare_headers"),
        (
            "cell_organization",
            {"headers": "explained", "summary": True},
            PLAIN,
            3,
            "headed_and_summarised",
        ),
    ],
)
def test_expert_policy_follows_the_guide(dimension, facets, case, score, reason):
    assert expert(dimension, facets, case) == (score, reason)


def test_policies_say_not_applicable_where_the_case_does():
    absent = SimpleNamespace(applies=lambda dimension: False)
    assert all(expert(d, {}, absent).score == 0 and literal(d, {}, absent) == 0 for d in DIMENSIONS)


def test_a_literal_reader_misses_the_test_set_and_the_series():
    tuned = {"tuned_on": "cv", "baseline": True}
    assert literal("model_training", tuned, SERIES) == 3
    assert expert("model_training", tuned, SERIES).score == 1


def test_unknown_facets_and_values_are_all_named():
    problems = check_facets("model_use", {"rows": "old", "speed": 3})
    assert len(problems) == 2
    assert any("'speed'" in problem for problem in problems)
    with pytest.raises(ValueError, match="rows='old'"):
        complete("model_use", {"rows": "old"})


def test_every_default_is_an_allowed_value():
    for dimension, known in FACETS.items():
        assert check_facets(dimension, {key: f.default for key, f in known.items()}) == []


def test_the_corpora_share_no_case():
    assert not {c.case_id for c in CASES[0]} & {c.case_id for c in CASES[1]}
