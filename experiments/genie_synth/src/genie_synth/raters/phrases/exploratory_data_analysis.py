"""What raters say about exploratory_data_analysis."""

from __future__ import annotations

from genie_synth.raters.phrases.kinds import Phrases

__all__ = ["PHRASES"]

PHRASES: Phrases = {
    "wrong_reading": (
        (
            "the note after {where} says something about `{column}` that its own output ({number})"
            " contradicts",
            "`{column}` is misread: {where} prints {number}, the text claims otherwise",
            "what is written about `{column}` does not follow from the {number} in {where}",
        ),
        (
            "the looking is there, but a wrong picture of {target} is worse than none",
            "anyone who trusts the sentence goes the wrong way with {target}",
            "this would mislead people in {domain} who read it",
        ),
    ),
    "only_head_or_describe": (
        (
            "`{code}` is all that is done to get to know {file}",
            "apart from {where} nobody looks at the {rows} rows",
            "the exploration begins and ends with `{code}`",
        ),
        (
            "neither the shape of {target} nor the gaps are known when the model is fitted",
            "problems in the data would go unnoticed",
            "I learn nothing here about what drives {target}",
        ),
    ),
    "no_finding": (
        (
            "{where} shows the columns and {target}, and then says nothing about them",
            "there are outputs to look at ({where}), but not one sentence on what they show",
            "`{code}` is run without any conclusion being drawn",
        ),
        (
            "the reader has to find out alone what matters for {target}",
            "it looks like a habit rather than a question put to {file}",
            "nothing that comes later depends on it",
        ),
    ),
    "not_acted_on": (
        (
            "`{column}` is described well ({number}), and then left as it is",
            "the remark on `{column}` ({number}) has no consequence further down",
            "a sound observation about `{column}`, but no later cell uses it",
        ),
        (
            "seeing it is only half of the job for {target}",
            "so the finding changes nothing in the model",
            "I would have expected it to be dealt with before the fit",
        ),
    ),
    "target_not_looked_at": (
        (
            "inputs such as `{column}` are examined, {target} itself never is",
            "the note on `{column}` is good, but I see no look at {target}",
        ),
        (
            "what is to be predicted stays a blank",
            "without its distribution the errors later are hard to judge",
        ),
    ),
    "missing_not_looked_at": (
        (
            "`{column}` gets attention ({number}), gaps in the columns do not",
            "nobody counts what is missing in {file}, although `{column}` is studied",
        ),
        (
            "an incomplete column would slip through",
            "that leaves an open question before modelling {target}",
        ),
    ),
    "finding_acted_on": (
        (
            "{target} and the gaps are looked at, `{column}` ({number}) is singled out, and {last}"
            " acts on it",
            "the note on `{column}` ({number}) is put to use in {last}",
            "`{column}` is noticed, put into words with {number}, and dealt with in {last}",
        ),
        (
            "this is looking with a purpose",
            "the model of {target} is the better for it",
            "I can follow from the output to the decision",
        ),
    ),
}
