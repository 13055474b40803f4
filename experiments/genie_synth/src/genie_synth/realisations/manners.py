"""How authors head their sections and close their notebooks."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["CLOSINGS", "WORDS"]

Step = Mapping[str, tuple[str, str]]

WORDS: Mapping[str, Step] = {
    "plain": {
        "load": ("Data", "One row of `{file}` is one {row}; `{target}` is what we want to know."),
        "explore": ("First look", "What is in the columns, and how `{target}` behaves."),
        "clean": ("Cleaning", "Small repairs, so that the following steps can rely on the table."),
        "features": ("Features", "Columns that say something about `{target}` before it is known."),
        "split": ("Training and test rows", "Part of the rows is kept for the final check."),
        "train": ("Model", "An estimator from scikit-learn, nothing exotic."),
        "evaluate": ("How good is it?", "Numbers that one can discuss with someone from {domain}."),
        "use": ("Predictions", "`{new_file}` comes in, `{target}` goes out."),
        "log": ("Keeping the result", "So that this attempt can be found again."),
    },
    "asked": {
        "load": ("What do we have?", "`{file}`, {rows} rows, collected for {domain}."),
        "explore": ("What does it look like?", "Ranges and gaps first, then `{target}`."),
        "clean": ("Is anything odd?", "What would trip the next steps is taken care of here."),
        "features": ("What do we feed the model?", "Inputs that are known at prediction time."),
        "split": ("Which rows test it?", "Rows that the model is checked on later."),
        "train": ("Which model?", "A small one first; the table is not large."),
        "evaluate": ("Does it work?", "Errors on `{target}`, in numbers."),
        "use": ("What about the new rows?", "The rows of `{new_file}` have no `{target}` yet."),
        "log": ("Where does it go?", "The outcome of this run is written down."),
    },
    "numbered": {
        "load": ("{n}. Load", "The table has {rows} rows; the column to predict is `{target}`."),
        "explore": ("{n}. Explore", "A look at the columns before any modelling."),
        "clean": ("{n}. Clean", "Rows and columns are brought into shape."),
        "features": ("{n}. Features", "The inputs are chosen and derived here."),
        "split": ("{n}. Split", "The rows are divided into two parts."),
        "train": ("{n}. Train", "The estimator is fitted."),
        "evaluate": ("{n}. Evaluate", "The fit is judged by its errors on `{target}`."),
        "use": ("{n}. Predict", "The rows in `{new_file}` are scored."),
        "log": ("{n}. Record", "The outcome is stored for later comparison."),
    },
    "verbs": {
        "load": ("Reading {file}", "Each line is a {row}. The question is about `{target}`."),
        "explore": ("Getting to know the columns", "Counts, ranges and the shape of `{target}`."),
        "clean": ("Repairing", "Whatever would break or mislead a model is handled here."),
        "features": ("Building inputs", "From what is recorded to what a model can use."),
        "split": ("Setting rows aside", "The estimator has to prove itself on part of the data."),
        "train": ("Fitting", "Now `{target}` is learnt from the inputs."),
        "evaluate": ("Judging the fit", "How far are we off, in terms of {domain}?"),
        "use": ("Answering the question", "These {row}s in `{new_file}` are still open."),
        "log": ("Writing it down", "A record of what was run."),
    },
    "memo": {
        "load": ("Source", "`{file}`: {rows} records from {domain}."),
        "explore": ("Inspection", "Distribution and completeness of the columns."),
        "clean": ("Preparation of the table", "The records are made fit for modelling."),
        "features": ("Inputs", "Columns used to explain `{target}`."),
        "split": ("Division of the records", "One part to learn from, one to check with."),
        "train": ("Estimation", "The relation between inputs and `{target}` is estimated."),
        "evaluate": ("Accuracy", "The estimate is compared with what happened."),
        "use": ("Application", "The estimate is applied to `{new_file}`."),
        "log": ("Record", "The outcome is kept with its settings."),
    },
    "steps": {
        "load": ("Step {letter}: get the data", "From disk, as delivered ({rows} rows)."),
        "explore": ("Step {letter}: look", "Before touching anything, see what is there."),
        "clean": ("Step {letter}: tidy", "Minor surgery on the table."),
        "features": ("Step {letter}: inputs", "Which columns go in, and in which form."),
        "split": ("Step {letter}: hold back", "Some rows are not shown to the estimator."),
        "train": ("Step {letter}: learn", "Fit an estimator of `{target}`."),
        "evaluate": ("Step {letter}: check", "Errors and what they mean for {domain}."),
        "use": ("Step {letter}: apply", "To the open rows in `{new_file}`."),
        "log": ("Step {letter}: keep", "Note down what came out."),
    },
    "brief": {
        "load": ("Input", "{rows} rows in `{file}`, target `{target}`."),
        "explore": ("Check", "Types, ranges, holes, and `{target}` itself."),
        "clean": ("Fix", "What the check turned up."),
        "features": ("Columns", "The ones that enter the model."),
        "split": ("Parts", "One to fit, one to test."),
        "train": ("Fit", "Estimator of `{target}`."),
        "evaluate": ("Error", "On `{target}`, as it would hit {domain}."),
        "use": ("Output", "Answers for `{new_file}`."),
        "log": ("Log", "The result is put on file."),
    },
    "story": {
        "load": ("Where we start", "Someone from {domain} handed us `{file}` with {rows} rows."),
        "explore": ("A walk through the table", "Before trusting it, we look at what is in it."),
        "clean": ("Making it usable", "Not everything can stay as it came."),
        "features": ("Telling the model what we know", "Every {row} becomes a line of numbers."),
        "split": ("Keeping ourselves honest", "Some rows stay locked away for later."),
        "train": ("Learning", "The model sees the other rows and learns `{target}`."),
        "evaluate": ("The moment of truth", "How wrong is it on `{target}`?"),
        "use": ("Back to the question", "Now for the {row}s in `{new_file}`."),
        "log": ("For the archive", "What was found is kept."),
    },
    "goals": {
        "load": ("Goal and data", "Goal: know `{target}`. Data: `{file}`, {rows} rows."),
        "explore": ("Understanding the data", "What can the columns say about the goal?"),
        "clean": ("Data quality", "Issues that stand between the data and the goal."),
        "features": ("From data to inputs", "Inputs of the model, as known beforehand."),
        "split": ("Validation design", "Which rows fit and which rows judge."),
        "train": ("Model building", "The estimator and its settings."),
        "evaluate": ("Goal reached?", "Measured in errors of `{target}`."),
        "use": ("Delivery", "Predictions for `{new_file}`."),
        "log": ("Documentation", "The run is documented."),
    },
}
"""Manner -> stage -> (header, a sentence that explains the step)."""


CLOSINGS: Mapping[str, str] = {
    "plain": "## Summary\nFrom {rows} rows of `{file}` a model for `{target}` was fitted; the"
    " numbers above under *How good is it?* say what it is worth.",
    "asked": "## So what?\nWe started from {rows} rows about {domain}, fitted a model of `{target}`"
    " and checked it above. The inputs are listed in the section on what we feed the model.",
    "numbered": "## {last}. Conclusion\n`{target}` was modelled from {inputs} inputs; part {judged}"
    " has the errors, and the steps can be rerun from top to bottom.",
    "verbs": "## What came out\n`{file}` was read, cleaned and turned into inputs; a model of"
    " `{target}` was fitted and judged. Rerun all cells in order to get the same numbers.",
    "memo": "## Summary for the reader\nThe relation between {inputs} inputs and `{target}` was"
    " estimated from {rows} records; the section *Accuracy* says how well.",
    "brief": "## Result\n{inputs} columns of `{file}` explain `{target}` as well as the section"
    " *Error* says; {rows} rows were used.",
    "story": "## Where we end\nThe {rows} rows of `{file}` have given us a model of `{target}`; how"
    " far to trust it stands under *The moment of truth*.",
    "goals": "## Conclusion for {domain}\n`{target}` is modelled from {inputs} inputs; whether that"
    " is good enough is answered under *Goal reached?*.",
    "steps": "## In short\nSteps A to {judged_letter} take the {rows} rows from disk to a checked"
    " estimate of `{target}`; what to remember is the error printed in step {judged_letter}.",
}
