"""What raters say about feature_engineering."""

from __future__ import annotations

from genie_synth.raters.phrases.kinds import Phrases

__all__ = ["PHRASES"]

PHRASES: Phrases = {
    "target_all_rows": (
        (
            "`{column}` is replaced by the mean {target} over all {rows} rows in {where}",
            "`{code}` writes {target} of the test rows into an input",
            "the encoding of `{column}` in {where} knows every outcome, test rows included",
        ),
        (
            "the answer is hidden in the features",
            "the score on held-out rows cannot be believed",
            "with rare levels the column is nearly {target} itself",
        ),
    ),
    "aggregate_all_rows": (
        (
            "{where} computes an aggregate by `{column}` over the whole table",
            "`{code}` summarises training and test rows together",
            "the group figures for `{column}` ({where}) come from all {rows} rows",
        ),
        (
            "what should be unseen is part of the input",
            "the held-out part is no longer independent",
            "{target} of test rows shines through",
        ),
    ),
    "sees_future": (
        (
            "the window in {where} reaches beyond the row it describes",
            "`{code}` uses values of {target} that are not known yet",
            "a feature in {where} is built from later rows",
        ),
        (
            "in use it could not be computed",
            "the forecast of {target} is made with the answer in hand",
            "that explains the small error and makes it worthless",
        ),
    ),
    "identifier_kept": (
        (
            "`{column}` goes into the model although it only names the {entity} ({where})",
            "{where} leaves `{column}` among the inputs",
            "`{code}` keeps a running number as if it were a property",
        ),
        (
            "splits on it memorise rows and carry over to nothing",
            "new {entities} all have values never seen",
            "it can only add noise to {target}",
        ),
    ),
    "ordinal_codes": (
        (
            "`{column}` is turned into 0, 1, 2 for a model that adds and multiplies ({where})",
            "{where} gives the levels of `{column}` an order they do not have",
            "`{code}` feeds arbitrary codes to a model that takes distances seriously",
        ),
        (
            "the fitted slope on those codes means nothing",
            "the effect of each level on {target} cannot be expressed",
            "a level is not twice another one",
        ),
    ),
    "unscaled": (
        (
            "`{column}` enters in its own unit beside much smaller numbers ({where})",
            "no scaling before a model that depends on it ({where})",
            "inputs as different in size as those in {where} are handed over as they are",
        ),
        (
            "the penalty or distance is ruled by the largest unit",
            "some inputs of {target} hardly count",
            "the encoding is fine, the scales are not",
        ),
    ),
    "features_outside_pipeline": (
        (
            "the columns are transformed step by step on the frame ({where})",
            "`{code}` works on the table, outside the fitted model",
            "{where} encodes by hand",
        ),
        (
            "sensible inputs, but new rows need the same handiwork",
            "it is easy to get out of step when {target} is predicted",
            "nothing wrong, nothing guarded either",
        ),
    ),
    "no_domain_feature": (
        (
            "the columns of {file} are encoded properly in {where} and used as they came",
            "{where} is technically clean, but no input was thought up for {domain}",
            "`{code}` does the usual, and nothing is derived from what one knows about {entities}",
        ),
        (
            "solid and without an idea",
            "a ratio or a flag would have told the model more about {target}",
            "average craft",
        ),
    ),
    "ordinal_for_trees": (
        (
            "simple codes for `{column}` feed a forest, beside a derived column ({where})",
            "trees split the codes of `{column}` as they like, and {where} adds an idea of its own",
            "`{code}` keeps the table narrow for a tree model",
        ),
        (
            "that is all such a model needs",
            "nothing is lost for {target}",
            "economical and well considered",
        ),
    ),
    "pipeline_and_domain_feature": (
        (
            "encoders sit in the pipeline and {where} adds a column that makes sense in {domain}",
            "{where} derives an input from knowledge of {entities}, the rest is fitted with the"
            " model",
            "`{code}` shows thought about {target}, and the transformers learn from training rows",
        ),
        (
            "new rows pass through the same steps",
            "both clean and informed",
            "this is how I would prepare {file}",
        ),
    ),
}
