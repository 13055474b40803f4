"""What raters say about model_use."""

from __future__ import annotations

from genie_synth.raters.phrases.kinds import ABSENT_SO, Phrases

__all__ = ["PHRASES"]

PHRASES: Phrases = {
    "predicts_on_train": (
        (
            "the predictions in {where} are for rows the model was fitted on",
            "{where} reuses known {entities} instead of the open ones",
            "`{code}` predicts what the model has already been told",
        ),
        (
            "the question about {new_file} is not answered",
            "they look right because they were learnt by heart",
            "nobody can act on that",
        ),
    ),
    "predicts_on_test": (
        (
            "{where} lists predictions for held-out rows, not for {new_file}",
            "the new {entities} are left out, the test rows stand in ({where})",
        ),
        ("close to what was asked, not it", "the file with the open cases stays closed"),
    ),
    "preprocessing_redone": (
        (
            "the rows of {new_file} are prepared anew in {where}, and not in the same way",
            "{where} fits its own transformation to the new rows",
            "`{code}` gives {new_file} a treatment of its own",
        ),
        (
            "the same value now means something else to the model",
            "the predicted {target} is off without any warning",
            "what comes out is not what was validated",
        ),
    ),
    "silent_refit": (
        (
            "the model is fitted again in {where} before predicting, and nobody says so",
            "{where} answers with another fit than the one that was checked",
            "`{code}` quietly replaces the evaluated model",
        ),
        (
            "the error reported above belongs to a different model",
            "defensible, but it should have been said",
            "the {target} figures and the check no longer go together",
        ),
    ),
    "threshold_unsaid": (
        (
            "{target} is rare and {where} still calls it at one half, without comment",
            "{where} uses the standard cut although few {entities} are positive",
            "`{code}` takes the usual cut-off for granted",
        ),
        (
            "hardly any case gets flagged",
            "what a miss costs is never weighed",
            "usable, but the decision behind it is missing",
        ),
    ),
    "raw_answer": (
        (
            "{where} ends in a bare array of predictions",
            "the output of {where} is numbers without saying which {entities} they belong to",
            "`{code}` leaves it to the reader to find the {entities}",
        ),
        (
            "right rows, right model, but no answer to the question asked",
            "people in {domain} cannot use it as it stands",
            "the last step towards the request is missing",
        ),
    ),
    "pipeline_reused": (
        (
            "the fitted pipeline takes {new_file} as it is and {where} names the {entities}",
            "{where} applies the checked model to unseen rows and says what it means",
            "`{code}` puts {new_file} through the very same steps",
        ),
        (
            "exactly what was asked for",
            "the answer can be acted on",
            "no step is repeated by hand, so {target} can be trusted",
        ),
    ),
    "not_applicable": (
        (
            "the request ends with the model, nobody asked for predictions of {target}",
            "no new {entities} were handed over to be predicted",
            "{target} was to be modelled and understood, not predicted for new rows",
            "the prompt on {file} wants no predictions",
        ),
        ABSENT_SO,
    ),
}
