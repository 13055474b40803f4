"""What raters say about metrics_evaluation."""

from __future__ import annotations

from genie_synth.raters.phrases.kinds import Phrases

__all__ = ["PHRASES"]

PHRASES: Phrases = {
    "metrics_on_train": (
        (
            "{where} computes its figures on the training rows",
            "`{code}` measures the fit on rows already seen",
            "the quality stated in {where} is that of memorising",
        ),
        (
            "it says nothing about new {entities}",
            "the error on {target} is bound to look small",
            "the number is of no use for the decision",
        ),
    ),
    "accuracy_alone_imbalanced": (
        (
            "accuracy is all that {where} shows, with a rare {target}",
            "{where} counts right answers although nearly all {entities} are negative",
            "`{code}` stands alone for a lopsided {target}",
        ),
        (
            "never flagging anything would score as well",
            "one cannot see whether a single positive is found",
            "the impressive figure is the share of negatives",
        ),
    ),
    "accuracy_alone": (
        (
            "{where} reports accuracy and stops",
            "one figure, the share of correct calls, in {where}",
            "`{code}` is the only measure of {target}",
        ),
        (
            "with even classes it is fair, but thin",
            "which kind of error is made stays hidden",
            "a start, no more",
        ),
    ),
    "mape_with_zeros": (
        (
            "a percentage error is used on {target}, which is zero in some rows ({where})",
            "{where} divides by {target} where it is zero",
            "`{code}` is computed although {target} has zeros",
        ),
        (
            "the figure explodes and means nothing",
            "a handful of rows decide it all",
            "nobody can read an error off that",
        ),
    ),
    "r2_alone": (
        (
            "R2 is the only figure in {where}",
            "{where} gives the explained share and nothing in the unit of {target}",
            "`{code}` alone has to carry the judgement",
        ),
        (
            "how far off a prediction is remains unknown",
            "one wants an error that people in {domain} can read",
            "relevant, but incomplete",
        ),
    ),
    "single_metric": (
        (
            "{where} settles for {metrics}",
            "a single figure ({metrics}) in {where}",
            "`{code}` is the one measure taken",
        ),
        (
            "it fits {target}, but one view is little",
            "a second look at the errors is missing",
            "acceptable and sparse",
        ),
    ),
    "no_comparison": (
        (
            "{where} has {metrics}, but nothing to hold them against",
            "the figures in {where} are well chosen and stand alone",
            "`{code}` gives numbers without saying what a plain guess would get",
        ),
        (
            "whether that is good for {target} nobody can say",
            "a reference would turn them into a verdict",
            "useful, not yet conclusive",
        ),
    ),
    "metrics_and_comparison": (
        (
            "{where} shows {metrics} next to those of a plain guess",
            "{metrics} on held-out rows, and what the obvious answer would get ({where})",
            "the figures in {where} fit {target} and come with a reference",
        ),
        (
            "one sees at once what the model is worth",
            "the reader can judge the errors without further work",
            "measured well, and honestly",
        ),
    ),
}
