"""What raters say about mlflow_logging."""

from __future__ import annotations

from genie_synth.raters.phrases.kinds import ABSENT_SO, Phrases

__all__ = ["PHRASES"]

PHRASES: Phrases = {
    "nothing_logged": (
        (
            "no run, no parameter and no {metric} reaches MLflow, {where} keeps the score",
            "`{code}` is as close as it comes to a record",
            "the outcome is left in {where} and nowhere else",
        ),
        (
            "tomorrow nobody can say how {target} was modelled",
            "the attempt cannot be compared with another",
            "in a month nobody will find it",
        ),
    ),
    "misnamed_metric": (
        (
            "{where} stores the score of the test rows as `{name}`",
            "`{name}` in MLflow is really the {metric} of the test part ({where})",
            "what is called `{name}` was computed on the test rows",
        ),
        (
            "whoever selects runs by it selects on the test set",
            "the record is wrong, which is worse than a gap",
            "the label misleads every later comparison on {target}",
        ),
    ),
    "run_left_open": (
        (
            "the run started in {where} is never ended",
            "everything is logged in {where}, but the run stays open",
            "`{code}` has no counterpart that closes it",
        ),
        (
            "the next cell that logs anything ends up in the same run",
            "it will be listed as running for good",
            "nearly right, the last line is missing",
        ),
    ),
    "autolog_unnamed": (
        (
            "autologging is switched on in {where}, the run has no name",
            "`{code}` records by itself, under a random name",
            "MLflow is left to its own devices in {where}",
        ),
        (
            "which of many runs was the {target} one is hard to tell",
            "recorded, but not findable",
            "convenient and a bit careless",
        ),
    ),
    "metric_only": (
        (
            "{where} logs the {metric} and nothing else",
            "one number, {metric}, is kept in {where}",
            "`{code}` is the whole record",
        ),
        (
            "neither settings nor model can be recovered",
            "I know how good it was, not what it was",
            "a trace of the {target} run, no more",
        ),
    ),
    "no_model_logged": (
        (
            "settings and {metric} are kept in {where}, the fitted model is not",
            "{where} records numbers and drops the estimator itself",
            "`{code}` and a few settings, but no model",
        ),
        (
            "to predict {target} again one has to train again",
            "comparable, not reusable",
            "half of what a run should leave",
        ),
    ),
    "no_signature": (
        (
            "the model is logged in {where} without saying what it takes in",
            "{where} keeps model and {metric}, but no example of an input",
            "`{code}` stores an estimator whose columns are anyone's guess",
        ),
        (
            "serving it for {target} needs detective work",
            "good record, missing its manual",
            "almost complete",
        ),
    ),
    "not_all_logged": (
        (
            "{where} keeps the model but not all of settings and {metric}",
            "part of what made the {metric} is missing from {where}",
        ),
        ("the comparison has holes", "useful for {target}, not complete"),
    ),
    "autolog_named": (
        (
            "autologging before the fit, in a run with a name ({where})",
            "{where} opens the run `{run}` and lets MLflow take everything down",
            "`{code}`, and the run is named and closed",
        ),
        (
            "settings, scores and model are all there",
            "anyone finds the {target} run again",
            "little code for a full record",
        ),
    ),
    "fully_logged": (
        (
            "settings, {metric} and the model with its inputs described are kept in {where}",
            "{where} leaves a run one can reload: parameters, {metric}, model",
            "`{code}`, beside parameters and the {metric}",
        ),
        (
            "the {target} model can be found, compared and served",
            "nothing is missing from the record",
            "this is a run I could hand over",
        ),
    ),
    "not_applicable": (
        (
            "the request asks to leave tracking out for {file}",
            "this was to be done without any experiment tracking",
            "the person who sent {file} did not want a run recorded",
            "tracking was ruled out in the prompt about {target}",
        ),
        ABSENT_SO,
    ),
}
