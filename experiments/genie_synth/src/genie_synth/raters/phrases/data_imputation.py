"""What raters say about data_imputation."""

from __future__ import annotations

from genie_synth.raters.phrases.kinds import ABSENT_SO, Phrases

__all__ = ["PHRASES"]

PHRASES: Phrases = {
    "imputed_target": (
        (
            "missing values of {target} itself are filled in ({where})",
            "`{code}` invents outcomes for rows where {target} is unknown",
            "rows without {target} get a made-up one in {where}",
        ),
        (
            "the model then learns from answers nobody observed",
            "these rows should not have been learnt from at all",
            "the test error is partly measured against fiction",
        ),
    ),
    "full_frame_statistics": (
        (
            "{where} takes the fill value for `{column}` from all {rows} rows, before any split",
            "`{code}` has seen the rows that later test the model",
            "the statistic behind `{column}` comes from the whole table in {where}",
        ),
        (
            "the test rows have already had their say",
            "the held-out error for {target} is flattered",
            "training and test are no longer separate",
        ),
    ),
    "sentinel_value": (
        (
            "gaps in `{column}` become a made-up number in {where}",
            "`{code}` turns an unknown `{column}` into a measured-looking value",
            "{where} writes a constant where `{column}` was not recorded",
        ),
        (
            "that is a quantity nobody measured, and the model takes it at face value",
            "a physical reading of that size means something else entirely",
            "its distribution and its link to {target} are bent",
        ),
    ),
    "fills_from_the_future": (
        (
            "{where} closes gaps in `{column}` with values recorded later",
            "`{code}` reaches forward in time for `{column}`",
        ),
        (
            "at prediction time those values do not exist yet",
            "the series of {target} looks more predictable than it is",
        ),
    ),
    "fill_without_order": (
        (
            "`{column}` is filled from the row above in {where}, though the rows have no order",
            "`{code}` copies `{column}` from an unrelated row",
        ),
        (
            "the neighbour in the file has nothing to do with this {entity}",
            "that is a random value in disguise",
        ),
    ),
    "many_rows_dropped": (
        (
            "{where} throws away every row with a gap in `{column}`, {share} of {rows}",
            "dropping on `{column}` costs {share} of the table ({where})",
            "`{code}` loses {share} of the {entities}",
        ),
        (
            "too much is gone, and not at random",
            "what is left no longer stands for all {entities}",
            "the model of {target} never meets the kind of row that has the gap",
        ),
    ),
    "rows_dropped": (
        (
            "{share} of the rows go in {where} because `{column}` is empty",
            "`{code}` costs {share} of the {entities}",
        ),
        (
            "noticeable, though not ruinous for {target}",
            "bearable, but the information in them was free",
        ),
    ),
    "few_rows_dropped": (
        (
            "only {share} of the rows lack `{column}`, and {where} drops just those",
            "`{code}` removes {share} of {rows} rows",
            "leaving out the {share} without `{column}` in {where} costs next to nothing",
        ),
        (
            "the simplest answer is the right one here",
            "no statistic had to be guessed for {target}",
            "nothing is distorted by that",
        ),
    ),
    "no_indicator": (
        (
            "the fill value of `{column}` is learnt from the training part only, but the fact that"
            " it was missing is lost ({where})",
            "{where} fills `{column}` cleanly and leaves no trace of it",
            "`{code}` keeps to the training rows, yet the model cannot tell a filled `{column}`"
            " from a real one",
        ),
        (
            "that {column} is empty may itself say something about {target}",
            "clean, though information is given away",
            "sound but not complete",
        ),
    ),
    "outside_pipeline": (
        (
            "`{column}` is filled by hand with training values in {where}",
            "the fill for `{column}` in {where} stands beside the model, not in it",
        ),
        (
            "new rows will need the same step by hand",
            "correct, but easy to forget when {target} is predicted",
        ),
    ),
    "forward_fill": (
        (
            "`{column}` carries its last known value forward in {where}",
            "{where} fills `{column}` from the past only",
            "`{code}` uses what was known at that moment",
        ),
        (
            "which is what one has when the next {target} is due",
            "nothing of the future leaks into the series",
            "the natural choice for readings that follow one another",
        ),
    ),
    "pipeline_with_indicator": (
        (
            "`{column}` is filled inside the pipeline and flagged as missing ({where})",
            "{where} learns the fill for `{column}` with the model and keeps a marker of the gap",
            "`{code}`: the filling of `{column}` travels with the model",
        ),
        (
            "every fold learns its own value and new rows get the same treatment",
            "the model can use the gap itself to predict {target}",
            "clean on both sides of the split",
        ),
    ),
    "not_applicable": (
        (
            "no column of {file} has a gap, all {rows} rows are complete",
            "there was nothing to fill: {rows} complete rows",
            "{file} comes without missing values",
            "the {rows} {entities} are fully recorded",
        ),
        ABSENT_SO,
    ),
}
