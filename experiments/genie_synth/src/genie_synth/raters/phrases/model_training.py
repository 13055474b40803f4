"""What raters say about model_training."""

from __future__ import annotations

from genie_synth.raters.phrases.kinds import Phrases

__all__ = ["PHRASES"]

PHRASES: Phrases = {
    "tuned_on_test": (
        (
            "the setting is picked by its score on the test rows in {where}",
            "{where} tries values and keeps the one that does best on the rows held out",
            "`{code}` lets the test part choose the model",
        ),
        (
            "no untouched rows are left to judge {target} on",
            "the reported figure is the best of several looks",
            "so the final number is optimistic by construction",
        ),
    ),
    "scored_on_train": (
        (
            "the score in {where} comes from the rows the model was fitted on",
            "`{code}` grades the model on its own training data",
            "{where} trusts a figure computed on training rows",
        ),
        (
            "it says how well {target} was memorised",
            "a forest looks perfect that way",
            "nothing is learnt about {entities} it has not met",
        ),
    ),
    "random_split_on_series": (
        (
            "rows of a series are divided at random in {where}",
            "{where} tests on days that lie between training days",
            "`{code}` mixes past and future of {target}",
        ),
        (
            "the model only has to fill in between neighbours",
            "the real task, to look ahead, is never tried",
            "however careful the rest, the error is too small",
        ),
    ),
    "shuffled_folds_on_series": (
        (
            "the folds in {where} are shuffled although the rows follow one another in time",
            "{where} validates {target} on days older than those it learnt from",
            "`{code}` shuffles a series",
        ),
        (
            "settings are chosen by how well they interpolate",
            "the search rewards peeking ahead",
            "the chosen model may be the wrong one for tomorrow",
        ),
    ),
    "not_stratified": (
        (
            "{target} is rare, and the split in {where} leaves its share to chance",
            "nothing in {where} keeps the few positive {entities} evenly spread",
            "`{code}` ignores how few positives there are",
        ),
        (
            "with few positives the score depends on luck",
            "the comparison on {target} wobbles",
            "good work with a weak spot",
        ),
    ),
    "default_model": (
        (
            "one model with the settings it came with, checked once on held-out rows ({where})",
            "{where} fits a single estimator and leaves every knob alone",
            "`{code}` is the only attempt at {target}",
        ),
        (
            "an honest start and no more",
            "I cannot tell whether a better setting exists",
            "clean, but the modelling stops early",
        ),
    ),
    "no_baseline": (
        (
            "the search in {where} is done properly, yet nothing trivial stands beside it",
            "{where} tunes on training folds without asking what a guess would score",
            "`{code}` finds settings, but there is no floor to compare with",
        ),
        (
            "whether the model earns its keep on {target} remains open",
            "the gain over the obvious answer is unknown",
            "careful, and one comparison short",
        ),
    ),
    "search_and_baseline": (
        (
            "settings are searched on training rows only, a trivial model beside it ({where})",
            "{where} tunes inside the training part and keeps the test rows for one last look",
            "a floor for {target} is fitted, then the search in {where}, then a single final score",
        ),
        (
            "the final number can be believed",
            "I see what the model adds over guessing",
            "nothing of the test rows went into a choice",
        ),
    ),
}
